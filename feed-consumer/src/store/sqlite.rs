//! The embedded default: one SQLite file.
//!
//! # Layout
//!
//! - [`setup`]: which file, and what is checked when it is opened
//! - [`migrate`]: the schema and its versions
//! - [`pages`]: the pages of feeds of other software

mod migrate;
mod pages;
pub(crate) mod setup;

use std::path::Path;

use async_trait::async_trait;
use chrono::DateTime;
use serde_json::json;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Connection, FromRow, SqlSafeStr, Sqlite, SqliteConnection, SqlitePool, Transaction};

use super::pages::{Page, SeenEntry};
use super::row::{self, Columns};
use super::{Advance, CursorStore, Kept, Place, Seen, StoreError, Subscription, transaction};

/// Cursors in one SQLite file.
///
/// One connection, since a subscription does one thing at a time. A transaction that is dropped
/// half way is rolled back before the connection's next use, for which see [`acquire`].
#[derive(Debug)]
pub(crate) struct SqliteStore {
    pool: SqlitePool,
    /// Whether the connections are the user's own, and stay open.
    is_borrowed: bool,
}

impl SqliteStore {
    /// Opens the file, creates it if it is missing, and brings its schema up to date.
    ///
    /// # Errors
    ///
    /// [`StoreError::Setup`] with what is wrong and what to do, in one line.
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        let pool = setup::connect(path).await?;
        migrate::run(&pool, path).await?;
        Ok(Self { pool, is_borrowed: false })
    }

    /// Keeps cursors in the database of these connections.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(crate) async fn open_in(pool: SqlitePool) -> Result<Self, StoreError> {
        let options = pool.connect_options();
        migrate::run(&pool, options.get_filename()).await?;
        Ok(Self { pool, is_borrowed: true })
    }

    /// Its connections.
    pub(super) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// The turn to use the connection.
    async fn turn(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        acquire(&self.pool).await.map_err(StoreError::Unavailable)
    }
}

/// Waits for a connection with no transaction open.
///
/// After some errors (a full disk, one that cannot be read) SQLite itself rolls back, and sqlx,
/// whose own rollback then fails, goes on to count the transaction as open and begins no other.
/// Such a connection is closed, and another one taken.
pub(super) async fn acquire(pool: &SqlitePool) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
    loop {
        let connection = pool.acquire().await?;
        // What was dropped half way was rolled back when the connection came back to the pool.
        if !connection.is_in_transaction() {
            return Ok(connection);
        }
        connection.close().await?;
    }
}

/// Begins a transaction in which handlers write, with a savepoint that goes away with it.
pub(super) async fn begin_for_handlers(
    pool: &SqlitePool,
) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
    let begin = Some(BEGIN.into_sql_str());
    let mut transaction = Transaction::begin(acquire(pool).await?, begin).await?;
    sqlx::raw_sql(SAVEPOINT).execute(&mut *transaction).await?;
    Ok(transaction)
}

/// Fails if the transaction that [`begin_for_handlers`] has begun is open no more: a statement
/// that fails may roll back the whole of it (`ON CONFLICT ROLLBACK`, a full disk), and what follows
/// would commit by itself, the cursor too.
pub(super) async fn check_open(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(RENEW_SAVEPOINT).execute(&mut *connection).await?;
    Ok(())
}

/// Moves a cursor, within a transaction.
pub(super) async fn advance(
    connection: &mut SqliteConnection,
    advance: &Advance,
) -> Result<bool, sqlx::Error> {
    let Advance { subscription, from, to, seen } = advance;
    let statement = about(include_str!("sqlite/sql/cursor_advance.sql"), subscription)
        .bind(row::incarnation(from))
        .bind(row::integer(from.position));
    let moved = row::bind(statement, to).execute(&mut *connection).await?;
    if moved.rows_affected() == 0 {
        return Ok(false);
    }
    add_seen(connection, subscription, seen).await?;
    Ok(true)
}

/// Takes the write lock at once: one that is taken later fails where another has written meanwhile.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// Tells a transaction of ours from none, and from one that a handler has begun.
const SAVEPOINT: &str = "SAVEPOINT feed_consumer_handler";

/// Fails without that savepoint, before it makes another; together, since each errand to the
/// thread of the connection costs about as much as an insert.
const RENEW_SAVEPOINT: &str = "RELEASE feed_consumer_handler; SAVEPOINT feed_consumer_handler";

/// A statement about one subscription, its first two parameters.
fn about(
    sql: &'static str,
    subscription: &Subscription,
) -> sqlx::query::Query<'static, sqlx::Sqlite, SqliteArguments> {
    sqlx::query(sql).bind(subscription.group.clone()).bind(subscription.feed.clone())
}

async fn add_seen(
    connection: &mut SqliteConnection,
    subscription: &Subscription,
    seen: &[SeenEntry],
) -> Result<(), sqlx::Error> {
    if !seen.is_empty() {
        let row = |it: &SeenEntry| json!({"iri": it.iri, "updated": it.updated.timestamp_micros()});
        about(include_str!("sqlite/sql/seen_add.sql"), subscription)
            .bind(json!(seen.iter().map(row).collect::<Vec<_>>()).to_string())
            .execute(connection)
            .await?;
    }
    Ok(())
}

#[async_trait]
impl CursorStore for SqliteStore {
    async fn find(&self, subscription: &Subscription) -> Result<Option<Place>, StoreError> {
        let found: Option<Columns> =
            about(include_str!("sqlite/sql/cursor_find.sql"), subscription)
                .try_map(|row| Columns::from_row(&row))
                .fetch_optional(&mut *self.turn().await?)
                .await
                .map_err(StoreError::Unavailable)?;
        found.map(|found| row::place(found, subscription)).transpose()
    }

    async fn find_settled(&self, subscription: &Subscription) -> Result<Option<Place>, StoreError> {
        // A commit has been carried out, or not, when the connection is free again.
        self.find(subscription).await
    }

    async fn feed_at(&self, group: &str, url: &str) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar(include_str!("sqlite/sql/cursor_feed_at.sql"))
            .bind(group)
            .bind(url)
            .fetch_optional(&mut *self.turn().await?)
            .await
            .map_err(StoreError::Unavailable)
    }

    async fn begin(
        &self,
        subscription: &Subscription,
        url: &str,
        place: &Place,
        seen: &[SeenEntry],
        pages: &[Page],
    ) -> Result<bool, StoreError> {
        let mut turn = self.turn().await?;
        let begun = async {
            let mut transaction = turn.begin_with(BEGIN).await?;
            let statement = about(include_str!("sqlite/sql/cursor_begin.sql"), subscription)
                .bind(url)
                .bind(row::incarnation(place));
            let inserted = row::bind(statement, place).execute(&mut *transaction).await?;
            if inserted.rows_affected() == 0 {
                return Ok(false);
            }
            add_seen(&mut transaction, subscription, seen).await?;
            about(include_str!("sqlite/sql/pages_put.sql"), subscription)
                .bind(pages::rows(pages))
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(true)
        };
        begun.await.map_err(StoreError::Unavailable)
    }

    async fn set_url(&self, subscription: &Subscription, url: &str) -> Result<(), StoreError> {
        about(include_str!("sqlite/sql/cursor_set_url.sql"), subscription)
            .bind(url)
            .execute(&mut *self.turn().await?)
            .await
            .map_err(StoreError::Unavailable)?;
        Ok(())
    }

    async fn advance(&self, to: &Advance) -> Result<bool, StoreError> {
        let mut turn = self.turn().await?;
        let advanced = async {
            if to.seen.is_empty() {
                // One statement is a transaction of its own, and one errand instead of three.
                return advance(&mut turn, to).await;
            }
            let mut transaction = turn.begin_with(BEGIN).await?;
            let moved = advance(&mut transaction, to).await?;
            if moved {
                transaction.commit().await?;
            }
            Ok(moved)
        };
        advanced.await.map_err(StoreError::Unavailable)
    }

    async fn seen(
        &self,
        subscription: &Subscription,
        entries: &[&str],
    ) -> Result<Seen, StoreError> {
        use sqlx::Row;
        let found = about(include_str!("sqlite/sql/seen_find.sql"), subscription)
            .bind(json!(entries).to_string())
            .fetch_all(&mut *self.turn().await?)
            .await
            .map_err(StoreError::Unavailable)?;
        let entry = |row: &sqlx::sqlite::SqliteRow| {
            let updated: Option<i64> = row.try_get(1)?;
            Ok((row.try_get(0)?, updated.and_then(DateTime::from_timestamp_micros)))
        };
        found.iter().map(|row| entry(row).map_err(StoreError::Unavailable)).collect()
    }

    async fn forget_others(
        &self,
        subscription: &Subscription,
        document: &[&str],
        keep: u32,
    ) -> Result<(), StoreError> {
        use sqlx::Row;
        let mut turn = self.turn().await?;
        let forgotten = async {
            let mut transaction = turn.begin_with(BEGIN).await?;
            let number: i64 = about(include_str!("sqlite/sql/seen_document.sql"), subscription)
                .fetch_one(&mut *transaction)
                .await?
                .try_get(0)?;
            about(include_str!("sqlite/sql/seen_mark.sql"), subscription)
                .bind(json!(document).to_string())
                .bind(number)
                .execute(&mut *transaction)
                .await?;
            about(include_str!("sqlite/sql/seen_forget.sql"), subscription)
                .bind(number)
                .bind(keep)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await
        };
        forgotten.await.map_err(StoreError::Unavailable)
    }

    async fn list(&self) -> Result<Vec<Kept>, StoreError> {
        let rows = sqlx::query_as(include_str!("sqlite/sql/cursor_list.sql"))
            .fetch_all(&mut *self.turn().await?)
            .await
            .map_err(StoreError::Unavailable)?;
        rows.into_iter().map(row::kept).collect()
    }

    async fn put(
        &self,
        subscription: &Subscription,
        from: &Place,
        to: &Place,
    ) -> Result<bool, StoreError> {
        let statement = about(include_str!("sqlite/sql/cursor_put.sql"), subscription)
            .bind(row::incarnation(from))
            .bind(row::integer(from.position))
            .bind(row::incarnation(to));
        let put = row::bind(statement, to).execute(&mut *self.turn().await?).await;
        Ok(put.map_err(StoreError::Unavailable)?.rows_affected() > 0)
    }

    async fn forget(&self, subscription: &Subscription, from: &Place) -> Result<bool, StoreError> {
        let mut turn = self.turn().await?;
        let forgotten = async {
            let mut transaction = turn.begin_with(BEGIN).await?;
            let forgotten = about(include_str!("sqlite/sql/cursor_forget.sql"), subscription)
                .bind(row::incarnation(from))
                .bind(row::integer(from.position))
                .execute(&mut *transaction)
                .await?;
            if forgotten.rows_affected() == 0 {
                return Ok(false);
            }
            for sql in [
                include_str!("sqlite/sql/seen_forget_all.sql"),
                include_str!("sqlite/sql/pages_forget_all.sql"),
            ] {
                about(sql, subscription).execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            Ok(true)
        };
        forgotten.await.map_err(StoreError::Unavailable)
    }

    async fn close(&self) {
        if !self.is_borrowed {
            transaction::close(&self.pool).await;
        }
    }
}

#[cfg(test)]
mod tests;
