//! For tests: new, empty databases.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use throwaway_postgres::Cluster;

/// An empty database, which goes away with the last of its clones or with the tests' process.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    url: String,
    _folder: Option<Arc<TempDir>>,
}

impl Database {
    /// How a user names it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// A SQLite file that is not there yet.
pub(crate) async fn sqlite() -> Database {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("consumer.db").to_str().unwrap().to_owned();
    Database { url, _folder: Some(Arc::new(folder)) }
}

/// A database of PostgreSQL, on a server of the tests' process.
pub(crate) async fn postgres() -> Database {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let start =
        || CLUSTER.get_or_init(|| Cluster::start_with(&[("max_connections", "300")]).unwrap());
    let cluster = tokio::task::spawn_blocking(start).await.unwrap();
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    create(&cluster.url("postgres"), &name).await;
    Database { url: cluster.url(&name), _folder: None }
}

async fn create(server: &str, name: &str) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    let statement = format!("CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0");
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
