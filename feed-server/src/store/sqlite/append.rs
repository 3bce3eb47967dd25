//! The transaction that gives events their positions.
//!
//! It holds the file's write lock from before it reads the heads until it has committed, so no
//! two appends ever see the same head, and positions are gapless and grow in commit order.

use std::collections::{HashMap, HashSet};

use feed_protocol::event::Subject;
use serde_json::json;
use sqlx::{Connection, Row, SqliteConnection};

use super::failure::failure;
use super::{insert, read};
use crate::store::admission::{self, Decision, Holdings, Known};
use crate::store::{Append, Commit, Feed, NewFeed, StoreError, row};

/// Creates a feed; `None` if there is one of this name.
pub(super) async fn create_feed(
    connection: &mut SqliteConnection,
    feed: &NewFeed,
) -> Result<Option<Feed>, StoreError> {
    // A transaction of its own, because only COMMIT tells whether a commit has succeeded.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failure)?;
    let created = sqlx::query(include_str!("sql/feed_create.sql"))
        .bind(feed.name.as_str())
        .bind(feed.title.as_str())
        .bind(feed.iri.as_str())
        .bind(feed.authority.as_str())
        .bind(row::integer(feed.page_size.get()))
        .bind(feed.incarnation.as_str())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failure)?;
    transaction.commit().await.map_err(failure)?;
    created.as_ref().map(row::feed).transpose()
}

/// Appends the events of all requests.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    requests: &[Append],
) -> Result<Commit, StoreError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failure)?;
    let commit = append_in(&mut transaction, requests).await?;
    if commit.heads.is_empty() {
        transaction.rollback().await.map_err(failure)?;
    } else {
        transaction.commit().await.map_err(failure)?;
    }
    Ok(commit)
}

/// The same in a transaction that is open and may write. What it says is so once that commits.
pub(super) async fn append_in(
    connection: &mut SqliteConnection,
    requests: &[Append],
) -> Result<Commit, StoreError> {
    let holdings = load(connection, requests).await?;
    let Decision { rows, heads, results } = admission::decide(requests, holdings);
    insert::insert(connection, &rows).await.map_err(failure)?;
    for (feed, head) in &heads {
        sqlx::query(include_str!("sql/append_head.sql"))
            .bind(feed)
            .bind(row::integer(head.position.get()))
            .bind(head.updated.timestamp_micros())
            .execute(&mut *connection)
            .await
            .map_err(failure)?;
    }
    Ok(Commit { results, heads })
}

/// Loads what bears on the requests.
async fn load<'a>(
    connection: &mut SqliteConnection,
    requests: &'a [Append],
) -> Result<Holdings<'a>, StoreError> {
    let keys: Vec<i64> = requests.iter().map(|request| request.feed.key).collect();
    let rows = sqlx::query(include_str!("sql/append_heads.sql"))
        .bind(json!(keys).to_string())
        .fetch_all(&mut *connection)
        .await
        .map_err(failure)?;
    let mut heads = HashMap::new();
    let mut now = None;
    for found in &rows {
        let key: i64 = found.try_get(0).map_err(failure)?;
        heads.insert(key, row::head(found, 1, key)?);
        now = Some(row::instant(found.try_get(3).map_err(failure)?));
    }
    if let Some(missing) = keys.iter().find(|key| !heads.contains_key(key)) {
        return Err(row::missing_feed(*missing));
    }
    Ok(Holdings {
        // Whatever it is, no event is given a time before that of the one before it.
        now: now.flatten().unwrap_or_default(),
        heads,
        known: load_known(connection, requests).await?,
        versions: load_versions(connection, requests).await?,
        // Whoever publishes in a transaction of its own holds the write lock too.
        busy: HashSet::new(),
    })
}

/// Loads what the feeds hold under the ids of the events.
async fn load_known(
    connection: &mut SqliteConnection,
    requests: &[Append],
) -> Result<HashMap<usize, Known>, StoreError> {
    let events = || {
        requests
            .iter()
            .flat_map(|request| request.events.iter().map(|event| (request.feed.key, event)))
    };
    let wanted: Vec<(i64, &str, &str)> = events()
        .map(|(feed, event)| (feed, event.id().as_str(), event.source().as_str()))
        .collect();
    let rows = sqlx::query(include_str!("sql/append_known.sql"))
        .bind(json!(wanted).to_string())
        .fetch_all(&mut *connection)
        .await
        .map_err(failure)?;
    let mut known = HashMap::new();
    if rows.is_empty() {
        return Ok(known);
    }
    let events: Vec<_> = events().collect();
    for found in &rows {
        let number = row::place(found.try_get(0).map_err(failure)?);
        let Some((feed, event)) = events.get(number) else { continue };
        let position: Option<i64> = found.try_get(1).map_err(failure)?;
        let verdict = match position {
            None => Known::OtherSource,
            Some(position) => {
                let position = row::event_position(position, *feed)?;
                // One by one, so that a batch of repeats never has all their data in memory.
                let entry = read::entry(&mut *connection, *feed, position)
                    .await?
                    .ok_or_else(|| row::missing_event(*feed, position))?;
                Known::of(entry, event)
            }
        };
        known.insert(number, verdict);
    }
    Ok(known)
}

/// Counts the events of the subjects that have an expected version.
async fn load_versions<'a>(
    connection: &mut SqliteConnection,
    requests: &'a [Append],
) -> Result<HashMap<(i64, &'a Subject), u64>, StoreError> {
    let wanted: Vec<(i64, &Subject)> = requests
        .iter()
        .filter(|request| request.expected_version.is_some())
        .filter_map(|request| Some((request.feed.key, request.events.first()?.subject()?)))
        .collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let keys: Vec<_> = wanted.iter().map(|(feed, subject)| (feed, subject.as_str())).collect();
    let rows = sqlx::query(include_str!("sql/append_versions.sql"))
        .bind(json!(keys).to_string())
        .fetch_all(connection)
        .await
        .map_err(failure)?;
    let mut versions = HashMap::new();
    for found in &rows {
        let number = row::place(found.try_get(0).map_err(failure)?);
        let count: i64 = found.try_get(1).map_err(failure)?;
        if let Some(key) = wanted.get(number) {
            versions.insert(*key, count.unsigned_abs());
        }
    }
    Ok(versions)
}
