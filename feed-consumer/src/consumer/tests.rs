//! Whole subscriptions, against a server that answers as a script says.

mod cache;
mod discontinuities;
mod documents;
mod entries;
mod failing;
mod faults;
mod handlers;
mod live;
mod model;
mod orders;
mod pages;
mod parking;
mod reading;
mod repairing;
mod suspects;
mod transactional;
mod types;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use feed_protocol::{Position, Recorded};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tempfile::TempDir;

use super::*;
use crate::OnExhausted;
use crate::handler::{Context, Handler, HandlerError};
use crate::reading::scripted::{Answer, Asked, Feed, Scripted};
use crate::schedule::backoff::Backoff;
use crate::worker::ConsumerError;

/// What a subscription has handled: positions and ids.
type Handled = Arc<Mutex<Vec<(u64, String)>>>;

/// A cursor database, and settings with which a test ends soon.
struct Setup {
    folder: TempDir,
    handled: Handled,
}

impl Setup {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), handled: Handled::default() }
    }

    /// The settings of a subscription that ends by itself.
    fn builder(&self, url: &str) -> ConsumerBuilder<()> {
        let millisecond = Duration::from_millis(1);
        Consumer::builder(url)
            .database(self.folder.path().join("consumer.db").to_str().unwrap())
            .backoff(Backoff { first: millisecond, cap: millisecond })
            .give_up_after(Some(Duration::from_secs(10)))
            .until_idle(true)
    }

    /// The same, which stops before an event that cannot be handled.
    fn stopping(&self, url: &str) -> ConsumerBuilder<()> {
        self.builder(url).on_exhausted(OnExhausted::Stop)
    }

    /// Notes each event that it handles.
    fn noting(&self, builder: ConsumerBuilder<()>) -> Consumer<impl Work> {
        let handled = Arc::clone(&self.handled);
        let note = move |recorded: Arc<Recorded>, _: Context| {
            let id = recorded.event.id().to_string();
            handled.lock().unwrap().push((recorded.position.get(), id));
            std::future::ready(Ok(()))
        };
        builder.on_any(note).build().unwrap()
    }

    /// Runs a subscription to its end.
    async fn run(&self, url: &str) -> Result<Summary, ConsumerError> {
        self.noting(self.builder(url)).run(std::future::pending()).await
    }

    /// What has been handled since this was last asked.
    fn take(&self) -> Vec<u64> {
        let handled = std::mem::take(&mut *self.handled.lock().unwrap());
        handled.into_iter().map(|(position, _)| position).collect()
    }

    fn take_ids(&self) -> Vec<String> {
        let handled = std::mem::take(&mut *self.handled.lock().unwrap());
        handled.into_iter().map(|(_, id)| id).collect()
    }
}

/// A cursor database that a test can take away.
struct Outage {
    /// Of one connection, for which nobody waits for long.
    pool: SqlitePool,
}

impl Outage {
    async fn new(folder: &Path) -> Self {
        let file = SqliteConnectOptions::new().filename(folder.join("consumer.db"));
        let options =
            SqlitePoolOptions::new().max_connections(1).acquire_timeout(Duration::from_millis(20));
        let pool = options.connect_with(file.create_if_missing(true)).await.unwrap();
        Self { pool }
    }

    /// Takes it away, once it is not in use, and for so long.
    async fn lasts(&self, time: Duration) {
        let connection = self.pool.acquire().await.unwrap();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            drop(connection);
        });
    }
}

/// A server of a feed that a test can change.
async fn serve(feed: Feed) -> (Scripted, Arc<Mutex<Feed>>) {
    serve_with(feed, |_, answer| answer).await
}

/// A server of a feed whose answers are changed on their way.
async fn serve_with(
    feed: Feed,
    change: impl Fn(&Asked, Answer) -> Answer + Send + Sync + 'static,
) -> (Scripted, Arc<Mutex<Feed>>) {
    let feed = Arc::new(Mutex::new(feed));
    let served = Arc::clone(&feed);
    let script = move |asked: &Asked| {
        let answer = served.lock().unwrap().answer(asked);
        change(asked, answer)
    };
    (Scripted::start(script).await, feed)
}

fn at(position: u64) -> Position {
    Position::new(position).unwrap()
}

const FEED: &str = "/feeds/orders";
