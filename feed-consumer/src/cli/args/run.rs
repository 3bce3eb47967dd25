//! The settings of one subscription.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use feed_consumer::{OnExhausted, Schedule, Start};

use super::document::DocumentArgs;
use super::forward::ForwardArgs;
use super::group::GroupArgs;
use super::help;
use super::repair::RepairArgs;
use super::time::some_time;
use crate::cli::http_args::{CacheArgs, HttpArgs};

#[derive(Debug, Clone, Default, Args)]
pub(in crate::cli) struct RunArgs {
    /// The feed: the address of its current document, or of any Atom document
    #[arg(env = "FEED_CONSUMER_URL", hide_env_values = true)]
    pub(in crate::cli) url: Option<String>,
    /// Who reads: each group has a cursor of its own in each feed [default: default]
    #[arg(long, value_name = "NAME", env = "FEED_CONSUMER_GROUP")]
    pub(in crate::cli) group: Option<String>,
    /// Where a new subscription begins: `beginning`, `now`, a position, after which it begins, or a
    /// time such as 2026-11-01T08:00:00Z, from which on events are handled; one that has a cursor
    /// goes on there [default: beginning]
    #[arg(long, value_name = "PLACE", env = "FEED_CONSUMER_FROM", allow_hyphen_values = true)]
    pub(in crate::cli) from: Option<Start>,
    #[arg(
        long,
        value_name = "SCHEDULE",
        env = "FEED_CONSUMER_SCHEDULE",
        help = help::SCHEDULE_SHORT,
        long_help = help::SCHEDULE
    )]
    pub(in crate::cli) schedule: Option<Schedule>,
    /// Write each event to standard output, as a CloudEvent in one line of JSON
    #[arg(long, env = "FEED_CONSUMER_PRINT", help_heading = help::SINKS)]
    pub(in crate::cli) print: bool,
    #[arg(
        long,
        value_name = "COMMAND",
        env = "FEED_CONSUMER_EXEC",
        hide_env_values = true,
        help = "Run a command for each event, which is on its standard input",
        long_help = help::EXEC,
        help_heading = help::SINKS
    )]
    pub(in crate::cli) exec: Option<String>,
    /// End once everything that the feed holds is handled
    #[arg(long, env = "FEED_CONSUMER_UNTIL_IDLE")]
    pub(in crate::cli) until_idle: bool,
    /// How long failures in a row are borne, of reading, or of one event with --on-exhausted stop:
    /// `never` gives up, or a duration such as `10m` [default: never; with --until-idle 5m]
    ///
    /// The time counts from the first failure, and a request that is under way is waited for: as
    /// long as --first-byte-timeout and --between-bytes-timeout allow, and for the whole answer a
    /// minute and the time that its bytes take at 16 KiB a second. A server that asks for a longer wait
    /// (Retry-After) than is left is given up at once.
    #[arg(long, value_name = "DURATION", env = "FEED_CONSUMER_GIVE_UP_AFTER")]
    pub(in crate::cli) give_up_after: Option<GiveUpAfter>,
    /// How long the handling of an event may take, such as `30s`; one that takes longer has failed, and
    /// a command of --exec is killed with all that it has started [default: no limit]
    #[arg(long, value_name = "DURATION", env = "FEED_CONSUMER_DEADLINE")]
    pub(in crate::cli) deadline: Option<Deadline>,
    /// What becomes of an event that fails for good, or again and again: `park` it, so that only the
    /// later events of its subject wait (see `feed-consumer parked`), or `stop` before it, which alone
    /// keeps the one order of --shards 1 [default: park]
    ///
    /// With `park` an event is tried three times, within a second, before it is parked; it is taken up
    /// again after 10 seconds, 1, 5 and 30 minutes and 2 hours, and then waits for a person.
    ///
    /// With `stop` an event is tried as long as --give-up-after says; then the subscription ends with
    /// exit code 3, and goes on with this event the next time.
    #[arg(long, value_name = "WHAT", env = "FEED_CONSUMER_ON_EXHAUSTED")]
    pub(in crate::cli) on_exhausted: Option<OnExhausted>,
    #[command(flatten)]
    pub(in crate::cli) repair: RepairArgs,
    // Last, since its heading would be that of what follows.
    #[command(flatten)]
    pub(in crate::cli) forward: ForwardArgs,
    #[command(flatten)]
    pub(in crate::cli) workers: GroupArgs,
    #[command(flatten)]
    pub(in crate::cli) document: DocumentArgs,
    #[command(flatten)]
    pub(in crate::cli) http: HttpArgs,
    #[command(flatten)]
    pub(in crate::cli) cache: CacheArgs,
}

/// How long the handling of an event may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct Deadline(pub(in crate::cli) Duration);

impl FromStr for Deadline {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        some_time(text).map(Self)
    }
}

/// How long failures in a row are borne; for ever if `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct GiveUpAfter(pub(in crate::cli) Option<Duration>);

impl FromStr for GiveUpAfter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self(None));
        }
        let advise =
            |error: &dyn Display| format!("{error}: use 'never', or a duration such as '10m'");
        let limit = humantime::parse_duration(text).map_err(|error| advise(&error))?;
        Ok(Self(Some(limit)))
    }
}
