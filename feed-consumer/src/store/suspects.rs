//! What may have ended the holder of a shard, as every store keeps it.
//!
//! A handler that kills its process leaves no word of which event it was. But whatever was in hand of
//! a shard lies among the first events after its cursor: as many as its holder handled beyond the
//! cursor, a number that stands in the shard's row from the acquisition on. The next holder handles
//! these **suspects** one at a time, with nothing else in hand. Each attempt is counted before it
//! begins, and no more once it has returned; only what was counted so is ever blamed.

use std::fmt;

use async_trait::async_trait;
use feed_protocol::Position;

use super::shards::Lease;
use super::{StoreError, Subscription};

/// Where it is kept what may have ended a holder.
///
/// # Promises
///
/// 1. Everything is conditional on the token of the shard.
/// 2. An attempt is counted when [`begin_alone`](Self::begin_alone) returns, and stays counted, over
///    all holders, until it has ended or the shard is [cleared](Self::clear_suspects).
#[async_trait]
pub(crate) trait SuspectStore: fmt::Debug + Send + Sync {
    /// Counts an attempt to handle an event alone, before it begins. Returns how many have begun
    /// with this event and not returned, this one included. `None`, and nothing counted, if another
    /// worker has the shard. An attempt with another event of the shard takes the place of what was
    /// counted.
    async fn begin_alone(
        &self,
        subscription: &Subscription,
        lease: Lease,
        position: Position,
    ) -> Result<Option<u32>, StoreError>;

    /// An attempt that was counted has returned: it counts no more, those before it do. `false`, and
    /// nothing done, if another worker has the shard.
    async fn end_alone(
        &self,
        subscription: &Subscription,
        lease: Lease,
        position: Position,
    ) -> Result<bool, StoreError>;

    /// These shards have no suspects any more, and nothing is counted of them. Nothing happens to
    /// those that another worker has.
    async fn clear_suspects(
        &self,
        subscription: &Subscription,
        leases: &[Lease],
    ) -> Result<(), StoreError>;
}

/// What may have ended the holder of a shard. By default, nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Suspects {
    /// So many of the shard's events after its cursor; 0 if the last holder, and all before it
    /// whose suspects were not cleared, gave the shard back.
    pub(crate) events: u32,
    /// The event of which attempts alone were counted last, and how many have not returned.
    pub(crate) tried: Option<Tried>,
}

/// Attempts to handle an event alone that have not returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tried {
    /// The event's place.
    pub(crate) position: Position,
    /// How many.
    pub(crate) attempts: u32,
}
