//! The embedded default: one SQLite file.
//!
//! # Layout
//!
//! - [`setup`]: which file, and what is checked when it is opened
//! - [`migrate`]: the schema and its versions
//! - [`entries`]: what was found of feeds of other software
//! - [`pages`]: the pages of feeds of other software
//! - [`parking`]: parked events, what waits behind them, and requests about them
//! - [`shards`]: shards, and their leases
//! - [`turn`]: whose turn it is to use the connection

mod entries;
mod migrate;
mod once;
mod orders;
mod pages;
pub(super) mod parking;
pub(crate) mod setup;
pub(super) mod shards;
mod suspects;
pub(super) mod turn;

use std::path::Path;

use async_trait::async_trait;
use chrono::DateTime;
use feed_protocol::Position;
use serde::Serialize;
use serde_json::json;
use sqlx::sqlite::SqliteArguments;
use sqlx::{
    Connection, FromRow, Row, SqlSafeStr, Sqlite, SqliteConnection, SqlitePool, Transaction,
};

use tokio::time::Instant;

use self::turn::{Errand, Permit, Turn, Turns};
use super::entries::REMEMBERED;
use super::pages::{Page, SeenEntry};
use super::row::{self, Columns};
use super::{CursorStore, Kept, Place, Seen, StoreError, Subscription, transaction};

/// Cursors in one SQLite file.
///
/// One thing is done at a time: SQLite has one writer, and those who wait for it within this
/// process do so in an order of their own; see [`turn`].
#[derive(Debug)]
pub(crate) struct SqliteStore {
    turns: Turns,
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
        let leases = setup::connect_for_leases(path);
        Ok(Self { turns: Turns::new(pool, leases), is_borrowed: false })
    }

    /// Keeps cursors in the database of these connections.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(crate) async fn open_in(pool: SqlitePool) -> Result<Self, StoreError> {
        let options = pool.connect_options();
        migrate::run(&pool, options.get_filename()).await?;
        Ok(Self { turns: Turns::new(pool.clone(), pool), is_borrowed: true })
    }

    /// Who may use its connections, and when.
    pub(super) fn turns(&self) -> &Turns {
        &self.turns
    }

    /// The turn to use the connection.
    async fn turn(&self) -> Result<Turn, StoreError> {
        self.turns.take(Errand::Work).await.map_err(StoreError::Unavailable)
    }
}

/// Begins a transaction in which handlers write, with a savepoint that goes away with it.
pub(super) async fn begin_for_handlers(
    turns: &Turns,
) -> Result<(Transaction<'static, Sqlite>, Permit), sqlx::Error> {
    let begin = Some(BEGIN.into_sql_str());
    turns.give_way().await;
    let (connection, mut permit) = turns.take(Errand::Work).await?.into_parts();
    let mut transaction = Transaction::begin(connection, begin).await?;
    permit.writes_from_now_on();
    sqlx::raw_sql(SAVEPOINT).execute(&mut *transaction).await?;
    Ok((transaction, permit))
}

/// Begins a transaction about leases, as soon as the write lock is free.
async fn begin_for_leases(
    turns: &Turns,
) -> Result<(Transaction<'static, Sqlite>, Permit), sqlx::Error> {
    let (mut connection, permit) = turns.take(Errand::Lease).await?.into_parts();
    let asked = Instant::now();
    loop {
        match Transaction::begin(connection, Some(BEGIN.into_sql_str())).await {
            Ok(transaction) => return Ok((transaction, permit)),
            Err(error) if setup::is_busy(&error) && asked.elapsed() < setup::BUSY_TIMEOUT => {
                connection = turns.lease_connection().await?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Fails if the transaction that [`begin_for_handlers`] has begun is open no more: a statement
/// that fails may roll back the whole of it (`ON CONFLICT ROLLBACK`, a full disk), and what follows
/// would commit by itself, the cursor too.
pub(super) async fn check_open(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(RENEW_SAVEPOINT).execute(&mut *connection).await?;
    Ok(())
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

/// Which of these entries are known, and when they were last changed then.
async fn seen(
    connection: &mut SqliteConnection,
    subscription: &Subscription,
    entries: &[impl Serialize + Sync],
) -> Result<Seen, sqlx::Error> {
    about(include_str!("sqlite/sql/seen_find.sql"), subscription)
        .bind(json!(entries).to_string())
        .try_map(|row| {
            let updated: Option<i64> = row.try_get(1)?;
            Ok((row.try_get(0)?, updated.and_then(DateTime::from_timestamp_micros)))
        })
        .fetch_all(connection)
        .await
        .map(|found| found.into_iter().collect())
}

/// Forgets entries that are not in the document that has just been read, but not the newest that
/// have left it: a document may lose entries for a while.
async fn forget_others(
    connection: &mut SqliteConnection,
    subscription: &Subscription,
    document: &[String],
) -> Result<(), sqlx::Error> {
    let number: i64 = about(include_str!("sqlite/sql/seen_document.sql"), subscription)
        .fetch_one(&mut *connection)
        .await?
        .try_get(0)?;
    about(include_str!("sqlite/sql/seen_mark.sql"), subscription)
        .bind(json!(document).to_string())
        .bind(number)
        .execute(&mut *connection)
        .await?;
    about(include_str!("sqlite/sql/seen_forget.sql"), subscription)
        .bind(number)
        .bind(REMEMBERED)
        .execute(connection)
        .await?;
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
            pages::put(&mut transaction, subscription, pages).await?;
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

    async fn seen(
        &self,
        subscription: &Subscription,
        entries: &[&str],
    ) -> Result<Seen, StoreError> {
        let mut turn = self.turn().await?;
        seen(&mut turn, subscription, entries).await.map_err(StoreError::Unavailable)
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
        let mut turn = self.turn().await?;
        let put = async {
            let mut transaction = turn.begin_with(BEGIN).await?;
            let put = row::bind(statement, to).execute(&mut *transaction).await?.rows_affected();
            if put > 0 && from.incarnation != to.incarnation {
                parking::steps::forget_beyond(&mut transaction, subscription, Position::ZERO)
                    .await?;
            }
            transaction.commit().await?;
            Ok(put > 0)
        };
        put.await.map_err(StoreError::Unavailable)
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
                include_str!("sqlite/sql/entries_forget_all.sql"),
                include_str!("sqlite/sql/shards_forget_all.sql"),
                include_str!("sqlite/sql/requests_forget_all.sql"),
                include_str!("sqlite/sql/parked_forget_all.sql"),
                include_str!("sqlite/sql/followers_forget_all.sql"),
                include_str!("sqlite/sql/record_forget_all.sql"),
                include_str!("sqlite/sql/once_forget_all.sql"),
                include_str!("sqlite/sql/workers_forget_all.sql"),
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
            for pool in self.turns.pools() {
                transaction::close(pool).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
