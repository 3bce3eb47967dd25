//! A database of a certain size, and the server over it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use feed_protocol::{Cursor, PageSize};
use feed_server::{IntoEvent, Publisher};
use futures_util::future::try_join_all;

use crate::client::{Connection, get};
use crate::orders::Orders;
use crate::process::{FeedServer, Process, Settings};

/// The feed that holds as many events as the stage is named for.
pub(crate) const FEED: &str = "orders";

/// Feeds whose pages have the sizes that are compared with static files: the same orders, fewer
/// to a page.
pub(crate) const SIZED_FEEDS: [(&str, u64); 2] = [("orders-94k", 64), ("orders-19k", 13)];

/// How many events are published at a time, and how many of these batches share a commit.
const BATCH: u64 = 1_000;
const BATCHES: u64 = 4;

/// A database, and the server over it.
#[derive(Debug)]
pub(crate) struct Stage {
    /// How many events the feed held at first.
    pub(crate) events: u64,
    pub(crate) database: PathBuf,
    server: FeedServer,
    /// Where the documents of this life of the feed stand: `/feeds/orders/{inc}`.
    pub(crate) base: String,
}

impl Stage {
    /// Fills a new database, and starts a server over it.
    pub(crate) async fn prepare(binary: &Path, folder: &Path, events: u64) -> Result<Self> {
        let database = folder.join(format!("{events}.db"));
        fill(database.to_str().context("the folder's name is no UTF-8")?, events).await?;
        let server = FeedServer::start(binary, &database, Settings::Default)?;
        let mut connection = Connection::open(server.address).await?;
        let base = base(&mut connection, FEED).await?;
        Ok(Self { events, database, server, base })
    }

    /// Where the server listens, and its process.
    pub(crate) fn server(&self) -> (SocketAddr, &Process) {
        (self.server.address, &self.server.process)
    }

    /// How many full pages the feed has.
    pub(crate) fn full_pages(&self) -> u64 {
        self.events / PageSize::DEFAULT.get()
    }
}

/// Where the documents of a feed's present life stand.
pub(crate) async fn base(connection: &mut Connection, feed: &str) -> Result<String> {
    let cursor = cursor(connection, feed).await?;
    Ok(format!("/feeds/{feed}/{}", cursor.incarnation))
}

/// How far a feed has come.
pub(crate) async fn cursor(connection: &mut Connection, feed: &str) -> Result<Cursor> {
    let current = connection.fetch(&get(&format!("/feeds/{feed}"), &[])).await?;
    ensure!(current.status == 200, "the current document of {feed}: {}", current.status);
    current.field("feed-cursor")?.parse().context("feed-cursor")
}

/// Makes the feeds in a new database, and fills them.
pub(crate) async fn fill(database: &str, events: u64) -> Result<()> {
    let store = feed_server::store::open(database).await?;
    let mut builder = feed_server::FeedServer::builder().shared_store(store).feed(FEED);
    for (feed, page_size) in SIZED_FEEDS {
        builder = builder.feed_with_page_size(feed, PageSize::new(page_size)?);
    }
    let server = builder.build().await?;
    let publisher = server.publisher();
    for (feed, page_size) in SIZED_FEEDS {
        publish(&publisher, feed, &mut Orders::new(), 3 * page_size).await?;
    }
    let mut orders = Orders::new();
    let mut stored = 0;
    let mut said = 0;
    while stored < events {
        let count = (events - stored).min(BATCH * BATCHES);
        publish(&publisher, FEED, &mut orders, count).await?;
        stored += count;
        if stored * 10 / events > said {
            said = stored * 10 / events;
            eprintln!("storing {events} events: {stored}");
        }
    }
    server.close().await;
    Ok(())
}

async fn publish(publisher: &Publisher, feed: &str, orders: &mut Orders, count: u64) -> Result<()> {
    let mut batches = Vec::new();
    let mut left = count;
    while left > 0 {
        let batch = left.min(BATCH);
        left -= batch;
        let events = (0..batch).map(|_| orders.next_event().into_event());
        let events = events.collect::<Result<Vec<_>, _>>()?;
        batches.push(publisher.publish_batch(feed, events, None));
    }
    try_join_all(batches).await?;
    Ok(())
}
