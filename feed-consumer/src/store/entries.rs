//! What was found of feeds of other software, in the order in which it was found, as a store keeps
//! it.
//!
//! Such a feed has no positions. The holder of one shard gathers its entries and numbers them; from
//! there on they are read as the events of a feed with positions are, by all workers.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use feed_protocol::{Event, Position, Recorded};

use super::pages::{PageKind, SeenEntry};
use super::shards::Lease;
use super::{Seen, StoreError, Subscription, Validators};
use crate::shard::ShardNumber;

/// Whoever holds this shard gathers, under its token.
pub(crate) const GATHERING: ShardNumber = ShardNumber::new(0);

/// How many entries that are in a document no more are remembered, should they come back.
pub(super) const REMEMBERED: u32 = 10_000;

/// A place where the entries of feeds without positions are kept.
///
/// # Promises
///
/// Those of [`ShardStore`](super::shards::ShardStore), and:
///
/// 1. Positions are given in the transaction that stores the entries, without gaps, and each once.
/// 2. What a document brought is there as a whole, with everything that is known of the document by
///    it, or not at all.
/// 3. Only the holder of [`GATHERING`] adds entries, under its token.
/// 4. An entry stays until the cursors of all shards have passed it, and for as long as it waits
///    behind a parked event.
#[async_trait]
pub(crate) trait EntryStore {
    /// Adds the entries of a document that have not been found before, in their order, and keeps what
    /// its end says. Returns how many entries were found in all; `None`, and nothing done, if
    /// another worker has the shard.
    ///
    /// It can be called again after an error, with the same document.
    async fn add_found(
        &self,
        subscription: &Subscription,
        lease: Lease,
        finding: &Finding<'_>,
    ) -> Result<Option<Position>, StoreError>;

    /// The feed was read to its end, and all that was there is added. Nothing is done if another
    /// worker has the shard.
    async fn searched(&self, subscription: &Subscription, lease: Lease) -> Result<(), StoreError>;

    /// The entries after a position, at most so many. Those whose [hash](crate::shard::hash) is not
    /// wanted are passed, and not decoded.
    async fn entries(
        &self,
        subscription: &Subscription,
        after: Position,
        most: u16,
        wanted: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<EntryRun, StoreError>;

    /// The entry at a position; `None` if it was not found yet, or is gone.
    async fn entry(
        &self,
        subscription: &Subscription,
        position: Position,
    ) -> Result<Option<Recorded>, StoreError>;

    /// Drops the entries that nothing needs any more. Returns how many of those that were found some
    /// shard has not passed.
    async fn prune(&self, subscription: &Subscription) -> Result<u64, StoreError>;
}

/// A run of entries, and what else was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntryRun {
    /// The entries that are wanted.
    pub(crate) events: Vec<Recorded>,
    /// Up to which position there is none but these.
    pub(crate) through: Position,
    /// How many entries were found in all: the position of the last.
    pub(crate) found: Position,
    /// How often the feed was read to its end.
    pub(crate) searched: u64,
}

/// What a document, or a page of it, brought.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finding<'a> {
    /// Its entries, oldest first, each id once.
    pub(crate) entries: &'a [DocumentEntry],
    /// Whether an entry that was found before counts again when its `updated` is later.
    pub(crate) each_update: bool,
    /// What is to be kept with them.
    pub(crate) end: &'a DocumentEnd,
}

/// An entry of a document of other software.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DocumentEntry {
    /// The `atom:id`.
    pub(crate) iri: String,
    /// When it was last changed, as it says.
    pub(crate) updated: DateTime<Utc>,
    /// What happened.
    pub(crate) event: Event,
}

/// What is to be kept once the entries of a document are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DocumentEnd {
    /// Nothing: a page was read to learn what is before it.
    Nothing,
    /// That this page has been read.
    Page {
        /// Its place.
        place: i64,
        /// What kind of page it is.
        kind: PageKind,
    },
    /// What makes the next request for the document that is subscribed to conditional.
    Document {
        /// Its validators.
        validators: Validators,
        /// Entries of it that are taken as handled.
        taken: Vec<SeenEntry>,
    },
}

impl DocumentEntry {
    /// As it is known from now on.
    pub(crate) fn seen(&self) -> SeenEntry {
        SeenEntry { iri: self.iri.clone(), updated: self.updated }
    }
}

impl<'a> Finding<'a> {
    /// The ids of its entries.
    pub(super) fn ids(&self) -> Vec<String> {
        self.entries.iter().map(|entry| entry.iri.clone()).collect()
    }

    /// Those that are new, where these are known.
    pub(crate) fn unseen(self, seen: &Seen) -> impl Iterator<Item = &'a DocumentEntry> {
        self.entries.iter().filter(move |entry| match seen.get(&entry.iri) {
            None => true,
            // To the microsecond, as stores keep times.
            Some(Some(updated)) if self.each_update => {
                entry.updated.timestamp_micros() > updated.timestamp_micros()
            }
            Some(_) => false,
        })
    }

    /// What is known once all of it is kept.
    pub(super) fn seen(&self, new: &[&DocumentEntry]) -> Vec<SeenEntry> {
        let taken = match self.end {
            DocumentEnd::Document { taken, .. } => taken.as_slice(),
            DocumentEnd::Nothing | DocumentEnd::Page { .. } => &[],
        };
        new.iter().map(|entry| entry.seen()).chain(taken.iter().cloned()).collect()
    }
}
