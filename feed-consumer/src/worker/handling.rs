//! What becomes of events that were handled, or not.

use std::error::Error;
use std::sync::Arc;

use feed_protocol::Position;
use futures_util::future::{AbortHandle, AbortRegistration, Abortable, FusedFuture};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::lanes::{Item, Portion};
use super::parking::OnExhausted;
use super::reviving::{self, Revival, Revived};
use super::storing::meanwhile;
use super::{ConsumerError, Ended, Next, Worker};
use crate::handler::work::{Attempt, Ending, Failed};
use crate::handler::{HandlerError, Kind, Work};
use crate::schedule::failures::Failures;
use crate::store::pages::SeenEntry;
use crate::store::shards::{Lease, Move};
use crate::store::{Advance, StoreError};

/// A transaction was rolled back at its end.
#[derive(Debug, thiserror::Error)]
#[error("what the handler wrote could not be committed")]
struct NotCommitted(#[source] Box<dyn Error + Send + Sync>);

/// What a handler is about to have.
pub(super) enum Started {
    /// Events in their turn.
    Portion(Portion, Attempt, AbortRegistration),
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
    /// Of an event that was parked, or waited behind one.
    Revival { lease: Lease, position: Position, revived: Option<Revived> },
}

/// Does it, once.
pub(super) async fn carry_out<W: Work>(
    work: &W,
    transactions: Arc<W::Transactions>,
    started: Started,
) -> Done {
    match started {
        Started::Portion(portion, attempt, registration) => {
            let moves = match &attempt.ending {
                Some(Ending::Advance(advance)) => advance.moves.clone(),
                _ => Vec::new(),
            };
            let attempting = Abortable::new(work.attempt(&transactions, attempt), registration);
            let result = attempting.await.ok();
            Done::Portion { portion, moves, result }
        }
        Started::Revival(revival) => {
            let (lease, position) = (revival.lease, revival.position);
            let revived = reviving::revive(work, &transactions, revival).await;
            Done::Revival { lease, position, revived }
        }
    }
}

impl<W, S> Worker<'_, W, S>
where
    W: Work,
    S: FusedFuture<Output = ()>,
{
    /// Takes the next events in hand, if there are any whose turn it is. `Some(None)` if there was
    /// nothing to do with them.
    pub(super) fn start(&mut self) -> Option<Option<Started>> {
        if self.leases.deadline().is_none_or(|it| it <= Instant::now()) {
            return None;
        }
        if let Some(revival) = self.start_revival() {
            return Some(Some(revival));
        }
        if !self.is_batch_due() {
            return None;
        }
        let (abort, registration) = AbortHandle::new_pair();
        let work = self.work;
        let most = self.manner.batching.events;
        let portion = self.lanes.take(most, &abort, |first, next| work.joins(first, next));
        if self.lanes.take_set_aside() {
            self.storing.note(self.lanes.is_any_window_full());
        }
        let portion = portion?;
        let events = portion.handed();
        if work.passes_over(&events) {
            self.done(portion);
            return Some(None);
        }
        let ending = W::IS_TRANSACTIONAL.then(|| Ending::Advance(self.advance_past(&portion)));
        let (number, deadline) = (portion.number, self.manner.deadline);
        let attempt = Attempt { events, ending, number, deadline };
        Some(Some(Started::Portion(portion, attempt, registration)))
    }

    /// How cursors move in a transaction in which a portion is handled.
    fn advance_past(&self, portion: &Portion) -> Advance {
        let moves = portion.lasts().into_iter();
        let moves = moves.filter_map(|(lease, last)| Some(self.lanes.held(lease)?.past(last)));
        let seen = portion.items.iter().filter_map(|Item { waiting, .. }| {
            let iri = waiting.entry.clone()?;
            Some(SeenEntry { iri, updated: waiting.recorded.updated })
        });
        let (moves, seen) = (moves.collect(), seen.collect());
        let lasts = portion.lasts();
        let lanes = lasts.iter().filter_map(|(lease, _)| self.lanes.held(*lease));
        let followers = lanes.flat_map(|lane| lane.followers().iter().cloned()).collect();
        Advance { subscription: self.subscription.clone(), moves, seen, followers }
    }

    /// Notes what became of a portion.
    pub(super) async fn finish<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
        done: Done,
    ) -> Result<Next, ConsumerError> {
        let (portion, moves, result) = match done {
            Done::Portion { portion, moves, result } => (portion, moves, result),
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
                lane.done(waiting);
            });
            if done.is_some() {
                self.now.handled += u64::from(is_taken);
                self.now.passed_over += u64::from(!is_taken);
                if W::IS_TRANSACTIONAL && is_taken {
                    // What lies between it and the next event of the shard is passed with it.
                    self.storing.note_passed();
                } else {
                    self.storing.note(self.lanes.is_window_full(lease));
                }
            }
        }
    }

    /// Events were not handled.
    async fn failed<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
        portion: Portion,
        error: HandlerError,
    ) -> Result<Next, ConsumerError> {
        if error.kind() == Kind::Closed {
            self.lanes.put_back(portion);
            debug!("the handler wants no more events: {error}");
            return Ok(Next::End(Ended::Closed));
        }
        let [Item { waiting, lease }] = &portion.items[..] else {
            warn!(
                position = portion.items.first().map(|it| it.waiting.position().get()),
                count = portion.items.len(),
                "events were not handled together: {error}; handling them one at a time",
            );
            for Item { lease, .. } in &portion.items {
                self.lanes.change(*lease, |lane| lane.singly += 1);
            }
            self.lanes.put_back(portion);
            return Ok(Next::GoOn);
        };
        let (recorded, lease) = (Arc::clone(&waiting.recorded), *lease);
        self.lanes.put_back(portion);
        let failed = self.lanes.change(lease, |lane| {
            let failure = lane.failures.add(error.as_error(), error.wait());
            let delay = failure.next_try.filter(|_| error.kind() == Kind::Transient);
            lane.rests_until = delay.map(|delay| Instant::now() + delay);
            (failure.count, delay, lane.failures.message().to_owned())
        });
        // Another worker has it now.
        let Some((count, delay, message)) = failed else { return Ok(Next::GoOn) };
        let Some(delay) = delay else {
            if self.manner.on_exhausted == OnExhausted::Park {
                return self.park(flight, lease, recorded, count, &error).await;
            }
            return Err(ConsumerError::Handler {
                position: recorded.position,
                source_attribute: recorded.event.source().to_string(),
                id: recorded.event.id().to_string(),
                attempts: count,
                source: error.into_inner(),
            });
        };
        warn!(
            position = %recorded.position,
            id = %recorded.event.id(),
            attempt = count,
            "the event was not handled: {message}; next try in {delay:.1?}",
        );
        Ok(Next::GoOn)
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
