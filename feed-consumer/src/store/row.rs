//! Between a place and its columns, the same for every database.
//!
//! # Layout
//!
//! - [`entries`]: what was found of feeds of other software
//! - [`orders`]: pauses, and other numbers of shards
//! - [`parking`]: what is parked, and what is asked for about it
//! - [`shards`]: shards, workers, and what a sign of life brought

pub(super) mod entries;
pub(super) mod orders;
pub(super) mod parking;
pub(super) mod shards;

use std::fmt::Display;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use feed_protocol::Position;
use sqlx::query::Query;
use sqlx::{Database, Encode, Type};

use super::{Kept, LastEvent, Place, StoreError, Subscription, Validators};

/// The columns of a place, in the order in which `cursor_find.sql` names them.
pub(super) type Columns = (
    Option<String>,
    i64,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<Vec<u8>>,
    Option<String>,
    Option<String>,
);

/// The columns of a cursor, in the order in which `cursor_list.sql` names them: group, feed, address,
/// when it began and when it moved, and its place.
pub(super) type KeptColumns = (
    String,
    String,
    String,
    i64,
    i64,
    Option<String>,
    i64,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<Vec<u8>>,
    Option<String>,
    Option<String>,
);

/// A position as an integer of SQL, which holds every one.
pub(super) fn integer(position: Position) -> i64 {
    i64::try_from(position.get()).unwrap_or(i64::MAX)
}

/// The incarnation as text.
pub(super) fn incarnation(place: &Place) -> Option<String> {
    place.incarnation.as_ref().map(ToString::to_string)
}

/// Binds a place from its position on.
pub(super) fn bind<'q, DB>(
    statement: Query<'q, DB, DB::Arguments>,
    place: &Place,
) -> Query<'q, DB, DB::Arguments>
where
    DB: Database,
    i64: Encode<'q, DB> + Type<DB>,
    Option<i64>: Encode<'q, DB> + Type<DB>,
    Option<String>: Encode<'q, DB> + Type<DB>,
    Option<Vec<u8>>: Encode<'q, DB> + Type<DB>,
{
    let last = place.last.as_ref();
    statement
        .bind(integer(place.position))
        .bind(last.map(|last| integer(last.position)))
        .bind(last.map(|last| last.source.to_string()))
        .bind(last.map(|last| last.id.to_string()))
        .bind(last.map(|last| last.digest.to_be_bytes().to_vec()))
        .bind(place.validators.etag.clone())
        .bind(place.validators.last_modified.clone())
}

/// The whole of a row.
pub(super) fn kept(columns: KeptColumns) -> Result<Kept, StoreError> {
    let (
        group,
        feed,
        url,
        begun,
        moved,
        incarnation,
        position,
        last,
        source,
        id,
        digest,
        etag,
        date,
    ) = columns;
    let subscription = Subscription { group, feed };
    let row = Row { table: TABLE, key: &subscription };
    let (begun, moved) = (row.time("begun", begun)?, row.time("moved", moved)?);
    let place =
        place((incarnation, position, last, source, id, digest, etag, date), &subscription)?;
    Ok(Kept { subscription, url, place, begun, moved })
}

/// The place of a row.
pub(super) fn place(columns: Columns, subscription: &Subscription) -> Result<Place, StoreError> {
    Row { table: TABLE, key: subscription }.place(columns)
}

/// The table of cursors.
const TABLE: &str = "feed_cursors";

/// A row of a table, by what people know it by.
struct Row<'r> {
    table: &'static str,
    key: &'r dyn Display,
}

impl Row<'_> {
    fn place(&self, columns: Columns) -> Result<Place, StoreError> {
        let (incarnation, position, last_position, source, id, digest, etag, last_modified) =
            columns;
        let last = match last_position {
            None => None,
            Some(position) => {
                let digest = digest
                    .and_then(|digest| digest.try_into().ok())
                    .ok_or_else(|| self.inconsistent("last_digest", "it is not 16 bytes"))?;
                Some(LastEvent {
                    position: self.position("last_position", position)?,
                    source: self.parse("last_source", source.as_deref())?,
                    id: self.parse("last_id", id.as_deref())?,
                    digest: u128::from_be_bytes(digest),
                })
            }
        };
        Ok(Place {
            incarnation: match incarnation {
                Some(text) => Some(self.parse("incarnation", Some(&text))?),
                None => None,
            },
            position: self.position("position", position)?,
            last,
            validators: Validators { etag, last_modified },
        })
    }

    fn parse<T: FromStr<Err: Display>>(
        &self,
        column: &'static str,
        text: Option<&str>,
    ) -> Result<T, StoreError> {
        let text = text.ok_or_else(|| self.inconsistent(column, "it is NULL"))?;
        text.parse().map_err(|error| self.inconsistent(column, error))
    }

    fn position(&self, column: &'static str, number: i64) -> Result<Position, StoreError> {
        let position = u64::try_from(number).ok().and_then(Position::new);
        position.ok_or_else(|| self.inconsistent(column, format!("{number} is no position")))
    }

    fn time(&self, column: &'static str, micros: i64) -> Result<DateTime<Utc>, StoreError> {
        let time = DateTime::from_timestamp_micros(micros);
        time.ok_or_else(|| self.inconsistent(column, format!("{micros} is no time")))
    }

    fn number<T: TryFrom<i64>>(&self, column: &'static str, number: i64) -> Result<T, StoreError> {
        T::try_from(number)
            .map_err(|_| self.inconsistent(column, format!("{number} is out of bounds")))
    }

    fn inconsistent(&self, column: &'static str, reason: impl Display) -> StoreError {
        StoreError::Inconsistent {
            table: self.table,
            column,
            row: self.key.to_string(),
            reason: reason.to_string(),
        }
    }
}
