//! Inserts many events in one statement: an array for each column.

use std::collections::HashMap;

use feed_protocol::Event;
use sqlx::PgConnection;

use crate::store::Head;
use crate::store::admission::NewRow;
use crate::store::row::{extensions_json, integer};

/// Inserts the rows, and moves the heads of their feeds.
pub(super) async fn insert(
    connection: &mut PgConnection,
    rows: &[NewRow<'_>],
    heads: &HashMap<i64, Head>,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(include_str!("sql/append_events.sql"))
        .bind(heads.keys().copied().collect::<Vec<_>>())
        .bind(heads.values().map(|head| integer(head.position.get())).collect::<Vec<_>>())
        .bind(heads.values().map(|head| head.updated.timestamp_micros()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.feed).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.updated.timestamp_micros()).collect::<Vec<_>>());
    bind_events(query, rows).execute(connection).await.map(drop)
}

pub(super) type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// Binds position, iri, source, id, type, subject, time, datacontenttype, dataschema, extensions and
/// data, an array each.
pub(super) fn bind_events<'q>(query: Query<'q>, rows: &[NewRow<'_>]) -> Query<'q> {
    let texts =
        |of: fn(&Event) -> &str| -> Vec<&str> { rows.iter().map(|row| of(row.event)).collect() };
    let optional = |of: fn(&Event) -> Option<&str>| -> Vec<Option<&str>> {
        rows.iter().map(|row| of(row.event)).collect()
    };
    let extensions: Vec<Option<String>> =
        rows.iter().map(|row| extensions_json(row.event.extensions())).collect();
    let data: Vec<Option<&[u8]>> =
        rows.iter().map(|row| row.event.data().map(AsRef::<[u8]>::as_ref)).collect();
    query
        .bind(rows.iter().map(|row| integer(row.position.get())).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.iri.as_str()).collect::<Vec<_>>())
        .bind(texts(|event| event.source().as_str()))
        .bind(texts(|event| event.id().as_str()))
        .bind(texts(|event| event.event_type().as_str()))
        .bind(optional(|event| event.subject().map(AsRef::as_ref)))
        .bind(optional(|event| event.time().map(|time| time.as_str())))
        .bind(optional(|event| event.data_content_type().map(AsRef::as_ref)))
        .bind(optional(|event| event.data_schema().map(AsRef::as_ref)))
        .bind(extensions)
        .bind(data)
}
