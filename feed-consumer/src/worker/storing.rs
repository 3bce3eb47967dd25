//! Cursors move behind what is done, and shards are given back.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FusedFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use super::handling::Done;
use super::{ConsumerError, Ended, Next, Worker, until};
use crate::cursor::Window;
use crate::handler::{Kind, Work};
use crate::schedule::failures::{Failures, Patience};
use crate::shard::ShardNumber;
use crate::store::shards::{Lease, Move};
use crate::store::{Advance, StoreError};

/// How long the store may not know how far shards have come for which there was nothing to do.
const LAZY: Duration = Duration::from_secs(1);

/// What the store does not know yet.
#[derive(Debug)]
pub(super) struct Storing {
    /// Since when events are done that the store does not know of.
    since: Option<Instant>,
    /// Since when positions were passed that it does not know of.
    passed_since: Option<Instant>,
    /// A shard can go on only when its cursor has moved.
    is_window_full: bool,
    /// Events are done whose effects the handler may yet have to make last.
    pub(super) is_unflushed: bool,
    /// Failures of the database to begin transactions.
    pub(super) troubles: Failures,
}

impl Storing {
    pub(super) const fn new(patience: Patience) -> Self {
        Self {
            since: None,
            passed_since: None,
            is_window_full: false,
            is_unflushed: false,
            troubles: Failures::new(patience),
        }
    }

    /// An event is done.
    pub(super) fn note(&mut self, is_window_full: bool) {
        self.since.get_or_insert_with(Instant::now);
        self.is_window_full |= is_window_full;
        self.is_unflushed = true;
    }

    /// Cursors are to move before anything else is begun.
    pub(super) fn demand(&mut self) {
        self.note(true);
    }

    /// Positions were passed.
    pub(super) fn note_passed(&mut self) {
        self.passed_since.get_or_insert_with(Instant::now);
    }

    /// When cursors must move at the latest.
    pub(super) fn deadline(&self, window: Window) -> Option<Instant> {
        let done = self.since.map(|since| since + window.time);
        let passed = self.passed_since.map(|since| since + window.time.max(LAZY));
        done.into_iter().chain(passed).min()
    }

    /// Whether cursors must move before another event is handled.
    pub(super) fn is_due(&self, window: Window) -> bool {
        self.is_window_full || self.since.is_some_and(|since| since.elapsed() >= window.time)
    }
}

/// Does something while handlers go on with what they have. Whatever waits for the database must be
/// waited for so: on SQLite it may be a handler in whose hands the database is.
pub(super) async fn meanwhile<F: Future<Output = Done>, T>(
    flight: &mut FuturesUnordered<F>,
    finished: &mut VecDeque<Done>,
    this: impl Future<Output = T>,
) -> T {
    let mut this = pin!(this);
    loop {
        tokio::select! {
            biased;
            ended = &mut this => return ended,
            Some(done) = flight.next() => finished.push_back(done),
        }
    }
}

impl<W, S> Worker<'_, W, S>
where
    W: Work,
    S: FusedFuture<Output = ()>,
{
    /// Makes what has been handled last. Handlers go on meanwhile: to flush may have to wait for
    /// what only an event in hand sets free.
    pub(super) async fn flush<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
    ) -> Result<Next, ConsumerError> {
        let mut flushing = pin!(self.work.flush());
        let flushed = loop {
            tokio::select! {
                biased;
                flushed = &mut flushing => break flushed,
                () = self.shutdown.is_over() => return Ok(Next::End(Ended::Shutdown)),
                Some(done) = flight.next() => self.finished.push_back(done),
            }
        };
        match flushed {
            Ok(()) => {
                self.storing.is_unflushed = false;
                Ok(Next::GoOn)
            }
            Err(error) if error.kind() == Kind::Closed => {
                debug!("the handler wants no more events: {error}");
                Ok(Next::End(Ended::Closed))
            }
            Err(error) => {
                let position = self.now.position;
                Err(ConsumerError::Flush { position, source: error.into_inner() })
            }
        }
    }

    /// Moves the cursors past all that is done.
    pub(super) async fn store<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
    ) -> Result<Next, ConsumerError> {
        let advance = self.movements();
        if !advance.moves.is_empty() {
            if let end @ Next::End(_) = self.flush(flight).await? {
                return Ok(end);
            }
            if let end @ Next::End(_) = self.carry_out(flight, &advance).await? {
                return Ok(end);
            }
        }
        self.storing.since = None;
        self.storing.passed_since = None;
        self.storing.is_window_full = false;
        Ok(Next::GoOn)
    }

    /// How cursors move; not those that move in the transactions of handlers that go on.
    fn movements(&self) -> Advance {
        let (mut moves, mut followers) = (Vec::new(), Vec::new());
        let lanes = self.lanes.iter();
        let lanes = lanes.filter(|lane| !W::IS_TRANSACTIONAL || lane.in_hand.is_none());
        for lane in lanes {
            if let Some(movement) = lane.movement() {
                moves.push(movement);
                followers.extend_from_slice(lane.followers());
            }
        }
        Advance { subscription: self.subscription.clone(), moves, followers }
    }

    /// Moves cursors, as often as it takes. Nothing else happens to their lanes meanwhile.
    pub(super) async fn carry_out<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
        advance: &Advance,
    ) -> Result<Next, ConsumerError> {
        let mut failures = Failures::new(self.manner.patience);
        let store = Arc::clone(&self.store);
        loop {
            // Not given up at the end of a shutdown: what is done would be done again.
            let storing = store.advance_shards(advance);
            let stored = meanwhile(flight, &mut self.finished, storing).await;
            match stored {
                Ok(lost) => {
                    for Move { lease, to } in &advance.moves {
                        self.lanes.change(*lease, |lane| lane.moved(to.clone()));
                    }
                    self.lost(&lost);
                    return Ok(Next::GoOn);
                }
                Err(error) => {
                    let next = self.bear(flight, error, &mut failures).await?;
                    if next != Next::GoOn || self.lanes.is_empty() {
                        return Ok(next);
                    }
                }
            }
        }
    }

    /// Gives shards back that are to be, and of which nothing is in hand.
    pub(super) async fn give_back<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
    ) -> Result<Next, ConsumerError> {
        if let end @ Next::End(_) = self.store(flight).await? {
            return Ok(end);
        }
        let leaving = self.lanes.iter().filter(|lane| lane.is_leaving && lane.in_hand.is_none());
        let leases: Vec<Lease> = leaving.map(|lane| lane.lease).collect();
        let shards: Vec<ShardNumber> = leases.iter().map(|it| it.shard).collect();
        for shard in &shards {
            self.lanes.remove(*shard);
        }
        self.feeding.set_interest(self.shards, &self.lanes);
        let mut failures = Failures::new(self.manner.patience);
        let store = Arc::clone(&self.store);
        let subscription = self.subscription.clone();
        let release = || store.release(&subscription, &leases);
        while let Err(error) = meanwhile(flight, &mut self.finished, release()).await {
            if let end @ Next::End(_) = self.bear(flight, error, &mut failures).await? {
                return Ok(end);
            }
        }
        self.leases.gone(&shards);
        Ok(Next::GoOn)
    }

    /// Waits after a failure of the database that may pass; any other is returned, and so is one
    /// that lasts too long. When the leases end meanwhile, everything is dropped. The end of a
    /// shutdown is not waited beyond.
    pub(super) async fn bear<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
        error: StoreError,
        failures: &mut Failures,
    ) -> Result<Next, ConsumerError> {
        let StoreError::Unavailable(_) = &error else { return Err(error.into()) };
        let failure = failures.add(&error, None);
        let Some(delay) = failure.next_try else { return Err(error.into()) };
        if failure.is_new {
            warn!("{}; trying again", failures.message());
        }
        let next_try = Instant::now() + delay;
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.is_over() => return Ok(self.left_behind()),
                () = until(self.leases.deadline()) => {
                    self.lose_all();
                    return Ok(Next::GoOn);
                }
                () = sleep_until(next_try) => return Ok(Next::GoOn),
                Some(done) = flight.next() => self.finished.push_back(done),
            }
        }
    }

    /// The shutdown is over, and cursors stand before what could not be stored.
    fn left_behind(&self) -> Next {
        warn!(
            position = self.lanes.iter().map(|lane| lane.stored.position.get()).min(),
            "the cursor database was not available up to the end; whatever was handled after this \
             position will be handled again"
        );
        Next::End(Ended::Shutdown)
    }
}
