//! A shop in a SQLite file, with a write-ahead log and each commit synced to disk, as feed-server
//! has it.

use std::path::Path;

use anyhow::{Context, Result};
use feed_protocol::Event;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Sqlite, SqliteConnection, SqlitePool};
use sqlx::{QueryBuilder, Transaction};

use super::{Database, OWN_ROWS, PATIENCE};

/// A file of its own.
pub(crate) struct InSqlite {
    file: String,
    pool: SqlitePool,
}

impl InSqlite {
    /// A new file.
    pub(crate) fn new(folder: &Path, name: &str) -> Result<Self> {
        let file = folder.join(format!("{name}.db"));
        let file = file.to_str().context("the folder's name is no UTF-8")?.to_owned();
        let pool = SqlitePoolOptions::new()
            .max_connections(OWN_ROWS.unsigned_abs().try_into()?)
            .acquire_timeout(PATIENCE)
            .test_before_acquire(false)
            .connect_lazy_with(options(&file));
        Ok(Self { file, pool })
    }
}

fn options(file: &str) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(PATIENCE)
        // The copy of feed_events is spared the reference to the feed.
        .foreign_keys(false)
        // As feed-server has them, so that this makes no difference.
        .pragma("cache_size", "-32768")
        .pragma("wal_autocheckpoint", "4000")
        .disable_statement_logging()
}

impl Database for InSqlite {
    type Transaction = Transaction<'static, Sqlite>;
    type Client = SqliteConnection;

    const NAME: &'static str = "sqlite";
    const ONE_WRITER: bool = true;

    fn url(&self) -> &str {
        &self.file
    }

    async fn make_tables(&self) -> Result<()> {
        let statements: Vec<String> = sqlx::query_scalar(
            "SELECT sql FROM sqlite_schema WHERE tbl_name = 'feed_events' AND sql IS NOT NULL
             ORDER BY type DESC",
        )
        .fetch_all(&self.pool)
        .await?;
        for statement in statements {
            let statement = statement.replace("feed_events", "inserted_events");
            self.pool.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await?;
        }
        self.pool.execute(sqlx::raw_sql(include_str!("sql/sqlite_tables.sql"))).await?;
        Ok(())
    }

    async fn connect(&self) -> Result<SqliteConnection> {
        Ok(options(&self.file).connect().await?)
    }

    async fn insert(client: &mut SqliteConnection, events: &[Event], after: i64) -> Result<()> {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO inserted_events (feed, position, updated, iri, source, id, type, subject, \
             time, datacontenttype, dataschema, extensions, data) ",
        );
        query.push_values(events.iter().zip(after + 1..), |mut row, (event, position)| {
            row.push_bind(1_i64)
                .push_bind(position)
                .push_bind(position)
                .push_bind(format!("urn:uuid:{}", event.id()))
                .push_bind(event.source().as_str())
                .push_bind(event.id().as_str())
                .push_bind(event.event_type().as_str())
                .push_bind(event.subject().map(AsRef::<str>::as_ref))
                .push_bind(event.time().map(|time| time.as_str()))
                .push_bind(event.data_content_type().map(AsRef::<str>::as_ref))
                .push_bind(event.data_schema().map(AsRef::<str>::as_ref))
                .push_bind(None::<&str>)
                .push_bind(event.data().map(AsRef::<[u8]>::as_ref));
        });
        query.build().execute(client).await?;
        Ok(())
    }

    async fn begin(&self) -> Result<Self::Transaction> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }

    async fn change_order(transaction: &mut Self::Transaction, row: i64) -> Result<()> {
        sqlx::query("UPDATE shop_orders SET changes = changes + 1 WHERE id = ?1")
            .bind(row)
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }

    async fn log(transaction: &mut Self::Transaction, event: &Event) -> Result<()> {
        sqlx::query("INSERT INTO shop_log (id, type, subject, data) VALUES (?1, ?2, ?3, ?4)")
            .bind(event.id().as_str())
            .bind(event.event_type().as_str())
            .bind(event.subject().map(AsRef::<str>::as_ref))
            .bind(event.data().map(AsRef::<[u8]>::as_ref))
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }

    async fn commit(transaction: Self::Transaction) -> Result<()> {
        Ok(transaction.commit().await?)
    }
}
