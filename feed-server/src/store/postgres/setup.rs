//! Connections, and what is checked when the database is opened.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgConnection, PgPool, Row};
use tracing::warn;

use super::PostgresOptions;
use super::failure::{code, code_of};
use crate::store::StoreError;

/// The oldest version that is used.
const OLDEST: i64 = 13;

/// How long a connection may have been idle before it is asked whether it still stands.
const TRUSTED: Duration = Duration::from_secs(1);

/// Settings of every connection.
fn common(options: &PostgresOptions) -> PgConnectOptions {
    options.connect.clone().disable_statement_logging()
}

/// One connection.
pub(super) async fn connect(options: &PostgresOptions) -> Result<PgConnection, sqlx::Error> {
    let connect = common(options);
    match tokio::time::timeout(options.acquire_timeout, connect.connect()).await {
        Ok(connected) => connected,
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}

/// Connections that are made when they are needed.
pub(super) fn pool(options: &PostgresOptions, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(options.acquire_timeout)
        // A round trip for each use would cost more than many a use. A connection that is lost while
        // it is busy fails its request, which is then tried again.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for < TRUSTED {
                    return Ok(true);
                }
                Ok(sqlx::Connection::ping(connection).await.is_ok())
            })
        })
        .connect_lazy_with(common(options))
}

/// Looks at the server and the database that events are to be trusted to.
pub(super) async fn check(
    connection: &mut PgConnection,
    options: &PostgresOptions,
) -> Result<(), StoreError> {
    let found = sqlx::query(include_str!("sql/setup_check.sql"))
        .fetch_one(connection)
        .await
        .map_err(|error| explain(options, error))?;
    let get = |error| explain(options, error);
    let version: i64 = found.try_get(0).map_err(get)?;
    let encoding: String = found.try_get(1).map_err(get)?;
    let standby: bool = found.try_get(2).map_err(get)?;
    let synced: bool = found.try_get(3).map_err(get)?;
    let refuse = |reason: String| {
        let message = format!("the database {options} {reason}");
        Err(StoreError::Setup { message, source: None })
    };
    if version < OLDEST * 10_000 {
        return refuse(format!(
            "is of PostgreSQL {}: use version {OLDEST} or newer",
            version / 10_000
        ));
    }
    if encoding != "UTF8" {
        return refuse(format!(
            "is in {encoding}, which does not hold every text: create it with ENCODING 'UTF8'"
        ));
    }
    if standby {
        return refuse("is a standby, which takes no writes: name its primary".to_owned());
    }
    if !synced {
        warn!(
            "the database {options} has fsync or full_page_writes turned off: events that are \
             acknowledged may be lost when its machine fails"
        );
    }
    Ok(())
}

/// An error where the database does not accept writes.
pub(super) async fn check_writable(writers: &PgPool) -> Result<(), sqlx::Error> {
    let mut transaction = writers.begin().await?;
    sqlx::query(include_str!("sql/check_writable.sql")).execute(&mut *transaction).await?;
    transaction.rollback().await
}

/// What is wrong with the database, and what to do about it, in one line.
pub(super) fn explain(options: &PostgresOptions, error: sqlx::Error) -> StoreError {
    let reason = match (code_of(&error).as_deref(), &error) {
        (Some(code::NO_DATABASE), _) => "does not exist: create it with createdb".to_owned(),
        (Some(code::NO_PRIVILEGE), _) => format!(
            "does not let the user {} create tables: grant CREATE on its schema",
            options.connect.get_username()
        ),
        (Some(code::READ_ONLY), _) => "takes no writes: name its primary".to_owned(),
        (Some(code), _) if code.starts_with("28") => {
            "refuses the user or the password: see pg_hba.conf, and the URL".to_owned()
        }
        (_, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) => {
            "cannot be reached: start PostgreSQL, or correct the URL".to_owned()
        }
        (_, sqlx::Error::Tls(_)) => {
            "cannot be reached with TLS: see sslmode and sslrootcert in the URL".to_owned()
        }
        _ => "cannot be used: see what PostgreSQL says".to_owned(),
    };
    StoreError::Setup { message: format!("the database {options} {reason}"), source: Some(error) }
}
