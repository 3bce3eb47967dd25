//! Link relations, and where a feed's documents stand relative to each other.
//!
//! All documents of one life of a feed lie in sibling folders, so a link from one to another can
//! be written without knowing where the feed is mounted:
//!
//! ```text
//! feeds/{feed}                        the current document
//! feeds/{feed}/{inc}/pages/{k}        a page
//! feeds/{feed}/{inc}/after/{n}        a tail
//! feeds/{feed}/{inc}/entries/{n}      an entry      (…/data its data)
//! feeds/{feed}/subjects/{subject}     the events of one subject
//! ```

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::{FeedName, Incarnation, PageNumber, Position};

/// The relations that documents of a feed use: RFC 4287 (`self`, `alternate`), RFC 5005 (the
/// others).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// The document itself.
    SelfDocument,
    /// Another form of an entry.
    Alternate,
    /// The document with the newest entries.
    Current,
    /// In paged reading, the start: the current document.
    First,
    /// In paged reading, the end: the oldest page.
    Last,
    /// In paged reading, onwards: older.
    Next,
    /// In paged reading, back: newer.
    Previous,
    /// The full page before this document.
    PrevArchive,
    /// The page after this one.
    NextArchive,
}

/// A relation that feeds do not use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown link relation {0:?}")]
pub struct UnknownRelation(String);

impl Relation {
    const ALL: [(Self, &'static str); 9] = [
        (Self::SelfDocument, "self"),
        (Self::Alternate, "alternate"),
        (Self::Current, "current"),
        (Self::First, "first"),
        (Self::Last, "last"),
        (Self::Next, "next"),
        (Self::Previous, "previous"),
        (Self::PrevArchive, "prev-archive"),
        (Self::NextArchive, "next-archive"),
    ];

    /// The registered name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(it, _)| *it == self).map_or("", |(_, name)| name)
    }
}

impl FromStr for Relation {
    type Err = UnknownRelation;

    fn from_str(text: &str) -> Result<Self, UnknownRelation> {
        Self::ALL
            .iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(text))
            .map(|(it, _)| *it)
            .ok_or_else(|| UnknownRelation(text.to_owned()))
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A link of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What the target is to the document.
    pub relation: Relation,
    /// Its address: absolute, or relative to the document's own.
    pub href: String,
}

impl Link {
    /// A link to this address.
    #[must_use]
    pub fn new(relation: Relation, href: impl Into<String>) -> Self {
        Self { relation, href: href.into() }
    }
}

/// What a path segment must escape (RFC 3986, section 3.3), and `%` itself.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The addresses of one feed's documents, relative to one of them or below a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// What stands before `{feed}`: `../../../` from a page, nothing from the current document.
    to_feed: String,
    /// What stands before `pages/`: `../` from a page, `{feed}/{inc}/` from the current document.
    to_incarnation: String,
    feed: FeedName,
}

impl Addresses {
    /// As seen from a page, a tail or an entry.
    #[must_use]
    pub fn from_page(feed: &FeedName) -> Self {
        Self { to_feed: "../../../".into(), to_incarnation: "../".into(), feed: feed.clone() }
    }

    /// As seen from the current document.
    #[must_use]
    pub fn from_current(feed: &FeedName, incarnation: &Incarnation) -> Self {
        Self::below("", feed, incarnation)
    }

    /// As seen from the events of a subject.
    #[must_use]
    pub fn from_subject(feed: &FeedName, incarnation: &Incarnation) -> Self {
        Self::below("../../", feed, incarnation)
    }

    /// Below a root that ends where the feed's name begins: `https://shop.example/api/feeds/`.
    #[must_use]
    pub fn below(root: &str, feed: &FeedName, incarnation: &Incarnation) -> Self {
        Self {
            to_feed: root.to_owned(),
            to_incarnation: format!("{root}{feed}/{incarnation}/"),
            feed: feed.clone(),
        }
    }

    /// The current document.
    #[must_use]
    pub fn current(&self) -> String {
        format!("{}{}", self.to_feed, self.feed)
    }

    /// A page.
    #[must_use]
    pub fn page(&self, page: PageNumber) -> String {
        format!("{}pages/{page}", self.to_incarnation)
    }

    /// The tail after a position.
    #[must_use]
    pub fn after(&self, position: Position) -> String {
        format!("{}after/{position}", self.to_incarnation)
    }

    /// One entry.
    #[must_use]
    pub fn entry(&self, position: Position) -> String {
        format!("{}entries/{position}", self.to_incarnation)
    }

    /// The data of one entry.
    #[must_use]
    pub fn data(&self, position: Position) -> String {
        format!("{}entries/{position}/data", self.to_incarnation)
    }

    /// The events of one subject.
    #[must_use]
    pub fn subject(&self, subject: &str) -> String {
        let subject = utf8_percent_encode(subject, SEGMENT);
        format!("{}{}/subjects/{subject}", self.to_feed, self.feed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_addresses_lead_to_the_same_documents_as_those_below_a_root() {
        let feed: FeedName = "orders".parse().unwrap();
        let incarnation: Incarnation = "k3v9".parse().unwrap();
        let at = Position::new(7).unwrap();
        let current = Addresses::from_current(&feed, &incarnation);
        assert_eq!(current.page(PageNumber::FIRST), "orders/k3v9/pages/1");
        assert_eq!(current.current(), "orders");
        let page = Addresses::from_page(&feed);
        assert_eq!(page.current(), "../../../orders");
        assert_eq!(page.data(at), "../entries/7/data");
        let rooted = Addresses::below("https://a.example/x/feeds/", &feed, &incarnation);
        assert_eq!(rooted.after(at), "https://a.example/x/feeds/orders/k3v9/after/7");
        assert_eq!(
            rooted.subject("a/b ü%"),
            "https://a.example/x/feeds/orders/subjects/a%2Fb%20%C3%BC%25"
        );
    }
}
