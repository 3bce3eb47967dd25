//! A consumer whose table says exactly what the feed says.
//!
//! It counts the orders of each customer, which nobody could do twice for the same order. So the
//! count is raised in the transaction in which the cursor moves: both commit, or neither does.

use std::io::Write;

use feed_consumer::{Consumer, ConsumerBuilder, Postgres, Sqlite};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{PgPool, SqlitePool};

use crate::shop::OrderPlaced;

// Statements that SQLite and PostgreSQL both understand.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS customer_orders (customer TEXT PRIMARY KEY, orders BIGINT NOT NULL)";
const RAISE: &str = "INSERT INTO customer_orders (customer, orders) VALUES ($1, 1)
    ON CONFLICT (customer) DO UPDATE SET orders = customer_orders.orders + 1";
const COUNT: &str =
    "SELECT count(*), CAST(coalesce(sum(orders), 0) AS BIGINT) FROM customer_orders";

/// How to run.
#[derive(Debug, Clone, clap::Parser)]
#[command(about = "Count the orders of each customer, each order exactly once")]
pub struct Options {
    /// The feed of orders
    url: String,
    /// The database with the table: a SQLite file, or a PostgreSQL database by its URL
    #[arg(long, value_name = "URL", default_value = "revenue.db")]
    database: String,
    /// How many events share a transaction, at most
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    batch: usize,
    /// End once every order is counted
    #[arg(long)]
    until_idle: bool,
}

/// Runs until `stop` completes or, with `--until-idle`, until every order is counted.
///
/// # Errors
///
/// When something cannot be set up, or an order cannot be counted.
pub async fn run(options: Options, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let settings = settings(&options);
    let (customers, orders): (i64, i64) = if options.database.starts_with("postgres") {
        let pool = PgPool::connect(&options.database).await?;
        sqlx::query(TABLE).execute(&pool).await?;
        let consumer = settings
            .database(pool.clone())
            .transactional::<Postgres>()
            .on("order.placed", async |mut tx, order: OrderPlaced, _| {
                sqlx::query(RAISE).bind(order.customer_id).execute(&mut *tx).await?;
                Ok(())
            })
            .build()?;
        consumer.run(stop).await?;
        sqlx::query_as(COUNT).fetch_one(&pool).await?
    } else {
        let file = SqliteConnectOptions::new().filename(&options.database).create_if_missing(true);
        let pool = SqlitePool::connect_with(file).await?;
        sqlx::query(TABLE).execute(&pool).await?;
        let consumer = settings
            .database(pool.clone())
            .transactional::<Sqlite>()
            .on("order.placed", async |mut tx, order: OrderPlaced, _| {
                sqlx::query(RAISE).bind(order.customer_id).execute(&mut *tx).await?;
                Ok(())
            })
            .build()?;
        consumer.run(stop).await?;
        sqlx::query_as(COUNT).fetch_one(&pool).await?
    };
    writeln!(std::io::stdout(), "{orders} orders of {customers} customers")?;
    Ok(())
}

fn settings(options: &Options) -> ConsumerBuilder<()> {
    Consumer::builder(&options.url)
        .group("customer-orders")
        .batch(options.batch, std::time::Duration::ZERO)
        .until_idle(options.until_idle)
}
