//! The settings of a subscription.

use std::str::FromStr;
use std::time::Duration;

use tokio::sync::watch;
use url::Url;

use super::Consumer;
use crate::cursor::Window;
use crate::handler::{Handler, Work};
use crate::lease::LeaseSettings;
use crate::reading::Pace;
use crate::reading::client::Client;
use crate::reading::client::options::HttpOptions;
use crate::reading::document::settings::{DocumentSettings, Updates, Vanished};
use crate::reading::outlook::Outlook;
use crate::schedule::Schedule;
use crate::schedule::backoff::Backoff;
use crate::schedule::failures::{Patience, Retry};
use crate::shard::ShardCount;
use crate::store::location::CursorDatabase;
use crate::worker::{Batching, Manner, OnExhausted, Progress};

/// How long a subscription that is to end by itself bears failures, if not set.
const DEFAULT_PATIENCE: Duration = Duration::from_secs(5 * 60);

/// After how long a parked event is taken up again, if not set.
const PARKED_RETRIES: [Duration; 5] = [
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
];

/// How an event is tried before it is parked, if not set. Its shard waits meanwhile, so it is soon.
const IN_PLACE: Patience = Patience {
    backoff: Backoff { first: Duration::from_millis(100), cap: Duration::from_millis(400) },
    give_up_after: Some(Duration::from_secs(1)),
    failures: Some(3),
};

/// As long as for ever: a longer time may lead to a moment that no clock knows.
const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The longest name of a group, in bytes.
const MAX_GROUP: usize = 200;

/// Where a new subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Start {
    /// At the oldest event.
    #[default]
    Beginning,
    /// After the newest event that there is.
    Now,
}

/// Text that says of no place to begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no place to begin: use 'beginning' or 'now'")]
pub struct InvalidStart(String);

impl FromStr for Start {
    type Err = InvalidStart;

    fn from_str(text: &str) -> Result<Self, InvalidStart> {
        match text {
            "beginning" => Ok(Self::Beginning),
            "now" => Ok(Self::Now),
            _ => Err(InvalidStart(text.to_owned())),
        }
    }
}

/// A setting with which no subscription can run.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {message}")]
pub struct ConfigError {
    key: &'static str,
    message: String,
}

impl ConfigError {
    pub(crate) fn new(key: &'static str, message: impl ToString) -> Self {
        Self { key, message: message.to_string() }
    }

    /// The setting.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        self.key
    }

    /// What is wrong with it, and what would be right.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// The settings of a subscription; see [`Consumer::builder`].
#[derive(Debug, Clone)]
pub struct ConsumerBuilder<H> {
    url: String,
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
    backoff: Backoff,
    give_up_after: Option<Option<Duration>>,
    grace: Duration,
    http: HttpOptions,
    handler: H,
}

impl ConsumerBuilder<()> {
    pub(super) fn new(url: String) -> Self {
        Self {
            url,
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
            backoff: Backoff::default(),
            give_up_after: None,
            grace: Duration::from_secs(10),
            http: HttpOptions::default(),
            handler: (),
        }
    }
}

impl<H> ConsumerBuilder<H> {
    /// The name of the group: who it is that reads. Groups read independently of each other.
    /// `default`, if not set.
    #[must_use]
    pub fn group(mut self, name: impl Into<String>) -> Self {
        self.group = name.into();
        self
    }

    /// The database that holds the cursor: a SQLite file, created if it is missing, by its path or
    /// a URL such as `sqlite:///var/lib/consumer.db`; a PostgreSQL database by its URL, such as
    /// `postgres://user@localhost/shop`; or a pool of sqlx for either. Any number of subscriptions
    /// can share it. `consumer.db` in the working directory, if not set.
    #[must_use]
    pub fn database(mut self, database: impl Into<CursorDatabase>) -> Self {
        self.database = database.into();
        self
    }

    /// Where a new subscription begins; one that has a cursor goes on from there. The beginning,
    /// if not set.
    #[must_use]
    pub const fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// When to ask for news: one of the schedules that there are, or a [`Timetable`] of your own.
    /// Live, if not set.
    ///
    /// [`Timetable`]: crate::Timetable
    #[must_use]
    pub fn schedule(mut self, schedule: impl Into<Schedule>) -> Self {
        self.schedule = schedule.into();
        self
    }

    /// Whether to end once everything that the feed holds is handled. No, if not set.
    #[must_use]
    pub const fn until_idle(mut self, until_idle: bool) -> Self {
        self.until_idle = until_idle;
        self
    }

    /// Into how many shards a new subscription is cut, so that workers can share it: every worker
    /// that runs with the same group, feed and database takes its part of them. Events of one
    /// subject are in one shard, and handled in order, one after the other. With one shard
    /// ([`ShardCount::ONE`]) all events are, by one worker at a time. 64, if not set; fixed at the
    /// first start, and a start that says another number is refused. A document of other software
    /// is always one shard.
    #[must_use]
    pub const fn shards(mut self, count: ShardCount) -> Self {
        self.shards = Some(count);
        self
    }

    /// How many workers this process counts for, which share what it reads: it takes so many
    /// workers' part of the shards, and handles so many events at a time, each of another shard.
    /// 1, if not set; 0 means 1.
    #[must_use]
    pub const fn workers(mut self, count: u16) -> Self {
        self.workers = if count == 0 { 1 } else { count };
        self
    }

    /// How many events each worker handles at a time, each of another shard; with
    /// [`batch`](Self::batch), how many batches. With 1, events are handled in the order of the
    /// feed, but for those that are tried again. 1, if not set; 0 means 1.
    ///
    /// Handlers run in one task: they wait at the same time, and do not compute at the same time.
    /// On SQLite one transaction writes at a time, whatever this says.
    #[must_use]
    pub const fn concurrency(mut self, count: usize) -> Self {
        self.concurrency = if count == 0 { 1 } else { count };
        self
    }

    /// How long a worker holds its shards after each renewal, and so how long they stand still
    /// when it dies or loses the database. On the same machine a worker whose process has ended is
    /// noticed at once. Transactional handlers have a third of it. 15 seconds, if not set; at least
    /// a second.
    #[must_use]
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How much of a shard may be handled before its cursor moves past it, and may be handled again
    /// after a crash: 100 events and 100 ms, if not set. The cursor does not move within a batch, so there
    /// it may be one batch more. Transactional handlers do not need it: their cursor moves with
    /// them.
    #[must_use]
    pub const fn window(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// How many events are handled together: at most `events` (0 means 1), and the first of them
    /// waits for the others for `time` at most. 100 events without a wait, if not set, so that what
    /// is there is handled at once.
    ///
    /// It is for handlers of several events ([`on_batch`](ConsumerBuilder::on_batch)), which are
    /// given so many, and for transactional ones, of which so many share a transaction. All others
    /// handle one event after the other, however many there are.
    #[must_use]
    pub fn batch(mut self, events: usize, time: Duration) -> Self {
        self.batching = Batching { events: events.max(1), time };
        self
    }

    /// How long the handling of an event may take, or of several at once. One that takes longer is
    /// dropped, and counts as a failed try; in a transaction, what it wrote is rolled back. No
    /// limit if `None`. A minute for closures and no limit for a [`Handler`], if not set. In a
    /// transaction at most a third of the [`lease`](Self::lease), and that if not set.
    #[must_use]
    pub const fn deadline(mut self, limit: Option<Duration>) -> Self {
        self.deadline = Some(limit);
        self
    }

    /// How an event is tried again that was not handled, before [`on_exhausted`](Self::on_exhausted)
    /// says what becomes of it. Its shard waits meanwhile. Three tries, within a second at most, if
    /// not set; but where it is to stop the subscription, as failures of reading are met
    /// ([`backoff`](Self::backoff), [`give_up_after`](Self::give_up_after)).
    #[must_use]
    pub const fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// What becomes of an event after its last try, or after a permanent error: it is parked, so that
    /// all events of other subjects go on (if not set), or the subscription stops before it. With
    /// [one shard](Self::shards), where all events are in one order, only to stop keeps that order.
    ///
    /// A feed without positions is always stopped before the event, since its entries cannot be
    /// parked yet.
    #[must_use]
    pub const fn on_exhausted(mut self, what: OnExhausted) -> Self {
        self.on_exhausted = what;
        self
    }

    /// After how long a parked event is taken up again, one time after the other; after the last it
    /// waits for a person. 10 seconds, 1, 5 and 30 minutes and 2 hours, if not set.
    #[must_use]
    pub fn parked_retries(mut self, times: impl IntoIterator<Item = Duration>) -> Self {
        self.parked_retries = times.into_iter().collect();
        self
    }

    /// How long to wait after failures of reading, and of handling an event that is to stop the
    /// subscription ([`retry`](Self::retry)). At most 200 ms after the first, doubling up to at most
    /// a minute, if not set.
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// How long failures in a row are borne, of reading, or of handling an event that is to stop the
    /// subscription ([`retry`](Self::retry)), before it ends with an error. For ever if `None`. The time counts from the first failure;
    /// a request that is under way when it is over may still succeed. A server that asks for a
    /// longer wait (`Retry-After`) is given up at once.
    ///
    /// If not set: for ever, or for five minutes if the subscription is to end by itself, since
    /// then somebody waits for it.
    #[must_use]
    pub const fn give_up_after(mut self, limit: Option<Duration>) -> Self {
        self.give_up_after = Some(limit);
        self
    }

    /// How often an entry of a feed without positions is handled: once (if not set), or again
    /// whenever it has changed. The newest 10,000 entries that such a feed no longer shows are
    /// remembered, besides those that it does.
    #[must_use]
    pub const fn updates(mut self, updates: Updates) -> Self {
        self.documents.updates = updates;
        self
    }

    /// What to do when a feed without positions no longer holds any entry that was handled, so
    /// that entries may have been missed. It ends with [`Discontinuity::Vanished`], if not set.
    ///
    /// [`Discontinuity::Vanished`]: crate::Discontinuity::Vanished
    #[must_use]
    pub const fn vanished(mut self, vanished: Vanished) -> Self {
        self.documents.vanished = vanished;
        self
    }

    /// How many older pages of a feed without positions (RFC 5005: `prev-archive` or `next`) may
    /// be found before the first of them is handled; with 0, no link to them is followed. 10,000,
    /// if not set.
    #[must_use]
    pub const fn max_pages(mut self, count: u32) -> Self {
        self.documents.max_pages = count;
        self
    }

    /// How long a shutdown waits for the event in hand. Ten seconds, if not set.
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How requests are made: time-outs, tokens, proxies, certificates, a cache.
    #[must_use]
    pub fn http(mut self, options: HttpOptions) -> Self {
        self.http = options;
        self
    }

    /// The same settings with another handler.
    pub(super) fn with_handler<T>(self, change: impl FnOnce(H) -> T) -> ConsumerBuilder<T> {
        let Self {
            url,
            group,
            database,
            start,
            schedule,
            until_idle,
            documents,
            shards,
            workers,
            concurrency,
            lease,
            window,
            batching,
            deadline,
            retry,
            on_exhausted,
            parked_retries,
            backoff,
            give_up_after,
            grace,
            http,
            handler,
        } = self;
        let handler = change(handler);
        ConsumerBuilder {
            url,
            group,
            database,
            start,
            schedule,
            until_idle,
            documents,
            shards,
            workers,
            concurrency,
            lease,
            window,
            batching,
            deadline,
            retry,
            on_exhausted,
            parked_retries,
            backoff,
            give_up_after,
            grace,
            http,
            handler,
        }
    }
}

impl ConsumerBuilder<()> {
    /// Handles events with this.
    #[must_use]
    pub fn handler<T: Handler>(self, handler: T) -> ConsumerBuilder<T> {
        self.with_handler(|()| handler)
    }
}

impl<H: Work> ConsumerBuilder<H> {
    /// The subscription, ready to run.
    ///
    /// # Errors
    ///
    /// When a setting is wrong. The feed and the database are not looked at yet.
    pub fn build(self) -> Result<Consumer<H>, ConfigError> {
        let url = parse_url(&self.url).map_err(|message| ConfigError::new("url", message))?;
        let group = self.group;
        if group.is_empty() || group.len() > MAX_GROUP || group.chars().any(char::is_control) {
            let message = format!(
                "{group:?} is not a name: 1 to {MAX_GROUP} bytes without control characters"
            );
            return Err(ConfigError::new("group", message));
        }
        let database = self.database.locate().and_then(|location| {
            self.handler.check_location(&location)?;
            Ok(location)
        });
        let database = database.map_err(|message| ConfigError::new("database", message))?;
        self.handler.check().map_err(|message| ConfigError::new("handlers", message))?;
        let (client, url) = Client::new(&url, self.http)
            .map_err(|error| ConfigError::new(error.key, error.message))?;
        let give_up_after = self.give_up_after.unwrap_or(if self.until_idle {
            Some(DEFAULT_PATIENCE)
        } else {
            None
        });
        let patience = Patience { backoff: self.backoff, give_up_after, failures: None };
        let lease = self.lease.min(LONGEST);
        if lease < LeaseSettings::SHORTEST {
            let shortest = humantime::format_duration(LeaseSettings::SHORTEST);
            return Err(ConfigError::new("lease", format!("it lasts {shortest} or longer")));
        }
        let deadline = self.deadline.unwrap_or_else(|| self.handler.default_deadline(lease));
        self.handler
            .check_deadline(deadline, lease)
            .map_err(|message| ConfigError::new("deadline", message))?;
        let Batching { events, time } = self.batching;
        let window = self.window;
        let manner = Manner {
            batching: Batching { events, time: time.min(LONGEST) },
            concurrency: self.concurrency.saturating_mul(usize::from(self.workers)),
            window: Window { events: window.events, time: window.time.min(LONGEST) },
            retry: tries(self.retry, self.on_exhausted, patience),
            on_exhausted: self.on_exhausted,
            parked_retries: self.parked_retries.into(),
            deadline: deadline.map(|limit| limit.min(LONGEST)),
            patience,
        };
        Ok(Consumer {
            client,
            url,
            group,
            database,
            start: self.start,
            pace: Pace {
                schedule: self.schedule,
                until_idle: self.until_idle,
                patience,
                outlook: Outlook::default(),
            },
            documents: self.documents,
            shards: self.shards,
            workers: self.workers,
            lease,
            retry: self.retry,
            manner,
            grace: self.grace.min(LONGEST),
            handler: self.handler,
            progress: watch::Sender::new(Progress::default()),
        })
    }
}

/// How an event is tried, of which this becomes after the last try. `patience` is how failures of
/// reading are met.
pub(super) fn tries(
    said: Option<Retry>,
    on_exhausted: OnExhausted,
    patience: Patience,
) -> Patience {
    match (said, on_exhausted) {
        (Some(retry), _) => retry.into(),
        (None, OnExhausted::Park) => IN_PLACE,
        (None, OnExhausted::Stop) => patience,
    }
}

/// The address of a feed.
pub(crate) fn parse_url(text: &str) -> Result<Url, String> {
    const REMEDY: &str = "name a feed such as http://127.0.0.1:3000/feeds/orders";
    match text.parse::<Url>() {
        Ok(mut url) if matches!(url.scheme(), "http" | "https") => {
            url.set_fragment(None);
            Ok(url)
        }
        // An address may hold a password, so it is not repeated.
        Ok(url) => Err(format!("the scheme {:?} is not http or https: {REMEDY}", url.scheme())),
        Err(error) => Err(format!("it is not a URL ({error}): {REMEDY}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(change: fn(ConsumerBuilder<()>) -> ConsumerBuilder<()>) -> Result<(), ConfigError> {
        let builder = change(Consumer::builder("http://127.0.0.1:3000/feeds/orders"));
        builder.on_any(async |_, _| Ok(())).build().map(drop)
    }

    #[test]
    fn a_wrong_setting_is_named_with_the_remedy() {
        build(|it| it).unwrap();
        let error = build(|it| it.group("")).unwrap_err();
        assert_eq!(error.key(), "group");
        let error = build(|it| it.database("mysql://localhost/x")).unwrap_err();
        assert_eq!(error.key(), "database");
        assert!(error.message().contains("name a file"), "{error}");
        for url in ["", "orders", "ftp://a.example/", "http://", "file:///etc/passwd"] {
            let error = Consumer::builder(url).on_any(async |_, _| Ok(())).build().unwrap_err();
            assert_eq!(error.key(), "url");
            assert!(error.message().contains("name a feed such as"), "{error}");
        }
    }

    #[test]
    fn a_wrong_setting_of_requests_is_named_without_its_secret() {
        let error = |http: HttpOptions| {
            let url = "http://127.0.0.1:3000/feeds/orders";
            let builder = Consumer::builder(url).http(http).on_any(async |_, _| Ok(()));
            builder.build().unwrap_err()
        };
        let none = HttpOptions::default;
        for (http, key) in [
            (none().token("s3cret word"), "token"),
            (none().token_file("/nowhere/token"), "token_file"),
            (none().proxy("socks5://me:s3cret@127.0.0.1"), "proxy"),
            (none().ca_file("/nowhere/ca.pem"), "ca_file"),
            (none().allow_origin("shop.example"), "allow_origin"),
            (none().cache_dir("/proc/nowhere"), "cache_dir"),
        ] {
            let error = error(http);
            assert_eq!(error.key(), key);
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        let both = Consumer::builder("http://me:pw@127.0.0.1:3000/feeds/orders")
            .http(none().token("a"))
            .on_any(async |_, _| Ok(()));
        assert!(both.build().unwrap_err().message().contains("leave one of them out"));
    }

    #[test]
    fn a_password_is_shown_nowhere() {
        let consumer = Consumer::builder("http://me:s3cret@127.0.0.1:3000/feeds/orders")
            .on_any(async |_, _| Ok(()))
            .build()
            .unwrap();
        assert_eq!(consumer.url.as_str(), "http://127.0.0.1:3000/feeds/orders");
        assert!(!format!("{:?}", consumer.client).contains("s3cret"));
        let http = HttpOptions::default().token("s3cret").proxy("http://me:s3cret@127.0.0.1:1");
        assert!(!format!("{http:?}").contains("s3cret"));
        let consumer = Consumer::builder("http://127.0.0.1:3000/feeds/orders")
            .http(http)
            .on_any(async |_, _| Ok(()))
            .build()
            .unwrap();
        assert!(!format!("{:?}", consumer.client).contains("s3cret"), "{:?}", consumer.client);
    }

    #[test]
    fn a_consumer_can_run_on_another_thread() {
        fn assert_send(_: impl Send) {}
        let consumer = Consumer::builder("http://127.0.0.1:3000/feeds/orders")
            .on_any(async |recorded, _| {
                tokio::task::yield_now().await;
                drop(recorded.event.clone());
                Ok(())
            })
            .build()
            .unwrap();
        assert_send(consumer.run(std::future::pending()));
    }
}
