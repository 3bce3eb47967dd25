//! Publishing in a transaction of the caller's: a plain append, since the transaction holds the
//! file's one write lock until it ends.

use std::slice;

use feed_protocol::{Event, FeedIdentity};
use sqlx::{Connection, SqliteConnection};

use super::append::append_in;
use super::failure::{code, extended_code, failure, primary_code};
use crate::store::outbox::{Put, TransactionError};
use crate::store::row::extensions_json;
use crate::store::{Append, StoreError};

/// Appends the one event of a request, in a transaction of the caller's.
pub(in crate::store) async fn put(
    connection: &mut SqliteConnection,
    append: &Append,
) -> Result<Put, TransactionError> {
    let [event] = append.events.as_slice() else {
        return Err(TransactionError::OneEvent(append.events.len()));
    };
    if append.expected_version.is_none() && put_directly(connection, append, event).await? {
        return Ok(Ok(true));
    }
    let synchronous: i64 = sqlx::query_scalar(include_str!("sql/setup_synchronous.sql"))
        .fetch_one(&mut *connection)
        .await
        .map_err(trouble)?;
    // 2 is FULL, 3 is EXTRA.
    if synchronous < 2 {
        return Err(TransactionError::NotDurable("PRAGMA synchronous = FULL"));
    }
    // A savepoint: whatever happens half way, the caller's transaction holds all of it or nothing.
    let mut savepoint = connection.begin().await.map_err(trouble)?;
    // The lock comes before anything is read: a transaction that has read may not write any more
    // once another has written.
    let iri: Option<String> = sqlx::query_scalar(include_str!("sql/put_lock.sql"))
        .bind(append.feed.name.as_str())
        .fetch_optional(&mut *savepoint)
        .await
        .map_err(trouble)?;
    if iri.as_ref() != Some(&append.feed.iri) {
        savepoint.rollback().await.map_err(trouble)?;
        return Err(TransactionError::OtherDatabase(append.feed.name.clone()));
    }
    let commit =
        append_in(&mut savepoint, slice::from_ref(append)).await.map_err(|error| match error {
            StoreError::Unavailable(error) | StoreError::Failed(error) => trouble(error),
            error => TransactionError::Store(error),
        })?;
    savepoint.commit().await.map_err(trouble)?;
    let result = commit.results.into_iter().next();
    let appended = result.expect("a store answers each request");
    Ok(appended.map(|events| events.iter().any(|event| event.created)))
}

/// Appends the event in one statement, as nearly every event can be; `false` if something is in the
/// way and nothing was changed.
async fn put_directly(
    connection: &mut SqliteConnection,
    append: &Append,
    event: &Event,
) -> Result<bool, TransactionError> {
    let feed = &append.feed;
    let iri = FeedIdentity::uuid_iri(event).unwrap_or_else(|| feed.identity().tag_iri(event));
    let put = sqlx::query(include_str!("sql/put_try.sql"))
        .bind(feed.name.as_str())
        .bind(feed.iri.as_str())
        .bind(iri)
        .bind(event.source().as_str())
        .bind(event.id().as_str())
        .bind(event.event_type().as_str())
        .bind(event.subject().map(AsRef::<str>::as_ref))
        .bind(event.time().map(|time| time.as_str()))
        .bind(event.data_content_type().map(AsRef::<str>::as_ref))
        .bind(event.data_schema().map(AsRef::<str>::as_ref))
        .bind(extensions_json(event.extensions()))
        .bind(event.data().map(AsRef::<[u8]>::as_ref))
        .execute(connection)
        .await;
    match put {
        Ok(_) => Ok(true),
        Err(error) if extended_code(&error) == Some(code::CONSTRAINT_TRIGGER) => Ok(false),
        Err(error) => Err(trouble(error)),
    }
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
