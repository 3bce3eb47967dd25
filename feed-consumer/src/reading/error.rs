//! Why a feed could not be read, this time or for good.

use std::error::Error;
use std::time::Duration;

use feed_protocol::{Incarnation, Position, Problem};
use http::{Method, StatusCode};

use super::ReadingEnded;
use crate::store::StoreError;

/// Why a request for a document came to nothing. All of them may be over at the next try, but for
/// [`Discontinuity`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// No answer, or not the whole of it.
    #[error("{method} {url}: {what}")]
    Transport {
        method: Method,
        url: String,
        what: &'static str,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// An answer took too long.
    #[error("{method} {url}: {what} within {}", humantime::format_duration(*.limit))]
    TimedOut { method: Method, url: String, what: &'static str, limit: Duration },
    /// An answer that is not the document.
    #[error("{method} {url}: {status}{}", .problem.as_ref().map(|it| format!(": {}", it.detail.trim_end_matches('.'))).unwrap_or_default())]
    Status {
        method: Method,
        url: String,
        status: StatusCode,
        problem: Option<Box<Problem>>,
        /// When the server wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// A document larger than any that is accepted.
    #[error("GET {url}: the answer is larger than {limit} bytes, and no larger one is accepted")]
    TooLarge { url: String, limit: usize },
    /// A document that says what no feed can say.
    #[error("GET {url}: {reason}")]
    Nonsense { url: String, reason: String },
    /// The feed is not the one in which the cursor counts.
    #[error(transparent)]
    Discontinuity(#[from] Discontinuity),
    /// What was found could not be noted in the cursor database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Reading has ended elsewhere in this process.
    #[error(transparent)]
    Ended(Box<ReadingEnded>),
}

impl ReadError {
    /// When the server wants to be asked again, if it said so.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Why a subscription cannot go on from where it stands: the feed is not the one in which its
/// cursor counts. No other try will mend it, and to go on would lose or repeat events in silence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Discontinuity {
    /// The feed has begun a new life, after a restore for instance.
    #[error(
        "{url} is now incarnation {}, and the cursor stands at position {position} of incarnation {stored}",
        .present.as_ref().map_or("another one", Incarnation::as_str)
    )]
    NewIncarnation {
        /// The feed's address.
        url: String,
        /// The incarnation of the cursor.
        stored: Incarnation,
        /// The feed's present incarnation, where the server says.
        present: Option<Incarnation>,
        /// Where the cursor stands.
        position: Position,
    },
    /// The feed ends before the cursor: its database has lost events.
    #[error(
        "{url} ends{} before position {position}, where the cursor stands",
        .head.map(|head| format!(" at position {head},")).unwrap_or_default()
    )]
    BeyondHead {
        /// The feed's address.
        url: String,
        /// Where the feed ends, where the server says.
        head: Option<Position>,
        /// Where the cursor stands.
        position: Position,
    },
    /// The last event that was handled is not what it was.
    #[error(
        "{url} has {found} at position {position}, where the event {id} of {source_attribute} was handled"
    )]
    OtherEvent {
        /// The feed's address.
        url: String,
        /// Where the event stands.
        position: Position,
        /// The source of the event that was handled.
        source_attribute: String,
        /// Its id.
        id: String,
        /// What is there now.
        found: String,
    },
    /// Another feed has come to the address.
    #[error("{url} is now the feed {present}, and this group has read {stored} there")]
    OtherFeed {
        /// The address.
        url: String,
        /// The `atom:id` of the feed that the group has read there.
        stored: String,
        /// The `atom:id` of the feed that is there now.
        present: String,
    },
    /// What had positions has none any more, or the other way round.
    #[error(
        "{url} {}, and the cursor counts otherwise",
        if *.positions { "now has positions" } else { "has no positions any more" }
    )]
    OtherKind {
        /// The feed's address.
        url: String,
        /// Whether it has positions now.
        positions: bool,
    },
    /// All that was known of a feed without positions has left it, or one of its pages is gone
    /// unread: entries may have been missed.
    #[error("{url}: {what}, and entries may have been missed")]
    Vanished {
        /// The feed's address.
        url: String,
        /// What is gone.
        what: String,
    },
    /// A feed without positions has more older pages to read than are allowed.
    #[error("{url} has more than {limit} older pages to read (max_pages)")]
    TooManyPages {
        /// The feed's address.
        url: String,
        /// How many are allowed.
        limit: u32,
    },
    /// The server says that the feed is gone for good (410).
    #[error("{url} is gone, says its server (410)")]
    Gone {
        /// The feed's address.
        url: String,
    },
}

impl Discontinuity {
    /// What a person can do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::NewIncarnation { .. } => {
                "find out why the feed was replaced, then put the cursor into the present one \
                 (feed-consumer cursor set), or read that with another group name or another cursor \
                 database"
            }
            Self::OtherFeed { .. } | Self::OtherKind { .. } => {
                "find out why the feed was replaced, then read the present one with another group \
                 name or another cursor database"
            }
            Self::BeyondHead { .. } | Self::OtherEvent { .. } => {
                "the feed's database was probably restored without a new incarnation: have its \
                 owner make one, then read it with another group name or another cursor database"
            }
            Self::Vanished { .. } => {
                "set `vanished` (--vanished) to `oldest` to go on with the oldest entry that is left, or to `now` \
                 to go on with what comes from now on (it is `fail`)"
            }
            Self::TooManyPages { .. } => {
                "set `max_pages` (--max-pages) higher, or begin with what comes from now on"
            }
            Self::Gone { .. } => "ask the feed's owner where it has gone, and name that address",
        }
    }
}
