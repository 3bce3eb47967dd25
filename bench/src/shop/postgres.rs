//! A shop in a PostgreSQL of its own, with its settings as they come: each commit is synced to disk.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Error, Result};
use feed_protocol::Event;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection, PgPool, Postgres, Transaction};
use throwaway_postgres::Cluster;

use super::{Database, OWN_ROWS, PATIENCE};

/// A PostgreSQL for the time of the run.
pub(crate) struct Server(Cluster);

impl Server {
    /// Starts one, in the folder for temporary files.
    pub(crate) async fn start(beside: &Path) -> Result<Self> {
        // 64 that insert, and two servers.
        let start = || Cluster::start_with(&[("max_connections", "200")]);
        let cluster = tokio::task::spawn_blocking(start).await?.map_err(Error::msg)?;
        if !same_disk(beside, cluster.folder()) {
            eprintln!(
                "PostgreSQL's files are in {}, on another disk than those of SQLite; TMPDIR names \
                 another folder",
                cluster.folder().display()
            );
        }
        Ok(Self(cluster))
    }

    /// A new database.
    pub(crate) async fn database(&self, name: &str) -> Result<InPostgres> {
        let mut server = options(&self.0.url("postgres"))?.connect().await?;
        server.execute(sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))).await?;
        let url = self.0.url(name);
        let pool = PgPoolOptions::new()
            .max_connections(OWN_ROWS.unsigned_abs().try_into()?)
            .acquire_timeout(PATIENCE)
            // A round trip more for each transaction would make all of them alike.
            .test_before_acquire(false)
            .connect_lazy_with(options(&url)?);
        Ok(InPostgres { url, pool })
    }
}

fn same_disk(one: &Path, other: &Path) -> bool {
    let device = |path: &Path| std::fs::metadata(path).ok().map(|it| it.dev());
    device(one) == device(other)
}

fn options(url: &str) -> Result<PgConnectOptions> {
    Ok(url.parse::<PgConnectOptions>()?.disable_statement_logging())
}

/// A database of its own.
pub(crate) struct InPostgres {
    url: String,
    pool: PgPool,
}

impl Database for InPostgres {
    type Transaction = Transaction<'static, Postgres>;
    type Client = PgConnection;

    const NAME: &'static str = "postgres";
    const ONE_WRITER: bool = false;

    fn url(&self) -> &str {
        &self.url
    }

    async fn make_tables(&self) -> Result<()> {
        let tables = sqlx::raw_sql(include_str!("sql/postgres_tables.sql"));
        self.pool.execute(tables).await?;
        Ok(())
    }

    async fn connect(&self) -> Result<PgConnection> {
        Ok(options(&self.url)?.connect().await?)
    }

    async fn insert(client: &mut PgConnection, events: &[Event], after: i64) -> Result<()> {
        match events {
            [event] => insert_one(client, event, after + 1).await,
            events => insert_many(client, events, after).await,
        }
    }

    async fn begin(&self) -> Result<Self::Transaction> {
        Ok(self.pool.begin().await?)
    }

    async fn change_order(transaction: &mut Self::Transaction, row: i64) -> Result<()> {
        sqlx::query("UPDATE shop_orders SET changes = changes + 1 WHERE id = $1")
            .bind(row)
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }

    async fn log(transaction: &mut Self::Transaction, event: &Event) -> Result<()> {
        sqlx::query("INSERT INTO shop_log (id, type, subject, data) VALUES ($1, $2, $3, $4)")
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

async fn insert_one(client: &mut PgConnection, event: &Event, position: i64) -> Result<()> {
    sqlx::query(include_str!("sql/postgres_insert.sql"))
        .bind(1_i64)
        .bind(position)
        .bind(position)
        .bind(format!("urn:uuid:{}", event.id()))
        .bind(event.source().as_str())
        .bind(event.id().as_str())
        .bind(event.event_type().as_str())
        .bind(event.subject().map(AsRef::<str>::as_ref))
        .bind(event.time().map(|time| time.as_str()))
        .bind(event.data_content_type().map(AsRef::<str>::as_ref))
        .bind(event.data_schema().map(AsRef::<str>::as_ref))
        .bind(None::<&str>)
        .bind(event.data().map(AsRef::<[u8]>::as_ref))
        .execute(client)
        .await?;
    Ok(())
}

/// By one array for each column, rather than a list of rows with 13,000 parameters.
async fn insert_many(client: &mut PgConnection, events: &[Event], after: i64) -> Result<()> {
    let positions: Vec<i64> = (after + 1..).take(events.len()).collect();
    let texts = |of: fn(&Event) -> &str| -> Vec<&str> { events.iter().map(of).collect() };
    let optional =
        |of: fn(&Event) -> Option<&str>| -> Vec<Option<&str>> { events.iter().map(of).collect() };
    let data: Vec<_> = events.iter().map(|it| it.data().map(AsRef::<[u8]>::as_ref)).collect();
    sqlx::query(include_str!("sql/postgres_insert_many.sql"))
        .bind(vec![1_i64; events.len()])
        .bind(&positions)
        .bind(&positions)
        .bind(events.iter().map(|it| format!("urn:uuid:{}", it.id())).collect::<Vec<_>>())
        .bind(texts(|it| it.source().as_str()))
        .bind(texts(|it| it.id().as_str()))
        .bind(texts(|it| it.event_type().as_str()))
        .bind(optional(|it| it.subject().map(AsRef::as_ref)))
        .bind(optional(|it| it.time().map(|time| time.as_str())))
        .bind(optional(|it| it.data_content_type().map(AsRef::as_ref)))
        .bind(optional(|it| it.data_schema().map(AsRef::as_ref)))
        .bind(vec![None::<&str>; events.len()])
        .bind(data)
        .execute(client)
        .await?;
    Ok(())
}
