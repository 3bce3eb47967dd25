//! All shards that a worker holds, and whose turn it is.
//!
//! The oldest event that may be handled comes first, whatever its shard. So a worker that handles
//! one event at a time handles them in the order of the feed, as long as none has to be tried
//! again.

use std::collections::BTreeSet;
use std::sync::Arc;

use feed_protocol::{Position, Recorded};
use futures_util::future::AbortHandle;
use tokio::time::Instant;

use super::feeding::FedBy;
use super::lane::{InHand, Lane, Waiting};
use crate::handler::handed::Handed;
use crate::handler::once::Noting;
use crate::shard::{ShardCount, ShardNumber};
use crate::store::shards::Lease;

/// How many events may wait in all before readers at the front have to wait.
const MOST_WAITING: usize = 1_000;
/// About how much memory they may take, in bytes.
const MOST_WEIGHT: usize = 16 * 1024 * 1024;
/// A shard whose events take more than this part of either is left behind by the others.
const SHARE: usize = 4;

/// A shard that was left behind is read for again when so few of its events wait.
const HUNGRY: usize = MOST_WAITING / SHARE / 16;

/// The shards that a worker holds.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: Vec<Option<Lane>>,
    /// Those that have an event that may be handled, by its position.
    ready: BTreeSet<(Position, ShardNumber)>,
    /// Those of which the next event may be handled, but alone: it may have ended a worker.
    suspect: BTreeSet<(Position, ShardNumber)>,
    /// How many events of a shard may be done, or in hand, beyond its stored cursor.
    window: usize,
    waiting: usize,
    weight: usize,
    has_set_aside: bool,
}

/// Events that are handled together, in the order of the feed.
#[derive(Debug)]
pub(super) struct Portion {
    pub(super) items: Vec<Item>,
    /// Which try it is: 1 for the first.
    pub(super) number: u32,
}

/// An event of a portion.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) waiting: Waiting,
    pub(super) lease: Lease,
}

impl Portion {
    pub(super) fn handed(&self, noting: Option<&Arc<Noting>>) -> Vec<Handed> {
        let handed = |it: &Item| Handed {
            recorded: Arc::clone(&it.waiting.recorded),
            lease: it.lease,
            noting: noting.cloned(),
        };
        self.items.iter().map(handed).collect()
    }

    /// The shards of its events, each once, with the last event of each.
    pub(super) fn lasts(&self) -> Vec<(Lease, &Recorded)> {
        let mut lasts: Vec<(Lease, &Recorded)> = Vec::new();
        for item in self.items.iter().rev() {
            if lasts.iter().all(|(lease, _)| *lease != item.lease) {
                lasts.push((item.lease, &item.waiting.recorded));
            }
        }
        // Rows are locked in this order.
        lasts.sort_unstable_by_key(|(lease, _)| lease.shard);
        lasts
    }
}

impl Lanes {
    pub(super) fn new(shards: ShardCount, window: usize) -> Self {
        let lanes = shards.numbers().map(|_| None).collect();
        Self {
            lanes,
            ready: BTreeSet::new(),
            suspect: BTreeSet::new(),
            window: window.max(1),
            waiting: 0,
            weight: 0,
            has_set_aside: false,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Lane> {
        self.lanes.iter_mut().flatten()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// How many events wait.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether so much waits that no more should be read ahead.
    pub(super) const fn is_full(&self, allowance: usize) -> bool {
        self.waiting >= MOST_WAITING * allowance || self.weight >= MOST_WEIGHT * allowance
    }

    pub(super) fn insert(&mut self, lane: Lane) {
        let index = usize::from(lane.lease.shard.get());
        self.remove(lane.lease.shard);
        if let Some(place) = self.lanes.get_mut(index) {
            *place = Some(lane);
        }
    }

    /// Lets go of a shard. A handler that has an event of it is told to stop.
    pub(super) fn remove(&mut self, shard: ShardNumber) -> Option<Lane> {
        let lane = self.lanes.get_mut(usize::from(shard.get()))?.take()?;
        if let Some(first) = lane.first() {
            self.unready(first.position(), shard);
        }
        self.waiting -= lane.len();
        self.weight -= lane.weight();
        if let Some(in_hand) = &lane.in_hand {
            in_hand.abort.abort();
        }
        Some(lane)
    }

    pub(super) fn get(&self, shard: ShardNumber) -> Option<&Lane> {
        self.lanes.get(usize::from(shard.get()))?.as_ref()
    }

    /// The lane of a shard, if it is still held under this token.
    pub(super) fn held(&self, lease: Lease) -> Option<&Lane> {
        self.get(lease.shard).filter(|lane| lane.lease == lease)
    }

    /// Changes a lane, if it is still held under this token, and looks again whether it is its turn.
    pub(super) fn change<T>(
        &mut self,
        lease: Lease,
        change: impl FnOnce(&mut Lane) -> T,
    ) -> Option<T> {
        self.held(lease)?;
        self.change_shard(lease.shard, change)
    }

    /// Changes a lane, if the shard is held, and looks again whether it is its turn.
    pub(super) fn change_shard<T>(
        &mut self,
        shard: ShardNumber,
        change: impl FnOnce(&mut Lane) -> T,
    ) -> Option<T> {
        let lane = self.lanes.get_mut(usize::from(shard.get()))?.as_mut()?;
        let before = (lane.first().map(Waiting::position), lane.len(), lane.weight());
        let changed = change(lane);
        let (first, len, weight) = before;
        self.waiting = self.waiting - len + lane.len();
        self.weight = self.weight - weight + lane.weight();
        let may_begin = lane.is_free()
            && lane.rests_until.is_none()
            && lane.ahead() < self.window
            && !lane.is_held_up();
        let next = lane.first().map(Waiting::position).filter(|_| may_begin);
        let is_suspect = lane.suspicion.is_of_next();
        if let Some(first) = first {
            self.unready(first, shard);
        }
        if let Some(next) = next {
            let among = if is_suspect { &mut self.suspect } else { &mut self.ready };
            among.insert((next, shard));
        }
        Some(changed)
    }

    fn unready(&mut self, first: Position, shard: ShardNumber) {
        self.ready.remove(&(first, shard));
        self.suspect.remove(&(first, shard));
    }

    /// Changes every lane.
    pub(super) fn change_all(&mut self, change: impl Fn(&mut Lane)) {
        let shards: Vec<ShardNumber> = self.iter().map(|lane| lane.lease.shard).collect();
        for shard in shards {
            self.change_shard(shard, &change);
        }
    }

    /// Whether an event may be handled.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty() || !self.suspect.is_empty()
    }

    /// Whether the oldest event that may be handled is one that may have ended a worker.
    pub(super) fn is_suspect_next(&self) -> bool {
        let suspect = self.suspect.first();
        suspect.is_some_and(|it| self.ready.first().is_none_or(|ready| it < ready))
    }

    /// Whether a shard waits for nothing but its cursor.
    pub(super) fn is_window_full(&self, lease: Lease) -> bool {
        self.held(lease).is_some_and(|lane| lane.ahead() >= self.window)
    }

    /// An event for a shard. It is left out if it was read before; `false` if there is no room for
    /// it, and the shard has been left behind.
    pub(super) fn offer(&mut self, shard: ShardNumber, waiting: Waiting, by: FedBy) {
        let wants = |lane: &Lane| {
            lane.fed_by == by
                && waiting.position() > lane.read_to
                && lane.limit.is_none_or(|limit| waiting.position() <= limit)
        };
        if !self.get(shard).is_some_and(wants) {
            return;
        }
        self.change_shard(shard, |lane| {
            let is_full = lane.len() >= MOST_WAITING / SHARE
                || (lane.len() > 0 && lane.weight() >= MOST_WEIGHT / SHARE);
            if is_full {
                lane.read_to = waiting.position().back_by(1);
                lane.fed_by = FedBy::Nobody;
            } else {
                lane.read_to = waiting.position();
                lane.push(waiting);
            }
        });
    }

    /// Nothing can be handled, and nothing can be read for what waits: the shard for which most
    /// waits gives half of it up, to be read again later.
    pub(super) fn make_room(&mut self) {
        let longest = self.iter().max_by_key(|lane| lane.len()).map(|lane| lane.lease);
        if let Some(lease) = longest {
            self.change(lease, |lane| lane.shorten(lane.len() / 2));
        }
    }

    /// Whether a shard that was left behind is to be read for again: not before little is left of
    /// what waits, since a handler that is slow would only have it left behind once more.
    pub(super) fn is_hungry(lane: &Lane) -> bool {
        lane.len() <= HUNGRY
    }

    /// The events that are to be handled next: the oldest, and those after it that join it, at
    /// most so many. They are in hand from now on.
    pub(super) fn take(
        &mut self,
        most: usize,
        abort: &AbortHandle,
        joins: impl Fn(&Recorded, &Recorded) -> bool,
    ) -> Option<Portion> {
        let mut items: Vec<Item> = Vec::new();
        let mut number = 1;
        self.set_aside();
        while items.len() < most
            && let Some(&(_, shard)) = self.ready.first()
            && let Some(lane) = self.get(shard)
            && let Some(next) = lane.first()
            // It is set aside when it would be the first.
            && lane.shelf.holds_back(&next.recorded).is_none()
        {
            let is_alone = lane.is_next_alone();
            if let Some(first) = items.first() {
                if is_alone || !joins(&first.waiting.recorded, &next.recorded) {
                    break;
                }
            } else if is_alone {
                number = lane.failures.count().saturating_add(1);
            }
            let lease = lane.lease;
            let taken = items.iter().filter(|item| item.lease == lease).count();
            let is_last = taken + 1 + lane.ahead() >= self.window;
            let (first, updated) = match &lane.in_hand {
                Some(in_hand) => (in_hand.first, in_hand.updated),
                None => (next.position(), Some(next.recorded.updated)),
            };
            let abort = abort.clone();
            let waiting = self.change_shard(shard, |lane| {
                lane.singly = lane.singly.saturating_sub(1);
                lane.in_hand = Some(InHand { first, updated, abort });
                lane.pop()
            });
            items.extend(waiting.flatten().map(|waiting| Item { waiting, lease }));
            // It is still this portion that has it in hand, and may have more of it, but nothing that
            // lies behind what waits for a parked event.
            let is_next_held_back = |lane: &Lane| {
                lane.first().is_some_and(|it| lane.shelf.holds_back(&it.recorded).is_some())
            };
            let is_last = is_last || self.get(shard).is_some_and(is_next_held_back);
            if !is_last && let Some(next) = self.get(shard).and_then(Lane::first) {
                self.ready.insert((next.position(), shard));
            }
            if is_alone {
                break;
            }
        }
        for item in &items {
            // No other portion has any of it until this one is done.
            if let Some(next) = self.get(item.lease.shard).and_then(Lane::first) {
                self.ready.remove(&(next.position(), item.lease.shard));
            }
        }
        (!items.is_empty()).then_some(Portion { items, number })
    }

    /// The next event that may have ended a worker, to be handled alone. It is in hand from now on.
    pub(super) fn take_suspect(&mut self, abort: &AbortHandle) -> Option<Portion> {
        self.set_aside();
        // Only of the oldest was it looked whether it waits behind a parked event.
        if !self.is_suspect_next() {
            return None;
        }
        let &(first, shard) = self.suspect.first()?;
        let abort = abort.clone();
        let (waiting, lease, number) = self.change_shard(shard, |lane| {
            let updated = lane.first().map(|it| it.recorded.updated);
            lane.in_hand = Some(InHand { first, updated, abort });
            (lane.pop(), lane.lease, lane.failures.count().saturating_add(1))
        })?;
        let items = vec![Item { waiting: waiting?, lease }];
        Some(Portion { items, number })
    }

    /// Sets aside the events whose turn it would be, if one of their subject is parked.
    fn set_aside(&mut self) {
        while let Some(&(_, shard)) =
            self.suspect.first().into_iter().chain(self.ready.first()).min()
            && let Some(lane) = self.get(shard)
            && let Some(first) = lane.first()
            && lane.shelf.holds_back(&first.recorded).is_some()
        {
            self.change_shard(shard, Lane::set_aside);
            self.has_set_aside = true;
        }
    }

    /// Whether events were set aside since this was last asked.
    pub(super) fn take_set_aside(&mut self) -> bool {
        std::mem::take(&mut self.has_set_aside)
    }

    /// Whether any shard waits for nothing but its cursor.
    pub(super) fn is_any_window_full(&self) -> bool {
        self.iter().any(|lane| lane.ahead() >= self.window)
    }

    /// Events of a portion that was not done wait again.
    pub(super) fn put_back(&mut self, portion: Portion) {
        for Item { waiting, lease } in portion.items.into_iter().rev() {
            self.change(lease, |lane| {
                lane.in_hand = None;
                lane.put_back(waiting);
            });
        }
    }

    /// When the next shard is to be tried again.
    pub(super) fn rest_ends(&self) -> Option<Instant> {
        self.iter().filter_map(|lane| lane.rests_until).min()
    }

    /// Shards whose time has come are tried again.
    pub(super) fn wake(&mut self) {
        let now = Instant::now();
        let is_due = |lane: &&Lane| lane.rests_until.is_some_and(|until| until <= now);
        let due: Vec<Lease> = self.iter().filter(is_due).map(|lane| lane.lease).collect();
        for lease in due {
            self.change(lease, |lane| lane.rests_until = None);
        }
    }
}
