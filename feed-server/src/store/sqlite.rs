//! The embedded default: one SQLite file.
//!
//! One connection writes, in transactions begun IMMEDIATE, and a few read beside it (WAL). Each
//! read is one statement, and so sees one state of the database for no longer than a page takes.
//!
//! # Layout
//!
//! - `options`: which file, and how
//! - `setup`: connections, and what is checked when the file is opened
//! - `migrate`: the schema and its versions
//! - `writer`: turns at the one connection that writes
//! - `append`, `insert`: the transaction that gives events their positions
//! - `put`: publishing in a transaction of the caller's
//! - `lives`: another incarnation of a feed
//! - `backup`: a copy of the file, and its return
//! - `inspect`: looks at a file, and leaves it as it is
//! - `read`: everything that is read
//! - `watch`: notices what other processes commit
//! - `failure`: what an error of SQLite means to a caller

mod append;
mod backup;
mod failure;
mod insert;
mod inspect;
mod lives;
mod migrate;
mod options;
mod put;
mod read;
mod setup;
mod watch;
mod writer;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use feed_protocol::event::{EventId, Source, Subject};
use feed_protocol::{Entry, FeedName, Incarnation, Position};
use sqlx::{Connection, SqlitePool};

use self::failure::failure;
use self::watch::Watch;
use self::writer::Writer;
use super::{Append, Commit, EventStore, Feed, Head, NewFeed, Slice, StoreError, Window};

pub(crate) use self::backup::{backup, restore};
pub(crate) use self::inspect::Inspected;
pub use self::options::SqliteOptions;
pub(super) use self::put::put;

/// How long [`EventStore::check`] waits for its turn to write.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Events in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    options: SqliteOptions,
    writer: Writer,
    readers: SqlitePool,
    watch: Watch,
}

impl SqliteStore {
    /// Opens the file, creates it if it is missing and that is wanted, and brings its schema up to
    /// date.
    ///
    /// # Errors
    ///
    /// [`StoreError::Setup`] with what is wrong and what to do, in one line: the folder is
    /// missing, the file is no database or not writable or locked, a newer program has changed
    /// it, or it stands on a file system that cannot hold it safely.
    pub async fn open(options: SqliteOptions) -> Result<Self, StoreError> {
        setup::check_path(&options)?;
        let explain = |error| setup::explain(options.path(), error);
        let mut writing = setup::connect_writer(&options, options.create).await.map_err(explain)?;
        migrate::run(&mut writing, options.path(), migrate::MIGRATIONS).await?;
        let readers = setup::connect_readers(&options).await.map_err(explain)?;
        let watch = Watch::start(&options).await.map_err(explain)?;
        let writer = Writer::new(options.clone(), writing);
        Ok(Self { options, writer, readers, watch })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.options.path()
    }

    async fn try_write(&self) -> Result<(), StoreError> {
        let mut turn = self.writer.turn().await?;
        let proven = turn.follows_success();
        let mut transaction =
            turn.connection().begin_with("BEGIN IMMEDIATE").await.map_err(failure)?;
        sqlx::query(include_str!("sqlite/sql/migrations_touch.sql"))
            .execute(&mut *transaction)
            .await
            .map_err(failure)?;
        // After a failure only a commit shows whether the disk takes writes again; while all goes
        // well, asking must not cost a sync.
        let ended = if proven { transaction.rollback().await } else { transaction.commit().await };
        ended.map_err(failure)?;
        turn.succeeded();
        Ok(())
    }
}

#[async_trait]
impl EventStore for SqliteStore {
    async fn create_feed(&self, feed: NewFeed) -> Result<Feed, StoreError> {
        let mut turn = self.writer.turn().await?;
        let created = append::create_feed(turn.connection(), &feed).await?;
        turn.succeeded();
        created.ok_or(StoreError::FeedExists(feed.name))
    }

    async fn new_incarnation(
        &self,
        feed: &FeedName,
        incarnation: Incarnation,
    ) -> Result<Option<Feed>, StoreError> {
        let mut turn = self.writer.turn().await?;
        let begun = lives::begin(turn.connection(), feed, &incarnation).await?;
        turn.succeeded();
        Ok(begun)
    }

    async fn feeds(&self) -> Result<Vec<(Feed, Head)>, StoreError> {
        read::feeds(&self.readers).await
    }

    async fn head(&self, feed: &Feed) -> Result<Head, StoreError> {
        read::head(&self.readers, feed).await
    }

    async fn append(&self, requests: &[Append]) -> Result<Commit, StoreError> {
        if requests.is_empty() {
            return Ok(Commit::default());
        }
        let mut turn = self.writer.turn().await?;
        let commit = append::append(turn.connection(), requests).await?;
        turn.succeeded();
        Ok(commit)
    }

    async fn read(&self, feed: &Feed, window: &Window<'_>) -> Result<Slice, StoreError> {
        read::window(&self.readers, feed, window).await
    }

    async fn entry(&self, feed: &Feed, position: Position) -> Result<Option<Entry>, StoreError> {
        read::entry(&self.readers, feed.key, position).await
    }

    async fn find(
        &self,
        feed: &Feed,
        source: &Source,
        id: &EventId,
    ) -> Result<Option<Position>, StoreError> {
        read::find(&self.readers, feed, source, id).await
    }

    async fn subject(
        &self,
        feed: &Feed,
        subject: &Subject,
        after: Position,
        max_entries: u64,
        max_bytes: u64,
    ) -> Result<Option<Slice>, StoreError> {
        read::subject(&self.readers, feed, subject, after, max_entries, max_bytes).await
    }

    async fn position_before(
        &self,
        feed: &Feed,
        instant: DateTime<Utc>,
    ) -> Result<Position, StoreError> {
        read::position_before(&self.readers, feed, instant).await
    }

    async fn changed_elsewhere(&self) {
        self.watch.changed().await;
    }

    /// Takes the write lock. After a write that failed, it also commits one that changes nothing,
    /// until that succeeds; a disk that has filled up since the last append is not noticed.
    async fn check(&self) -> Result<(), StoreError> {
        tokio::time::timeout(CHECK_TIMEOUT, self.try_write()).await.unwrap_or_else(|_| {
            Err(StoreError::Unavailable(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
        })
    }

    async fn close(&self) {
        self.watch.close().await;
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[cfg(test)]
mod tests {
    use feed_protocol::event::EventParts;
    use feed_protocol::{Event, PageSize};

    use super::*;

    fn new_feed() -> NewFeed {
        NewFeed {
            name: "orders".parse().unwrap(),
            title: "Orders".to_owned(),
            page_size: PageSize::DEFAULT,
            iri: "tag:shop.example,2026-11-21:orders".to_owned(),
            authority: "shop.example".to_owned(),
            incarnation: "k3wq".parse().unwrap(),
        }
    }

    fn request(feed: &Feed, ids: std::ops::Range<u64>) -> Append {
        let event = |id: u64| {
            Event::new(EventParts::new(
                id.to_string().parse().unwrap(),
                "/shop".parse().unwrap(),
                "order.placed".parse().unwrap(),
            ))
            .unwrap()
        };
        Append { feed: feed.clone(), events: ids.map(event).collect(), expected_version: None }
    }

    #[tokio::test]
    async fn a_full_disk_stores_nothing_and_is_noticed_until_there_is_room_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(SqliteOptions::new(folder.path().join("feeds.db"))).await;
        let store = store.unwrap();
        let feed = store.create_feed(new_feed()).await.unwrap();
        store.append(&[request(&feed, 0..10)]).await.unwrap();

        // No page more than there are: what SQLite then says is what it says of a full disk. The
        // limit is that of one connection, and goes away with it.
        let mut turn = store.writer.turn().await.unwrap();
        sqlx::raw_sql("PRAGMA max_page_count = 1").execute(turn.connection()).await.unwrap();
        turn.succeeded();
        let error = store.append(&[request(&feed, 10..5000)]).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert!(!store.writer.turn().await.unwrap().follows_success());
        assert_eq!(store.head(&feed).await.unwrap().position.get(), 10);

        store.check().await.unwrap();
        let appended = store.append(&[request(&feed, 5..15)]).await.unwrap();
        let appended = appended.results[0].as_ref().unwrap();
        let places: Vec<u64> = appended.iter().map(|it| it.position.get()).collect();
        assert_eq!(places, (6..=15).collect::<Vec<u64>>());
    }

    #[tokio::test]
    async fn data_are_stored_byte_for_byte_and_absent_ones_as_null() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(SqliteOptions::new(folder.path().join("feeds.db"))).await;
        let store = store.unwrap();
        let feed = store.create_feed(new_feed()).await.unwrap();
        let mut request = request(&feed, 0..2);
        let mut parts = request.events[1].clone().into_parts();
        parts.data_content_type = Some("text/plain".parse().unwrap());
        parts.data = Some(bytes::Bytes::new());
        request.events[1] = Event::new(parts).unwrap();
        store.append(&[request]).await.unwrap();
        let types: Vec<String> =
            sqlx::query_scalar("SELECT typeof(data) FROM feed_events ORDER BY position")
                .fetch_all(&store.readers)
                .await
                .unwrap();
        assert_eq!(types, ["null", "blob"]);
    }
}
