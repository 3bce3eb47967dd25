//! What can be wrong with a history.

use std::fmt;

use crate::history::Record;

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// An event was never handled to its end.
    Lost {
        /// Its place.
        position: i64,
    },
    /// The effect of an event is there more than once.
    Doubled {
        /// Its place.
        position: i64,
        /// How often.
        times: u32,
    },
    /// Two events of a subject were not handled in the order of the feed.
    Overtaken {
        /// The place of the earlier.
        first: i64,
        /// The place of the later.
        by: i64,
    },
    /// An effect was committed when there was one under a higher token of its shard.
    Unfenced {
        /// The effect.
        record: Record,
        /// The higher token.
        token: i64,
    },
    /// An event was handled that is set aside, or begun that waits behind one.
    NotLeftAlone {
        /// The record.
        record: Record,
    },
    /// A holder handled two events of a subject at once.
    AtOnce {
        /// The beginning of the second.
        record: Record,
        /// The place of the first.
        other: i64,
    },
    /// A holder handled an event again that had not failed, or one before it.
    WentBack {
        /// Its beginning.
        record: Record,
        /// The place of the last event that it had handled of the subject.
        last: i64,
    },
    /// A former holder began more than the one call that it was stopped in.
    WentOn {
        /// The beginning of one of them.
        record: Record,
    },
    /// Two workers held a shard under the same token.
    TokenOfTwo {
        /// The shard.
        shard: i64,
        /// The token.
        token: i64,
        /// Their names.
        workers: Vec<String>,
    },
    /// A subject was handled in more than one shard.
    InTwoShards {
        /// The subject.
        subject: String,
        /// The shards.
        shards: Vec<i64>,
    },
    /// What was handled is not in the feed, or has another subject there.
    NotInTheFeed {
        /// The record.
        record: Record,
    },
}

impl Violation {
    /// The places of the events in question.
    #[must_use]
    pub fn positions(&self) -> Vec<i64> {
        match self {
            Self::Lost { position } | Self::Doubled { position, .. } => vec![*position],
            Self::Overtaken { first, by } => vec![*first, *by],
            Self::AtOnce { record, other } | Self::WentBack { record, last: other } => {
                vec![*other, record.call.position]
            }
            Self::Unfenced { record, .. }
            | Self::WentOn { record }
            | Self::NotLeftAlone { record }
            | Self::NotInTheFeed { record } => vec![record.call.position],
            Self::TokenOfTwo { .. } | Self::InTwoShards { .. } => Vec::new(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { position } => write!(f, "{position} was not handled to its end"),
            Self::Doubled { position, times } => {
                write!(f, "the effect of {position} is there {times} times")
            }
            Self::Overtaken { first, by } => write!(f, "{by} was handled before {first}"),
            Self::Unfenced { record, token } => {
                write!(f, "committed when there was an effect under token {token}: {record}")
            }
            Self::AtOnce { record, other } => {
                write!(f, "begun under the token under which {other} was in hand: {record}")
            }
            Self::WentBack { record, last } => {
                write!(f, "begun under the token under which {last} was done: {record}")
            }
            Self::WentOn { record } => {
                write!(f, "not the first to begin after the lease was another's: {record}")
            }
            Self::TokenOfTwo { shard, token, workers } => {
                write!(f, "token {token} of shard {shard} was held by {}", workers.join(" and "))
            }
            Self::InTwoShards { subject, shards } => {
                write!(f, "{subject} was handled in the shards {shards:?}")
            }
            Self::NotLeftAlone { record } => write!(f, "it is set aside, or waits: {record}"),
            Self::NotInTheFeed { record } => write!(f, "not in the feed: {record}"),
        }
    }
}
