//! From rows to what they stand for, the same for every database: the schemas are mirrors of each
//! other, and hold integers, texts and bytes alone. A database may have been edited by hand, so
//! every column is checked again.

use std::convert::Infallible;
use std::fmt::Display;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use feed_protocol::event::{EventId, EventParts, EventType, ExtensionValue, Extensions, Source};
use feed_protocol::{Entry, Event, PageSize, Position, Recorded};
use serde_json::{Map, Value};
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

use crate::store::{Feed, Head, StoreError};

/// A row of one of the databases.
pub(super) trait StoredRow {
    fn integer(&self, column: usize) -> Result<i64, sqlx::Error>;
    fn optional_integer(&self, column: usize) -> Result<Option<i64>, sqlx::Error>;
    fn text(&self, column: usize) -> Result<String, sqlx::Error>;
    fn optional_text(&self, column: usize) -> Result<Option<String>, sqlx::Error>;
    fn optional_bytes(&self, column: usize) -> Result<Option<Vec<u8>>, sqlx::Error>;
}

macro_rules! stored_row {
    ($row:ty) => {
        impl StoredRow for $row {
            fn integer(&self, column: usize) -> Result<i64, sqlx::Error> {
                self.try_get(column)
            }

            fn optional_integer(&self, column: usize) -> Result<Option<i64>, sqlx::Error> {
                self.try_get(column)
            }

            fn text(&self, column: usize) -> Result<String, sqlx::Error> {
                self.try_get(column)
            }

            fn optional_text(&self, column: usize) -> Result<Option<String>, sqlx::Error> {
                self.try_get(column)
            }

            fn optional_bytes(&self, column: usize) -> Result<Option<Vec<u8>>, sqlx::Error> {
                self.try_get(column)
            }
        }
    };
}

stored_row!(SqliteRow);
stored_row!(PgRow);

/// A row of a table, and how to name it.
struct Columns<'r, R, K> {
    row: &'r R,
    table: &'static str,
    key: K,
}

impl<R: StoredRow, K: Fn() -> String> Columns<'_, R, K> {
    fn wrong(&self, column: &'static str, reason: impl Display) -> StoreError {
        StoreError::Inconsistent {
            table: self.table,
            column,
            row: (self.key)(),
            reason: reason.to_string(),
        }
    }

    fn integer(&self, index: usize, column: &'static str) -> Result<i64, StoreError> {
        self.row.integer(index).map_err(|error| self.wrong(column, error))
    }

    /// A column of text that `parse` understands.
    fn text<T, E: Display>(
        &self,
        index: usize,
        column: &'static str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        let text = self.row.text(index).map_err(|error| self.wrong(column, error))?;
        parse(text).map_err(|error| self.wrong(column, error))
    }

    /// The same, where the column may be NULL.
    fn optional_text<T, E: Display>(
        &self,
        index: usize,
        column: &'static str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<Option<T>, StoreError> {
        let text = self.row.optional_text(index).map_err(|error| self.wrong(column, error))?;
        text.map(parse).transpose().map_err(|error| self.wrong(column, error))
    }

    fn position(&self, index: usize, column: &'static str) -> Result<Position, StoreError> {
        position(self.integer(index, column)?, self.table, column, &self.key)
    }

    fn instant(&self, index: usize, column: &'static str) -> Result<DateTime<Utc>, StoreError> {
        instant(self.integer(index, column)?).ok_or_else(|| self.wrong(column, "is no time"))
    }
}

/// A feed from key, name, title, iri, authority, page size, incarnation, created.
pub(super) fn feed(row: &impl StoredRow) -> Result<Feed, StoreError> {
    let key = Columns { row, table: "feed_feeds", key: || "(unknown)".into() }.integer(0, "key")?;
    let columns = Columns { row, table: "feed_feeds", key: || key.to_string() };
    let page_size = columns.integer(5, "page_size")?;
    Ok(Feed {
        key,
        name: columns.text(1, "name", |text| text.parse())?,
        title: columns.text(2, "title", as_it_is)?,
        iri: columns.text(3, "iri", as_it_is)?,
        authority: columns.text(4, "authority", as_it_is)?,
        page_size: PageSize::new(u64::try_from(page_size).unwrap_or_default())
            .map_err(|error| columns.wrong("page_size", error))?,
        incarnation: columns.text(6, "incarnation", |text| text.parse())?,
        created: columns.instant(7, "created")?,
    })
}

/// A feed from its columns, and its head from the two that follow.
pub(super) fn feed_and_head(row: &impl StoredRow) -> Result<(Feed, Head), StoreError> {
    let feed = feed(row)?;
    let head = head(row, 8, feed.key)?;
    Ok((feed, head))
}

/// A head from head position and head updated, beginning at this column.
pub(super) fn head(row: &impl StoredRow, first: usize, feed: i64) -> Result<Head, StoreError> {
    let columns = Columns { row, table: "feed_feeds", key: || feed.to_string() };
    Ok(Head {
        position: columns.position(first, "head_position")?,
        updated: columns.instant(first + 1, "head_updated")?,
    })
}

/// An entry from the columns of `feed_events` but `feed`, beginning at this column.
pub(super) fn entry(row: &impl StoredRow, first: usize, feed: i64) -> Result<Entry, StoreError> {
    let table = "feed_events";
    let position =
        Columns { row, table, key: || format!("(feed {feed})") }.position(first, "position")?;
    let columns = Columns { row, table, key: || event_key(feed, position) };
    let event = columns.event(first + 3)?;
    let updated = columns.instant(first + 1, "updated")?;
    let iri = columns.text(first + 2, "iri", as_it_is)?;
    Ok(Entry { iri, recorded: Recorded { position, updated, event } })
}

/// An event from the columns of a table that begin with `source` at this column and end with
/// `data`.
pub(super) fn event(
    row: &impl StoredRow,
    first: usize,
    table: &'static str,
    key: impl Fn() -> String,
) -> Result<Event, StoreError> {
    Columns { row, table, key }.event(first)
}

impl<R: StoredRow, K: Fn() -> String> Columns<'_, R, K> {
    /// An event from source, id, type, subject, time, datacontenttype, dataschema, extensions and
    /// data, beginning at this column.
    fn event(&self, first: usize) -> Result<Event, StoreError> {
        let data = self.row.optional_bytes(first + 8).map_err(|error| self.wrong("data", error))?;
        Ok(Event::from_checked(EventParts {
            source: self.text(first, "source", Source::new)?,
            id: self.text(first + 1, "id", EventId::new)?,
            event_type: self.text(first + 2, "type", EventType::new)?,
            subject: self.optional_text(first + 3, "subject", |text| text.parse())?,
            time: self.optional_text(first + 4, "time", |text| text.parse())?,
            data_content_type: self
                .optional_text(first + 5, "datacontenttype", |text| text.parse())?,
            data_schema: self.optional_text(first + 6, "dataschema", |text| text.parse())?,
            extensions: self
                .optional_text(first + 7, "extensions", |text| extensions(&text))?
                .unwrap_or_default(),
            data: data.map(Bytes::from),
        }))
    }
}

fn as_it_is(text: String) -> Result<String, Infallible> {
    Ok(text)
}

/// Extensions as a JSON object, whose types are those of CloudEvents; `None` if there are none.
pub(super) fn extensions_json(extensions: &Extensions) -> Option<String> {
    if extensions.is_empty() {
        return None;
    }
    let object: Map<String, Value> = extensions
        .iter()
        .map(|(name, value)| {
            let value = match value {
                ExtensionValue::Boolean(it) => Value::Bool(*it),
                ExtensionValue::Integer(it) => Value::from(*it),
                ExtensionValue::String(_) => Value::String(value.to_text().into_owned()),
            };
            (name.as_str().to_owned(), value)
        })
        .collect();
    Some(Value::Object(object).to_string())
}

/// Extensions from the JSON object that [`extensions_json`] writes.
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

/// A number as a database has it; what exceeds it is as good as its greatest.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A place in a list, from the number that a database has counted.
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
