//! Whose events are wanted: of a document that holds those of all shards, a worker needs its own.

use std::sync::{Arc, PoisonError, RwLock};

use feed_protocol::Recorded;
use feed_protocol::cloudevents::Outline;

use crate::shard::{ShardCount, ShardNumber};

/// Which shards' events a reader decodes and hands on.
///
/// Clones are the same interest. What a worker changes holds for what is decoded from then on;
/// news say under which scope they were decoded.
#[derive(Debug, Clone)]
pub(crate) struct Interest(Arc<RwLock<Scope>>);

/// The shards whose events are wanted, at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope(Option<Arc<ShardSet>>);

/// Some of the shards of a subscription.
#[derive(Debug, PartialEq, Eq)]
struct ShardSet {
    count: ShardCount,
    /// A bit a shard, the lowest first.
    bits: Box<[u64]>,
}

impl Interest {
    /// In the events of all shards, until it is changed.
    pub(crate) fn everything() -> Self {
        Self(Arc::new(RwLock::new(Scope::EVERYTHING)))
    }

    /// What is wanted now.
    pub(crate) fn scope(&self) -> Scope {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Wants this from now on.
    pub(crate) fn set(&self, scope: Scope) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = scope;
    }
}

impl Scope {
    /// All shards, however many there are.
    pub(crate) const EVERYTHING: Self = Self(None);

    /// These of so many shards.
    pub(crate) fn of(count: ShardCount, shards: impl IntoIterator<Item = ShardNumber>) -> Self {
        let mut bits = vec![0; usize::from(count.get()).div_ceil(64)].into_boxed_slice();
        for shard in shards.into_iter().filter(|shard| shard.get() < count.get()) {
            bits[usize::from(shard.get() / 64)] |= 1 << (shard.get() % 64);
        }
        Self(Some(Arc::new(ShardSet { count, bits })))
    }

    /// Whether nothing is left out.
    pub(crate) const fn is_everything(&self) -> bool {
        self.0.is_none()
    }

    /// Whether the events of this shard are wanted.
    pub(crate) fn has(&self, shard: ShardNumber) -> bool {
        self.0.as_ref().is_none_or(|set| set.has(shard))
    }

    /// Whether this event is wanted, of which no more than an outline is known.
    pub(crate) fn wants(&self, outline: &Outline<'_>) -> bool {
        self.0.as_ref().is_none_or(|set| {
            set.has(set.count.shard_of_texts(outline.subject, outline.source, outline.id))
        })
    }

    /// Whether events with this [hash](crate::shard::hash) are wanted.
    pub(crate) fn wants_hash(&self, hash: u64) -> bool {
        self.0.as_ref().is_none_or(|set| set.has(set.count.shard_of_hash(hash)))
    }

    /// Whether this event is wanted.
    pub(crate) fn wants_event(&self, recorded: &Recorded) -> bool {
        let event = &recorded.event;
        self.0.as_ref().is_none_or(|set| {
            set.has(set.count.shard_of(event.subject(), event.source(), event.id()))
        })
    }
}

impl ShardSet {
    fn has(&self, shard: ShardNumber) -> bool {
        let bits = self.bits.get(usize::from(shard.get() / 64));
        bits.is_some_and(|bits| bits >> (shard.get() % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests;
