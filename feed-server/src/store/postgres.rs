//! PostgreSQL, 13 and newer: several server processes on one database.
//!
//! An append locks the rows of its feeds, gives positions, and commits: the lock, not a sequence,
//! makes positions gapless and lets them grow in commit order. Events that callers publish in their
//! own transactions wait in an outbox until an append, or the relay, gives them their places.
//! Everything that is read is read in one statement, which sees one state of the database.
//!
//! No setting of a session is relied upon, so that a connection pooler may stand in between;
//! `LISTEN`, which does not work through one, is a hint with a slow poll behind it.
//!
//! # Layout
//!
//! - `options`: which database, and how
//! - `setup`: connections, and what is checked when the database is opened
//! - `pool`: connections that are used for a bounded time
//! - `migrate`: the schema and its versions
//! - `append`, `insert`: the transaction that gives events their positions
//! - `direct`: the same in one statement, where nothing stands in its way
//! - `moving`: moves what waits in the outbox in one statement, where nothing stands in its way
//! - `marks`: what was seen of the outbox, and need not be looked at again
//! - `outbox`: where events wait that were published in their callers' own transactions
//! - `lives`: another incarnation of a feed
//! - `inspect`: looks at a database, and leaves it as it is
//! - `read`: everything that is read
//! - `notify`: tells other processes, and hears from them
//! - `failure`: what an error of PostgreSQL means to a caller

mod append;
mod direct;
mod failure;
mod insert;
mod inspect;
mod lives;
mod marks;
mod migrate;
mod moving;
mod notify;
mod options;
mod outbox;
mod pool;
mod read;
mod setup;

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use feed_protocol::event::{EventId, Source, Subject};
use feed_protocol::{Entry, FeedName, Incarnation, Position};
use sqlx::Connection;

use self::direct::Expectations;
use self::failure::failure;
use self::marks::Marks;
use self::notify::Notifications;
use self::pool::Pool;
use super::outbox::{Outbox, Relayed};
use super::{Append, Commit, EventStore, Feed, Head, NewFeed, Slice, StoreError, Window};

pub(crate) use self::inspect::Inspected;
pub use self::options::PostgresOptions;
pub(super) use self::outbox::put;

/// How many connections write: the queue of publishes, the relay, and one for all that is rare (who
/// creates a feed, looks whether the database is ready, or tidies the outbox).
const WRITERS: u32 = 3;

/// Events in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    writers: Pool,
    readers: Pool,
    notifications: Notifications,
    expectations: Expectations,
    marks: Marks,
}

impl PostgresStore {
    /// Opens the database, and brings its schema up to date.
    ///
    /// # Errors
    ///
    /// [`StoreError::Setup`] with what is wrong and what to do, in one line: the server cannot be
    /// reached or is too old, the database is missing or read-only or not in UTF-8, a newer program
    /// has changed it.
    pub async fn open(options: PostgresOptions) -> Result<Self, StoreError> {
        let explain = |error| setup::explain(&options, error);
        let mut connection = setup::connect(&options).await.map_err(explain)?;
        setup::check(&mut connection, &options).await?;
        migrate::run(&mut connection, &options, migrate::MIGRATIONS).await?;
        if let Err(error) = connection.close().await {
            tracing::debug!(%error, "a connection could not be closed");
        }
        Ok(Self {
            writers: Pool::new(&options, WRITERS),
            readers: Pool::new(&options, options.readers),
            notifications: Notifications::start(&options).await.map_err(explain)?,
            expectations: Expectations::default(),
            marks: Marks::default(),
        })
    }

    async fn append_to(&self, feeds: &[&Feed], requests: &[Append]) -> Result<Commit, StoreError> {
        let commit = match self.append_directly(feeds, requests).await? {
            Some(commit) => commit,
            None => self.append_by_steps(feeds, requests).await?,
        };
        self.note(&commit.heads);
        Ok(commit)
    }

    async fn append_by_steps(
        &self,
        feeds: &[&Feed],
        requests: &[Append],
    ) -> Result<Commit, StoreError> {
        let marks = &self.marks;
        let append = |pool| async move { append::append(&pool, feeds, requests, marks).await };
        self.writers.run(append).await.inspect_err(|_| marks.forget())
    }

    /// Takes note of what was committed, and tells others.
    fn note(&self, heads: &HashMap<i64, Head>) {
        self.expectations.note(heads);
        if !heads.is_empty() {
            self.notifications.announce();
        }
    }

    /// `None` if something stands in the way.
    async fn append_directly(
        &self,
        feeds: &[&Feed],
        requests: &[Append],
    ) -> Result<Option<Commit>, StoreError> {
        let Some(head) = self.expectations.of(feeds, requests) else { return Ok(None) };
        let mark = self.marks.of(feeds[0].key);
        let append =
            |pool| async move { direct::append(&pool, feeds[0], head, requests, mark).await };
        let commit = self.writers.run(append).await.inspect_err(|_| self.marks.forget())?;
        if commit.is_none() {
            self.expectations.missed(feeds[0]);
        }
        Ok(commit)
    }
}

#[async_trait]
impl EventStore for PostgresStore {
    async fn create_feed(&self, feed: NewFeed) -> Result<Feed, StoreError> {
        let name = feed.name.clone();
        let create = |pool| async move { append::create_feed(&pool, &feed).await };
        let created = self.writers.run(create).await?.ok_or(StoreError::FeedExists(name))?;
        self.notifications.announce();
        Ok(created)
    }

    async fn new_incarnation(
        &self,
        feed: &FeedName,
        incarnation: Incarnation,
    ) -> Result<Option<Feed>, StoreError> {
        let begin = |pool| async move { lives::begin(&pool, feed, &incarnation).await };
        let begun = self.writers.run(begin).await?;
        self.notifications.announce();
        Ok(begun)
    }

    async fn feeds(&self) -> Result<Vec<(Feed, Head)>, StoreError> {
        self.readers.run(|pool| async move { read::again(|| read::feeds(&pool)).await }).await
    }

    async fn head(&self, feed: &Feed) -> Result<Head, StoreError> {
        self.readers.run(|pool| async move { read::again(|| read::head(&pool, feed)).await }).await
    }

    async fn append(&self, requests: &[Append]) -> Result<Commit, StoreError> {
        let mut feeds: Vec<&Feed> = requests.iter().map(|request| &request.feed).collect();
        feeds.sort_unstable_by_key(|feed| feed.key);
        feeds.dedup_by_key(|feed| feed.key);
        self.append_to(&feeds, requests).await
    }

    async fn read(&self, feed: &Feed, window: &Window<'_>) -> Result<Slice, StoreError> {
        self.readers
            .run(|pool| async move { read::again(|| read::window(&pool, feed, window)).await })
            .await
    }

    async fn entry(&self, feed: &Feed, position: Position) -> Result<Option<Entry>, StoreError> {
        self.readers
            .run(|pool| async move { read::again(|| read::entry(&pool, feed.key, position)).await })
            .await
    }

    async fn find(
        &self,
        feed: &Feed,
        source: &Source,
        id: &EventId,
    ) -> Result<Option<Position>, StoreError> {
        self.readers
            .run(|pool| async move { read::again(|| read::find(&pool, feed, source, id)).await })
            .await
    }

    async fn subject(
        &self,
        feed: &Feed,
        subject: &Subject,
        after: Position,
        max_entries: u64,
        max_bytes: u64,
    ) -> Result<Option<Slice>, StoreError> {
        self.readers
            .run(|pool| async move {
                read::again(|| read::subject(&pool, feed, subject, after, max_entries, max_bytes))
                    .await
            })
            .await
    }

    async fn position_before(
        &self,
        feed: &Feed,
        instant: DateTime<Utc>,
    ) -> Result<Position, StoreError> {
        self.readers.run(|pool| async move { read::again(|| read::position_before(&pool, feed, instant)).await }).await
    }

    async fn changed_elsewhere(&self) {
        self.notifications.heard().await;
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.writers
            .run(|pool| async move { setup::check_writable(&pool).await.map_err(failure) })
            .await
    }

    fn outbox(&self) -> Option<&dyn Outbox> {
        Some(self)
    }

    async fn close(&self) {
        self.notifications.close().await;
        self.readers.close().await;
        self.writers.close().await;
    }
}

#[async_trait]
impl Outbox for PostgresStore {
    async fn lease(&self, holder: &str, duration: Duration) -> Result<bool, StoreError> {
        self.writers.run(|pool| async move { outbox::lease(&pool, holder, duration).await }).await
    }

    async fn release(&self, holder: &str) -> Result<(), StoreError> {
        self.writers.run(|pool| async move { outbox::release(&pool, holder).await }).await
    }

    async fn waiting(&self) -> Result<Vec<i64>, StoreError> {
        let marks = &self.marks;
        self.readers
            .run(|pool| async move { read::again(|| outbox::waiting(&pool, marks)).await })
            .await
    }

    async fn relay(&self, feed: &Feed) -> Result<Relayed, StoreError> {
        let marks = &self.marks;
        let moving = |pool| async move { moving::move_waiting(&pool, feed, marks).await };
        let moved = self.writers.run(moving).await.inspect_err(|_| marks.forget())?;
        let mut heads: HashMap<i64, Head> =
            moved.head.map(|head| (feed.key, head)).into_iter().collect();
        if moved.is_rest {
            heads.extend(self.append_by_steps(&[feed], &[]).await?.heads);
        }
        self.note(&heads);
        Ok(Relayed { head: heads.get(&feed.key).copied() })
    }

    async fn tidy(&self) -> Result<(), StoreError> {
        self.writers.run(|pool| async move { outbox::vacuum(&pool).await }).await
    }

    async fn rejected(&self) -> Result<u64, StoreError> {
        self.readers.run(|pool| async move { read::again(|| outbox::rejected(&pool)).await }).await
    }
}
