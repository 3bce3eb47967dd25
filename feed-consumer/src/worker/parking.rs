//! Events that are set aside after their last try, and taken up again later.
//!
//! While the head of a subject is parked, the later events of the subject are not handled: the
//! cursor passes them, and in the same write they are noted to wait behind it. What is parked is
//! taken up again on a growing schedule, and then waits for a person. When it is resolved, those
//! that wait are handled one after the other, read again from the feed.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use feed_protocol::{Position, Recorded};
use futures_util::future::FusedFuture;
use futures_util::stream::FuturesUnordered;
use tracing::{info, warn};

use super::handling::Done;
use super::lane::Lane;
use super::repairing::Occasion;
use super::reviving::Revived;
use super::storing::meanwhile;
use super::{ConsumerError, Ended, Next, Worker};
use crate::handler::{HandlerError, Kind, Work};
use crate::schedule::failures::{Failures, chain};
use crate::store::parking::{Parking, Resolution};
use crate::store::shards::Lease;

/// How long to wait before a parked event is taken up again that could not be got.
const LATER: Duration = Duration::from_secs(1);

/// What becomes of an event after its last try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnExhausted {
    /// It is set aside, and later events of its subject wait behind it; all others go on.
    #[default]
    Park,
    /// The subscription ends with an error, and its cursor stays before the event: what keeps a total
    /// order ([`ShardCount::ONE`](crate::ShardCount::ONE)).
    Stop,
}

/// Whether a parked event is taken up again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retries {
    /// As the schedule has it.
    Scheduled,
    /// Only when a person asks for it.
    ByPeople,
}

/// Of which shards it is learned what is parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shelves {
    /// Of shards that another worker may have had.
    OfAcquired,
    /// Of shards that are held.
    OfHeld,
}

/// Text that says of no end of an event that keeps failing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is nothing that can become of an event: use 'park' or 'stop'")]
pub struct InvalidOnExhausted(String);

impl FromStr for OnExhausted {
    type Err = InvalidOnExhausted;

    fn from_str(text: &str) -> Result<Self, InvalidOnExhausted> {
        match text {
            "stop" => Ok(Self::Stop),
            "park" => Ok(Self::Park),
            _ => Err(InvalidOnExhausted(text.to_owned())),
        }
    }
}

impl<W, S> Worker<'_, W, S>
where
    W: Work,
    S: FusedFuture<Output = ()>,
{
    /// Notes what became of a head that was taken up.
    pub(super) async fn finish_revival<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
        lease: Lease,
        position: Position,
        revived: Option<Revived>,
    ) -> Result<Next, ConsumerError> {
        if self.lanes.held(lease).is_none() {
            return Ok(Next::GoOn);
        }
        // It stays in hand until the store knows: nothing else of the shard is begun.
        let next = match revived {
            Some(Revived::Handled) => match self.flush(flight).await? {
                Next::GoOn => {
                    self.now.handled += 1;
                    self.outcomes.clear();
                    self.resolve(flight, lease, position, Resolution::Handled).await
                }
                end @ Next::End(_) => Ok(end),
            },
            Some(Revived::Failed { error, .. }) if error.kind() == Kind::Closed => {
                Ok(Next::End(Ended::Closed))
            }
            Some(Revived::Failed { recorded, retries, error, next }) => {
                self.park_again(flight, lease, &recorded, retries, &error, next).await
            }
            Some(Revived::Unknown(reason)) => {
                warn!(%position, "a parked event could not be taken up: {reason}");
                let next = self.load_shelves(flight, &[lease], Shelves::OfHeld).await;
                self.lanes.change(lease, |lane| lane.shelf.set_due(position, Some(LATER)));
                next
            }
            Some(Revived::Fenced) | None => {
                self.lost(&[lease.shard]);
                Ok(Next::GoOn)
            }
        };
        self.lanes.change(lease, |lane| lane.in_hand = None);
        next
    }

    /// The head of a subject is resolved.
    pub(super) async fn resolve<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
        lease: Lease,
        position: Position,
        resolution: Resolution,
    ) -> Result<Next, ConsumerError> {
        let (store, subscription) = (Arc::clone(&self.store), self.subscription.clone());
        let mut failures = Failures::new(self.manner.patience);
        loop {
            let resolving = store.resolve(&subscription, lease, position, &resolution);
            match meanwhile(flight, &mut self.finished, resolving).await {
                Ok(Some(resolved)) => {
                    info!(%position, next = ?resolved.next.map(Position::get), "a parked event is resolved");
                    self.lanes.change(lease, |lane| {
                        lane.suspicion.head_is_done(position);
                        lane.shelf.resolve(position, resolved.next);
                    });
                    return Ok(Next::GoOn);
                }
                Ok(None) => {
                    self.lost(&[lease.shard]);
                    return Ok(Next::GoOn);
                }
                Err(error) => {
                    let next = self.bear(flight, error, &mut failures).await?;
                    if next != Next::GoOn || self.lanes.held(lease).is_none() {
                        return Ok(next);
                    }
                }
            }
        }
    }

    /// An event has failed for the last time: it is set aside, and the cursor moves past it. It is
    /// the first that waits.
    pub(super) async fn park<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
        lease: Lease,
        recorded: Arc<Recorded>,
        attempts: u32,
        error: &HandlerError,
        next: Retries,
    ) -> Result<Next, ConsumerError> {
        if let end @ Next::End(_) = self.store(flight).await? {
            return Ok(end);
        }
        let Some(to) = self.lanes.held(lease).map(|lane| lane.past(&recorded)) else {
            return Ok(Next::GoOn);
        };
        let retry_after = self.retry_after(0, next, error);
        let error = chain(error.as_error());
        warn!(
            position = %recorded.position,
            id = %recorded.event.id(),
            subject = recorded.event.subject().map(AsRef::<str>::as_ref),
            "the event is parked after {attempts} attempts: {error}; {}",
            next_time(retry_after),
        );
        let parking = Parking { recorded: Arc::clone(&recorded), error, attempts, retry_after };
        let (store, subscription) = (Arc::clone(&self.store), self.subscription.clone());
        let mut failures = Failures::new(self.manner.patience);
        loop {
            let parking = store.park(&subscription, &to, &parking);
            match meanwhile(flight, &mut self.finished, parking).await {
                Ok(true) => break,
                Ok(false) => {
                    self.lost(&[lease.shard]);
                    return Ok(Next::GoOn);
                }
                Err(error) => {
                    let next = self.bear(flight, error, &mut failures).await?;
                    if next != Next::GoOn || self.lanes.held(lease).is_none() {
                        return Ok(next);
                    }
                }
            }
        }
        self.lanes.change(lease, |lane| {
            lane.pop();
            lane.failures.clear();
            lane.rests_until = None;
            lane.moved(to.to);
            let subject = recorded.event.subject().cloned();
            lane.shelf.put(recorded.position, subject, retry_after, 0);
            lane.suspicion.next_is_done(recorded.position);
        });
        self.have_repaired(recorded.position, next.into());
        Ok(Next::GoOn)
    }

    /// A head that was taken up has failed: parked before, it waits for longer now; if it only
    /// waited, it is parked itself.
    async fn park_again<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
        lease: Lease,
        recorded: &Arc<Recorded>,
        retries: Option<u32>,
        error: &HandlerError,
        next: Retries,
    ) -> Result<Next, ConsumerError> {
        let position = recorded.position;
        let done =
            retries.map_or(0, |retries| usize::try_from(retries).unwrap_or(usize::MAX - 1) + 1);
        let retry_after = self.retry_after(done, next, error);
        let error = chain(error.as_error());
        warn!(%position, "a parked event has failed again: {error}; {}", next_time(retry_after));
        let (store, subscription) = (Arc::clone(&self.store), self.subscription.clone());
        let Some(to) = self.lanes.held(lease).map(Lane::stay) else { return Ok(Next::GoOn) };
        let parking = Parking { recorded: Arc::clone(recorded), error, attempts: 1, retry_after };
        let mut failures = Failures::new(self.manner.patience);
        loop {
            let noting = async {
                match retries {
                    Some(_) => {
                        let error = &parking.error;
                        store
                            .retry_failed(&subscription, lease, position, error, 1, retry_after)
                            .await
                    }
                    None => store.park(&subscription, &to, &parking).await,
                }
            };
            match meanwhile(flight, &mut self.finished, noting).await {
                Ok(true) => break,
                Ok(false) => {
                    self.lost(&[lease.shard]);
                    return Ok(Next::GoOn);
                }
                Err(error) => {
                    let next = self.bear(flight, error, &mut failures).await?;
                    if next != Next::GoOn || self.lanes.held(lease).is_none() {
                        return Ok(next);
                    }
                }
            }
        }
        self.lanes.change(lease, |lane| {
            lane.suspicion.head_is_done(position);
            lane.shelf.set_due(position, retry_after);
        });
        self.have_repaired(position, next.into());
        Ok(Next::GoOn)
    }

    /// In how long an event is taken up again that was so often already, and has failed with this
    /// error: not before the wait that it asks for is over.
    fn retry_after(&self, done: usize, next: Retries, error: &HandlerError) -> Option<Duration> {
        let planned = self.manner.parked_retries.get(done).copied();
        let planned = planned.filter(|_| next == Retries::Scheduled)?;
        Some(planned.max(error.wait().unwrap_or_default()))
    }

    /// Learns what is parked of shards.
    pub(super) async fn load_shelves<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
        leases: &[Lease],
        looking_at: Shelves,
    ) -> Result<Next, ConsumerError> {
        let shards: Vec<_> = leases.iter().map(|it| it.shard).collect();
        let (store, subscription) = (Arc::clone(&self.store), self.subscription.clone());
        let mut failures = Failures::new(self.manner.patience);
        let heads = loop {
            let looking = store.heads(&subscription, &shards);
            match meanwhile(flight, &mut self.finished, looking).await {
                Ok(heads) => break heads,
                Err(error) => {
                    let next = self.bear(flight, error, &mut failures).await?;
                    if next != Next::GoOn || self.lanes.is_empty() {
                        return Ok(next);
                    }
                }
            }
        };
        for lease in leases {
            let mine = heads.iter().filter(|head| head.shard == lease.shard).cloned();
            self.lanes.change(*lease, |lane| lane.shelf.load(mine));
        }
        if looking_at == Shelves::OfAcquired {
            for lease in leases {
                self.lanes.change(*lease, |lane| {
                    lane.suspicion.add_heads(lane.shelf.heads_due().collect::<Vec<_>>());
                });
            }
            for head in heads.iter().filter(|head| head.is_parked) {
                self.have_repaired(head.position, Occasion::Found);
            }
        }
        Ok(Next::GoOn)
    }
}

fn next_time(retry_after: Option<Duration>) -> String {
    match retry_after {
        Some(time) => format!("next try in {time:.1?}"),
        None => "it waits for a person: see `feed-consumer parked`".to_owned(),
    }
}
