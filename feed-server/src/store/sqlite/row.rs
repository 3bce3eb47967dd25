//! From rows to what they stand for. The file may have been edited by hand, so every column is
//! checked again.

use std::fmt::Display;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use feed_protocol::event::{EventId, EventParts, EventType, ExtensionValue, Extensions, Source};
use feed_protocol::{Entry, Event, PageSize, Position, Recorded};
use serde_json::{Map, Value};
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Decode, Row, Type};

use crate::store::{Feed, Head, StoreError};

/// A row of a table, and how to name it.
struct Columns<'r, K> {
    row: &'r SqliteRow,
    table: &'static str,
    key: K,
}

impl<'r, K: Fn() -> String> Columns<'r, K> {
    fn wrong(&self, column: &'static str, reason: impl Display) -> StoreError {
        StoreError::Inconsistent {
            table: self.table,
            column,
            row: (self.key)(),
            reason: reason.to_string(),
        }
    }

    fn get<T>(&self, index: usize, column: &'static str) -> Result<T, StoreError>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite>,
    {
        self.row.try_get(index).map_err(|error| self.wrong(column, error))
    }

    /// A column of text that `parse` understands.
    fn text<T, E: Display>(
        &self,
        index: usize,
        column: &'static str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        parse(self.get(index, column)?).map_err(|error| self.wrong(column, error))
    }

    /// The same, where the column may be NULL.
    fn optional_text<T, E: Display>(
        &self,
        index: usize,
        column: &'static str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.get(index, column)?;
        text.map(parse).transpose().map_err(|error| self.wrong(column, error))
    }

    fn position(&self, index: usize, column: &'static str) -> Result<Position, StoreError> {
        position(self.get(index, column)?, self.table, column, &self.key)
    }

    fn instant(&self, index: usize, column: &'static str) -> Result<DateTime<Utc>, StoreError> {
        instant(self.get(index, column)?).ok_or_else(|| self.wrong(column, "is no time"))
    }
}

/// A feed from key, name, title, iri, authority, page size, incarnation, created.
pub(super) fn feed(row: &SqliteRow) -> Result<Feed, StoreError> {
    let key: i64 =
        Columns { row, table: "feed_feeds", key: || "(unknown)".into() }.get(0, "key")?;
    let columns = Columns { row, table: "feed_feeds", key: || key.to_string() };
    let page_size: i64 = columns.get(5, "page_size")?;
    Ok(Feed {
        key,
        name: columns.text(1, "name", |text| text.parse())?,
        title: columns.get(2, "title")?,
        iri: columns.get(3, "iri")?,
        authority: columns.get(4, "authority")?,
        page_size: PageSize::new(u64::try_from(page_size).unwrap_or_default())
            .map_err(|error| columns.wrong("page_size", error))?,
        incarnation: columns.text(6, "incarnation", |text| text.parse())?,
        created: columns.instant(7, "created")?,
    })
}

/// A head from head position and head updated, beginning at this column.
pub(super) fn head(row: &SqliteRow, first: usize, feed: i64) -> Result<Head, StoreError> {
    let columns = Columns { row, table: "feed_feeds", key: || feed.to_string() };
    Ok(Head {
        position: columns.position(first, "head_position")?,
        updated: columns.instant(first + 1, "head_updated")?,
    })
}

/// An entry from the columns of `feed_events` but `feed`, beginning at this column.
pub(super) fn entry(row: &SqliteRow, first: usize, feed: i64) -> Result<Entry, StoreError> {
    let table = "feed_events";
    let position =
        Columns { row, table, key: || format!("(feed {feed})") }.position(first, "position")?;
    let columns = Columns { row, table, key: || event_key(feed, position) };
    let event = Event::from_checked(EventParts {
        source: columns.text(first + 3, "source", Source::new)?,
        id: columns.text(first + 4, "id", EventId::new)?,
        event_type: columns.text(first + 5, "type", EventType::new)?,
        subject: columns.optional_text(first + 6, "subject", |text| text.parse())?,
        time: columns.optional_text(first + 7, "time", |text| text.parse())?,
        data_content_type: columns
            .optional_text(first + 8, "datacontenttype", |text| text.parse())?,
        data_schema: columns.optional_text(first + 9, "dataschema", |text| text.parse())?,
        extensions: columns
            .optional_text(first + 10, "extensions", |text| extensions(&text))?
            .unwrap_or_default(),
        data: columns.get::<Option<Vec<u8>>>(first + 11, "data")?.map(Bytes::from),
    });
    let updated = columns.instant(first + 1, "updated")?;
    let iri = columns.get(first + 2, "iri")?;
    Ok(Entry { iri, recorded: Recorded { position, updated, event } })
}

/// Extensions from the JSON object that `insert` writes.
fn extensions(text: &str) -> Result<Extensions, String> {
    let object: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| format!("is no JSON object: {error}"))?;
    let mut extensions = Extensions::default();
    for (name, value) in object {
        let wrong = |reason: &dyn Display| format!("extension {name}: {reason}");
        let value = match value {
            Value::Bool(it) => ExtensionValue::Boolean(it),
            Value::Number(it) => it
                .as_i64()
                .and_then(|it| i32::try_from(it).ok())
                .map(ExtensionValue::Integer)
                .ok_or_else(|| wrong(&"is not an integer of 32 bits"))?,
            Value::String(it) => ExtensionValue::string(it).map_err(|error| wrong(&error))?,
            _ => return Err(wrong(&"is not a string, an integer or a Boolean")),
        };
        extensions.insert(name.parse().map_err(|error| wrong(&error))?, value);
    }
    Ok(extensions)
}

/// A position that is a column's value.
pub(super) fn position(
    number: i64,
    table: &'static str,
    column: &'static str,
    key: impl Fn() -> String,
) -> Result<Position, StoreError> {
    u64::try_from(number).ok().and_then(Position::new).ok_or_else(|| StoreError::Inconsistent {
        table,
        column,
        row: key(),
        reason: format!("{number} is no position"),
    })
}

/// The position of an event.
pub(super) fn event_position(number: i64, feed: i64) -> Result<Position, StoreError> {
    position(number, "feed_events", "position", || format!("(feed {feed})"))
}

/// The time of so many microseconds since the Unix epoch.
pub(super) fn instant(micros: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros)
}

/// A number as SQLite has it; what exceeds it is as good as its greatest.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The place of an element in a JSON array, which SQLite counts from 0.
pub(super) fn place(number: i64) -> usize {
    usize::try_from(number).unwrap_or_default()
}

/// A feed that a caller has, and the database has not.
pub(super) fn missing_feed(key: i64) -> StoreError {
    StoreError::Inconsistent {
        table: "feed_feeds",
        column: "key",
        row: key.to_string(),
        reason: "the feed is gone".into(),
    }
}

/// An event at or below the head that is not there.
pub(super) fn missing_event(feed: i64, position: Position) -> StoreError {
    StoreError::Inconsistent {
        table: "feed_events",
        column: "position",
        row: event_key(feed, position),
        reason: "the event is gone".into(),
    }
}

fn event_key(feed: i64, position: Position) -> String {
    format!("(feed {feed}, position {position})")
}
