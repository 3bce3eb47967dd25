//! Everything that is read. Each function is one statement, which sees one state of the database.

use chrono::{DateTime, Utc};
use feed_protocol::event::{EventId, EventType, Source, Subject};
use feed_protocol::{Entry, Position, PositionRange};
use serde_json::json;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteExecutor, SqlitePool};

use super::failure::failure;
use super::row;
use crate::store::{Feed, Head, Slice, StoreError, Window};

/// Where the columns of an entry begin in a row that begins with a head.
const ENTRY: usize = 2;
/// The column after those of an entry.
const AFTER_ENTRY: usize = ENTRY + 12;

pub(super) async fn feeds(readers: &SqlitePool) -> Result<Vec<Feed>, StoreError> {
    let rows = sqlx::query(include_str!("sql/feed_list.sql")).fetch_all(readers).await;
    rows.map_err(failure)?.iter().map(row::feed).collect()
}

pub(super) async fn head(readers: &SqlitePool, feed: &Feed) -> Result<Head, StoreError> {
    let found = sqlx::query(include_str!("sql/feed_head.sql"))
        .bind(feed.key)
        .fetch_optional(readers)
        .await
        .map_err(failure)?
        .ok_or_else(|| row::missing_feed(feed.key))?;
    row::head(&found, 0, feed.key)
}

pub(super) async fn entry(
    readers: impl SqliteExecutor<'_>,
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
    readers: &SqlitePool,
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
    readers: &SqlitePool,
    feed: &Feed,
    window: &Window<'_>,
) -> Result<Slice, StoreError> {
    let end = window.after.advanced_by(window.max_positions);
    let max_bytes = window.max_bytes.max(1);
    let types = (!window.types.is_empty()).then(|| {
        let types: Vec<&str> = window.types.iter().map(EventType::as_str).collect();
        json!(types).to_string()
    });
    let rows = sqlx::query(include_str!("sql/read_window.sql"))
        .bind(feed.key)
        .bind(row::integer(window.after.get()))
        .bind(row::integer(end.get()))
        .bind(row::integer(max_bytes))
        .bind(types)
        .fetch_all(readers)
        .await
        .map_err(failure)?;
    let (head, entries) = head_and_entries(&rows, feed)?;
    let last = match entries.last() {
        Some(last) if data_bytes(&entries) >= max_bytes => last.recorded.position,
        _ => end.min(head.position),
    };
    if window.types.is_empty() {
        check_gapless(feed, window.after, last, &entries)?;
    }
    Ok(Slice { head, range: PositionRange::after(window.after, last), entries })
}

pub(super) async fn subject(
    readers: &SqlitePool,
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
    let (head, entries) = head_and_entries(&rows, feed)?;
    let newest: Option<i64> = match rows.first() {
        Some(found) => found.try_get(AFTER_ENTRY).map_err(failure)?,
        None => None,
    };
    let Some(newest) = newest else { return Ok(None) };
    let newest = row::event_position(newest, feed.key)?;
    let last = match entries.last().map(|last| last.recorded.position) {
        Some(last) if last < newest => last,
        None if after < newest => after,
        _ => head.position,
    };
    Ok(Some(Slice { head, range: PositionRange::after(after, last), entries }))
}

pub(super) async fn position_before(
    readers: &SqlitePool,
    feed: &Feed,
    instant: DateTime<Utc>,
) -> Result<Position, StoreError> {
    // What is stored has whole microseconds, so it lies before the instant if it lies before the
    // next whole one.
    let part = i64::from(!instant.timestamp_subsec_nanos().is_multiple_of(1000));
    let found: Option<i64> = sqlx::query_scalar(include_str!("sql/read_position_before.sql"))
        .bind(feed.key)
        .bind(instant.timestamp_micros() + part)
        .fetch_optional(readers)
        .await
        .map_err(failure)?;
    match found {
        Some(number) => {
            row::position(number, "feed_feeds", "head_position", || feed.key.to_string())
        }
        // The search met a place without an event, or there is no such feed.
        None => Err(StoreError::Inconsistent {
            table: "feed_feeds",
            column: "head_position",
            row: feed.key.to_string(),
            reason: "an event below the head is gone, or the feed is".to_owned(),
        }),
    }
}

/// The head in the first row, and the entry in each that has one.
fn head_and_entries(rows: &[SqliteRow], feed: &Feed) -> Result<(Head, Vec<Entry>), StoreError> {
    let first = rows.first().ok_or_else(|| row::missing_feed(feed.key))?;
    let head = row::head(first, 0, feed.key)?;
    let mut entries = Vec::with_capacity(rows.len());
    for found in rows {
        // NULL where the feed has no event to show.
        if found.try_get::<Option<i64>, _>(ENTRY).is_ok_and(|position| position.is_none()) {
            break;
        }
        entries.push(row::entry(found, ENTRY, feed.key)?);
    }
    Ok((head, entries))
}

/// Refuses to show a feed with a hole: the page would be kept by caches for ever.
fn check_gapless(
    feed: &Feed,
    after: Position,
    last: Position,
    entries: &[Entry],
) -> Result<(), StoreError> {
    let mut expected = after;
    for entry in entries {
        expected = expected.next();
        if entry.recorded.position != expected {
            return Err(row::missing_event(feed.key, expected));
        }
    }
    if expected < last { Err(row::missing_event(feed.key, expected.next())) } else { Ok(()) }
}

fn data_bytes(entries: &[Entry]) -> u64 {
    let lengths = entries.iter().filter_map(|entry| entry.recorded.event.data());
    lengths.map(|data| data.len() as u64).sum()
}
