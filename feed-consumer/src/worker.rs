//! Handles the events of the shards that it holds, and moves their cursors behind them.
//!
//! Everything happens in one task, one step after the other; only handlers go on beside it, each
//! with events of shards of its own. What waits, what is in hand and what is done of a shard is its
//! lane. A step that fails because the database is away is tried again until the leases end; then
//! whatever was in hand is dropped, since another worker may have it.
//!
//! # Layout
//!
//! - [`task`]: what it works on, and how
//! - [`lane`]: what it has of one shard
//! - [`lanes`]: all shards, and whose turn it is
//! - [`feeding`]: who reads for which shard
//! - [`listening`]: what readers say
//! - [`holding`]: which shards it holds
//! - [`obeying`]: what people order for all of its shards, or some
//! - [`handling`]: events are taken in hand, and what becomes of them
//! - [`failing`]: what becomes of those that were not handled
//! - [`suspicion`]: what may have ended another worker is handled alone
//! - [`outage`]: when most events fail
//! - [`parking`]: events that are set aside, and what becomes of them
//! - [`reviving`]: they are taken up again
//! - [`repairing`]: a repair hook is asked about them
//! - [`requests`]: what people ask to be done with them
//! - [`shelf`]: what is parked of a shard
//! - [`storing`]: cursors move, and shards are given back
//! - [`pending`]: events that wait to be handled together
//! - [`report`]: what it says about its work, for `status`
//! - [`progress`]: how far a subscription is, and how it ended
//! - [`error`]: why it ended before its time
//! - [`shutdown`]: when to end, and when at the latest

mod error;
mod failing;
mod feeding;
mod handling;
mod holding;
mod lane;
mod lanes;
mod listening;
mod obeying;
mod outage;
mod parking;
mod pending;
mod progress;
mod repairing;
mod report;
mod requests;
mod reviving;
mod shelf;
mod shutdown;
mod storing;
mod suspicion;
mod task;

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::future::{FusedFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use self::feeding::Feeding;
use self::handling::Done;
use self::lanes::Lanes;
use self::outage::Outcomes;
use self::repairing::Repairing;
use self::report::Reporting;
use self::storing::Storing;
use self::suspicion::Hall;
use crate::handler::Work;
use crate::handler::once::Noting;
use crate::lease::Leases;
use crate::reading::feed::FeedNews;
use crate::reading::{News, ReadingEnded};
use crate::schedule::failures::Failures;
use crate::shard::ShardCount;
use crate::store::{CursorStore, Subscription};

pub(crate) use self::pending::Batching;

pub use error::ConsumerError;
pub use parking::{InvalidOnExhausted, OnExhausted};
pub use progress::{Ended, Progress, Summary};
pub(crate) use report::seconds;
pub use report::{ReadingFailure, RestReason, Resting, Retrying, WorkerReport};
pub(crate) use shutdown::Shutdown;
pub(crate) use task::{Manner, Task};

/// What a worker hears of a reader.
pub(crate) type NewsReceiver = mpsc::Receiver<Result<News<FeedNews>, ReadingEnded>>;

/// How many portions are begun before the worker looks at anything else.
const BURST: usize = 256;

/// Handles the events of one subscription.
#[derive(Debug)]
pub(crate) struct Worker<'a, W: Work, S> {
    work: &'a W,
    transactions: Arc<W::Transactions>,
    manner: Manner,
    until_idle: bool,
    store: Arc<dyn CursorStore>,
    subscription: Subscription,
    /// Where handlers note what they have done once.
    noting: Option<Arc<Noting>>,
    shards: ShardCount,
    leases: Leases,
    /// Failures of the database to hear of us.
    unheard: Failures,
    lanes: Lanes,
    feeding: Feeding,
    /// Why reading has ended: all that waits is handled before that is said.
    reading_ended: Option<ReadingEnded>,
    /// Since when events wait to be handled together.
    waiting_since: Option<Instant>,
    /// What became of events of late.
    outcomes: Outcomes,
    hall: Hall,
    /// An event is in hand beside which there must be nothing.
    is_alone_in_hand: bool,
    /// Portions that were done while the worker waited for something else.
    finished: VecDeque<Done>,
    storing: Storing,
    repairing: Option<Repairing>,
    reporting: Reporting,
    now: Progress,
    progress: watch::Sender<Progress>,
    shutdown: Shutdown<'a, S>,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    End(Ended),
}

impl<'a, W, S> Worker<'a, W, S>
where
    W: Work,
    S: FusedFuture<Output = ()>,
{
    /// A worker that has no shards yet.
    pub(crate) fn new(
        work: &'a W,
        transactions: Arc<W::Transactions>,
        task: Task,
        manner: Manner,
        progress: watch::Sender<Progress>,
        shutdown: Shutdown<'a, S>,
    ) -> Self {
        let Task { store, subscription, shards, leases, sources, pace, now } = task;
        let (patience, window) = (manner.patience, manner.window.events);
        progress.send_replace(now);
        let noting = Noting { store: Arc::clone(&store), subscription: subscription.clone() };
        let repairing = manner.repair.clone().map(|repair| {
            Repairing::start(repair, Arc::clone(&store), subscription.clone(), patience)
        });
        Self {
            work,
            transactions,
            manner,
            until_idle: pace.until_idle,
            store,
            subscription,
            noting: (!W::IS_TRANSACTIONAL).then(|| Arc::new(noting)),
            shards,
            leases,
            unheard: Failures::new(patience),
            lanes: Lanes::new(shards, window),
            reporting: Reporting::new(&pace),
            feeding: Feeding::new(sources, pace),
            reading_ended: None,
            waiting_since: None,
            outcomes: Outcomes::default(),
            hall: Hall::of_process(),
            is_alone_in_hand: false,
            finished: VecDeque::new(),
            storing: Storing::new(patience),
            repairing,
            now,
            progress,
            shutdown,
        }
    }

    /// Handles what readers find until there is no more of it, or the shutdown.
    ///
    /// Whatever has been handled when it ends, by an error too, cursors have moved past, and the
    /// shards are given back.
    pub(crate) async fn run(mut self) -> Result<Summary, ConsumerError> {
        let mut flight = FuturesUnordered::new();
        let (work, transactions) = (self.work, Arc::clone(&self.transactions));
        let hall = self.hall.clone();
        let begin =
            |started| handling::carry_out(work, Arc::clone(&transactions), hall.clone(), started);
        let ended = self.work_on(&mut flight, begin).await;
        self.leases.stop_acquiring();
        self.finish_in_hand(&mut flight).await;
        let stored = match &ended {
            // What cannot be flushed is not handled, and what cannot be stored was tried already.
            Err(ConsumerError::Flush { .. } | ConsumerError::Store(_)) => Ok(Next::GoOn),
            _ => self.store_last(&mut flight).await,
        };
        let position = self.lanes.iter().map(|lane| lane.stored.position).min();
        let position = position.unwrap_or(self.now.position);
        let parked: usize = self.lanes.iter().map(|lane| lane.shelf.len()).sum();
        if parked > 0 {
            warn!(parked, "events are parked: see `feed-consumer parked list`");
        }
        if let Some(repairing) = self.repairing.take() {
            repairing.end().await;
        }
        // Tells the others at once; otherwise they find out when the leases end.
        if let Err(error) = self.leases.leave().await {
            warn!(
                "the shards could not be given back, and are free when their leases end: {error}"
            );
        }
        let ended = match (ended?, stored?) {
            (ended, Next::GoOn) => ended,
            (_, Next::End(closed)) => closed,
        };
        let Progress { handled, passed_over, .. } = self.now;
        Ok(Summary { handled, passed_over, position, ended })
    }

    /// Stores what was done, at the end.
    async fn store_last<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
    ) -> Result<Next, ConsumerError> {
        match self.store(flight).await? {
            Next::GoOn => self.clear_suspects(flight).await,
            end @ Next::End(_) => Ok(end),
        }
    }

    async fn work_on<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
        begin: impl Fn(handling::Started) -> F,
    ) -> Result<Ended, ConsumerError> {
        loop {
            let mut begun = 0;
            while begun < BURST && flight.len() < self.manner.concurrency {
                while let Some(done) = self.finished.pop_front() {
                    if let Next::End(ended) = self.finish(flight, done).await? {
                        return Ok(ended);
                    }
                }
                // A handler that never waits, and a reader that is always ahead, leave no other
                // moment.
                if self.shutdown.has_begun() {
                    return Ok(Ended::Shutdown);
                }
                if self.storing.is_due(self.manner.window)
                    && let Next::End(ended) = self.store(flight).await?
                {
                    return Ok(ended);
                }
                let Some(started) = self.start(flight.is_empty()) else { break };
                begun += 1;
                if let Some(started) = started {
                    flight.push(begin(started));
                    // A handler that does not wait is done at once.
                    self.finished.extend(flight.next().now_or_never().flatten());
                }
            }
            if !self.finished.is_empty() {
                continue;
            }
            if let Next::End(ended) = self.look_around(flight).await? {
                return Ok(ended);
            }
            let is_quiet =
                begun < BURST && flight.is_empty() && !self.feeding.has_news(&self.lanes);
            if is_quiet
                && self.storing.is_unflushed
                && let Next::End(ended) = self.flush(flight).await?
            {
                return Ok(ended);
            }
            self.tell();
            let (batch, rest) = (self.batch_deadline(), self.lanes.rest_ends());
            let is_free = flight.len() < self.manner.concurrency;
            let revival = self.revival_due().filter(|_| is_free && !self.waits_to_be_alone(flight));
            tokio::select! {
                biased;
                () = self.shutdown.begins() => return Ok(Ended::Shutdown),
                () = until(self.leases.deadline()) => self.lose_all(),
                news = self.leases.next() => {
                    if let Next::End(ended) = self.hear_of_leases(flight, news).await? {
                        return Ok(ended);
                    }
                }
                Some(done) = flight.next() => self.finished.push_back(done),
                said = self.feeding.next(&self.lanes), if self.reading_ended.is_none() => {
                    self.hear(said);
                }
                () = until(self.storing.deadline(self.manner.window)) => {
                    if let Next::End(ended) = self.store(flight).await? {
                        return Ok(ended);
                    }
                }
                () = until(rest) => self.lanes.wake(),
                () = until(batch) => {}
                () = until(revival) => {}
                () = std::future::ready(()), if begun == BURST => {}
            }
        }
    }

    /// What has to be seen to when no more events can be begun.
    async fn look_around<F: Future<Output = Done>>(
        &mut self,
        flight: &mut FuturesUnordered<F>,
    ) -> Result<Next, ConsumerError> {
        if self.lanes.iter().any(|lane| lane.is_leaving && lane.in_hand.is_none())
            && let end @ Next::End(_) = self.give_back(flight).await?
        {
            return Ok(end);
        }
        if let end @ Next::End(_) = self.clear_suspects(flight).await? {
            return Ok(end);
        }
        self.feeding.regulate(&mut self.lanes);
        let is_at_rest = flight.is_empty() && !self.lanes.is_ready();
        if is_at_rest && self.feeding.is_held_up(&self.lanes) {
            self.lanes.make_room();
        }
        // What is parked may wait for long; those that waited behind it are due at once.
        let is_reviving = self.revival_due().is_some_and(|due| due <= Instant::now());
        let is_all_done = is_at_rest && !is_reviving && self.lanes.waiting() == 0;
        // What a shard that pauses waits for may never come, and nothing is read meanwhile.
        let is_going_on = self.lanes.iter().any(|lane| lane.len() > 0 && !lane.pauses());
        if is_at_rest
            && !is_reviving
            && !is_going_on
            && let Some(ended) = self.reading_ended.take()
        {
            return Err(ended.into());
        }
        if is_all_done && self.until_idle && !self.waits_for_repair() && self.is_group_idle() {
            return Ok(Next::End(Ended::Idle));
        }
        Ok(Next::GoOn)
    }

    /// Whether all that the feed holds is handled, by this worker and all others.
    fn is_group_idle(&self) -> bool {
        let is_fed = |lane: &lane::Lane| lane.fed_by != feeding::FedBy::Nobody;
        let others = self.leases.others_lowest();
        // How much a document holds that another worker gathers, one without shards cannot tell.
        if self.feeding.reads_document() && self.lanes.is_empty() {
            return false;
        }
        // The front of a worker that holds no shards is not read: then it was when it began.
        let head = self.feeding.through().unwrap_or(self.now.head);
        self.leases.has_beaten()
            && self.feeding.is_idle()
            && self.lanes.iter().all(is_fed)
            && match others {
                Some(lowest) => lowest >= head,
                None => self.lanes.iter().count() == usize::from(self.shards.get()),
            }
    }

    /// Tells how far it is.
    fn tell(&mut self) {
        if let Some(position) = self.lanes.iter().map(lane::Lane::passed).min() {
            self.now.position = position;
            self.now.head = self.now.head.max(position);
        }
        let now = self.now;
        self.progress.send_if_modified(|told| std::mem::replace(told, now) != now);
    }
}

/// The moment, or never.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
