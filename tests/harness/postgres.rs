//! PostgreSQL databases, a new one for each test.
//!
//! They are made on the server that `FEED_TEST_POSTGRES_URL` names, or else on a private one that is
//! started when the first test needs it and ends with the tests' process.

use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool, Row};
use throwaway_postgres::Cluster;
use url::Url;

/// Names the server on which the tests may make databases, and drop them again.
const VARIABLE: &str = "FEED_TEST_POSTGRES_URL";

/// What the private server needs beyond the usual: the connections of many tests at once.
const SETTINGS: &[(&str, &str)] = &[("max_connections", "400")];

/// An empty database, dropped with this value.
#[derive(Debug)]
pub struct Database {
    /// Where databases are made and dropped.
    server: Url,
    url: Url,
}

impl Database {
    /// Makes a database on the server of the tests.
    ///
    /// # Panics
    ///
    /// When there is no server, and none can be started; the message says what to do.
    pub async fn create() -> Self {
        let server = tokio::task::spawn_blocking(server).await.expect("starting does not panic");
        Self::create_on(server.clone()).await
    }

    /// Makes a database on a server of one's own.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub async fn create_on(server: Url) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name =
            format!("feed_test_{}_{number}_{:08x}", std::process::id(), rand::random::<u32>());
        let mut connection = connect(&server).await;
        let statement = format!("CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{VARIABLE}: no database can be made: {error}"));
        connection.close().await.expect("a connection can be closed");
        let mut url = server.clone();
        url.set_path(&name);
        Self { server, url }
    }

    /// Its URL, for `--database`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// A connection of a test's own.
    ///
    /// # Panics
    ///
    /// When none can be made.
    pub async fn connect(&self) -> PgConnection {
        connect(&self.url).await
    }

    /// A connection of a test's own, if the server has one to give.
    pub async fn try_connect(&self) -> Option<PgConnection> {
        options(&self.url).connect().await.ok()
    }

    /// Connections of a test's own.
    ///
    /// # Panics
    ///
    /// When none can be made.
    pub async fn pool(&self, connections: u32) -> PgPool {
        let options = options(&self.url);
        let pool = PgPoolOptions::new().max_connections(connections).connect_with(options).await;
        pool.expect("the database can be reached")
    }

    /// Lets transactions write or not, as a host of databases does when a disk is full, and ends the
    /// connections that do not know of it.
    ///
    /// # Panics
    ///
    /// When that is not allowed.
    pub async fn set_read_only(&self, read_only: bool) {
        let mut connection = self.connect().await;
        let name = &self.url.path()[1..];
        for statement in [
            "SET default_transaction_read_only = off".to_owned(),
            format!("ALTER DATABASE {name} SET default_transaction_read_only = {read_only}"),
        ] {
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
                .execute(&mut connection)
                .await
                .expect("a database can be set read-only");
        }
        self.cut_connections().await;
    }

    /// Ends the connections of all others to this database, as an administrator does. Returns how
    /// many there were.
    ///
    /// # Panics
    ///
    /// When that is not allowed.
    pub async fn cut_connections(&self) -> usize {
        let mut connection = self.connect().await;
        let ended = sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .fetch_all(&mut connection)
        .await
        .expect("connections can be ended");
        ended.iter().filter(|row| row.get::<bool, _>(0)).count()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.url.path()[1..].to_owned());
        // Dropping is not async, and the runtime of the test may be ending. Best effort: the
        // private server goes away with all that it holds.
        let _ = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                let Ok(mut connection) = options(&server).connect().await else { return };
                let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                let _ =
                    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await;
            });
        })
        .join();
    }
}

/// A server of a test's own, to be stopped, killed and started again.
///
/// # Panics
///
/// When none can be started.
pub async fn private_server() -> Cluster {
    let started = tokio::task::spawn_blocking(|| Cluster::start_with(SETTINGS)).await;
    started.expect("starting does not panic").unwrap_or_else(|error| panic!("{error}"))
}

/// The URL of a private server's database for administrators.
///
/// # Panics
///
/// Never: the URL is one.
#[must_use]
pub fn url_of(server: &Cluster) -> Url {
    server.url("postgres").parse().expect("a URL")
}

/// The server of the tests.
fn server() -> &'static Url {
    static SERVER: OnceLock<(Url, Option<Cluster>)> = OnceLock::new();
    let (url, _) = SERVER.get_or_init(|| match std::env::var(VARIABLE) {
        Ok(url) => (url.parse().unwrap_or_else(|error| panic!("{VARIABLE}: {error}")), None),
        Err(_) => {
            let cluster = Cluster::start_with(SETTINGS).unwrap_or_else(|error| {
                panic!("{error}; or name a server for tests in {VARIABLE}")
            });
            (url_of(&cluster), Some(cluster))
        }
    });
    url
}

fn options(url: &Url) -> PgConnectOptions {
    PgConnectOptions::from_str(url.as_str())
        .expect("a URL of PostgreSQL")
        .disable_statement_logging()
}

async fn connect(url: &Url) -> PgConnection {
    let connected = options(url).connect().await;
    connected.unwrap_or_else(|error| panic!("PostgreSQL cannot be reached: {error}"))
}
