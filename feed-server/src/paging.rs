//! Paging: which positions a document covers, where it leads, and its bytes.
//!
//! Pages are arithmetic on positions. A full page never changes, so its bytes are kept; the
//! other documents are kept as long as the head stands still, so that all who wait for the same
//! news share one reading and one rendering.

mod coding;
mod document;
mod filter;
mod kept;
mod making;
mod rendered;
mod representation;
mod room;
mod stream;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use feed_protocol::event::{EventId, Source, Subject};
use feed_protocol::{Entry, PageNumber, Position, PositionRange};
use url::Url;

pub(crate) use coding::Coding;
pub(crate) use filter::Filter;
pub(crate) use rendered::{Rendered, etag_of};
pub(crate) use representation::Representation;
pub(crate) use stream::id_block;

use crate::feeds::LiveFeed;
use crate::metrics::Metrics;
use crate::store::{EventStore, Head, Slice, StoreError, Window};
use document::Place;
use kept::Kept;
use making::DocumentKey;
use room::{Crowded, Room};

/// A tail or a subject's document ends early once its data exceed this many bytes.
const MAX_SLICE_BYTES: u64 = 8 << 20;

/// Reads documents of feeds. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Paging {
    store: Arc<dyn EventStore>,
    public_url: Option<Url>,
    kept: Arc<Kept>,
    room: Arc<Room>,
}

/// Why there is no such document.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PagingError {
    /// No page, entry, data or subject of this name.
    #[error("not found")]
    NotFound,
    /// The position lies beyond the head.
    #[error("the position lies beyond the head, {0}")]
    BeyondHead(Position),
    /// The document is large, and made in another way.
    #[error("the document is large")]
    Large,
    /// Too many large documents are being made or sent.
    #[error("too many large documents are being made or sent")]
    Crowded,
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] Arc<StoreError>),
}

impl From<StoreError> for PagingError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<Crowded> for PagingError {
    fn from(_: Crowded) -> Self {
        Self::Crowded
    }
}

impl From<Arc<Self>> for PagingError {
    fn from(error: Arc<Self>) -> Self {
        match &*error {
            Self::NotFound => Self::NotFound,
            Self::BeyondHead(head) => Self::BeyondHead(*head),
            Self::Large => Self::Large,
            Self::Crowded => Self::Crowded,
            Self::Store(error) => Self::Store(Arc::clone(error)),
        }
    }
}

type PagingResult = Result<Arc<Rendered>, PagingError>;

impl Paging {
    pub(crate) fn new(
        store: Arc<dyn EventStore>,
        public_url: Option<Url>,
        cache_bytes: u64,
        metrics: Arc<Metrics>,
    ) -> Self {
        let kept = Arc::new(Kept::new(cache_bytes, metrics));
        Self { store, public_url, kept, room: Arc::new(Room::new()) }
    }

    /// The base of absolute addresses, when one is configured.
    pub(crate) fn public_url(&self) -> Option<&Url> {
        self.public_url.as_ref()
    }

    /// The current document: the last min(head, P) events, newest first.
    pub(crate) async fn current(
        &self,
        live: &LiveFeed,
        representation: Representation,
        filter: &Filter,
    ) -> PagingResult {
        let head = live.head().position;
        let key = Self::key(live, DocumentKey::Current { head }, representation, filter);
        let make = |slice| self.document(live, Place::Current, slice, filter);
        Box::pin(self.whole(live, head.back_by(live.feed.page_size.get()), key, make)).await
    }

    /// Page k, newest first.
    pub(crate) async fn page(
        &self,
        live: &LiveFeed,
        page: PageNumber,
        representation: Representation,
        filter: &Filter,
    ) -> PagingResult {
        let size = live.feed.page_size;
        let mut head = live.head();
        if page > size.open_page(head.position) {
            head = self.fresh_head(live).await?;
        }
        let open = size.open_page(head.position);
        if page > open {
            return Err(PagingError::NotFound);
        }
        let full = page < open;
        let key = if full {
            DocumentKey::FullPage(page)
        } else {
            DocumentKey::OpenPage { head: head.position }
        };
        let key = Self::key(live, key, representation, filter);
        let make = |mut slice: Slice| {
            if !full {
                slice.head.position = slice.range.last();
            }
            self.document(live, Place::Page(page), slice, filter)
        };
        Box::pin(self.whole(live, size.range(page).before(), key, make)).await
    }

    /// The tail: the next events after a position, oldest first.
    pub(crate) async fn tail(
        &self,
        live: &LiveFeed,
        after: Position,
        representation: Representation,
        filter: &Filter,
    ) -> PagingResult {
        let mut head = live.head();
        if after >= head.position {
            // Nobody may miss what another process has just committed, nor be told that it is
            // beyond a head that has moved.
            head = self.fresh_head(live).await?;
        }
        if after > head.position {
            return Err(PagingError::BeyondHead(head.position));
        }
        let key = DocumentKey::Tail { after, head: last_seen_by(live, after, head.position) };
        let key = Self::key(live, key, representation, filter);
        self.kept
            .get(&key, async {
                let slice = self.read_tail(live, after, filter).await?;
                Ok(self.document(live, Place::Tail { after }, slice, filter).render(representation))
            })
            .await
    }

    /// The tail of a reader that waits for its first match: passes over every position that the
    /// filter refuses, up to the head, and says which it passed. It is known already that none up
    /// to `passed` matches. Kept for nobody else.
    pub(crate) async fn tail_to_match(
        &self,
        live: &LiveFeed,
        after: Position,
        passed: Position,
        representation: Representation,
        filter: &Filter,
    ) -> PagingResult {
        let mut slice = self.read_tail(live, passed, filter).await?;
        while slice.entries.is_empty() && slice.range.last() < slice.head.position {
            slice = self.read_tail(live, slice.range.last(), filter).await?;
        }
        slice.range = PositionRange::after(after, slice.range.last());
        let document = self.document(live, Place::Tail { after }, slice, filter);
        Ok(Arc::new(document.render(representation)))
    }

    /// The events of one subject after a position, oldest first.
    pub(crate) async fn subject(
        &self,
        live: &LiveFeed,
        subject: &Subject,
        after: Position,
        representation: Representation,
    ) -> PagingResult {
        let size = live.feed.page_size.get();
        let slice = self
            .store
            .subject(&live.feed, subject, after, size, MAX_SLICE_BYTES)
            .await?
            .ok_or(PagingError::NotFound)?;
        if after > slice.head.position {
            return Err(PagingError::BeyondHead(slice.head.position));
        }
        let place = Place::Subject { subject, after };
        let document = self.document(live, place, slice, &Filter::default());
        Ok(Arc::new(document.render(representation)))
    }

    /// One entry.
    pub(crate) async fn entry(
        &self,
        live: &LiveFeed,
        position: Position,
        representation: Representation,
    ) -> PagingResult {
        let key = DocumentKey::Entry(position);
        let key = Self::key(live, key, representation, &Filter::default());
        self.kept
            .get(&key, async {
                let entry = self.load_entry(live, position).await?;
                Ok(document::render_entry(live, &entry, representation, self.public_url()))
            })
            .await
    }

    /// The data of one entry, in its own media type.
    pub(crate) async fn data(&self, live: &LiveFeed, position: Position) -> PagingResult {
        let key = DocumentKey::Data(position);
        let key = Self::key(live, key, Representation::Atom, &Filter::default());
        self.kept
            .get(&key, async {
                let entry = self.load_entry(live, position).await?;
                document::render_data(live, &entry).ok_or(PagingError::NotFound)
            })
            .await
    }

    /// The blocks of a stream for the next events after a position; their range ends at the
    /// cursor of the last of them.
    pub(crate) async fn stream_blocks(
        &self,
        live: &LiveFeed,
        after: Position,
        filter: &Filter,
    ) -> PagingResult {
        let head = live.head().position;
        let key = DocumentKey::Stream { after, head: last_seen_by(live, after, head) };
        let key = Self::key(live, key, Representation::CloudEventsBatch, filter);
        self.kept
            .get(&key, async {
                let slice = self.read_tail(live, after, filter).await?;
                Ok(stream::render_blocks(live, &slice))
            })
            .await
    }

    /// Where the event of this source and id stands.
    pub(crate) async fn find(
        &self,
        live: &LiveFeed,
        source: &Source,
        id: &EventId,
    ) -> Result<Position, PagingError> {
        self.store.find(&live.feed, source, id).await?.ok_or(PagingError::NotFound)
    }

    /// The position of the last event accepted before this instant.
    pub(crate) async fn position_before(
        &self,
        live: &LiveFeed,
        instant: DateTime<Utc>,
    ) -> Result<Position, PagingError> {
        Ok(self.store.position_before(&live.feed, instant).await?)
    }

    /// The first position after `after`, and up to the head, whose event passes the filter.
    pub(crate) async fn has_match(
        &self,
        live: &LiveFeed,
        mut after: Position,
        filter: &Filter,
    ) -> Result<bool, PagingError> {
        loop {
            let slice = self.read_tail(live, after, filter).await?;
            if !slice.entries.is_empty() {
                return Ok(true);
            }
            if slice.range.last() >= slice.head.position {
                return Ok(false);
            }
            after = slice.range.last();
        }
    }

    /// The head as the store has it now.
    pub(crate) async fn fresh_head(&self, live: &LiveFeed) -> Result<Head, PagingError> {
        let head = self.store.head(&live.feed).await?;
        live.advance(head);
        Ok(head)
    }

    /// How many bytes of documents are kept in memory.
    pub(crate) fn kept_bytes(&self) -> u64 {
        self.kept.bytes()
    }

    /// Whether the store can be read.
    pub(crate) async fn check_readable(&self) -> Result<(), StoreError> {
        self.store.feeds().await.map(drop)
    }

    /// Whether the store answers and accepts writes.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        self.store.check().await
    }

    async fn load_entry(&self, live: &LiveFeed, position: Position) -> Result<Entry, PagingError> {
        self.store.entry(&live.feed, position).await?.ok_or(PagingError::NotFound)
    }

    async fn read_tail(
        &self,
        live: &LiveFeed,
        after: Position,
        filter: &Filter,
    ) -> Result<Slice, PagingError> {
        self.read(live, after, live.feed.page_size.get(), MAX_SLICE_BYTES, filter).await
    }

    async fn read(
        &self,
        live: &LiveFeed,
        after: Position,
        max_positions: u64,
        max_bytes: u64,
        filter: &Filter,
    ) -> Result<Slice, PagingError> {
        let window = Window { after, max_positions, max_bytes, types: filter.types() };
        Ok(self.store.read(&live.feed, &window).await?)
    }

    fn document(
        &self,
        live: &LiveFeed,
        place: Place<'_>,
        slice: Slice,
        filter: &Filter,
    ) -> document::Assembled {
        document::assemble(live, place, slice, filter, self.public_url())
    }
}

/// The newest position that a reading after `after` can show: as long as it stays the same, so
/// does the document.
fn last_seen_by(live: &LiveFeed, after: Position, head: Position) -> Position {
    head.min(after.advanced_by(live.feed.page_size.get()))
}
