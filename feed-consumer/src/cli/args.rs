//! What the command line and the environment say.

use std::str::FromStr;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand};
use feed_consumer::{Schedule, Start};
use tracing_subscriber::filter::Targets;

use super::doctor::{self, DoctorArgs};
use super::exit::Failed;
use super::http_args::{CacheArgs, HttpArgs};

const EXAMPLES: &str = "\
Examples:
  # Follow a feed, one event in JSON a line
  feed-consumer run http://127.0.0.1:3000/feeds/orders --print

  # Run a command for each event, as the group `billing`, which has a cursor of its own
  feed-consumer run http://127.0.0.1:3000/feeds/orders --group billing --exec './bill.sh'

  # From cron: handle what is new, and end
  feed-consumer run http://127.0.0.1:3000/feeds/orders --until-idle --exec './bill.sh'

  # What may be relied on of a feed
  feed-consumer doctor https://blog.example/feed.xml

  # What happens to an entity, with jq
  feed-consumer run http://127.0.0.1:3000/feeds/orders --print --until-idle --group look \\
    | jq 'select(.subject == \"order-42\")'

Exit codes:
  0  ended as asked: everything handled (--until-idle), or SIGTERM or SIGINT
  1  the subscription cannot go on; one line says what, where, and the remedy
  2  the command line or the configuration is wrong
  3  an event could not be handled for too long (--give-up-after)
  4  nobody reads the output of --print any more; what was not taken is written again next time";

const EXEC_HELP: &str = "\
Run a command (through sh -c) for each event

The event is on its standard input, as a CloudEvent in JSON, and its attributes are in its
environment: FEED_EVENT_POSITION, FEED_EVENT_UPDATED, FEED_EVENT_ID, FEED_EVENT_SOURCE,
FEED_EVENT_TYPE, and if it has them FEED_EVENT_SUBJECT, FEED_EVENT_TIME,
FEED_EVENT_DATACONTENTTYPE, FEED_EVENT_DATASCHEMA, and FEED_EVENT_EXT_NAME for an extension `name`.

Exit status 0 means handled. After any other, the event is tried again, at first soon, then more
and more seldom, and the events after it wait.";

/// Reads event feeds, and handles each event in order, at least once.
#[derive(Debug, Parser)]
#[command(name = "feed-consumer", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
    /// What to log: a level (error, warn, info, debug, trace), or `target=level,...`
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        env = "FEED_CONSUMER_LOG",
        hide_env_values = true
    )]
    log: Option<Targets>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Read a feed and handle its events
    #[command(after_help = EXAMPLES)]
    Run(RunArgs),
    /// Tell what a consumer may rely on of a feed, ours or any other Atom feed
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(DoctorArgs),
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The feed: the address of its current document, or of any Atom document
    #[arg(env = "FEED_CONSUMER_URL", hide_env_values = true)]
    pub(super) url: String,
    /// Who reads: each group has a cursor of its own in each feed
    #[arg(long, value_name = "NAME", default_value = "default", env = "FEED_CONSUMER_GROUP")]
    pub(super) group: String,
    /// The SQLite file that holds the cursors; created if it is missing
    #[arg(
        long,
        value_name = "URL",
        default_value = "./consumer.db",
        env = "FEED_CONSUMER_DATABASE",
        hide_env_values = true
    )]
    pub(super) database: String,
    /// Where a new subscription begins, `beginning` or `now`; one that has a cursor goes on there
    #[arg(long, value_name = "PLACE", default_value = "beginning", env = "FEED_CONSUMER_FROM")]
    pub(super) from: Start,
    /// When to ask for news: `live` (the server answers when there is some), or `every:5s`
    #[arg(long, value_name = "SCHEDULE", default_value = "live", env = "FEED_CONSUMER_SCHEDULE")]
    pub(super) schedule: Schedule,
    /// Write each event to standard output, as a CloudEvent in one line of JSON
    #[arg(long, env = "FEED_CONSUMER_PRINT")]
    print: bool,
    #[arg(
        long,
        value_name = "COMMAND",
        env = "FEED_CONSUMER_EXEC",
        hide_env_values = true,
        help = "Run a command for each event, which is on its standard input",
        long_help = EXEC_HELP
    )]
    exec: Option<String>,
    /// End once everything that the feed holds is handled
    #[arg(long, env = "FEED_CONSUMER_UNTIL_IDLE")]
    pub(super) until_idle: bool,
    /// How long failures in a row are borne, of reading or of one event: `never` gives up, or a
    /// duration such as `10m` [default: never; with --until-idle 5m]
    ///
    /// The time counts from the first failure, and a request that is under way is waited for: as
    /// long as --first-byte-timeout and --between-bytes-timeout allow, and for the whole answer a
    /// minute and the time that its bytes take at 16 KiB a second. A server that asks for a longer wait
    /// (Retry-After) than is left is given up at once.
    #[arg(long, value_name = "DURATION", env = "FEED_CONSUMER_GIVE_UP_AFTER")]
    pub(super) give_up_after: Option<GiveUpAfter>,
    #[command(flatten)]
    pub(super) http: HttpArgs,
    #[command(flatten)]
    pub(super) cache: CacheArgs,
}

/// What is done with events.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sink<'a> {
    Print,
    Exec(&'a str),
}

/// How long failures in a row are borne.
#[derive(Debug, Clone, Copy)]
pub(super) struct GiveUpAfter(pub(super) Option<Duration>);

impl FromStr for GiveUpAfter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self(None));
        }
        match humantime::parse_duration(text) {
            Ok(limit) => Ok(Self(Some(limit))),
            Err(error) => Err(format!("{error}: use 'never', or a duration such as '10m'")),
        }
    }
}

impl Cli {
    /// What to log.
    pub(super) fn log_filter(&self) -> Targets {
        let common = || std::env::var("RUST_LOG").ok()?.parse().ok();
        let default = || Targets::new().with_default(tracing::level_filters::LevelFilter::INFO);
        self.log.clone().or_else(common).unwrap_or_else(default)
    }
}

/// Refuses variables that look like settings and are none: a misspelt one would be passed over in
/// silence.
pub(super) fn check_environment(names: impl Iterator<Item = String>) -> Result<(), Failed> {
    let command = Cli::command();
    let commands = std::iter::once(&command).chain(command.get_subcommands());
    let arguments = commands.flat_map(clap::Command::get_arguments);
    let known: Vec<&str> = arguments.filter_map(|it| it.get_env()?.to_str()).collect();
    for name in names {
        if name.starts_with("FEED_CONSUMER_") && !known.contains(&name.as_str()) {
            return Err(Failed::Usage(format!(
                "the environment sets {name}, which is no setting: unset it, or name one of {known:?}"
            )));
        }
    }
    Ok(())
}

impl RunArgs {
    /// What is to be done with events.
    pub(super) fn sink(&self) -> Result<Sink<'_>, Failed> {
        let failed = |message: &str| Err(Failed::Usage(message.to_owned()));
        match (self.print, self.exec.as_deref().map(str::trim)) {
            (true, None) => Ok(Sink::Print),
            (false, Some(command)) if !command.is_empty() => Ok(Sink::Exec(command)),
            (_, Some("")) => failed("--exec (FEED_CONSUMER_EXEC): it is empty: name a command"),
            (true, Some(_)) => failed(
                "--print (FEED_CONSUMER_PRINT) and --exec (FEED_CONSUMER_EXEC): events can go to \
                 one of them: leave the other out",
            ),
            (false, _) => failed(
                "nothing is to be done with events: add --print to write them to standard output, \
                 or --exec COMMAND to run a command for each",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<RunArgs, String> {
        let args = ["feed-consumer", "run", "http://127.0.0.1/feeds/orders"].iter().chain(args);
        let cli = Cli::try_parse_from(args).map_err(|error| Failed::from(error).to_string())?;
        let Command::Run(args) = cli.command else { panic!("it is another command") };
        args.sink().map_err(|error| error.to_string())?;
        Ok(args)
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_unknown_variable_is_refused_by_name() {
        let check = |names: &[&str]| check_environment(names.iter().map(|it| (*it).to_owned()));
        check(&["PATH", "FEED_SERVER_LISTEN", "FEED_CONSUMER_LOG", "FEED_CONSUMER_GROUP"]).unwrap();
        let error = check(&["FEED_CONSUMER_GRUOP"]).unwrap_err().to_string();
        assert!(error.contains("FEED_CONSUMER_GRUOP"), "{error}");
        assert!(error.contains("\"FEED_CONSUMER_GROUP\""), "{error}");
    }

    #[test]
    fn a_sink_must_be_named() {
        let error = parse(&[]).unwrap_err();
        assert!(error.contains("--print") && error.contains("--exec"), "{error}");
        assert!(parse(&["--print", "--exec", "true"]).unwrap_err().contains("leave the other out"));
        assert!(parse(&["--exec", " "]).unwrap_err().contains("name a command"));
        assert!(matches!(parse(&["--exec", "true"]).unwrap().sink(), Ok(Sink::Exec("true"))));
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line_that_names_the_key_and_the_remedy() {
        for (args, says) in [
            (["--schedule", "5s"], ["--schedule", "such as 'every:5s'"]),
            (["--from", "end"], ["--from", "'beginning' or 'now'"]),
            (["--give-up-after", "soon"], ["--give-up-after", "such as '10m'"]),
            (["--gruop", "a"], ["--gruop", "--group"]),
        ] {
            let error = parse(&args).unwrap_err();
            assert!(says.iter().all(|it| error.contains(it)), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
