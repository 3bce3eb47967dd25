//! The embedded default: one SQLite file.
//!
//! # Layout
//!
//! - [`setup`]: which file, and what is checked when it is opened
//! - [`migrate`]: the schema and its versions
//! - [`row`]: between a place and its columns
//! - [`pages`]: the pages of feeds of other software

mod migrate;
mod pages;
mod row;
pub(crate) mod setup;

use std::path::Path;

use async_trait::async_trait;
use chrono::DateTime;
use serde_json::json;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::Mutex;

use super::pages::{Page, SeenEntry};
use super::{CursorStore, Kept, Place, Seen, StoreError, Subscription};

/// Cursors in one SQLite file.
///
/// One connection, since a subscription does one thing at a time. A transaction that is dropped
/// half way is rolled back before the connection's next use.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    connection: Mutex<Option<SqliteConnection>>,
}

impl SqliteStore {
    /// Opens the file, creates it if it is missing, and brings its schema up to date.
    ///
    /// # Errors
    ///
    /// [`StoreError::Setup`] with what is wrong and what to do, in one line.
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = setup::connect(path).await?;
        migrate::run(&mut connection, path).await?;
        Ok(Self { connection: Mutex::new(Some(connection)) })
    }

    /// The turn to use the connection.
    async fn turn(&self) -> Result<Turn<'_>, StoreError> {
        let guard = self.connection.lock().await;
        tokio::sync::MutexGuard::try_map(guard, Option::as_mut)
            .map_err(|_| StoreError::Unavailable(sqlx::Error::PoolClosed))
    }
}

type Turn<'a> = tokio::sync::MappedMutexGuard<'a, SqliteConnection>;

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
        let mut turn = self.turn().await?;
        let found = about(include_str!("sqlite/sql/cursor_find.sql"), subscription)
            .fetch_optional(&mut *turn)
            .await
            .map_err(StoreError::Unavailable)?;
        found.map(|found| row::place(&found, subscription)).transpose()
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
            let mut transaction = turn.begin_with("BEGIN IMMEDIATE").await?;
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

    async fn advance(
        &self,
        subscription: &Subscription,
        from: &Place,
        to: &Place,
        seen: &[SeenEntry],
    ) -> Result<bool, StoreError> {
        let mut turn = self.turn().await?;
        let advanced = async {
            let mut transaction = turn.begin_with("BEGIN IMMEDIATE").await?;
            let statement = about(include_str!("sqlite/sql/cursor_advance.sql"), subscription)
                .bind(row::incarnation(from))
                .bind(row::integer(from.position));
            let moved = row::bind(statement, to).execute(&mut *transaction).await?;
            if moved.rows_affected() == 0 {
                return Ok(false);
            }
            add_seen(&mut transaction, subscription, seen).await?;
            transaction.commit().await?;
            Ok(true)
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
            let mut transaction = turn.begin_with("BEGIN IMMEDIATE").await?;
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
        let rows = sqlx::query(include_str!("sqlite/sql/cursor_list.sql"))
            .fetch_all(&mut *self.turn().await?)
            .await
            .map_err(StoreError::Unavailable)?;
        rows.iter().map(row::kept).collect()
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
        let forgotten = about(include_str!("sqlite/sql/cursor_forget.sql"), subscription)
            .bind(row::incarnation(from))
            .bind(row::integer(from.position))
            .execute(&mut *self.turn().await?)
            .await;
        Ok(forgotten.map_err(StoreError::Unavailable)?.rows_affected() > 0)
    }

    async fn close(&self) {
        if let Some(connection) = self.connection.lock().await.take() {
            // The file is whole without it: closing only tidies the log away.
            let _ = connection.close().await;
        }
    }
}

#[cfg(test)]
mod tests;
