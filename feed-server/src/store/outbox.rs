//! Publishing in a transaction of the caller's: what a store does of it.
//!
//! On SQLite, whose transactions are one at a time, it is a plain append. On PostgreSQL the event
//! goes into an outbox, from which the next append, or the relay, gives it its place.

use std::time::Duration;

use async_trait::async_trait;
use feed_protocol::FeedName;
use sqlx::{Postgres, Sqlite, Transaction};

use super::{Append, Feed, Head, Refusal, StoreError, postgres, sqlite};

/// What became of an event in a caller's transaction: whether it is new, or why it was refused.
/// Either way the transaction can go on.
pub type Put = Result<bool, Refusal>;

/// Why an event could not be published in a caller's transaction.
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    /// Another transaction was in the way: a deadlock, a lock that was held too long, a state that
    /// changed since the transaction first looked. Roll back, and do the whole transaction again.
    #[error("another transaction was in the way; roll back, and do the whole transaction again")]
    Conflict(#[source] sqlx::Error),
    /// The transaction would be answered before it is synced to disk. It can go on.
    #[error("the commit would not be durable: '{0}' in the transaction, or for its connection")]
    NotDurable(&'static str),
    /// An expected version was stated in a transaction that sees the database as it was when it
    /// began, and not what the subject has now. It can go on.
    #[error("an expected version needs the isolation level 'read committed', and this is {0:?}")]
    Isolation(String),
    /// The transaction is one of another database than the publisher's, or of one in which the feed
    /// is another. It can go on.
    #[error("the transaction is not one of the database that holds the feed {0}")]
    OtherDatabase(FeedName),
    /// The transaction does not find our tables: it is one of another database, or its search path
    /// leads elsewhere. On PostgreSQL it has to be rolled back.
    #[error(
        "the transaction finds no feeds: is it one of the publisher's database, with the same search path?"
    )]
    NoTables(#[source] sqlx::Error),
    /// Not one event.
    #[error("one event is published at a time, and this is {0}")]
    OneEvent(usize),
    /// The database failed. The transaction has to be rolled back.
    #[error(transparent)]
    Store(StoreError),
}

/// A transaction of the caller's in which events can be published: one that sqlx has begun on
/// SQLite or PostgreSQL.
pub trait CallersTransaction: sealed::Put {}

impl CallersTransaction for Transaction<'_, Sqlite> {}
impl CallersTransaction for Transaction<'_, Postgres> {}

pub(crate) mod sealed {
    use super::{Append, Put as Outcome, TransactionError};

    /// Kept to ourselves, since it is what the databases do, and not what callers ask for.
    pub trait Put: Send {
        fn put(
            &mut self,
            append: &Append,
        ) -> impl Future<Output = Result<Outcome, TransactionError>> + Send;
    }
}

impl sealed::Put for Transaction<'_, Sqlite> {
    async fn put(&mut self, append: &Append) -> Result<Put, TransactionError> {
        sqlite::put(self, append).await
    }
}

impl sealed::Put for Transaction<'_, Postgres> {
    async fn put(&mut self, append: &Append) -> Result<Put, TransactionError> {
        postgres::put(self, append).await
    }
}

/// A store's outbox, for the relay.
///
/// The lease says who looks into the outbox while nobody appends.
///
/// - *Is it needed for correctness?* No: whoever moves events holds the feed's lock. It saves all
///   other processes the looking.
/// - *Where is it held?* In one row of the database, for one process, until a time of the
///   database's clock.
/// - *When is it free?* When it is released, or that time is over.
/// - *What if the holder dies?* Another process acquires it once that time is over.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Acquires the relay's lease for this long, or renews it. Whether it is held now.
    async fn lease(&self, holder: &str, duration: Duration) -> Result<bool, StoreError>;

    /// Gives the lease back, if this process holds it.
    async fn release(&self, holder: &str) -> Result<(), StoreError>;

    /// The keys of the feeds for which committed events wait.
    async fn waiting(&self) -> Result<Vec<i64>, StoreError>;

    /// Moves what waits for a feed into it, all of it that is committed.
    async fn relay(&self, feed: &Feed) -> Result<Relayed, StoreError>;

    /// Removes what is left of events that were moved, and makes looking slow. It holds nobody up.
    async fn tidy(&self) -> Result<(), StoreError>;

    /// How many events contradicted what their feeds hold, and are kept for a person to look at.
    async fn rejected(&self) -> Result<u64, StoreError>;
}

/// What a relay has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relayed {
    /// The feed's new head, if it gained events.
    pub head: Option<Head>,
}
