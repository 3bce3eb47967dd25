//! Documents, read.

use chrono::{DateTime, Utc};

use super::element::{Element, Namespace, Node};
use super::foreign::{self, lenient_time};
use super::guard::Guard;
use super::markup::Inner;
use super::raw::{RawEntry, RawLink, TextConstruct, base_of};
use super::{AtomError, Limits, ReadDocument, ReadEntry, ours, posted};
use crate::link::Link;
use crate::{Event, InvalidEvent, Position, PositionRange};

/// Reads a feed document.
pub(super) fn document(bytes: &[u8], limits: &Limits) -> Result<ReadDocument, AtomError> {
    let mut guard = Guard::new(bytes, limits)?;
    let root = guard.root()?;
    expect_root(&root, "feed")?;
    let feed = RawFeed::read(&mut guard, &root)?;
    guard.finish()?;
    feed.into_document()
}

/// Reads an entry document of a feed.
pub(super) fn entry(bytes: &[u8], limits: &Limits) -> Result<ReadEntry, AtomError> {
    Ok(read_entry(&raw_entry(bytes, limits)?, "")?)
}

/// Reads an entry document that somebody publishes.
pub(super) fn posted_entry(bytes: &[u8], limits: &Limits) -> Result<Event, AtomError> {
    Ok(posted::event(&raw_entry(bytes, limits)?)?)
}

fn raw_entry(bytes: &[u8], limits: &Limits) -> Result<RawEntry, AtomError> {
    let mut guard = Guard::new(bytes, limits)?;
    let root = guard.root()?;
    expect_root(&root, "entry")?;
    let raw = RawEntry::read(&mut guard, &root, None)?;
    guard.finish()?;
    Ok(raw)
}

/// That the root is the element of Atom of this name.
pub(super) fn expect_root(root: &Element<'_>, name: &'static str) -> Result<(), AtomError> {
    if root.is_atom(name) {
        return Ok(());
    }
    let found: String = root.qualified.chars().take(100).collect();
    let reason = format!("is not the root element in the namespace of Atom, but <{found}>");
    Err(InvalidEvent::new(name, reason).into())
}

/// The parts of a feed as they were written.
#[derive(Default)]
struct RawFeed {
    id: Option<String>,
    title: Option<String>,
    updated: Option<String>,
    archive: bool,
    complete: bool,
    incarnation: Option<String>,
    first: Option<String>,
    last: Option<String>,
    links: Vec<RawLink>,
    entries: Vec<RawEntry>,
}

impl RawFeed {
    fn read(guard: &mut Guard<'_>, root: &Element<'_>) -> Result<Self, AtomError> {
        let mut feed = Self::default();
        let base = base_of(root, None)?;
        loop {
            match guard.next()? {
                Node::Open(element) => feed.element(guard, &element, base.as_deref())?,
                Node::Text(_) => {}
                Node::Close => return Ok(feed),
            }
        }
    }

    fn element(
        &mut self,
        guard: &mut Guard<'_>,
        element: &Element<'_>,
        base: Option<&str>,
    ) -> Result<(), AtomError> {
        let slot = match (element.namespace, element.name) {
            (Namespace::Atom, "id") => &mut self.id,
            (Namespace::Atom, "updated") => &mut self.updated,
            (Namespace::Event, "incarnation") => &mut self.incarnation,
            (Namespace::Event, "first") => &mut self.first,
            (Namespace::Event, "last") => &mut self.last,
            (Namespace::Atom, "title") => {
                let title = TextConstruct::read(guard, element)?.text;
                self.title.get_or_insert(title);
                return Ok(());
            }
            (Namespace::Atom, "link") => {
                self.links.push(RawLink::of(guard, element, base)?);
                return guard.skip();
            }
            (Namespace::Atom, "entry") => {
                let limit = guard.limits().max_entries;
                if self.entries.len() == limit {
                    let what = format!("more than {limit} entries");
                    return Err(AtomError::TooLarge { what, limit });
                }
                self.entries.push(RawEntry::read(guard, element, base)?);
                return Ok(());
            }
            (Namespace::History, "archive") => {
                self.archive = true;
                return guard.skip();
            }
            (Namespace::History, "complete") => {
                self.complete = true;
                return guard.skip();
            }
            _ => return guard.skip(),
        };
        let text = Inner::read(guard)?.text;
        slot.get_or_insert(text.trim().to_owned());
        Ok(())
    }

    fn into_document(self) -> Result<ReadDocument, AtomError> {
        let missing = |field: &'static str| move || InvalidEvent::new(field, "is missing");
        let id = self.id.ok_or_else(missing("feed: id"))?;
        let updated = self.updated.ok_or_else(missing("feed: updated"))?;
        let incarnation = self.incarnation.map(|text| text.parse()).transpose();
        let links = self.links.into_iter().filter_map(|link| {
            Some(Link { relation: link.relation.parse().ok()?, href: link.href })
        });
        Ok(ReadDocument {
            title: self.title.unwrap_or_default(),
            updated: lenient_time("feed: updated", &updated)?.instant(),
            archive: self.archive,
            complete: self.complete,
            incarnation: incarnation.map_err(|error| wrong("feed: ev:incarnation", &error))?,
            range: range(self.first.as_deref(), self.last.as_deref())?,
            links: links.collect(),
            entries: self.entries.iter().map(|it| read_entry(it, &id)).collect::<Result<_, _>>()?,
            id,
        })
    }
}

fn range(first: Option<&str>, last: Option<&str>) -> Result<Option<PositionRange>, InvalidEvent> {
    let position = |field: &'static str, text: &str| {
        text.parse::<Position>().map_err(|error| wrong(field, &error))
    };
    match (first, last) {
        (None, None) => Ok(None),
        (Some(first), Some(last)) => {
            let first = position("feed: ev:first", first)?;
            let last = position("feed: ev:last", last)?;
            let range = PositionRange::new(first, last);
            Ok(Some(range.map_err(|error| wrong("feed: ev:last", &error))?))
        }
        (Some(_), None) => Err(InvalidEvent::new("feed: ev:last", "is missing beside ev:first")),
        (None, Some(_)) => Err(InvalidEvent::new("feed: ev:first", "is missing beside ev:last")),
    }
}

fn wrong(field: &'static str, error: &impl std::fmt::Display) -> InvalidEvent {
    InvalidEvent::new(field, format!("is wrong: {error}"))
}

/// What a reader makes of an entry; an error names it.
fn read_entry(raw: &RawEntry, feed_id: &str) -> Result<ReadEntry, InvalidEvent> {
    entry_parts(raw, feed_id).map_err(|error| {
        let label: String = raw.label().chars().take(200).collect();
        InvalidEvent::new(format!("entry {label}: {}", error.field()), error.reason().to_owned())
    })
}

fn entry_parts(raw: &RawEntry, feed_id: &str) -> Result<ReadEntry, InvalidEvent> {
    let position = match raw.ours.position.as_deref().map(str::parse::<Position>) {
        None => None,
        Some(Ok(position)) if position > Position::ZERO => Some(position),
        Some(_) => return Err(InvalidEvent::new("ev:position", "is not a position from 1")),
    };
    let event = match position {
        Some(_) => ours::event(raw)?,
        None => foreign::event(raw, feed_id)?,
    };
    Ok(ReadEntry {
        iri: raw.id.clone().ok_or_else(|| InvalidEvent::new("id", "is missing"))?,
        position,
        updated: updated(raw)?,
        event,
        external_data: raw.content.as_ref().and_then(|content| content.src.clone()),
    })
}

fn updated(raw: &RawEntry) -> Result<DateTime<Utc>, InvalidEvent> {
    match (&raw.updated, &raw.published) {
        (Some(time), _) => Ok(lenient_time("updated", time)?.instant()),
        (None, Some(time)) => Ok(lenient_time("published", time)?.instant()),
        (None, None) => Err(InvalidEvent::new("updated", "is missing")),
    }
}
