//! Business transactions: eight at a time, each changes a row of its own and publishes an event for a
//! subject of its own, against the same with an insert into a table of the shop's in its place.
//!
//! The shop publishes in this program, whose feed server does not relay; a server in a process of its
//! own does, as the database's other processes do for a shop that only publishes, and its work is
//! part of what is measured. Counted is what has been committed. After each round, every event that
//! was committed has to come to a reader of that server, once.
//!
//! With `_held`, a ninth transaction has published for another subject and stays open: on PostgreSQL
//! as long as the round, and at least a second; on SQLite, whose one writer it is, for a second before
//! the round, in which the others wait.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use feed_protocol::Event;
use feed_server::{IntoEvent, Publisher};
use futures_util::future::{join, try_join_all};

use super::Names;
use crate::harness::{Contender, Goal, Harness, Value};
use crate::orders::Orders;
use crate::process::FeedServer;
use crate::shop::{Database, OWN_ROWS, Shop, Tail};

pub(super) const NAMES: Names = &[
    ("transaction_sqlite", "transactions that publish, and that insert, eight at a time"),
    ("transaction_postgres", "the same"),
    ("transaction_sqlite_held", "those that publish, after a ninth has been open for a second"),
    ("transaction_postgres_held", "those that publish, and that insert, while a ninth is open"),
];

const PUBLISHING: &[Value] =
    &[("commits_per_second", "1/s"), ("catching_up_milliseconds", "ms"), ("lost", "events")];
const INSERTING: &[Value] = &[("commits_per_second", "1/s")];
const NONE_LOST: &[(&str, Goal)] = &[("lost", Goal::AtMost(0.0))];

/// How many transactions are open at a time.
const WORKERS: i64 = OWN_ROWS - 1;
/// How long the ninth is open at least.
const HELD: Duration = Duration::from_secs(1);
/// How long the last event may be on its way before it counts as lost.
const LOST_AFTER: Duration = Duration::from_secs(30);

/// What the transactions do beside their change.
#[derive(Clone, Copy)]
enum Told<'a> {
    Published(&'a Publisher),
    Inserted,
}

pub(super) async fn measure<D: Database>(
    harness: &mut Harness<'_>,
    shop: &Shop<D>,
    server: &FeedServer,
) -> Result<()> {
    let feeds = shop.publishing().await?;
    let publisher = &feeds.publisher();
    let ours = format!("transaction_{}", D::NAME);
    let (inserted, held) = (format!("{ours}_inserted"), format!("{ours}_held"));
    let held_inserted = format!("{held}_inserted");
    let mut contenders = vec![
        publishing(ours.clone(), shop, server, publisher, false),
        Contender::new(inserted.clone(), shop.events, INSERTING, move |time| async move {
            let begun = Instant::now();
            let committed = work(shop, Told::Inserted, begun + time).await?;
            Ok(vec![rate(committed.len(), begun.elapsed())?])
        }),
        publishing(held.clone(), shop, server, publisher, true),
    ];
    if !D::ONE_WRITER {
        // A transaction that stays open costs the database itself something: it cannot tidy up.
        let round = move |time| async move {
            let (committed, took) = work_beside_a_ninth(shop, Told::Inserted, time).await?;
            Ok(vec![rate(committed.len() - 1, took)?])
        };
        contenders.push(Contender::new(held_inserted.clone(), shop.events, INSERTING, round));
    }
    harness.measure(contenders).await?;
    let rate = |name: &str| format!("{name}_{}", INSERTING[0].0);
    let published = rate(&ours);
    let ratio = |name: &str, over: &str, under: &str, goal| {
        harness.ratio(
            &format!("{ours}_{name}"),
            (over, shop.events),
            (under, shop.events),
            Some(Goal::AtLeast(goal)),
        )
    };
    ratio("to_inserted", &published, &rate(&inserted), 0.7)?;
    if !D::ONE_WRITER {
        // No less, but for what such a measurement can tell.
        ratio("held_to_not", &rate(&held), &published, 0.95)?;
        ratio("held_to_inserted", &rate(&held), &rate(&held_inserted), 0.7)?;
    }
    feeds.close().await;
    Ok(())
}

fn publishing<'a, D: Database>(
    name: String,
    shop: &'a Shop<D>,
    server: &'a FeedServer,
    publisher: &'a Publisher,
    is_held: bool,
) -> Contender<'a> {
    let round = move |time| async move {
        let mut tail = Tail::from_now(server.address).await?;
        let (mut committed, took) = if is_held {
            work_beside_a_ninth(shop, Told::Published(publisher), time).await?
        } else {
            let begun = Instant::now();
            let committed = work(shop, Told::Published(publisher), begun + time).await?;
            (committed, begun.elapsed())
        };
        let count = committed.len() - usize::from(is_held);
        let begun = Instant::now();
        let mut left: HashMap<String, bool> = committed.drain(..).map(|id| (id, false)).collect();
        let mut waiting = left.len();
        while waiting > 0 && begun.elapsed() < LOST_AFTER {
            for id in tail.next().await? {
                let seen = left.get_mut(&id).with_context(|| format!("nobody committed {id}"))?;
                ensure!(!std::mem::replace(seen, true), "{id} is in the feed twice");
                waiting -= 1;
            }
        }
        let catching_up = begun.elapsed().as_secs_f64() * 1e3;
        Ok(vec![rate(count, took)?, catching_up, f64::from(u32::try_from(waiting)?)])
    };
    Contender::new(name, shop.events, PUBLISHING, round).goals(NONE_LOST)
}

fn rate(count: usize, time: Duration) -> Result<f64> {
    Ok(f64::from(u32::try_from(count)?) / time.as_secs_f64())
}

/// Does transactions until then, and returns the ids of the events of those that have committed.
async fn work<D: Database>(shop: &Shop<D>, told: Told<'_>, until: Instant) -> Result<Vec<String>> {
    let workers = (0..WORKERS).map(|worker| async move {
        let mut orders = Orders::new();
        let mut committed = Vec::new();
        while Instant::now() < until {
            let event = event(&mut orders, worker, committed.len())?;
            let id = event.id().to_string();
            D::commit(open(shop, told, worker, event).await?).await?;
            committed.push(id);
        }
        anyhow::Ok(committed)
    });
    Ok(try_join_all(workers).await?.concat())
}

/// The same beside a transaction that is held open, whose event is among those that are returned;
/// and the time in which the others could work.
async fn work_beside_a_ninth<D: Database>(
    shop: &Shop<D>,
    told: Told<'_>,
    time: Duration,
) -> Result<(Vec<String>, Duration)> {
    let event = event(&mut Orders::new(), WORKERS, 0)?;
    let id = event.id().to_string();
    let ninth = open(shop, told, WORKERS, event).await?;
    let begun = Instant::now();
    let held = if D::ONE_WRITER { HELD } else { HELD.max(time) };
    let blocked = if D::ONE_WRITER { HELD } else { Duration::ZERO };
    let holding = async {
        tokio::time::sleep(held).await;
        D::commit(ninth).await
    };
    let working = async {
        let committed = work(shop, told, begun + blocked + time).await;
        (committed, begun.elapsed() - blocked)
    };
    let (held, (committed, took)) = join(holding, working).await;
    held?;
    let mut committed = committed?;
    committed.push(id);
    Ok((committed, took))
}

/// A transaction that has done all that it does, and is not committed.
async fn open<D: Database>(
    shop: &Shop<D>,
    told: Told<'_>,
    row: i64,
    event: Event,
) -> Result<D::Transaction> {
    let mut transaction = shop.database.begin().await?;
    D::change_order(&mut transaction, row).await?;
    match told {
        Told::Inserted => D::log(&mut transaction, &event).await?,
        Told::Published(publisher) => {
            publisher.publish_in(&mut transaction, crate::stage::FEED, event).await?;
        }
    }
    Ok(transaction)
}

/// An event for a subject of its own.
fn event(orders: &mut Orders, worker: i64, number: usize) -> Result<Event> {
    Ok(orders.next_event().subject(format!("order-{worker}-{number}")).into_event()?)
}
