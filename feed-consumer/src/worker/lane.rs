//! What a worker has of one shard: the hold on it, the events that wait, and how far they are done.

use std::collections::VecDeque;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use feed_protocol::{Position, Recorded};
use futures_util::future::AbortHandle;
use tokio::time::Instant;

use super::feeding::FedBy;
use super::outage::Outage;
use super::shelf::Shelf;
use super::suspicion::Suspicion;
use crate::cursor::digest;
use crate::schedule::failures::{Failures, Patience};
use crate::store::parking::Follower;
use crate::store::shards::{Acquired, Lease, Move, ShardPlace};

/// An event that waits for its turn.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) recorded: Arc<Recorded>,
}

impl Waiting {
    pub(super) fn position(&self) -> Position {
        self.recorded.position
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        const ATTRIBUTES: usize = 512;
        self.recorded.event.data().map_or(0, |data| data.len()) + ATTRIBUTES
    }
}

/// A shard that this worker holds.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) lease: Lease,
    /// Where its cursor stands in the store.
    pub(super) stored: ShardPlace,
    /// What has been done beyond that.
    ahead: Ahead,
    /// All of its events up to here wait, are in hand, or are done.
    pub(super) read_to: Position,
    /// Which reader goes on from there.
    pub(super) fed_by: FedBy,
    waiting: VecDeque<Waiting>,
    weight: usize,
    pub(super) in_hand: Option<InHand>,
    /// Those of its first event, while it is tried again.
    pub(super) failures: Failures,
    /// When that is.
    pub(super) rests_until: Option<Instant>,
    /// So many of its first events are handled one at a time, since they failed together.
    pub(super) singly: usize,
    /// What is parked of it.
    pub(super) shelf: Shelf,
    /// What may have ended a former holder.
    pub(super) suspicion: Suspicion,
    /// It pauses, since most events fail.
    pub(super) outage: Option<Outage>,
    /// A person has paused it.
    pub(super) is_paused: bool,
    /// It goes no further than this, and is given back there: another number of shards is asked
    /// for.
    pub(super) limit: Option<Position>,
    /// It is to be given back.
    pub(super) is_leaving: bool,
}

/// How far it goes with a shard.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// How an event is tried again.
    pub(super) retry: Patience,
    /// Up to where.
    pub(super) limit: Option<Position>,
    /// How many events may wait behind parked ones.
    pub(super) most_behind: u64,
}

/// What a handler has of a shard.
#[derive(Debug)]
pub(super) struct InHand {
    pub(super) first: Position,
    /// When the feed accepted that; `None` for a parked one that is taken up again.
    pub(super) updated: Option<DateTime<Utc>>,
    pub(super) abort: AbortHandle,
}

/// What has been done beyond the stored place.
#[derive(Debug, Default)]
struct Ahead {
    events: usize,
    last: Option<Arc<Recorded>>,
    /// Events that wait behind parked ones.
    followers: Vec<Follower>,
}

impl Lane {
    pub(super) fn new(acquired: Acquired, bounds: Bounds) -> Self {
        let Bounds { retry, limit, most_behind } = bounds;
        let Acquired { lease, place, suspects, .. } = acquired;
        Self {
            lease,
            read_to: place.position,
            stored: place,
            ahead: Ahead::default(),
            fed_by: FedBy::Nobody,
            waiting: VecDeque::new(),
            weight: 0,
            in_hand: None,
            failures: Failures::new(retry),
            rests_until: None,
            singly: 0,
            shelf: Shelf::new(most_behind),
            suspicion: Suspicion::new(suspects),
            outage: None,
            is_paused: false,
            limit,
            is_leaving: false,
        }
    }

    /// Whether its next event may be handled, if there is one.
    pub(super) fn is_free(&self) -> bool {
        self.in_hand.is_none() && !self.is_leaving && !self.is_paused
    }

    /// Whether the next event has to be handled by itself.
    pub(super) fn is_next_alone(&self) -> bool {
        self.singly > 0 || self.failures.count() > 0 || self.outage.is_some()
    }

    /// Whether it stands still until something else changes than its own events.
    pub(super) fn pauses(&self) -> bool {
        self.is_paused || self.outage.is_some() || self.is_held_up()
    }

    /// Whether too much waits behind parked events for the next one to wait there, too.
    pub(super) fn is_held_up(&self) -> bool {
        let is_behind = |it: &Waiting| self.shelf.holds_back(&it.recorded).is_some();
        self.shelf.is_full() && self.first().is_some_and(is_behind)
    }

    /// All of its events up to here were read.
    pub(super) fn read_through(&mut self, through: Position) {
        let through = self.limit.map_or(through, |limit| through.min(limit));
        self.read_to = self.read_to.max(through);
    }

    /// Whether everything up to its limit was read.
    pub(super) fn is_read_to_limit(&self) -> bool {
        self.limit.is_some_and(|limit| self.read_to >= limit)
    }

    /// Whether everything up to its limit is done.
    pub(super) fn is_done_to_limit(&self) -> bool {
        self.is_read_to_limit() && self.len() == 0 && self.in_hand.is_none()
    }

    pub(super) fn first(&self) -> Option<&Waiting> {
        self.waiting.front()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// About how much memory is taken by what waits, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// How many events are done that the store does not know of.
    pub(super) fn ahead(&self) -> usize {
        self.ahead.events
    }

    pub(super) fn push(&mut self, waiting: Waiting) {
        self.weight += waiting.weight();
        self.waiting.push_back(waiting);
    }

    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        self.weight -= waiting.weight();
        Some(waiting)
    }

    /// An event that was taken, and not done, is the first again.
    pub(super) fn put_back(&mut self, waiting: Waiting) {
        self.weight += waiting.weight();
        self.waiting.push_front(waiting);
    }

    /// Gives up the newest events that wait, down to so many, to be read again later.
    pub(super) fn shorten(&mut self, len: usize) {
        while self.waiting.len() > len
            && let Some(last) = self.waiting.pop_back()
        {
            self.weight -= last.weight();
            self.read_to = last.position().back_by(1);
            self.fed_by = FedBy::Nobody;
        }
    }

    /// The first event beyond the cursor that is not done, and when the feed accepted it, of those
    /// that were read.
    pub(super) fn next(&self) -> Option<(Position, DateTime<Utc>)> {
        let in_hand = self.in_hand.as_ref().and_then(|it| Some((it.first, it.updated?)));
        in_hand.or_else(|| self.first().map(|it| (it.position(), it.recorded.updated)))
    }

    /// The position up to which all is done.
    pub(super) fn passed(&self) -> Position {
        let first = self.in_hand.as_ref().map(|it| it.first);
        let first = first.or_else(|| self.first().map(Waiting::position));
        first.map_or(self.read_to, |first| first.back_by(1)).max(self.stored.position)
    }

    /// An event is done.
    pub(super) fn done(&mut self, done: Waiting) {
        self.suspicion.next_is_done(done.position());
        self.ahead.events += 1;
        self.ahead.last = Some(done.recorded);
    }

    /// The first event waits behind a parked one of its subject from now on. `false` if none is.
    pub(super) fn set_aside(&mut self) -> bool {
        let Some(first) = self.waiting.front() else { return false };
        let Some(subject) = self.shelf.holds_back(&first.recorded).cloned() else { return false };
        let (lease, position) = (self.lease, first.position());
        if let Some(waiting) = self.pop() {
            self.shelf.set_behind(&subject);
            self.ahead.followers.push(Follower { lease, subject, position });
            self.done(waiting);
        }
        true
    }

    /// What waits behind parked events on the way to what is done.
    pub(super) fn followers(&self) -> &[Follower] {
        &self.ahead.followers
    }

    /// How its cursor moves past all that is done; `None` if it need not.
    pub(super) fn movement(&self) -> Option<Move> {
        let position = self.passed();
        (position > self.stored.position).then(|| self.to(position, self.ahead.last.as_deref()))
    }

    /// How its cursor stays.
    pub(super) fn stay(&self) -> Move {
        Move { lease: self.lease, to: self.stored.clone() }
    }

    /// How its cursor moves past an event.
    pub(super) fn past(&self, last: &Recorded) -> Move {
        self.to(last.position, Some(last))
    }

    fn to(&self, position: Position, last: Option<&Recorded>) -> Move {
        let last = last.map(digest::last_event).or_else(|| self.stored.last.clone());
        let validators = self.stored.validators.clone();
        Move { lease: self.lease, to: ShardPlace { position, last, validators } }
    }

    /// Its cursor stands there now, past all that was done.
    pub(super) fn moved(&mut self, to: ShardPlace) {
        self.ahead = Ahead::default();
        self.stored = to;
    }
}
