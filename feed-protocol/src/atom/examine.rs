//! What a document of any feed keeps and breaks of RFC 4287.
//!
//! Where the reader makes the best of a document or refuses it, this tells all that is wrong.
//!
//! # Layout
//!
//! - [`parts`]: the elements that a feed, an entry or a source holds, and their rules

mod parts;

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use self::parts::{Parts, Place};
use super::element::{Element, Namespace, Node};
use super::guard::Guard;
use super::read::expect_root;
use super::{AtomError, Limits};

/// How many breaches are told of one document: the others are like them.
const MAX_BREACHES: usize = 1000;

/// What a feed document of anybody is, and what it breaks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examined {
    /// The feed's `atom:id`, if it has one.
    pub id: Option<String>,
    /// The feed's links: the relation as it is written, and the target, resolved against `xml:base`
    /// where one is in force.
    pub links: Vec<(String, String)>,
    /// The entries, in the document's order.
    pub entries: Vec<ExaminedEntry>,
    /// Whether it says that it never changes (`fh:archive`, RFC 5005, section 4).
    pub archive: bool,
    /// Whether it says that it holds all entries that there are (`fh:complete`, RFC 5005,
    /// section 2).
    pub complete: bool,
    /// What it breaks, in the document's order; at most 1,000 of them.
    pub breaches: Vec<Breach>,
}

/// An entry of a document of anybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExaminedEntry {
    /// The `atom:id`, if it has one.
    pub id: Option<String>,
    /// The `atom:updated`, if it has one that is a date.
    pub updated: Option<DateTime<Utc>>,
}

/// A rule of RFC 4287 that a document breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Where: `feed`, or the entry by its number and id.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// The section of RFC 4287 that says so.
    pub section: &'static str,
    /// Whether it is a MUST; otherwise it is a SHOULD.
    pub is_must: bool,
}

impl Examined {
    /// The target of the first link with this relation.
    #[must_use]
    pub fn link(&self, relation: &str) -> Option<&str> {
        let found = self.links.iter().find(|(it, _)| it.eq_ignore_ascii_case(relation));
        found.map(|(_, target)| target.as_str())
    }
}

/// Reads a feed document, and tells all that is wrong with it.
pub(super) fn document(bytes: &[u8], limits: &Limits) -> Result<Examined, AtomError> {
    let mut guard = Guard::new(bytes, limits)?;
    let root = guard.root()?;
    expect_root(&root, "feed")?;
    let mut examiner = Examiner::default();
    examiner.feed(&mut guard, &root)?;
    guard.finish()?;
    Ok(examiner.into_examined())
}

#[derive(Default)]
struct Examiner {
    examined: Examined,
    /// The first entry without an author of its own, counted from 1.
    without_author: Option<usize>,
}

impl Examiner {
    fn feed(&mut self, guard: &mut Guard<'_>, root: &Element<'_>) -> Result<(), AtomError> {
        let mut parts = Parts::new(Place::Feed, root, None)?;
        loop {
            match guard.next()? {
                Node::Open(element) if element.is_atom("entry") => {
                    let limit = guard.limits().max_entries;
                    if self.examined.entries.len() == limit {
                        let what = format!("more than {limit} entries");
                        return Err(AtomError::TooLarge { what, limit });
                    }
                    self.entry(guard, &element, &parts)?;
                }
                Node::Open(element) => {
                    if element.namespace == Namespace::History {
                        self.examined.archive |= element.name == "archive";
                        self.examined.complete |= element.name == "complete";
                    }
                    parts.element(guard, &element)?;
                }
                Node::Text(_) => {}
                Node::Close => break,
            }
        }
        if let Some(entry) = self.without_author.filter(|_| !parts.has_author) {
            let what = format!("has no author, and neither has entry {entry}");
            parts.breach("4.1.1", what);
        }
        parts.finish();
        self.examined.id = parts.id.take();
        self.examined.links = std::mem::take(&mut parts.links);
        self.note("feed", parts);
        Ok(())
    }

    fn entry(
        &mut self,
        guard: &mut Guard<'_>,
        element: &Element<'_>,
        feed: &Parts,
    ) -> Result<(), AtomError> {
        let mut parts = Parts::new(Place::Entry, element, feed.base())?;
        parts.read(guard)?;
        parts.finish();
        let number = self.examined.entries.len() + 1;
        if !parts.has_author {
            self.without_author.get_or_insert(number);
        }
        let place = match &parts.id {
            Some(id) => format!("entry {number} ({})", id.chars().take(100).collect::<String>()),
            None => format!("entry {number}"),
        };
        let (id, updated) = (parts.id.take(), parts.updated);
        self.examined.entries.push(ExaminedEntry { id, updated });
        self.note(&place, parts);
        Ok(())
    }

    fn note(&mut self, place: &str, parts: Parts) {
        let room = MAX_BREACHES.saturating_sub(self.examined.breaches.len());
        let place = |it: Breach| Breach { place: place.to_owned(), ..it };
        self.examined.breaches.extend(parts.breaches.into_iter().take(room).map(place));
    }

    fn into_examined(mut self) -> Examined {
        let mut seen = HashMap::new();
        for (number, entry) in (1_usize..).zip(&self.examined.entries) {
            let Some(id) = &entry.id else { continue };
            if let Some(before) = seen.insert((id, entry.updated), number)
                && self.examined.breaches.len() < MAX_BREACHES
            {
                self.examined.breaches.push(Breach {
                    place: format!("entry {number} ({id})"),
                    what: format!("has the id and the date of entry {before}"),
                    section: "4.1.1",
                    is_must: false,
                });
            }
        }
        self.examined
    }
}

#[cfg(test)]
mod tests;
