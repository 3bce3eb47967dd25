//! Which subscriptions, and how they are shown.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use crate::cli::http_args::HttpArgs;

/// Often enough for a person, and for a database with other things to do.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub(in crate::cli) struct StatusArgs {
    /// Only those of this feed, by its address or its id
    ///
    /// While a worker lives, it says where the feed ends. Otherwise the feed is asked; a token is
    /// sent to one that is named by its address, or with --config as the file says, and the others
    /// are asked without one.
    #[arg(value_name = "FEED")]
    pub(in crate::cli) feed: Option<String>,
    /// Only those of this group
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) group: Option<String>,
    /// Show every shard: who holds it, for how long, and how far it has come
    #[arg(long)]
    pub(in crate::cli) shards: bool,
    /// Look again and again, until Ctrl-C; every 2 seconds, or at an interval such as --watch=500ms
    #[arg(
        long,
        value_name = "INTERVAL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "2s"
    )]
    pub(in crate::cli) watch: Option<WatchInterval>,
    /// Print one JSON object, with everything; with --watch one a line
    #[arg(long, conflicts_with = "shards")]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) http: HttpArgs,
}

/// How long to wait before looking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct WatchInterval(pub(in crate::cli) Duration);

impl FromStr for WatchInterval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let interval = humantime::parse_duration(text)
            .map_err(|error| format!("{error}: use a duration such as '2s'"))?;
        if interval < SHORTEST_INTERVAL {
            let shortest = humantime::format_duration(SHORTEST_INTERVAL);
            return Err(format!("it is too short: use '{shortest}' or more"));
        }
        Ok(Self(interval))
    }
}
