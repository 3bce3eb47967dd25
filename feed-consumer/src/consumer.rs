//! A subscription from its settings to its end.
//!
//! # Layout
//!
//! - [`builder`]: the settings
//! - [`start`]: where a subscription begins, or goes on
//! - [`on`]: handlers by the types of events
//! - [`beginning`]: what stands at the address, and where the subscription stands in it
//! - [`cursors`]: the cursors of a database, to look at and to move by hand
//! - [`parked`]: the parked events of a subscription, to look at and to have something done about

mod beginning;
mod builder;
mod cursors;
mod on;
mod parked;
mod start;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::FusedFuture;
use tokio::sync::watch;
use tracing::warn;
use url::Url;

use self::beginning::{Beginning, Begun};
use crate::handler::Work;
use crate::lease::{Leases, neighbour};
use crate::random;
use crate::reading::document::settings::DocumentSettings;
use crate::reading::{Pace, client::Client};
use crate::schedule::failures::Failures;
use crate::shard::ShardCount;
use crate::store::location::{Location, Opened};
use crate::store::shards::{ShardStore, WorkerFacts, WorkerId};
use crate::store::{CursorStore, StoreError};
use crate::worker::{ConsumerError, Ended, Manner, Progress, Shutdown, Summary, Task, Worker};

pub(crate) use builder::parse_url;
pub use builder::{ConfigError, ConsumerBuilder};
pub use cursors::{
    Cursors, CursorsError, KeptCursor, LagSince, PausedShard, PlannedMove, ReshardStatus,
    Resharding, ShardStatus, Status, WorkerStatus,
};
pub use parked::{Asked, Outcome, ParkedError, ParkedEvents};
pub use start::{InvalidStart, Start};

/// A subscription that is ready to run.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use feed_consumer::Consumer;
///
/// let consumer = Consumer::builder("http://127.0.0.1:3000/feeds/orders")
///     .group("billing")
///     .database("billing.db")
///     .on_any(async |event, cx| {
///         println!("{} {}", cx.position(), event.event.event_type());
///         Ok(())
///     })
///     .build()?;
/// let shutdown = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
/// let summary = consumer.run(shutdown).await?;
/// println!("handled {} events", summary.handled);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Consumer<H> {
    client: Client,
    /// The feed's address, without name and password.
    url: Url,
    group: String,
    database: Location,
    start: Start,
    pace: Pace,
    documents: DocumentSettings,
    shards: Option<ShardCount>,
    workers: u16,
    lease: Duration,
    /// How an event is tried, if that was said.
    manner: Manner,
    grace: Duration,
    handler: H,
    progress: watch::Sender<Progress>,
}

impl Consumer<()> {
    /// The settings of a subscription to the feed at this address, its current document.
    pub fn builder(url: impl Into<String>) -> ConsumerBuilder<()> {
        ConsumerBuilder::new(url.into())
    }
}

impl<H> Consumer<H> {
    /// The feed's address, without name and password.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Tells how far the subscription is, while it runs and after it has ended.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }
}

impl<H: Work> Consumer<H> {
    /// Reads and handles events until there are no more (if [`until_idle`] is set), or `shutdown`
    /// ends. Then the event in hand is finished, within the [`grace`] period, and the cursor
    /// moved past everything that was handled.
    ///
    /// A feed that cannot be read is asked again and again: see [`give_up_after`]. An event that
    /// cannot be handled is parked: see [`on_exhausted`].
    ///
    /// [`until_idle`]: ConsumerBuilder::until_idle
    /// [`grace`]: ConsumerBuilder::grace
    /// [`on_exhausted`]: ConsumerBuilder::on_exhausted
    /// [`give_up_after`]: ConsumerBuilder::give_up_after
    ///
    /// # Errors
    ///
    /// When the subscription cannot go on. The cursor stands before everything that was neither
    /// handled nor parked, and to run again goes on from there.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<Summary, ConsumerError> {
        let opened = self.database.open().await?;
        let ended = self.run_with(&opened, shutdown).await;
        opened.cursors().close().await;
        ended
    }

    async fn run_with(
        self,
        opened: &Opened,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Summary, ConsumerError> {
        let mut shutdown = pin!(shutdown.fuse());
        let mut wanted = self.shards;
        let mut before = Progress::default();
        loop {
            let round = self.run_round(opened, shutdown.as_mut(), wanted, before).await?;
            if round.ended != Ended::Resharded {
                return Ok(round);
            }
            // The number that was asked for at the start is not the present one any more.
            wanted = None;
            before.handled = round.handled;
            before.passed_over = round.passed_over;
        }
    }

    /// Runs until it ends, or there is another number of shards, after what was done before.
    async fn run_round<S: FusedFuture<Output = ()>>(
        &self,
        opened: &Opened,
        mut shutdown: Pin<&mut S>,
        wanted: Option<ShardCount>,
        before: Progress,
    ) -> Result<Summary, ConsumerError> {
        let store = opened.cursors();
        // Whatever a worker that was stopped has locked is free again before its leases end.
        let transactions = self.handler.transactions(opened, self.lease * 2 / 3)?;
        let beginning = Beginning {
            client: &self.client,
            url: &self.url,
            group: &self.group,
            start: self.start,
            patience: self.pace.patience,
            store: &store,
            documents: self.documents,
            shards: wanted,
        };
        let begun = tokio::select! {
            biased;
            begun = begin(&beginning) => begun?,
            () = &mut shutdown => {
                let Progress { handled, passed_over, position, .. } = before;
                return Ok(Summary { handled, passed_over, position, ended: Ended::Shutdown });
            }
        };
        let Begun { subscription, shards, position, sources, head } = begun;
        let facts = WorkerFacts {
            id: WorkerId(random::name()),
            host: neighbour::host(),
            process: std::process::id(),
            identity: neighbour::identity(),
            weight: self.workers,
            window: u32::try_from(self.manner.window.events).unwrap_or(u32::MAX),
        };
        let leases: Arc<dyn ShardStore> = Arc::<dyn CursorStore>::clone(&store);
        let leases = Leases::start(leases, subscription.clone(), facts, self.lease);
        let pace = self.pace.clone();
        let now = Progress { position, head: head.max(position), ..before };
        let task = Task { store, subscription, shards, leases, sources, pace, now };
        let shutdown = Shutdown::new(shutdown, self.grace);
        let (transactions, manner) = (Arc::new(transactions), self.manner.clone());
        let progress = self.progress.clone();
        Worker::new(&self.handler, transactions, task, manner, progress, shutdown).run().await
    }
}

/// Begins, as soon as the database is there.
async fn begin(beginning: &Beginning<'_>) -> Result<Begun, ConsumerError> {
    let mut failures = Failures::new(beginning.patience);
    loop {
        let error = match beginning.begin().await {
            Err(ConsumerError::Store(error @ StoreError::Unavailable(_))) => error,
            settled => return settled,
        };
        let failure = failures.add(&error, None);
        let Some(delay) = failure.next_try else { return Err(error.into()) };
        if failure.is_new {
            warn!("{}; trying again", failures.message());
        }
        tokio::time::sleep(delay).await;
    }
}

#[cfg(test)]
mod tests;
