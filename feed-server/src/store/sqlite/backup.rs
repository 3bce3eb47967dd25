//! A copy of the file, made while others use it, and its return.
//!
//! # Layout
//!
//! - `claim`: sees to it that nobody uses a database while it is replaced
//! - `place`: a file is written where nobody sees it, and gets its name once it is whole

mod claim;
mod place;

use std::fs;
use std::io;
use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use self::claim::Claim;
use self::place::{Hidden, LOGS, beside, setup};
use super::setup::{check_path, explain};
use super::{SqliteOptions, SqliteStore};
use crate::random;
use crate::store::{EventStore, Feed, StoreError};

/// Writes all that a file holds, as it is at one moment, into a new one, which has the same mode.
/// Others go on reading and writing meanwhile. The new file is there once it is whole and on the
/// disk, and takes the place of none that was created meanwhile.
///
/// # Errors
///
/// [`StoreError::Setup`], with what is wrong and what to do, in one line.
pub(crate) async fn backup(options: &SqliteOptions, to: &Path) -> Result<(), StoreError> {
    let exists = || setup(format!("{} exists already: name another file", to.display()));
    if to.exists() {
        return Err(exists());
    }
    check_path(&options.clone().create(false))?;
    let hidden = Hidden::beside(to)?;
    copy(options, hidden.path(), to).await?;
    hidden.take_mode_of(options.path())?;
    if hidden.create(to)? { Ok(()) } else { Err(exists()) }
}

/// Puts a backup in the place of a file, with a new incarnation for each feed, and returns the
/// feeds. The file holds what it did until the backup is whole, and in its place; nobody can open it
/// meanwhile. It keeps its mode and its owner; a new one has the mode of the backup, and may be
/// written by its owner. What a symbolic
/// link leads to is replaced, and not the link.
///
/// # Errors
///
/// [`StoreError::Setup`], with what is wrong and what to do, in one line: the file exists, and is not
/// to be replaced; another program uses it; the backup is none.
pub(crate) async fn restore(
    options: &SqliteOptions,
    backup: &Path,
    replace: bool,
) -> Result<Vec<Feed>, StoreError> {
    let named = options.path();
    if !named.exists() {
        return restore_new(named, backup).await;
    }
    if !replace {
        return Err(setup(format!(
            "the database {} exists already: say --yes to replace all that it holds, or name \
             another with --database",
            named.display()
        )));
    }
    let unreadable = |error| setup(format!("{} cannot be used: {error}", named.display()));
    let to = fs::canonicalize(named).map_err(unreadable)?;
    if fs::canonicalize(backup).is_ok_and(|backup| backup == to) {
        return Err(setup(format!(
            "{} is the database itself: name a file that 'feed-server backup' has written",
            backup.display()
        )));
    }
    let options = SqliteOptions { path: to.clone(), ..options.clone() };
    let claim = Claim::take(&options).await?;
    let (hidden, feeds) = prepare(backup, &to).await?;
    hidden.replace(&to)?;
    claim.release().await;
    Ok(feeds)
}

/// Restores where no file is.
async fn restore_new(to: &Path, backup: &Path) -> Result<Vec<Feed>, StoreError> {
    if let Some(log) = LOGS.iter().map(|ending| beside(to, ending)).find(|log| log.exists()) {
        return Err(setup(format!(
            "{} is the log of a database that is not there, and would become part of the restored \
             one: move it away",
            log.display()
        )));
    }
    let (hidden, feeds) = prepare(backup, to).await?;
    hidden.take_mode_of(backup)?;
    if hidden.create(to)? {
        return Ok(feeds);
    }
    Err(setup(format!("the database {} has been created meanwhile: try again", to.display())))
}

/// Copies a backup, and begins another life of every feed in the copy.
async fn prepare(backup: &Path, to: &Path) -> Result<(Hidden, Vec<Feed>), StoreError> {
    if fs::metadata(backup).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Err(setup(format!(
            "there is no backup {}: name a file that 'feed-server backup' has written",
            backup.display()
        )));
    }
    let from = SqliteOptions::new(backup).create(false);
    check_path(&from)?;
    let hidden = Hidden::beside(to)?;
    copy(&from, hidden.path(), to).await?;
    let feeds = begin_lives(hidden.path()).await?;
    Ok((hidden, feeds))
}

/// Copies a file of feeds into a new one; what is said of the copy names the file that it is made for.
async fn copy(from: &SqliteOptions, to: &Path, named: &Path) -> Result<(), StoreError> {
    let explain = |error| explain(from.path(), error);
    let mut connection = connect(from).await.map_err(explain)?;
    sqlx::query(include_str!("sql/feed_list.sql")).fetch_all(&mut connection).await.map_err(
        |error| StoreError::Setup {
            message: format!("{} is no database of feeds: name another", from.path().display()),
            source: Some(error),
        },
    )?;
    sqlx::query(include_str!("sql/backup_into.sql"))
        .bind(to.to_string_lossy())
        .execute(&mut connection)
        .await
        .map_err(|error| StoreError::Setup {
            message: format!(
                "{} cannot be copied to {}: see that its folder has room",
                from.path().display(),
                named.display()
            ),
            source: Some(error),
        })?;
    connection.close().await.map_err(explain)
}

/// Begins another life of every feed of a file that nobody else knows of.
async fn begin_lives(path: &Path) -> Result<Vec<Feed>, StoreError> {
    let store = SqliteStore::open(SqliteOptions::new(path).create(false)).await?;
    let mut feeds = Vec::new();
    for (feed, _) in store.feeds().await? {
        feeds.extend(store.new_incarnation(&feed.name, random::incarnation()).await?);
    }
    store.close().await;
    Ok(feeds)
}

async fn connect(options: &SqliteOptions) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new()
        .filename(options.path())
        .busy_timeout(options.busy_timeout)
        .disable_statement_logging()
        .connect()
        .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use feed_protocol::PageSize;

    use super::*;
    use crate::store::NewFeed;

    /// A file with one feed.
    async fn create(path: &Path, feed: &str) -> SqliteOptions {
        let options = SqliteOptions::new(path);
        let store = SqliteStore::open(options.clone()).await.unwrap();
        let feed = NewFeed {
            name: feed.parse().unwrap(),
            title: feed.to_owned(),
            page_size: PageSize::DEFAULT,
            iri: format!("tag:shop.example,2026-11-21:{feed}"),
            authority: "shop.example".to_owned(),
            incarnation: "k3wq".parse().unwrap(),
        };
        store.create_feed(feed).await.unwrap();
        store.close().await;
        options
    }

    async fn feeds(store: &SqliteStore) -> Vec<String> {
        store.feeds().await.unwrap().into_iter().map(|(feed, _)| feed.name.to_string()).collect()
    }

    #[tokio::test]
    async fn of_several_backups_to_one_name_at_once_one_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let options = create(&folder.path().join("feeds.db"), "orders").await;
        let to = folder.path().join("monday.db");
        let made = futures_util::future::join_all((0..8).map(|_| backup(&options, &to))).await;
        assert_eq!(made.iter().filter(|it| it.is_ok()).count(), 1, "{made:?}");
        for error in made.into_iter().filter_map(Result::err) {
            assert!(error.to_string().contains("exists already"), "{error}");
        }
        let store = SqliteStore::open(SqliteOptions::new(&to)).await.unwrap();
        assert_eq!(feeds(&store).await, ["orders"]);
    }

    #[tokio::test]
    async fn whoever_opens_a_database_while_it_is_replaced_opens_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("feeds.db");
        for old_is_empty in [false, true] {
            let options = create(&to, "orders").await;
            if old_is_empty {
                fs::write(&to, "").unwrap();
            }
            let backup = folder.path().join("monday.db");
            create(&backup, "customers").await;
            let claim = Claim::take(&options).await.unwrap();
            let opened = tokio::spawn(SqliteStore::open(options.clone()));
            // So that it has the old one open already, and waits for it; it need not.
            tokio::time::sleep(Duration::from_millis(200)).await;
            let (hidden, _) = prepare(&backup, &to).await.unwrap();
            hidden.replace(&to).unwrap();
            claim.release().await;
            let store = opened.await.unwrap().unwrap();
            assert_eq!(feeds(&store).await, ["customers"], "{old_is_empty}");
            let error = Claim::take(&options).await.unwrap_err();
            assert!(error.to_string().contains("is used by another program"), "{error}");
            store.close().await;
            fs::remove_file(&to).unwrap();
            fs::remove_file(&backup).unwrap();
        }
    }

    #[tokio::test]
    async fn a_log_without_its_database_does_not_become_part_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let backup = folder.path().join("monday.db");
        create(&backup, "orders").await;
        let to = SqliteOptions::new(folder.path().join("feeds.db"));
        let log = folder.path().join("feeds.db-wal");
        fs::write(&log, "events").unwrap();
        let error = restore(&to, &backup, true).await.unwrap_err();
        assert!(error.to_string().contains("feeds.db-wal is the log"), "{error}");
        fs::remove_file(&log).unwrap();
        assert_eq!(restore(&to, &backup, true).await.unwrap().len(), 1);
    }
}
