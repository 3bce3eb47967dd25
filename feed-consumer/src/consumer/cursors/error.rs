//! Why a cursor could not be looked at, or moved.

use feed_protocol::Position;

use crate::consumer::ConfigError;
use crate::reading::error::Discontinuity;
use crate::shard::ShardCount;
use crate::store::StoreError;

/// Why a cursor could not be looked at, or moved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CursorsError {
    /// The name of the database is none.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such cursor.
    #[error("the group {group:?} has no cursor in {feed}; {known}")]
    Unknown {
        /// The group.
        group: String,
        /// The feed, as it was named.
        feed: String,
        /// What there is.
        known: String,
    },
    /// The feed did not say where it ends.
    #[error("the feed cannot be read")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The feed is not the one in which the cursor counts.
    #[error(transparent)]
    Discontinuity(Discontinuity),
    /// The feed has no positions to which a cursor could move.
    #[error(
        "{url} is a document without positions: reset the cursor, and the next start begins where \
         its --from says"
    )]
    WithoutPositions {
        /// Its address.
        url: String,
    },
    /// The feed ends before that place.
    #[error("the feed ends at position {head}: name a position from 0 to {head}")]
    BeyondHead {
        /// Where the feed ends.
        head: Position,
    },
    /// Workers have leases on it.
    #[error(
        "{workers} handles its events now: stop it and try again, or wait until its lease ends if \
         it cannot be reached"
    )]
    Held {
        /// Which, by machine and process.
        workers: String,
    },
    /// There is no such shard.
    #[error(
        "the group {group:?} has no shard {shard}: its shards are numbered from 0 to {}", .count.saturating_sub(1)
    )]
    NoShard {
        /// The group.
        group: String,
        /// The shard that was named.
        shard: u16,
        /// How many there are.
        count: usize,
    },
    /// The subscription has no shards yet.
    #[error(
        "the group {group:?} is not cut into shards yet: start one of its workers (`feed-consumer \
         run`), and try again"
    )]
    NotCut {
        /// The group.
        group: String,
    },
    /// Another number of shards was asked for, and it is too late to ask for this one.
    #[error(
        "the shards of the group {group:?} are being cut into {to}, and that cannot be changed any \
         more: wait until it is done (`feed-consumer reshard {to}` shows how far it is), and try again"
    )]
    ReshardUnderWay {
        /// The group.
        group: String,
        /// How many shards there are to be.
        to: ShardCount,
    },
    /// The cursor has moved since it was looked at.
    #[error("the cursor has moved meanwhile, and was left alone: stop the consumer, and try again")]
    MovedMeanwhile,
}
