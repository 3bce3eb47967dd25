//! A copy of the file, made while others use it, and its return.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::failure::{code, primary_code};
use super::setup::{check_path, explain};
use super::{SqliteOptions, SqliteStore};
use crate::random;
use crate::store::{EventStore, Feed, StoreError};

/// Writes all that a file holds, as it is at one moment, into a new one. Others go on reading and
/// writing meanwhile. The new file is there once it is whole and on the disk.
///
/// # Errors
///
/// [`StoreError::Setup`], with what is wrong and what to do, in one line.
pub(crate) async fn backup(options: &SqliteOptions, to: &Path) -> Result<(), StoreError> {
    if to.exists() {
        return Err(setup(format!("{} exists already: name another file", to.display())));
    }
    let partial = partial(to);
    copy(options, &partial).await?;
    move_to(&partial, to)
}

/// Puts a backup in the place of a file, with a new incarnation for each feed, and returns the
/// feeds. The file is as it was until the backup is whole, and in its place.
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
    let to = options.path();
    let exists = to.exists();
    if exists && !replace {
        return Err(setup(format!(
            "the database {} exists already: say --yes to replace all that it holds, or name \
             another with --database",
            to.display()
        )));
    }
    if exists {
        // Before the copy, so that nobody waits for a refusal; and once more after it.
        claim(options).await?;
    }
    let partial = partial(to);
    copy(&SqliteOptions::new(backup), &partial).await?;
    let feeds = begin_lives(&partial).await?;
    if exists {
        claim(options).await?;
        // Of a database that cannot be opened any more they may be left, and would become part of
        // the new one.
        for ending in ["-wal", "-shm"] {
            remove(&with_ending(to, ending))?;
        }
    }
    move_to(&partial, to)?;
    Ok(feeds)
}

/// Copies a file of feeds into a new one.
async fn copy(from: &SqliteOptions, to: &Path) -> Result<(), StoreError> {
    check_path(&from.clone().create(false))?;
    // Of a copy that was interrupted.
    remove(to)?;
    let explain = |error| explain(from.path(), error);
    let mut connection = connect(from).await.map_err(explain)?;
    sqlx::query(include_str!("sql/feed_list.sql")).fetch_all(&mut connection).await.map_err(
        |error| StoreError::Setup {
            message: format!("{} is no database of feeds: name another", from.path().display()),
            source: Some(error),
        },
    )?;
    let copied = sqlx::query(include_str!("sql/backup_into.sql"))
        .bind(to.to_string_lossy())
        .execute(&mut connection)
        .await;
    if let Err(error) = copied {
        remove(to)?;
        let message = format!(
            "{} cannot be copied to {}: see that its folder exists, may be written to and has room",
            from.path().display(),
            to.display()
        );
        return Err(StoreError::Setup { message, source: Some(error) });
    }
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

/// Sees to it that nobody else uses a file. One that is no database any more is used by nobody.
async fn claim(options: &SqliteOptions) -> Result<(), StoreError> {
    let Ok(mut connection) = connect(options).await else { return Ok(()) };
    let alone: Result<String, _> =
        sqlx::query_scalar(include_str!("sql/backup_alone.sql")).fetch_one(&mut connection).await;
    match alone {
        Err(error) if matches!(primary_code(&error), Some(code::BUSY | code::LOCKED)) => {
            Err(StoreError::Setup {
                message: format!(
                    "the database {} is used by another program: end it first, since it would go \
                     on with what is replaced",
                    options.path().display()
                ),
                source: None,
            })
        }
        _ => Ok(()),
    }
}

async fn connect(options: &SqliteOptions) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new()
        .filename(options.path())
        .busy_timeout(options.busy_timeout)
        .disable_statement_logging()
        .connect()
        .await
}

/// Where a file is written until it is whole.
fn partial(path: &Path) -> PathBuf {
    with_ending(path, ".partial")
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// Gives a file that is whole its name, and returns once both are on the disk.
fn move_to(from: &Path, to: &Path) -> Result<(), StoreError> {
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let moved = File::open(from)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(from, to))
        .and_then(|()| File::open(folder)?.sync_all());
    moved.map_err(|error| setup(format!("{} cannot be written: {error}", to.display())))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(setup(format!("{} cannot be removed: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

fn setup(message: String) -> StoreError {
    StoreError::Setup { message, source: None }
}
