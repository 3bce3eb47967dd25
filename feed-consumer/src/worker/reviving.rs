//! Parked events, and those that waited behind them, are taken up.

use std::sync::Arc;
use std::time::Duration;

use feed_protocol::{Position, Recorded};
use futures_util::future::{AbortHandle, AbortRegistration, Abortable, FusedFuture};
use tokio::time::Instant;

use super::Worker;
use super::handling::{Started, attempt_in};
use super::lane::{InHand, Lane};
use super::parking::Retries;
use super::suspicion::{Alone, Deadly, Hall};
use crate::handler::handed::Handed;
use crate::handler::once::Noting;
use crate::handler::work::{Attempt, Ending, Failed};
use crate::handler::{HandlerError, Work};
use crate::reading::EventSource;
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
    source: EventSource,
    deadline: Option<Duration>,
    /// What counts the attempt, if it is handled alone.
    alone: Option<Alone>,
    /// How often it has ended a worker, if that is too often for another attempt.
    deadly: Option<u32>,
    noting: Option<Arc<Noting>>,
    registration: AbortRegistration,
}

/// A head of a subject that is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct DueHead {
    lease: Lease,
    position: Position,
    /// It may have ended a worker.
    pub(super) is_suspect: bool,
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
        /// Whether it is taken up again by itself.
        next: Retries,
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
    hall: Hall,
    revival: Revival,
) -> Option<Revived> {
    let Revival { lease, position, store, subscription, source, deadline, registration, .. } =
        revival;
    let (noting, alone, deadly) = (revival.noting, revival.alone, revival.deadly);
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
        if let Some(attempts) = deadly {
            let error = HandlerError::permanent(Deadly(attempts));
            return Revived::Failed { recorded, retries, error, next: Retries::ByPeople };
        }
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
        let events = vec![Handed { recorded: Arc::clone(&recorded), lease, noting }];
        let number = retries.unwrap_or_default().saturating_add(1);
        let attempt = work.attempt(transactions, Attempt { events, ending, number, deadline });
        match attempt_in(hall, alone, attempt).await {
            Ok(()) => Revived::Handled,
            Err(Failed::Handler(error)) => {
                Revived::Failed { recorded, retries, error, next: Retries::Scheduled }
            }
            Err(Failed::Begin(error) | Failed::Commit(error)) => Revived::Unknown(chain(&error)),
            Err(Failed::Fenced(_)) => Revived::Fenced,
        }
    };
    Abortable::new(reviving, registration).await.ok()
}

async fn event_at(source: EventSource, position: Position) -> Result<Recorded, String> {
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
        self.heads().map(|(_, due, _)| due).min()
    }

    /// The next head of a subject that is due; one that may have ended a worker before others.
    pub(super) fn due_head(&self) -> Option<DueHead> {
        let now = Instant::now();
        let due = self.heads().filter(|(_, due, _)| *due <= now);
        let heads = due.map(|(lane, _, position)| DueHead {
            lease: lane.lease,
            position,
            is_suspect: lane.suspicion.is_of_head(position),
        });
        heads.max_by_key(|head| head.is_suspect)
    }

    /// Of each shard of which nothing is in hand, the next head that is taken up again.
    fn heads(&self) -> impl Iterator<Item = (&Lane, Instant, Position)> {
        let keeps = |lane: &Lane| lane.suspicion.keeps_heads(lane.passed());
        let free = self.lanes.iter().filter(move |lane| lane.is_free() && !keeps(lane));
        free.filter_map(|lane| {
            // One that was tried alone, and did not return, comes first, or its count were lost.
            let tried = lane.suspicion.tried().and_then(|it| Some((lane.shelf.due(it)?, it)));
            let (due, position) = tried.or_else(|| lane.shelf.next_due())?;
            Some((lane, due, position))
        })
    }

    /// Takes up a head of a subject.
    pub(super) fn start_revival(&mut self, head: DueHead) -> Option<Started> {
        let DueHead { lease, position, is_suspect } = head;
        let lane = self.lanes.held(lease)?;
        if lane.movement().is_some() {
            // What waits behind it has to be known to the store before it is resolved.
            self.storing.demand();
            return None;
        }
        let attempts = lane.suspicion.attempts(position);
        let deadly = (is_suspect && attempts >= self.manner.deadly_after).then_some(attempts);
        let alone = is_suspect.then(|| self.alone(lease, position));
        let (abort, registration) = AbortHandle::new_pair();
        let in_hand = InHand { first: position, updated: None, abort };
        self.lanes.change(lease, |lane| lane.in_hand = Some(in_hand));
        Some(Started::Revival(Revival {
            lease,
            position,
            store: Arc::clone(&self.store),
            subscription: self.subscription.clone(),
            source: self.feeding.source(),
            deadline: self.manner.deadline,
            alone,
            deadly,
            noting: self.noting.clone(),
            registration,
        }))
    }
}
