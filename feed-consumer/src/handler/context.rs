//! What a handler is told beside the data.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use feed_protocol::event::{EventId, EventTime, EventType, Source, Subject};
use feed_protocol::{Event, Position, Recorded};

use super::handed::Handed;
use crate::shard::{ShardNumber, Token};
use crate::store::shards::Lease;

/// What a handler is told of an event beside its data. It can be cloned cheaply, and kept.
#[derive(Debug, Clone)]
pub struct Context {
    handed: Handed,
    attempt: u32,
}

impl Context {
    pub(super) fn new(handed: Handed, attempt: u32) -> Self {
        Self { handed, attempt }
    }

    /// The event's place in the feed; of a document of other software, its number among the
    /// entries that were handled.
    #[must_use]
    pub fn position(&self) -> Position {
        self.handed.recorded.position
    }

    /// The event's id, together with the [`source`](Self::source) unique in the feed.
    #[must_use]
    pub fn id(&self) -> &EventId {
        self.event().id()
    }

    /// The context in which it happened.
    #[must_use]
    pub fn source(&self) -> &Source {
        self.event().source()
    }

    /// What kind of thing happened.
    #[must_use]
    pub fn event_type(&self) -> &EventType {
        self.event().event_type()
    }

    /// The entity that it happened to.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        self.event().subject()
    }

    /// When it happened, as the producer said.
    #[must_use]
    pub fn time(&self) -> Option<&EventTime> {
        self.event().time()
    }

    /// When the feed accepted it.
    #[must_use]
    pub fn updated(&self) -> DateTime<Utc> {
        self.handed.recorded.updated
    }

    /// The whole event, with its extensions and its data as bytes.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.handed.recorded.event
    }

    /// The event with its place in the feed.
    #[must_use]
    pub fn recorded(&self) -> &Arc<Recorded> {
        &self.handed.recorded
    }

    /// The shard of its subject; 0 of a document of other software.
    #[must_use]
    pub fn shard(&self) -> ShardNumber {
        self.handed.lease.shard
    }

    /// The token of this worker's hold on the shard. A system outside can refuse what comes under a
    /// lower token than it has seen of the same shard: that is of a worker which has lost its hold
    /// and has not noticed yet.
    #[must_use]
    pub fn token(&self) -> Token {
        self.handed.lease.token
    }

    /// Which try this is since the subscription started: 1 for the first. An event that was tried
    /// before a crash begins with 1 again, and so does one that has failed among others in a batch.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }
}

/// What a handler of several events at once is told of them beside their data: the events, in the
/// order of the feed, as many as there are data.
#[derive(Debug, Clone)]
pub struct BatchContext {
    events: Arc<[Arc<Recorded>]>,
    leases: Arc<[Lease]>,
    attempt: u32,
}

impl BatchContext {
    pub(super) fn new(events: &[Handed], attempt: u32) -> Self {
        Self {
            events: events.iter().map(|it| Arc::clone(&it.recorded)).collect(),
            leases: events.iter().map(|it| it.lease).collect(),
            attempt,
        }
    }

    /// The events, oldest first; at least one.
    #[must_use]
    pub fn events(&self) -> &[Arc<Recorded>] {
        &self.events
    }

    /// The shard of each event, and the token of this worker's hold on it, as
    /// [`Context::shard`] and [`Context::token`].
    pub fn shards(&self) -> impl ExactSizeIterator<Item = (ShardNumber, Token)> {
        self.leases.iter().map(|it| (it.shard, it.token))
    }

    /// Which try this is: 1 for the first. After a failure events are handled one at a time, and
    /// each of them begins with 1.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }
}
