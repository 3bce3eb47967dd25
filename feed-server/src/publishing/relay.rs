//! Gives places to the events that wait in a store's outbox, when nobody appends.
//!
//! One server process at a time looks into the outbox, under a lease ([`Outbox`](crate::store::Outbox) says what the lease
//! is and is not). It looks often while there is something to find, and seldom when there is not. A
//! process whose publisher is told of a commit ([`Receipt::wake`](super::Receipt::wake)) looks at
//! once, lease or not.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::feeds::Feeds;
use crate::random;
use crate::store::{EventStore, StoreError};

/// How long the lease is held without being renewed.
const LEASE: Duration = Duration::from_secs(5);
/// How often it is renewed, and how often those who do not hold it try to acquire it.
const LEASE_CHECK: Duration = Duration::from_secs(1);
/// How long to wait before looking again, while something was found a moment ago: as long as it took to
/// move it, within these bounds. So what arrives meanwhile shares a commit, and the more so the busier
/// the database is.
const BUSY: RangeInclusive<Duration> = Duration::from_millis(5)..=Duration::from_millis(10);
/// How long, when nothing has been found for a while.
const IDLE: Duration = Duration::from_millis(500);
/// How long the end may take, in which the lease is given back.
const END_TIMEOUT: Duration = Duration::from_secs(1);
/// For how long something counts as found a moment ago.
const MOMENT: Duration = Duration::from_secs(1);
/// After how many events that were moved it is time to tidy up behind them, and how often at most. The
/// database would do so by itself, but once a minute at best.
const TIDY_AFTER: u64 = 5000;
const TIDY_PAUSE: Duration = Duration::from_secs(5);

/// What looks after a publish in a caller's transaction, once that has committed.
#[derive(Debug, Clone)]
pub(crate) enum Wake {
    /// The relay moves the event.
    Relay(Arc<Notify>),
    /// The event has its place, and the head has to be read.
    Heads(Arc<Feeds>),
}

impl Wake {
    pub(super) fn wake(&self) {
        match self {
            Self::Relay(relay) => relay.notify_one(),
            Self::Heads(feeds) => feeds.look(),
        }
    }
}

/// The task that relays; it ends with whoever holds this.
#[derive(Debug)]
pub(crate) struct Relay {
    store: Arc<dyn EventStore>,
    wake: Wake,
    task: Option<AbortHandle>,
    /// Closed once the task has ended.
    ended: watch::Receiver<()>,
}

impl Relay {
    /// Relays for a store that has an outbox, until the shutdown. With `looks`, it takes its turn at
    /// looking; otherwise it moves what its own process tells it of.
    pub(crate) fn start(
        store: Arc<dyn EventStore>,
        feeds: Arc<Feeds>,
        shutdown: watch::Receiver<bool>,
        looks: bool,
    ) -> Self {
        if store.outbox().is_none() {
            let (_, ended) = watch::channel(());
            return Self { store, wake: Wake::Heads(feeds), task: None, ended };
        }
        let woken = Arc::new(Notify::new());
        let relaying = Relaying {
            store: Arc::clone(&store),
            feeds,
            ourselves: random::process(),
            holds: false,
            failing: false,
            found: None,
            untidy: 0,
            tidying: None,
        };
        let (running, ended) = watch::channel(());
        let run = relaying.run(Arc::clone(&woken), shutdown, looks);
        let task = tokio::spawn(async move {
            run.await;
            drop(running);
        });
        Self { store, wake: Wake::Relay(woken), task: Some(task.abort_handle()), ended }
    }

    /// Waits, for a moment, until the task has ended after the shutdown and given its lease back.
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.clone();
        // An error is what is waited for: nobody can change it any more.
        let _ = tokio::time::timeout(END_TIMEOUT, ended.changed()).await;
    }

    pub(crate) fn wake(&self) -> Wake {
        self.wake.clone()
    }

    /// How many events of the outbox were rejected, where there is one.
    pub(crate) async fn rejected(&self) -> Result<Option<u64>, StoreError> {
        match self.store.outbox() {
            Some(outbox) => outbox.rejected().await.map(Some),
            None => Ok(None),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

struct Relaying {
    store: Arc<dyn EventStore>,
    feeds: Arc<Feeds>,
    /// The name of this process as a holder of the lease.
    ourselves: String,
    holds: bool,
    /// Whether it failed the last time: said once, not at every try.
    failing: bool,
    /// When something was found last, and how long it took to move it.
    found: Option<(Instant, Duration)>,
    /// How many events were moved, about, since the outbox was last tidied.
    untidy: u64,
    tidying: Option<(Instant, JoinHandle<()>)>,
}

impl Relaying {
    async fn run(mut self, woken: Arc<Notify>, mut shutdown: watch::Receiver<bool>, looks: bool) {
        let mut lease_check = Instant::now();
        loop {
            let pause = match (self.holds, self.failing) {
                (true, false) => self.pause(),
                _ => LEASE_CHECK,
            };
            let woken = tokio::select! {
                // Whoever has gone away without a word has shut down too.
                _ = shutdown.wait_for(|ended| *ended) => break,
                () = woken.notified() => true,
                () = tokio::time::sleep(pause), if looks => false,
            };
            let mut outcome = Ok(());
            if looks && lease_check <= Instant::now() {
                outcome = self.acquire().await;
                lease_check = Instant::now() + LEASE_CHECK;
            }
            if outcome.is_ok() && (woken || self.holds) {
                outcome = self.relay().await;
            }
            self.say(outcome);
        }
        if let Some((_, task)) = &self.tidying {
            task.abort();
        }
        if self.holds
            && let Some(outbox) = self.store.outbox()
            && let Err(error) = outbox.release(&self.ourselves).await
        {
            info!(error = &error as &dyn std::error::Error, "the relay's lease is left to expire");
        }
    }

    /// How long to wait before looking again.
    fn pause(&self) -> Duration {
        match self.found {
            Some((found, took)) if found.elapsed() < MOMENT => {
                took.clamp(*BUSY.start(), *BUSY.end())
            }
            // The longer ago, the more seldom.
            Some((found, _)) => (found.elapsed() / 20).clamp(*BUSY.start(), IDLE),
            None => IDLE,
        }
    }

    async fn acquire(&mut self) -> Result<(), StoreError> {
        let Some(outbox) = self.store.outbox() else { return Ok(()) };
        let holds = outbox.lease(&self.ourselves, LEASE).await?;
        if holds != std::mem::replace(&mut self.holds, holds) {
            let what = if holds { "this process relays" } else { "another process relays" };
            info!("{what} what is published in transactions");
        }
        Ok(())
    }

    /// Moves all that waits.
    async fn relay(&mut self) -> Result<(), StoreError> {
        let begun = Instant::now();
        let store = Arc::clone(&self.store);
        let Some(outbox) = store.outbox() else { return Ok(()) };
        let mut outcome = Ok(());
        for key in outbox.waiting().await? {
            if self.feeds.by_key(key).is_none() {
                self.feeds.refresh().await?;
            }
            let Some(live) = self.feeds.by_key(key) else { continue };
            match outbox.relay(&live.feed).await {
                Ok(relayed) => {
                    if let Some(head) = relayed.head {
                        let known = live.head().position.get();
                        self.untidy += head.position.get().saturating_sub(known);
                        live.advance(head);
                    }
                }
                // The trouble of one feed is not that of the others.
                Err(error) => outcome = outcome.and(Err(error)),
            }
            self.found = Some((Instant::now(), begun.elapsed()));
        }
        self.tidy();
        outcome
    }

    /// Tidies up when it is time to, beside the relaying.
    fn tidy(&mut self) {
        let resting = |(begun, task): &(Instant, JoinHandle<()>)| {
            begun.elapsed() < TIDY_PAUSE || !task.is_finished()
        };
        if self.untidy < TIDY_AFTER || self.tidying.as_ref().is_some_and(resting) {
            return;
        }
        self.untidy = 0;
        let store = Arc::clone(&self.store);
        let task = tokio::spawn(async move {
            let Some(outbox) = store.outbox() else { return };
            if let Err(error) = outbox.tidy().await {
                info!(error = &error as &dyn std::error::Error, "the outbox cannot be tidied");
            }
        });
        self.tidying = Some((Instant::now(), task));
    }

    fn say(&mut self, outcome: Result<(), StoreError>) {
        let failing = outcome.is_err();
        if let Err(error) = outcome {
            self.holds = false;
            if !self.failing {
                let error = &error as &dyn std::error::Error;
                warn!(error, "what is published in transactions has to wait");
            }
        } else if self.failing {
            info!("what is published in transactions is relayed again");
        }
        self.failing = failing;
    }
}
