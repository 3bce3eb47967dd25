//! Shards, their leases and the workers that hold them, as every store keeps them.
//!
//! Holder, end, token and cursor of a shard are one row: who may move the cursor is decided where it
//! moves.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use feed_protocol::Position;

use super::orders::{Orders, Pause};
use super::suspects::Suspects;
use super::{Advance, LastEvent, StoreError, Subscription, Validators};
use crate::shard::{ShardCount, ShardNumber, Token};

/// Where shards and their leases are kept.
///
/// # Promises
///
/// Those of [`CursorStore`](super::CursorStore), and:
///
/// 1. Times are the database's. A worker's clock decides nothing.
/// 2. Each acquisition raises the shard's token, within the statement that acquires it. No two
///    workers ever hold the same token of a shard.
/// 3. Whatever a holder writes to a shard is conditional on its token. Once another worker has the
///    shard, the former holder's writes do nothing.
/// 4. Rows of several shards are locked in the order of their numbers, so that no two of these
///    methods, and no transactions of handlers, wait for each other in a circle.
#[async_trait]
pub(crate) trait ShardStore: fmt::Debug + Send + Sync {
    /// Cuts a subscription that has begun into so many shards, each standing where the
    /// subscription does, if it is not cut yet. Says how many it has.
    async fn cut(
        &self,
        subscription: &Subscription,
        shards: ShardCount,
    ) -> Result<ShardCount, StoreError>;

    /// All shards, by their numbers. None, if the subscription is not cut.
    async fn shards(&self, subscription: &Subscription) -> Result<Vec<Shard>, StoreError>;

    /// These shards, once every transaction that moves their cursors has ended, one of which the
    /// outcome is unknown too.
    async fn settled(
        &self,
        subscription: &Subscription,
        shards: &[ShardNumber],
    ) -> Result<Vec<Shard>, StoreError>;

    /// All workers of a subscription that have been heard of lately, the oldest first.
    async fn workers(&self, subscription: &Subscription) -> Result<Vec<WorkerRow>, StoreError>;

    /// A worker says that it lives: its leases are renewed, its row is written, and of the shards
    /// that nobody holds it acquires as many as it may still hold, and as orders allow. All in one
    /// transaction, on PostgreSQL in one statement.
    async fn beat(&self, subscription: &Subscription, beat: &Beat) -> Result<Beaten, StoreError>;

    /// Moves the cursors of shards, each under its token. Returns those that were not moved, since
    /// another worker has acquired them; all others are moved, and what waits behind parked events
    /// of theirs is recorded.
    ///
    /// It can be called again after an error, with the same moves.
    async fn advance_shards(&self, advance: &Advance) -> Result<Vec<ShardNumber>, StoreError>;

    /// Gives shards back, each under its token. One that another worker has acquired meanwhile
    /// stays that worker's.
    async fn release(
        &self,
        subscription: &Subscription,
        leases: &[Lease],
    ) -> Result<(), StoreError>;

    /// A worker ends: gives back whatever it still holds, and forgets the worker.
    async fn leave(&self, worker: &WorkerId) -> Result<(), StoreError>;

    /// A worker is known to have died: its leases end now, not released, and it is forgotten.
    async fn bury(&self, worker: &WorkerId) -> Result<(), StoreError>;

    /// Puts the cursors of all shards at a place by hand. What is parked beyond it, or waits there,
    /// is forgotten, since it is handled again, and so are suspects. Nothing is done, and the names of
    /// the workers returned, if any worker holds a lease that has not ended. Every token is raised.
    async fn put_shards(
        &self,
        subscription: &Subscription,
        to: &ShardPlace,
    ) -> Result<Vec<WorkerRow>, StoreError>;
}

/// How far a shard has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ShardPlace {
    /// The last position passed; all events of the shard up to it are handled.
    pub(crate) position: Position,
    /// The last event of the shard that was read, which may lie before the position.
    pub(crate) last: Option<LastEvent>,
    /// Kept as they were found: those of a document of other software are the subscription's.
    pub(crate) validators: Validators,
}

/// A cursor that moves on under a token. It never moves back: a lower position than the stored one
/// counts as moved and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Move {
    /// Which shard, and the token under which it is held.
    pub(crate) lease: Lease,
    /// Where it goes.
    pub(crate) to: ShardPlace,
}

/// A worker's hold on a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) shard: ShardNumber,
    pub(crate) token: Token,
}

/// A shard as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shard {
    /// Its number, and the token of its last acquisition; 0 before the first.
    pub(crate) lease: Lease,
    /// The worker that acquired it last, if it has not given it back.
    pub(crate) holder: Option<WorkerId>,
    /// How much is left of the lease; `None` if it has ended, or nobody holds it.
    pub(crate) left: Option<Duration>,
    /// Where it stands.
    pub(crate) place: ShardPlace,
    /// When the cursor last moved.
    pub(crate) moved: DateTime<Utc>,
    /// How long ago that was.
    pub(crate) still: Duration,
    /// A person has paused it.
    pub(crate) paused: Option<Pause>,
    /// What may have ended a holder of it, as of its last acquisition.
    pub(crate) suspects: Suspects,
}

/// A worker's name in the database: random, new at each start.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WorkerId(pub(crate) String);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a worker says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkerFacts {
    pub(crate) id: WorkerId,
    /// The machine, for people.
    pub(crate) host: String,
    /// The process, for people.
    pub(crate) process: u32,
    /// What tells on the same machine whether the process still lives; see `lease::neighbour`.
    /// `None` where that cannot be told.
    pub(crate) identity: Option<String>,
    /// How many times its share of the shards it takes: 1, or the number of workers that one
    /// process runs.
    pub(crate) weight: u16,
    /// How far beyond a cursor it handles: at most so many events of a shard.
    pub(crate) window: u32,
}

impl WorkerFacts {
    /// As people call it: its machine and its process.
    pub(crate) fn name(&self) -> String {
        worker_name(&self.host, self.process)
    }
}

/// A worker as people call it.
pub(crate) fn worker_name(host: &str, process: u32) -> String {
    format!("{host}:{process}")
}

/// A worker as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkerRow {
    pub(crate) facts: WorkerFacts,
    /// When it registered.
    pub(crate) started: DateTime<Utc>,
    /// How long ago it was last heard of.
    pub(crate) silent: Duration,
    /// Whether it counts: it was heard of within its lease.
    pub(crate) is_alive: bool,
    /// How many shards it holds, whether or not its leases have ended.
    pub(crate) shards: u16,
    /// What it says about its work: a JSON object, for `status`.
    pub(crate) report: String,
}

/// A sign of life.
#[derive(Debug, Clone)]
pub(crate) struct Beat {
    pub(crate) facts: WorkerFacts,
    /// How long leases last from now on.
    pub(crate) lease: Duration,
    /// The leases that it holds. A shard of this worker's that is not among them (its answer got
    /// lost, or the worker has dropped it) is acquired anew, under another token.
    pub(crate) held: Vec<Lease>,
    /// Whether shards that nobody holds are to be acquired.
    pub(crate) acquires: bool,
    /// What `status` shall say of it.
    pub(crate) report: String,
}

/// What a sign of life brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Beaten {
    /// The leases that were renewed.
    pub(crate) renewed: Vec<ShardNumber>,
    /// The shards that were acquired, with their new tokens.
    pub(crate) acquired: Vec<Acquired>,
    /// How many shards this worker may hold: its share among the workers that live.
    pub(crate) share: u16,
    /// How many workers live, this one included.
    pub(crate) workers: u16,
    /// Other workers that hold shards or are registered, whether they live or not.
    pub(crate) neighbours: Vec<Neighbour>,
    /// The lowest cursor of the shards that this worker does not hold now; `None` if it holds all.
    pub(crate) others_lowest: Option<Position>,
    /// What is ordered for the subscription.
    pub(crate) orders: Orders,
}

/// A shard that was just acquired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acquired {
    pub(crate) lease: Lease,
    pub(crate) place: ShardPlace,
    /// The former holder, if it had not given the shard back.
    pub(crate) from: Option<WorkerId>,
    /// What may have ended it, or another before it. A holder that acquires its own shard anew is
    /// not suspected of anything.
    pub(crate) suspects: Suspects,
}

/// Another worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Neighbour {
    pub(crate) id: WorkerId,
    pub(crate) identity: Option<String>,
    /// As people call it; `None` if it is not registered any more.
    pub(crate) name: Option<String>,
}
