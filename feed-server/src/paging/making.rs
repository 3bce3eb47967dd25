//! Making documents: once for all who ask for the same, and large ones one at a time.

use std::sync::Arc;

use feed_protocol::{Incarnation, PageNumber, Position};

use super::room::ORDINARY_BYTES;
use super::{Filter, Paging, PagingError, PagingResult, Representation, document};
use crate::feeds::LiveFeed;
use crate::store::Slice;

/// What a document's bytes depend on, beside the server's settings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) feed: i64,
    pub(super) incarnation: Incarnation,
    pub(super) document: DocumentKey,
    pub(super) representation: Representation,
    pub(super) filter: Filter,
}

/// Which document of a feed. Those that change as the feed grows name the head.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum DocumentKey {
    Current { head: Position },
    FullPage(PageNumber),
    OpenPage { head: Position },
    Tail { after: Position, head: Position },
    Entry(Position),
    Data(Position),
    Stream { after: Position, head: Position },
}

impl Paging {
    /// A document of a page's length, however large its events are.
    pub(super) async fn whole(
        &self,
        live: &LiveFeed,
        after: Position,
        key: Key,
        make: impl Fn(Slice) -> document::Assembled,
    ) -> PagingResult {
        let (size, representation) = (live.feed.page_size.get(), key.representation);
        let ordinary = self
            .kept
            .get(&key, async {
                let slice = self.read(live, after, size, ORDINARY_BYTES, &key.filter).await?;
                if slice.range.last() < after.advanced_by(size).min(slice.head.position) {
                    return Err(PagingError::Large);
                }
                Ok(make(slice).render(representation))
            })
            .await;
        if !matches!(ordinary, Err(PagingError::Large)) {
            return ordinary;
        }
        let mut turn = self.room.turn().await?;
        if let Some(rendered) = turn.find(&key) {
            return Ok(rendered);
        }
        let slice = self.read(live, after, size, u64::MAX, &key.filter).await?;
        let data = slice.entries.iter().filter_map(|entry| entry.recorded.event.data());
        let room = turn.room_for(data.map(|it| it.len() as u64).sum()).await?;
        let rendered = Arc::new(make(slice).render_into(representation, room));
        turn.share(key, &rendered);
        Ok(rendered)
    }

    pub(super) fn key(
        live: &LiveFeed,
        document: DocumentKey,
        representation: Representation,
        filter: &Filter,
    ) -> Key {
        Key {
            feed: live.feed.key,
            incarnation: live.feed.incarnation.clone(),
            document,
            representation,
            filter: filter.clone(),
        }
    }
}
