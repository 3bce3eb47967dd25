//! Shards: the slices into which the subjects of a subscription are cut, so that workers can share
//! them.

use std::fmt;
use std::str::FromStr;

use feed_protocol::event::{EventId, Source, Subject};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

/// How many shards a subscription has: 1 (total order) to 4,096.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(try_from = "u16")]
pub struct ShardCount(u16);

/// Which shard: from 0 up to, not including, their [`ShardCount`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardNumber(u16);

/// The number that grows with each new holder of a shard, and fences the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Token(u64);

/// Text or a number that is no count of shards.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no number of shards: name one from 1 (total order) to {max}", max = ShardCount::MAX)]
pub struct InvalidShardCount(String);

impl ShardCount {
    /// One: all events in the order of the feed.
    pub const ONE: Self = Self(1);
    /// As many as there can be.
    pub const MAX: u16 = 4096;

    /// So many.
    #[must_use]
    pub const fn new(count: u16) -> Option<Self> {
        if count == 0 || count > Self::MAX { None } else { Some(Self(count)) }
    }

    /// As a number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// All of them.
    pub(crate) fn numbers(self) -> impl ExactSizeIterator<Item = ShardNumber> {
        (0..self.0).map(ShardNumber)
    }

    /// The shard of an event: a hash (xxh3-64) of its subject, or of its source and id if it has
    /// none, so that the events of one subject are in one shard for ever.
    #[must_use]
    pub fn shard_of(self, subject: Option<&Subject>, source: &Source, id: &EventId) -> ShardNumber {
        self.shard_of_texts(subject.map(Subject::as_str), source.as_str(), id.as_str())
    }

    /// The shard of an event with these attributes.
    pub(crate) fn shard_of_texts(
        self,
        subject: Option<&str>,
        source: &str,
        id: &str,
    ) -> ShardNumber {
        self.shard_of_hash(hash(subject, source, id))
    }

    /// The shard of the events with this [hash].
    pub(crate) fn shard_of_hash(self, hash: u64) -> ShardNumber {
        let number = hash % u64::from(self.0);
        // Expect safety: it is less than a u16.
        ShardNumber(u16::try_from(number).expect("the rest of a division by a u16 is one"))
    }
}

/// What the shard of an event is found by, whatever their number: xxh3-64 of its subject, or of its
/// source and id if it has none.
pub(crate) fn hash(subject: Option<&str>, source: &str, id: &str) -> u64 {
    match subject {
        Some(subject) => xxh3_64(subject.as_bytes()),
        None => {
            let mut hasher = Xxh3Default::new();
            hasher.update(source.as_bytes());
            // No attribute holds this character, so that no two pairs look the same.
            hasher.update(&[0]);
            hasher.update(id.as_bytes());
            hasher.digest()
        }
    }
}

impl Default for ShardCount {
    /// 64.
    fn default() -> Self {
        Self(64)
    }
}

impl FromStr for ShardCount {
    type Err = InvalidShardCount;

    fn from_str(text: &str) -> Result<Self, InvalidShardCount> {
        text.parse().ok().and_then(Self::new).ok_or_else(|| InvalidShardCount(format!("{text:?}")))
    }
}

impl TryFrom<u16> for ShardCount {
    type Error = InvalidShardCount;

    fn try_from(count: u16) -> Result<Self, InvalidShardCount> {
        Self::new(count).ok_or_else(|| InvalidShardCount(count.to_string()))
    }
}

impl fmt::Display for ShardCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ShardNumber {
    /// The shard of this number.
    pub(crate) const fn new(number: u16) -> Self {
        Self(number)
    }

    /// As a number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for ShardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Token {
    /// The token of this number.
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }

    /// As a number, which outside systems can compare: of two, the higher is the present holder's.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shard_of_an_event_is_fixed_for_ever() {
        let shard = |subject: Option<&str>, count| {
            let subject = subject.map(|it| it.parse().unwrap());
            let (source, id) = ("/shop".parse().unwrap(), "1".parse().unwrap());
            ShardCount::new(count).unwrap().shard_of(subject.as_ref(), &source, &id).get()
        };
        assert_eq!(shard(Some("order-42"), 64), 60);
        assert_eq!(shard(None, 64), 22);
        assert_eq!(shard(Some("order-42"), 1), 0);
    }

    #[test]
    fn a_count_is_told_apart_from_what_is_none() {
        assert_eq!("64".parse(), Ok(ShardCount::default()));
        for text in ["0", "-1", "4097", "many", ""] {
            let error = text.parse::<ShardCount>().unwrap_err();
            assert!(error.to_string().contains("from 1 (total order) to 4096"), "{error}");
        }
    }
}
