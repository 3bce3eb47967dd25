//! What is parked of a shard, as far as the worker has to know it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use feed_protocol::event::Subject;
use feed_protocol::{Position, Recorded};
use tokio::time::Instant;

use crate::store::parking::ParkedHead;

/// The heads of the subjects of a shard that wait for something else than their turn.
#[derive(Debug)]
pub(super) struct Shelf {
    heads: BTreeMap<Position, Head>,
    subjects: HashMap<Subject, Position>,
    /// How many events wait behind heads.
    behind: u64,
    /// How many may.
    most: u64,
}

/// A parked event, or the first of those that waited behind one that is resolved.
#[derive(Debug)]
struct Head {
    subject: Option<Subject>,
    /// When it is taken up again; `None` if it waits for a person.
    due: Option<Instant>,
    /// How many events of its subject wait behind it.
    behind: u64,
}

impl Shelf {
    /// An empty one, where at most so many events may wait behind others.
    pub(super) fn new(most: u64) -> Self {
        Self { heads: BTreeMap::new(), subjects: HashMap::new(), behind: 0, most }
    }

    /// How many events wait behind heads.
    pub(super) const fn behind(&self) -> u64 {
        self.behind
    }

    /// Whether as many events wait as may.
    pub(super) const fn is_full(&self) -> bool {
        self.behind >= self.most
    }

    /// The heads that are to be taken up now.
    pub(super) fn heads_due(&self) -> impl Iterator<Item = Position> {
        let now = Instant::now();
        let is_due = move |head: &Head| head.due.is_some_and(|due| due <= now);
        self.heads.iter().filter(move |(_, head)| is_due(head)).map(|(position, _)| *position)
    }

    /// One more event waits behind the head of its subject.
    pub(super) fn set_behind(&mut self, subject: &Subject) {
        let head = self.subjects.get(subject).and_then(|position| self.heads.get_mut(position));
        if let Some(head) = head {
            head.behind += 1;
            self.behind += 1;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.heads.len()
    }

    /// As the store has it.
    pub(super) fn load(&mut self, heads: impl IntoIterator<Item = ParkedHead>) {
        *self = Self::new(self.most);
        for ParkedHead { position, subject, due, followers, .. } in heads {
            self.put(position, subject, due, followers);
        }
    }

    /// An event is the head of its subject from now on, and due after this time; so many wait behind
    /// it.
    pub(super) fn put(
        &mut self,
        position: Position,
        subject: Option<Subject>,
        due: Option<Duration>,
        behind: u64,
    ) {
        self.subjects.extend(subject.clone().map(|subject| (subject, position)));
        // A time that no clock knows is never.
        let due = due.and_then(|due| Instant::now().checked_add(due));
        self.behind += behind;
        self.heads.insert(position, Head { subject, due, behind });
    }

    /// The subject behind whose parked event this one has to wait.
    pub(super) fn holds_back(&self, recorded: &Recorded) -> Option<&Subject> {
        let subject = recorded.event.subject()?;
        self.subjects.get_key_value(subject).map(|(subject, _)| subject)
    }

    /// The next head that is to be taken up, and when.
    pub(super) fn next_due(&self) -> Option<(Instant, Position)> {
        self.heads.iter().filter_map(|(position, head)| Some((head.due?, *position))).min()
    }

    /// When a head is to be taken up.
    pub(super) fn due(&self, position: Position) -> Option<Instant> {
        self.heads.get(&position)?.due
    }

    pub(super) fn has(&self, position: Position) -> bool {
        self.heads.contains_key(&position)
    }

    /// The subject of a head.
    pub(super) fn subject(&self, position: Position) -> Option<&Subject> {
        self.heads.get(&position)?.subject.as_ref()
    }

    /// A head is taken up again after this time.
    pub(super) fn set_due(&mut self, position: Position, due: Option<Duration>) {
        if let Some(head) = self.heads.get_mut(&position) {
            head.due = due.and_then(|due| Instant::now().checked_add(due));
        }
    }

    /// A head is resolved, and this one is next of its subject; if there is none, the subject is
    /// free.
    pub(super) fn resolve(&mut self, position: Position, next: Option<Position>) {
        let Some(Head { subject, behind, .. }) = self.heads.remove(&position) else { return };
        self.behind -= behind;
        if let Some(subject) = &subject {
            self.subjects.remove(subject);
        }
        if let Some(next) = next {
            self.put(next, subject, Some(Duration::ZERO), behind.saturating_sub(1));
        }
    }
}
