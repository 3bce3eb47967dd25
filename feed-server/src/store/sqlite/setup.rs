//! Connections, and what is checked when the file is opened.

use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection, SqlitePool};
use tokio::time::Instant;

use super::SqliteOptions;
use super::failure::{code, extended_code, primary_code};
use crate::store::StoreError;

/// How long to wait before asking again for what SQLite itself does not wait for.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// A setting that events must not be trusted to a file without.
#[derive(Debug, thiserror::Error)]
enum Unsafe {
    #[error(
        "stands on a file system without support for SQLite's write-ahead log (the journal mode \
         stays {0:?}): put it on a local disk"
    )]
    NoLog(String),
    #[error(
        "would not be synced to the disk (synchronous stays {0}): run the program with SQLite as \
         it was built with"
    )]
    NotSynced(i64),
}

impl From<Unsafe> for sqlx::Error {
    fn from(error: Unsafe) -> Self {
        Self::Configuration(error.into())
    }
}

/// Settings of every connection.
fn common(options: &SqliteOptions) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(&options.path)
        .busy_timeout(options.busy_timeout)
        // A whole page, so that SQLite's thread does not wait for its reader.
        .row_buffer_size(1024)
        .disable_statement_logging()
}

/// A connection that writes, with every promise of durability checked, to the file that has the name:
/// it may have been replaced while this waited for it. What is open is replaced by nobody.
pub(super) async fn connect_writer(
    options: &SqliteOptions,
    create: bool,
) -> Result<SqliteConnection, sqlx::Error> {
    loop {
        let before = identity(&options.path);
        let connected = connect_once(options, create).await;
        let replaced = match &connected {
            Ok(_) => before.is_some() && before != identity(&options.path),
            Err(error) => extended_code(error) == Some(code::READONLY_DBMOVED),
        };
        if !replaced {
            return connected;
        }
    }
}

/// What tells a file from another one of its name, where the system has such a thing.
fn identity(path: &Path) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

async fn connect_once(
    options: &SqliteOptions,
    create: bool,
) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = common(options)
        .create_if_missing(create)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        // On macOS, fsync alone leaves the data in the drive's cache; elsewhere these do nothing.
        .pragma("fullfsync", "ON")
        .pragma("checkpoint_fullfsync", "ON")
        // 32 MiB, so that the leaves of the index on ids, which are as random as the ids, are not
        // read again for every append; and a log of 16 MiB, which meets many changes of one leaf
        // before it is moved into the database. Twice the rate of SQLite's own settings.
        .pragma("cache_size", "-32768")
        .pragma("wal_autocheckpoint", "4000")
        .connect()
        .await?;
    let deadline = Instant::now() + options.busy_timeout;
    let journal_mode: String = loop {
        let answer =
            sqlx::query_scalar(include_str!("sql/setup_wal.sql")).fetch_one(&mut connection).await;
        match answer {
            // Turning the log on needs the file alone for a moment, and SQLite does not wait for
            // that: several processes may be starting on a new file at once.
            Err(error) if primary_code(&error) == Some(code::BUSY) && Instant::now() < deadline => {
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            other => break other?,
        }
    };
    if journal_mode != "wal" {
        return Err(Unsafe::NoLog(journal_mode).into());
    }
    let synchronous: i64 = sqlx::query_scalar(include_str!("sql/setup_synchronous.sql"))
        .fetch_one(&mut connection)
        .await?;
    // 2 is FULL, 3 is EXTRA.
    if synchronous < 2 {
        return Err(Unsafe::NotSynced(synchronous).into());
    }
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn reading(options: &SqliteOptions) -> SqliteConnectOptions {
    common(options).pragma("query_only", "ON")
}

/// The connections that everything is read through.
pub(super) async fn connect_readers(options: &SqliteOptions) -> Result<SqlitePool, sqlx::Error> {
    SqlitePoolOptions::new()
        .max_connections(options.readers)
        .acquire_timeout(options.busy_timeout)
        // A file does not hang up, and does not tire of being read.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(reading(options))
        .await
}

/// Looks at the path before SQLite does, whose errors would not name the folder.
pub(super) fn check_path(options: &SqliteOptions) -> Result<(), StoreError> {
    let path = options.path.as_path();
    let message = match (fs::metadata(path), path.parent()) {
        (Ok(file), _) if file.is_dir() => {
            format!("{0} is a folder: name a file in it, such as {0}/feeds.db", trimmed(path))
        }
        (Err(_), Some(folder)) if !folder.as_os_str().is_empty() && !folder.is_dir() => format!(
            "there is no folder {} for the database {}: create it, or name another file",
            folder.display(),
            path.display(),
        ),
        (Err(error), _) if error.kind() == io::ErrorKind::NotFound && !options.create => format!(
            "there is no database {}: name another, or create this one with 'feed-server feeds \
             create'",
            path.display(),
        ),
        _ => return Ok(()),
    };
    Err(StoreError::Setup { message, source: None })
}

fn trimmed(path: &Path) -> String {
    path.display().to_string().trim_end_matches('/').to_owned()
}

/// What is wrong with the file, and what to do about it, in one line.
pub(super) fn explain(path: &Path, error: sqlx::Error) -> StoreError {
    let reason = match (primary_code(&error), &error) {
        (Some(code::NOTADB), _) => {
            "is not a SQLite database: name another file, or move this one away".to_owned()
        }
        (Some(code::CANTOPEN | code::PERM | code::READONLY), _) => {
            "cannot be written: give this user write permission to the file and to its folder, \
             where SQLite keeps its log"
                .to_owned()
        }
        (Some(code::BUSY | code::LOCKED), _) => {
            "is locked by another program: end that program, or wait for it".to_owned()
        }
        (Some(code::FULL), _) => "has no room: free some space on its disk".to_owned(),
        (_, sqlx::Error::Configuration(reason)) => reason.to_string(),
        _ => "cannot be used as a database: see what SQLite says, and restore a backup if it is \
              damaged"
            .to_owned(),
    };
    let message = format!("the database {} {reason}", path.display());
    StoreError::Setup { message, source: Some(error) }
}
