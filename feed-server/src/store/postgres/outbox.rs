//! Where events wait that were published in their callers' own transactions.
//!
//! A caller's transaction takes no lock but its subject's: an advisory one, taken before the event's
//! key is drawn and held until the transaction ends. So the keys of one subject grow in the order in
//! which their transactions commit, and transactions on different subjects never wait for each
//! other. Which keys an append finds is decided by commits alone; it takes what is committed, under
//! the feed's lock, and nothing needs to know which transactions are still open.

use std::time::Duration;

use feed_protocol::event::Subject;
use feed_protocol::{Event, FeedIdentity};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, PgPool, Row};
use xxhash_rust::xxh3::xxh3_64;

use super::failure::{code, code_of, failure};
use super::insert::Query;
use super::marks::Marks;
use super::read;
use crate::store::outbox::{Put, TransactionError};
use crate::store::row::{self, extensions_json};
use crate::store::{Append, Feed, Refusal, StoreError};

/// How many events one append takes out of the outbox of a feed at most.
pub(super) const MAX_EVENTS: i64 = 2000;
/// How many bytes of data it takes at most; the last event may go over it.
pub(super) const MAX_BYTES: i64 = 16 << 20;
/// How often a caller's event is looked at again that was not where it had just been.
const MAX_LOOKS: u32 = 10;

/// The key of a subject's lock. Feeds of different schemas have different `atom:id`s. Two subjects
/// that share a key wait for each other, and nothing else comes of it.
pub(super) fn subject_lock(feed: &Feed, subject: &Subject) -> i64 {
    xxh3_64(format!("{}\0{subject}", feed.iri).as_bytes()).cast_signed()
}

/// Events that an append has taken out of outboxes, each a request of its own.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) appends: Vec<Append>,
    /// The key that each had.
    pub(super) keys: Vec<i64>,
    /// Whether more may wait.
    pub(super) more: bool,
}

impl Taken {
    pub(super) fn add(&mut self, other: Self) {
        self.appends.extend(other.appends);
        self.keys.extend(other.keys);
        self.more |= other.more;
    }
}

/// Takes what waits for a feed, whose lock the transaction holds; `mark` is that of the last look.
pub(super) async fn take(
    connection: &mut PgConnection,
    feed: &Feed,
    mark: Option<String>,
) -> Result<Taken, StoreError> {
    let mut rows: Vec<(i64, PgRow)> = sqlx::query(include_str!("sql/outbox_take.sql"))
        .bind(feed.key)
        .bind(mark)
        .bind(MAX_EVENTS)
        .bind(MAX_BYTES)
        .fetch_all(connection)
        .await
        .and_then(|rows| rows.into_iter().map(|row| Ok((row.try_get(0)?, row))).collect())
        .map_err(failure)?;
    rows.sort_unstable_by_key(|(key, _)| *key);
    let mut taken = Taken::default();
    let mut bytes = 0;
    for (key, found) in rows {
        let event =
            row::event(&found, 1, "feed_outbox", || format!("(feed {}, key {key})", feed.key))?;
        bytes += event.data().map_or(0, bytes::Bytes::len);
        taken.appends.push(Append {
            feed: feed.clone(),
            events: vec![event],
            expected_version: None,
        });
        taken.keys.push(key);
    }
    let full = |count: usize, limit: i64| i64::try_from(count).is_ok_and(|count| count >= limit);
    taken.more = full(taken.keys.len(), MAX_EVENTS) || full(bytes, MAX_BYTES);
    Ok(taken)
}

/// Keeps an event that contradicts what its feed holds, for a person to look at.
pub(super) async fn reject(
    connection: &mut PgConnection,
    append: &Append,
    key: i64,
    refusal: &Refusal,
) -> Result<(), StoreError> {
    tracing::error!(feed = %append.feed.name, key, %refusal, "an event of the outbox is rejected");
    let existing = match refusal {
        Refusal::Conflict { existing, .. } => *existing,
        Refusal::VersionMismatch { .. } | Refusal::SubjectBusy => None,
    };
    for event in &append.events {
        bind_event(
            sqlx::query(include_str!("sql/outbox_reject.sql")).bind(append.feed.key).bind(key),
            event,
        )
        .bind(existing.map(|position| row::integer(position.get())))
        .execute(&mut *connection)
        .await
        .map_err(failure)?;
    }
    Ok(())
}

/// Binds source, id, type, subject, time, datacontenttype, dataschema, extensions and data.
fn bind_event<'q>(query: Query<'q>, event: &'q Event) -> Query<'q> {
    query
        .bind(event.source().as_str())
        .bind(event.id().as_str())
        .bind(event.event_type().as_str())
        .bind(event.subject().map(AsRef::<str>::as_ref))
        .bind(event.time().map(|time| time.as_str()))
        .bind(event.data_content_type().map(AsRef::<str>::as_ref))
        .bind(event.data_schema().map(AsRef::<str>::as_ref))
        .bind(extensions_json(event.extensions()))
        .bind(event.data().map(AsRef::<[u8]>::as_ref))
}

/// The `atom:id` that the event gets if no other source has used its id by then.
fn iri(append: &Append, event: &Event) -> String {
    FeedIdentity::uuid_iri(event).unwrap_or_else(|| append.feed.identity().tag_iri(event))
}

/// Puts the one event of a request into the outbox, in a transaction of the caller's.
pub(in crate::store) async fn put(
    connection: &mut PgConnection,
    append: &Append,
) -> Result<Put, TransactionError> {
    let [event] = append.events.as_slice() else {
        return Err(TransactionError::OneEvent(append.events.len()));
    };
    let lock = event.subject().map(|subject| subject_lock(&append.feed, subject));
    if append.expected_version.is_none() && put_directly(connection, append, event, lock).await? {
        return Ok(Ok(true));
    }
    if let Some(lock) = lock {
        sqlx::query(include_str!("sql/outbox_lock.sql"))
            .bind(lock)
            .execute(&mut *connection)
            .await
            .map_err(trouble)?;
    }
    for _ in 0..MAX_LOOKS {
        match try_put(connection, append, event).await? {
            Found::Put => return Ok(Ok(true)),
            Found::Refused(refusal) => return Ok(Err(refusal)),
            Found::Event(known, _) if known.has_same_content(event) => return Ok(Ok(false)),
            Found::Event(_, existing) => {
                return Ok(Err(Refusal::Conflict {
                    index: 0,
                    source_attribute: event.source().clone(),
                    id: event.id().clone(),
                    existing,
                }));
            }
            // It has just been committed, or has just been given its place.
            Found::Elsewhere => {}
        }
    }
    Err(TransactionError::Conflict(sqlx::Error::RowNotFound))
}

/// Puts the event into the outbox in one statement, as nearly every event can be; `false` if something
/// is in the way and nothing was changed.
///
/// The statement looks at the feed as it was just before it takes the subject's lock, if that is free.
/// An event of the same id that was committed *and* given its place in between is not seen; it is when
/// the relay gives this one its place, as for any event of another subject.
async fn put_directly(
    connection: &mut PgConnection,
    append: &Append,
    event: &Event,
    lock: Option<i64>,
) -> Result<bool, TransactionError> {
    let query = sqlx::query(include_str!("sql/outbox_try.sql"))
        .bind(append.feed.name.as_str())
        .bind(append.feed.iri.as_str());
    let put = bind_event(query, event)
        .bind(lock)
        .bind(iri(append, event))
        .fetch_optional(connection)
        .await;
    put.map(|put| put.is_some()).map_err(trouble)
}

/// What came of an attempt to put an event into the outbox.
enum Found {
    Put,
    Refused(Refusal),
    /// An event of the same source and id, and its place if it has one.
    Event(Box<Event>, Option<feed_protocol::Position>),
    /// An event of the same source and id that has moved while it was looked for.
    Elsewhere,
}

async fn try_put(
    connection: &mut PgConnection,
    append: &Append,
    event: &Event,
) -> Result<Found, TransactionError> {
    let Append { feed, expected_version, .. } = append;
    let query = sqlx::query(include_str!("sql/outbox_put.sql"))
        .bind(feed.name.as_str())
        .bind(feed.iri.as_str());
    let found = bind_event(query, event)
        .bind(expected_version.map(row::integer))
        .bind(iri(append, event))
        .fetch_one(&mut *connection)
        .await
        .map_err(trouble)?;
    let iri: Option<String> = found.try_get(0).map_err(trouble)?;
    let synchronous_commit: String = found.try_get(1).map_err(trouble)?;
    let isolation: String = found.try_get(2).map_err(trouble)?;
    let position: Option<i64> = found.try_get(3).map_err(trouble)?;
    let waiting: Option<i64> = found.try_get(4).map_err(trouble)?;
    let version: Option<i64> = found.try_get(5).map_err(trouble)?;
    let put: Option<i64> = found.try_get(6).map_err(trouble)?;
    if put.is_some() {
        return Ok(Found::Put);
    }
    if iri.as_ref() != Some(&feed.iri) {
        return Err(TransactionError::OtherDatabase(feed.name.clone()));
    }
    if synchronous_commit == "off" {
        return Err(TransactionError::NotDurable("SET LOCAL synchronous_commit = on"));
    }
    if let Some(position) = position {
        let position = row::event_position(position, feed.key).map_err(TransactionError::Store)?;
        let entry = read::entry(&mut *connection, feed.key, position)
            .await
            .map_err(TransactionError::Store)?;
        return Ok(entry.map_or(Found::Elsewhere, |entry| {
            Found::Event(Box::new(entry.recorded.event), Some(position))
        }));
    }
    if let Some(key) = waiting {
        let waiting = waiting_event(&mut *connection, feed, key).await?;
        return Ok(waiting.map_or(Found::Elsewhere, |event| Found::Event(Box::new(event), None)));
    }
    match (expected_version, version.map(i64::unsigned_abs)) {
        (Some(_), _) if isolation != "read committed" => {
            Err(TransactionError::Isolation(isolation))
        }
        (Some(expected), Some(actual)) if *expected != actual => {
            Ok(Found::Refused(Refusal::VersionMismatch { expected: *expected, actual }))
        }
        _ => Ok(Found::Elsewhere),
    }
}

async fn waiting_event(
    executor: impl PgExecutor<'_>,
    feed: &Feed,
    key: i64,
) -> Result<Option<Event>, TransactionError> {
    let found = sqlx::query(include_str!("sql/outbox_event.sql"))
        .bind(&feed.iri)
        .bind(key)
        .fetch_optional(executor)
        .await
        .map_err(trouble)?;
    let named = || format!("(feed {}, key {key})", feed.key);
    found
        .map(|found| row::event(&found, 0, "feed_outbox", named))
        .transpose()
        .map_err(TransactionError::Store)
}

/// What an error means to a caller's transaction.
fn trouble(error: sqlx::Error) -> TransactionError {
    match code_of(&error).as_deref() {
        Some(code::DEADLOCK_DETECTED | code::SERIALIZATION_FAILURE | code::LOCK_NOT_AVAILABLE) => {
            TransactionError::Conflict(error)
        }
        Some(code::UNDEFINED_TABLE) => TransactionError::NoTables(error),
        _ => TransactionError::Store(failure(error)),
    }
}

/// Acquires the relay's lease, or renews it; whether it is held now.
pub(super) async fn lease(
    writers: &PgPool,
    holder: &str,
    duration: Duration,
) -> Result<bool, StoreError> {
    let held = sqlx::query(include_str!("sql/relay_lease.sql"))
        .bind(holder)
        .bind(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
        .fetch_optional(writers)
        .await
        .map_err(failure)?;
    Ok(held.is_some())
}

/// Gives the relay's lease back, if it is held.
pub(super) async fn release(writers: &PgPool, holder: &str) -> Result<(), StoreError> {
    let released = sqlx::query(include_str!("sql/relay_release.sql")).bind(holder);
    released.execute(writers).await.map(drop).map_err(failure)
}

/// The feeds for which events wait.
pub(super) async fn waiting(readers: &PgPool, marks: &Marks) -> Result<Vec<i64>, StoreError> {
    let (feeds, marks) = marks.all();
    let waiting =
        sqlx::query_scalar(include_str!("sql/outbox_waiting.sql")).bind(feeds).bind(marks);
    waiting.fetch_all(readers).await.map_err(failure)
}

/// Removes the rows that were moved.
pub(super) async fn vacuum(writers: &PgPool) -> Result<(), StoreError> {
    let vacuum = sqlx::raw_sql(include_str!("sql/outbox_vacuum.sql"));
    vacuum.execute(writers).await.map(drop).map_err(failure)
}

/// How many events were rejected.
pub(super) async fn rejected(readers: &PgPool) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar(include_str!("sql/outbox_rejected.sql"))
        .fetch_one(readers)
        .await
        .map_err(failure)?;
    Ok(count.unsigned_abs())
}
