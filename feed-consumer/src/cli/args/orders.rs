//! What is ordered for a whole subscription, or some of its shards.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use feed_consumer::ShardCount;

use super::parked::AskingArgs;

/// Which subscription.
#[derive(Debug, Args)]
pub(in crate::cli) struct OfArgs {
    /// The feed, by its address or its id, where a group reads several
    #[arg(value_name = "FEED")]
    pub(in crate::cli) feed: Option<String>,
    /// The group, where several read the feed
    #[arg(long, value_name = "NAME", env = "FEED_CONSUMER_GROUP")]
    pub(in crate::cli) group: Option<String>,
}

/// Which of its shards.
#[derive(Debug, Args)]
pub(in crate::cli) struct ShardsArgs {
    /// This shard alone; repeatable, or several with commas [default: all]
    #[arg(long = "shard", value_name = "NUMBER", value_delimiter = ',')]
    pub(in crate::cli) shards: Vec<u16>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PauseArgs {
    #[command(flatten)]
    pub(in crate::cli) of: OfArgs,
    #[command(flatten)]
    pub(in crate::cli) shards: ShardsArgs,
    /// Why, for those who look at `feed-consumer status`
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(in crate::cli) reason: String,
    #[command(flatten)]
    pub(in crate::cli) asking: AskingArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ResumeArgs {
    #[command(flatten)]
    pub(in crate::cli) of: OfArgs,
    #[command(flatten)]
    pub(in crate::cli) shards: ShardsArgs,
    /// Print a JSON object a line
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ReshardArgs {
    /// How many shards there are to be: from 1 (total order) to 4096
    #[arg(value_name = "COUNT")]
    pub(in crate::cli) to: ShardCount,
    #[command(flatten)]
    pub(in crate::cli) of: OfArgs,
    /// Do not ask
    #[arg(long, short)]
    pub(in crate::cli) yes: bool,
    /// How long to wait until it is done, such as 5m; it goes on without this command
    /// [default: as long as it takes]
    #[arg(long, value_name = "DURATION")]
    pub(in crate::cli) wait: Option<Wait>,
}

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct Wait(pub(in crate::cli) Duration);

impl FromStr for Wait {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wait = humantime::parse_duration(text);
        wait.map(Self).map_err(|error| format!("{error}: use a duration such as '5m'"))
    }
}
