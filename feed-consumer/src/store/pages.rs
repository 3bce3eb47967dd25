//! The pages of feeds of other software, as a store keeps them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use feed_protocol::link::Relation;

use super::shards::Lease;
use super::{StoreError, Subscription};

/// A place where the pages of feeds without positions are kept; see [`super::CursorStore`] for
/// what every method promises.
///
/// Only the holder of [`GATHERING`](super::entries::GATHERING) changes what is known of pages, under
/// its token: `false`, and nothing done, if another worker has that shard.
#[async_trait]
pub(crate) trait PageStore {
    /// Every page that is known of a feed, oldest first.
    async fn pages(&self, subscription: &Subscription) -> Result<Vec<Page>, StoreError>;

    /// Notes pages, all or none of them. A page that is known by its address is so from now on.
    async fn put_pages(
        &self,
        subscription: &Subscription,
        lease: Lease,
        pages: &[Page],
    ) -> Result<bool, StoreError>;

    /// Notes that the page at this place is done, if there still is one.
    async fn page_done(
        &self,
        subscription: &Subscription,
        lease: Lease,
        place: i64,
    ) -> Result<bool, StoreError>;

    /// Forgets the pages from one place to another, both included, that are not done.
    async fn drop_pages(
        &self,
        subscription: &Subscription,
        lease: Lease,
        from: i64,
        to: i64,
    ) -> Result<bool, StoreError>;

    /// Whether any entry of the feed is known: found, or taken as handled.
    async fn has_seen(&self, subscription: &Subscription) -> Result<bool, StoreError>;
}

/// A page of a feed of other software, beside the document that is subscribed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// Pages are handled in this order: that with a lower place is older.
    pub(crate) place: i64,
    /// Its address.
    pub(crate) url: String,
    /// How it was found.
    pub(crate) kind: PageKind,
    /// What is known of it.
    pub(crate) state: PageState,
    /// The id of the oldest entry that stood on it when it was walked.
    pub(crate) oldest: Option<String>,
    /// Whether an entry that had been handled stood on a newer page, when this one was found.
    pub(crate) linked: bool,
}

/// The columns of a page: place, address, kind, state, oldest entry, and whether it is linked.
pub(super) type PageColumns = (i64, String, String, String, Option<String>, bool);

impl Page {
    /// The page of a row.
    pub(super) fn of(
        columns: PageColumns,
        subscription: &Subscription,
    ) -> Result<Self, StoreError> {
        let (place, url, kind, state, oldest, linked) = columns;
        let unknown = |column, text: &str| StoreError::Inconsistent {
            table: "feed_foreign_pages",
            column,
            row: format!("{subscription}, {url}"),
            reason: format!("{text:?} is not known"),
        };
        let (kind, state) = (
            PageKind::parse(&kind).ok_or_else(|| unknown("kind", &kind))?,
            PageState::parse(&state).ok_or_else(|| unknown("state", &state))?,
        );
        Ok(Self { place, url, kind, state, oldest, linked })
    }
}

/// By which link a page was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageKind {
    /// `prev-archive` (RFC 5005, section 4): it never changes.
    Archive,
    /// `next` (RFC 5005, section 3): its entries move to older pages when there are newer ones.
    Paged,
}

/// What is known of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageState {
    /// That there is one.
    Found,
    /// Which page is before it.
    Walked,
    /// That its entries have been found, or taken as handled.
    Done,
}

/// An entry that is known: found, or taken as handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenEntry {
    /// Its `atom:id`.
    pub(crate) iri: String,
    /// When it was last changed, as it said.
    pub(crate) updated: DateTime<Utc>,
}

impl PageKind {
    /// The relation of the link to the page before.
    pub(crate) const fn relation(self) -> Relation {
        match self {
            Self::Archive => Relation::PrevArchive,
            Self::Paged => Relation::Next,
        }
    }

    /// Its name in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Paged => "paged",
        }
    }

    /// The kind of this name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Archive, Self::Paged].into_iter().find(|it| it.as_str() == text)
    }
}

impl PageState {
    /// Its name in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Walked => "walked",
            Self::Done => "done",
        }
    }

    /// The state of this name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Found, Self::Walked, Self::Done].into_iter().find(|it| it.as_str() == text)
    }
}
