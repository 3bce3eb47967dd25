//! Which entries are known: handled, or on their way to the worker.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

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
    /// The ids of the documents that were handed on last.
    under_way: VecDeque<HashSet<String>>,
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

    /// Whether one of these entries is known.
    pub(super) async fn is_among(&self, ids: &[String]) -> Result<bool, StoreError> {
        if ids.iter().any(|id| self.under_way.iter().any(|document| document.contains(id))) {
            return Ok(true);
        }
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        Ok(!self.store.seen(&self.subscription, &ids).await?.is_empty())
    }

    /// These entries are handed on.
    pub(super) fn hand_on(&mut self, ids: Vec<String>) {
        self.any |= !ids.is_empty();
        self.under_way.push_back(ids.into_iter().collect());
        if self.under_way.len() > UNDER_WAY {
            self.under_way.pop_front();
        }
    }
}
