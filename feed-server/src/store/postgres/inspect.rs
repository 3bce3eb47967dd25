//! Looks at a database, and leaves it as it is.

use async_trait::async_trait;
use feed_protocol::Position;
use feed_protocol::event::{EventId, Source};

use super::failure::failure;
use super::pool::Pool;
use super::{PostgresOptions, read, setup};
use crate::store::inspection::Inspection;
use crate::store::{Feed, Head, Slice, StoreError, Window, row};

/// A database that is inspected.
#[derive(Debug)]
pub(crate) struct Inspected(Pool);

impl Inspected {
    pub(crate) async fn open(options: &PostgresOptions) -> Result<Self, StoreError> {
        let explain = |error| setup::explain(options, error);
        let connection = setup::connect(options).await.map_err(explain)?;
        sqlx::Connection::close(connection).await.map_err(explain)?;
        Ok(Self(Pool::new(options, 1)))
    }
}

#[async_trait]
impl Inspection for Inspected {
    async fn feeds(&self) -> Result<Vec<(Feed, Head)>, StoreError> {
        self.0.run(|pool| async move { read::feeds(&pool).await }).await
    }

    async fn read(&self, feed: &Feed, window: &Window<'_>) -> Result<Slice, StoreError> {
        self.0.run(|pool| async move { read::window(&pool, feed, window).await }).await
    }

    async fn find(
        &self,
        feed: &Feed,
        source: &Source,
        id: &EventId,
    ) -> Result<Option<Position>, StoreError> {
        self.0.run(|pool| async move { read::find(&pool, feed, source, id).await }).await
    }

    async fn beyond_head(&self, feed: &Feed) -> Result<Option<Position>, StoreError> {
        let beyond: Option<i64> = self
            .0
            .run(|pool| async move {
                sqlx::query_scalar(include_str!("sql/inspect_beyond.sql"))
                    .bind(feed.key)
                    .fetch_one(&pool)
                    .await
                    .map_err(failure)
            })
            .await?;
        beyond.map(|position| row::event_position(position, feed.key)).transpose()
    }

    async fn feed_without_head(&self) -> Result<Option<String>, StoreError> {
        self.0
            .run(|pool| async move {
                sqlx::query_scalar(include_str!("sql/inspect_headless.sql"))
                    .fetch_optional(&pool)
                    .await
                    .map_err(failure)
            })
            .await
    }

    /// `None`: PostgreSQL tells by its extension amcheck alone.
    async fn damage(&self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    async fn close(&self) {
        self.0.close().await;
    }
}
