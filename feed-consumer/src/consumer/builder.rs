//! The settings of a subscription.
//!
//! # Layout
//!
//! - [`reading`]: how and when the feed is read
//! - [`sharing`]: how workers share a subscription
//! - [`handling`]: how events are handled, and what becomes of those that are not
//! - [`build`]: from settings to a subscription
//! - [`error`]: what is wrong with a setting

mod build;
mod error;
mod handling;
mod reading;
mod sharing;

use std::time::Duration;

use super::Start;
use crate::cursor::Window;
use crate::handler::Handler;
use crate::handler::repair::Repair;
use crate::lease::LeaseSettings;
use crate::reading::client::options::HttpOptions;
use crate::reading::document::settings::DocumentSettings;
use crate::schedule::Schedule;
use crate::schedule::backoff::Backoff;
use crate::schedule::failures::Retry;
use crate::shard::ShardCount;
use crate::store::location::CursorDatabase;
use crate::worker::{Batching, OnExhausted};

pub(crate) use build::parse_url;
pub use error::ConfigError;

/// After how long a parked event is taken up again, if not set.
const PARKED_RETRIES: [Duration; 5] = [
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
];

/// How many events of a shard may wait behind parked ones, if not set.
const MOST_BEHIND: u64 = 10_000;

/// After how many attempts that end the worker an event is set aside, if not set.
const DEADLY_AFTER: u32 = 3;

/// The settings of a subscription; see [`Consumer::builder`](super::Consumer::builder).
#[derive(Debug, Clone)]
pub struct ConsumerBuilder<H> {
    url: String,
    settings: Settings,
    handler: H,
}

/// All settings but the feed and its handler.
#[derive(Debug, Clone)]
struct Settings {
    group: String,
    database: CursorDatabase,
    start: Start,
    schedule: Schedule,
    until_idle: bool,
    documents: DocumentSettings,
    shards: Option<ShardCount>,
    workers: u16,
    concurrency: usize,
    lease: Duration,
    window: Window,
    batching: Batching,
    deadline: Option<Option<Duration>>,
    retry: Option<Retry>,
    on_exhausted: OnExhausted,
    parked_retries: Vec<Duration>,
    most_behind: u64,
    deadly_after: u32,
    repair: Option<Repair>,
    repair_deadline: Option<Duration>,
    backoff: Backoff,
    give_up_after: Option<Option<Duration>>,
    grace: Duration,
    http: HttpOptions,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            group: "default".to_owned(),
            database: "consumer.db".into(),
            start: Start::default(),
            schedule: Schedule::Live,
            until_idle: false,
            documents: DocumentSettings::default(),
            shards: None,
            workers: 1,
            concurrency: 1,
            lease: LeaseSettings::default().lease,
            window: Window::default(),
            batching: Batching::default(),
            deadline: None,
            retry: None,
            on_exhausted: OnExhausted::default(),
            parked_retries: PARKED_RETRIES.to_vec(),
            most_behind: MOST_BEHIND,
            deadly_after: DEADLY_AFTER,
            repair: None,
            repair_deadline: None,
            backoff: Backoff::default(),
            give_up_after: None,
            grace: Duration::from_secs(10),
            http: HttpOptions::default(),
        }
    }
}

impl ConsumerBuilder<()> {
    pub(super) fn new(url: String) -> Self {
        Self { url, settings: Settings::default(), handler: () }
    }

    /// Handles events with this.
    #[must_use]
    pub fn handler<T: Handler>(self, handler: T) -> ConsumerBuilder<T> {
        self.with_handler(|()| handler)
    }
}

impl<H> ConsumerBuilder<H> {
    /// The name of the group: who it is that reads. Groups read independently of each other.
    /// `default`, if not set.
    #[must_use]
    pub fn group(mut self, name: impl Into<String>) -> Self {
        self.settings.group = name.into();
        self
    }

    /// The database that holds the cursor: a SQLite file, created if it is missing, by its path or
    /// a URL such as `sqlite:///var/lib/consumer.db`; a PostgreSQL database by its URL, such as
    /// `postgres://user@localhost/shop`; or a pool of sqlx for either. Any number of subscriptions
    /// can share it. `consumer.db` in the working directory, if not set.
    #[must_use]
    pub fn database(mut self, database: impl Into<CursorDatabase>) -> Self {
        self.settings.database = database.into();
        self
    }

    /// Where a new subscription begins; one that has a cursor goes on from there. The beginning,
    /// if not set.
    #[must_use]
    pub const fn start(mut self, start: Start) -> Self {
        self.settings.start = start;
        self
    }

    /// The same settings with another handler.
    pub(super) fn with_handler<T>(self, change: impl FnOnce(H) -> T) -> ConsumerBuilder<T> {
        let Self { url, settings, handler } = self;
        ConsumerBuilder { url, settings, handler: change(handler) }
    }
}

#[cfg(test)]
mod tests;
