//! A SQLite file as a [`Database`], and what only such a file can meet.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use feed_server::store::sqlite::{SqliteOptions, SqliteStore};
use feed_server::store::{EventStore, StoreError};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, SqliteConnection};
use tempfile::TempDir;

use super::Database;
use super::given::{append, event, events, feed, ids, read_all, request};

/// A SQLite file in a folder of its own.
pub(super) struct File {
    folder: TempDir,
}

impl File {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("feeds.db")
    }

    /// A connection of somebody else's.
    async fn connect(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.path()).connect().await.unwrap()
    }
}

impl Database for File {
    const HEADS: [&'static str; 2] = ["feed_feeds", "head_updated"];

    async fn open(&self) -> Arc<dyn EventStore> {
        // However slow the disk: no promise speaks of time.
        let options = SqliteOptions::new(self.path()).busy_timeout(Duration::from_secs(60));
        Arc::new(SqliteStore::open(options).await.unwrap())
    }

    async fn meddle(&self, statements: &str) {
        let statements = sqlx::AssertSqlSafe(statements.to_owned());
        (&mut self.connect().await).execute(sqlx::raw_sql(statements)).await.unwrap();
    }
}

#[tokio::test]
async fn a_lock_held_too_long_is_an_error_that_passes() {
    let file = File::new();
    let options = SqliteOptions::new(file.path()).busy_timeout(Duration::from_millis(50));
    let store = SqliteStore::open(options).await.unwrap();
    let orders = feed(&store, "orders").await;

    let mut other = file.connect().await;
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let error = store.append(&[request(&orders, [event(1)])]).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
    assert!(read_all(&store, &orders).await.is_empty(), "reading goes on");
    lock.rollback().await.unwrap();

    store.check().await.unwrap();
    append(&store, &orders, [event(1)]).await.unwrap();
    assert_eq!(ids(&read_all(&store, &orders).await), ["1"]);
}

#[tokio::test]
async fn a_file_that_is_taken_away_does_not_come_back_empty() {
    let file = File::new();
    let options = SqliteOptions::new(file.path()).busy_timeout(Duration::from_millis(50));
    let store = SqliteStore::open(options).await.unwrap();
    let orders = feed(&store, "orders").await;
    let mut other = file.connect().await;
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    store.append(&[request(&orders, [event(1)])]).await.unwrap_err();
    lock.rollback().await.unwrap();

    // The failure has closed the connection that writes, so that the next append opens the file.
    std::fs::rename(file.path(), file.path().with_extension("away")).unwrap();
    let error = store.append(&[request(&orders, [event(1)])]).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(!file.path().exists());
}

#[tokio::test]
async fn an_append_waits_for_a_lock_that_is_released_in_time() {
    let file = File::new();
    let store = file.open().await;
    let orders = feed(&*store, "orders").await;
    let mut other = file.connect().await;
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let waiting = tokio::spawn({
        let (store, orders) = (store.clone(), orders.clone());
        async move { append(&*store, &orders, [event(1)]).await }
    });
    lock.rollback().await.unwrap();
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_log_is_gone_once_the_last_process_has_closed_the_file() {
    let file = File::new();
    let (one, two) = (file.open().await, file.open().await);
    let orders = feed(&*one, "orders").await;
    append(&*one, &orders, events(0..100)).await.unwrap();
    one.close().await;
    append(&*two, &orders, events(100..200)).await.unwrap();
    two.close().await;
    let files: Vec<_> = std::fs::read_dir(file.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files, ["feeds.db"]);
}

#[tokio::test]
async fn several_programs_can_start_on_a_new_file_at_once() {
    let file = Arc::new(File::new());
    let mut programs = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let file = file.clone();
        programs.spawn(async move { file.open().await.feeds().await.unwrap() });
    }
    assert!(programs.join_all().await.iter().all(Vec::is_empty));
}

/// What a program says when it cannot open this database.
async fn refusal(database: impl AsRef<str>) -> String {
    let store = match database.as_ref().parse::<SqliteOptions>() {
        Ok(options) => SqliteStore::open(options.busy_timeout(Duration::from_millis(50))).await,
        Err(error) => Err(error),
    };
    match store {
        Err(StoreError::Setup { message, .. }) => {
            assert!(!message.contains('\n'), "one line: {message}");
            message
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();

    let message = refusal(at("missing/feeds.db")).await;
    assert!(message.contains(&format!("no folder {} for the", at("missing"))), "{message}");

    let message = refusal(at("")).await;
    assert!(message.contains("is a folder: name a file in it, such as"), "{message}");

    std::fs::write(at("letter.db"), "Dear Sir or Madam, ".repeat(100)).unwrap();
    let message = refusal(at("letter.db")).await;
    assert!(message.contains("letter.db is not a SQLite database: name another"), "{message}");

    let message = refusal("sqlite::memory:").await;
    assert!(message.contains("is in memory"), "{message}");
}

#[tokio::test]
async fn a_file_that_is_locked_or_too_new_is_refused_with_the_remedy() {
    let file = File::new();
    file.open().await.close().await;
    let path = file.path().display().to_string();
    let mut other = file.connect().await;
    let lock = other.begin_with("BEGIN EXCLUSIVE").await.unwrap();
    let message = refusal(&path).await;
    assert!(message.contains("is locked by another program: end that program"), "{message}");
    lock.rollback().await.unwrap();

    sqlx::query("INSERT INTO feed_migrations SELECT max(version) + 2, 'x', 0 FROM feed_migrations")
        .execute(&mut other)
        .await
        .unwrap();
    let message = refusal(&path).await;
    assert!(message.contains("has schema version 4"), "{message}");
    assert!(message.contains("use a newer program"), "{message}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_may_not_be_written_is_refused_with_the_remedy() {
    use std::os::unix::fs::PermissionsExt;

    let file = File::new();
    file.open().await.close().await;
    std::fs::set_permissions(file.path(), PermissionsExt::from_mode(0o444)).unwrap();
    // Permissions do not bind the superuser.
    if std::fs::OpenOptions::new().append(true).open(file.path()).is_ok() {
        return;
    }
    let message = refusal(file.path().display().to_string()).await;
    assert!(message.contains("give this user write permission"), "{message}");
}
