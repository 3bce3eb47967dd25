//! From the rows of a read to a [`Slice`], the same for every database.
//!
//! Each row begins with the head; where there is an event to show, its columns follow.

use chrono::{DateTime, Utc};
use feed_protocol::{Entry, Position, PositionRange};

use super::row::{self, StoredRow};
use super::{Feed, Head, Slice, StoreError, Window};

/// Where the columns of an entry begin in a row that begins with a head.
const ENTRY: usize = 2;
/// The column after those of an entry.
const AFTER_ENTRY: usize = ENTRY + 12;

/// The last position that a window may cover.
pub(super) fn end(window: &Window<'_>) -> Position {
    window.after.advanced_by(window.max_positions)
}

/// The bytes that end a window: at least one, so that every event does.
pub(super) fn max_bytes(window: &Window<'_>) -> u64 {
    window.max_bytes.max(1)
}

/// What the statement `read_window` has found.
pub(super) fn of_window(
    rows: &[impl StoredRow],
    feed: &Feed,
    window: &Window<'_>,
) -> Result<Slice, StoreError> {
    let (head, entries) = head_and_entries(rows, feed)?;
    let last = match entries.last() {
        Some(last) if data_bytes(&entries) >= max_bytes(window) => last.recorded.position,
        _ => end(window).min(head.position),
    };
    if window.types.is_empty() {
        check_gapless(feed, window.after, last, &entries)?;
    }
    Ok(Slice { head, range: PositionRange::after(window.after, last), entries })
}

/// What the statement `read_subject` has found; its rows end with the position of the subject's
/// newest event.
pub(super) fn of_subject(
    rows: &[impl StoredRow],
    feed: &Feed,
    after: Position,
) -> Result<Option<Slice>, StoreError> {
    let (head, entries) = head_and_entries(rows, feed)?;
    let newest = match rows.first() {
        Some(found) => found.optional_integer(AFTER_ENTRY).map_err(StoreError::Failed)?,
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

/// The instant that the statement `read_position_before` looks for. What is stored has whole
/// microseconds, so it lies before the instant if it lies before the next whole one.
pub(super) fn micros_from(instant: DateTime<Utc>) -> i64 {
    let part = i64::from(!instant.timestamp_subsec_nanos().is_multiple_of(1000));
    instant.timestamp_micros() + part
}

/// What the statement `read_position_before` has found.
pub(super) fn position_before(found: Option<i64>, feed: &Feed) -> Result<Position, StoreError> {
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
fn head_and_entries(
    rows: &[impl StoredRow],
    feed: &Feed,
) -> Result<(Head, Vec<Entry>), StoreError> {
    let first = rows.first().ok_or_else(|| row::missing_feed(feed.key))?;
    let head = row::head(first, 0, feed.key)?;
    let mut entries = Vec::with_capacity(rows.len());
    for found in rows {
        // NULL where the feed has no event to show.
        if found.optional_integer(ENTRY).is_ok_and(|position| position.is_none()) {
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
