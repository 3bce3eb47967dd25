//! What a producer, a server and a consumer agree on: events, their places in a feed, and their
//! forms on the wire. Nothing here does I/O, reads a clock or draws a random number.
//!
//! # Layout
//!
//! - [`event`]: what happened, as CloudEvents 1.0 describes it, and every rule that it must obey
//! - [`entry`]: an event that has been given its position, and its permanent Atom id
//! - [`name`], [`incarnation`], [`position`], [`page`], [`cursor`]: how a place in a feed is named
//! - [`link`]: link relations, and the relative addresses of a feed's documents
//! - [`document`]: a run of entries with its links and the range that it covers
//! - [`atom`]: events and documents as Atom (RFC 4287, RFC 5005)
//! - [`cloudevents`]: events as CloudEvents: structured, batch and binary
//! - [`service`]: the document that names a server's feeds (RFC 5023)
//! - [`header`]: the header fields that carry a document's range and cursor
//! - [`problem`]: the errors of the wire (RFC 9457)

pub mod atom;
pub mod cloudevents;
pub mod cursor;
pub mod document;
pub mod entry;
pub mod event;
pub mod header;
pub mod incarnation;
pub mod link;
pub mod name;
pub mod page;
pub mod position;
pub mod problem;
pub mod service;

pub use cursor::Cursor;
pub use entry::{Entry, FeedIdentity, Recorded};
pub use event::{Event, InvalidEvent};
pub use incarnation::Incarnation;
pub use name::FeedName;
pub use page::{PageNumber, PageSize};
pub use position::{Position, PositionRange};
pub use problem::{Problem, ProblemType};
