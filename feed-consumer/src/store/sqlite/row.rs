//! Between a place and its columns.

use std::fmt::Display;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use feed_protocol::Position;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, Sqlite};

use crate::store::{Kept, LastEvent, Place, StoreError, Subscription, Validators};

/// A position as an integer of SQL, which holds every one.
pub(super) fn integer(position: Position) -> i64 {
    i64::try_from(position.get()).unwrap_or(i64::MAX)
}

/// The incarnation as text.
pub(super) fn incarnation(place: &Place) -> Option<String> {
    place.incarnation.as_ref().map(ToString::to_string)
}

/// Binds a place from its position on.
pub(super) fn bind(
    statement: Query<'static, Sqlite, SqliteArguments>,
    place: &Place,
) -> Query<'static, Sqlite, SqliteArguments> {
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
pub(super) fn kept(row: &SqliteRow) -> Result<Kept, StoreError> {
    let get = |column| row.try_get(column).map_err(StoreError::Unavailable);
    let subscription = Subscription { group: get("group_name")?, feed: get("feed")? };
    let columns = Columns { row, subscription: &subscription };
    let (url, begun, moved) = (columns.get("url")?, columns.time("begun")?, columns.time("moved")?);
    let place = place(row, &subscription)?;
    Ok(Kept { subscription, url, place, begun, moved })
}

/// The place of a row.
pub(super) fn place(row: &SqliteRow, subscription: &Subscription) -> Result<Place, StoreError> {
    let columns = Columns { row, subscription };
    let last = match columns.get::<Option<i64>>("last_position")? {
        None => None,
        Some(position) => {
            let digest: Vec<u8> = columns.get("last_digest")?;
            let digest = digest
                .try_into()
                .map_err(|_| columns.inconsistent("last_digest", "it is not 16 bytes"))?;
            Some(LastEvent {
                position: columns.position("last_position", position)?,
                source: columns.parse("last_source", columns.get("last_source")?)?,
                id: columns.parse("last_id", columns.get("last_id")?)?,
                digest: u128::from_be_bytes(digest),
            })
        }
    };
    let incarnation: Option<&str> = columns.get("incarnation")?;
    Ok(Place {
        incarnation: incarnation.map(|it| columns.parse("incarnation", it)).transpose()?,
        position: columns.position("position", columns.get("position")?)?,
        last,
        validators: Validators {
            etag: columns.get("etag")?,
            last_modified: columns.get("last_modified")?,
        },
    })
}

/// A row of `feed_cursors`.
struct Columns<'r> {
    row: &'r SqliteRow,
    subscription: &'r Subscription,
}

impl<'r> Columns<'r> {
    fn get<T>(&self, column: &'static str) -> Result<T, StoreError>
    where
        T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
    {
        self.row.try_get(column).map_err(|error| self.inconsistent(column, error))
    }

    fn parse<T: FromStr<Err: Display>>(
        &self,
        column: &'static str,
        text: &str,
    ) -> Result<T, StoreError> {
        text.parse().map_err(|error| self.inconsistent(column, error))
    }

    fn position(&self, column: &'static str, number: i64) -> Result<Position, StoreError> {
        let position = u64::try_from(number).ok().and_then(Position::new);
        position.ok_or_else(|| self.inconsistent(column, format!("{number} is no position")))
    }

    fn time(&self, column: &'static str) -> Result<DateTime<Utc>, StoreError> {
        let micros: i64 = self.get(column)?;
        let time = DateTime::from_timestamp_micros(micros);
        time.ok_or_else(|| self.inconsistent(column, format!("{micros} is no time")))
    }

    fn inconsistent(&self, column: &'static str, reason: impl Display) -> StoreError {
        StoreError::Inconsistent {
            table: "feed_cursors",
            column,
            row: self.subscription.to_string(),
            reason: reason.to_string(),
        }
    }
}
