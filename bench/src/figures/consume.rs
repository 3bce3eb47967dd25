//! A consumer from the beginning: reading, handling, and a cursor that is kept on the disk.
//!
//! `consume` handles each event with a closure that does nothing, `consume_transactional` inserts each
//! into a table of SQLite, a hundred together. Beside them is what bounds them: `consume_decode` gets
//! the same pages one after the other and decodes them, and `consume_inserts` inserts the same rows, a
//! hundred to a transaction. A consumer has threads of its own, as in its binary.

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use feed_consumer::{Consumer, Ended, Summary};
use feed_protocol::cloudevents;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Executor, Sqlite, SqlitePool};

use super::{Names, PER_EVENT, rates};
use crate::client::{Connection, get};
use crate::harness::{Contender, Goal, Harness, Value};
use crate::load::Outcome;
use crate::stage::{FEED, Stage};

pub(super) const NAMES: Names = &[
    ("consume", "events that a consumer of feed-consumer handles, from the beginning"),
    ("consume_decode", "events of the same pages, got and decoded by one client"),
    ("consume_transactional", "events that a consumer inserts in its cursor's transactions"),
    ("consume_inserts", "the same rows, inserted a hundred to a transaction"),
];

const RATE: &[Value] = &[("events_per_second", "1/s")];
const FAST: &[(&str, Goal)] = &[("events_per_second", Goal::AtLeast(300_000.0))];

/// How many events share a transaction.
const BATCH: usize = 100;

pub(super) async fn measure(harness: &mut Harness<'_>, stages: &[Stage]) -> Result<()> {
    let mut contenders = Vec::new();
    for stage in stages {
        contenders.push(consuming("consume", stage, None).goals(FAST));
        contenders.push(decoding(stage));
        let table = Table::create(&stage.database.with_extension("handled.db")).await?;
        contenders.push(consuming("consume_transactional", stage, Some(table)));
        let table = Table::create(&stage.database.with_extension("inserted.db")).await?;
        contenders.push(inserting(stage, table));
    }
    harness.measure(contenders).await?;
    for stage in stages {
        let ratio = |name: &str, under: &str| {
            let rate = |name: &str| format!("{name}_{}", RATE[0].0);
            harness.ratio(
                &format!("{name}_at_{}", stage.events),
                (&rate(name), stage.events),
                (&rate(under), stage.events),
                Some(Goal::AtLeast(0.5)),
            )
        };
        ratio("consume", "consume_decode")?;
        ratio("consume_transactional", "consume_inserts")?;
    }
    Ok(())
}

/// Each round goes on where the one before ended; at the end of the feed, a new group begins.
fn consuming<'a>(name: &str, stage: &'a Stage, table: Option<Table>) -> Contender<'a> {
    let group = Rc::new(Cell::new(0));
    let name = name.to_owned();
    Contender::new(name.clone(), stage.events, PER_EVENT, move |time| {
        let (group, table, name) = (Rc::clone(&group), table.clone(), name.clone());
        async move {
            let process = stage.server().1;
            let cpu = process.cpu_seconds();
            let begun = Instant::now();
            let mut handled = 0;
            while let Some(left) = time.checked_sub(begun.elapsed()) {
                let name = format!("{name}-{}", group.get());
                let summary = consume(stage, table.clone(), name, left).await?;
                let is_whole = matches!(summary.ended, Ended::Idle);
                ensure!(summary.handled > 0 || !is_whole, "nothing was consumed");
                handled += summary.handled;
                if is_whole {
                    group.set(group.get() + 1);
                }
            }
            let requests = f64::from(u32::try_from(handled)?);
            let outcome = Outcome { requests, seconds: begun.elapsed().as_secs_f64() };
            Ok(rates(outcome, process, cpu))
        }
    })
}

/// Consumes for this long, on a runtime as the binary has it.
async fn consume(
    stage: &Stage,
    table: Option<Table>,
    group: String,
    time: Duration,
) -> Result<Summary> {
    let url = format!("http://{}/feeds/{FEED}", stage.server().0);
    let cursors = stage.database.with_extension("cursors.db");
    let run = move || -> Result<Summary> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let builder = Consumer::builder(url).group(group).until_idle(true);
        let end = async move { tokio::time::sleep(time).await };
        let summary = match table {
            None => {
                let cursors = cursors.to_str().context("the folder's name is no UTF-8")?;
                let consumer = builder.database(cursors).on_any(async |_, _| Ok(())).build()?;
                runtime.block_on(consumer.run(end))?
            }
            Some(table) => {
                let consumer = builder
                    .database(table.0)
                    .transactional::<Sqlite>()
                    .batch(BATCH, Duration::from_millis(100))
                    .on_any(async |mut tx, event, _| {
                        let data = event.event.data().map(AsRef::<[u8]>::as_ref);
                        let insert = sqlx::query(include_str!("consume_insert.sql"))
                            .bind(event.event.id().as_str())
                            .bind(data);
                        insert.execute(&mut *tx).await?;
                        Ok(())
                    })
                    .build()?;
                runtime.block_on(consumer.run(end))?
            }
        };
        Ok(summary)
    };
    tokio::task::spawn_blocking(run).await?
}

/// Gets one full page after the other, and decodes each.
fn decoding(stage: &Stage) -> Contender<'_> {
    let next = Rc::new(Cell::new(0));
    Contender::new("consume_decode", stage.events, RATE, move |time| {
        let next = Rc::clone(&next);
        async move {
            let mut connection = Connection::open(stage.server().0).await?;
            let accept = [("accept", cloudevents::BATCH_MEDIA_TYPE)];
            let begun = Instant::now();
            let mut count = 0;
            while begun.elapsed() < time {
                let page = next.get() % stage.full_pages() + 1;
                next.set(page);
                let request = get(&format!("{}/pages/{page}", stage.base), &accept);
                let answer = connection.fetch(&request).await?;
                ensure!(answer.status == 200, "page {page}: {}", answer.status);
                count += cloudevents::read_recorded_batch(&answer.body, 10_000)?.len();
            }
            Ok(vec![f64::from(u32::try_from(count)?) / begun.elapsed().as_secs_f64()])
        }
    })
}

/// A table of a handler's, in a file of its own.
#[derive(Debug, Clone)]
struct Table(SqlitePool);

impl Table {
    async fn create(file: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        pool.execute(include_str!("consume_table.sql")).await?;
        Ok(Self(pool))
    }
}

/// Inserts the rows of the transactional consumer, as fast as one connection does.
fn inserting(stage: &Stage, table: Table) -> Contender<'_> {
    Contender::new("consume_inserts", stage.events, RATE, move |time| {
        let table = table.clone();
        async move {
            let mut connection = Connection::open(stage.server().0).await?;
            let accept = [("accept", cloudevents::BATCH_MEDIA_TYPE)];
            let request = get(&format!("{}/pages/1", stage.base), &accept);
            let page = connection.fetch(&request).await?;
            let events = Arc::new(cloudevents::read_recorded_batch(&page.body, 10_000)?);
            let begun = Instant::now();
            let mut count = 0;
            while begun.elapsed() < time {
                let mut transaction = table.0.begin_with("BEGIN IMMEDIATE").await?;
                for event in events.iter().take(BATCH) {
                    let insert = sqlx::query(include_str!("consume_insert.sql"))
                        .bind(event.event.id().as_str())
                        .bind(event.event.data().map(AsRef::<[u8]>::as_ref));
                    insert.execute(&mut *transaction).await?;
                    count += 1;
                }
                transaction.commit().await?;
            }
            Ok(vec![f64::from(count) / begun.elapsed().as_secs_f64()])
        }
    })
}
