//! Transactions of handlers: what a handler writes and the cursor commit together, or neither does.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::{PgPool, Pool, Transaction};
pub use sqlx::{Postgres, Sqlite};

use self::sealed::Begun;
use super::location::{Location, Opened, Place, Store};
use super::parking::{Resolved, Resolving};
use super::sqlite::turn::{Permit, Turns};
use super::{Advance, StoreError, postgres, sqlite};
use crate::shard::ShardNumber;

/// A database in whose transactions handlers can write: [`Sqlite`] or [`Postgres`].
pub trait Database: sealed::Kind {}

impl Database for Sqlite {}
impl Database for Postgres {}

pub(crate) mod sealed {
    use super::{
        Advance, Duration, Location, Opened, Resolved, Resolving, ShardNumber, StoreError,
        Transaction,
    };

    /// Kept to ourselves, since it is what the databases do, and not what callers ask for.
    pub trait Kind: sqlx::Database {
        /// Where connections come from.
        type Source: Clone + Send + Sync;
        /// What a transaction keeps others from as long as it is open.
        type Turn: Send + Sync;

        /// Begins a transaction that may be idle for this long.
        fn begin(
            source: &Self::Source,
            idle: Option<Duration>,
        ) -> impl Future<Output = Result<Begun<Self>, StoreError>> + Send;

        /// Fails if the transaction that was begun is open no more, and what is done from now on
        /// would commit by itself.
        fn check_open(
            connection: &mut Self::Connection,
        ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

        /// Moves cursors, within a transaction. Returns the shards that other workers have now.
        fn advance(
            connection: &mut Self::Connection,
            advance: &Advance,
        ) -> impl Future<Output = Result<Vec<ShardNumber>, sqlx::Error>> + Send;

        /// Resolves the head of a subject, within a transaction. `None` if another worker has the
        /// shard now.
        fn resolve(
            connection: &mut Self::Connection,
            resolving: &Resolving,
        ) -> impl Future<Output = Result<Option<Resolved>, sqlx::Error>> + Send;

        /// Waits for work that goes on after a handler, within what the database may take for it.
        fn within<T: Send>(
            work: impl Future<Output = Result<T, sqlx::Error>> + Send,
        ) -> impl Future<Output = Result<T, StoreError>> + Send;

        /// Whether a place is one of this kind.
        fn is_at(location: &Location) -> bool;

        /// Where the connections of a store of this kind come from.
        fn source(opened: &Opened) -> Option<Self::Source>;
    }

    /// A transaction, and what it keeps others from.
    pub(crate) type Begun<DB> = (Transaction<'static, DB>, <DB as Kind>::Turn);
}

impl sealed::Kind for Sqlite {
    type Source = Turns;
    type Turn = Permit;

    async fn begin(turns: &Turns, _: Option<Duration>) -> Result<Begun<Self>, StoreError> {
        sqlite::begin_for_handlers(turns).await.map_err(StoreError::Unavailable)
    }

    async fn check_open(connection: &mut Self::Connection) -> Result<(), sqlx::Error> {
        sqlite::check_open(connection).await
    }

    async fn advance(
        connection: &mut Self::Connection,
        advance: &Advance,
    ) -> Result<Vec<ShardNumber>, sqlx::Error> {
        sqlite::shards::advance_shards(connection, advance).await
    }

    async fn resolve(
        connection: &mut Self::Connection,
        resolving: &Resolving,
    ) -> Result<Option<Resolved>, sqlx::Error> {
        sqlite::parking::steps::resolve(connection, resolving).await
    }

    /// SQLite has its own limits: it waits for locks alone, and not for long.
    async fn within<T: Send>(
        work: impl Future<Output = Result<T, sqlx::Error>> + Send,
    ) -> Result<T, StoreError> {
        work.await.map_err(StoreError::Unavailable)
    }

    fn is_at(location: &Location) -> bool {
        matches!(location.0, Place::Sqlite(_) | Place::SqlitePool(_))
    }

    fn source(opened: &Opened) -> Option<Turns> {
        match &opened.0 {
            Store::Sqlite(store) => Some(store.turns().clone()),
            Store::Postgres(_) => None,
        }
    }
}

impl sealed::Kind for Postgres {
    type Source = PgPool;
    type Turn = ();

    async fn begin(pool: &PgPool, idle: Option<Duration>) -> Result<Begun<Self>, StoreError> {
        let begin = pool.begin_with(postgres::begin_for_handlers(idle));
        Ok((postgres::within(begin).await?, ()))
    }

    /// A transaction in which a statement has failed stays open, and takes no other.
    async fn check_open(_: &mut Self::Connection) -> Result<(), sqlx::Error> {
        Ok(())
    }

    async fn advance(
        connection: &mut Self::Connection,
        advance: &Advance,
    ) -> Result<Vec<ShardNumber>, sqlx::Error> {
        postgres::shards::advance_shards(connection, advance).await
    }

    async fn resolve(
        connection: &mut Self::Connection,
        resolving: &Resolving,
    ) -> Result<Option<Resolved>, sqlx::Error> {
        postgres::parking::steps::resolve(connection, resolving).await
    }

    async fn within<T: Send>(
        work: impl Future<Output = Result<T, sqlx::Error>> + Send,
    ) -> Result<T, StoreError> {
        postgres::within(work).await
    }

    fn is_at(location: &Location) -> bool {
        matches!(location.0, Place::Postgres(_) | Place::PostgresPool(_))
    }

    fn source(opened: &Opened) -> Option<PgPool> {
        match &opened.0 {
            Store::Postgres(store) => Some(store.pool().clone()),
            Store::Sqlite(_) => None,
        }
    }
}

/// The open transaction in which a handler writes.
///
/// It stands for the connection: `sqlx::query(…).execute(&mut *tx)`. What needs the transaction
/// itself (`publish_in` of `feed-server`) gets it from [`transaction`](Self::transaction).
///
/// It commits after the handler has returned `Ok`, together with the cursor, and is rolled back
/// otherwise. A handler must not keep it: when it has returned, the transaction has to be there
/// again. Nor may its statements end it, by `COMMIT` or `ROLLBACK`; on SQLite, where a statement
/// that fails can roll back the whole of it, the subscription ends with an error if a handler
/// returns `Ok` nevertheless.
pub struct Tx<DB: Database> {
    /// `None` only while this is dropped.
    open: Option<Transaction<'static, DB>>,
    home: Arc<Mutex<Option<Transaction<'static, DB>>>>,
}

impl<DB: Database> Tx<DB> {
    /// The transaction, as sqlx has begun it.
    pub fn transaction(&mut self) -> &mut Transaction<'static, DB> {
        // Expect safety: it is taken when this is dropped, and not before.
        self.open.as_mut().expect("it is there until this is dropped")
    }
}

impl<DB: Database> Deref for Tx<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        // Expect safety: as above.
        self.open.as_ref().expect("it is there until this is dropped")
    }
}

impl<DB: Database> DerefMut for Tx<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        self.transaction()
    }
}

impl<DB: Database> Drop for Tx<DB> {
    fn drop(&mut self) {
        *self.home.lock().unwrap_or_else(PoisonError::into_inner) = self.open.take();
    }
}

impl<DB: Database> fmt::Debug for Tx<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tx({})", DB::NAME)
    }
}

/// A transaction, while no handler has it. Dropped, it is rolled back.
pub(crate) struct Open<DB: Database> {
    home: Arc<Mutex<Option<Transaction<'static, DB>>>>,
    /// The next one's when this is dropped, after the transaction.
    _turn: DB::Turn,
}

impl<DB: Database> Open<DB> {
    /// Hands it to a handler; `None` if the one before has kept it.
    pub(crate) fn lend(&self) -> Option<Tx<DB>> {
        let open = self.home.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Tx { open: Some(open), home: Arc::clone(&self.home) })
    }

    /// Looks what a handler has left of it.
    pub(crate) async fn check(&self) -> Result<(), Broken> {
        let mut tx = self.lend().ok_or(Broken::Kept)?;
        DB::check_open(&mut tx).await.map_err(Broken::Ended)
    }

    /// Moves the cursors, as the last statement, and commits. Returns the shards that other
    /// workers have now; if there are any, all is rolled back.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]: the outcome is unknown.
    pub(crate) async fn commit(self, advance: &Advance) -> Result<Vec<ShardNumber>, StoreError> {
        let mut open = self.taken();
        let committed = DB::within(async {
            let lost = DB::advance(&mut open, advance).await?;
            if lost.is_empty() {
                open.commit().await?;
            }
            Ok(lost)
        });
        committed.await
    }

    /// Resolves the head of a subject, as the last statements, and commits. `None` if another worker
    /// has its shard now; then all is rolled back.
    ///
    /// # Errors
    ///
    /// As [`commit`](Self::commit).
    pub(crate) async fn commit_resolved(
        self,
        resolving: &Resolving,
    ) -> Result<Option<Resolved>, StoreError> {
        let mut open = self.taken();
        let committed = DB::within(async {
            let resolved = DB::resolve(&mut open, resolving).await?;
            if resolved.is_some() {
                open.commit().await?;
            }
            Ok(resolved)
        });
        committed.await
    }

    fn taken(&self) -> Transaction<'static, DB> {
        let open = self.home.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Expect safety: it was looked at after every handler, and no other has had it since.
        open.expect("no handler has kept it")
    }
}

/// Why a transaction cannot be gone on with after a handler.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// The handler has kept it.
    #[error("the handler has kept its transaction: let it go before returning")]
    Kept,
    /// It was rolled back under the handler, which has nevertheless returned `Ok`.
    #[error(
        "a statement of the handler's has ended its transaction: return the error of a statement \
         that fails, and leave BEGIN, COMMIT and ROLLBACK out"
    )]
    Ended(#[source] sqlx::Error),
}

/// How long to wait for connections to come back before they are left to themselves.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Closes connections, but for one that a handler has kept.
pub(super) async fn close<DB: sqlx::Database>(pool: &Pool<DB>) {
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, pool.close()).await;
}

/// Begins transactions for handlers.
pub struct Transactions<DB: Database> {
    source: DB::Source,
    idle: Option<Duration>,
}

impl<DB: Database> Transactions<DB> {
    /// Transactions of a store, if it is of this kind, each of which may be idle for this long.
    pub(crate) fn of(opened: &Opened, idle: Option<Duration>) -> Option<Self> {
        Some(Self { source: DB::source(opened)?, idle })
    }

    /// Begins one. On SQLite this waits for the write lock.
    pub(crate) async fn begin(&self) -> Result<Open<DB>, StoreError> {
        let (open, turn) = DB::begin(&self.source, self.idle).await?;
        Ok(Open { home: Arc::new(Mutex::new(Some(open))), _turn: turn })
    }
}

impl<DB: Database> fmt::Debug for Transactions<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transactions({})", DB::NAME)
    }
}
