//! How workers share a subscription.

use std::time::Duration;

use super::ConsumerBuilder;
use crate::shard::ShardCount;

impl<H> ConsumerBuilder<H> {
    /// Into how many shards a new subscription is cut, so that workers can share it: every worker
    /// that runs with the same group, feed and database takes its part of them. Events of one
    /// subject are in one shard, and handled in order, one after the other. With one shard
    /// ([`ShardCount::ONE`]) all events are, by one worker at a time. 64, if not set; fixed at the
    /// first start but for `feed-consumer reshard`, and a start that says another number is refused.
    ///
    /// An event of a feed of other software mostly has no subject: then its source and id stand for
    /// one, so that all entries are in their order only with one shard.
    #[must_use]
    pub const fn shards(mut self, count: ShardCount) -> Self {
        self.settings.shards = Some(count);
        self
    }

    /// How many workers this process counts for, which share what it reads: it takes so many
    /// workers' part of the shards, and handles so many events at a time, each of another shard.
    /// 1, if not set; 0 means 1.
    #[must_use]
    pub const fn workers(mut self, count: u16) -> Self {
        self.settings.workers = if count == 0 { 1 } else { count };
        self
    }

    /// How many events each worker handles at a time, each of another shard; with
    /// [`batch`](Self::batch), how many batches. With 1, events are handled in the order of the
    /// feed, but for those that are tried again. 1, if not set; 0 means 1.
    ///
    /// Handlers run in one task: they wait at the same time, and do not compute at the same time.
    /// On SQLite one transaction writes at a time, whatever this says.
    #[must_use]
    pub const fn concurrency(mut self, count: usize) -> Self {
        self.settings.concurrency = if count == 0 { 1 } else { count };
        self
    }

    /// How long a worker holds its shards after each renewal, and so how long they stand still
    /// when it dies or loses the database. On the same machine a worker whose process has ended is
    /// noticed at once. Transactional handlers have a third of it. 15 seconds, if not set; at least
    /// a second.
    #[must_use]
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }
}
