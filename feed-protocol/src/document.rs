//! A run of entries with its links and the range that it covers.

use chrono::{DateTime, Utc};

use crate::link::{Addresses, Link};
use crate::{Entry, Incarnation, PositionRange};

/// A document of a feed as its server writes it: the current document, a page, a tail, or the
/// events of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The feed's permanent `atom:id`, the same in every document.
    pub feed_iri: String,
    /// The feed's title.
    pub title: String,
    /// This life of the feed.
    pub incarnation: Incarnation,
    /// That of the newest entry, or the feed's creation; never "now".
    pub updated: DateTime<Utc>,
    /// Whether this is a full page, which never changes (RFC 5005, section 4: `fh:archive`).
    pub archive: bool,
    /// The positions covered. A filtered document covers more than it shows.
    pub range: PositionRange,
    /// Where else to go.
    pub links: Vec<Link>,
    /// Where an entry and its data are found, as seen from this document.
    pub addresses: Addresses,
    /// In the order in which they are written: newest first in the current document and in pages,
    /// oldest first in tails and subjects.
    pub entries: Vec<Entry>,
}
