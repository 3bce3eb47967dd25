//! Where events are kept: what every store promises, and the stores that there are.

pub mod postgres;
pub mod sqlite;

mod admission;
pub(crate) mod inspection;
mod outbox;
mod row;
mod schema;
mod slice;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use feed_protocol::event::{EventId, EventType, Source, Subject};
use feed_protocol::{
    Entry, Event, FeedIdentity, FeedName, Incarnation, PageSize, Position, PositionRange,
};

pub use outbox::{CallersTransaction, Outbox, Put, Relayed, TransactionError};

/// A place where events are kept.
///
/// # Promises
///
/// 1. Positions of a feed are 1, 2, 3 … without gaps, in commit order: a reader that has seen
///    position n never later finds a new event at or below n.
/// 2. [`append`](Self::append) returns after the database has committed with its fsync. An error
///    means that the outcome is unknown, unless it says otherwise; publishing the same events
///    again settles it.
/// 3. `(source, id)` is unique within a feed.
/// 4. `updated` is the database's clock, and never lower than at the position before.
/// 5. Every read sees one state of the database; head, range and entries of a [`Slice`] agree.
/// 6. A caller that drops a future leaves nothing half done.
#[async_trait]
pub trait EventStore: fmt::Debug + Send + Sync + 'static {
    /// Creates a feed.
    ///
    /// # Errors
    ///
    /// [`StoreError::FeedExists`] when there is one of this name, whatever its settings.
    async fn create_feed(&self, feed: NewFeed) -> Result<Feed, StoreError>;

    /// All feeds, by name, and how far each has come.
    async fn feeds(&self) -> Result<Vec<(Feed, Head)>, StoreError>;

    /// How far a feed has come.
    async fn head(&self, feed: &Feed) -> Result<Head, StoreError>;

    /// Appends the events of all requests in one transaction, in the order given.
    ///
    /// Each request is stored whole or not at all: one that is refused stores nothing, and the
    /// others go on. An event that the feed holds already with the same content
    /// ([`Event::has_same_content`]) is not stored again; this check comes before that of an
    /// expected version. It sees what earlier requests, and earlier events of the same request,
    /// have just stored.
    ///
    /// Where events wait that were published in their callers' own transactions ([`Outbox`]),
    /// those of the same feeds that are committed are moved first.
    async fn append(&self, requests: &[Append]) -> Result<Commit, StoreError>;

    /// Reads at most `max_positions` positions after `after`, oldest first; fewer when the head
    /// comes first, or with the event by which the data read reach `max_bytes`: so at least one
    /// event, if there is one to show.
    ///
    /// With `types`, only events of these types are returned; the range covers the others too.
    /// `after` beyond the head gives an empty range at `after`, and the head tells.
    async fn read(&self, feed: &Feed, window: &Window<'_>) -> Result<Slice, StoreError>;

    /// One entry.
    async fn entry(&self, feed: &Feed, position: Position) -> Result<Option<Entry>, StoreError>;

    /// Where the event of this source and id stands.
    async fn find(
        &self,
        feed: &Feed,
        source: &Source,
        id: &EventId,
    ) -> Result<Option<Position>, StoreError>;

    /// At most `max_entries` events of one subject after a position, oldest first, ending with
    /// the one by which their data reach `max_bytes`. The range reaches from `after` to the last
    /// entry returned, or to the head when there are no more.
    ///
    /// `None` when the feed holds no event of the subject at all.
    async fn subject(
        &self,
        feed: &Feed,
        subject: &Subject,
        after: Position,
        max_entries: u64,
        max_bytes: u64,
    ) -> Result<Option<Slice>, StoreError>;

    /// The position of the last event accepted before this instant; zero if none was.
    async fn position_before(
        &self,
        feed: &Feed,
        instant: DateTime<Utc>,
    ) -> Result<Position, StoreError>;

    /// Returns when another process may have appended since this was last called. A hint: it may
    /// come late or for nothing, and heads are read again after it. Never returns an error; while
    /// the database is out of reach it waits.
    async fn changed_elsewhere(&self);

    /// Where events wait that were published in their callers' own transactions; `None` for a
    /// store that gives them their places in those transactions.
    fn outbox(&self) -> Option<&dyn Outbox> {
        None
    }

    /// Begins another life of a feed, whose events stay: whoever knows a place of the life before
    /// is told that it is gone, instead of finding something else there. `None` if there is no feed
    /// of this name.
    async fn new_incarnation(
        &self,
        feed: &FeedName,
        incarnation: Incarnation,
    ) -> Result<Option<Feed>, StoreError>;

    /// Whether the database answers and accepts writes.
    async fn check(&self) -> Result<(), StoreError>;

    /// Closes the database once what is under way has ended.
    async fn close(&self);
}

/// Opens the database that a text names: `postgres://…` ([`postgres::PostgresOptions`]), otherwise a
/// SQLite file ([`sqlite::SqliteOptions`]).
///
/// # Errors
///
/// [`StoreError::Setup`], with what is wrong and what to do, in one line.
pub async fn open(database: &str) -> Result<Arc<dyn EventStore>, StoreError> {
    open_or_create(database, true).await
}

/// As [`open`]; a SQLite file that is missing is created only on demand.
pub(crate) async fn open_or_create(
    database: &str,
    create: bool,
) -> Result<Arc<dyn EventStore>, StoreError> {
    match file(database)? {
        Some(options) => Ok(Arc::new(sqlite::SqliteStore::open(options.create(create)).await?)),
        None => Ok(Arc::new(postgres::PostgresStore::open(database.parse()?).await?)),
    }
}

/// The file of a database, if it is one.
pub(crate) fn file(database: &str) -> Result<Option<sqlite::SqliteOptions>, StoreError> {
    if database.starts_with("postgres:") || database.starts_with("postgresql:") {
        return Ok(None);
    }
    database.parse().map(Some)
}

/// The settings of a feed that is to be created; all of them frozen from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFeed {
    /// Its name.
    pub name: FeedName,
    /// Its title for people.
    pub title: String,
    /// How many positions a page holds.
    pub page_size: PageSize,
    /// Its permanent `atom:id`.
    pub iri: String,
    /// The authority of the `tag:` ids of its entries. Their date is the day of creation.
    pub authority: String,
    /// The mark of its first life.
    pub incarnation: Incarnation,
}

/// A feed as the store knows it. Only [`incarnation`](Self::incarnation) can ever change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// The store's own key.
    pub key: i64,
    /// Its name.
    pub name: FeedName,
    /// Its title for people.
    pub title: String,
    /// How many positions a page holds.
    pub page_size: PageSize,
    /// Its permanent `atom:id`.
    pub iri: String,
    /// The authority of the `tag:` ids of its entries.
    pub authority: String,
    /// When it was created, by the database's clock.
    pub created: DateTime<Utc>,
    /// The mark of its present life.
    pub incarnation: Incarnation,
}

impl Feed {
    /// What the ids of the feed's entries are made from.
    #[must_use]
    pub fn identity(&self) -> FeedIdentity {
        let date: NaiveDate = self.created.date_naive();
        FeedIdentity { authority: self.authority.clone(), date, feed: self.name.clone() }
    }
}

/// How far a feed has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The position of the newest event; zero while there is none.
    pub position: Position,
    /// Its `updated`; the feed's creation while there is none.
    pub updated: DateTime<Utc>,
}

/// A request to append: its events become visible together, at successive positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// The feed. The events go into its present life, even if [`Feed::incarnation`] is that of an
    /// earlier one: a producer does not address a life.
    pub feed: Feed,
    /// The events, at least one.
    pub events: Vec<Event>,
    /// The number of events that the subject of the events must have before them. All events
    /// then have the same subject. A request that brings nothing new meets any expectation.
    pub expected_version: Option<u64>,
}

/// What an append has committed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commit {
    /// What became of each request, in the order of the requests.
    pub results: Vec<AppendResult>,
    /// The new heads of the feeds that gained events, by the keys of the feeds.
    pub heads: HashMap<i64, Head>,
}

/// What became of one request: an [`Appended`] for each event in its order, or why nothing of the
/// request was stored.
pub type AppendResult = Result<Vec<Appended>, Refusal>;

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Its place, now or from when it was first published.
    pub position: Position,
    /// When it was given its position.
    pub updated: DateTime<Utc>,
    /// Its `atom:id`.
    pub iri: String,
    /// Whether it was stored by this request, rather than by an earlier one.
    pub created: bool,
}

/// Why a request was refused. Nothing of it is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The feed, or an earlier event of the request, has the same source and id and says
    /// something else.
    #[error("source {source_attribute} and id {id} stand {} with other content", place(*existing))]
    Conflict {
        /// Which event of the request, from 0.
        index: usize,
        /// Its source.
        source_attribute: Source,
        /// Its id.
        id: EventId,
        /// Where the other one stands; `None` if it is of the same request, and stored no more
        /// than this one, or waits in the outbox, where events have no place yet.
        existing: Option<Position>,
    },
    /// The subject has another number of events than was expected.
    #[error("the subject has {actual} events, and {expected} were expected")]
    VersionMismatch {
        /// What was expected.
        expected: u64,
        /// What is.
        actual: u64,
    },
    /// A transaction that publishes for the same subject is open, so that the number of the
    /// subject's events is not certain yet. It will be soon: try again.
    #[error("a transaction that publishes for the same subject is open: try again")]
    SubjectBusy,
}

fn place(existing: Option<Position>) -> String {
    existing.map_or_else(
        || "in the same publish, or in one that waits for its place,".to_owned(),
        |position| format!("at position {position}"),
    )
}

/// What to read of a feed.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// Start after this position.
    pub after: Position,
    /// Cover at most this many positions.
    pub max_positions: u64,
    /// End with the event by which this many bytes of data have been read.
    pub max_bytes: u64,
    /// Return only events of these types; all, if there are none.
    pub types: &'a [EventType],
}

/// A run of a feed, as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// How far the feed had come at that moment.
    pub head: Head,
    /// The positions covered.
    pub range: PositionRange,
    /// The entries, oldest first.
    pub entries: Vec<Entry>,
}

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A feed of this name exists already.
    #[error("the feed {0} exists already")]
    FeedExists(FeedName),
    /// The database cannot be opened or prepared; says what to do.
    #[error("{message}")]
    Setup {
        /// What is wrong, and the remedy.
        message: String,
        /// What the database said.
        #[source]
        source: Option<sqlx::Error>,
    },
    /// The database does not accept this now (locked, full, out of reach); it may later.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// The database failed in a way that trying again does not mend: a damaged file, a table that
    /// somebody has dropped.
    #[error("the database failed")]
    Failed(#[source] sqlx::Error),
    /// The database holds something that this program did not put there.
    #[error("table {table}, column {column}, row {row}: {reason}")]
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
