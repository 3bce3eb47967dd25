//! An event as a worker hands it on.

use std::sync::Arc;

use feed_protocol::Recorded;

use crate::store::shards::Lease;

/// An event as a worker hands it on: with the hold on its shard under which it is handled.
#[derive(Debug, Clone)]
pub struct Handed {
    pub(crate) recorded: Arc<Recorded>,
    pub(crate) lease: Lease,
}
