//! What may mend parked events.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use super::help;

#[derive(Debug, Clone, Default, Args)]
pub(in crate::cli) struct RepairArgs {
    #[arg(
        long,
        value_name = "COMMAND",
        env = "FEED_CONSUMER_REPAIR",
        hide_env_values = true,
        help = "Run a command for each parked event, which may mend it and have it handled again",
        long_help = help::REPAIR
    )]
    pub(in crate::cli) repair: Option<String>,
    /// How long the command of --repair may take for an event, before it is killed and the event left
    /// to a person [default: 1m]
    #[arg(long, value_name = "DURATION", env = "FEED_CONSUMER_REPAIR_DEADLINE")]
    pub(in crate::cli) repair_deadline: Option<RepairDeadline>,
}

/// How long a repair may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct RepairDeadline(pub(in crate::cli) Duration);

impl FromStr for RepairDeadline {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let limit = humantime::parse_duration(text);
        limit.map(Self).map_err(|error| format!("{error}: use a duration such as '1m'"))
    }
}
