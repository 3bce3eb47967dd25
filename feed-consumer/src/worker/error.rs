//! Why a subscription ended before its time.

use std::error::Error;
use std::time::Duration;

use feed_protocol::Position;

use crate::reading::ReadingEnded;
use crate::reading::error::Discontinuity;
use crate::shard::ShardCount;
use crate::store::StoreError;

/// Why a subscription ended before its time. Its cursor stands before everything that is not
/// handled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumerError {
    /// The cursor database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The subscription has another number of shards than was asked for.
    #[error("the group {group:?} has {shards} shards in this feed, not {wanted}")]
    Shards {
        /// The group.
        group: String,
        /// How many it has, since its first start.
        shards: ShardCount,
        /// How many were asked for.
        wanted: ShardCount,
    },
    /// The feed has not given the position after which the subscription is to begin.
    #[error("{url} ends at position {head}, and the subscription is to begin after {start}")]
    StartBeyondHead {
        /// The feed's address.
        url: String,
        /// Where to begin.
        start: Position,
        /// Where the feed ends.
        head: Position,
    },
    /// A document of other software has no place such as the one at which the subscription is to
    /// begin.
    #[error("{url} is a document without positions and times of its entries' arrival")]
    WithoutPositions {
        /// Its address.
        url: String,
    },
    /// The feed is not the one in which the cursor counts.
    #[error(transparent)]
    Discontinuity(#[from] Discontinuity),
    /// The feed could not be read for longer than was to be borne.
    #[error("gave up after {} in which the feed could not be read", humantime::format_duration(*.lasted))]
    Unreadable {
        /// For how long.
        lasted: Duration,
        /// The last failure.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// An event could not be handled: its error is permanent, or lasted too long. It was to stop the
    /// subscription, and not to be parked.
    #[error(
        "the event {id} of {source_attribute} at position {position} was not handled, at attempt {attempts}"
    )]
    Handler {
        /// The event's place.
        position: Position,
        /// Its source.
        source_attribute: String,
        /// Its id.
        id: String,
        /// How often it was tried.
        attempts: u32,
        /// What the handler said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// What the handler had collected could not be made to last.
    #[error("the handler could not make lasting what it did up to position {position}")]
    Flush {
        /// The last event handled.
        position: Position,
        /// What the handler said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl ConsumerError {
    /// What a person can do about it, where the error itself does not say.
    #[must_use]
    pub const fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Shards { .. } => {
                Some("leave the number out (--shards), or change it with `feed-consumer reshard`")
            }
            Self::StartBeyondHead { .. } => Some(
                "begin (--from) at a position that it has given, at `beginning`, at `now`, or at a \
                 time",
            ),
            Self::WithoutPositions { .. } => Some("begin (--from) at `beginning`, or at `now`"),
            Self::Discontinuity(discontinuity) => Some(discontinuity.remedy()),
            Self::Unreadable { .. } => {
                Some("check the address and the server; start again to go on where it stopped")
            }
            Self::Handler { .. } => {
                Some("mend what handles it; start again to go on with this event")
            }
            Self::Flush { .. } => Some("start again to handle those events again"),
            Self::Store(StoreError::Unavailable(_)) => {
                Some("check its disk, and what else uses it; start again to go on where it stopped")
            }
            Self::Store(_) => None,
        }
    }
}

impl From<ReadingEnded> for ConsumerError {
    fn from(ended: ReadingEnded) -> Self {
        match ended {
            ReadingEnded::Discontinuity(discontinuity) => Self::Discontinuity(discontinuity),
            ReadingEnded::GaveUp { lasted, last } => {
                Self::Unreadable { lasted, source: last.into() }
            }
        }
    }
}
