//! The transaction that gives events their positions.
//!
//! It locks the rows of its feeds before it looks at anything else, and holds them until it has
//! committed, so no two appends ever see the same head, and positions are gapless and grow in commit
//! order. What waits in the outbox of these feeds comes first, so that an event which is published
//! after a transaction has committed never overtakes the events of that transaction.

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::time::Duration;

use feed_protocol::Event;
use feed_protocol::event::Subject;
use sqlx::{PgConnection, PgPool, Row};
use tokio::time::Instant;

use super::failure::failure;
use super::marks::Marks;
use super::{insert, outbox, read};
use crate::store::admission::{self, Decision, Holdings, Known};
use crate::store::{Append, Commit, Feed, Head, NewFeed, StoreError, row};

/// For how long an append moves what waits in the outbox before it, at most: after an outage that can be
/// much.
const MAX_MOVING: Duration = Duration::from_secs(5);

/// Creates a feed; `None` if there is one of this name.
pub(super) async fn create_feed(
    writers: &PgPool,
    feed: &NewFeed,
) -> Result<Option<Feed>, StoreError> {
    let begin = include_str!("sql/append_begin.sql");
    let mut transaction = writers.begin_with(begin).await.map_err(failure)?;
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

/// Moves what waits in the outbox of the feeds, and appends the events of all requests, which are
/// for these feeds alone. When more waits than a transaction should hold, it takes several: the
/// requests are in the last one.
pub(super) async fn append(
    writers: &PgPool,
    feeds: &[&Feed],
    requests: &[Append],
    marks: &Marks,
) -> Result<Commit, StoreError> {
    let mut heads = HashMap::new();
    if feeds.is_empty() {
        return Ok(Commit::default());
    }
    let begun = Instant::now();
    loop {
        let Moved { commit, more } = append_once(writers, feeds, requests, marks).await?;
        heads.extend(commit.heads);
        if !more {
            return Ok(Commit { results: commit.results, heads });
        }
        if begun.elapsed() > MAX_MOVING {
            if requests.is_empty() {
                return Ok(Commit { results: Vec::new(), heads });
            }
            // What was moved stays moved, and those who publish try again.
            return Err(StoreError::Unavailable(sqlx::Error::Io(ErrorKind::TimedOut.into())));
        }
    }
}

/// What one transaction has done.
struct Moved {
    commit: Commit,
    /// Whether more waits in the outbox; then the requests were left for the next transaction.
    more: bool,
}

async fn append_once(
    writers: &PgPool,
    feeds: &[&Feed],
    requests: &[Append],
    marks: &Marks,
) -> Result<Moved, StoreError> {
    let begin = include_str!("sql/append_begin.sql");
    let mut transaction = writers.begin_with(begin).await.map_err(failure)?;
    let Locked { now, heads, outbox_waits } = lock(&mut transaction, feeds, marks).await?;
    let busy = take_subjects(&mut transaction, requests).await?;
    let mut taken = outbox::Taken::default();
    // The lock tells what waited when the wait for it began: late enough for whoever commits and
    // then publishes. The number of a subject's events has to be as of now.
    if outbox_waits || requests.iter().any(|request| request.expected_version.is_some()) {
        for feed in feeds {
            taken.add(outbox::take(&mut transaction, feed, marks.of(feed.key)).await?);
        }
    }
    let more = taken.more;
    let requests = if more { &[] } else { requests };
    let all = || taken.appends.iter().chain(requests);
    let holdings = Holdings {
        // Whatever it is, no event is given a time before that of the one before it.
        now: row::instant(now).unwrap_or_default(),
        heads,
        known: load_known(&mut transaction, all()).await?,
        versions: load_versions(&mut transaction, requests).await?,
        busy,
    };
    let Decision { rows, heads, mut results } = admission::decide(all(), holdings);
    insert::insert(&mut transaction, &rows, &heads).await.map_err(failure)?;
    let of_requests = results.split_off(taken.appends.len());
    for ((append, key), result) in taken.appends.iter().zip(&taken.keys).zip(&results) {
        if let Err(refusal) = result {
            outbox::reject(&mut transaction, append, *key, refusal).await?;
        }
    }
    if rows.is_empty() && taken.appends.is_empty() {
        transaction.rollback().await.map_err(failure)?;
    } else {
        transaction.commit().await.map_err(failure)?;
    }
    Ok(Moved { commit: Commit { results: of_requests, heads }, more })
}

struct Locked {
    now: i64,
    heads: HashMap<i64, Head>,
    /// Whether events wait in the outbox of one of the feeds.
    outbox_waits: bool,
}

/// Locks the feeds until the end of the transaction.
async fn lock(
    connection: &mut PgConnection,
    feeds: &[&Feed],
    marks: &Marks,
) -> Result<Locked, StoreError> {
    let keys: Vec<i64> = feeds.iter().map(|feed| feed.key).collect();
    let marks: Vec<Option<String>> = keys.iter().map(|key| marks.of(*key)).collect();
    let rows = sqlx::query(include_str!("sql/append_heads.sql"))
        .bind(&keys)
        .bind(marks)
        .fetch_all(connection)
        .await
        .map_err(failure)?;
    let mut locked = Locked { now: 0, heads: HashMap::new(), outbox_waits: false };
    for found in &rows {
        let key: i64 = found.try_get(0).map_err(failure)?;
        locked.heads.insert(key, row::head(found, 1, key)?);
        locked.now = locked.now.max(found.try_get(3).map_err(failure)?);
        locked.outbox_waits |= found.try_get::<bool, _>(4).map_err(failure)?;
    }
    match keys.iter().find(|key| !locked.heads.contains_key(key)) {
        Some(missing) => Err(row::missing_feed(*missing)),
        None => Ok(locked),
    }
}

/// Takes the locks of the subjects that have an expected version, so that no transaction of a caller
/// publishes for them meanwhile. Returns those where one does already: nobody waits for it here,
/// where others wait for the feed.
async fn take_subjects<'a>(
    connection: &mut PgConnection,
    requests: &'a [Append],
) -> Result<HashSet<(i64, &'a Subject)>, StoreError> {
    let wanted: Vec<(&Feed, &Subject)> = expecting(requests).collect();
    if wanted.is_empty() {
        return Ok(HashSet::new());
    }
    let keys: Vec<i64> =
        wanted.iter().map(|(feed, subject)| outbox::subject_lock(feed, subject)).collect();
    let rows = sqlx::query(include_str!("sql/append_subjects.sql"))
        .bind(keys)
        .fetch_all(connection)
        .await
        .map_err(failure)?;
    let mut busy = HashSet::new();
    for found in &rows {
        let number = row::place(found.try_get(0).map_err(failure)?);
        let taken: bool = found.try_get(1).map_err(failure)?;
        if let Some((feed, subject)) = wanted.get(number)
            && !taken
        {
            busy.insert((feed.key, *subject));
        }
    }
    Ok(busy)
}

/// The subjects that have an expected version.
fn expecting(requests: &[Append]) -> impl Iterator<Item = (&Feed, &Subject)> {
    requests
        .iter()
        .filter(|request| request.expected_version.is_some())
        .filter_map(|request| Some((&request.feed, request.events.first()?.subject()?)))
}

/// Loads what the feeds hold under the ids of the events.
async fn load_known<'a>(
    connection: &mut PgConnection,
    requests: impl Iterator<Item = &'a Append>,
) -> Result<HashMap<usize, Known>, StoreError> {
    let events: Vec<(i64, &Event)> = requests
        .flat_map(|request| request.events.iter().map(|event| (request.feed.key, event)))
        .collect();
    let mut known = HashMap::new();
    if events.is_empty() {
        return Ok(known);
    }
    let rows = sqlx::query(include_str!("sql/append_known.sql"))
        .bind(events.iter().map(|(feed, _)| *feed).collect::<Vec<_>>())
        .bind(events.iter().map(|(_, event)| event.id().as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|(_, event)| event.source().as_str()).collect::<Vec<_>>())
        .fetch_all(&mut *connection)
        .await
        .map_err(failure)?;
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
    connection: &mut PgConnection,
    requests: &'a [Append],
) -> Result<HashMap<(i64, &'a Subject), u64>, StoreError> {
    let wanted: Vec<(&Feed, &Subject)> = expecting(requests).collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query(include_str!("sql/append_versions.sql"))
        .bind(wanted.iter().map(|(feed, _)| feed.key).collect::<Vec<_>>())
        .bind(wanted.iter().map(|(_, subject)| subject.as_str()).collect::<Vec<_>>())
        .fetch_all(connection)
        .await
        .map_err(failure)?;
    let mut versions = HashMap::new();
    for found in &rows {
        let number = row::place(found.try_get(0).map_err(failure)?);
        let count: i64 = found.try_get(1).map_err(failure)?;
        if let Some((feed, subject)) = wanted.get(number) {
            versions.insert((feed.key, *subject), count.unsigned_abs());
        }
    }
    Ok(versions)
}
