//! A store as whoever inspects it sees it: nothing is migrated, and nothing is written.

use std::fmt::Debug;

use async_trait::async_trait;
use feed_protocol::Position;
use feed_protocol::event::{EventId, Source};

use super::{Feed, Head, Slice, StoreError, Window, postgres, sqlite};

/// What can be looked at of a store. Each is one statement, which sees one state of the database.
#[async_trait]
pub(crate) trait Inspection: Debug + Send + Sync {
    /// All feeds, by name, and how far each has come.
    async fn feeds(&self) -> Result<Vec<(Feed, Head)>, StoreError>;

    /// As [`EventStore::read`](super::EventStore::read): fails where a position has no event, or an
    /// event is none.
    async fn read(&self, feed: &Feed, window: &Window<'_>) -> Result<Slice, StoreError>;

    /// Where the index on ids has the event of this source and id.
    async fn find(
        &self,
        feed: &Feed,
        source: &Source,
        id: &EventId,
    ) -> Result<Option<Position>, StoreError>;

    /// The last event beyond the head, if there is one.
    async fn beyond_head(&self, feed: &Feed) -> Result<Option<Position>, StoreError>;

    /// A feed of which it is not known how far it has come, which is none of [`Self::feeds`], if there
    /// is one.
    async fn feed_without_head(&self) -> Result<Option<String>, StoreError>;

    /// The first thing that the database itself finds wrong with its tables and indexes, where it can
    /// tell.
    async fn damage(&self) -> Result<Option<String>, StoreError>;

    /// Closes the database.
    async fn close(&self);
}

/// Opens the database that a text names, as [`open`](super::open) does, and leaves it as it is.
///
/// # Errors
///
/// [`StoreError::Setup`], with what is wrong and what to do, in one line.
pub(crate) async fn inspect(database: &str) -> Result<Box<dyn Inspection>, StoreError> {
    Ok(match super::file(database)? {
        Some(options) => Box::new(sqlite::Inspected::open(&options).await?),
        None => Box::new(postgres::Inspected::open(&database.parse()?).await?),
    })
}
