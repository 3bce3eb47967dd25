//! A repair hook is asked about parked events, off the worker's way.
//!
//! A task of its own asks about one event after the other, and writes what the hook answers as a
//! request, as a person's, which the holder of the shard takes up in its turn. Whether to ask is
//! read from the record of the event, which survives the worker.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use feed_protocol::Position;
use futures_util::future::FusedFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::parking::Retries;
use super::{Worker, until};
use crate::handler::repair::{MOST, Remedy, Repair};
use crate::handler::{ParkedEvent, Repaired, Work};
use crate::schedule::failures::{Failures, Patience, chain};
use crate::store::parking::{Deed, ParkAction, ParkedDeed, RequestId, Requested};
use crate::store::{CursorStore, StoreError, Subscription};

/// As whom a hook asks.
const WHO: &str = "repair hook";

/// How long the end of a worker waits until the hook lets go of what it was at.
const LAST: Duration = Duration::from_secs(1);

/// How many lines of a record are read at a time.
const LINES: u32 = 500;

/// Why a hook may have to be asked about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Occasion {
    /// It was parked just now, or has failed again.
    Failed,
    /// It may have ended a worker too often, which a hook is not to have tried again.
    Deadly,
    /// It was parked when the shard was acquired.
    Found,
}

impl From<Retries> for Occasion {
    fn from(next: Retries) -> Self {
        match next {
            Retries::Scheduled => Self::Failed,
            Retries::ByPeople => Self::Deadly,
        }
    }
}

/// What asks a hook. Dropped, it stops.
#[derive(Debug)]
pub(super) struct Repairing {
    queue: mpsc::UnboundedSender<(Position, Occasion)>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    /// How often it was looked whether to ask, and how often that has come to its end.
    sent: u64,
    answered: Arc<AtomicU64>,
    /// How many of the answers the worker has looked for.
    heard: u64,
}

/// The task.
struct Asking {
    repair: Repair,
    store: Arc<dyn CursorStore>,
    subscription: Subscription,
    patience: Patience,
    answered: Arc<AtomicU64>,
}

/// How it stands between an event and the hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nobody has answered since it was parked.
    Unanswered,
    /// The hook, or a person, wants it handled now.
    Sent { by_hook: bool },
    /// That is taken up.
    Taken,
    /// What the hook has sent has failed.
    Failed,
    /// It is a person's.
    Left,
}

impl Repairing {
    pub(super) fn start(
        repair: Repair,
        store: Arc<dyn CursorStore>,
        subscription: Subscription,
        patience: Patience,
    ) -> Self {
        let (queue, occasions) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let answered = Arc::<AtomicU64>::default();
        let asking =
            Asking { repair, store, subscription, patience, answered: Arc::clone(&answered) };
        let task = tokio::spawn(async move {
            tokio::select! {
                biased;
                _ = stopped => {}
                () = asking.go_on(occasions) => {}
            }
            // What the hook was at is dropped, on its thread.
            let _ = timeout(LAST, asking.repair.turn()).await;
        });
        Self { queue, stop, task, sent: 0, answered, heard: 0 }
    }

    /// How many occasions have come to their end: what was to be asked for is asked for.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Acquire)
    }

    /// All requests were looked for after so many.
    pub(super) const fn heard(&mut self, answered: u64) {
        self.heard = answered;
    }

    /// Ends, and lets the hook let go of what it is at.
    pub(super) async fn end(self) {
        drop(self.stop);
        // It panics nowhere of itself, and nothing is left to do if it did.
        let _ = self.task.await;
    }
}

impl<W, S> Worker<'_, W, S>
where
    W: Work,
    S: FusedFuture<Output = ()>,
{
    /// Has the repair hook asked about a parked event, if there is a hook and it is to be.
    pub(super) fn have_repaired(&mut self, position: Position, occasion: Occasion) {
        if let Some(repairing) = &mut self.repairing
            && repairing.queue.send((position, occasion)).is_ok()
        {
            repairing.sent += 1;
        }
    }

    /// Whether a repair hook may yet have something handled.
    pub(super) fn waits_for_repair(&self) -> bool {
        self.repairing.as_ref().is_some_and(|it| it.heard < it.sent)
            && self.lanes.iter().any(|lane| !lane.shelf.is_empty())
    }
}

impl Asking {
    async fn go_on(&self, mut occasions: mpsc::UnboundedReceiver<(Position, Occasion)>) {
        let mut due: BTreeSet<(Instant, Position, Occasion)> = BTreeSet::new();
        loop {
            let next = due.first().map(|(due, ..)| *due);
            tokio::select! {
                biased;
                occasion = occasions.recv() => match occasion {
                    Some((position, occasion)) => {
                        due.insert((Instant::now(), position, occasion));
                        continue;
                    }
                    None => return,
                },
                () = until(next) => {}
            }
            let Some((_, position, occasion)) = due.pop_first() else { continue };
            match self.attend(position, occasion).await {
                // Whoever is at it has an answer by then, if it lives.
                Ok(Attended::Later) => {
                    let later = Instant::now() + self.repair.deadline + LAST;
                    due.insert((later, position, Occasion::Failed));
                    continue;
                }
                Ok(Attended::Done) => {}
                Err(error) => {
                    warn!(%position, "the repair hook was given up: {}", chain(&error));
                }
            }
            self.answered.fetch_add(1, Ordering::Release);
        }
    }

    /// Asks the hook about an event, if it is to be asked.
    async fn attend(&self, position: Position, occasion: Occasion) -> Result<Attended, StoreError> {
        let Self { store, subscription, .. } = self;
        let parked = self.persist(|| store.parked(subscription, position)).await?;
        let Some(parked) = parked else { return Ok(Attended::Done) };
        let (standing, answers) = self.standing(position).await?;
        let is_open = match standing {
            Standing::Unanswered | Standing::Failed => true,
            Standing::Sent { .. } | Standing::Taken | Standing::Left => false,
        };
        if !is_open {
            return Ok(Attended::Done);
        }
        if occasion == Occasion::Deadly {
            self.leave(position, "it may have ended a worker, and would end others").await?;
            return Ok(Attended::Done);
        }
        if occasion == Occasion::Found && parked.repairs > answers {
            return Ok(Attended::Later);
        }
        if parked.repairs >= MOST {
            let why = format!("it was asked {MOST} times, in vain");
            self.leave(position, &why).await?;
            return Ok(Attended::Done);
        }
        let turn = self.repair.turn().await;
        let begun = || store.begin_repair(subscription, position, MOST);
        let Some(parked) = self.persist(begun).await? else { return Ok(Attended::Done) };
        let parked = ParkedEvent::new(parked);
        info!(%position, "the repair hook is asked about a parked event");
        let answer = self.repair.ask(turn, parked.clone()).await;
        self.answer(&parked, answer).await?;
        Ok(Attended::Done)
    }

    /// Does what the hook says.
    async fn answer(&self, parked: &ParkedEvent, answer: Repaired) -> Result<(), StoreError> {
        let Self { store, subscription, .. } = self;
        let position = parked.position();
        let action = match answer.0 {
            Remedy::Leave(reason) => return self.leave(position, &reason).await,
            Remedy::Retry => ParkAction::Retry,
            Remedy::Resubmit(event) => match parked.difference(&event) {
                Some(attribute) => {
                    let why = format!("the {attribute} of what the hook sent is another");
                    return self.leave(position, &why).await;
                }
                None => ParkAction::Edit(event),
            },
        };
        let asking = || store.request(subscription, position, &action, WHO);
        match self.persist(asking).await? {
            Requested::Asked(_) => info!(%position, "the repair hook wants it handled now"),
            Requested::Conflict { who } => {
                info!(%position, who, "somebody asks for something else than the repair hook");
            }
            Requested::NotParked => {}
        }
        Ok(())
    }

    /// Leaves an event to a person.
    async fn leave(&self, position: Position, why: &str) -> Result<(), StoreError> {
        let Self { store, subscription, .. } = self;
        warn!(%position, "the repair hook leaves it to a person: {why}");
        let leaving = || store.leave_to_person(subscription, position, WHO, why);
        self.persist(leaving).await
    }

    /// How it stands, by the record, and how often the hook has answered since the event was parked.
    async fn standing(&self, position: Position) -> Result<(Standing, u32), StoreError> {
        let Self { store, subscription, .. } = self;
        let (mut standing, mut answers) = (Standing::Unanswered, 0);
        let mut last = RequestId::default();
        loop {
            let reading = async || store.record(subscription, Some(position), last, LINES).await;
            let lines = self.persist(reading).await?;
            let Some(line) = lines.last() else { return Ok((standing, answers)) };
            last = line.id;
            for deed in &lines {
                (standing, answers) = after(deed, standing, answers);
            }
        }
    }

    /// Does something with the database, as often as it takes.
    async fn persist<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        doing: impl Fn() -> F,
    ) -> Result<T, StoreError> {
        let mut failures = Failures::new(self.patience);
        loop {
            match doing().await {
                Err(error @ StoreError::Unavailable(_)) => {
                    let failure = failures.add(&error, None);
                    let Some(delay) = failure.next_try else { return Err(error) };
                    tokio::time::sleep(delay).await;
                }
                settled => return settled,
            }
        }
    }
}

/// What has come of an occasion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attended {
    Done,
    /// Somebody is at it, or has ended without an answer.
    Later,
}

/// How it stands after a line of the record.
fn after(deed: &ParkedDeed, before: Standing, answers: u32) -> (Standing, u32) {
    let by_hook = deed.who == WHO;
    match deed.what {
        Deed::Parked => (Standing::Unanswered, 0),
        Deed::RetryAsked | Deed::EditAsked | Deed::DiscardAsked => {
            (Standing::Sent { by_hook }, answers + u32::from(by_hook))
        }
        Deed::Left => (Standing::Left, answers + 1),
        Deed::Taken if before == (Standing::Sent { by_hook: true }) => (Standing::Taken, answers),
        // What was refused, and what a person has asked for, is not the hook's any more.
        Deed::Taken | Deed::Refused => (Standing::Left, answers),
        Deed::Failed if before == Standing::Taken => (Standing::Failed, answers),
        _ => (before, answers),
    }
}

#[cfg(test)]
mod tests;
