//! How a subscription and its workers are doing.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

use super::{Cursors, CursorsError, KeptCursor};
use crate::lease::ranges::Ranges;
use crate::schedule::failures::chain;
use crate::shard::ShardNumber;
use crate::store::shards::{Shard, WorkerId, WorkerRow};
use crate::worker::{Retrying, WorkerReport, seconds};

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
    /// For how many seconds the cursor has stood still with something behind it, 0 if there is
    /// nothing behind it. A cursor that its worker has seen with nothing behind it counts from
    /// then. `None` if the head is not known.
    pub lag_seconds: Option<f64>,
    /// How many events all living workers handle or pass over a second, over the last five
    /// seconds.
    pub rate: f64,
    /// Why the head is not known.
    #[serde(serialize_with = "in_a_line")]
    pub problem: Option<CursorsError>,
    /// The workers that hold shards, or were heard of within a day and did not end well; the
    /// oldest first.
    pub workers: Vec<WorkerStatus>,
    /// All shards, by their numbers; none before workers of this version have begun.
    pub shards: Vec<ShardStatus>,
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

/// How a shard is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ShardStatus {
    /// Its number.
    pub shard: u16,
    /// Who holds it, as `host:process`; `None` if nobody does. A holder whose lease has ended is
    /// named until another worker takes the shard over; one that is not known any more, by its
    /// name in the database.
    pub holder: Option<String>,
    /// The holder's name in the database.
    pub worker: Option<String>,
    /// The token of its last acquisition; 0 before the first.
    pub token: u64,
    /// For how many seconds the lease still lasts unless it is renewed; `None` if it has ended, or
    /// nobody holds it.
    pub lease_seconds: Option<f64>,
    /// How far it has come.
    pub position: u64,
    /// When its cursor last moved.
    #[serde(serialize_with = "rfc3339")]
    pub moved: DateTime<Utc>,
    /// How many seconds ago that was.
    pub still_seconds: f64,
    /// The event that it waits for, if one has failed and is tried again.
    pub retrying: Option<Retrying>,
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
            rate: alive().map(|worker| worker.report.rate).sum(),
            problem: None,
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
        self.lag_seconds = if head <= self.cursor {
            Some(0.0)
        } else {
            let lowest = self.shards.iter().filter(|shard| shard.position == self.cursor);
            lowest.map(|shard| self.lag_of(shard)).max_by(f64::total_cmp)
        };
    }

    fn lag_of(&self, shard: &ShardStatus) -> f64 {
        let holder =
            self.workers.iter().find(|worker| Some(&worker.worker) == shard.worker.as_ref());
        let busy = holder.filter(|it| it.is_alive).and_then(|worker| {
            worker.report.busy_seconds.map(|seconds| seconds + worker.silent_seconds)
        });
        busy.map_or(shard.still_seconds, |busy| busy.min(shard.still_seconds))
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

impl ShardStatus {
    fn new(shard: &Shard, names: &HashMap<&WorkerId, String>) -> Self {
        let holder = shard.holder.as_ref();
        Self {
            shard: shard.lease.shard.get(),
            holder: holder.map(|id| names.get(id).unwrap_or(&id.0).clone()),
            worker: holder.map(ToString::to_string),
            token: shard.lease.token.get(),
            lease_seconds: shard.left.map(seconds),
            position: shard.place.position.get(),
            moved: shard.moved,
            still_seconds: seconds(shard.still),
            retrying: None,
        }
    }

    /// Whether a worker holds it under a lease that has not ended.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.lease_seconds.is_some()
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
