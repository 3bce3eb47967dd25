//! Which shards the worker holds.

use std::cmp::Reverse;

use futures_util::future::FusedFuture;
use futures_util::stream::FuturesUnordered;
use tracing::warn;

use super::handling::Done;
use super::lane::{Bounds, Lane};
use super::parking::Shelves;
use super::{ConsumerError, Next, Worker};
use crate::handler::Work;
use crate::lease::LeaseNews;
use crate::shard::ShardNumber;
use crate::store::StoreError;
use crate::store::orders::Barrier;
use crate::store::shards::Acquired;

impl<W, S> Worker<'_, W, S>
where
    W: Work,
    S: FusedFuture<Output = ()>,
{
    /// Something has changed about the leases.
    pub(super) async fn hear_of_leases<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
        news: LeaseNews,
    ) -> Result<Next, ConsumerError> {
        match news {
            LeaseNews::Acquired(shards) => {
                let leases: Vec<_> = shards.iter().map(|it| it.lease).collect();
                self.insert(shards);
                self.feeding.set_interest(self.shards, &self.lanes);
                self.unheard.clear();
                self.reporting.acquired();
                // Before any event is handled that may have to wait behind a parked one.
                let mut next = self.load_shelves(flight, &leases, Shelves::OfAcquired).await?;
                if next == Next::GoOn {
                    // And before one is taken up again that a person has discarded meanwhile.
                    next = self.hear_requests(flight).await?;
                }
                if next != Next::GoOn {
                    return Ok(next);
                }
            }
            LeaseNews::Lost(shards) => self.drop_lanes(&shards),
            LeaseNews::Surplus(count) => self.leave(usize::from(count)),
            LeaseNews::Beat => {
                self.unheard.clear();
                let next = self.hear_requests(flight).await?;
                if next != Next::GoOn {
                    return Ok(next);
                }
            }
            LeaseNews::Trouble(error) => self.unheard_of(error)?,
        }
        let next = self.obey(flight).await?;
        self.report();
        Ok(next)
    }

    /// Shards were acquired.
    fn insert(&mut self, shards: Vec<Acquired>) {
        let (retry, most_behind) = (self.manner.retry, self.manner.most_behind);
        let limit = match self.leases.orders().and_then(|orders| orders.barrier) {
            Some(Barrier::Reach(limit)) => Some(limit),
            _ => None,
        };
        for acquired in shards {
            if acquired.suspects.events > 0 {
                warn!(
                    shard = %acquired.lease.shard,
                    events = acquired.suspects.events,
                    "the worker that had it ended before it gave it back: what it may have had in \
                     hand is handled one at a time, with nothing else in hand"
                );
            }
            self.lanes.insert(Lane::new(acquired, Bounds { retry, limit, most_behind }));
        }
    }

    /// It was found that shards are another worker's now, or may be.
    pub(super) fn lost(&mut self, shards: &[ShardNumber]) {
        self.drop_lanes(shards);
        self.leases.gone(shards);
    }

    /// Whatever is in hand of shards is dropped.
    fn drop_lanes(&mut self, shards: &[ShardNumber]) {
        for shard in shards {
            if let Some(lane) = self.lanes.remove(*shard)
                && let Some(in_hand) = lane.in_hand
            {
                warn!(
                    shard = %shard,
                    position = %in_hand.first,
                    "the lease has ended; the event in hand is dropped"
                );
            }
        }
        self.feeding.set_interest(self.shards, &self.lanes);
    }

    /// The leases have ended without being renewed.
    pub(super) fn lose_all(&mut self) {
        let all: Vec<ShardNumber> = self.lanes.iter().map(|lane| lane.lease.shard).collect();
        self.lost(&all);
    }

    /// So many shards are given back: not those for which least is to do, since it is the work that
    /// is to be shared, but those of which nothing is in hand come first.
    fn leave(&mut self, count: usize) {
        let leaving = self.lanes.iter().filter(|lane| lane.is_leaving).count();
        let staying = self.lanes.iter().filter(|lane| !lane.is_leaving);
        let mut staying: Vec<_> = staying
            .map(|lane| (lane.in_hand.is_some(), Reverse(lane.lease.shard), lane.lease))
            .collect();
        staying.sort_unstable_by_key(|(is_in_hand, shard, _)| (*is_in_hand, *shard));
        for (_, _, lease) in staying.into_iter().take(count.saturating_sub(leaving)) {
            self.lanes.change(lease, |lane| lane.is_leaving = true);
        }
    }

    /// The database did not hear of us: borne as its other failures are.
    fn unheard_of(&mut self, error: StoreError) -> Result<(), ConsumerError> {
        let StoreError::Unavailable(_) = &error else { return Err(error.into()) };
        let failure = self.unheard.add(&error, None);
        if failure.next_try.is_none() { Err(error.into()) } else { Ok(()) }
    }
}
