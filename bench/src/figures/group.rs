//! Workers of one group, which share the work of a feed by leases on its shards.
//!
//! Each is a process of its own, with a handler that does nothing, except where it is said to wait.
//! `group_sqlite`, `group_postgres` and `group_one_process` count from the start of the first
//! process to the end of the last, each of which ends when it knows that all have handled
//! everything. What passes before the first event is in a handler's hands, and after the last one
//! was, is told apart, and so is how much of the work fell to one process: until the others are
//! seen, the first has all of it. The server keeps all pages in memory, so that it is not what is
//! measured.

mod database;
mod growth;
mod idle;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use uuid::Uuid;

use self::database::Database;
use super::Names;
use crate::harness::{Contender, Goal, Harness, Value};
use crate::process::{FeedServer, Settings, Worker};
use crate::stage::{FEED, Stage};
use crate::worker::{self, Task};

pub(super) const NAMES: Names = &[
    ("group_sqlite", "events that four workers handle, which share a SQLite file"),
    ("group_postgres", "the same with PostgreSQL"),
    ("group_one_process_sqlite", "the same by one process that counts for four workers"),
    ("group_one_process_postgres", "the same with PostgreSQL"),
    ("group_growth_1_sqlite", "events that a worker handles whose handler waits 5 ms, alone"),
    ("group_growth_8_sqlite", "the same beside seven others"),
    ("group_growth_1_postgres", "the same alone, with PostgreSQL"),
    ("group_growth_2_postgres", "the same beside another"),
    ("group_growth_4_postgres", "the same beside three others"),
    ("group_growth_8_postgres", "the same beside seven others"),
    ("group_idle_sqlite", "what a worker with 64 shards does that waits for news"),
    ("group_idle_postgres", "the same with PostgreSQL"),
];

/// How many events are stored at most, where no number is asked for. With far fewer, the first
/// worker has handled them all before it has seen the others.
const EVENTS: u64 = 400_000;

/// What workers read.
#[derive(Debug)]
struct Ground {
    events: u64,
    server: FeedServer,
}

/// How many workers there are.
const WORKERS: u16 = 4;

/// In SQLite, transactions that wrote are counted: more statements in one cost next to nothing.
const SQLITE: &[Value] = &[
    ("events_per_second", "1/s"),
    ("cpu_microseconds", "us/event"),
    ("server_cpu_microseconds", "us/event"),
    ("commits_per_event", "1/event"),
    ("share_of_the_busiest", "1"),
    ("seconds_before_the_first", "s"),
    ("seconds_after_the_last", "s"),
];
const POSTGRES: &[Value] = &[
    ("events_per_second", "1/s"),
    ("cpu_microseconds", "us/event"),
    ("server_cpu_microseconds", "us/event"),
    ("statements_per_event", "1/event"),
    ("share_of_the_busiest", "1"),
    ("seconds_before_the_first", "s"),
    ("seconds_after_the_last", "s"),
];
const FOUR: &[(&str, Goal)] = &[
    ("events_per_second", Goal::AtLeast(100_000.0)),
    ("statements_per_event", Goal::AtMost(0.05)),
    ("commits_per_event", Goal::AtMost(0.05)),
];
const ONE: &[(&str, Goal)] = &[
    ("events_per_second", Goal::AtLeast(130_000.0)),
    ("statements_per_event", Goal::AtMost(0.05)),
    ("commits_per_event", Goal::AtMost(0.05)),
];

pub(super) async fn measure(
    harness: &mut Harness<'_>,
    stages: &[Stage],
    binary: &Path,
    folder: &Path,
) -> Result<()> {
    let most = if harness.options.states_events() { u64::MAX } else { EVENTS };
    let events = stages.iter().map(|it| it.events).max().unwrap_or_default().min(most);
    let own;
    let stage = if let Some(stage) = stages.iter().find(|it| it.events == events) {
        stage
    } else {
        own = Stage::prepare(binary, folder, events).await?;
        &own
    };
    let server = FeedServer::start(binary, &stage.database, Settings::WholeCache)?;
    let ground = &Ground { events, server };
    let mut databases = vec![Database::sqlite(folder).await?];
    match Database::postgres().await {
        Ok(database) => databases.push(database),
        Err(error) => eprintln!("no group is measured on PostgreSQL: {error}"),
    }
    let catching_up = databases.iter().flat_map(|it| {
        let name = format!("group_{}", it.name());
        let one = format!("group_one_process_{}", it.name());
        [
            catching_up(name, ground, it, WORKERS, 1).goals(FOUR),
            catching_up(one, ground, it, 1, WORKERS).goals(ONE),
        ]
    });
    harness.measure(catching_up.collect()).await?;
    growth::measure(harness, ground, &databases).await?;
    idle::measure(harness, ground, &databases).await
}

/// The task of a worker of a new group.
fn task(ground: &Ground, database: &Database) -> Result<Task> {
    Ok(Task {
        feed: format!("http://{}/feeds/{FEED}", ground.server.address),
        group: Uuid::now_v7().to_string(),
        database: database.url()?,
        workers: 1,
        wait: Duration::ZERO,
        only_news: false,
        until_idle: false,
    })
}

/// So many processes, each of which counts for so many workers, handle all that is stored.
fn catching_up<'a>(
    name: String,
    ground: &'a Ground,
    database: &'a Database,
    processes: u16,
    workers: u16,
) -> Contender<'a> {
    let values = match database {
        Database::Sqlite { .. } => SQLITE,
        Database::Postgres { .. } => POSTGRES,
    };
    Contender::new(name, ground.events, values, move |_| async move {
        let task = Task { workers, until_idle: true, ..task(ground, database)? };
        let server = &ground.server.process;
        let (cpu, count) = (server.cpu_seconds(), database.count().await?);
        let begun = worker::now();
        let workers = (0..processes).map(|_| Worker::start(&task));
        let workers = workers.collect::<Result<Vec<_>>>()?;
        let reports = try_join_all(workers.into_iter().map(Worker::ended)).await?;
        let ended = worker::now();
        let count = database.count().await? - count;
        let server_cpu = server.cpu_seconds().zip(cpu).map(|(after, before)| after - before);
        let handled = reports.iter().map(|it| it.handled).sum::<u64>();
        ensure!(handled >= ground.events, "{handled} events were handled of {}", ground.events);
        if handled > ground.events {
            eprintln!("{} events were handled twice", handled - ground.events);
        }
        let busy = || reports.iter().filter(|it| it.handled > 0);
        let first = busy().map(|it| it.first).min().unwrap_or(begun);
        let last = busy().map(|it| it.last).max().unwrap_or(ended);
        let busiest = reports.iter().map(|it| it.handled).max().unwrap_or_default();
        let worker_cpu: Duration = reports.iter().map(|it| it.cpu).sum();
        let events = f64::from(u32::try_from(ground.events)?);
        Ok(vec![
            events / (ended - begun).as_secs_f64(),
            worker_cpu.as_secs_f64() * 1e6 / events,
            server_cpu.unwrap_or(f64::NAN) * 1e6 / events,
            count / events,
            f64::from(u32::try_from(busiest)?) / events,
            (first - begun).as_secs_f64(),
            (ended - last).as_secs_f64(),
        ])
    })
}
