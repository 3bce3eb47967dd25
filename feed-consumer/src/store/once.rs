//! What handlers have done outside the database, and are not to do again, as every store keeps it.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use feed_protocol::Position;

use super::shards::Lease;
use super::{StoreError, Subscription};

/// For how long it is remembered what was done.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The greatest length of a key in bytes.
pub(crate) const MAX_KEY_LEN: usize = 512;

/// Where it is kept what handlers have done.
///
/// # Promises
///
/// 1. Everything is conditional on the token of the shard, in the transaction that writes it.
/// 2. A key belongs to the group and the feed. It is remembered for [`REMEMBERED`] after it was done,
///    by the database's clock, and by and by forgotten then.
#[async_trait]
pub(crate) trait OnceStore: fmt::Debug + Send + Sync {
    /// Something is about to be done for an event. `None`, and nothing noted, if another worker has
    /// the shard.
    async fn once_begin(
        &self,
        subscription: &Subscription,
        lease: Lease,
        position: Position,
        key: &str,
    ) -> Result<Option<Before>, StoreError>;

    /// It was done. `false`, and nothing noted, if another worker has the shard.
    async fn once_done(
        &self,
        subscription: &Subscription,
        lease: Lease,
        key: &str,
    ) -> Result<bool, StoreError>;
}

/// What was known of a key before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nothing.
    Nothing,
    /// It was begun, and it is unknown whether it was done.
    Begun,
    /// It was done.
    Done,
}

impl Before {
    /// Of a key that is known: whether it was done, and whether that is so long ago that it is not
    /// remembered.
    pub(in crate::store) const fn of(was_done: bool, is_past: bool) -> Self {
        match (was_done, is_past) {
            (_, true) => Self::Nothing,
            (true, false) => Self::Done,
            (false, false) => Self::Begun,
        }
    }
}
