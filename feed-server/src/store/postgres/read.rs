//! Everything that is read. Each function is one statement, which sees one state of the database.
//! None changes anything, so each can be done [again].

use chrono::{DateTime, Utc};
use feed_protocol::event::{EventId, EventType, Source, Subject};
use feed_protocol::{Entry, Position};
use sqlx::{PgExecutor, PgPool};

use super::failure::{failure, is_lost};
use crate::store::{Feed, Head, Slice, StoreError, Window, row, slice};

/// How many lost connections a read meets at most: as many as a pool may have kept.
const MAX_LOST: u32 = 16;

/// Reads, and reads again when the connection turns out to be lost: after a restart of the server,
/// all that a pool has kept are.
pub(super) async fn again<T, F: Future<Output = Result<T, StoreError>>>(
    read: impl Fn() -> F,
) -> Result<T, StoreError> {
    let mut lost = 0;
    loop {
        match read().await {
            Err(error) if is_lost(&error) && lost < MAX_LOST => lost += 1,
            outcome => return outcome,
        }
    }
}

pub(super) async fn feeds(readers: &PgPool) -> Result<Vec<(Feed, Head)>, StoreError> {
    let rows = sqlx::query(include_str!("sql/feed_list.sql")).fetch_all(readers).await;
    rows.map_err(failure)?.iter().map(row::feed_and_head).collect()
}

pub(super) async fn head(readers: &PgPool, feed: &Feed) -> Result<Head, StoreError> {
    let found = sqlx::query(include_str!("sql/feed_head.sql"))
        .bind(feed.key)
        .fetch_optional(readers)
        .await
        .map_err(failure)?
        .ok_or_else(|| row::missing_feed(feed.key))?;
    row::head(&found, 0, feed.key)
}

pub(super) async fn entry(
    readers: impl PgExecutor<'_>,
    feed: i64,
    position: Position,
) -> Result<Option<Entry>, StoreError> {
    let found = sqlx::query(include_str!("sql/read_entry.sql"))
        .bind(feed)
        .bind(row::integer(position.get()))
        .fetch_optional(readers)
        .await
        .map_err(failure)?;
    found.map(|found| row::entry(&found, 0, feed)).transpose()
}

pub(super) async fn find(
    readers: &PgPool,
    feed: &Feed,
    source: &Source,
    id: &EventId,
) -> Result<Option<Position>, StoreError> {
    let found: Option<i64> = sqlx::query_scalar(include_str!("sql/read_find.sql"))
        .bind(feed.key)
        .bind(id.as_str())
        .bind(source.as_str())
        .fetch_optional(readers)
        .await
        .map_err(failure)?;
    found.map(|number| row::event_position(number, feed.key)).transpose()
}

pub(super) async fn window(
    readers: &PgPool,
    feed: &Feed,
    window: &Window<'_>,
) -> Result<Slice, StoreError> {
    let types: Option<Vec<&str>> =
        (!window.types.is_empty()).then(|| window.types.iter().map(EventType::as_str).collect());
    let rows = sqlx::query(include_str!("sql/read_window.sql"))
        .bind(feed.key)
        .bind(row::integer(window.after.get()))
        .bind(row::integer(slice::end(window).get()))
        .bind(row::integer(slice::max_bytes(window)))
        .bind(types)
        .fetch_all(readers)
        .await
        .map_err(failure)?;
    slice::of_window(&rows, feed, window)
}

pub(super) async fn subject(
    readers: &PgPool,
    feed: &Feed,
    subject: &Subject,
    after: Position,
    max_entries: u64,
    max_bytes: u64,
) -> Result<Option<Slice>, StoreError> {
    let rows = sqlx::query(include_str!("sql/read_subject.sql"))
        .bind(feed.key)
        .bind(subject.as_str())
        .bind(row::integer(after.get()))
        .bind(row::integer(max_entries))
        .bind(row::integer(max_bytes.max(1)))
        .fetch_all(readers)
        .await
        .map_err(failure)?;
    slice::of_subject(&rows, feed, after)
}

pub(super) async fn position_before(
    readers: &PgPool,
    feed: &Feed,
    instant: DateTime<Utc>,
) -> Result<Position, StoreError> {
    let found: Option<i64> = sqlx::query_scalar(include_str!("sql/read_position_before.sql"))
        .bind(feed.key)
        .bind(slice::micros_from(instant))
        .fetch_optional(readers)
        .await
        .map_err(failure)?;
    slice::position_before(found, feed)
}
