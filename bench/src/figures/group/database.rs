//! The databases that a group shares, and what is counted in them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Executor, PgPool, SqliteConnection};
use throwaway_postgres::Cluster;
use tokio::process::Command;

/// Counts what PostgreSQL executes.
const COUNTING: &str = "pg_stat_statements";

/// Where a group keeps its cursors and leases.
#[derive(Debug)]
pub(super) enum Database {
    Sqlite {
        file: PathBuf,
        /// Kept open, so that the file with the count stays.
        _open: SqliteConnection,
    },
    Postgres {
        cluster: Cluster,
        /// `None` where the statements cannot be counted.
        counting: Option<PgPool>,
    },
}

impl Database {
    /// A file of its own.
    pub(super) async fn sqlite(folder: &Path) -> Result<Self> {
        let file = folder.join("group.db");
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        let mut open = options.connect().await?;
        open.execute("SELECT count(*) FROM sqlite_schema").await?;
        Ok(Self::Sqlite { file, _open: open })
    }

    /// A server of its own.
    pub(super) async fn postgres() -> Result<Self> {
        let start = |counts: bool| {
            let settings = [("max_connections", "200"), ("shared_preload_libraries", COUNTING)];
            let count = if counts { 2 } else { 1 };
            tokio::task::spawn_blocking(move || Cluster::start_with(&settings[..count]))
        };
        let (cluster, counts) = match start(true).await? {
            Ok(cluster) => (cluster, true),
            Err(_) => (start(false).await?.map_err(Error::msg)?, false),
        };
        let options: PgConnectOptions = cluster.url("postgres").parse()?;
        let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await?;
        pool.execute("CREATE DATABASE feed_group").await?;
        let counting = if counts {
            pool.execute("CREATE EXTENSION pg_stat_statements").await?;
            Some(pool)
        } else {
            eprintln!("statements are not counted: this PostgreSQL cannot load {COUNTING}");
            None
        };
        Ok(Self::Postgres { cluster, counting })
    }

    /// Its name among figures.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Postgres { .. } => "postgres",
        }
    }

    /// As a worker is told of it.
    pub(super) fn url(&self) -> Result<String> {
        match self {
            Self::Sqlite { file, .. } => {
                Ok(file.to_str().context("the folder's name is no UTF-8")?.to_owned())
            }
            Self::Postgres { cluster, .. } => Ok(cluster.url("feed_group")),
        }
    }

    /// How much has been done in it: by PostgreSQL's own count, all statements, `BEGIN` and
    /// `COMMIT` among them; in SQLite, the transactions that wrote something, of which the index
    /// of the write-ahead log keeps count. Not a number where it is not counted.
    pub(super) async fn count(&self) -> Result<f64> {
        match self {
            Self::Sqlite { file, .. } => {
                let mut index = file.clone().into_os_string();
                index.push("-shm");
                // By another program: were the file opened and closed here, the system would
                // take away the locks that the connection has on it.
                let mut od = Command::new("od");
                od.args(["-A", "n", "-t", "u4", "-j", "8", "-N", "4"]).arg(index);
                let output = od.output().await.context("od")?;
                Ok(String::from_utf8(output.stdout)?.trim().parse::<u32>()?.into())
            }
            Self::Postgres { counting: Some(pool), .. } => {
                Ok(sqlx::query_scalar(include_str!("statements.sql")).fetch_one(pool).await?)
            }
            Self::Postgres { counting: None, .. } => Ok(f64::NAN),
        }
    }
}
