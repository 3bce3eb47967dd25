//! What may mend parked events without a person.
//!
//! # Layout
//!
//! - [`command`]: a command that does so

pub(crate) mod command;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use feed_protocol::Event;
use futures_util::future::LocalBoxFuture;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{HandlerError, ParkedEvent};
use crate::schedule::failures::chain;

/// How long a hook may take for an event, if not set.
const DEADLINE: Duration = Duration::from_secs(60);

/// How often a hook is asked about one event, however often what it sent fails.
pub(crate) const MOST: u32 = 3;

/// What a repair hook answers: what is to be done with a parked event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired(pub(crate) Remedy);

/// What is to be done with a parked event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remedy {
    Resubmit(Box<Event>),
    Retry,
    Leave(String),
}

impl Repaired {
    /// Handle this instead, now. It is the same event in all but type, data and what describes
    /// them: source, id and subject stay. The original is kept beside it.
    #[must_use]
    pub fn resubmit(event: Event) -> Self {
        Self(Remedy::Resubmit(Box::new(event)))
    }

    /// Handle it as it is, now: the cause is gone.
    #[must_use]
    pub const fn retry() -> Self {
        Self(Remedy::Retry)
    }

    /// Leave it to a person, for this reason, which is on record. Its own schedule of retries goes
    /// on.
    pub fn leave(reason: impl Into<String>) -> Self {
        Self(Remedy::Leave(reason.into()))
    }
}

/// What is asked, without its type.
trait Hook: Send + Sync {
    fn ask(&self, parked: ParkedEvent) -> LocalBoxFuture<'_, Result<Repaired, HandlerError>>;
}

impl<F> Hook for F
where
    F: AsyncFn(ParkedEvent) -> Result<Repaired, HandlerError> + Send + Sync,
{
    fn ask(&self, parked: ParkedEvent) -> LocalBoxFuture<'_, Result<Repaired, HandlerError>> {
        Box::pin(self(parked))
    }
}

/// A repair hook, which is asked about one event at a time.
#[derive(Clone)]
pub(crate) struct Repair {
    hook: Arc<dyn Hook>,
    /// How long it may take for an event.
    pub(crate) deadline: Duration,
    turn: Arc<Mutex<()>>,
}

/// The right to ask a hook.
pub(crate) struct Turn {
    _held: OwnedMutexGuard<()>,
}

impl Repair {
    pub(crate) fn new<F>(hook: F) -> Self
    where
        F: AsyncFn(ParkedEvent) -> Result<Repaired, HandlerError> + Send + Sync + 'static,
    {
        Self { hook: Arc::new(hook), deadline: DEADLINE, turn: Arc::default() }
    }

    /// The same with another deadline.
    pub(crate) fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Waits until the hook has nothing in hand: what it was asked last has ended, or was dropped.
    pub(crate) async fn turn(&self) -> Turn {
        Turn { _held: Arc::clone(&self.turn).lock_owned().await }
    }

    /// Asks about an event. A hook that fails, panics or takes too long leaves it to a person.
    ///
    /// It runs on a thread of its own, so that its future need not be `Send`, and that nothing of
    /// the worker waits for one that computes. Dropped, this drops what the hook is at.
    pub(crate) async fn ask(&self, turn: Turn, parked: ParkedEvent) -> Repaired {
        let (drop_it, dropped) = oneshot::channel::<()>();
        let (runtime, hook) = (Handle::current(), Arc::clone(&self.hook));
        let asking = spawn_blocking(move || {
            let _turn = turn;
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = dropped => None,
                    answer = hook.ask(parked) => Some(answer),
                }
            })
        });
        let answer = timeout(self.deadline, asking).await;
        drop(drop_it);
        match answer {
            Ok(Ok(Some(Ok(repaired)))) => repaired,
            Ok(Ok(Some(Err(error)))) => Repaired::leave(chain(error.as_error())),
            Ok(Err(error)) if error.is_panic() => Repaired::leave("the repair hook panicked"),
            // The runtime ends, or will in a moment.
            Ok(Ok(None) | Err(_)) => Repaired::leave("the repair hook was interrupted"),
            Err(_) => {
                let limit = humantime::format_duration(self.deadline);
                Repaired::leave(format!("the repair hook took longer than its deadline of {limit}"))
            }
        }
    }
}

impl fmt::Debug for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repair").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}

#[cfg(test)]
mod tests;
