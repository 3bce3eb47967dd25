//! Transactions of handlers: what a handler writes and the cursor commit together, or neither does.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::{PgPool, Pool, SqlitePool, Transaction};
pub use sqlx::{Postgres, Sqlite};

use super::location::{Location, Opened, Place, Store};
use super::{Advance, StoreError, postgres, sqlite};

/// A database in whose transactions handlers can write: [`Sqlite`] or [`Postgres`].
pub trait Database: sealed::Kind {}

impl Database for Sqlite {}
impl Database for Postgres {}

pub(crate) mod sealed {
    use super::{Advance, Duration, Location, Opened, Pool, StoreError, Transaction};

    /// Kept to ourselves, since it is what the databases do, and not what callers ask for.
    pub trait Kind: sqlx::Database {
        /// Begins a transaction that may be idle for this long.
        fn begin(
            pool: &Pool<Self>,
            idle: Option<Duration>,
        ) -> impl Future<Output = Result<Transaction<'static, Self>, StoreError>> + Send;

        /// Fails if the transaction that was begun is open no more, and what is done from now on
        /// would commit by itself.
        fn check_open(
            connection: &mut Self::Connection,
        ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

        /// Moves a cursor, within a transaction.
        fn advance(
            connection: &mut Self::Connection,
            advance: &Advance,
        ) -> impl Future<Output = Result<bool, sqlx::Error>> + Send;

        /// Waits for work that goes on after a handler, within what the database may take for it.
        fn within<T: Send>(
            work: impl Future<Output = Result<T, sqlx::Error>> + Send,
        ) -> impl Future<Output = Result<T, StoreError>> + Send;

        /// Whether a place is one of this kind.
        fn is_at(location: &Location) -> bool;

        /// The connections of a store of this kind.
        fn pool(opened: &Opened) -> Option<&Pool<Self>>;
    }
}

impl sealed::Kind for Sqlite {
    async fn begin(
        pool: &SqlitePool,
        _: Option<Duration>,
    ) -> Result<Transaction<'static, Self>, StoreError> {
        sqlite::begin_for_handlers(pool).await.map_err(StoreError::Unavailable)
    }

    async fn check_open(connection: &mut Self::Connection) -> Result<(), sqlx::Error> {
        sqlite::check_open(connection).await
    }

    async fn advance(
        connection: &mut Self::Connection,
        advance: &Advance,
    ) -> Result<bool, sqlx::Error> {
        sqlite::advance(connection, advance).await
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

    fn pool(opened: &Opened) -> Option<&Pool<Self>> {
        match &opened.0 {
            Store::Sqlite(store) => Some(store.pool()),
            Store::Postgres(_) => None,
        }
    }
}

impl sealed::Kind for Postgres {
    async fn begin(
        pool: &PgPool,
        idle: Option<Duration>,
    ) -> Result<Transaction<'static, Self>, StoreError> {
        postgres::within(pool.begin_with(postgres::begin_for_handlers(idle))).await
    }

    /// A transaction in which a statement has failed stays open, and takes no other.
    async fn check_open(_: &mut Self::Connection) -> Result<(), sqlx::Error> {
        Ok(())
    }

    async fn advance(
        connection: &mut Self::Connection,
        advance: &Advance,
    ) -> Result<bool, sqlx::Error> {
        postgres::advance(connection, advance).await
    }

    async fn within<T: Send>(
        work: impl Future<Output = Result<T, sqlx::Error>> + Send,
    ) -> Result<T, StoreError> {
        postgres::within(work).await
    }

    fn is_at(location: &Location) -> bool {
        matches!(location.0, Place::Postgres(_) | Place::PostgresPool(_))
    }

    fn pool(opened: &Opened) -> Option<&Pool<Self>> {
        match &opened.0 {
            Store::Postgres(store) => Some(store.pool()),
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

    /// Moves the cursor, as the last statement, and commits. `false`, and rolled back, if the
    /// cursor does not stand where it is said to, or the transaction is gone.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]: the outcome is unknown.
    pub(crate) async fn commit(self, advance: &Advance) -> Result<bool, StoreError> {
        let open = self.home.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut open) = open else { return Ok(false) };
        let committed = DB::within(async {
            let moved = DB::advance(&mut open, advance).await?;
            if moved {
                open.commit().await?;
            }
            Ok(moved)
        });
        committed.await
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
    pool: Pool<DB>,
    idle: Option<Duration>,
}

impl<DB: Database> Transactions<DB> {
    /// Transactions of a store, if it is of this kind, each of which may be idle for this long.
    pub(crate) fn of(opened: &Opened, idle: Option<Duration>) -> Option<Self> {
        Some(Self { pool: DB::pool(opened)?.clone(), idle })
    }

    /// Begins one. On SQLite this waits for the write lock.
    pub(crate) async fn begin(&self) -> Result<Open<DB>, StoreError> {
        let open = DB::begin(&self.pool, self.idle).await?;
        Ok(Open { home: Arc::new(Mutex::new(Some(open))) })
    }
}

impl<DB: Database> fmt::Debug for Transactions<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transactions({})", DB::NAME)
    }
}
