//! An event as a worker hands it on.

use std::sync::Arc;

use feed_protocol::Recorded;

use super::once::Noting;
use crate::store::shards::Lease;

/// An event as a worker hands it on: with the hold on its shard under which it is handled.
#[derive(Debug, Clone)]
pub struct Handed {
    pub(crate) recorded: Arc<Recorded>,
    pub(crate) lease: Lease,
    /// Where it is noted what is done once; `None` for transactional handlers.
    pub(crate) noting: Option<Arc<Noting>>,
}
