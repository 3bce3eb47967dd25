//! Decides what becomes of the requests of one append: the part of appending that is the same in
//! every database.
//!
//! A store holds the lock under which it appends, loads what bears on the requests
//! ([`Holdings`]), has [`decide`] say what to write, and writes it. Nothing here does I/O, and no
//! refusal has to be undone in the database.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use feed_protocol::event::{EventId, Subject};
use feed_protocol::{Entry, Event, FeedIdentity, Position, Recorded};

use super::{Append, AppendResult, Appended, Feed, Head, Refusal};

/// What the database holds that bears on the requests of one append.
#[derive(Debug)]
pub(super) struct Holdings<'a> {
    /// The time of the append, by the database's clock.
    pub(super) now: DateTime<Utc>,
    /// How far the feeds of the requests have come, by their keys.
    pub(super) heads: HashMap<i64, Head>,
    /// What is known of events whose id the feed holds already, by their number: events are
    /// counted from 0 through all requests.
    pub(super) known: HashMap<usize, Known>,
    /// How many events a subject of a feed has: for every subject with an expected version.
    pub(super) versions: HashMap<(i64, &'a Subject), u64>,
    /// The subjects of a feed whose number of events is not certain, because a transaction that
    /// publishes for them is open.
    pub(super) busy: HashSet<(i64, &'a Subject)>,
}

/// What a feed holds under the id of an event that is to be appended.
#[derive(Debug)]
pub(super) enum Known {
    /// An event of the same source and the same content.
    Repeat(Appended),
    /// An event of the same source that says something else.
    Conflict(Position),
    /// Only events of other sources.
    OtherSource,
}

impl Known {
    /// What it means for an event that this entry, of the same source and id, is there.
    pub(super) fn of(entry: Entry, event: &Event) -> Self {
        let Entry { iri, recorded } = entry;
        if recorded.event.has_same_content(event) {
            let Recorded { position, updated, .. } = recorded;
            Self::Repeat(Appended { position, updated, iri, created: false })
        } else {
            Self::Conflict(recorded.position)
        }
    }
}

/// What to write, and what to answer once it is committed.
#[derive(Debug)]
pub(super) struct Decision<'a> {
    /// The new events, in the order of their positions.
    pub(super) rows: Vec<NewRow<'a>>,
    /// The new heads of the feeds that gained events, by their keys.
    pub(super) heads: HashMap<i64, Head>,
    /// An answer for each request.
    pub(super) results: Vec<AppendResult>,
}

/// An event that is to be stored.
#[derive(Debug)]
pub(super) struct NewRow<'a> {
    /// The key of its feed.
    pub(super) feed: i64,
    /// The place that it is given.
    pub(super) position: Position,
    /// The time that it is given.
    pub(super) updated: DateTime<Utc>,
    /// Its `atom:id`.
    pub(super) iri: String,
    /// The event.
    pub(super) event: &'a Event,
}

/// Decides every request in its order; each sees what those before it have just stored.
pub(super) fn decide<'a>(
    requests: impl IntoIterator<Item = &'a Append>,
    holdings: Holdings<'a>,
) -> Decision<'a> {
    let mut ledger = Ledger { holdings, rows: Vec::new(), by_id: HashMap::new() };
    let mut number = 0;
    let results = requests
        .into_iter()
        .map(|request| {
            let first = number;
            number += request.events.len();
            ledger.admit(request, first)
        })
        .collect();
    let mut heads = HashMap::new();
    for row in &ledger.rows {
        heads.insert(row.feed, row.head());
    }
    Decision { rows: ledger.rows, heads, results }
}

/// What is decided so far.
struct Ledger<'a> {
    holdings: Holdings<'a>,
    rows: Vec<NewRow<'a>>,
    /// The places in `rows` of the events of each feed and id, whatever their source.
    by_id: HashMap<(i64, &'a EventId), Vec<usize>>,
}

impl NewRow<'_> {
    fn head(&self) -> Head {
        Head { position: self.position, updated: self.updated }
    }

    fn appended(&self, created: bool) -> Appended {
        Appended { position: self.position, updated: self.updated, iri: self.iri.clone(), created }
    }
}

impl<'a> Ledger<'a> {
    /// Admits a request whole, or leaves nothing of it.
    fn admit(&mut self, request: &'a Append, first_number: usize) -> AppendResult {
        let (rows_before, head_before) = (self.rows.len(), self.head(&request.feed));
        let outcome = self.admit_events(request, first_number);
        if outcome.is_err() {
            self.forget_after(rows_before);
            self.holdings.heads.insert(request.feed.key, head_before);
        } else {
            for row in &self.rows[rows_before..] {
                if let Some(subject) = row.event.subject()
                    && let Some(version) = self.holdings.versions.get_mut(&(row.feed, subject))
                {
                    *version += 1;
                }
            }
        }
        outcome
    }

    fn admit_events(&mut self, request: &'a Append, first_number: usize) -> AppendResult {
        let identity = request.feed.identity();
        let rows_before = self.rows.len();
        let mut answers = Vec::with_capacity(request.events.len());
        for (index, event) in request.events.iter().enumerate() {
            let conflict = |existing| Refusal::Conflict {
                index,
                source_attribute: event.source().clone(),
                id: event.id().clone(),
                existing,
            };
            let other_source = match self.holdings.known.get(&(first_number + index)) {
                Some(Known::Repeat(stored)) => {
                    answers.push(stored.clone());
                    continue;
                }
                Some(Known::Conflict(existing)) => return Err(conflict(Some(*existing))),
                Some(Known::OtherSource) => true,
                None => false,
            };
            let same_id = self.by_id.get(&(request.feed.key, event.id()));
            let twin = same_id
                .into_iter()
                .flatten()
                .map(|place| (*place, &self.rows[*place]))
                .find(|(_, row)| row.event.source() == event.source());
            match twin {
                Some((_, twin)) if twin.event.has_same_content(event) => {
                    answers.push(twin.appended(false));
                }
                // One of this request is refused with it, and stands nowhere.
                Some((place, twin)) => {
                    return Err(conflict((place < rows_before).then_some(twin.position)));
                }
                None => {
                    let id_taken = other_source || same_id.is_some();
                    let row = self.add(&request.feed, event, &identity, id_taken);
                    answers.push(row.appended(true));
                }
            }
        }
        match request.expected_version {
            Some(expected) if self.rows.len() > rows_before => {
                if self.is_busy(request) {
                    return Err(Refusal::SubjectBusy);
                }
                let actual = self.version(request);
                if actual == expected {
                    Ok(answers)
                } else {
                    Err(Refusal::VersionMismatch { expected, actual })
                }
            }
            _ => Ok(answers),
        }
    }

    /// Gives an event the next place in its feed.
    fn add(
        &mut self,
        feed: &Feed,
        event: &'a Event,
        identity: &FeedIdentity,
        id_taken: bool,
    ) -> &NewRow<'a> {
        let head = self.head(feed);
        let uuid_iri = if id_taken { None } else { FeedIdentity::uuid_iri(event) };
        let row = NewRow {
            feed: feed.key,
            position: head.position.next(),
            updated: self.holdings.now.max(head.updated),
            iri: uuid_iri.unwrap_or_else(|| identity.tag_iri(event)),
            event,
        };
        self.holdings.heads.insert(feed.key, row.head());
        let place = self.rows.len();
        self.by_id.entry((feed.key, event.id())).or_default().push(place);
        self.rows.push(row);
        &self.rows[place]
    }

    /// Forgets the rows from this place on.
    fn forget_after(&mut self, place: usize) {
        for row in self.rows.drain(place..) {
            let key = (row.feed, row.event.id());
            if let Some(places) = self.by_id.get_mut(&key) {
                places.retain(|it| *it < place);
                if places.is_empty() {
                    self.by_id.remove(&key);
                }
            }
        }
    }

    fn head(&self, feed: &Feed) -> Head {
        // A store loads the head of every feed that the requests name, or fails.
        self.holdings.heads[&feed.key]
    }

    fn is_busy(&self, request: &Append) -> bool {
        let subject = request.events.first().and_then(Event::subject);
        subject.is_some_and(|subject| self.holdings.busy.contains(&(request.feed.key, subject)))
    }

    /// How many events the subject of the request has before the request.
    fn version(&self, request: &Append) -> u64 {
        let subject = request.events.first().and_then(Event::subject);
        subject
            .and_then(|subject| self.holdings.versions.get(&(request.feed.key, subject)))
            .copied()
            .unwrap_or_default()
    }
}
