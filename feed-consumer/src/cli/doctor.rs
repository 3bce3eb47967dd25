//! `doctor`: what a consumer may rely on of a feed.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use feed_consumer::Doctor;

use super::exit::Failed;
use super::http_args::{HttpArgs, duration};

pub(super) const EXAMPLES: &str = "\
Each line has a verdict, the name of the check, and what was seen:
  ok       as it should be
  note     good to know
  warning  a consumer can live with it, and has less of the feed (a SHOULD is broken, for instance)
  fails    a MUST is broken, or the feed cannot be read

Examples:
  # A feed of feed-server, or any other Atom feed
  feed-consumer doctor http://127.0.0.1:3000/feeds/orders
  feed-consumer doctor https://blog.example/feed.xml

  # What fails, with jq
  feed-consumer doctor https://blog.example/feed.xml --json \\
    | jq -r '.findings[] | select(.verdict == \"fails\") | .message'

Exit codes:
  0  nothing breaks a MUST
  1  something does, or the feed cannot be read
  2  the command line is wrong";

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// The feed: the address of its current document, or of any Atom document
    #[arg(env = "FEED_CONSUMER_URL", hide_env_values = true)]
    url: String,
    /// Write one JSON object: url, worst, findings (check, verdict, message, reference), rely_on,
    /// beware
    #[arg(long)]
    json: bool,
    /// How long the whole examination may take
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = duration)]
    within: Duration,
    #[command(flatten)]
    http: HttpArgs,
}

/// Examines a feed, and writes what was found to standard output.
pub(super) async fn examine(args: DoctorArgs) -> Result<(), Failed> {
    let doctor = Doctor::new(&args.url, args.http.options())?.within(args.within);
    let report = doctor.examine().await;
    let text = if args.json { format!("{:#}\n", report.to_json()) } else { report.to_string() };
    // When nobody reads it, the exit code still tells.
    let _ = std::io::stdout().write_all(text.as_bytes());
    if report.breaks_a_must() { Err(Failed::Examined) } else { Ok(()) }
}
