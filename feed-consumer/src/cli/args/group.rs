//! How workers share a subscription.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use feed_consumer::ShardCount;

const HEADING: &str = "Workers that share a subscription";

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = HEADING)]
pub(in crate::cli) struct GroupArgs {
    /// Into how many shards a new subscription is cut, for workers to share; 1 keeps all events in
    /// one order (with --on-exhausted stop, also where one fails). Fixed at the first start
    /// [default: 64]
    #[arg(long, value_name = "COUNT", env = "FEED_CONSUMER_SHARDS")]
    pub(in crate::cli) shards: Option<ShardCount>,
    /// How many workers this process counts for, which share what it reads [default: 1]
    #[arg(
        long,
        value_name = "COUNT",
        env = "FEED_CONSUMER_WORKERS",
        value_parser = clap::value_parser!(u16).range(1..=1024)
    )]
    pub(in crate::cli) workers: Option<u16>,
    /// How many events each worker handles at a time, of different shards [default: 1]
    #[arg(
        long,
        value_name = "COUNT",
        env = "FEED_CONSUMER_CONCURRENCY",
        value_parser = clap::value_parser!(u16).range(1..=1024)
    )]
    pub(in crate::cli) concurrency: Option<u16>,
    /// How long a worker that cannot be reached holds its shards, before others take them over
    /// [default: 15s]
    #[arg(long, value_name = "DURATION", env = "FEED_CONSUMER_LEASE")]
    pub(in crate::cli) lease: Option<LeaseTime>,
}

/// How long a worker holds its shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct LeaseTime(pub(in crate::cli) Duration);

impl FromStr for LeaseTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lease = humantime::parse_duration(text);
        lease.map(Self).map_err(|error| format!("{error}: use a duration such as '15s'"))
    }
}
