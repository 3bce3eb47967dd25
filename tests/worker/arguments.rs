//! What a worker is told.

use std::time::Duration;

use clap::{Parser, ValueEnum};
use feed_tests::group::fate::Fates;

/// Handle the events of a feed, and record it
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// The feed
    pub(crate) url: String,
    /// The database of the cursors and of the history
    #[arg(long)]
    pub(crate) database: String,
    /// Its name, which no other process has
    #[arg(long)]
    pub(crate) name: String,
    /// How long a lease lasts, in milliseconds
    #[arg(long)]
    pub(crate) lease: u64,
    /// Where its effects go
    #[arg(long)]
    pub(crate) effects: Effects,
    /// How many events it may handle beyond its cursor
    #[arg(long)]
    pub(crate) window: usize,
    /// Into how many shards a new subscription is cut
    #[arg(long, default_value_t = 64)]
    pub(crate) shards: u16,
    /// How many workers it counts for
    #[arg(long, default_value_t = 1)]
    pub(crate) workers: u16,
    /// How long it may take for an event, in milliseconds
    #[arg(long, default_value_t = 0)]
    pub(crate) slow: u64,
    /// Of a hundred events, about how many fail at the first try
    #[arg(long, default_value_t = 0)]
    pub(crate) flaky: u64,
    /// Of each thousand events, how many always fail
    #[arg(long, default_value_t = 0)]
    pub(crate) fatal: u64,
    /// Of each thousand events, how many end the process
    #[arg(long, default_value_t = 0)]
    pub(crate) deadly: u64,
    /// What decides which
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// An event whose handling does not end
    #[arg(long)]
    pub(crate) holds: Option<i64>,
}

impl Arguments {
    /// What befalls it with which event.
    pub(crate) fn fates(&self) -> Fates {
        let &Self { seed, flaky, fatal, deadly, .. } = self;
        Fates { seed, slow: Duration::from_millis(self.slow), flaky, fatal, deadly }
    }
}

/// Where the effects of a handler go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Effects {
    /// Into the transaction in which the cursor moves.
    Transactional,
    /// Elsewhere.
    Outside,
    /// Elsewhere, each once.
    Once,
}
