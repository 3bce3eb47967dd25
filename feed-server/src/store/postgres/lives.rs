//! Begins another life of a feed.

use feed_protocol::{FeedName, Incarnation};
use sqlx::PgPool;

use super::failure::failure;
use crate::store::{Feed, StoreError, row};

/// Gives a feed another incarnation; `None` if there is none of this name.
pub(super) async fn begin(
    writers: &PgPool,
    feed: &FeedName,
    incarnation: &Incarnation,
) -> Result<Option<Feed>, StoreError> {
    let begin = include_str!("sql/append_begin.sql");
    let mut transaction = writers.begin_with(begin).await.map_err(failure)?;
    let begun = sqlx::query(include_str!("sql/feed_incarnation.sql"))
        .bind(feed.as_str())
        .bind(incarnation.as_str())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failure)?;
    transaction.commit().await.map_err(failure)?;
    begun.as_ref().map(row::feed).transpose()
}
