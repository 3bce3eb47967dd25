//! Verifies a store: what readers rely on is there, and says what it should.

use feed_protocol::{Position, Recorded};

use crate::store::inspection::Inspection;
use crate::store::{Feed, Head, Slice, StoreError, Window};

/// The data that are read at a time, in bytes.
const MAX_BYTES: u64 = 8 << 20;

/// What is wrong with a store: the first thing that was found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The database says so itself.
    #[error("the database is damaged: {0}")]
    Damage(String),
    /// A feed has no head.
    #[error(
        "feed {0}: it has no row in feed_heads, without which nobody can read or publish to it"
    )]
    Headless(String),
    /// A feed is not what it should be.
    #[error("feed {feed}, position {position}: {reason}")]
    Feed {
        /// The feed.
        feed: String,
        /// Where.
        position: Position,
        /// What.
        reason: String,
    },
    /// A row is missing or not what it should be, or the database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A feed in which nothing was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verified {
    /// Its name.
    pub(crate) feed: String,
    /// How many events it has, which is its head too.
    pub(crate) events: u64,
    /// How many full pages.
    pub(crate) full_pages: u64,
}

/// Verifies a store, and tells of each run of positions how many events it had.
///
/// - Tables, rows and indexes are undamaged, as far as the database can tell: SQLite of all of them,
///   PostgreSQL by none of its own means.
/// - Each feed has a head.
/// - Each position up to the head has an event that is one, and none beyond the head has.
/// - Times never run backwards, and the head's is that of the newest event.
/// - The first and the last event of each page are found by source and id.
///
/// What is published meanwhile is verified or not.
///
/// # Errors
///
/// The first [`Fault`].
pub(crate) async fn verify(
    store: &dyn Inspection,
    mut progress: impl FnMut(u64),
) -> Result<Vec<Verified>, Fault> {
    if let Some(damage) = store.damage().await? {
        return Err(Fault::Damage(damage));
    }
    if let Some(feed) = store.feed_without_head().await? {
        return Err(Fault::Headless(feed));
    }
    let mut verified = Vec::new();
    for (feed, head) in store.feeds().await? {
        verified.push(verify_feed(store, &feed, head, &mut progress).await?);
    }
    Ok(verified)
}

async fn verify_feed(
    store: &dyn Inspection,
    feed: &Feed,
    head: Head,
    progress: &mut impl FnMut(u64),
) -> Result<Verified, Fault> {
    if let Some(position) = store.beyond_head(feed).await? {
        return Err(fault(feed, position, "there is an event beyond the head"));
    }
    let size = feed.page_size.get();
    let mut position = Position::ZERO;
    let mut updated = feed.created;
    while position < head.position {
        let left_of_page = size - position.get() % size;
        let left = (head.position.get() - position.get()).min(left_of_page);
        let window =
            Window { after: position, max_positions: left, max_bytes: MAX_BYTES, types: &[] };
        let slice = store.read(feed, &window).await?;
        for recorded in slice.entries.iter().map(|entry| &entry.recorded) {
            if recorded.updated < updated {
                return Err(fault(feed, recorded.position, "its time lies before the one before"));
            }
            updated = recorded.updated;
        }
        verify_ids(store, feed, &slice).await?;
        progress(slice.entries.len() as u64);
        position = slice.range.last();
        if slice.range.is_empty() {
            return Err(fault(feed, position, "no event follows, though the head lies beyond"));
        }
    }
    if position > Position::ZERO && updated != head.updated {
        return Err(fault(feed, position, "its time is not that of the head"));
    }
    Ok(Verified {
        feed: feed.name.to_string(),
        events: position.get(),
        full_pages: position.get() / size,
    })
}

/// The first and the last event of a run.
async fn verify_ids(store: &dyn Inspection, feed: &Feed, slice: &Slice) -> Result<(), Fault> {
    for Recorded { position, event, .. } in
        [slice.entries.first(), slice.entries.last()].into_iter().flatten().map(|it| &it.recorded)
    {
        if store.find(feed, event.source(), event.id()).await? != Some(*position) {
            return Err(fault(feed, *position, "it is not found by its source and id"));
        }
    }
    Ok(())
}

fn fault(feed: &Feed, position: Position, reason: &str) -> Fault {
    Fault::Feed { feed: feed.name.to_string(), position, reason: reason.to_owned() }
}
