//! What people order for a subscription: pauses, and another number of shards.

use std::sync::Arc;

use futures_util::future::FusedFuture;
use futures_util::stream::FuturesUnordered;
use tracing::{info, warn};

use super::handling::Done;
use super::storing::meanwhile;
use super::{ConsumerError, Ended, Next, Worker};
use crate::handler::Work;
use crate::lease::ranges::Ranges;
use crate::schedule::failures::chain;
use crate::shard::ShardNumber;
use crate::store::orders::{Barrier, Orders};

impl<W, S> Worker<'_, W, S>
where
    W: Work,
    S: FusedFuture<Output = ()>,
{
    /// Does what was ordered, as the last beat told it.
    pub(super) async fn obey<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
    ) -> Result<Next, ConsumerError> {
        let Some(Orders { shards, paused, barrier }) = self.leases.orders() else {
            return Ok(Next::GoOn);
        };
        if shards != self.shards {
            info!(before = %self.shards, now = %shards, "there is another number of shards now");
            return Ok(Next::End(Ended::Resharded));
        }
        self.pause(&paused);
        let Some(barrier) = barrier else { return Ok(Next::GoOn) };
        self.lanes.change_all(|lane| match barrier {
            Barrier::Drain => lane.is_leaving = true,
            Barrier::Reach(_) => lane.is_leaving |= lane.is_done_to_limit(),
        });
        // Whoever sees that the next step can be taken takes it.
        if self.lanes.is_empty() {
            let (store, subscription) = (Arc::clone(&self.store), self.subscription.clone());
            let step = store.reshard_step(&subscription);
            if let Err(error) = meanwhile(flight, &mut self.finished, step).await {
                warn!("another number of shards has to wait: {}", chain(&error));
            }
        }
        Ok(Next::GoOn)
    }

    fn pause(&mut self, paused: &[ShardNumber]) {
        let (mut begun, mut over) = (Vec::new(), Vec::new());
        for lane in self.lanes.iter() {
            let shard = lane.lease.shard;
            match (lane.is_paused, paused.contains(&shard)) {
                (false, true) => begun.push(shard),
                (true, false) => over.push(shard),
                _ => {}
            }
        }
        for shard in begun.iter().chain(&over) {
            self.lanes.change_shard(*shard, |lane| lane.is_paused = !lane.is_paused);
        }
        if !begun.is_empty() {
            warn!("shards {}: paused, see `feed-consumer status`", Ranges(&begun));
        }
        if !over.is_empty() {
            info!("shards {}: they go on, the pause is over", Ranges(&over));
        }
    }
}
