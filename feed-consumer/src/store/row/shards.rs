//! Between shards, workers and their columns.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Row;
use crate::shard::{ShardCount, ShardNumber, Token};
use crate::store::orders::{Barrier, Orders, Pause, PauseReason};
use crate::store::shards::{
    Acquired, Beaten, Lease, Move, Neighbour, Shard, ShardPlace, WorkerFacts, WorkerId, WorkerRow,
    worker_name,
};
use crate::store::suspects::{Suspects, Tried};
use crate::store::{Place, StoreError, Subscription};

/// The columns of a shard, in the order in which `shards_list.sql` names them: number, token, holder,
/// what is left of the lease, when the cursor moved and how long ago, the pause and the suspects as
/// JSON, and its place.
pub(in crate::store) type ShardColumns = (
    i64,
    i64,
    Option<String>,
    Option<i64>,
    i64,
    i64,
    Option<String>,
    String,
    i64,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<Vec<u8>>,
    Option<String>,
    Option<String>,
);

/// A neighbour, as a JSON array: id, identity, host and process.
type NeighbourColumns = (String, Option<String>, Option<String>, Option<u32>);

/// The columns of a worker, in the order in which `workers_list.sql` names them: id, host, process,
/// identity, weight, window, when it registered, how long it has been silent, whether it is alive, how
/// many shards it holds, and its report.
pub(in crate::store) type WorkerColumns =
    (String, String, i64, Option<String>, i64, i64, i64, i64, bool, i64, String);

/// A pause, as a JSON array: since when, by whom and why.
type PauseColumns = (i64, String, String);

/// Suspects, as a JSON array: how many, the event that was tried alone, and how many attempts have
/// not returned.
type SuspectsColumns = (i64, Option<i64>, i64);

/// What a sign of life brings, a row for each shard acquired, or one without: an [`Answer`] as JSON;
/// number, new token and former holder of the shard, its suspects as JSON, and its place.
pub(in crate::store) type BeatenColumns = (
    String,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<Vec<u8>>,
    Option<String>,
    Option<String>,
);

/// What a sign of life brings beside shards.
#[derive(Debug, Deserialize)]
struct Answer {
    share: u16,
    workers: u16,
    others_lowest: Option<i64>,
    neighbours: Vec<NeighbourColumns>,
    renewed: Vec<u16>,
    /// `None` if the subscription is not cut.
    shards: Option<u16>,
    paused: Vec<u16>,
    reshard_to: Option<u16>,
    barrier: Option<i64>,
    /// Whether anything was done; see `beat.sql` of PostgreSQL, which others do not have.
    #[serde(default)]
    is_done: bool,
}

/// The columns of a place, from its position on.
type PlaceColumns = (
    i64,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<Vec<u8>>,
    Option<String>,
    Option<String>,
);

/// A token as an integer of SQL, which holds every one that was ever raised.
pub(in crate::store) fn integer(token: Token) -> i64 {
    i64::try_from(token.get()).unwrap_or(i64::MAX)
}

/// A time as an integer of SQL, in microseconds.
pub(in crate::store) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// A place as one of a subscription, whose columns it shares.
pub(in crate::store) fn as_place(place: &ShardPlace) -> Place {
    let ShardPlace { position, last, validators } = place.clone();
    Place { incarnation: None, position, last, validators }
}

/// Into how many shards a subscription is cut.
pub(in crate::store) fn count(
    shards: Option<i64>,
    subscription: &Subscription,
) -> Result<ShardCount, StoreError> {
    let row = Row { table: super::TABLE, key: subscription };
    let shards = shards.ok_or_else(|| row.inconsistent("shards", "the cursor is not there"))?;
    let count = ShardCount::new(row.number("shards", shards)?);
    count.ok_or_else(|| row.inconsistent("shards", format!("{shards} is no number of shards")))
}

/// Of these moves, the shards that are not among those moved.
pub(in crate::store) fn unmoved(moves: &[Move], moved: &[i64]) -> Vec<ShardNumber> {
    let moved: HashSet<i64> = moved.iter().copied().collect();
    let shards = moves.iter().map(|it| it.lease.shard);
    shards.filter(|shard| !moved.contains(&i64::from(shard.get()))).collect()
}

/// The shard of a row of `leases_look.sql` that is to be acquired.
pub(in crate::store) fn to_acquire(columns: &BeatenColumns) -> Option<i64> {
    columns.1
}

/// Of all workers, those that hold a lease that has not ended, by their ids.
pub(in crate::store) fn living(
    holders: &[String],
    workers: Vec<WorkerColumns>,
    subscription: &Subscription,
) -> Result<Vec<WorkerRow>, StoreError> {
    let holds = |columns: &WorkerColumns| holders.contains(&columns.0);
    let living: Vec<_> = workers.into_iter().filter(holds).map(worker).collect::<Result<_, _>>()?;
    if living.len() < holders.len() {
        let row = Row { table: "feed_shards", key: subscription };
        return Err(row.inconsistent("holder", "it is no worker that is known"));
    }
    Ok(living)
}

/// The whole of a shard.
pub(in crate::store) fn shard(
    columns: ShardColumns,
    subscription: &Subscription,
) -> Result<Shard, StoreError> {
    let (
        shard,
        token,
        holder,
        left,
        moved,
        still,
        pause,
        suspects,
        position,
        last,
        source,
        id,
        digest,
        etag,
        date,
    ) = columns;
    let key = Key { subscription, shard };
    let row = shard_row(&key);
    Ok(Shard {
        lease: lease(&row, shard, token)?,
        holder: holder.map(WorkerId),
        left: left
            .map(|left| Ok(Duration::from_micros(row.number("expires", left)?)))
            .transpose()?,
        place: place(&row, (position, last, source, id, digest, etag, date))?,
        moved: row.time("moved", moved)?,
        // The database's clock may have been set back.
        still: Duration::from_micros(u64::try_from(still).unwrap_or(0)),
        paused: pause.map(|pause| paused(&row, &pause)).transpose()?,
        suspects: suspected(&row, &suspects)?,
    })
}

fn paused(row: &Row<'_>, pause: &str) -> Result<Pause, StoreError> {
    let (since, who, why): PauseColumns = json(row, "paused", pause)?;
    Ok(Pause { reason: PauseReason { who, why }, since: row.time("paused", since)? })
}

fn suspected(row: &Row<'_>, suspects: &str) -> Result<Suspects, StoreError> {
    let (events, position, attempts): SuspectsColumns = json(row, "suspects", suspects)?;
    let tried = position.map(|position| {
        let position = row.position("tried", position)?;
        Ok(Tried { position, attempts: row.number("alone", attempts)? })
    });
    Ok(Suspects { events: row.number("suspects", events)?, tried: tried.transpose()? })
}

fn json<T: DeserializeOwned>(
    row: &Row<'_>,
    column: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| row.inconsistent(column, error))
}

/// The whole of a worker.
pub(in crate::store) fn worker(columns: WorkerColumns) -> Result<WorkerRow, StoreError> {
    let (id, host, process, identity, weight, window, started, silent, is_alive, shards, report) =
        columns;
    let key = id.clone();
    let row = Row { table: "feed_workers", key: &key };
    Ok(WorkerRow {
        facts: WorkerFacts {
            id: WorkerId(id),
            host,
            process: row.number("process", process)?,
            identity,
            weight: row.number("weight", weight)?,
            window: row.number("reach", window)?,
        },
        started: row.time("started", started)?,
        // The database's clock may have been set back.
        silent: Duration::from_micros(u64::try_from(silent).unwrap_or(0)),
        is_alive,
        shards: row.number("holder", shards)?,
        report,
    })
}

/// Whether a sign of life was taken note of.
pub(in crate::store) fn is_done(
    rows: &[BeatenColumns],
    subscription: &Subscription,
) -> Result<bool, StoreError> {
    Ok(answer(rows, subscription)?.is_done)
}

/// What all rows of a sign of life say.
fn answer(rows: &[BeatenColumns], subscription: &Subscription) -> Result<Answer, StoreError> {
    let row = Row { table: "feed_workers", key: subscription };
    let first = rows.first().ok_or_else(|| row.inconsistent("worker", "there is no answer"))?;
    json(&row, "worker", &first.0)
}

/// What a sign of life brought.
pub(in crate::store) fn beaten(
    rows: Vec<BeatenColumns>,
    subscription: &Subscription,
) -> Result<Beaten, StoreError> {
    let row = Row { table: "feed_workers", key: subscription };
    let answer = answer(&rows, subscription)?;
    let neighbour = |(id, identity, host, process): NeighbourColumns| Neighbour {
        id: WorkerId(id),
        identity,
        name: host.zip(process).map(|(host, process)| worker_name(&host, process)),
    };
    let lowest = answer.others_lowest;
    Ok(Beaten {
        orders: orders(&answer, subscription)?,
        renewed: answer.renewed.into_iter().map(ShardNumber::new).collect(),
        share: answer.share,
        workers: answer.workers,
        neighbours: answer.neighbours.into_iter().map(neighbour).collect(),
        others_lowest: lowest.map(|lowest| row.position("position", lowest)).transpose()?,
        acquired: rows
            .into_iter()
            .filter_map(|columns| acquired(columns, subscription))
            .collect::<Result<_, StoreError>>()?,
    })
}

/// What is ordered, as a sign of life learns of it. Of a subscription that is not cut there are no
/// shards to be had.
fn orders(answer: &Answer, subscription: &Subscription) -> Result<Orders, StoreError> {
    let shards = answer.shards.map(|shards| count(Some(i64::from(shards)), subscription));
    let row = Row { table: super::TABLE, key: subscription };
    let barrier = answer.barrier.map(|barrier| row.position("barrier", barrier)).transpose()?;
    Ok(Orders {
        shards: shards.transpose()?.unwrap_or_default(),
        paused: answer.paused.iter().copied().map(ShardNumber::new).collect(),
        barrier: answer.reshard_to.map(|_| barrier.map_or(Barrier::Drain, Barrier::Reach)),
    })
}

/// The shard of a row that has one.
fn acquired(
    columns: BeatenColumns,
    subscription: &Subscription,
) -> Option<Result<Acquired, StoreError>> {
    let (_, shard, token, from, suspects, position, last, source, id, digest, etag, date) = columns;
    let (shard, token, position, suspects) = (shard?, token?, position?, suspects?);
    let key = Key { subscription, shard };
    let row = shard_row(&key);
    let acquired = || {
        Ok(Acquired {
            lease: lease(&row, shard, token)?,
            place: place(&row, (position, last, source, id, digest, etag, date))?,
            from: from.map(WorkerId),
            suspects: suspected(&row, &suspects)?,
        })
    };
    Some(acquired())
}

fn lease(row: &Row<'_>, shard: i64, token: i64) -> Result<Lease, StoreError> {
    Ok(Lease {
        shard: ShardNumber::new(row.number("shard", shard)?),
        token: Token::new(row.number("token", token)?),
    })
}

fn place(row: &Row<'_>, columns: PlaceColumns) -> Result<ShardPlace, StoreError> {
    let (position, last, source, id, digest, etag, date) = columns;
    let Place { position, last, validators, .. } =
        row.place((None, position, last, source, id, digest, etag, date))?;
    Ok(ShardPlace { position, last, validators })
}

fn shard_row<'k>(key: &'k Key<'k>) -> Row<'k> {
    Row { table: "feed_shards", key }
}

/// The key of a shard.
struct Key<'k> {
    subscription: &'k Subscription,
    shard: i64,
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, shard {}", self.subscription, self.shard)
    }
}
