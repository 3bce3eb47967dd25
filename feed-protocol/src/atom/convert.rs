//! To and from the types of [`atom_syndication`], for programs that work with Atom through it.
//!
//! Its own reading and writing have faults that matter here (see the decision record), so convert
//! with these functions and read and write with [`crate::atom`].

use std::collections::BTreeMap;

use atom_syndication as atom;
use atom_syndication::TextType;
use atom_syndication::extension::Extension;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, SecondsFormat};

use super::content::{Shown, shown, summary};
use super::markup::Inner;
use super::posted;
use super::raw::{Category, Content, RawEntry, RawExtension, RawLink, TextConstruct};
use super::vocabulary::{EVENT, SUBJECT_SCHEME, THREADING, TYPE_SCHEME, reply_iri};
use crate::event::is_xml;
use crate::link::{Addresses, Relation};
use crate::{Entry, Event, InvalidEvent};

/// The entry in the types of `atom_syndication`, the same as [`super::write_entry`] writes it.
#[must_use]
pub fn to_atom_syndication(entry: &Entry, addresses: &Addresses) -> atom::Entry {
    let (position, event) = (entry.recorded.position, &entry.recorded.event);
    let link = |relation: Relation| atom::Link {
        href: addresses.entry(position),
        rel: relation.as_str().to_owned(),
        ..atom::Link::default()
    };
    let category = |scheme: &str, term: &str| atom::Category {
        term: term.to_owned(),
        scheme: Some(scheme.to_owned()),
        label: None,
    };
    let mut categories = vec![category(TYPE_SCHEME, event.event_type().as_str())];
    categories.extend(event.subject().map(|it| category(SUBJECT_SCHEME, it.as_str())));
    let mut links = vec![link(Relation::SelfDocument)];
    let mut made = atom::Entry {
        title: atom::Text::plain(event.event_type().as_str()),
        id: entry.iri.clone(),
        updated: entry.recorded.updated.fixed_offset(),
        published: event.time().and_then(|it| DateTime::parse_from_rfc3339(it.as_str()).ok()),
        authors: vec![atom::Person {
            name: event.source().as_str().to_owned(),
            ..atom::Person::default()
        }],
        categories,
        extensions: extensions(entry),
        namespaces: BTreeMap::from([
            ("ev".to_owned(), EVENT.to_owned()),
            ("thr".to_owned(), THREADING.to_owned()),
        ]),
        ..atom::Entry::default()
    };
    if let Some(data) = event.data() {
        let shown = shown(event, data);
        if !matches!(shown, Shown::Text { .. }) {
            made.summary = Some(atom::Text::plain(summary(event, data)));
        }
        let (content_type, value, src) = match shown {
            Shown::Text { content_type, text } => {
                (content_type.into_owned(), Some(text.to_owned()), None)
            }
            Shown::Base64 { content_type } => {
                (content_type.to_owned(), Some(BASE64_STANDARD.encode(data)), None)
            }
            Shown::Elsewhere { content_type } => {
                (content_type.to_owned(), None, Some(addresses.data(position)))
            }
        };
        let content_type = Some(content_type);
        made.content = Some(atom::Content { value, src, content_type, ..atom::Content::default() });
    } else {
        links.insert(0, link(Relation::Alternate));
    }
    made.links = links;
    made
}

/// The elements that are not Atom's, by prefix and name.
fn extensions(entry: &Entry) -> BTreeMap<String, BTreeMap<String, Vec<Extension>>> {
    let event = &entry.recorded.event;
    let mut ours: BTreeMap<String, Vec<Extension>> = BTreeMap::new();
    let mut add = |name: &str, value: &str, attrs: &[(&str, &str)]| {
        let pairs = attrs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        ours.entry(name.to_owned()).or_default().push(Extension {
            name: format!("ev:{name}"),
            value: Some(value.to_owned()),
            attrs: pairs.collect(),
            children: BTreeMap::new(),
        });
    };
    add("position", &entry.recorded.position.to_string(), &[]);
    add("source", event.source().as_str(), &[]);
    add("id", event.id().as_str(), &[]);
    let optional = [
        ("subject", event.subject().map(|it| it.as_str())),
        ("datacontenttype", event.data_content_type().map(|it| it.as_str())),
        ("dataschema", event.data_schema().map(|it| it.as_str())),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            add(name, value, &[]);
        }
    }
    for (name, value) in event.extensions().iter() {
        let attrs = [("name", name.as_str()), ("type", value.type_name())];
        add("extension", &value.to_text(), &attrs);
    }
    let mut all = BTreeMap::from([("ev".to_owned(), ours)]);
    if let Some(iri) = event.causation_id().and_then(reply_iri) {
        let reply = Extension {
            name: "thr:in-reply-to".to_owned(),
            attrs: BTreeMap::from([("ref".to_owned(), iri)]),
            ..Extension::default()
        };
        let replies = BTreeMap::from([("in-reply-to".to_owned(), vec![reply])]);
        all.insert("thr".to_owned(), replies);
    }
    all
}

/// The event of an entry, by the rules of [`super::read_posted_entry`].
///
/// # Errors
///
/// When it makes no event, or when any of it has no place in an event.
pub fn from_atom_syndication(entry: &atom::Entry) -> Result<Event, InvalidEvent> {
    posted::event(&raw(entry))
}

fn raw(entry: &atom::Entry) -> RawEntry {
    let time = |time: &DateTime<_>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let mut raw = RawEntry {
        id: Some(entry.id.trim().to_owned()).filter(|id| !id.is_empty()),
        title: Some(text_construct(&entry.title)),
        updated: Some(time(&entry.updated)),
        published: entry.published.as_ref().map(time),
        authors: entry.authors.iter().map(|it| it.name.trim().to_owned()).collect(),
        summary: entry.summary.as_ref().map(text_construct),
        content: entry.content.as_ref().map(content),
        ..RawEntry::default()
    };
    for category in &entry.categories {
        raw.categories
            .push(Category { term: category.term.clone(), scheme: category.scheme.clone() });
    }
    for link in &entry.links {
        raw.links.push(RawLink { relation: link.rel.clone(), href: link.href.clone() });
    }
    for (prefix, elements) in &entry.extensions {
        for (name, element) in
            elements.iter().flat_map(|(name, all)| all.iter().map(move |it| (name, it)))
        {
            extension(&mut raw, namespace(entry, prefix), &format!("{prefix}:{name}"), element);
        }
    }
    note_strays(&mut raw, entry);
    raw
}

/// The namespace of a prefix: as the entry declares it, or as our documents do on their root.
fn namespace<'a>(entry: &'a atom::Entry, prefix: &str) -> &'a str {
    match (entry.namespaces.get(prefix), prefix) {
        (Some(namespace), _) => namespace,
        (None, "ev") => EVENT,
        (None, "thr") => THREADING,
        (None, _) => "",
    }
}

fn extension(raw: &mut RawEntry, namespace: &str, name: &str, element: &Extension) {
    let local = name.rsplit(':').next().unwrap_or_default();
    let value = element.value.clone().unwrap_or_default();
    let attribute = |name: &str| element.attrs.get(name).cloned();
    let known: &[&str] = match (namespace, local) {
        (THREADING, "in-reply-to") => {
            raw.in_reply_to.push(attribute("ref").unwrap_or_default());
            &["ref"]
        }
        (EVENT, "extension") => {
            raw.ours.extensions.push(RawExtension {
                name: attribute("name").unwrap_or_default(),
                kind: attribute("type").unwrap_or("string".to_owned()),
                text: value,
            });
            &["name", "type"]
        }
        (EVENT, local) if let Some(slot) = super::raw::Ours::slot(local) => {
            raw.once(|it| slot(&mut it.ours), name, value);
            &[]
        }
        _ => return raw.stray(name),
    };
    if !element.children.is_empty() || element.attrs.keys().any(|it| !known.contains(&it.as_str()))
    {
        raw.stray(&format!("{name}/*"));
    }
}

fn text_construct(text: &atom::Text) -> TextConstruct {
    let kind = match text.r#type {
        TextType::Text => None,
        TextType::Html => Some("html".to_owned()),
        TextType::Xhtml => Some("xhtml".to_owned()),
    };
    TextConstruct { kind, text: text.value.trim().to_owned() }
}

fn content(content: &atom::Content) -> Content {
    let text = content.value.clone().unwrap_or_default();
    let is_markup = content.content_type().is_some_and(|kind| kind == "xhtml" || is_xml(kind));
    Content {
        kind: content.content_type.clone(),
        src: content.src.clone(),
        inner: Inner { markup: is_markup.then(|| text.clone()), text, is_mixed: false },
    }
}

/// Notes what `atom_syndication` has a field for and an event has not.
fn note_strays(raw: &mut RawEntry, entry: &atom::Entry) {
    let texts = [Some(&entry.title), entry.summary.as_ref()].into_iter().flatten();
    let strays = [
        ("contributor", !entry.contributors.is_empty()),
        ("rights", entry.rights.is_some()),
        ("source", entry.source.is_some()),
        ("author/email", entry.authors.iter().any(|it| it.email.is_some())),
        ("author/uri", entry.authors.iter().any(|it| it.uri.is_some())),
        ("author/*", entry.authors.iter().any(|it| !it.extensions.is_empty())),
        ("category/@label", entry.categories.iter().any(|it| it.label.is_some())),
        ("link/@hreflang", entry.links.iter().any(|it| it.hreflang.is_some())),
        ("link/@type", entry.links.iter().any(|it| it.mime_type.is_some())),
        ("link/@title", entry.links.iter().any(|it| it.title.is_some())),
        ("link/@length", entry.links.iter().any(|it| it.length.is_some())),
        ("title", texts.clone().any(|it| it.lang.is_some() || it.base.is_some())),
        (
            "content",
            entry.content.as_ref().is_some_and(|it| it.lang.is_some() || it.base.is_some()),
        ),
    ];
    for (name, is_stray) in strays {
        if is_stray {
            raw.stray(name);
        }
    }
}
