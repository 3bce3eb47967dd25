//! Publishing over HTTP to a server in a process of its own, against inserting straight into the
//! same database: events one by one by 64 clients, each with a connection of its own, and batches by
//! one.
//!
//! Those who insert give the events their positions without asking the database, check nothing, and
//! find nobody in their way but each other: it is the most that the table and its indexes can take in
//! this way. A batch is inserted by one array for each column on PostgreSQL, and by a list of rows on
//! SQLite.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use feed_protocol::Event;
use feed_server::IntoEvent;
use futures_util::future::try_join_all;

use super::publish::requests;
use super::{Names, PER_EVENT, rates};
use crate::harness::{Contender, Goal, Harness, Value};
use crate::load::{self, Outcome};
use crate::orders::Orders;
use crate::process::FeedServer;
use crate::shop::{Database, Shop};

pub(super) const NAMES: Names = &[
    ("http_single_sqlite", "events that 64 clients publish, and rows that 64 clients insert"),
    ("http_single_postgres", "the same"),
    ("http_batch_sqlite", "batches of 1,000 that one client publishes, and inserts"),
    ("http_batch_postgres", "the same"),
];

const INSERTED: &[Value] = &[("events_per_second", "1/s")];

/// How many clients there are, how many events each commits at a time, and what share of the rate of
/// inserting is the goal.
#[derive(Debug, Clone, Copy)]
struct Comparison {
    name: &'static str,
    clients: usize,
    batch: u32,
    goal: f64,
}

pub(super) async fn measure<D: Database>(
    harness: &mut Harness<'_>,
    shop: &Shop<D>,
    server: &FeedServer,
) -> Result<()> {
    // On SQLite, those who insert wait for each other's syncs, which a server's one writer shares.
    let single = if D::ONE_WRITER { 3.0 } else { 1.0 };
    let comparisons = [
        Comparison { name: "http_single", clients: 64, batch: 1, goal: single },
        Comparison { name: "http_batch", clients: 1, batch: 1_000, goal: 0.4 },
    ];
    let position = Rc::new(Cell::new(0));
    for it in comparisons {
        let ours = format!("{}_{}", it.name, D::NAME);
        let theirs = format!("{ours}_inserted");
        let contenders = vec![
            publishing(ours.clone(), shop, server, it),
            inserting(theirs.clone(), shop, it, Rc::clone(&position)),
        ];
        harness.measure(contenders).await?;
        let value = INSERTED[0].0;
        harness.ratio(
            &format!("{ours}_to_inserted"),
            (&format!("{ours}_{value}"), shop.events),
            (&format!("{theirs}_{value}"), shop.events),
            Some(Goal::AtLeast(it.goal)),
        )?;
    }
    Ok(())
}

fn publishing<'a, D: Database>(
    name: String,
    shop: &Shop<D>,
    server: &'a FeedServer,
    it: Comparison,
) -> Contender<'a> {
    Contender::new(name, shop.events, PER_EVENT, move |time| async move {
        let clients = (0..it.clients).map(|_| requests(it.batch)).collect();
        let cpu = server.process.cpu_seconds();
        let mut outcome = load::run(server.address, clients, 201, time).await?;
        outcome.requests *= f64::from(it.batch);
        Ok(rates(outcome, &server.process, cpu))
    })
}

fn inserting<'a, D: Database>(
    name: String,
    shop: &'a Shop<D>,
    it: Comparison,
    position: Rc<Cell<i64>>,
) -> Contender<'a> {
    Contender::new(name, shop.events, INSERTED, move |time| {
        let position = Rc::clone(&position);
        async move {
            let connecting = (0..it.clients).map(|_| async {
                let mut client = Client::connect(&shop.database, it.batch, &position).await?;
                // So that its statement is known.
                client.insert().await?;
                anyhow::Ok(client)
            });
            let clients = try_join_all(connecting).await?;
            let outcome = insert(clients, time).await?;
            Ok(vec![outcome.rate()])
        }
    })
}

async fn insert<D: Database>(clients: Vec<Client<'_, D>>, time: Duration) -> Result<Outcome> {
    let begun = Instant::now();
    let inserting = clients.into_iter().map(|mut client| async move {
        let mut inserted = 0;
        while begun.elapsed() < time {
            inserted += client.insert().await?;
        }
        anyhow::Ok(inserted)
    });
    let inserted: u32 = try_join_all(inserting).await?.into_iter().sum();
    Ok(Outcome { requests: f64::from(inserted), seconds: begun.elapsed().as_secs_f64() })
}

/// One that inserts.
struct Client<'a, D: Database> {
    client: D::Client,
    orders: Orders,
    batch: u32,
    /// The last position that was given.
    position: &'a Cell<i64>,
}

impl<'a, D: Database> Client<'a, D> {
    async fn connect(database: &D, batch: u32, position: &'a Cell<i64>) -> Result<Self> {
        Ok(Self { client: database.connect().await?, orders: Orders::new(), batch, position })
    }

    async fn insert(&mut self) -> Result<u32> {
        let events: Vec<Event> = (0..self.batch)
            .map(|_| self.orders.next_event().into_event())
            .collect::<Result<_, _>>()?;
        let after = self.position.get();
        self.position.set(after + i64::from(self.batch));
        D::insert(&mut self.client, &events, after).await?;
        Ok(self.batch)
    }
}
