//! Publishing in a transaction of the caller's: a plain append, since the transaction holds the
//! file's one write lock until it ends.

use std::slice;

use sqlx::SqliteConnection;

use super::append::append_in;
use super::failure::{code, failure, primary_code};
use crate::store::outbox::{Put, TransactionError};
use crate::store::{Append, StoreError};

/// Appends the one event of a request, in a transaction of the caller's.
pub(in crate::store) async fn put(
    connection: &mut SqliteConnection,
    append: &Append,
) -> Result<Put, TransactionError> {
    if append.events.len() != 1 {
        return Err(TransactionError::OneEvent(append.events.len()));
    }
    let synchronous: i64 = sqlx::query_scalar(include_str!("sql/setup_synchronous.sql"))
        .fetch_one(&mut *connection)
        .await
        .map_err(trouble)?;
    // 2 is FULL, 3 is EXTRA.
    if synchronous < 2 {
        return Err(TransactionError::NotDurable("PRAGMA synchronous = FULL"));
    }
    // The lock comes before anything is read: a transaction that has read may not write any more
    // once another has written.
    let iri: Option<String> = sqlx::query_scalar(include_str!("sql/put_lock.sql"))
        .bind(append.feed.name.as_str())
        .fetch_optional(&mut *connection)
        .await
        .map_err(trouble)?;
    if iri.as_ref() != Some(&append.feed.iri) {
        return Err(TransactionError::OtherDatabase(append.feed.name.clone()));
    }
    let commit =
        append_in(connection, slice::from_ref(append)).await.map_err(|error| match error {
            StoreError::Unavailable(error) | StoreError::Failed(error) => trouble(error),
            error => TransactionError::Store(error),
        })?;
    let result = commit.results.into_iter().next();
    let appended = result.expect("a store answers each request");
    Ok(appended.map(|events| events.iter().any(|event| event.created)))
}

/// What an error means to a caller's transaction.
fn trouble(error: sqlx::Error) -> TransactionError {
    match primary_code(&error) {
        Some(code::BUSY | code::LOCKED) => TransactionError::Conflict(error),
        Some(code::ERROR) if error.to_string().contains("no such table") => {
            TransactionError::NoTables(error)
        }
        _ => TransactionError::Store(failure(error)),
    }
}
