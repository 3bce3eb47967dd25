//! The task that renews, acquires, and notices losses.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{info, warn};

use super::crowd::Crowd;
use super::held::{Changes, Shared};
use super::ranges::Ranges;
use super::{Timing, neighbour, no_answer};
use crate::random;
use crate::schedule::failures::chain;
use crate::shard::ShardNumber;
use crate::store::shards::{Acquired, Beat, Beaten, Neighbour, ShardStore, WorkerFacts, WorkerId};
use crate::store::{StoreError, Subscription};

/// At most so many kinds of trouble are told apart until a beat succeeds.
const MAX_KINDS_OF_TROUBLE: usize = 8;

/// Keeps the leases of one worker.
pub(super) struct Keeper {
    store: Arc<dyn ShardStore>,
    subscription: Subscription,
    facts: WorkerFacts,
    timing: Timing,
    shared: Arc<Shared>,
    crowd: Crowd,
    /// What has been said of beats that failed, since one succeeded; and when the first did.
    trouble: Vec<String>,
    failing_since: Option<Instant>,
    /// Since when others have held what this worker is to have.
    short_since: Option<Instant>,
}

impl Keeper {
    pub(super) fn new(
        store: Arc<dyn ShardStore>,
        subscription: Subscription,
        facts: WorkerFacts,
        timing: Timing,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            store,
            subscription,
            facts,
            timing,
            shared,
            crowd: Crowd::default(),
            trouble: Vec::new(),
            failing_since: None,
            short_since: None,
        }
    }

    /// Beats until it is told to stop.
    pub(super) async fn run(mut self) {
        loop {
            let pause = self.beat().await;
            tokio::select! {
                biased;
                () = self.shared.stop.notified() => return,
                () = self.watching(sleep(pause)) => {}
            }
        }
    }

    /// Beats once, and says how long to wait until the next time.
    async fn beat(&mut self) -> Duration {
        let beat = {
            let held = self.shared.held();
            Beat {
                facts: self.facts.clone(),
                lease: self.timing.lease,
                held: held.leases(),
                acquires: held.acquires(),
                report: held.report.clone(),
            }
        };
        let sent = Instant::now();
        let asked = timeout(self.timing.patience(), self.store.beat(&self.subscription, &beat));
        match self.watching(asked).await.unwrap_or_else(|_| Err(no_answer(self.timing.patience())))
        {
            Ok(beaten) => self.answered(&beat, sent, &beaten).await,
            Err(error) => {
                self.failed(error);
                jittered(self.timing.period())
            }
        }
    }

    async fn answered(&mut self, beat: &Beat, sent: Instant, beaten: &Beaten) -> Duration {
        if let Some(since) = self.failing_since.take() {
            let lasted = rounded(since.elapsed());
            info!("the cursor database renews leases again, after {lasted} without");
        }
        let until = sent + self.timing.usable();
        if until <= Instant::now() {
            // Nothing of it can be worked under any more, and what was held is lost by now: the
            // next beat acquires it anew.
            return Duration::ZERO;
        }
        self.trouble.clear();
        let changes = self.shared.held().answered(beat, until, beaten);
        if let Some(said) = self.crowd.update(beaten) {
            info!(worker = %self.facts.name(), share = beaten.share, "{said}");
        }
        self.say(&changes, beaten);
        self.shared.told.notify_one();
        if self.bury_the_dead(&beaten.neighbours).await {
            return Duration::ZERO;
        }
        jittered(self.until_next(changes.waits_for_more))
    }

    /// Shards that others are to give back come soon, or their holders are busy for long.
    fn until_next(&mut self, waits_for_more: bool) -> Duration {
        if !waits_for_more {
            self.short_since = None;
            return self.timing.period();
        }
        let since = *self.short_since.get_or_insert_with(Instant::now);
        if since.elapsed() < self.timing.lease { self.timing.soon() } else { self.timing.period() }
    }

    fn failed(&mut self, error: StoreError) {
        self.failing_since.get_or_insert_with(Instant::now);
        let kind = chain(&error);
        if self.trouble.contains(&kind) || self.trouble.len() == MAX_KINDS_OF_TROUBLE {
            return;
        }
        self.trouble.push(kind);
        self.shared.held().fail(error);
        self.shared.told.notify_one();
    }

    /// Waits for something, and loses what is held if its end comes first.
    async fn watching<T>(&self, what: impl Future<Output = T>) -> T {
        let mut what = pin!(what);
        loop {
            let until = self.shared.held().until();
            let end = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = end => self.end_passed(until),
                outcome = &mut what => return outcome,
            }
        }
    }

    /// The end that was waited for has come. The worker may have given everything up meanwhile.
    fn end_passed(&self, end: Option<Instant>) {
        let mut held = self.shared.held();
        if held.until() != end {
            return;
        }
        let lost = held.lose_all();
        drop(held);
        let shards = Ranges(&lost);
        match self.trouble.last() {
            Some(error) => warn!("shards {shards}: lost, since they could not be renewed: {error}"),
            None => warn!(
                "shards {shards}: lost, since they were not renewed in time: this process stood still, or the cursor database is slow"
            ),
        }
        self.shared.told.notify_one();
    }

    /// Buries the workers whose processes on this machine are gone. Whether there were any.
    async fn bury_the_dead(&mut self, neighbours: &[Neighbour]) -> bool {
        let mut any = false;
        for Neighbour { id, identity, .. } in neighbours {
            if !identity.as_deref().is_some_and(neighbour::is_dead) {
                continue;
            }
            let buried = timeout(self.timing.patience(), self.store.bury(id));
            let buried = self.watching(buried).await;
            match buried.unwrap_or_else(|_| Err(no_answer(self.timing.patience()))) {
                Ok(()) => {
                    info!(
                        "worker {}: its process on this machine has ended, and so have its leases",
                        self.crowd.name(id)
                    );
                    any = true;
                }
                Err(error) => self.failed(error),
            }
        }
        any
    }

    fn say(&self, changes: &Changes, beaten: &Beaten) {
        let (share, workers) = (beaten.share, beaten.workers);
        if !changes.lost.is_empty() {
            let shards = Ranges(&changes.lost);
            warn!(
                "shards {shards}: lost, another worker has acquired them, or an operator moved them"
            );
        }
        let mut by_former: BTreeMap<Option<&WorkerId>, Vec<ShardNumber>> = BTreeMap::new();
        for Acquired { lease, from, .. } in &changes.acquired {
            by_former.entry(from.as_ref()).or_default().push(lease.shard);
        }
        for (former, mut shards) in by_former {
            shards.sort();
            let shards = Ranges(&shards);
            match former {
                None => info!(share, workers, "shards {shards}: acquired, nobody held them"),
                Some(id) if *id == self.facts.id => {
                    info!(share, workers, "shards {shards}: acquired anew, they had been dropped");
                }
                Some(id) => {
                    info!(
                        share,
                        workers,
                        "shards {shards}: taken over from worker {}, whose lease has ended",
                        self.crowd.name(id)
                    );
                }
            }
        }
    }
}

/// A little less, so that workers that began together do not ask together for ever.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(1.0 - 0.2 * random::fraction())
}

fn rounded(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_millis(
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
    ))
}
