//! Cursors in a PostgreSQL database, 13 and newer: beside the tables of handlers, of other
//! programs, and of feeds.
//!
//! No setting of a session is relied upon, so that a connection pooler may stand in between.
//!
//! # Layout
//!
//! - [`setup`]: which database, and what is checked when it is opened
//! - [`migrate`]: the schema and its versions
//! - [`entries`]: what was found of feeds of other software
//! - [`pages`]: the pages of feeds of other software
//! - [`parking`]: parked events, what waits behind them, and requests about them
//! - [`shards`]: shards, and their leases

mod entries;
mod migrate;
mod once;
mod orders;
mod pages;
pub(super) mod parking;
pub(super) mod setup;
pub(super) mod shards;
mod suspects;

use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use feed_protocol::Position;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, FromRow, PgConnection, PgPool, Postgres, Transaction};

use self::setup::PostgresOptions;
use super::entries::REMEMBERED;
use super::pages::{Page, SeenEntry};
use super::row::{self, Columns};
use super::{CursorStore, Kept, Place, Seen, StoreError, Subscription, transaction};

/// How long the database may take for anything that is asked of it here. Its own limits, of 15
/// seconds for a statement in a transaction and 5 for a lock, come first wherever it still answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Cursors in a PostgreSQL database.
#[derive(Debug)]
pub(crate) struct PostgresStore {
    pool: PgPool,
    /// Whether the connections are the user's own, and stay open.
    is_borrowed: bool,
}

impl PostgresStore {
    /// Opens the database, and brings its schema up to date.
    ///
    /// # Errors
    ///
    /// [`StoreError::Setup`] with what is wrong and what to do, in one line.
    pub(crate) async fn open(options: &PostgresOptions) -> Result<Self, StoreError> {
        let pool = options.pool();
        setup::check(&pool).await?;
        migrate::run(&pool).await?;
        Ok(Self { pool, is_borrowed: false })
    }

    /// Keeps cursors in the database of these connections.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(crate) async fn open_in(pool: PgPool) -> Result<Self, StoreError> {
        setup::check(&pool).await?;
        migrate::run(&pool).await?;
        Ok(Self { pool, is_borrowed: true })
    }

    /// Its connections.
    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    async fn begin(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        self.pool.begin_with(include_str!("postgres/sql/begin.sql")).await
    }
}

/// What begins a transaction of a handler's, which may be idle for this long before the database
/// ends it: a process that is stopped half way must not hold the cursor for ever.
pub(super) fn begin_for_handlers(idle: Option<Duration>) -> AssertSqlSafe<String> {
    let mut statements = include_str!("postgres/sql/begin_for_handlers.sql").to_owned();
    if let Some(idle) = idle {
        let idle = i32::try_from(idle.as_millis()).unwrap_or(i32::MAX);
        statements += &format!(";\nSET LOCAL idle_in_transaction_session_timeout = {idle}");
    }
    AssertSqlSafe(statements)
}

async fn add_seen(
    connection: &mut PgConnection,
    subscription: &Subscription,
    seen: &[SeenEntry],
) -> Result<(), sqlx::Error> {
    if !seen.is_empty() {
        about(include_str!("postgres/sql/seen_add.sql"), subscription)
            .bind(seen.iter().map(|it| it.iri.clone()).collect::<Vec<_>>())
            .bind(seen.iter().map(|it| it.updated.timestamp_micros()).collect::<Vec<_>>())
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Which of these entries are known, and when they were last changed then.
async fn seen(
    connection: &mut PgConnection,
    subscription: &Subscription,
    entries: &[String],
) -> Result<Seen, sqlx::Error> {
    let found = about(include_str!("postgres/sql/seen_find.sql"), subscription)
        .bind(entries)
        .try_map(|row| <(String, Option<i64>)>::from_row(&row))
        .fetch_all(connection)
        .await?;
    let entry = |(entry, updated): (String, Option<i64>)| {
        (entry, updated.and_then(DateTime::from_timestamp_micros))
    };
    Ok(found.into_iter().map(entry).collect())
}

/// Forgets entries that are not in the document that has just been read, but not the newest that
/// have left it: a document may lose entries for a while.
async fn forget_others(
    connection: &mut PgConnection,
    subscription: &Subscription,
    document: &[String],
) -> Result<(), sqlx::Error> {
    let (number,): (i64,) = about(include_str!("postgres/sql/seen_document.sql"), subscription)
        .try_map(|row| <(i64,)>::from_row(&row))
        .fetch_one(&mut *connection)
        .await?;
    about(include_str!("postgres/sql/seen_mark.sql"), subscription)
        .bind(document)
        .bind(number)
        .execute(&mut *connection)
        .await?;
    about(include_str!("postgres/sql/seen_forget.sql"), subscription)
        .bind(number)
        .bind(i64::from(REMEMBERED))
        .execute(connection)
        .await?;
    Ok(())
}

/// A statement about one subscription, its first two parameters.
fn about(sql: &'static str, subscription: &Subscription) -> Query<'static, Postgres, PgArguments> {
    sqlx::query(sql).bind(subscription.group.clone()).bind(subscription.feed.clone())
}

/// Waits for what is asked of the database, within bounds.
pub(super) async fn within<T>(
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(ANSWER_TIMEOUT, work).await {
        Ok(done) => done.map_err(StoreError::Unavailable),
        Err(_) => Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut)),
    }
}

#[async_trait]
impl CursorStore for PostgresStore {
    async fn find(&self, subscription: &Subscription) -> Result<Option<Place>, StoreError> {
        let found = about(include_str!("postgres/sql/cursor_find.sql"), subscription)
            .try_map(|row| Columns::from_row(&row))
            .fetch_optional(&self.pool);
        within(found).await?.map(|found| row::place(found, subscription)).transpose()
    }

    async fn feed_at(&self, group: &str, url: &str) -> Result<Option<String>, StoreError> {
        let found = sqlx::query_scalar(include_str!("postgres/sql/cursor_feed_at.sql"))
            .bind(group)
            .bind(url)
            .fetch_optional(&self.pool);
        within(found).await
    }

    async fn begin(
        &self,
        subscription: &Subscription,
        url: &str,
        place: &Place,
        seen: &[SeenEntry],
        pages: &[Page],
    ) -> Result<bool, StoreError> {
        let begun = within(async {
            let mut transaction = self.begin().await?;
            let statement = about(include_str!("postgres/sql/cursor_begin.sql"), subscription)
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
        });
        begun.await
    }

    async fn set_url(&self, subscription: &Subscription, url: &str) -> Result<(), StoreError> {
        let set = about(include_str!("postgres/sql/cursor_set_url.sql"), subscription)
            .bind(url)
            .execute(&self.pool);
        within(set).await?;
        Ok(())
    }

    async fn seen(
        &self,
        subscription: &Subscription,
        entries: &[&str],
    ) -> Result<Seen, StoreError> {
        let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        within(async {
            let mut connection = self.pool.acquire().await?;
            seen(&mut connection, subscription, &entries).await
        })
        .await
    }

    async fn list(&self) -> Result<Vec<Kept>, StoreError> {
        let list = sqlx::query_as(include_str!("postgres/sql/cursor_list.sql"));
        within(list.fetch_all(&self.pool)).await?.into_iter().map(row::kept).collect()
    }

    async fn put(
        &self,
        subscription: &Subscription,
        from: &Place,
        to: &Place,
    ) -> Result<bool, StoreError> {
        let statement = about(include_str!("postgres/sql/cursor_put.sql"), subscription)
            .bind(row::incarnation(from))
            .bind(row::integer(from.position))
            .bind(row::incarnation(to));
        let put = within(async {
            let mut transaction = self.begin().await?;
            let put = row::bind(statement, to).execute(&mut *transaction).await?.rows_affected();
            if put > 0 && from.incarnation != to.incarnation {
                parking::steps::forget_beyond(&mut transaction, subscription, Position::ZERO)
                    .await?;
            }
            transaction.commit().await?;
            Ok(put > 0)
        });
        put.await
    }

    async fn forget(&self, subscription: &Subscription, from: &Place) -> Result<bool, StoreError> {
        let forget = about(include_str!("postgres/sql/cursor_forget.sql"), subscription)
            .bind(row::incarnation(from))
            .bind(row::integer(from.position));
        Ok(within(forget.execute(&self.pool)).await?.rows_affected() > 0)
    }

    async fn close(&self) {
        if !self.is_borrowed {
            transaction::close(&self.pool).await;
        }
    }
}

#[cfg(test)]
mod tests;
