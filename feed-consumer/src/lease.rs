//! What keeps a worker's leases on its shards.
//!
//! 1. *Is it needed for correctness?* That no two workers handle the events of one subject at the
//!    same time rests on it. That cursors and transactional handlers never go wrong does not: every
//!    write to a shard is conditional on its token, whatever a holder believes.
//! 2. *Where is it held?* In the row of the shard, beside token and cursor, until a time by the
//!    database's clock. A worker works under an end of its own: by its monotonic clock, counted
//!    from before the renewal was sent, and earlier by a [margin](Timing::margin).
//! 3. *When is it free?* When its holder gives it back, between two events; or when it has ended,
//!    one [lease](LeaseSettings::lease) after the last renewal.
//! 4. *What if the holder dies?* Its leases end by themselves, or at once where another worker on
//!    the same machine sees that the process is gone ([`neighbour`]). They count as not given back,
//!    so that the next holder looks at what may have killed it. A holder that was only stopped finds
//!    another token in the row when it comes back, and drops what it has in hand.
//!
//! # Layout
//!
//! - [`held`]: what is held, until when, and what the worker has not been told yet
//! - [`keeper`]: the task that renews, acquires, and notices losses
//! - [`crowd`]: the other workers, as far as they are worth a line in the log
//! - [`neighbour`]: whether another process on this machine still lives
//! - [`ranges`]: the numbers of shards, as people read them

mod crowd;
mod held;
mod keeper;
#[cfg(test)]
mod model;
pub(crate) mod neighbour;
pub(crate) mod ranges;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use feed_protocol::Position;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tracing::{Instrument, info};

use self::held::Shared;
use self::keeper::Keeper;
use self::ranges::Ranges;
use crate::shard::ShardNumber;
use crate::store::orders::Orders;
use crate::store::shards::{Acquired, ShardStore, WorkerFacts};
use crate::store::{StoreError, Subscription};

/// How long the end may take: for the beat that is under way, and again for giving shards back.
const END_TIMEOUT: Duration = Duration::from_secs(3);

/// How leases are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeaseSettings {
    /// How long a lease lasts after each renewal, and so how long the shards of a worker that died
    /// stand still: [`LeaseSettings::SHORTEST`] or more.
    pub(crate) lease: Duration,
}

impl LeaseSettings {
    /// A shorter lease would be lost to an ordinary pause of a machine or a database.
    pub(crate) const SHORTEST: Duration = Duration::from_secs(1);
}

impl Default for LeaseSettings {
    /// 15 seconds.
    fn default() -> Self {
        Self { lease: Duration::from_secs(15) }
    }
}

/// What follows from the length of a lease.
#[derive(Debug, Clone, Copy)]
struct Timing {
    lease: Duration,
}

impl Timing {
    /// How much sooner than the database a holder takes a lease as ended: a fifth of it. It covers
    /// what is under way when the end comes, and clocks that do not run alike.
    fn margin(self) -> Duration {
        self.lease / 5
    }

    /// How long after a beat was sent its leases may be worked under.
    fn usable(self) -> Duration {
        self.lease - self.margin()
    }

    /// How long an answer may take. A connection that hangs leaves time for another try.
    fn patience(self) -> Duration {
        self.usable() / 2
    }

    /// From one beat to the next, at the longest.
    fn period(self) -> Duration {
        (self.lease / 10).clamp(Duration::from_millis(200), Duration::from_millis(800))
    }

    /// To the next beat while this worker waits for shards that others are to give back.
    fn soon(self) -> Duration {
        self.period() / 4
    }
}

/// Keeps the leases of one worker of one subscription, in a task of its own, so that handlers that
/// keep the worker busy do not cost it its shards.
///
/// What it has to say waits until the worker asks ([`Leases::next`]), and is put together
/// meanwhile: a shard that came and went in between is not spoken of.
#[derive(Debug)]
pub(crate) struct Leases {
    store: Arc<dyn ShardStore>,
    facts: WorkerFacts,
    shared: Arc<Shared>,
    /// `None` once it is to end.
    task: Option<JoinHandle<()>>,
}

/// What has changed.
#[derive(Debug)]
pub(crate) enum LeaseNews {
    /// These are held now, each to be begun at its place. One that was held before under another
    /// token was told as lost first.
    Acquired(Vec<Acquired>),
    /// These are not held any more: another worker has them, or they were not renewed in time. What
    /// is in hand of them is to be dropped; they need not be reported as [gone](Leases::gone).
    Lost(Vec<ShardNumber>),
    /// So many more are held than the worker's share: give that many back. Those that are on their
    /// way back already are among them; it is said at every beat for as long as it is so.
    Surplus(u16),
    /// A beat failed. Said once for each kind of trouble until a beat succeeds; the task goes on
    /// trying.
    Trouble(StoreError),
    /// A beat brought nothing new (lets a worker look again whether all is done).
    Beat,
}

impl Leases {
    /// Starts the task, which registers the worker with its first beat, at once. A beat that fails
    /// is [`LeaseNews::Trouble`], and for how long that is borne is the caller's affair.
    pub(crate) fn start(
        store: Arc<dyn ShardStore>,
        subscription: Subscription,
        facts: WorkerFacts,
        lease: Duration,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let keeper = Keeper::new(
            Arc::clone(&store),
            subscription,
            facts.clone(),
            Timing { lease },
            Arc::clone(&shared),
        );
        let task = tokio::spawn(keeper.run().in_current_span());
        Self { store, facts, shared, task: Some(task) }
    }

    /// What has changed; cancel safe. Never ends by itself.
    pub(crate) async fn next(&mut self) -> LeaseNews {
        loop {
            if let Some(news) = self.shared.held().take_news() {
                return news;
            }
            self.shared.told.notified().await;
        }
    }

    /// Until when what is held may be worked on; `None` while nothing is held. Cheap: read at
    /// every portion. It does not move on while a loss waits to be told.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.shared.held().deadline()
    }

    /// The worker no longer holds these: it has given them back, or dropped them. Called after they
    /// were given back in the database, and before the next [`Leases::next`]. What was dropped
    /// only is acquired anew at the next beat, under another token.
    pub(crate) fn gone(&mut self, shards: &[ShardNumber]) {
        let mut held = self.shared.held();
        let surplus = held.surplus();
        let gone = held.give_up(shards);
        if gone.is_empty() {
            return;
        }
        let (left, share) = (held.count(), held.share());
        drop(held);
        let shards = Ranges(&gone);
        if surplus > 0 {
            info!(
                left,
                share, "shards {shards}: given back, more were held than this worker's share"
            );
        } else {
            info!(left, share, "shards {shards}: let go of");
        }
    }

    /// What status shall say at the next beat (JSON text).
    pub(crate) fn report(&mut self, report: String) {
        self.shared.held().report = report;
    }

    /// From now on no shards are acquired any more, nor told of: the worker is about to end. One
    /// that a beat acquires at this moment is given back by [`Leases::leave`].
    pub(crate) fn stop_acquiring(&mut self) {
        self.shared.held().stop_acquiring();
    }

    /// Ends the task, gives back everything still held and forgets the worker, within some seconds.
    /// After an error the leases end by themselves. On Drop, the same is tried in the background.
    pub(crate) async fn leave(mut self) -> Result<(), StoreError> {
        match self.task.take() {
            Some(task) => self.end(task).await,
            None => Ok(()),
        }
    }

    /// Ends as a process does that dies: nothing is given back.
    #[cfg(test)]
    fn die(mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }

    fn end(
        &self,
        mut task: JoinHandle<()>,
    ) -> impl Future<Output = Result<(), StoreError>> + use<> {
        let (store, id) = (Arc::clone(&self.store), self.facts.id.clone());
        let shared = Arc::clone(&self.shared);
        shared.held().stop_acquiring();
        shared.stop.notify_one();
        async move {
            // A beat that is under way is waited for, since it would register the worker again.
            if timeout(END_TIMEOUT, &mut task).await.is_err() {
                task.abort();
            }
            let left = timeout(END_TIMEOUT, store.leave(&id)).await;
            let left = left.unwrap_or_else(|_| Err(no_answer(END_TIMEOUT)));
            let given_back = shared.held().give_up_all();
            match &left {
                Ok(()) if given_back.is_empty() => info!("the worker has left"),
                Ok(()) => info!("shards {}: given back, the worker has left", Ranges(&given_back)),
                // The caller says so.
                Err(_) => {}
            }
            left
        }
    }

    /// Whether a beat has been answered.
    pub(crate) fn has_beaten(&self) -> bool {
        self.shared.held().has_beaten
    }

    /// What is ordered for the subscription, as the last beat told it; `None` before the first.
    pub(crate) fn orders(&self) -> Option<Orders> {
        self.shared.held().orders.clone()
    }

    /// The lowest cursor of shards that others hold or nobody holds, at the last beat; `None` if
    /// this worker held all of them.
    pub(crate) fn others_lowest(&self) -> Option<Position> {
        self.shared.held().others_lowest
    }
}

/// Whatever was in hand has been dropped with the worker: its shards are free.
impl Drop for Leases {
    fn drop(&mut self) {
        let Some(task) = self.task.take() else { return };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(self.end(task).in_current_span())),
            Err(_) => task.abort(),
        }
    }
}

/// The database was asked, and is silent.
fn no_answer(within: Duration) -> StoreError {
    let what = format!("no answer within {}", humantime::format_duration(within));
    StoreError::Unavailable(std::io::Error::new(std::io::ErrorKind::TimedOut, what).into())
}
