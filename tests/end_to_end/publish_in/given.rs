//! A shop with a table of orders beside the feeds, and transactions on both.

use std::sync::Arc;
use std::time::Duration;

use feed_protocol::Recorded;
use feed_server::store::{CallersTransaction, EventStore, Window};
use feed_server::{FeedServer, NewEvent, Publisher};
use feed_tests::{eventually, postgres};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Executor, PgPool, Postgres, Row, Sqlite, SqlitePool, Transaction};
use tempfile::TempDir;

/// A transaction in which a test writes what is its own.
pub(crate) trait Own: CallersTransaction + Send + Sized + 'static {
    /// Runs a statement.
    fn run(&mut self, sql: &str) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
    /// The number that a query yields.
    fn number(&mut self, sql: &str) -> impl Future<Output = i64> + Send;
    fn commit(self) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
    fn rollback(self) -> impl Future<Output = ()> + Send;

    /// Places an order in the shop's own table.
    fn place_order(&mut self, id: &str) -> impl Future<Output = ()> + Send {
        let sql = format!("INSERT INTO orders (id) VALUES ('{id}')");
        async move { self.run(&sql).await.unwrap() }
    }
}

macro_rules! own {
    ($database:ty) => {
        impl Own for Transaction<'static, $database> {
            async fn run(&mut self, sql: &str) -> Result<(), sqlx::Error> {
                let sql = AssertSqlSafe(sql.to_owned());
                (&mut **self).execute(sqlx::raw_sql(sql)).await.map(drop)
            }

            async fn number(&mut self, sql: &str) -> i64 {
                let sql = AssertSqlSafe(sql.to_owned());
                (&mut **self).fetch_one(sqlx::raw_sql(sql)).await.unwrap().get(0)
            }

            async fn commit(self) -> Result<(), sqlx::Error> {
                Transaction::commit(self).await
            }

            async fn rollback(self) {
                Transaction::rollback(self).await.unwrap();
            }
        }
    };
}

own!(Sqlite);
own!(Postgres);

/// A database with the feeds `orders` and `customers` and a table of orders.
pub(crate) trait Place: Send + Sync + 'static {
    type Own: Own;

    fn store(&self) -> &dyn EventStore;
    fn feeds(&self) -> &FeedServer;
    fn begin(&self) -> impl Future<Output = Self::Own> + Send;

    fn publisher(&self) -> Publisher {
        self.feeds().publisher()
    }

    /// The whole feed.
    async fn log(&self) -> Vec<Recorded> {
        read_all(self.store(), "orders").await
    }

    /// The ids of the feed's events, once there are so many.
    async fn ids(&self, count: usize) -> Vec<String> {
        eventually(&format!("{count} events"), async || {
            let ids: Vec<_> = self.log().await.iter().map(|it| it.event.id().to_string()).collect();
            (ids.len() >= count).then_some(ids)
        })
        .await
    }

    /// How many orders the shop has.
    async fn orders(&self) -> i64 {
        let mut own = self.begin().await;
        let count = own.number("SELECT count(*) FROM orders").await;
        own.rollback().await;
        count
    }
}

pub(crate) async fn read_all(store: &dyn EventStore, feed: &str) -> Vec<Recorded> {
    let feeds = store.feeds().await.unwrap();
    let (feed, _) = feeds.iter().find(|(it, _)| it.name.as_str() == feed).unwrap();
    let window = Window {
        after: feed_protocol::Position::new(0).unwrap(),
        max_positions: u64::MAX,
        max_bytes: u64::MAX,
        types: &[],
    };
    let slice = store.read(feed, &window).await.unwrap();
    let log: Vec<_> = slice.entries.into_iter().map(|entry| entry.recorded).collect();
    feed_tests::reading::assert_gapless(&log);
    log
}

async fn serve(store: Arc<dyn EventStore>) -> FeedServer {
    let feeds = FeedServer::builder().shared_store(store).feed("orders").feed("customers");
    feeds.build().await.unwrap()
}

const TABLE: &str = "CREATE TABLE orders (id TEXT PRIMARY KEY)";

/// A SQLite file.
pub(crate) struct InSqlite {
    folder: TempDir,
    store: Arc<dyn EventStore>,
    feeds: FeedServer,
    pool: SqlitePool,
}

impl InSqlite {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shop.db");
        let store = feed_server::store::open(file.to_str().unwrap()).await.unwrap();
        let pool = Self::pool(&folder, SqliteSynchronous::Full).await;
        pool.execute(TABLE).await.unwrap();
        Self { feeds: serve(store.clone()).await, store, folder, pool }
    }

    async fn pool(folder: &TempDir, synchronous: SqliteSynchronous) -> SqlitePool {
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("shop.db"))
            .synchronous(synchronous)
            .busy_timeout(Duration::from_secs(30));
        SqlitePoolOptions::new().max_connections(20).connect_with(options).await.unwrap()
    }

    /// Connections whose commits are not synced to disk.
    pub(crate) async fn hasty(&self) -> SqlitePool {
        Self::pool(&self.folder, SqliteSynchronous::Normal).await
    }

    /// A transaction that has no lock yet.
    pub(crate) async fn begin_deferred(&self) -> Transaction<'static, Sqlite> {
        self.pool.begin().await.unwrap()
    }
}

impl Place for InSqlite {
    type Own = Transaction<'static, Sqlite>;

    fn store(&self) -> &dyn EventStore {
        &*self.store
    }

    fn feeds(&self) -> &FeedServer {
        &self.feeds
    }

    async fn begin(&self) -> Self::Own {
        self.pool.begin_with("BEGIN IMMEDIATE").await.unwrap()
    }
}

/// A PostgreSQL database.
pub(crate) struct InPostgres {
    store: Arc<dyn EventStore>,
    feeds: FeedServer,
    pub(crate) pool: PgPool,
    pub(crate) database: postgres::Database,
}

impl InPostgres {
    pub(crate) async fn new() -> Self {
        let database = postgres::Database::create().await;
        let store = feed_server::store::open(database.url()).await.unwrap();
        let pool = database.pool(20).await;
        pool.execute(TABLE).await.unwrap();
        Self { feeds: serve(store.clone()).await, store, pool, database }
    }
}

impl Place for InPostgres {
    type Own = Transaction<'static, Postgres>;

    fn store(&self) -> &dyn EventStore {
        &*self.store
    }

    fn feeds(&self) -> &FeedServer {
        &self.feeds
    }

    async fn begin(&self) -> Self::Own {
        self.pool.begin().await.unwrap()
    }
}

/// An order that was placed.
pub(crate) fn placed(id: &str) -> NewEvent {
    NewEvent::new("/shop", "order.placed").id(id).json(&id)
}

/// The same for a subject.
pub(crate) fn placed_for(subject: &str, id: &str) -> NewEvent {
    placed(id).subject(subject)
}
