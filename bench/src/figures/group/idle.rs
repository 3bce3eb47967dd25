//! What a worker costs that has nothing to do: it renews its leases, says that it lives, looks for
//! free shards, and waits for news.

use std::time::Duration;

use anyhow::Result;

use super::database::Database;
use super::{Ground, task};
use crate::harness::{Contender, Goal, Harness, Value};
use crate::process::Worker;
use crate::worker::{self, Task};

const SQLITE: &[Value] = &[("commits_per_second", "1/s"), ("cpu_milliseconds", "ms/s")];
const POSTGRES: &[Value] = &[("statements_per_second", "1/s"), ("cpu_milliseconds", "ms/s")];
/// About one.
const GOALS: &[(&str, Goal)] =
    &[("commits_per_second", Goal::AtMost(1.5)), ("statements_per_second", Goal::AtMost(1.5))];

/// By then it has its shards, and has found that there is nothing to do.
const SETTLING: Duration = Duration::from_secs(3);

/// A round takes so many times its time, since there is about one statement a second.
const ROUND: u32 = 10;

pub(super) async fn measure(
    harness: &mut Harness<'_>,
    ground: &Ground,
    databases: &[Database],
) -> Result<()> {
    harness.measure(databases.iter().map(|it| idling(ground, it)).collect()).await
}

fn idling<'a>(ground: &'a Ground, database: &'a Database) -> Contender<'a> {
    let values = match database {
        Database::Sqlite { .. } => SQLITE,
        Database::Postgres { .. } => POSTGRES,
    };
    let name = format!("group_idle_{}", database.name());
    let contender = Contender::new(name, ground.events, values, move |time| async move {
        let mut worker = Worker::start(&Task { only_news: true, ..task(ground, database)? })?;
        tokio::time::sleep(SETTLING).await;
        let (begun, before) = (worker::now(), worker.ask().await?);
        let count = database.count().await?;
        tokio::time::sleep(time * ROUND).await;
        let count = database.count().await? - count;
        let (ended, after) = (worker::now(), worker.ask().await?);
        worker.end().await?;
        let seconds = (ended - begun).as_secs_f64();
        Ok(vec![count / seconds, (after.cpu - before.cpu).as_secs_f64() * 1e3 / seconds])
    });
    contender.goals(GOALS)
}
