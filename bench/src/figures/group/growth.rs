//! How many events each worker handles, alone and beside others. Its handler waits, so that one
//! process after the other can be added until their number tells, and not that of the processors.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;

use super::database::Database;
use super::{Ground, task};
use crate::harness::{Contender, Goal, Harness, Value};
use crate::process::Worker;
use crate::worker::{self, Task};

const VALUES: &[Value] = &[("events_per_second_a_worker", "1/s")];

/// How long a handler waits.
const WAIT: Duration = Duration::from_millis(5);

/// How long a worker may take to get its first event.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long shards move on between workers when each has some.
const SETTLING: Duration = Duration::from_secs(1);

/// A round takes so many times its time, since cursors move ten times a second.
const ROUND: u32 = 3;

/// How many workers there are: alone, and up to eight.
const IN_SQLITE: &[u16] = &[1, 8];
const IN_POSTGRES: &[u16] = &[1, 2, 4, 8];

pub(super) async fn measure(
    harness: &mut Harness<'_>,
    ground: &Ground,
    databases: &[Database],
) -> Result<()> {
    let mut contenders = Vec::new();
    for database in databases {
        for &processes in counts(database) {
            contenders.push(growing(ground, database, processes));
        }
    }
    harness.measure(contenders).await?;
    for database in databases {
        for &processes in &counts(database)[1..] {
            let figure = |processes| format!("{}_{}", name(database, processes), VALUES[0].0);
            harness.ratio(
                &name(database, processes),
                (&figure(processes), ground.events),
                (&figure(1), ground.events),
                Some(Goal::AtLeast(0.9)),
            )?;
        }
    }
    Ok(())
}

const fn counts(database: &Database) -> &'static [u16] {
    match database {
        Database::Sqlite { .. } => IN_SQLITE,
        Database::Postgres { .. } => IN_POSTGRES,
    }
}

fn name(database: &Database, processes: u16) -> String {
    format!("group_growth_{processes}_{}", database.name())
}

fn growing<'a>(ground: &'a Ground, database: &'a Database, processes: u16) -> Contender<'a> {
    Contender::new(name(database, processes), ground.events, VALUES, move |time| async move {
        let task = Task { wait: WAIT, ..task(ground, database)? };
        let workers = (0..processes).map(|_| Worker::start(&task));
        let mut workers = workers.collect::<Result<Vec<_>>>()?;
        tokio::time::timeout(PATIENCE, joined(&mut workers)).await??;
        tokio::time::sleep(SETTLING).await;
        let (begun, before) = (worker::now(), handled(&mut workers).await?);
        tokio::time::sleep(time * ROUND).await;
        let (ended, after) = (worker::now(), handled(&mut workers).await?);
        try_join_all(workers.into_iter().map(Worker::end)).await?;
        // Where everything has been handled, somebody has waited.
        ensure!(after < ground.events, "{} events are too few for this", ground.events);
        let events = f64::from(u32::try_from(after - before)?);
        Ok(vec![events / (ended - begun).as_secs_f64() / f64::from(processes)])
    })
}

/// Waits until each has handled something.
async fn joined(workers: &mut [Worker]) -> Result<()> {
    for worker in workers {
        while worker.ask().await?.handled == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

async fn handled(workers: &mut [Worker]) -> Result<u64> {
    let reports = try_join_all(workers.iter_mut().map(Worker::ask)).await?;
    Ok(reports.iter().map(|it| it.handled).sum())
}
