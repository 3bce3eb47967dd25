//! Which entries and links a document has, and its rendering.

use std::fmt::Write;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use feed_protocol::document::Document;
use feed_protocol::event::Subject;
use feed_protocol::link::{Addresses, Link, Relation};
use feed_protocol::{Entry, PageNumber, Position, PositionRange, Recorded, atom, cloudevents};
use http::HeaderValue;
use url::Url;

use super::rendered::Parts;
use super::room::Taken;
use super::{Filter, Rendered, Representation};
use crate::feeds::LiveFeed;
use crate::store::Slice;

/// Where a document stands in its feed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    Current,
    Page(PageNumber),
    Tail { after: Position },
    Subject { subject: &'a Subject, after: Position },
}

/// A document with all that its rendering needs.
pub(super) struct Assembled {
    document: Document,
    /// The value of the `Link` field, absolute where a public URL is known.
    link: String,
    /// When the document became what it is, where that is known.
    modified: Option<DateTime<Utc>>,
}

/// Puts together the document of a place from what was read there, oldest first.
pub(super) fn assemble(
    live: &LiveFeed,
    place: Place<'_>,
    slice: Slice,
    filter: &Filter,
    public_url: Option<&Url>,
) -> Assembled {
    let feed = &live.feed;
    let modified = modified(&slice);
    let Slice { head, range, mut entries } = slice;
    let query = filter.query();
    let public = public_url
        .map(|url| Addresses::below(&format!("{url}feeds/"), &feed.name, &feed.incarnation));
    let relative = match place {
        Place::Current => Addresses::from_current(&feed.name, &feed.incarnation),
        Place::Page(_) | Place::Tail { .. } => Addresses::from_page(&feed.name),
        Place::Subject { .. } => Addresses::from_subject(&feed.name, &feed.incarnation),
    };
    // Inside pages links stay relative, so that their bytes do not depend on the setting.
    let addresses = match (place, &public) {
        (Place::Current, Some(public)) => public.clone(),
        _ => relative.clone(),
    };
    let archive = match place {
        Place::Page(page) => feed.page_size.range(page).last() <= head.position,
        _ => false,
    };
    if matches!(place, Place::Current | Place::Page(_)) {
        entries.reverse();
    }
    let links_at = |addresses: &Addresses| match place {
        Place::Current => current_links(live, addresses, range.last(), &query),
        Place::Page(page) => page_links(addresses, page, range, archive, &query),
        Place::Tail { after } => tail_links(addresses, after, range, &query),
        Place::Subject { subject, after } => subject_links(addresses, subject, after, range),
    };
    let link = link_header(&links_at(public.as_ref().unwrap_or(&relative)));
    let newest = match place {
        Place::Current | Place::Page(_) => entries.first(),
        Place::Tail { .. } | Place::Subject { .. } => entries.last(),
    };
    let document = Document {
        feed_iri: feed.iri.clone(),
        title: feed.title.clone(),
        incarnation: feed.incarnation.clone(),
        updated: newest.map_or(feed.created, |entry| entry.recorded.updated),
        archive,
        range,
        links: links_at(&addresses),
        addresses,
        entries,
    };
    Assembled { document, link, modified }
}

/// When a document that shows a slice became what it is: when the last position that it covers was
/// filled. A document changes with that position even if it does not show it, since its range and
/// its links do. Where a filter hides the event there, and others follow, nobody has read its date.
fn modified(slice: &Slice) -> Option<DateTime<Utc>> {
    let last = slice.range.last();
    let newest = slice.entries.last().map(|entry| &entry.recorded);
    match newest {
        Some(recorded) if recorded.position == last => Some(recorded.updated),
        _ if slice.head.position == last => Some(slice.head.updated),
        _ => None,
    }
}

impl Assembled {
    /// The document's bytes and header fields.
    pub(super) fn render(self, representation: Representation) -> Rendered {
        Rendered::new(self.parts(representation))
    }

    /// The same of a large document, whose bytes take up room.
    pub(super) fn render_into(self, representation: Representation, room: Taken) -> Rendered {
        let mut parts = self.parts(representation);
        parts.room = Some(room);
        Rendered::new(parts)
    }

    fn parts(self, representation: Representation) -> Parts {
        let Self { document, link, modified } = self;
        let bytes = match representation {
            Representation::Atom => atom::write_document(&document),
            Representation::CloudEventsBatch | Representation::CloudEvent => {
                let events = document.entries.iter().map(|entry| &entry.recorded);
                let mut bytes = Vec::with_capacity(events.clone().map(length).sum());
                cloudevents::write_batch(events, &mut bytes);
                bytes
            }
        };
        Parts {
            incarnation: document.incarnation,
            range: document.range,
            modified,
            immutable: document.archive,
            content_type: HeaderValue::from_static(representation.content_type()),
            link,
            bytes,
            shown: document.entries.len(),
            room: None,
        }
    }
}

/// How long an event is about, as a `CloudEvent`: its data, and attributes of ordinary length.
fn length(recorded: &Recorded) -> usize {
    recorded.event.data().map_or(0, Bytes::len) + 512
}

/// One entry as a document of its own.
pub(super) fn render_entry(
    live: &LiveFeed,
    entry: &Entry,
    representation: Representation,
    public_url: Option<&Url>,
) -> Rendered {
    let feed = &live.feed;
    let addresses = Addresses::from_page(&feed.name);
    let bytes = match representation {
        Representation::Atom => atom::write_entry(entry, &addresses),
        Representation::CloudEvent | Representation::CloudEventsBatch => {
            let mut bytes = Vec::new();
            cloudevents::write_recorded(&entry.recorded, &mut bytes);
            bytes
        }
    };
    let linked = public_url.map_or(addresses, |url| {
        Addresses::below(&format!("{url}feeds/"), &feed.name, &feed.incarnation)
    });
    let links = [
        Link::new(Relation::SelfDocument, linked.entry(entry.recorded.position)),
        Link::new(Relation::Current, linked.current()),
    ];
    Rendered::new(Parts {
        link: link_header(&links),
        content_type: HeaderValue::from_static(representation.content_type()),
        bytes,
        ..entry_parts(live, &entry.recorded)
    })
}

/// The data of one entry; `None` when it has none.
pub(super) fn render_data(live: &LiveFeed, entry: &Entry) -> Option<Rendered> {
    let event = &entry.recorded.event;
    let data = event.data()?;
    let media_type = event.data_content_type().map_or("application/json", |it| it.as_str());
    Some(Rendered::new(Parts {
        content_type: HeaderValue::from_str(media_type)
            .unwrap_or(HeaderValue::from_static("application/octet-stream")),
        bytes: data.to_vec(),
        ..entry_parts(live, &entry.recorded)
    }))
}

fn entry_parts(live: &LiveFeed, recorded: &Recorded) -> Parts {
    Parts {
        incarnation: live.feed.incarnation.clone(),
        range: PositionRange::after(recorded.position.back_by(1), recorded.position),
        modified: Some(recorded.updated),
        immutable: true,
        content_type: HeaderValue::from_static("application/octet-stream"),
        link: String::new(),
        bytes: Vec::new(),
        shown: 1,
        room: None,
    }
}

fn current_links(live: &LiveFeed, to: &Addresses, head: Position, query: &str) -> Vec<Link> {
    let current = to.current() + query;
    let mut links = vec![
        Link::new(Relation::SelfDocument, current.clone()),
        Link::new(Relation::Current, current.clone()),
        Link::new(Relation::First, current),
        Link::new(Relation::Last, to.page(PageNumber::FIRST) + query),
        Link::new(Relation::Previous, to.after(head) + query),
    ];
    if let Some(full) = live.feed.page_size.newest_full_page(head) {
        links.push(Link::new(Relation::PrevArchive, to.page(full) + query));
    }
    links
}

fn page_links(
    to: &Addresses,
    page: PageNumber,
    range: PositionRange,
    full: bool,
    query: &str,
) -> Vec<Link> {
    let current = to.current() + query;
    let mut links = vec![
        Link::new(Relation::SelfDocument, to.page(page) + query),
        Link::new(Relation::Current, current.clone()),
        Link::new(Relation::First, current),
        Link::new(Relation::Last, to.page(PageNumber::FIRST) + query),
    ];
    if let Some(older) = page.previous() {
        let older = to.page(older) + query;
        links.push(Link::new(Relation::PrevArchive, older.clone()));
        links.push(Link::new(Relation::Next, older));
    }
    if full {
        let newer = to.page(page.next()) + query;
        links.push(Link::new(Relation::NextArchive, newer.clone()));
        links.push(Link::new(Relation::Previous, newer));
    } else {
        links.push(Link::new(Relation::Previous, to.after(range.last()) + query));
    }
    links
}

fn tail_links(to: &Addresses, after: Position, range: PositionRange, query: &str) -> Vec<Link> {
    vec![
        Link::new(Relation::SelfDocument, to.after(after) + query),
        Link::new(Relation::Current, to.current() + query),
        Link::new(Relation::Previous, to.after(range.last()) + query),
    ]
}

fn subject_links(
    to: &Addresses,
    subject: &Subject,
    after: Position,
    range: PositionRange,
) -> Vec<Link> {
    let at = |position: Position| format!("{}?after={position}", to.subject(subject.as_str()));
    vec![
        Link::new(Relation::SelfDocument, at(after)),
        Link::new(Relation::Current, to.current()),
        Link::new(Relation::Previous, at(range.last())),
    ]
}

/// The value of a `Link` field (RFC 8288, section 3).
fn link_header(links: &[Link]) -> String {
    let mut value = String::new();
    for Link { relation, href } in links {
        let separator = if value.is_empty() { "" } else { ", " };
        // Unwrap safety: writing into a String does not fail.
        write!(value, "{separator}<{href}>; rel=\"{relation}\"").unwrap();
    }
    value
}
