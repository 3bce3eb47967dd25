//! Where cursors are kept: what every store promises, and the stores that there are.
//!
//! # Layout
//!
//! - [`location`]: which database it is
//! - [`transaction`]: transactions of handlers, in which the cursor moves
//! - [`sqlite`], [`postgres`]: the stores

#[cfg(test)]
mod contract;
#[cfg(test)]
pub(crate) mod databases;
pub(crate) mod entries;
#[cfg(test)]
pub(crate) mod ledger;
pub(crate) mod location;
pub(crate) mod once;
pub(crate) mod orders;
pub(crate) mod pages;
pub(crate) mod parking;
mod postgres;
mod row;
mod schema;
pub(crate) mod shards;
pub(crate) mod sqlite;
pub(crate) mod suspects;
pub(crate) mod transaction;

use std::collections::HashMap;
use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use feed_protocol::event::{EventId, Source};
use feed_protocol::{Incarnation, Position};

use self::entries::EntryStore;
use self::once::OnceStore;
use self::orders::OrderStore;
use self::pages::{Page, PageStore, SeenEntry};
use self::parking::{Follower, ParkStore};
use self::shards::{Move, ShardStore};
use self::suspects::SuspectStore;

/// A place where cursors are kept.
///
/// # Promises
///
/// 1. A method that returns `Ok` has committed, with its fsync. After an error the outcome is
///    unknown.
/// 2. A cursor only moves under the token of the worker that holds its shard ([`ShardStore`]), or by
///    hand while nobody holds any.
/// 3. A caller that drops a future leaves nothing half done.
#[async_trait]
pub(crate) trait CursorStore:
    PageStore
    + EntryStore
    + ShardStore
    + SuspectStore
    + ParkStore
    + OrderStore
    + OnceStore
    + fmt::Debug
    + Send
    + Sync
    + 'static
{
    /// Where a subscription stands; `None` before it has begun.
    async fn find(&self, subscription: &Subscription) -> Result<Option<Place>, StoreError>;

    /// The feed that a group has read at this address, the one that moved last if there were
    /// several.
    async fn feed_at(&self, group: &str, url: &str) -> Result<Option<String>, StoreError>;

    /// Begins a subscription at a place, with these entries and pages taken as handled. `false` if
    /// another process has begun it.
    async fn begin(
        &self,
        subscription: &Subscription,
        url: &str,
        place: &Place,
        seen: &[SeenEntry],
        pages: &[Page],
    ) -> Result<bool, StoreError>;

    /// Notes the address at which a subscription's feed is read now.
    async fn set_url(&self, subscription: &Subscription, url: &str) -> Result<(), StoreError>;

    /// Which of these entries are known: found, or taken as handled; and when they were last changed
    /// then, as far as that is known.
    async fn seen(&self, subscription: &Subscription, entries: &[&str])
    -> Result<Seen, StoreError>;

    /// Every subscription, and where it stands, by group and address.
    async fn list(&self) -> Result<Vec<Kept>, StoreError>;

    /// Puts a cursor elsewhere by hand, before or behind where it stood, or into another life of
    /// the feed, which has nothing of what is parked. `false`, and nothing done, if it does not stand where it is said to.
    async fn put(
        &self,
        subscription: &Subscription,
        from: &Place,
        to: &Place,
    ) -> Result<bool, StoreError>;

    /// Forgets a cursor, with the entries that were handled: the subscription begins anew.
    /// `false`, and nothing done, if it does not stand where it is said to.
    async fn forget(&self, subscription: &Subscription, from: &Place) -> Result<bool, StoreError>;

    /// Closes the database once what is under way has ended.
    async fn close(&self);
}

/// Entries that are known, by their ids, and when they were last changed then, as far as that is
/// known.
pub(crate) type Seen = HashMap<String, Option<DateTime<Utc>>>;

/// Whose cursor it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Subscription {
    /// The group.
    pub(crate) group: String,
    /// The feed's `atom:id`, which stays when its address changes.
    pub(crate) feed: String,
}

/// A cursor as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Whose it is.
    pub(crate) subscription: Subscription,
    /// Where the feed was read last.
    pub(crate) url: String,
    /// Where it stands.
    pub(crate) place: Place,
    /// When the subscription began, by the database's clock.
    pub(crate) begun: DateTime<Utc>,
    /// When the cursor last moved.
    pub(crate) moved: DateTime<Utc>,
}

/// How the cursors of a subscription move on.
#[derive(Debug, Clone)]
pub struct Advance {
    /// Whose cursors.
    pub(crate) subscription: Subscription,
    /// Where they go, each shard once.
    pub(crate) moves: Vec<Move>,
    /// What the cursors pass that waits behind parked events, each of a shard that moves.
    pub(crate) followers: Vec<Follower>,
}

impl Advance {
    /// One cursor moves, and nothing else.
    fn of(subscription: &Subscription, to: &Move) -> Self {
        Self { subscription: subscription.clone(), moves: vec![to.clone()], followers: Vec::new() }
    }
}

/// How far a subscription has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Place {
    /// The life of the feed in which the position counts; `None` for a document of other
    /// software, whose entries are numbered as they are found.
    pub(crate) incarnation: Option<Incarnation>,
    /// The last position passed.
    pub(crate) position: Position,
    /// The last event read, which may lie before the position where events are filtered.
    pub(crate) last: Option<LastEvent>,
    /// Those of the last document of which all entries were found.
    pub(crate) validators: Validators,
}

/// What is remembered of the last event, to notice when the feed says something else of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastEvent {
    /// Its place.
    pub(crate) position: Position,
    /// Its source.
    pub(crate) source: Source,
    /// Its id.
    pub(crate) id: EventId,
    /// What [`crate::cursor::digest`] made of it.
    pub(crate) digest: u128,
}

/// What makes a request conditional (RFC 9110, section 13.1), as the server wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Validators {
    /// The entity tag.
    pub(crate) etag: Option<String>,
    /// The time of the last change.
    pub(crate) last_modified: Option<String>,
}

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database cannot be opened or prepared; says what to do.
    #[error("{message}")]
    Setup {
        /// What is wrong, and the remedy.
        message: String,
        /// What the database said.
        #[source]
        source: Option<sqlx::Error>,
    },
    /// The database does not accept this now (locked, full, out of reach).
    #[error("the cursor database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// The database holds something that this program did not put there.
    #[error("the cursor database: table {table}, column {column}, row {row}: {reason}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row, by its key.
        row: String,
        /// What is wrong.
        reason: String,
    },
}

impl StoreError {
    /// What the database said, for those who say themselves what it was asked for.
    pub(crate) fn into_cause(self) -> Box<dyn Error + Send + Sync> {
        match self {
            Self::Unavailable(cause) => cause.into(),
            other => other.into(),
        }
    }
}

impl fmt::Display for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "group {:?} of the feed {}", self.group, self.feed)
    }
}
