//! Looks at a file, and leaves it as it is.

use async_trait::async_trait;
use feed_protocol::Position;
use feed_protocol::event::{EventId, Source};
use sqlx::SqlitePool;

use super::failure::failure;
use super::{SqliteOptions, read, setup};
use crate::store::inspection::Inspection;
use crate::store::{Feed, Head, Slice, StoreError, Window, row};

/// A file that is inspected.
#[derive(Debug)]
pub(crate) struct Inspected(SqlitePool);

impl Inspected {
    pub(crate) async fn open(options: &SqliteOptions) -> Result<Self, StoreError> {
        setup::check_path(&options.clone().create(false))?;
        let options = options.clone().readers(1);
        let readers = setup::connect_readers(&options).await;
        Ok(Self(readers.map_err(|error| setup::explain(options.path(), error))?))
    }
}

#[async_trait]
impl Inspection for Inspected {
    async fn feeds(&self) -> Result<Vec<(Feed, Head)>, StoreError> {
        read::feeds(&self.0).await
    }

    async fn read(&self, feed: &Feed, window: &Window<'_>) -> Result<Slice, StoreError> {
        read::window(&self.0, feed, window).await
    }

    async fn find(
        &self,
        feed: &Feed,
        source: &Source,
        id: &EventId,
    ) -> Result<Option<Position>, StoreError> {
        read::find(&self.0, feed, source, id).await
    }

    async fn beyond_head(&self, feed: &Feed) -> Result<Option<Position>, StoreError> {
        let beyond: Option<i64> = sqlx::query_scalar(include_str!("sql/inspect_beyond.sql"))
            .bind(feed.key)
            .fetch_one(&self.0)
            .await
            .map_err(failure)?;
        beyond.map(|position| row::event_position(position, feed.key)).transpose()
    }

    /// `None`: the head stands in the row of the feed.
    async fn feed_without_head(&self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    async fn damage(&self) -> Result<Option<String>, StoreError> {
        let said: String = sqlx::query_scalar(include_str!("sql/inspect_damage.sql"))
            .fetch_one(&self.0)
            .await
            .map_err(failure)?;
        // The first line may be a heading.
        let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with("***")).collect();
        Ok((said != "ok").then(|| lines.join("; ")))
    }

    async fn close(&self) {
        self.0.close().await;
    }
}
