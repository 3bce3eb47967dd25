//! Where a cursor is put by hand, and what that means for events.

use feed_protocol::Position;
use url::Url;

use super::{Cursors, CursorsError, KeptCursor, in_time, unreadable};
use crate::consumer::Start;
use crate::reading::client::Client;
use crate::reading::feed::FeedReader;
use crate::reading::interest::Interest;
use crate::reading::opening::OpenFeed;
use crate::store::shards::{Shard, ShardPlace, WorkerRow};
use crate::store::{LastEvent, Place, Validators};

/// A move that has not been made yet, and what it means.
#[derive(Debug)]
pub struct PlannedMove {
    cursor: KeptCursor,
    /// Where to; `None` when the cursor is forgotten.
    to: Option<Place>,
    /// Where the feed ends.
    head: Option<Position>,
    is_filtered: bool,
}

impl Cursors {
    /// Plans to put a cursor elsewhere. Asks the feed, which must be the one in which the cursor
    /// counts, but may have begun a new life.
    ///
    /// # Errors
    ///
    /// When the feed cannot be read, or has no such place.
    pub async fn plan(&self, cursor: &KeptCursor, to: Start) -> Result<PlannedMove, CursorsError> {
        let (client, feed) = cursor.ask().await?;
        let head = feed.head;
        let is_filtered = feed.addresses.is_filtered();
        let position = match to {
            Start::Position(position) if position > head => {
                return Err(CursorsError::BeyondHead { head });
            }
            Start::Position(position) => position,
            Start::Beginning => Position::ZERO,
            Start::Now => head,
            Start::Time(time) => in_time(feed.position_at(&client, time)).await?,
        };
        let incarnation = Some(feed.incarnation.clone());
        let last = last_event(&cursor.kept.url, client, feed, position).await?;
        let to = Some(Place { incarnation, position, last, validators: Validators::default() });
        Ok(PlannedMove { cursor: cursor.clone(), to, head: Some(head), is_filtered })
    }

    /// Plans to forget a cursor.
    #[must_use]
    pub fn plan_reset(&self, cursor: &KeptCursor) -> PlannedMove {
        PlannedMove { cursor: cursor.clone(), to: None, head: None, is_filtered: false }
    }

    /// Makes a move.
    ///
    /// # Errors
    ///
    /// When the cursor does not stand any more where it stood when it was looked at, or the
    /// database fails.
    pub async fn make(&self, planned: PlannedMove) -> Result<(), CursorsError> {
        let PlannedMove { cursor, to, .. } = &planned;
        let (kept, subscription) = (&cursor.kept, &cursor.kept.subscription);
        let present = self.store.shards(subscription).await?;
        let places =
            |shards: &[Shard]| shards.iter().map(|it| it.place.clone()).collect::<Vec<_>>();
        if places(&present) != places(&cursor.shards) {
            return Err(CursorsError::MovedMeanwhile);
        }
        let place = to.as_ref().map(|Place { position, last, validators, .. }| ShardPlace {
            position: *position,
            last: last.clone(),
            validators: validators.clone(),
        });
        // Should this be all that is done, the next start finds another life of the feed than that
        // in which the shards count, and says so.
        let holders = self.store.put_shards(subscription, &place.unwrap_or_default()).await?;
        if !holders.is_empty() {
            let name =
                |it: &WorkerRow| format!("process {} on {}", it.facts.process, it.facts.host);
            let workers = holders.iter().map(name).collect::<Vec<_>>().join(", ");
            return Err(CursorsError::Held { workers });
        }
        let made = match to {
            Some(to) => self.store.put(subscription, &kept.place, to).await?,
            None => self.store.forget(subscription, &kept.place).await?,
        };
        if made { Ok(()) } else { Err(CursorsError::MovedMeanwhile) }
    }
}

impl PlannedMove {
    /// Where the cursor goes; `None` when it is forgotten.
    #[must_use]
    pub fn to(&self) -> Option<Position> {
        self.to.as_ref().map(|to| to.position)
    }

    /// Where the feed ends, when the cursor moves within it.
    #[must_use]
    pub const fn head(&self) -> Option<Position> {
        self.head
    }

    /// Whether the place is in another life of the feed than the cursor was.
    #[must_use]
    pub fn changes_incarnation(&self) -> bool {
        self.to.as_ref().is_some_and(|to| to.incarnation != self.cursor.kept.place.incarnation)
    }

    /// How many events are handled again, and how many are passed over. With a feed that shows
    /// only some of its events, at most so many. In a new life of the feed, none are handled
    /// again that the old one had, and those up to the new place are passed over.
    #[must_use]
    pub fn again_and_passed_over(&self) -> (u64, u64) {
        let from = self.cursor.position().get();
        match &self.to {
            None => (from, 0),
            Some(to) if self.changes_incarnation() => (0, to.position.get()),
            Some(to) => {
                let to = to.position.get();
                (from.saturating_sub(to), to.saturating_sub(from))
            }
        }
    }

    /// Whether the feed shows only some of its events.
    #[must_use]
    pub const fn is_filtered(&self) -> bool {
        self.is_filtered
    }
}

/// The event at a position, as cursors remember it.
async fn last_event(
    url: &str,
    client: Client,
    feed: OpenFeed,
    position: Position,
) -> Result<Option<LastEvent>, CursorsError> {
    let url: Url = url.parse().map_err(unreadable)?;
    let mut reader = FeedReader::new(client, url, feed, position, None, Interest::everything());
    in_time(reader.learn_last()).await
}
