//! How a subscription and its workers are doing.
//!
//! # Layout
//!
//! - [`shard`]: how a shard is doing

mod shard;

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

use super::{Cursors, CursorsError, KeptCursor};
use crate::lease::ranges::Ranges;
use crate::schedule::failures::chain;
use crate::shard::ShardNumber;
use crate::store::orders::Resharding;
use crate::store::shards::{WorkerId, WorkerRow};
use crate::worker::{WorkerReport, seconds};

pub use shard::{PausedShard, ShardStatus};

/// How a subscription and its workers are doing: what the database says at one moment, and the
/// workers said at their last signs of life. Times are the database's.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The group.
    pub group: String,
    /// The feed's `atom:id`.
    pub feed: String,
    /// Where the feed was read last, without name and password.
    pub url: String,
    /// The life of the feed in which positions count; `None` for a document of other software,
    /// where they count the entries handled.
    pub incarnation: Option<String>,
    /// When the subscription began.
    #[serde(serialize_with = "rfc3339")]
    pub begun: DateTime<Utc>,
    /// The newest position of the feed: the highest that a living worker knows, or what the feed
    /// says if none does. `None` if nobody knows.
    pub head: Option<u64>,
    /// The position up to which every shard has come.
    pub cursor: u64,
    /// How many positions there are behind the cursor; `None` if the head is not known.
    pub lag_events: Option<u64>,
    /// How old the oldest event is that is not handled or set aside, in seconds: 0 if there is
    /// nothing behind the cursor. Where workers do not say that, for how long the cursor has stood
    /// still with something behind it; one that its worker has seen with nothing behind it counts
    /// from then. [`lag_since`](Self::lag_since) says which. `None` if the head is not known.
    pub lag_seconds: Option<f64>,
    /// Since when `lag_seconds` counts; `None` if the head is not known, or nothing is behind.
    pub lag_since: Option<LagSince>,
    /// How many events all living workers handle or pass over a second, over the last five
    /// seconds.
    pub rate: f64,
    /// Another number of shards that is on its way, if one was asked for.
    pub reshard: Option<ReshardStatus>,
    /// How many of its subjects wait behind a parked event; parked events without a subject count by
    /// themselves.
    pub parked: u64,
    /// Why the head is not known.
    #[serde(serialize_with = "in_a_line")]
    pub problem: Option<CursorsError>,
    /// The workers that hold shards, or were heard of within a day and did not end well; the
    /// oldest first.
    pub workers: Vec<WorkerStatus>,
    /// All shards, by their numbers; none before workers of this version have begun.
    pub shards: Vec<ShardStatus>,
    /// When this was so; not known of a subscription without shards.
    #[serde(skip)]
    now: Option<DateTime<Utc>>,
}

/// Since when the lag of a subscription counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LagSince {
    /// Since the feed accepted the oldest event that is not handled, by the clocks of the feed and
    /// of the cursor database.
    Accepted,
    /// Since the cursor last moved, or was seen with nothing behind it.
    Moved,
}

/// How far another number of shards is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReshardStatus {
    /// How many shards there are to be.
    pub to: u16,
    /// The position at which they are cut anew; `None` as long as workers give them back.
    pub barrier: Option<u64>,
    /// How many of the present shards are to be given back, or to come to the barrier.
    pub to_go: u16,
}

/// How a worker is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WorkerStatus {
    /// Its machine.
    pub host: String,
    /// Its process on that machine.
    pub process: u32,
    /// Its name in the database: random, new at each start.
    pub worker: String,
    /// When it began.
    #[serde(serialize_with = "rfc3339")]
    pub started: DateTime<Utc>,
    /// How many seconds ago it was last heard of.
    pub silent_seconds: f64,
    /// Whether it was heard of within its lease. One that was not has stopped, or cannot reach
    /// the database; its shards go to the others.
    pub is_alive: bool,
    /// How many times its share of the shards it takes.
    pub weight: u16,
    /// At most so many events of a shard are handled beyond its cursor.
    pub window: u32,
    /// The shards that it holds, whether or not its leases have ended.
    pub shards: Vec<u16>,
    /// What it says about its work.
    pub report: WorkerReport,
    /// Why what it says is not understood, and the report is empty.
    pub report_problem: Option<String>,
}

impl Cursors {
    /// How the subscription of a cursor is doing. A feed of whose head no living worker knows is
    /// asked where it ends, which takes ten seconds at most; that it does not say is no error, but
    /// [`Status::problem`].
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn status(&self, cursor: &KeptCursor) -> Result<Status, CursorsError> {
        let workers = self.store.workers(&cursor.kept.subscription).await?;
        let mut status = Status::new(cursor, &workers);
        let shards: Vec<_> = cursor.shards.iter().map(|shard| shard.lease.shard).collect();
        let parked = self.store.heads(&cursor.kept.subscription, &shards).await?.len();
        status.parked = u64::try_from(parked).unwrap_or(u64::MAX);
        if !status.shards.is_empty() {
            status.reshard = ReshardStatus::of(self.resharding(cursor).await?);
        }
        if status.head.is_none() && cursor.incarnation().is_some() {
            match cursor.behind().await {
                Ok(behind) => status.set_head(status.cursor.saturating_add(behind)),
                Err(error) => status.problem = Some(error),
            }
        }
        Ok(status)
    }
}

impl Status {
    fn new(cursor: &KeptCursor, rows: &[WorkerRow]) -> Self {
        let mut workers: Vec<_> = rows.iter().map(WorkerStatus::new).collect();
        let names: HashMap<&WorkerId, String> =
            rows.iter().map(|row| (&row.facts.id, row.facts.name())).collect();
        let mut shards: Vec<_> =
            cursor.shards.iter().map(|shard| ShardStatus::new(shard, &names)).collect();
        for worker in &mut workers {
            let mine = |it: &&mut ShardStatus| it.worker.as_ref() == Some(&worker.worker);
            for shard in shards.iter_mut().filter(mine) {
                worker.shards.push(shard.shard);
                let retrying = worker.report.retrying.iter().find(|it| it.shard == shard.shard);
                shard.retrying = retrying.filter(|_| worker.is_alive).cloned();
                let resting = worker.report.resting.iter().find(|it| it.shard == shard.shard);
                shard.resting = resting.filter(|_| worker.is_alive).cloned();
            }
        }
        let alive = || workers.iter().filter(|worker| worker.is_alive);
        let head = alive().filter_map(|worker| worker.report.head).max();
        let mut status = Self {
            group: cursor.group().to_owned(),
            feed: cursor.feed().to_owned(),
            url: cursor.url().to_owned(),
            incarnation: cursor.incarnation().map(ToString::to_string),
            begun: cursor.begun(),
            head: None,
            cursor: cursor.position().get(),
            lag_events: None,
            lag_seconds: None,
            lag_since: None,
            parked: 0,
            rate: alive().map(|worker| worker.report.rate).sum(),
            reshard: None,
            problem: None,
            now: cursor.now(),
            workers,
            shards,
        };
        if let Some(head) = head {
            status.set_head(head.max(status.cursor));
        }
        status
    }

    /// The numbers of shards, in their order, as people read them: `0-20, 63`.
    #[must_use]
    pub fn ranges(shards: &[u16]) -> String {
        let shards: Vec<_> = shards.iter().copied().map(ShardNumber::new).collect();
        Ranges(&shards).to_string()
    }

    fn set_head(&mut self, head: u64) {
        self.head = Some(head);
        self.lag_events = Some(head.saturating_sub(self.cursor));
        (self.lag_seconds, self.lag_since) = if head <= self.cursor {
            (Some(0.0), None)
        } else if let Some(age) = self.age_of_next(head) {
            (Some(age), Some(LagSince::Accepted))
        } else {
            let lowest = self.shards.iter().filter(|shard| shard.position == self.cursor);
            let still = lowest.map(|shard| self.still(shard)).max_by(f64::total_cmp);
            (still, still.map(|_| LagSince::Moved))
        };
    }

    /// How old the oldest event is that is not handled; 0 if workers know that none is left. `None`
    /// if the workers do not know, or nobody has the shard of it.
    fn age_of_next(&self, head: u64) -> Option<f64> {
        let now = self.now?;
        let mut oldest = None;
        for shard in self.shards.iter().filter(|shard| shard.position < head) {
            let holder = self.holder(shard).filter(|it| it.is_alive && it.report.next_is_known)?;
            if let Some(updated) = &holder.report.next_updated {
                let updated = DateTime::parse_from_rfc3339(updated).ok()?.to_utc();
                oldest = oldest.into_iter().chain([updated]).min();
            }
        }
        let age = oldest.map(|oldest| (now - oldest).to_std().unwrap_or_default());
        Some(age.map_or(0.0, seconds))
    }

    fn holder(&self, shard: &ShardStatus) -> Option<&WorkerStatus> {
        self.workers.iter().find(|worker| Some(&worker.worker) == shard.worker.as_ref())
    }

    /// For how long a shard that is behind has stood still.
    fn still(&self, shard: &ShardStatus) -> f64 {
        let busy = self.holder(shard).filter(|it| it.is_alive).and_then(|worker| {
            worker.report.busy_seconds.map(|seconds| seconds + worker.silent_seconds)
        });
        busy.map_or(shard.still_seconds, |busy| busy.min(shard.still_seconds))
    }
}

impl ReshardStatus {
    fn of(resharding: Resharding) -> Option<Self> {
        match resharding {
            Resharding::Done(_) => None,
            Resharding::Drain { to, held } => {
                Some(Self { to: to.get(), barrier: None, to_go: held })
            }
            Resharding::Reach { to, barrier, short } => {
                Some(Self { to: to.get(), barrier: Some(barrier.get()), to_go: short })
            }
        }
    }
}

impl WorkerStatus {
    fn new(row: &WorkerRow) -> Self {
        let WorkerRow { facts, started, silent, is_alive, report, .. } = row;
        let (report, report_problem) = match serde_json::from_str(report) {
            Ok(report) => (report, None),
            Err(error) => (WorkerReport::default(), Some(error.to_string())),
        };
        Self {
            host: facts.host.clone(),
            process: facts.process,
            worker: facts.id.to_string(),
            started: *started,
            silent_seconds: seconds(*silent),
            is_alive: *is_alive,
            weight: facts.weight,
            window: facts.window,
            shards: Vec::new(),
            report,
            report_problem,
        }
    }

    /// How people call it, and the log: `host:process`.
    #[must_use]
    pub fn name(&self) -> String {
        crate::store::shards::worker_name(&self.host, self.process)
    }
}

fn rfc3339<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn in_a_line<S: Serializer>(
    error: &Option<CursorsError>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match error {
        Some(error) => serializer.serialize_some(&chain(error)),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests;
