//! Events are taken in hand, and what becomes of them.

use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use feed_protocol::Position;
use futures_util::future::{AbortHandle, AbortRegistration, Abortable, FusedFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;
use tracing::warn;

use super::lanes::{Item, Portion};
use super::reviving::{self, DueHead, Revival, Revived};
use super::storing::meanwhile;
use super::suspicion::{Alone, Hall};
use super::{ConsumerError, Next, Worker};
use crate::handler::handed::Handed;
use crate::handler::work::{Attempt, Ending, Failed};
use crate::handler::{HandlerError, Work};
use crate::schedule::failures::Failures;
use crate::store::shards::{Lease, Move};
use crate::store::{Advance, StoreError};

/// A transaction was rolled back at its end.
#[derive(Debug, thiserror::Error)]
#[error("what the handler wrote could not be committed")]
struct NotCommitted(#[source] Box<dyn Error + Send + Sync>);

/// What a handler is about to have.
pub(super) enum Started {
    /// Events in their turn; what counts the attempts, if it is one that is handled alone.
    Portion(Portion, Attempt, Option<Alone>, AbortRegistration),
    /// An event that was parked, or waited behind one.
    Revival(Revival),
}

/// What a handler made of it. There is no result if it was told to stop.
#[derive(Debug)]
pub(super) enum Done {
    /// Of events in their turn.
    Portion {
        portion: Portion,
        /// How cursors moved with it, where that was part of it.
        moves: Vec<Move>,
        result: Option<Result<(), Failed>>,
    },
    /// Of an event that was not begun: workers that had it in hand alone have ended so often.
    Deadly { portion: Portion, attempts: u32 },
    /// Of an event that was parked, or waited behind one.
    Revival { lease: Lease, position: Position, revived: Option<Revived> },
}

/// Does it, once.
pub(super) async fn carry_out<W: Work>(
    work: &W,
    transactions: Arc<W::Transactions>,
    hall: Hall,
    started: Started,
) -> Done {
    match started {
        Started::Portion(portion, attempt, alone, registration) => {
            let moves = match &attempt.ending {
                Some(Ending::Advance(advance)) => advance.moves.clone(),
                _ => Vec::new(),
            };
            let attempting = attempt_in(hall, alone, work.attempt(&transactions, attempt));
            let result = Abortable::new(attempting, registration).await.ok();
            Done::Portion { portion, moves, result }
        }
        Started::Revival(revival) => {
            let (lease, position) = (revival.lease, revival.position);
            let revived = reviving::revive(work, &transactions, hall, revival).await;
            Done::Revival { lease, position, revived }
        }
    }
}

/// A handler has panicked.
#[derive(Debug, thiserror::Error)]
#[error("the handler panicked: {0}")]
struct Panicked(String);

/// Tries once, beside what else is in hand in this process, or alone and counted. A panic is a
/// failure of the event for good, and ends nothing else.
pub(super) async fn attempt_in(
    hall: Hall,
    alone: Option<Alone>,
    attempt: impl Future<Output = Result<(), Failed>>,
) -> Result<(), Failed> {
    let _admission = hall.enter(alone.is_some()).await;
    let attempt = async {
        let caught = AssertUnwindSafe(attempt).catch_unwind().await;
        caught.unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<&str>().map(ToString::to_string);
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
            let said = said.unwrap_or_else(|| "it does not say why".to_owned());
            Err(HandlerError::permanent(Panicked(said)).into())
        })
    };
    match alone {
        Some(alone) => alone.attempt(attempt).await,
        None => attempt.await,
    }
}

impl<W, S> Worker<'_, W, S>
where
    W: Work,
    S: FusedFuture<Output = ()>,
{
    /// Takes the next events in hand, if there are any whose turn it is. `Some(None)` if there was
    /// nothing to do with them.
    pub(super) fn start(&mut self, is_at_rest: bool) -> Option<Option<Started>> {
        if self.leases.deadline().is_none_or(|it| it <= Instant::now()) {
            return None;
        }
        self.is_alone_in_hand &= !is_at_rest;
        let head = self.due_head();
        if head.is_some_and(|head| head.is_suspect) || self.lanes.is_suspect_next() {
            // Whatever else is in hand comes to its end first.
            return if is_at_rest { self.start_suspect(head) } else { None };
        }
        if self.is_alone_in_hand {
            return None;
        }
        if let Some(head) = head {
            return Some(Some(self.start_revival(head)?));
        }
        if !self.is_batch_due() {
            return None;
        }
        let (abort, registration) = AbortHandle::new_pair();
        let work = self.work;
        let most = self.manner.batching.events;
        let portion = self.lanes.take(most, &abort, |first, next| work.joins(first, next));
        let has_set_aside = self.lanes.take_set_aside();
        if has_set_aside {
            self.storing.note(self.lanes.is_any_window_full());
        }
        // Behind what was set aside there may be something else.
        let Some(portion) = portion else { return has_set_aside.then_some(None) };
        let events = portion.handed(self.noting.as_ref());
        if work.passes_over(&events) {
            self.done(portion);
            return Some(None);
        }
        Some(Some(self.begin(portion, events, None, registration)))
    }

    /// Whether nothing can be begun before what is in hand has come to its end.
    pub(super) fn waits_to_be_alone<F>(&self, flight: &FuturesUnordered<F>) -> bool {
        let is_suspect_next =
            || self.lanes.is_suspect_next() || self.due_head().is_some_and(|head| head.is_suspect);
        !flight.is_empty() && (self.is_alone_in_hand || is_suspect_next())
    }

    /// Takes in hand what may have ended a worker, and nothing beside it.
    fn start_suspect(&mut self, head: Option<DueHead>) -> Option<Option<Started>> {
        if let Some(head) = head.filter(|head| head.is_suspect) {
            let started = self.start_revival(head)?;
            self.is_alone_in_hand = true;
            return Some(Some(started));
        }
        let (abort, registration) = AbortHandle::new_pair();
        let portion = self.lanes.take_suspect(&abort);
        let has_set_aside = self.lanes.take_set_aside();
        if has_set_aside {
            self.storing.note(self.lanes.is_any_window_full());
        }
        // Behind what was set aside there may be something else.
        let Some(portion) = portion else { return has_set_aside.then_some(None) };
        let events = portion.handed(self.noting.as_ref());
        let item = portion.items.first()?;
        let (lease, position) = (item.lease, item.waiting.position());
        if self.work.passes_over(&events) {
            self.done(portion);
            return Some(None);
        }
        let attempts = self.lanes.held(lease).map_or(0, |lane| lane.suspicion.attempts(position));
        if attempts >= self.manner.deadly_after {
            self.finished.push_back(Done::Deadly { portion, attempts });
            return Some(None);
        }
        let alone = self.alone(lease, position);
        self.is_alone_in_hand = true;
        Some(Some(self.begin(portion, events, Some(alone), registration)))
    }

    fn begin(
        &self,
        portion: Portion,
        events: Vec<Handed>,
        alone: Option<Alone>,
        registration: AbortRegistration,
    ) -> Started {
        let ending = W::IS_TRANSACTIONAL.then(|| Ending::Advance(self.advance_past(&portion)));
        let (number, deadline) = (portion.number, self.manner.deadline);
        let attempt = Attempt { events, ending, number, deadline };
        Started::Portion(portion, attempt, alone, registration)
    }

    /// How cursors move in a transaction in which a portion is handled.
    fn advance_past(&self, portion: &Portion) -> Advance {
        let moves = portion.lasts().into_iter();
        let moves = moves.filter_map(|(lease, last)| Some(self.lanes.held(lease)?.past(last)));
        let moves = moves.collect();
        let lasts = portion.lasts();
        let lanes = lasts.iter().filter_map(|(lease, _)| self.lanes.held(*lease));
        let followers = lanes.flat_map(|lane| lane.followers().iter().cloned()).collect();
        Advance { subscription: self.subscription.clone(), moves, followers }
    }

    /// Notes what became of a portion.
    pub(super) async fn finish<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
        done: Done,
    ) -> Result<Next, ConsumerError> {
        let (portion, moves, result) = match done {
            Done::Portion { portion, moves, result } => (portion, moves, result),
            Done::Deadly { portion, attempts } => {
                return self.exhausted_deadly(flight, portion, attempts).await;
            }
            Done::Revival { lease, position, revived } => {
                return self.finish_revival(flight, lease, position, revived).await;
            }
        };
        match result {
            Some(Ok(())) => self.committed(portion, moves),
            // One of its shards is another worker's now, and the rest is handled again.
            None => self.lanes.put_back(portion),
            Some(Err(Failed::Handler(error))) => return self.failed(flight, portion, error).await,
            Some(Err(Failed::Fenced(shards))) => {
                self.lost(&shards);
                self.lanes.put_back(portion);
            }
            Some(Err(Failed::Begin(error))) => {
                self.lanes.put_back(portion);
                let mut troubles = std::mem::replace(
                    &mut self.storing.troubles,
                    Failures::new(self.manner.patience),
                );
                let next = self.bear(flight, error, &mut troubles).await?;
                self.storing.troubles = troubles;
                return Ok(next);
            }
            Some(Err(Failed::Commit(error))) => {
                return self.after_commit(flight, portion, moves, error).await;
            }
        }
        Ok(Next::GoOn)
    }

    /// A portion is done, and cursors have moved with it.
    fn committed(&mut self, portion: Portion, moves: Vec<Move>) {
        self.storing.troubles.clear();
        self.done(portion);
        for Move { lease, to } in moves {
            self.lanes.change(lease, |lane| lane.moved(to));
        }
    }

    /// Notes that events are done, of shards that are still held.
    fn done(&mut self, portion: Portion) {
        for Item { waiting, lease } in portion.items {
            let is_taken = self.work.takes(&waiting.recorded);
            let done = self.lanes.change(lease, |lane| {
                lane.in_hand = None;
                lane.rests_until = None;
                lane.failures.clear();
                let was_outage = is_taken && lane.outage.take().is_some();
                let was_suspect = lane.suspicion.is_of_next();
                lane.done(waiting);
                (was_outage, was_suspect)
            });
            if let Some((was_outage, was_suspect)) = done {
                if was_outage {
                    self.outage_is_over(lease.shard);
                }
                if is_taken {
                    self.outcomes.handled();
                }
                self.now.handled += u64::from(is_taken);
                self.now.passed_over += u64::from(!is_taken);
                if W::IS_TRANSACTIONAL && is_taken {
                    // What lies between it and the next event of the shard is passed with it.
                    self.storing.note_passed();
                } else {
                    self.storing.note(self.lanes.is_window_full(lease));
                }
                if was_suspect {
                    // If the next one ends the worker, this one is neither tried again before it,
                    // which would take its count, nor blamed.
                    self.storing.demand();
                }
            }
        }
    }

    /// Finds out whether a transaction has been committed of which that is unknown.
    async fn after_commit<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
        portion: Portion,
        moves: Vec<Move>,
        error: StoreError,
    ) -> Result<Next, ConsumerError> {
        let shards: Vec<_> = moves.iter().map(|it| it.lease.shard).collect();
        let mut troubles = Failures::new(self.manner.patience);
        loop {
            let settled = self.store.settled(&self.subscription, &shards);
            match meanwhile(flight, &mut self.finished, settled).await {
                Ok(found) => {
                    // All of them moved, or none.
                    let stands = |it: &Move| {
                        found.iter().any(|shard| {
                            shard.lease == it.lease && shard.place.position >= it.to.position
                        })
                    };
                    let is_mine = |it: &Move| found.iter().any(|shard| shard.lease == it.lease);
                    if moves.iter().any(stands) {
                        self.committed(portion, moves);
                    } else if moves.iter().all(is_mine) {
                        // A constraint that is checked at the end, or another transaction in the
                        // way.
                        let error = NotCommitted(error.into_cause());
                        return self.failed(flight, portion, HandlerError::transient(error)).await;
                    } else {
                        let lost = moves.iter().filter(|it| !is_mine(it));
                        let lost: Vec<_> = lost.map(|it| it.lease.shard).collect();
                        self.lost(&lost);
                        self.lanes.put_back(portion);
                    }
                    return Ok(Next::GoOn);
                }
                Err(trouble) => {
                    let next = self.bear(flight, trouble, &mut troubles).await?;
                    if next != Next::GoOn || self.lanes.is_empty() {
                        self.lanes.put_back(portion);
                        return Ok(next);
                    }
                }
            }
        }
    }

    /// Lets what is in hand come to its end, within the grace period of a shutdown.
    pub(super) async fn finish_in_hand<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
    ) {
        self.shutdown.begin();
        loop {
            while let Some(done) = self.finished.pop_front() {
                if let Err(error) = self.finish(flight, done).await {
                    warn!("while ending: {error}");
                }
            }
            let done = tokio::select! {
                biased;
                done = flight.next() => done,
                () = super::until(self.leases.deadline()) => None,
                () = self.shutdown.is_over() => None,
            };
            match done {
                Some(done) => self.finished.push_back(done),
                None if flight.is_empty() => return,
                None => break,
            }
        }
        for lane in self.lanes.iter().filter(|lane| lane.in_hand.is_some()) {
            warn!(
                shard = %lane.lease.shard,
                position = lane.in_hand.as_ref().map(|it| it.first.get()),
                "the event in hand was not finished in time, and will be handled again"
            );
        }
        flight.clear();
    }
}
