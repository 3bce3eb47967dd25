//! What a handler is told beside the data.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use feed_protocol::event::{EventId, EventTime, EventType, Source, Subject};
use feed_protocol::{Event, Position, Recorded};

use super::handed::Handed;
use super::{HandlerError, once};
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

    /// Does something outside the database (a mail, a payment) once for this event, whatever
    /// happens to the handling: other tries of it, a crash, another worker. Returns what `act`
    /// returned; `None`, and `act` is not called, if it is known to be done.
    ///
    /// The `key` says what is done: 1 to 479 bytes without control characters. It is the event's
    /// own, known by source and id: the same key for another event is another key. (An entry of a
    /// document of other software that has changed is the same event; a key that holds
    /// [`updated`](Self::updated) is each version's.) What was done is remembered for 30 days.
    ///
    /// ```no_run
    /// # async fn send_mail(to: &str) -> std::io::Result<()> { Ok(()) }
    /// # #[derive(serde::Deserialize)] struct OrderPlaced { email: String }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use feed_consumer::Consumer;
    /// let consumer = Consumer::builder("http://127.0.0.1:3000/feeds/orders")
    ///     .on("order.placed", async |order: OrderPlaced, cx| {
    ///         cx.once("confirmation", async || Ok(send_mail(&order.email).await?)).await?;
    ///         Ok(())
    ///     })
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// That it begins is noted in the database of the cursor under the shard's
    /// [`token`](Self::token), and when `act` has returned `Ok`, that it is done. A worker that has
    /// lost the shard does nothing. What was begun and is not known to be done, since `act` failed,
    /// was dropped (a deadline, a shutdown), or the process ended in it or before the note, is done
    /// again: at least once, if that falls between the effect and the note. Where that is too much,
    /// name a key of your own to the other system, such as [`id`](Self::id), or its token, so that
    /// it can refuse what it knows.
    ///
    /// # Errors
    ///
    /// That of `act`; a transient one if the database fails or another worker has the shard; and a
    /// permanent one for a key that is none, and in transactional handlers: what they write in their
    /// transaction is written once anyhow, so that they note in a table of their own what they have
    /// done.
    pub async fn once<T>(
        &self,
        key: impl AsRef<str>,
        act: impl AsyncFnOnce() -> Result<T, HandlerError>,
    ) -> Result<Option<T>, HandlerError> {
        once::once(&self.handed, key.as_ref(), act).await
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
