//! The shop's own table, and the transaction in which an order is placed.

use feed_server::store::TransactionError;
use feed_server::{NewEvent, PublishError, Publisher};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{PgPool, SqlitePool};

use crate::shop::{ORDERS, OrderPlaced};

/// How often a transaction is done again that stood in the way of another one.
const ATTEMPTS: u32 = 5;

/// Whose card is always denied.
pub(super) const DENIED: &str = "customer-13";

/// The statements of the shop; both databases understand them.
const CREATE: &str = "CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL,
    total TEXT NOT NULL
)";
const INSERT: &str = "INSERT INTO orders (order_id, customer_id, total) VALUES ($1, $2, $3)
    ON CONFLICT (order_id) DO NOTHING";
const IDS: &str = "SELECT order_id FROM orders ORDER BY order_id";

/// The orders of the shop. A real shop has one kind of database; this one takes either.
#[derive(Debug, Clone)]
pub(super) struct Orders {
    pool: Pool,
    publisher: Publisher,
}

#[derive(Debug, Clone)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    New,
    /// The customer has asked twice.
    Before,
}

/// Why an order was not placed.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlaceError {
    #[error("the card was denied")]
    CardDenied,
    #[error("the shop's database failed")]
    Database(#[from] sqlx::Error),
    #[error("the event could not be published")]
    Publish(#[from] PublishError),
}

impl PlaceError {
    /// Whether the same transaction may well succeed when it is done again.
    fn passes(&self) -> bool {
        let Self::Publish(PublishError::Transaction(error)) = self else { return false };
        matches!(**error, TransactionError::Conflict(_))
    }
}

/// The whole of it, the same for either database: the order's row, its event, and then the decision.
macro_rules! place {
    ($transaction:expr, $orders:expr, $order:expr) => {{
        let mut transaction = $transaction;
        let inserted = sqlx::query(INSERT)
            .bind(&$order.order_id)
            .bind(&$order.customer_id)
            .bind(&$order.total)
            .execute(&mut *transaction)
            .await?;
        // The id is the order's own, so that the same order is the same event, however often a
        // customer, or this program, tries.
        let event = NewEvent::new("/shop", "order.placed")
            .id(format!("{}-placed", $order.order_id))
            .subject(&$order.order_id)
            .time($order.placed_at)
            .json($order);
        let receipt = $orders.publisher.publish_in(&mut transaction, ORDERS, event).await?;
        if $order.customer_id == DENIED {
            // Neither the row nor the event has ever been.
            transaction.rollback().await?;
            return Err(PlaceError::CardDenied);
        }
        transaction.commit().await?;
        receipt.wake();
        Ok(if inserted.rows_affected() > 0 { Placed::New } else { Placed::Before })
    }};
}

impl Orders {
    /// Opens the shop's database, and makes its table.
    pub(super) async fn open(database: &str, publisher: Publisher) -> anyhow::Result<Self> {
        let pool = if database.starts_with("postgres") {
            let pool = PgPool::connect(database).await?;
            sqlx::query(CREATE).execute(&pool).await?;
            Pool::Postgres(pool)
        } else {
            // sqlx's own settings are safe: WAL is a property of the file, and synchronous is FULL.
            let options = SqliteConnectOptions::new().filename(database);
            let pool = SqlitePool::connect_with(options).await?;
            sqlx::query(CREATE).execute(&pool).await?;
            Pool::Sqlite(pool)
        };
        Ok(Self { pool, publisher })
    }

    /// Places an order and tells of it, both or neither.
    pub(super) async fn place(&self, order: &OrderPlaced) -> Result<Placed, PlaceError> {
        for _ in 1..ATTEMPTS {
            match self.try_place(order).await {
                Err(error) if error.passes() => {}
                outcome => return outcome,
            }
        }
        self.try_place(order).await
    }

    async fn try_place(&self, order: &OrderPlaced) -> Result<Placed, PlaceError> {
        match &self.pool {
            // IMMEDIATE: a transaction that is going to write says so at once, and waits its turn.
            Pool::Sqlite(pool) => place!(pool.begin_with("BEGIN IMMEDIATE").await?, self, order),
            Pool::Postgres(pool) => place!(pool.begin().await?, self, order),
        }
    }

    /// The ids of all orders.
    pub(super) async fn ids(&self) -> Result<Vec<String>, sqlx::Error> {
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query_scalar(IDS).fetch_all(pool).await,
            Pool::Postgres(pool) => sqlx::query_scalar(IDS).fetch_all(pool).await,
        }
    }
}
