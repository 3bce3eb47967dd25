//! How far a running subscription is.

use feed_protocol::Position;

/// How far a running subscription is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Progress {
    /// The last position handled; of a document of other software, how many entries have been.
    pub position: Position,
    /// The newest position known; no less than [`position`](Self::position).
    pub head: Position,
    /// How many events have been handled in this run.
    pub handled: u64,
    /// How many events have been passed over in this run, since no handler takes their types.
    pub passed_over: u64,
}

/// How a subscription ended that was not stopped by an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// How many events were handled in this run.
    pub handled: u64,
    /// How many events were passed over in this run, since no handler takes their types.
    pub passed_over: u64,
    /// Where the cursor stands.
    pub position: Position,
    /// Why it ended.
    pub ended: Ended,
}

/// Why a subscription ended that was not stopped by an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// Everything that the feed held is handled, or parked.
    Idle,
    /// It was shut down.
    Shutdown,
    /// The handler wants no more events.
    Closed,
    /// There is another number of shards. The subscription begins anew by itself, so this is never
    /// why a [`Consumer`](crate::Consumer) ends.
    Resharded,
}
