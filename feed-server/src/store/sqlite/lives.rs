//! Begins another life of a feed.

use feed_protocol::{FeedName, Incarnation};
use sqlx::{Connection, SqliteConnection};

use super::failure::failure;
use crate::store::{Feed, StoreError, row};

/// Gives a feed another incarnation; `None` if there is none of this name.
pub(super) async fn begin(
    connection: &mut SqliteConnection,
    feed: &FeedName,
    incarnation: &Incarnation,
) -> Result<Option<Feed>, StoreError> {
    // A transaction of its own, because only COMMIT tells whether a commit has succeeded.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failure)?;
    let begun = sqlx::query(include_str!("sql/feed_incarnation.sql"))
        .bind(feed.as_str())
        .bind(incarnation.as_str())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failure)?;
    transaction.commit().await.map_err(failure)?;
    begun.as_ref().map(row::feed).transpose()
}
