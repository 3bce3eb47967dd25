//! Which file holds the cursors, and what is checked when it is opened.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlitePool};
use tokio::time::Instant;

use crate::store::StoreError;

/// How long to wait for the turn to use the connection: longer than any portion of handlers' work may
/// take.
const TURN_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// How long to wait while another process holds the write lock.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long SQLite waits at a stretch where a lease is at stake: in that time it asks after 1, 3, 8
/// and 18 ms, and later only ten times a second.
const LEASE_BUSY_TIMEOUT: Duration = Duration::from_millis(18);

/// How long to wait before asking again for what SQLite itself does not wait for.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// Result codes of SQLite (<https://www.sqlite.org/rescode.html>).
mod code {
    pub(super) const PERM: i32 = 3;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const READONLY: i32 = 8;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const NOTADB: i32 = 26;
}

/// The file that `text` names: a path (`./consumer.db`), or a URL: `sqlite:consumer.db` and
/// `sqlite://consumer.db` for a path from the working directory, `sqlite:///var/lib/consumer.db`
/// for one from the root. Otherwise, what is wrong with it.
pub(crate) fn parse_path(text: &str) -> Result<PathBuf, String> {
    // A URL may hold a password.
    let shown = if text.contains('@') { "this".to_owned() } else { format!("{text:?}") };
    let invalid = |reason: &str| {
        Err(format!(
            "{shown} {reason}: name a file such as ./consumer.db or sqlite:///var/lib/consumer.db, or \
             a PostgreSQL database such as postgres://localhost/shop"
        ))
    };
    let path = match text.split_once(':') {
        Some(("sqlite", rest)) => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            if path.contains(['?', '#']) {
                return invalid("has parameters, and a database takes none");
            }
            match percent_decode_str(path).decode_utf8() {
                Ok(path) => path.into_owned(),
                Err(_) => return invalid("is not UTF-8 once its escapes are resolved"),
            }
        }
        Some((_, rest)) if rest.starts_with("//") => {
            return invalid("is not the address of a database that can hold cursors");
        }
        _ => text.to_owned(),
    };
    if path.is_empty() {
        return invalid("names no database");
    }
    // SQLite itself would read such names as something other than a file.
    if path.starts_with(":memory:") || path.starts_with("file:") {
        return invalid("is no file in which a cursor would last");
    }
    Ok(path.into())
}

/// Opens the file, and creates it if it is missing.
pub(super) async fn connect(path: &Path) -> Result<SqlitePool, StoreError> {
    check_path(path)?;
    let explain = |error| explain(path, error);
    let pool = pool_of_one(path, BUSY_TIMEOUT);
    let mut connection = pool.acquire().await.map_err(explain)?;
    let deadline = Instant::now() + BUSY_TIMEOUT;
    let journal_mode: String = loop {
        match sqlx::query_scalar(include_str!("sql/setup_wal.sql"))
            .fetch_one(&mut *connection)
            .await
        {
            // Turning the log on needs the file alone for a moment, and SQLite does not wait for
            // that: several processes may be starting on a new file at once.
            Err(error) if primary_code(&error) == Some(code::BUSY) && Instant::now() < deadline => {
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            answer => break answer.map_err(explain)?,
        }
    };
    if journal_mode != "wal" {
        return Err(StoreError::Setup {
            message: format!(
                "the database {}: this file system does not support SQLite's write-ahead log (the \
                 journal mode stays {journal_mode:?}): put the database on a local disk",
                path.display(),
            ),
            source: None,
        });
    }
    drop(connection);
    Ok(pool)
}

/// A connection of its own for leases, which asks for the write lock by itself and often; see
/// [`super::turn`].
pub(super) fn connect_for_leases(path: &Path) -> SqlitePool {
    pool_of_one(path, LEASE_BUSY_TIMEOUT)
}

/// One connection, opened when it is first used, that waits so long for the write lock.
fn pool_of_one(path: &Path, busy: Duration) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .busy_timeout(busy)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        // On macOS, fsync alone leaves the data in the drive's cache; elsewhere these do nothing.
        .pragma("fullfsync", "ON")
        .pragma("checkpoint_fullfsync", "ON")
        .disable_statement_logging();
    SqlitePoolOptions::new()
        .max_connections(1)
        // It is not far away, and at worst a handler's transaction is under way: those who read wait.
        .acquire_timeout(TURN_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_lazy_with(options)
}

/// Whether the write lock is another's.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    primary_code(error) == Some(code::BUSY)
}

/// Looks at the path before SQLite does, whose errors would not name the folder.
fn check_path(path: &Path) -> Result<(), StoreError> {
    let shown = path.display();
    let message = match (fs::metadata(path), path.parent()) {
        (Ok(file), _) if file.is_dir() => {
            format!("the database {shown} is a folder: name a file in it")
        }
        (Err(_), Some(folder)) if !folder.as_os_str().is_empty() && !folder.is_dir() => format!(
            "the folder of the database {shown} does not exist: create {}, or name another file",
            folder.display(),
        ),
        _ => return Ok(()),
    };
    Err(StoreError::Setup { message, source: None })
}

/// What is wrong with the file, and what to do about it.
pub(super) fn explain(path: &Path, error: sqlx::Error) -> StoreError {
    let reason = match primary_code(&error) {
        Some(code::NOTADB) => "is not a SQLite database: name another file, or move this one away",
        Some(code::CANTOPEN | code::PERM | code::READONLY) => {
            "cannot be written: give this user write permission to the file and to its folder, \
             where SQLite keeps its log"
        }
        Some(code::BUSY | code::LOCKED) => {
            "is locked by another program: end that program, or wait for it"
        }
        Some(code::FULL) => "has no room: free some space on its disk",
        _ => {
            "cannot be used as a database: see what SQLite says, and restore a backup if it is \
             damaged"
        }
    };
    let message = format!("the database {} {reason}", path.display());
    StoreError::Setup { message, source: Some(error) }
}

/// The result code of SQLite, without its extension.
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_its_path_or_by_a_url() {
        for (text, path) in [
            ("./consumer.db", "./consumer.db"),
            ("/var/lib/consumer.db", "/var/lib/consumer.db"),
            ("sqlite:consumer.db", "consumer.db"),
            ("sqlite://consumer.db", "consumer.db"),
            ("sqlite:///var/lib/consumer.db", "/var/lib/consumer.db"),
            ("sqlite:my%20consumer.db", "my consumer.db"),
        ] {
            assert_eq!(parse_path(text).as_deref(), Ok(Path::new(path)), "{text}");
        }
        for text in
            ["", "sqlite:", ":memory:", "file:a?mode=memory", "sqlite:a?b", "postgres://h/d"]
        {
            let error = parse_path(text).unwrap_err();
            assert!(error.contains("name a file such as"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_file_that_cannot_hold_cursors_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text.db");
        fs::write(&text, "not a database, but long enough to be looked at as one".repeat(100))
            .unwrap();
        for (path, remedy) in [
            (folder.path().to_owned(), "name a file in it"),
            (folder.path().join("missing/consumer.db"), "or name another file"),
            (text, "is not a SQLite database"),
        ] {
            let error = connect(&path).await.unwrap_err().to_string();
            assert!(error.contains(remedy), "{error}");
            assert!(error.contains(&path.display().to_string()), "{error}");
        }
    }
}
