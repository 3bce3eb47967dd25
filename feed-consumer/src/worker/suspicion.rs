//! What may have ended the former holder of a shard, and is handled alone until it is cleared.
//!
//! A handler that kills its process must not do so in one worker after the other for ever, and no
//! event that only happened to be in hand beside it may be blamed. So the suspects of a shard whose
//! lease ended without a release ([`crate::store::suspects`]) are handled one at a time, with nothing
//! else in hand in the whole process. Each attempt is counted in the database before it begins. The
//! event whose attempts keep not returning is set aside untried.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use feed_protocol::Position;
use futures_util::future::FusedFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use tokio::time::Instant;
use tracing::{info, warn};

use super::handling::Done;
use super::lane::Lane;
use super::storing::meanwhile;
use super::{ConsumerError, Next, Worker};
use crate::handler::Work;
use crate::handler::work::Failed;
use crate::schedule::failures::{Failures, chain};
use crate::store::shards::Lease;
use crate::store::suspects::{Suspects, Tried};
use crate::store::{CursorStore, Subscription};

/// A reader hears within this time of whatever another has read.
const HEARD_OUT: Duration = Duration::from_secs(10);

/// An event was in hand alone when workers ended.
#[derive(Debug, thiserror::Error)]
#[error(
    "the worker that had it in hand, and nothing else, ended before it was handled, {0} times in a \
     row: its handler kills the process, or hangs until the lease is lost"
)]
pub(super) struct Deadly(pub(super) u32);

/// The suspects of a shard that are not cleared yet.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    /// So many of the next events of the shard.
    events: usize,
    /// Heads of subjects that may have been in hand.
    heads: BTreeSet<Position>,
    tried: Option<Tried>,
    /// The last event that was suspect and is done.
    last: Position,
    /// When the shard was acquired.
    since: Option<Instant>,
    /// The store holds it for suspect.
    is_stored: bool,
}

impl Suspicion {
    pub(super) fn new(suspects: Suspects) -> Self {
        let events = usize::try_from(suspects.events).unwrap_or(usize::MAX);
        let tried = suspects.tried.filter(|_| events > 0);
        let since = Some(Instant::now());
        Self { events, tried, is_stored: events > 0, since, ..Self::default() }
    }

    /// Whether the next event of the shard is to be handled alone.
    pub(super) const fn is_of_next(&self) -> bool {
        self.events > 0
    }

    /// How many of the next events of the shard are suspect.
    pub(super) const fn events(&self) -> usize {
        self.events
    }

    /// These heads of subjects may have been in hand, too.
    pub(super) fn add_heads(&mut self, heads: impl IntoIterator<Item = Position>) {
        if self.is_stored {
            self.heads.extend(heads);
        }
    }

    /// Whether a head is to be handled alone.
    pub(super) fn is_of_head(&self, position: Position) -> bool {
        self.heads.contains(&position)
    }

    /// Whether no head may be taken up: what was tried last comes first, or its count were lost.
    pub(super) fn keeps_heads(&self, cursor: Position) -> bool {
        self.tried.is_some_and(|tried| tried.position > cursor)
    }

    /// The event that was tried last, if that has not returned.
    pub(super) fn tried(&self) -> Option<Position> {
        self.tried.map(|tried| tried.position)
    }

    /// How many attempts with this event have not returned.
    pub(super) fn attempts(&self, position: Position) -> u32 {
        self.tried.filter(|tried| tried.position == position).map_or(0, |tried| tried.attempts)
    }

    /// The next event of the shard is done, or set aside.
    pub(super) fn next_is_done(&mut self, position: Position) {
        if self.events > 0 {
            self.events -= 1;
            self.last = position;
        }
        self.tried = self.tried.filter(|tried| tried.position > position);
    }

    /// A head was handled, or has failed as others do.
    pub(super) fn head_is_done(&mut self, position: Position) {
        self.heads.remove(&position);
        self.tried = self.tried.filter(|tried| tried.position != position);
    }

    /// Whether all that a former holder can have read must have been read since: what was tried was,
    /// and the feed had time to say it again.
    fn is_heard_out(&self, read_to: Position) -> bool {
        self.tried.is_none_or(|tried| tried.position <= read_to)
            && self.since.is_none_or(|since| since.elapsed() >= HEARD_OUT)
    }

    /// There are no more events that a former holder can have had in hand.
    pub(super) fn no_more_events(&mut self) {
        self.events = 0;
        self.tried = self.tried.filter(|tried| self.heads.contains(&tried.position));
    }

    /// Whether the store, which has the cursor here, is to be told that nothing is suspect any more.
    pub(super) fn is_over(&self, cursor: Position) -> bool {
        self.is_stored && self.events == 0 && self.heads.is_empty() && self.last <= cursor
    }
}

/// Lets handlers of this process, whatever their subscriptions, handle beside each other, or one of
/// them alone.
#[derive(Debug, Clone)]
pub(super) struct Hall(Arc<RwLock<()>>);

/// A handler is in the hall.
#[derive(Debug)]
pub(super) enum Admission {
    Beside { _guard: OwnedRwLockReadGuard<()> },
    Alone { _guard: OwnedRwLockWriteGuard<()> },
}

impl Hall {
    /// That of the process.
    #[cfg(not(test))]
    pub(super) fn of_process() -> Self {
        static HALL: std::sync::OnceLock<Hall> = std::sync::OnceLock::new();
        HALL.get_or_init(|| Self(Arc::default())).clone()
    }

    /// A test is a process of its own.
    #[cfg(test)]
    pub(super) fn of_process() -> Self {
        thread_local! {
            static HALL: Hall = Hall(Arc::default());
        }
        HALL.with(Clone::clone)
    }

    pub(super) async fn enter(self, is_alone: bool) -> Admission {
        if is_alone {
            Admission::Alone { _guard: self.0.write_owned().await }
        } else {
            Admission::Beside { _guard: self.0.read_owned().await }
        }
    }
}

/// What counts the attempts with an event that is handled alone.
#[derive(Debug)]
pub(super) struct Alone {
    pub(super) store: Arc<dyn CursorStore>,
    pub(super) subscription: Subscription,
    pub(super) lease: Lease,
    pub(super) position: Position,
}

impl Alone {
    /// Does it once, counted while it goes on. What has been handled is not counted off: the cursor
    /// moves past it, or the head is resolved.
    pub(super) async fn attempt(
        &self,
        attempt: impl Future<Output = Result<(), Failed>>,
    ) -> Result<(), Failed> {
        let Self { store, subscription, lease, position } = self;
        match store.begin_alone(subscription, *lease, *position).await {
            Ok(Some(_)) => {}
            Ok(None) => return Err(Failed::Fenced(vec![lease.shard])),
            Err(error) => return Err(Failed::Begin(error)),
        }
        let result = attempt.await;
        if let Err(Failed::Handler(_) | Failed::Begin(_) | Failed::Commit(_)) = &result
            && let Err(error) = store.end_alone(subscription, *lease, *position).await
        {
            warn!(
                %position,
                "the event counts as one that may have ended its worker, though it has only failed: {}",
                chain(&error)
            );
        }
        result
    }
}

impl<W, S> Worker<'_, W, S>
where
    W: Work,
    S: FusedFuture<Output = ()>,
{
    /// What counts attempts with an event of a shard.
    pub(super) fn alone(&self, lease: Lease, position: Position) -> Alone {
        let (store, subscription) = (Arc::clone(&self.store), self.subscription.clone());
        Alone { store, subscription, lease, position }
    }

    /// Clears shards of which no suspects are left, once their cursors stand past them.
    pub(super) async fn clear_suspects<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
    ) -> Result<Next, ConsumerError> {
        let head = self.now.head;
        let is_idle = self.feeding.through().is_some() && self.feeding.is_idle();
        // Nothing that the feed will yet say was in hand.
        let is_at_end = |lane: &Lane| {
            lane.in_hand.is_none()
                && lane.suspicion.is_of_next()
                && lane.len() == 0
                && lane.read_to >= head
                && (is_idle || lane.suspicion.is_heard_out(lane.read_to))
        };
        let at_end = self.lanes.iter().filter(|lane| is_at_end(lane)).map(|lane| lane.lease);
        for lease in at_end.collect::<Vec<_>>() {
            self.lanes.change(lease, |lane| lane.suspicion.no_more_events());
        }
        let is_over = |lane: &&Lane| lane.suspicion.is_over(lane.stored.position);
        let cleared = self.lanes.iter().filter(is_over).map(|lane| lane.lease);
        let cleared: Vec<Lease> = cleared.collect();
        if cleared.is_empty() {
            return Ok(Next::GoOn);
        }
        let (store, subscription) = (Arc::clone(&self.store), self.subscription.clone());
        let mut failures = Failures::new(self.manner.patience);
        loop {
            let clearing = store.clear_suspects(&subscription, &cleared);
            match meanwhile(flight, &mut self.finished, clearing).await {
                Ok(()) => break,
                Err(error) => {
                    let next = self.bear(flight, error, &mut failures).await?;
                    if next != Next::GoOn || self.lanes.is_empty() {
                        return Ok(next);
                    }
                }
            }
        }
        for lease in &cleared {
            self.lanes.change(*lease, |lane| lane.suspicion = Suspicion::default());
        }
        info!(shards = cleared.len(), "what may have ended a worker was handled, and did not");
        Ok(Next::GoOn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(position: u64) -> Position {
        Position::new(position).unwrap()
    }

    #[test]
    fn suspects_are_the_next_events_and_the_heads() {
        let tried = Some(Tried { position: at(7), attempts: 2 });
        let mut suspicion = Suspicion::new(Suspects { events: 2, tried });
        suspicion.add_heads([at(3)]);
        assert!(suspicion.is_of_next() && suspicion.is_of_head(at(3)));
        assert_eq!((suspicion.attempts(at(7)), suspicion.attempts(at(8))), (2, 0));
        assert!(suspicion.keeps_heads(at(6)), "what was tried last comes first");
        suspicion.next_is_done(at(7));
        assert!(!suspicion.keeps_heads(at(7)) && suspicion.attempts(at(7)) == 0);
        suspicion.next_is_done(at(9));
        assert!(!suspicion.is_of_next() && !suspicion.is_over(at(9)));
        suspicion.head_is_done(at(3));
        assert!(
            !suspicion.is_over(at(8)),
            "after a crash it would be handled again, beside others"
        );
        assert!(suspicion.is_over(at(9)));
    }

    #[test]
    fn a_shard_that_was_given_back_has_none() {
        let mut suspicion = Suspicion::new(Suspects::default());
        suspicion.add_heads([at(3)]);
        assert!(!suspicion.is_of_next() && !suspicion.is_of_head(at(3)));
        assert!(!suspicion.is_over(at(9)));
    }

    #[tokio::test]
    async fn who_is_alone_waits_for_all_others_and_they_for_it() {
        let hall = Hall::of_process();
        let beside = hall.clone().enter(false).await;
        let also = hall.clone().enter(false).await;
        let mut alone = std::pin::pin!(hall.clone().enter(true));
        assert!(futures_util::poll!(&mut alone).is_pending());
        drop((beside, also));
        let alone = alone.await;
        let mut beside = std::pin::pin!(hall.enter(false));
        assert!(futures_util::poll!(&mut beside).is_pending());
        drop(alone);
        beside.await;
    }
}
