//! Documents and entries, written in one pass.
//!
//! The bytes of a page are for ever, so each of them is written here, and none is a dependency's
//! choice. One element a line, for people who read with `curl`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};

use super::content::{Shown, shown, summary};
use super::escape;
use super::vocabulary::{ATOM, EVENT, HISTORY, SUBJECT_SCHEME, THREADING, TYPE_SCHEME, reply_iri};
use crate::document::Document;
use crate::link::{Addresses, Link, Relation};
use crate::{Entry, Event};

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";

/// Writes a feed document.
pub(super) fn document(document: &Document, out: &mut Vec<u8>) {
    let mut xml = Xml { out };
    xml.raw(DECLARATION);
    xml.root("feed");
    xml.element("id", &document.feed_iri);
    xml.element("title", &document.title);
    xml.element("updated", &timestamp(document.updated));
    if document.entries.is_empty() {
        // A feed has an author unless its entries all have one (RFC 4287, section 4.1.1), and
        // validators want to see one where there is no entry.
        xml.author(&document.title);
    }
    for link in &document.links {
        xml.link(link);
    }
    if document.archive {
        xml.raw(&format!("<fh:archive xmlns:fh=\"{HISTORY}\"/>\n"));
    }
    xml.element("ev:incarnation", document.incarnation.as_str());
    xml.element("ev:first", &document.range.first().to_string());
    xml.element("ev:last", &document.range.last().to_string());
    for entry in &document.entries {
        xml.raw("<entry>\n");
        xml.entry(entry, &document.addresses);
        xml.raw("</entry>\n");
    }
    xml.raw("</feed>\n");
}

/// Writes an entry document.
pub(super) fn entry(entry: &Entry, addresses: &Addresses, out: &mut Vec<u8>) {
    let mut xml = Xml { out };
    xml.raw(DECLARATION);
    xml.root("entry");
    xml.entry(entry, addresses);
    xml.raw("</entry>\n");
}

/// A time as Atom writes it, and always equally long.
fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

struct Xml<'a> {
    out: &'a mut Vec<u8>,
}

impl Xml<'_> {
    /// Writes what is XML already.
    fn raw(&mut self, xml: &str) {
        self.out.extend_from_slice(xml.as_bytes());
    }

    fn text(&mut self, text: &str) {
        escape::text(text, self.out);
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.raw(" ");
        self.raw(name);
        self.raw("=\"");
        escape::attribute(value, self.out);
        self.raw("\"");
    }

    fn root(&mut self, name: &str) {
        self.raw("<");
        self.raw(name);
        self.attribute("xmlns", ATOM);
        self.attribute("xmlns:thr", THREADING);
        self.attribute("xmlns:ev", EVENT);
        self.raw(">\n");
    }

    /// Writes an element that holds text.
    fn element(&mut self, name: &str, text: &str) {
        self.raw("<");
        self.raw(name);
        self.raw(">");
        self.text(text);
        self.raw("</");
        self.raw(name);
        self.raw(">\n");
    }

    fn author(&mut self, name: &str) {
        self.raw("<author><name>");
        self.text(name);
        self.raw("</name></author>\n");
    }

    fn category(&mut self, scheme: &str, term: &str) {
        self.raw("<category");
        self.attribute("scheme", scheme);
        self.attribute("term", term);
        self.raw("/>\n");
    }

    fn link(&mut self, link: &Link) {
        self.raw("<link");
        self.attribute("rel", link.relation.as_str());
        self.attribute("href", &link.href);
        self.raw("/>\n");
    }

    /// Writes what an entry holds, the table of this codec's documentation from top to bottom.
    fn entry(&mut self, entry: &Entry, addresses: &Addresses) {
        let (position, event) = (entry.recorded.position, &entry.recorded.event);
        self.element("id", &entry.iri);
        self.element("title", event.event_type().as_str());
        if let Some(time) = event.time() {
            self.element("published", time.as_str());
        }
        self.element("updated", &timestamp(entry.recorded.updated));
        self.author(event.source().as_str());
        self.category(TYPE_SCHEME, event.event_type().as_str());
        if let Some(subject) = event.subject() {
            self.category(SUBJECT_SCHEME, subject.as_str());
        }
        let address = addresses.entry(position);
        if event.data().is_none() {
            // An entry without content has an alternate (RFC 4287, section 4.1.2).
            self.link(&Link::new(Relation::Alternate, address.clone()));
        }
        self.link(&Link::new(Relation::SelfDocument, address));
        if let Some(iri) = event.causation_id().and_then(reply_iri) {
            self.raw("<thr:in-reply-to");
            self.attribute("ref", &iri);
            self.raw("/>\n");
        }
        self.element("ev:position", &position.to_string());
        self.attributes(event);
        if let Some(data) = event.data() {
            self.content(event, data, || addresses.data(position));
        }
    }

    /// Writes the attributes, exactly.
    fn attributes(&mut self, event: &Event) {
        self.element("ev:source", event.source().as_str());
        self.element("ev:id", event.id().as_str());
        if let Some(subject) = event.subject() {
            self.element("ev:subject", subject.as_str());
        }
        if let Some(media_type) = event.data_content_type() {
            self.element("ev:datacontenttype", media_type.as_str());
        }
        if let Some(schema) = event.data_schema() {
            self.element("ev:dataschema", schema.as_str());
        }
        for (name, value) in event.extensions().iter() {
            self.raw("<ev:extension");
            self.attribute("name", name.as_str());
            self.attribute("type", value.type_name());
            self.raw(">");
            self.text(&value.to_text());
            self.raw("</ev:extension>\n");
        }
    }

    fn content(&mut self, event: &Event, data: &[u8], address: impl FnOnce() -> String) {
        let shown = shown(event, data);
        if !matches!(shown, Shown::Text { .. }) {
            // Content that a reader cannot show has a summary (RFC 4287, section 4.1.2).
            self.element("summary", &summary(event, data));
        }
        self.raw("<content");
        match shown {
            Shown::Text { content_type, text } => {
                self.attribute("type", &content_type);
                self.raw(">");
                self.text(text);
                self.raw("</content>\n");
            }
            Shown::Base64 { content_type } => {
                self.attribute("type", content_type);
                self.raw(">");
                self.raw(&BASE64_STANDARD.encode(data));
                self.raw("</content>\n");
            }
            Shown::Elsewhere { content_type } => {
                self.attribute("type", content_type);
                self.attribute("src", &address());
                self.raw("/>\n");
            }
        }
    }
}
