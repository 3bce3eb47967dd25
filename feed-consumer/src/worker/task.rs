//! What a worker works on, and how.

use std::sync::Arc;
use std::time::Duration;

use super::{Batching, OnExhausted, Progress};
use crate::cursor::Window;
use crate::handler::repair::Repair;
use crate::lease::Leases;
use crate::reading::{Pace, Sources};
use crate::schedule::failures::Patience;
use crate::shard::ShardCount;
use crate::store::{CursorStore, Subscription};

/// How a worker goes about it.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    /// How many events are handled together.
    pub(crate) batching: Batching,
    /// How many portions are in hand at a time.
    pub(crate) concurrency: usize,
    /// How much may be done beyond a cursor.
    pub(crate) window: Window,
    /// How an event is tried again that was not handled.
    pub(crate) retry: Patience,
    /// How long a handling may take.
    pub(crate) deadline: Option<Duration>,
    /// What becomes of an event after its last try.
    pub(crate) on_exhausted: OnExhausted,
    /// After how long a parked event is taken up again, one after the other.
    pub(crate) parked_retries: Arc<[Duration]>,
    /// How many events of a shard may wait behind parked ones; when more would, it pauses.
    pub(crate) most_behind: u64,
    /// After how many attempts that ended the worker an event is set aside.
    pub(crate) deadly_after: u32,
    /// What may mend parked events.
    pub(crate) repair: Option<Repair>,
    /// How failures of the database are met.
    pub(crate) patience: Patience,
}

/// What a worker works on.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) store: Arc<dyn CursorStore>,
    pub(crate) subscription: Subscription,
    pub(crate) shards: ShardCount,
    pub(crate) leases: Leases,
    pub(crate) sources: Sources,
    pub(crate) pace: Pace,
    /// Where the subscription stands, where the feed ended when it was opened, and what this run
    /// has done before.
    pub(crate) now: Progress,
}
