//! Events that are set aside, those that wait behind them, and what people ask to be done with them,
//! as every store keeps them.
//!
//! A parked event is kept whole; its followers, the later events of its subject, as positions. The
//! **head** of a subject is its parked event or, once that is resolved, the first of its followers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use feed_protocol::event::Subject;
use feed_protocol::{Event, Position, Recorded};

use super::shards::{Lease, Move};
use super::{StoreError, Subscription};
use crate::shard::ShardNumber;

/// Where parked events are kept.
///
/// # Promises
///
/// Those of [`ShardStore`](super::shards::ShardStore), and:
///
/// 1. Only the holder of a shard changes what is parked there, under its token; everybody else
///    leaves requests.
/// 2. An event is parked, and a position follows, in the transaction in which the cursor passes it.
/// 3. A subject is free in the transaction that resolves its last follower.
/// 4. Each method can be called again after an error, with the same arguments: what was done then
///    is not done twice, but that a retry that failed may be counted twice.
/// 5. Everything that is done with a parked event is on record, until the subscription is
///    forgotten. Followers that are handled in their turn are not.
#[async_trait]
pub(crate) trait ParkStore: fmt::Debug + Send + Sync {
    /// The heads of all subjects of these shards that have any, by position, and the parked events
    /// without a subject. A subject whose parked event is resolved and which has followers left is
    /// reported with the position of its first follower, and is due.
    async fn heads(
        &self,
        subscription: &Subscription,
        shards: &[ShardNumber],
    ) -> Result<Vec<ParkedHead>, StoreError>;

    /// The event that is parked from this position; `None` for one that is not, a follower too.
    async fn parked(
        &self,
        subscription: &Subscription,
        position: Position,
    ) -> Result<Option<Parked>, StoreError>;

    /// The head of the subject of an event that waits, by the event's position: that position itself,
    /// if its turn has come. `None` for one that does not wait.
    async fn head_of_follower(
        &self,
        subscription: &Subscription,
        position: Position,
    ) -> Result<Option<Position>, StoreError>;

    /// Sets an event aside and moves the shard's cursor past it, in one transaction. A cursor that
    /// stands beyond stays there: the event is a follower that has failed in its turn, which is a
    /// follower no more. `false`, and nothing done, if another worker has the shard.
    async fn park(
        &self,
        subscription: &Subscription,
        to: &Move,
        parking: &Parking,
    ) -> Result<bool, StoreError>;

    /// A parked event has failed again, with this error, after so many attempts more; it is due
    /// after this time, or waits for a person. `false`, and nothing done, if another worker has the
    /// shard.
    async fn retry_failed(
        &self,
        subscription: &Subscription,
        lease: Lease,
        position: Position,
        error: &str,
        attempts: u32,
        retry_after: Option<Duration>,
    ) -> Result<bool, StoreError>;

    /// The head of a subject, parked or a follower, is handled or given up, and an open request
    /// about it with it. Returns the follower that is the head now; if there is none, the subject is
    /// free. `None`, and nothing done, if another worker has the shard.
    async fn resolve(
        &self,
        subscription: &Subscription,
        lease: Lease,
        position: Position,
        resolution: &Resolution,
    ) -> Result<Option<Resolved>, StoreError>;

    /// What people have asked for in these shards and nobody has answered, the oldest first.
    async fn requests(
        &self,
        subscription: &Subscription,
        shards: &[ShardNumber],
    ) -> Result<Vec<ParkRequest>, StoreError>;

    /// Answers a request. If it is taken, a retry or an edit makes the event due at once, an edit
    /// puts the edited event beside the original, and a request to discard stays open until
    /// [`resolve`](Self::resolve) does that, so that it is not lost on the way. `false`, and nothing
    /// done, if another worker has the shard. A request that is not there has been answered.
    async fn answer(
        &self,
        subscription: &Subscription,
        lease: Lease,
        request: RequestId,
        answer: &Answer,
    ) -> Result<bool, StoreError>;

    /// The parked events that a person means, by position, at most [`ParkedFilter::most`].
    async fn list_parked(
        &self,
        subscription: &Subscription,
        filter: &ParkedFilter,
    ) -> Result<Vec<Parked>, StoreError>;

    /// Asks the holder of a parked event's shard, now or later, to do something with it.
    async fn request(
        &self,
        subscription: &Subscription,
        position: Position,
        action: &ParkAction,
        who: &str,
    ) -> Result<Requested, StoreError>;

    /// A repair hook is about to be asked what to do with a parked event: it is counted
    /// ([`Parked::repairs`]), and the event returned as it is now. `None`, and nothing done, if the
    /// event is parked no more, somebody's request about it is open, or a hook was asked so often
    /// already. Needs no token: of several that ask at once, each is counted.
    async fn begin_repair(
        &self,
        subscription: &Subscription,
        position: Position,
        most: u32,
    ) -> Result<Option<Parked>, StoreError>;

    /// A repair hook leaves a parked event to a person, for this reason: that is on record.
    async fn leave_to_person(
        &self,
        subscription: &Subscription,
        position: Position,
        who: &str,
        why: &str,
    ) -> Result<(), StoreError>;

    /// What was done with an event of this position, or with all, the oldest first: at most so many
    /// that are younger than one.
    async fn record(
        &self,
        subscription: &Subscription,
        position: Option<Position>,
        after: RequestId,
        most: u32,
    ) -> Result<Vec<ParkedDeed>, StoreError>;
}

/// An event that is set aside: everything that is needed to handle it later, or to understand it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parked {
    pub(crate) shard: ShardNumber,
    /// As the feed has it.
    pub(crate) recorded: Recorded,
    /// As a person or a hook has mended it: what is handled instead.
    pub(crate) edited: Option<Event>,
    /// Why it failed last, a cause a line.
    pub(crate) error: String,
    /// How often it was tried.
    pub(crate) attempts: u32,
    /// How often it was taken up again since it was parked.
    pub(crate) retries: u32,
    /// How often a repair hook was asked what to do with it.
    pub(crate) repairs: u32,
    /// When it was parked.
    pub(crate) parked: DateTime<Utc>,
    /// Until it is taken up again: zero if it is due; `None` if it waits for a person.
    pub(crate) due: Option<Duration>,
    /// How many events of its subject wait behind it.
    pub(crate) followers: u64,
}

/// What a worker has to know of a shard that it acquires: the head of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParkedHead {
    pub(crate) shard: ShardNumber,
    pub(crate) position: Position,
    /// `None` for an event without one, which has no followers.
    pub(crate) subject: Option<Subject>,
    /// As [`Parked::due`].
    pub(crate) due: Option<Duration>,
    /// How many events of its subject wait behind it.
    pub(crate) followers: u64,
    /// Whether it is parked itself, and did not only wait behind an event that is resolved.
    pub(crate) is_parked: bool,
}

/// A position that waits behind a parked event of its subject. Its shard's cursor moves past it in
/// the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Follower {
    pub(crate) lease: Lease,
    pub(crate) subject: Subject,
    pub(crate) position: Position,
}

/// An event that is to be set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parking {
    pub(crate) recorded: Arc<Recorded>,
    /// Why it failed, a cause a line. What is longer than [`MAX_ERROR_LEN`] bytes is cut off.
    pub(crate) error: String,
    /// How often it was tried.
    pub(crate) attempts: u32,
    /// When it is taken up again; `None` if it waits for a person.
    pub(crate) retry_after: Option<Duration>,
}

/// The greatest length in bytes of what is kept of an error.
pub(crate) const MAX_ERROR_LEN: usize = 16 * 1024;

/// What became of the head of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resolution {
    /// It was handled.
    Handled,
    /// A person has given it up.
    Discarded {
        /// Who, as they name themselves.
        who: String,
        /// Why.
        reason: String,
    },
}

/// The head of a subject that is to be resolved.
#[derive(Debug, Clone)]
pub struct Resolving {
    pub(crate) subscription: Subscription,
    pub(crate) lease: Lease,
    pub(crate) position: Position,
    pub(crate) resolution: Resolution,
}

/// What is left of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// Its first follower, the head now; `None` if the subject is free.
    pub(crate) next: Option<Position>,
}

/// Which request, or which line of the record: later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct RequestId(pub(crate) i64);

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParkRequest {
    pub(crate) id: RequestId,
    pub(crate) position: Position,
    pub(crate) action: ParkAction,
    /// Who asks, as they name themselves.
    pub(crate) who: String,
}

/// What is to be done with a parked event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ParkAction {
    /// Handle it now.
    Retry,
    /// Give it up.
    Discard {
        /// Why.
        reason: String,
    },
    /// Handle this instead, now.
    Edit(Box<Event>),
}

/// What a worker says to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It does that.
    Taken,
    /// It does not, for this reason.
    Refused(String),
}

/// What became of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Requested {
    /// The request waits for the shard's holder.
    Asked(RequestId),
    /// Another request about the event is open.
    Conflict {
        /// Who asks for it.
        who: String,
    },
    /// No event is parked at that position.
    NotParked,
}

/// Which parked events are meant: those to which all of this applies. By default, all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ParkedFilter {
    /// Those of these positions; all if there are none.
    pub positions: Vec<Position>,
    /// Those of this type.
    pub event_type: Option<String>,
    /// Those of this subject.
    pub subject: Option<String>,
    /// Those whose error, or one of its causes, holds this text.
    pub error: Option<String>,
    /// Those that were parked so long ago, or longer, by the database's clock.
    pub older_than: Option<Duration>,
    /// Those beyond this position.
    pub(crate) after: Position,
    /// At most so many.
    pub(crate) most: u32,
}

impl ParkedFilter {
    /// The event of this position alone.
    pub(in crate::store) fn one(position: Position) -> Self {
        Self { positions: vec![position], most: 1, ..Self::default() }
    }
}

/// A line of the record: who did what with a parked event, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParkedDeed {
    pub(crate) id: RequestId,
    /// The event's place in the feed.
    pub position: Position,
    /// When, by the database's clock.
    pub at: DateTime<Utc>,
    /// A person as they name themselves, or a worker as its machine and process.
    pub who: String,
    /// What.
    pub what: Deed,
    /// An error, or a reason; empty where there is none.
    pub why: String,
}

/// What is done with parked events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deed {
    /// A worker has set it aside.
    Parked,
    /// A worker has tried it again, in vain.
    Failed,
    /// A worker has handled it.
    Handled,
    /// It was given up.
    Discarded,
    /// A person asked to handle it now.
    RetryAsked,
    /// A person asked to give it up.
    DiscardAsked,
    /// A person asked to handle something else instead.
    EditAsked,
    /// A worker will do what was asked for.
    Taken,
    /// A worker does not do what was asked for.
    Refused,
    /// A repair hook leaves it to a person.
    Left,
    /// The cursor was put before it by hand, or into another life of the feed.
    Forgotten,
}
