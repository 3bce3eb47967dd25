//! What people ask to be done with parked events.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FusedFuture;
use futures_util::stream::FuturesUnordered;
use tracing::{info, warn};

use super::handling::Done;
use super::lane::Lane;
use super::repairing::Repairing;
use super::storing::meanwhile;
use super::{ConsumerError, Next, Worker};
use crate::handler::Work;
use crate::schedule::failures::chain;
use crate::store::parking::{Answer, ParkAction, ParkRequest, Resolution};
use crate::store::shards::Lease;

/// What became of a request.
enum Heard {
    /// It is answered, and so the work goes on or ends.
    Answered(Next),
    /// It is looked at again at the next beat.
    Later,
}

impl<W, S> Worker<'_, W, S>
where
    W: Work,
    S: FusedFuture<Output = ()>,
{
    /// Does what people have asked for.
    pub(super) async fn hear_requests<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
    ) -> Result<Next, ConsumerError> {
        let answered = self.repairing.as_ref().map(Repairing::answered);
        let shelved = self.lanes.iter().filter(|lane| !lane.shelf.is_empty() && !lane.is_leaving);
        let leases: Vec<Lease> = shelved.map(|lane| lane.lease).collect();
        if leases.is_empty() {
            return Ok(Next::GoOn);
        }
        let shards: Vec<_> = leases.iter().map(|it| it.shard).collect();
        let (store, subscription) = (Arc::clone(&self.store), self.subscription.clone());
        let looking = store.requests(&subscription, &shards);
        let requests = match meanwhile(flight, &mut self.finished, looking).await {
            Ok(requests) => requests,
            // They are looked for again at the next beat.
            Err(error) => {
                warn!("requests about parked events could not be looked for: {}", chain(&error));
                return Ok(Next::GoOn);
            }
        };
        let mut are_all_answered = true;
        for request in requests {
            let has = |lane: &&Lane| lane.shelf.has(request.position);
            let lane = self.lanes.iter().filter(|lane| leases.contains(&lane.lease)).find(has);
            let Some(lane) = lane else { continue };
            // One that is being handled just now is answered when that has ended.
            if lane.in_hand.is_some() {
                are_all_answered = false;
                continue;
            }
            match self.hear_request(flight, lane.lease, request).await? {
                Heard::Answered(Next::GoOn) => {}
                Heard::Answered(end @ Next::End(_)) => return Ok(end),
                Heard::Later => are_all_answered = false,
            }
        }
        if are_all_answered
            && let Some((repairing, answered)) = self.repairing.as_mut().zip(answered)
        {
            repairing.heard(answered);
        }
        Ok(Next::GoOn)
    }

    async fn hear_request<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
        lease: Lease,
        request: ParkRequest,
    ) -> Result<Heard, ConsumerError> {
        let ParkRequest { id, position, action, who } = request;
        // Whatever waits behind it has to be known to the store before it is resolved.
        if let end @ Next::End(_) = self.store(flight).await? {
            return Ok(Heard::Answered(end));
        }
        let (store, subscription) = (Arc::clone(&self.store), self.subscription.clone());
        let subject = self.lanes.held(lease).and_then(|lane| lane.shelf.subject(position));
        let answer = match &action {
            ParkAction::Edit(event) if event.subject() != subject => {
                let reason =
                    "it is about another subject, of which later events are handled already";
                Answer::Refused(reason.to_owned())
            }
            _ => Answer::Taken,
        };
        let answering = store.answer(&subscription, lease, id, &answer);
        match meanwhile(flight, &mut self.finished, answering).await {
            Ok(true) if answer != Answer::Taken => return Ok(Heard::Answered(Next::GoOn)),
            Ok(true) => {}
            Ok(false) => {
                self.lost(&[lease.shard]);
                return Ok(Heard::Later);
            }
            Err(error) => {
                warn!("a request about a parked event could not be answered: {}", chain(&error));
                return Ok(Heard::Later);
            }
        }
        let next = match action {
            ParkAction::Retry | ParkAction::Edit(_) => {
                info!(%position, who, "a parked event is taken up, as was asked");
                self.lanes.change(lease, |lane| lane.shelf.set_due(position, Some(Duration::ZERO)));
                Next::GoOn
            }
            ParkAction::Discard { reason } => {
                info!(%position, who, reason, "a parked event is discarded, as was asked");
                let resolution = Resolution::Discarded { who, reason };
                self.resolve(flight, lease, position, resolution).await?
            }
        };
        Ok(Heard::Answered(next))
    }
}
