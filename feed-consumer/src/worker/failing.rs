//! What becomes of events that were not handled.

use std::sync::Arc;

use feed_protocol::Recorded;
use futures_util::future::FusedFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::handling::Done;
use super::lanes::{Item, Portion};
use super::outage::{Outage, Verdict};
use super::parking::{OnExhausted, Retries};
use super::storing::meanwhile;
use super::suspicion::Deadly;
use super::{ConsumerError, Ended, Next, Worker};
use crate::handler::{HandlerError, Kind, Work};
use crate::schedule::failures::chain;
use crate::shard::ShardNumber;
use crate::store::shards::Lease;

impl<W, S> Worker<'_, W, S>
where
    W: Work,
    S: FusedFuture<Output = ()>,
{
    /// Events were not handled.
    pub(super) async fn failed<F: Future<Output = Done>>(
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
            return self.exhausted(flight, lease, recorded, count, error).await;
        };
        warn!(
            position = %recorded.position,
            id = %recorded.event.id(),
            attempt = count,
            "the event was not handled: {message}; next try in {delay:.1?}",
        );
        Ok(Next::GoOn)
    }

    /// An event was tried for the last time.
    async fn exhausted<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
        lease: Lease,
        recorded: Arc<Recorded>,
        attempts: u32,
        error: HandlerError,
    ) -> Result<Next, ConsumerError> {
        if self.manner.on_exhausted == OnExhausted::Stop {
            return Err(stopped(&recorded, attempts, error));
        }
        let position = recorded.position;
        self.outcomes.failed();
        let mostly_failed = self.outcomes.mostly_failed();
        let verdict = self.lanes.change(lease, |lane| {
            if lane.outage.is_none() && mostly_failed {
                lane.outage = Some(Outage::default());
                warn!(
                    shard = %lease.shard,
                    %position,
                    "most events fail, so it may not be the event: the shard pauses, and tries it \
                     again, until one is handled"
                );
            }
            let verdict = lane.outage.as_mut().map_or(Verdict::SetAside, Outage::failed);
            if let Verdict::Wait(wait) = verdict {
                lane.rests_until = Some(Instant::now() + wait);
                let message = lane.failures.message();
                warn!(%position, "the event was not handled: {message}; next try in {wait:.1?}");
            }
            verdict
        });
        match verdict {
            Some(Verdict::SetAside) => {
                self.park(flight, lease, recorded, attempts, &error, Retries::Scheduled).await
            }
            _ => Ok(Next::GoOn),
        }
    }

    /// An event has ended the worker that handled it alone, again and again.
    pub(super) async fn exhausted_deadly<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
        portion: Portion,
        attempts: u32,
    ) -> Result<Next, ConsumerError> {
        let Some(Item { waiting, lease }) = portion.items.first() else { return Ok(Next::GoOn) };
        let (recorded, lease) = (Arc::clone(&waiting.recorded), *lease);
        self.lanes.put_back(portion);
        let error = HandlerError::permanent(Deadly(attempts));
        if self.manner.on_exhausted == OnExhausted::Stop {
            // Whoever starts it again has mended the handler, and has it tried.
            let (store, subscription) = (Arc::clone(&self.store), self.subscription.clone());
            let leases = [lease];
            let forgetting = store.clear_suspects(&subscription, &leases);
            if let Err(error) = meanwhile(flight, &mut self.finished, forgetting).await {
                warn!("the event will not be tried at the next start either: {}", chain(&error));
            }
            return Err(stopped(&recorded, attempts, error));
        }
        self.park(flight, lease, recorded, attempts, &error, Retries::ByPeople).await
    }

    /// An event was handled in a shard that had paused: what was before says nothing any more, and
    /// the other shards that pause try theirs at once.
    pub(super) fn outage_is_over(&mut self, shard: ShardNumber) {
        info!(%shard, "an event was handled; the shard goes on, and those that pause try again");
        self.outcomes.clear();
        self.lanes.change_all(|lane| {
            if lane.outage.is_some() {
                lane.rests_until = None;
            }
        });
    }
}

/// A subscription that does not set events aside ends with one that cannot be handled.
fn stopped(recorded: &Recorded, attempts: u32, error: HandlerError) -> ConsumerError {
    ConsumerError::Handler {
        position: recorded.position,
        source_attribute: recorded.event.source().to_string(),
        id: recorded.event.id().to_string(),
        attempts,
        source: error.into_inner(),
    }
}
