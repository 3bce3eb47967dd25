//! A whole append in one statement, where nothing stands in its way: a round trip in place of five,
//! while others wait for the feed.
//!
//! It says which head it expects. If the feed has another one by now, if something waits in the
//! outbox, or if one of the ids is known, the statement changes nothing, and the append goes the long
//! way ([`append`](super::append)).
//!
//! The statement looks at ids and outbox as they were when it began, and only then waits for the
//! feed's row. That is sound because whoever appended in between has raised the head, and the row is
//! looked at again once it is free.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sqlx::{PgPool, Row};

use super::failure::{code, code_of, failure};
use super::insert;
use crate::store::admission::{self, Decision, Holdings};
use crate::store::{Append, Commit, Feed, Head, StoreError, row};

/// How many appends of a feed go the long way after one that could not be direct: another process
/// appends too, events wait in the outbox, or somebody repeats what is there. It is likely to be so the
/// next time.
const DETOUR: u32 = 16;

/// The heads that this process expects.
#[derive(Debug, Default)]
pub(super) struct Expectations(Mutex<Expected>);

#[derive(Debug, Default)]
struct Expected {
    heads: HashMap<i64, Head>,
    /// How many appends of a feed still go the long way.
    detours: HashMap<i64, u32>,
}

impl Expectations {
    /// The head to expect of the one feed of these requests, if they can be appended directly.
    pub(super) fn of(&self, feeds: &[&Feed], requests: &[Append]) -> Option<Head> {
        let [feed] = feeds else { return None };
        let simple = |request: &Append| request.expected_version.is_none();
        if requests.is_empty() || !requests.iter().all(simple) {
            return None;
        }
        let mut expected = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = expected.detours.get_mut(&feed.key).filter(|left| **left > 0) {
            *left -= 1;
            return None;
        }
        expected.heads.get(&feed.key).copied()
    }

    /// Takes note of what was committed. The queue and the relay may do so in the other order than they
    /// committed; that costs a detour. The greater one would not do: a restored database is behind.
    pub(super) fn note(&self, heads: &HashMap<i64, Head>) {
        let mut expected = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        expected.heads.extend(heads);
    }

    /// Takes note of an expectation that was not met.
    pub(super) fn missed(&self, feed: &Feed) {
        let mut expected = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        expected.detours.insert(feed.key, DETOUR);
    }
}

/// Appends the events of all requests, which are for this feed; `None` if something stands in the way
/// and nothing was changed. `mark` is that of the last look into the feed's outbox.
pub(super) async fn append(
    writers: &PgPool,
    feed: &Feed,
    head: Head,
    requests: &[Append],
    mark: Option<String>,
) -> Result<Option<Commit>, StoreError> {
    let holdings = Holdings {
        // The database gives the time.
        now: head.updated,
        heads: HashMap::from([(feed.key, head)]),
        known: HashMap::new(),
        versions: HashMap::new(),
        busy: std::collections::HashSet::new(),
    };
    let Decision { rows, heads, results } = admission::decide(requests, holdings);
    let Some(new_head) = heads.get(&feed.key) else { return Ok(None) };
    let query = sqlx::query(include_str!("sql/append_direct.sql"))
        .bind(feed.key)
        .bind(row::integer(head.position.get()))
        .bind(row::integer(new_head.position.get()));
    let found = match insert::bind_events(query, &rows).bind(mark).fetch_optional(writers).await {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(None),
        Err(error) => {
            return match code_of(&error).as_deref() {
                // Above READ COMMITTED, another append in between is an error. The long way is at
                // READ COMMITTED whatever the database's default.
                Some(code::SERIALIZATION_FAILURE | code::UNIQUE_VIOLATION) => Ok(None),
                _ => Err(failure(error)),
            };
        }
    };
    let micros: i64 = found.try_get(0).map_err(failure)?;
    let updated = row::instant(micros).unwrap_or(head.updated);
    let mut commit = Commit {
        results,
        heads: HashMap::from([(feed.key, Head { position: new_head.position, updated })]),
    };
    for appended in commit.results.iter_mut().flatten().flatten() {
        // Every answer is an event of this append: the feed holds none of the ids.
        appended.updated = updated;
    }
    Ok(Some(commit))
}
