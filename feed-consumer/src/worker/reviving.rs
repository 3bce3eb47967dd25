//! Parked events, and those that waited behind them, are taken up.

use std::sync::Arc;
use std::time::Duration;

use feed_protocol::{Position, Recorded};
use futures_util::future::{AbortHandle, AbortRegistration, Abortable, FusedFuture};
use tokio::time::Instant;

use super::Worker;
use super::handling::Started;
use super::lane::{InHand, Lane};
use crate::handler::handed::Handed;
use crate::handler::work::{Attempt, Ending, Failed};
use crate::handler::{HandlerError, Work};
use crate::reading::FeedSource;
use crate::schedule::failures::chain;
use crate::store::parking::{Resolution, Resolving};
use crate::store::shards::Lease;
use crate::store::{CursorStore, Subscription};

/// The head of a subject that is to be taken up.
pub(super) struct Revival {
    pub(super) lease: Lease,
    pub(super) position: Position,
    store: Arc<dyn CursorStore>,
    subscription: Subscription,
    source: Option<Box<FeedSource>>,
    deadline: Option<Duration>,
    registration: AbortRegistration,
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Revived {
    Handled,
    /// It has failed again; `retries` is how often it was taken up before, if it was parked itself
    /// and did not only wait.
    Failed {
        recorded: Arc<Recorded>,
        retries: Option<u32>,
        error: HandlerError,
    },
    /// It could not be got now, or what became of it is unknown.
    Unknown(String),
    /// Another worker has the shard.
    Fenced,
}

/// Takes up a parked event, or one that waited behind it.
pub(super) async fn revive<W: Work>(
    work: &W,
    transactions: &W::Transactions,
    revival: Revival,
) -> Option<Revived> {
    let Revival { lease, position, store, subscription, source, deadline, registration } = revival;
    let reviving = async {
        let parked = match store.parked(&subscription, position).await {
            Ok(parked) => parked,
            Err(error) => return Revived::Unknown(chain(&error)),
        };
        let (recorded, retries) = match parked {
            Some(parked) => {
                let event = parked.edited.unwrap_or_else(|| parked.recorded.event.clone());
                (Arc::new(Recorded { event, ..parked.recorded }), Some(parked.retries))
            }
            None => match event_at(source, position).await {
                Ok(recorded) => (Arc::new(recorded), None),
                Err(reason) => return Revived::Unknown(reason),
            },
        };
        if !work.takes(&recorded) {
            return Revived::Handled;
        }
        let resolution = Resolution::Handled;
        let ending = W::IS_TRANSACTIONAL.then_some(Ending::Resolve(Resolving {
            subscription,
            lease,
            position,
            resolution,
        }));
        let events = vec![Handed { recorded: Arc::clone(&recorded), lease }];
        let number = retries.unwrap_or_default().saturating_add(1);
        match work.attempt(transactions, Attempt { events, ending, number, deadline }).await {
            Ok(()) => Revived::Handled,
            Err(Failed::Handler(error)) => Revived::Failed { recorded, retries, error },
            Err(Failed::Begin(error) | Failed::Commit(error)) => Revived::Unknown(chain(&error)),
            Err(Failed::Fenced(_)) => Revived::Fenced,
        }
    };
    Abortable::new(reviving, registration).await.ok()
}

async fn event_at(source: Option<Box<FeedSource>>, position: Position) -> Result<Recorded, String> {
    let Some(source) = source else { return Err("it cannot be read again".to_owned()) };
    match source.event_at(position).await {
        Ok(Some(recorded)) => Ok(recorded),
        Ok(None) => Err("the feed does not show it".to_owned()),
        Err(error) => Err(chain(&error)),
    }
}

impl<W, S> Worker<'_, W, S>
where
    W: Work,
    S: FusedFuture<Output = ()>,
{
    /// When the next head of a subject is to be taken up, of a shard of which nothing is in hand.
    pub(super) fn revival_due(&self) -> Option<Instant> {
        let idle = self.lanes.iter().filter(|lane| lane.in_hand.is_none() && !lane.is_leaving);
        idle.filter_map(|lane| lane.shelf.next_due()).map(|(due, _)| due).min()
    }

    /// Takes up the next head of a subject that is due.
    pub(super) fn start_revival(&mut self) -> Option<Started> {
        let now = Instant::now();
        let due = |lane: &Lane| lane.shelf.next_due().filter(|(due, _)| *due <= now);
        let idle = self.lanes.iter().filter(|lane| lane.in_hand.is_none() && !lane.is_leaving);
        let (lane, (_, position)) = idle.filter_map(|lane| Some((lane, due(lane)?))).next()?;
        let lease = lane.lease;
        if lane.movement().is_some() {
            // What waits behind it has to be known to the store before it is resolved.
            self.storing.demand();
            return None;
        }
        let (abort, registration) = AbortHandle::new_pair();
        self.lanes.change(lease, |lane| lane.in_hand = Some(InHand { first: position, abort }));
        Some(Started::Revival(Revival {
            lease,
            position,
            store: Arc::clone(&self.store),
            subscription: self.subscription.clone(),
            source: self.feeding.source(),
            deadline: self.manner.deadline,
            registration,
        }))
    }
}
