//! Which entries are known: handled, or on their way to the worker.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::overlap::{Overlap, Was};
use crate::store::pages::SeenEntry;
use crate::store::{CursorStore, StoreError, Subscription};

/// How many documents may be on their way: one in hand, one waiting, and one being read.
const UNDER_WAY: usize = 3;

/// The entries that are known of a feed.
#[derive(Debug)]
pub(super) struct Known {
    store: Arc<dyn CursorStore>,
    subscription: Subscription,
    /// Whether there are any.
    any: bool,
    /// The documents that were handed on last, the newest first: the ids of their entries, and
    /// when these were changed.
    under_way: VecDeque<HashMap<String, DateTime<Utc>>>,
}

impl Known {
    /// What the store knows.
    pub(super) async fn load(
        store: Arc<dyn CursorStore>,
        subscription: Subscription,
    ) -> Result<Self, StoreError> {
        let any = store.has_seen(&subscription).await?;
        Ok(Self { store, subscription, any, under_way: VecDeque::new() })
    }

    /// Whether there are any.
    pub(super) const fn any(&self) -> bool {
        self.any
    }

    /// Which of the entries of a document are known.
    pub(super) async fn overlap(&self, entries: &[SeenEntry]) -> Result<Overlap, StoreError> {
        let ids: Vec<&str> = entries.iter().map(|it| it.iri.as_str()).collect();
        let seen = self.store.seen(&self.subscription, &ids).await?;
        let was = |entry: &SeenEntry| {
            // As it was read last, if only to find that it had been handled.
            let read = self.under_way.iter().find_map(|document| document.get(&entry.iri));
            match read.map(|updated| Some(*updated)).or_else(|| seen.get(&entry.iri).copied()) {
                None => Was::Unknown,
                // To the microsecond, as stores keep times.
                Some(Some(updated))
                    if updated.timestamp_micros() != entry.updated.timestamp_micros() =>
                {
                    Was::Changed
                }
                Some(_) => Was::Same,
            }
        };
        Ok(Overlap::new(entries.iter().map(|entry| (entry.updated, was(entry))).collect()))
    }

    /// These entries are handed on.
    pub(super) fn hand_on(&mut self, entries: Vec<SeenEntry>) {
        self.any |= !entries.is_empty();
        self.under_way.push_front(entries.into_iter().map(|it| (it.iri, it.updated)).collect());
        self.under_way.truncate(UNDER_WAY);
    }
}
