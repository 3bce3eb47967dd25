//! What a worker is told.

use clap::{Parser, ValueEnum};

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
    /// How long it may take for an event, in milliseconds
    #[arg(long, default_value_t = 0)]
    pub(crate) slow: u64,
    /// Of a hundred events, how many fail at the first try
    #[arg(long, default_value_t = 0)]
    pub(crate) failing: u64,
    /// What decides which
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

/// Where the effects of a handler go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Effects {
    /// Into the transaction in which the cursor moves.
    Transactional,
    /// Elsewhere.
    Outside,
}
