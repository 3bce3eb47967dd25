//! Sees to it that nobody uses a database while it is replaced.

use sqlx::{Connection, SqliteConnection};

use super::connect;
use super::place::setup;
use crate::store::StoreError;
use crate::store::sqlite::SqliteOptions;
use crate::store::sqlite::failure::{code, primary_code};
use crate::store::sqlite::setup::explain;

/// That nobody else uses a database, and nobody can begin to until it is released: whoever opens it
/// meanwhile waits, and finds what stands in its place then (`connect_writer` looks). One that is no
/// database any more is used by nobody.
#[derive(Debug)]
pub(super) struct Claim(Option<SqliteConnection>);

impl Claim {
    /// Claims a file. Its log has then been moved into it; nothing else is changed.
    pub(super) async fn take(options: &SqliteOptions) -> Result<Self, StoreError> {
        match lock(options).await {
            Ok(Some(connection)) => Ok(Self(Some(connection))),
            Ok(None) => Err(used(options)),
            Err(error) => match primary_code(&error) {
                Some(code::BUSY | code::LOCKED) => Err(used(options)),
                Some(code::NOTADB | code::CORRUPT) => Ok(Self(None)),
                _ => Err(explain(options.path(), error)),
            },
        }
    }

    /// Lets go, once another file stands there.
    pub(super) async fn release(self) {
        if let Some(connection) = self.0
            && let Err(error) = connection.close().await
        {
            tracing::debug!(%error, "the database that was replaced was not closed");
        }
    }
}

/// Holds the lock with which nobody else can read or write; `None` if somebody came in between.
async fn lock(options: &SqliteOptions) -> Result<Option<SqliteConnection>, sqlx::Error> {
    let mut connection = connect(options).await?;
    // With a log, readers would go on beside whoever has this lock.
    sqlx::query(include_str!("../sql/backup_alone.sql")).execute(&mut connection).await?;
    sqlx::query(include_str!("../sql/backup_claim.sql")).execute(&mut connection).await?;
    let mode: String = sqlx::query_scalar(include_str!("../sql/backup_mode.sql"))
        .fetch_one(&mut connection)
        .await?;
    Ok((mode == "delete").then_some(connection))
}

fn used(options: &SqliteOptions) -> StoreError {
    setup(format!(
        "the database {} is used by another program: end it first, since it would go on with what is \
         replaced",
        options.path().display()
    ))
}
