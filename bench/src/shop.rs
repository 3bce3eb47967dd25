//! A shop whose own tables stand beside the feeds, in one database.
//!
//! Its tables, in either database:
//!
//! - `inserted_events`: a copy of `feed_events` with all its columns, constraints and indexes, but
//!   without the reference to the feed, which would only slow those down who insert into it.
//! - `shop_orders`: rows that business transactions change, each its own.
//! - `shop_log`: what a business transaction tells of itself, if not to a feed; a table as one would
//!   make it, with one index.

mod embedded;
mod postgres;
mod sqlite;
mod tail;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use feed_protocol::Event;
use feed_server::store::CallersTransaction;

pub(crate) use embedded::Embedded;
pub(crate) use postgres::{InPostgres, Server};
pub(crate) use sqlite::InSqlite;
pub(crate) use tail::Tail;

use crate::process::{FeedServer, Settings};
use crate::stage;

/// How long a connection waits for the lock of another. On SQLite the wait is unfair, and with 64
/// connections long.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many rows `shop_orders` has: one for each of those who change one.
pub(crate) const OWN_ROWS: i64 = 9;

/// The database of a shop.
pub(crate) trait Database {
    /// A transaction of the shop's own.
    type Transaction: CallersTransaction;
    /// A connection of its own, without a pool.
    type Client;

    /// What names of figures end in.
    const NAME: &'static str;
    /// Whether a transaction that has written keeps all others from writing until it ends.
    const ONE_WRITER: bool;

    /// What `--database` names.
    fn url(&self) -> &str;
    /// Makes the tables of the shop.
    async fn make_tables(&self) -> Result<()>;

    async fn connect(&self) -> Result<Self::Client>;
    /// Inserts events into `inserted_events` by one statement that commits; their positions follow
    /// this one.
    async fn insert(client: &mut Self::Client, events: &[Event], after: i64) -> Result<()>;

    /// Begins a transaction, on one of nine connections that are kept.
    async fn begin(&self) -> Result<Self::Transaction>;
    async fn change_order(transaction: &mut Self::Transaction, row: i64) -> Result<()>;
    async fn log(transaction: &mut Self::Transaction, event: &Event) -> Result<()>;
    async fn commit(transaction: Self::Transaction) -> Result<()>;
}

/// A shop, and how many events its feed held at first.
pub(crate) struct Shop<D> {
    pub(crate) database: D,
    pub(crate) events: u64,
}

impl<D: Database> Shop<D> {
    /// Opens a shop in a new database.
    pub(crate) async fn open(database: D, events: u64) -> Result<Self> {
        stage::fill(database.url(), events).await?;
        database.make_tables().await?;
        Ok(Self { database, events })
    }

    /// Starts a server over the feeds, as a process of its own.
    pub(crate) fn serve(&self, binary: &Path, folder: &Path) -> Result<FeedServer> {
        let files = folder.join(D::NAME);
        FeedServer::start_on(binary, self.database.url().as_ref(), &files, Settings::Default)
    }

    /// A server that publishes from code, and does not relay.
    pub(crate) async fn publishing(&self) -> Result<feed_server::FeedServer> {
        let store = feed_server::store::open(self.database.url()).await?;
        Ok(feed_server::FeedServer::builder().shared_store(store).relay(false).build().await?)
    }
}
