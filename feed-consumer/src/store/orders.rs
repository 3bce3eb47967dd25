//! What people have ordered for a whole subscription or its shards, as every store keeps it: that
//! they pause, or that there be another number of shards.
//!
//! # Layout
//!
//! - [`step`]: which step towards another number of shards can be taken now

pub(in crate::store) mod step;

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use feed_protocol::Position;

use super::{StoreError, Subscription};
use crate::shard::{ShardCount, ShardNumber};

/// Where orders are kept.
///
/// # Promises
///
/// 1. Anybody may give an order, whoever holds the shards; workers learn of it with their next beat
///    ([`Beaten::orders`](super::shards::Beaten::orders)).
/// 2. Rows of several shards are locked in the order of their numbers.
///
/// # Another number of shards
///
/// It takes three steps, each taken by whoever sees that it can be ([`reshard_step`]):
///
/// 1. **Drain**: holders finish what is in hand and give their shards back; beats acquire none.
/// 2. **Reach**: once nobody holds a shard, the highest cursor is the barrier, and every token is
///    raised. Beats acquire those shards again that stand before it, and holders go exactly as far.
/// 3. Once all stand at the barrier and nobody holds any, the shards are cut anew, in one
///    transaction: each new one stands at the barrier, under a token above all that there were;
///    what is parked, and what waits behind it, goes to the shard of its subject. If all shards were
///    paused, all are.
///
/// What may have ended a holder is forgotten then: whatever ends one again is suspected again. A
/// cursor that is put elsewhere by hand takes the barrier away, so that the second step is taken once
/// more.
///
/// So no event of a subject is handled by a new shard before the old one has handled all before it.
///
/// [`reshard_step`]: Self::reshard_step
#[async_trait]
pub(crate) trait OrderStore: fmt::Debug + Send + Sync {
    /// Pauses shards, all of the subscription if none are named, or lets them go on (`None`).
    /// Returns those of which that was not so before. One that is paused keeps the reason that it
    /// has.
    async fn pause(
        &self,
        subscription: &Subscription,
        shards: &[ShardNumber],
        pause: Option<&PauseReason>,
    ) -> Result<Vec<ShardNumber>, StoreError>;

    /// Asks for another number of shards. Another number that was asked for before, and for which
    /// the barrier is not set yet, is forgotten; `false`, and nothing done, if it is set. To ask for
    /// the number that there is withdraws what was asked for, while the barrier is not set.
    async fn reshard(
        &self,
        subscription: &Subscription,
        shards: ShardCount,
    ) -> Result<bool, StoreError>;

    /// How far another number of shards is. Nothing is changed.
    async fn resharding(&self, subscription: &Subscription) -> Result<Resharding, StoreError>;

    /// Takes the next step towards another number of shards, if it can be taken now, and says how
    /// far that is. Can be called by several at once.
    async fn reshard_step(&self, subscription: &Subscription) -> Result<Resharding, StoreError>;
}

/// Why shards are paused, and who did that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PauseReason {
    /// Who, as they name themselves.
    pub(crate) who: String,
    /// Why; may be empty.
    pub(crate) why: String,
}

/// A shard is paused: nothing of it is handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pause {
    /// By whom, and why.
    pub(crate) reason: PauseReason,
    /// Since when, by the database's clock.
    pub(crate) since: DateTime<Utc>,
}

/// What is ordered for a subscription, as its workers learn of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Orders {
    /// How many shards there are now. A worker that knows another number begins anew.
    pub(crate) shards: ShardCount,
    /// Those that are paused, by their numbers.
    pub(crate) paused: Vec<ShardNumber>,
    /// Another number of shards is asked for.
    pub(crate) barrier: Option<Barrier>,
}

#[cfg(test)]
impl Orders {
    /// There are so many shards, and nothing is ordered.
    #[cfg(test)]
    pub(crate) const fn none(shards: ShardCount) -> Self {
        Self { shards, paused: Vec::new(), barrier: None }
    }
}

/// How far shards may go while another number of them is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Barrier {
    /// Nowhere: they are to be given back.
    Drain,
    /// Up to this position; then they are to be given back.
    Reach(Position),
}

/// How far another number of shards is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resharding {
    /// None is asked for: there are so many.
    Done(ShardCount),
    /// Workers give all shards back.
    Drain {
        /// How many shards there are to be.
        to: ShardCount,
        /// How many of those that there are now are held yet.
        held: u16,
    },
    /// All shards go up to the same position, and no further.
    Reach {
        /// How many shards there are to be.
        to: ShardCount,
        /// That position, at which they are cut anew.
        barrier: Position,
        /// How many of those that there are now stand before it, or are held yet.
        short: u16,
    },
}
