//! The header fields that are this protocol's own.
//!
//! A CloudEvents batch is a bare array, so what an Atom document says of itself in elements stands
//! in header fields too, on every document in every representation.

/// The range of positions that the document covers: `FIRST-LAST`.
pub const FEED_RANGE: &str = "feed-range";

/// The cursor of a reader that has read the document and all before it: `INCARNATION:POSITION`.
pub const FEED_CURSOR: &str = "feed-cursor";

/// On a publish: the number of events that the subject must have (a decimal number).
pub const EXPECTED_VERSION: &str = "expected-version";

/// On an event that a consumer forwards: its position in the feed (a decimal number).
pub const FEED_POSITION: &str = "feed-position";
