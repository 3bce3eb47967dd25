//! Events and documents as Atom (RFC 4287, RFC 5005).
//!
//! An event loses nothing on its way through Atom: every attribute is exact, and data is the same
//! byte for byte.
//!
//! | Atom | from |
//! | --- | --- |
//! | `id` | the entry's IRI |
//! | `title` | the type |
//! | `published` | the event's time |
//! | `updated` | when the event was given its position |
//! | `author/name` | the source |
//! | `category` | the type, and the subject, each with its own scheme |
//! | `link` | `self`; and `alternate`, the same, where there is no data |
//! | `thr:in-reply-to` | the causation id, where it is a UUID or a URI that every reader knows |
//! | `ev:*` | the position, and each attribute as it is |
//! | `content` | JSON as `text/json`, text as its own type, XML as `text`, all else in Base64; large data at its own address |
//!
//! The reader is our own as well as the writer: see `docs/decisions/0002-own-atom-codec.md`.

mod base;
mod content;
pub mod convert;
mod data;
mod element;
mod escape;
mod examine;
mod foreign;
mod guard;
mod markup;
mod ours;
mod posted;
mod raw;
mod read;
mod tag;
mod vocabulary;
mod write;

use chrono::{DateTime, Utc};

pub use self::examine::{Breach, Examined, ExaminedEntry};

use crate::document::Document;
use crate::link::{Addresses, Link};
use crate::{Entry, Event, Incarnation, Position, PositionRange};

/// The media type of every Atom document.
pub const MEDIA_TYPE: &str = "application/atom+xml";

/// What a reader accepts of a document, beyond which it stops reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The size of a document in bytes.
    pub max_bytes: usize,
    /// How deep elements may be nested.
    pub max_depth: usize,
    /// How many entries a document may hold.
    pub max_entries: usize,
}

/// What a reader makes of a feed document, ours or another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadDocument {
    /// The feed's `atom:id`.
    pub id: String,
    /// The feed's title, as text.
    pub title: String,
    /// The feed's `updated`.
    pub updated: DateTime<Utc>,
    /// Whether it says that it never changes (`fh:archive`).
    pub archive: bool,
    /// Whether it says that it holds all that the feed has now (`fh:complete`; RFC 5005, section
    /// 2).
    pub complete: bool,
    /// The life of the feed, in a document of ours.
    pub incarnation: Option<Incarnation>,
    /// The positions covered, in a document of ours.
    pub range: Option<PositionRange>,
    /// The feed's links; relative ones resolved against `xml:base` where one is in force, and
    /// otherwise as they were written.
    pub links: Vec<Link>,
    /// The entries, in the document's order.
    pub entries: Vec<ReadEntry>,
}

/// What a reader makes of an entry, ours or another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadEntry {
    /// The `atom:id`.
    pub iri: String,
    /// Its place, in an entry of ours.
    pub position: Option<Position>,
    /// When it was last changed.
    pub updated: DateTime<Utc>,
    /// What happened.
    pub event: Event,
    /// Where the data is, when it is not in the entry (`atom:content` with `src`).
    pub external_data: Option<String>,
}

/// Why bytes are no Atom that we read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AtomError {
    /// Not well-formed XML, or of a kind that is refused, such as a document type declaration.
    #[error("{0}")]
    Malformed(String),
    /// More than [`Limits`] allow.
    #[error("{what}")]
    TooLarge {
        /// What is too large, and the limit in words.
        what: String,
        /// The limit: bytes, levels, entries or declarations, as `what` says.
        limit: usize,
    },
    /// Well-formed, and not what Atom or an event demands.
    #[error(transparent)]
    Invalid(#[from] crate::InvalidEvent),
}

/// Data larger than this many bytes is not in its entry, which says where it is (`src`).
pub const LARGE_DATA: usize = 64 * 1024;

impl Default for Limits {
    /// 16 MiB, 100 levels, 10,000 entries.
    fn default() -> Self {
        Self { max_bytes: 16 * 1024 * 1024, max_depth: 100, max_entries: 10_000 }
    }
}

/// Writes a feed document.
#[must_use]
pub fn write_document(document: &Document) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024 * (document.entries.len() + 1));
    write::document(document, &mut out);
    out
}

/// Writes an entry document.
#[must_use]
pub fn write_entry(entry: &Entry, addresses: &Addresses) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    write::entry(entry, addresses, &mut out);
    out
}

/// Reads a feed document, ours or another's.
///
/// Entries of ours are exact. Those of other feeds become events as far as they can: the source is
/// the feed, the type the first category's term (or `entry`), the time that of `published` or else
/// `updated`, and the data the content or else the summary.
///
/// # Errors
///
/// When it is not well-formed, beyond the limits, or no Atom feed; or when one of its entries
/// makes no event. The error names the line, or the entry and the element.
pub fn read_document(bytes: &[u8], limits: &Limits) -> Result<ReadDocument, AtomError> {
    read::document(bytes, limits)
}

/// Tells what a feed document of anybody is, and all that it breaks of RFC 4287.
///
/// # Errors
///
/// When it is not well-formed, beyond the limits, or no Atom feed.
pub fn examine_document(bytes: &[u8], limits: &Limits) -> Result<Examined, AtomError> {
    examine::document(bytes, limits)
}

/// Reads an entry document as a feed serves it, by the rules of [`read_document`]. The source of
/// another feed's entry is what the entry says, since there is no feed around it.
///
/// # Errors
///
/// As [`read_document`].
pub fn read_entry(bytes: &[u8], limits: &Limits) -> Result<ReadEntry, AtomError> {
    read::entry(bytes, limits)
}

/// Reads an entry that somebody publishes.
///
/// The id is `ev:id`, or else the `atom:id` (of a `urn:uuid:` in lower case the UUID alone, which
/// becomes the same `atom:id` again); the source is the author's name; the type is the term of the
/// category that has its scheme, or of the only one without a scheme, or else the title; the time
/// is `published`, or else `updated`; the data is the content, and its media type the content's
/// unless `ev:datacontenttype` says otherwise (`text/json`, which is how Atom shows any JSON, is
/// taken for `application/json`). The other elements of `ev:` and `thr:in-reply-to` say what they
/// say in our own documents.
///
/// An entry of one of our feeds, published to another, makes an equal event. What was that feed's
/// own is passed over: `ev:position`, the links, `updated`, and the summary.
///
/// # Errors
///
/// When it is not well-formed, beyond the limits, or no entry; when it makes no event; and when
/// any of it has no place in an event, since nothing is dropped in silence.
pub fn read_posted_entry(bytes: &[u8], limits: &Limits) -> Result<Event, AtomError> {
    read::posted_entry(bytes, limits)
}
