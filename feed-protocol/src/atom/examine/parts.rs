//! The elements that a feed, an entry or a source holds, and their rules.

use std::collections::HashSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use iri_string::types::{IriReferenceStr, IriStr};

use super::Breach;
use crate::atom::AtomError;
use crate::atom::element::{Element, Namespace, Node};
use crate::atom::guard::Guard;
use crate::atom::markup::Inner;
use crate::atom::raw::{RawLink, base_of};

/// What holds the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Feed,
    Entry,
    /// An entry's source, of which nothing but the author and the form of its parts is demanded.
    Source,
}

/// What has been found in a feed, an entry or a source.
pub(super) struct Parts {
    place: Place,
    base: Option<String>,
    /// The elements that may stand there once, and have been seen.
    seen: HashSet<String>,
    alternates: HashSet<(String, String)>,
    has_content: bool,
    needs_summary: bool,
    pub(super) has_author: bool,
    pub(super) id: Option<String>,
    pub(super) updated: Option<DateTime<Utc>>,
    pub(super) links: Vec<(String, String)>,
    /// Their place is still open.
    pub(super) breaches: Vec<Breach>,
}

impl Parts {
    /// Nothing yet, within an element that has been opened.
    pub(super) fn new(
        place: Place,
        element: &Element<'_>,
        base: Option<&str>,
    ) -> Result<Self, AtomError> {
        Ok(Self {
            place,
            base: base_of(element, base)?,
            seen: HashSet::new(),
            alternates: HashSet::new(),
            has_content: false,
            needs_summary: false,
            has_author: false,
            id: None,
            updated: None,
            links: Vec::new(),
            breaches: Vec::new(),
        })
    }

    /// The `xml:base` in force.
    pub(super) fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// The section that says what must stand here.
    const fn section(&self) -> &'static str {
        match self.place {
            Place::Feed => "4.1.1",
            Place::Entry => "4.1.2",
            Place::Source => "4.2.11",
        }
    }

    /// A MUST is broken.
    pub(super) fn breach(&mut self, section: &'static str, what: impl Into<String>) {
        let (place, what) = (String::new(), what.into());
        self.breaches.push(Breach { place, what, section, is_must: true });
    }

    /// Reads all elements up to the end.
    pub(super) fn read(&mut self, guard: &mut Guard<'_>) -> Result<(), AtomError> {
        loop {
            match guard.next()? {
                Node::Open(element) => self.element(guard, &element)?,
                Node::Text(_) => {}
                Node::Close => return Ok(()),
            }
        }
    }

    /// Reads an element that has been opened.
    pub(super) fn element(
        &mut self,
        guard: &mut Guard<'_>,
        element: &Element<'_>,
    ) -> Result<(), AtomError> {
        if element.namespace != Namespace::Atom {
            return guard.skip();
        }
        let name = element.name;
        let once = match self.place {
            Place::Entry => {
                &["id", "title", "updated", "content", "published", "rights", "source", "summary"][..]
            }
            _ => &["id", "title", "updated", "generator", "icon", "logo", "rights", "subtitle"],
        };
        if once.contains(&name) && !self.seen.insert(name.to_owned()) {
            self.breach(self.section(), format!("has more than one {name}"));
        }
        match name {
            "id" => self.read_id(guard),
            "updated" | "published" => self.read_date(guard, name),
            "title" | "subtitle" | "summary" | "rights" => self.read_text(guard, element),
            "author" | "contributor" => self.read_person(guard, name),
            "link" => self.read_link(guard, element),
            "category" => {
                if element.attribute("term").is_none() {
                    self.breach("4.2.2.1", "has a category without a term");
                }
                guard.skip()
            }
            "content" if self.place == Place::Entry => self.read_content(guard, element),
            "source" if self.place == Place::Entry => {
                let mut source = Self::new(Place::Source, element, self.base.as_deref())?;
                source.read(guard)?;
                self.has_author |= source.has_author;
                self.breaches.append(&mut source.breaches);
                Ok(())
            }
            _ => guard.skip(),
        }
    }

    /// Looks for what is missing.
    pub(super) fn finish(&mut self) {
        for name in ["id", "title", "updated"] {
            if !self.seen.contains(name) {
                self.breach(self.section(), format!("has no {name}"));
            }
        }
        let is = |relation: &str| self.links.iter().any(|(it, _)| it == relation);
        match self.place {
            Place::Feed if !is("self") => {
                self.breach("4.1.1", "has no link 'self'");
                // A feed SHOULD have one.
                if let Some(breach) = self.breaches.last_mut() {
                    breach.is_must = false;
                }
            }
            Place::Entry if !self.has_content && !is("alternate") => {
                self.breach("4.1.2", "has neither content nor a link 'alternate'");
            }
            _ => {}
        }
        if self.needs_summary && !self.seen.contains("summary") {
            let what = "has no summary, and its content is elsewhere or in Base64";
            self.breach("4.1.2", what);
        }
    }

    fn read_id(&mut self, guard: &mut Guard<'_>) -> Result<(), AtomError> {
        let id = Inner::read(guard)?.text.trim().to_owned();
        if IriStr::new(&id).is_err() {
            let shown: String = id.chars().take(100).collect();
            self.breach("4.2.6", format!("has the id {shown:?}, which is no IRI"));
        }
        if self.place != Place::Source && !id.is_empty() {
            self.id.get_or_insert(id);
        }
        Ok(())
    }

    fn read_date(&mut self, guard: &mut Guard<'_>, name: &str) -> Result<(), AtomError> {
        let text = Inner::read(guard)?.text.trim().to_owned();
        let date = DateTime::parse_from_rfc3339(&text).ok();
        let is_spelled = !text.contains(['t', 'z', ' ']);
        if date.is_none() || !is_spelled {
            let shown: String = text.chars().take(100).collect();
            let what = format!("has in {name} {shown:?}, and not a date as RFC 3339 has them");
            self.breach("3.3", what);
        }
        if name == "updated" && self.updated.is_none() {
            self.updated = date.map(|date| date.to_utc());
        }
        Ok(())
    }

    fn read_text(&mut self, guard: &mut Guard<'_>, element: &Element<'_>) -> Result<(), AtomError> {
        let kind = element.attribute("type").unwrap_or("text").to_owned();
        let inner = Inner::read(guard)?;
        if matches!(&*kind, "text" | "html" | "xhtml") {
            self.check_text(element.name, &kind, &inner, "3.1.1");
        } else {
            let what = format!("has a {} of type {kind:?}: text, html or xhtml", element.name);
            self.breach("3.1.1", what);
        }
        Ok(())
    }

    fn check_text(&mut self, name: &str, kind: &str, inner: &Inner, section: &'static str) {
        match (kind, &inner.markup) {
            ("xhtml", Some(markup)) if !inner.is_mixed && is_div(markup) => {}
            ("xhtml", _) => {
                self.breach(section, format!("has a {name} of type xhtml that is not one div"));
            }
            (_, Some(_)) => {
                self.breach(section, format!("has a {name} of type {kind} with elements in it"));
            }
            (_, None) => {}
        }
    }

    fn read_person(&mut self, guard: &mut Guard<'_>, name: &str) -> Result<(), AtomError> {
        let article = if name == "author" { "an" } else { "a" };
        let mut counts = [("name", 0), ("uri", 0), ("email", 0)];
        loop {
            match guard.next()? {
                Node::Open(child) if child.namespace == Namespace::Atom => {
                    let text = Inner::read(guard)?.text;
                    if let Some((_, count)) = counts.iter_mut().find(|it| it.0 == child.name) {
                        *count += 1;
                    }
                    if child.name == "email" && !text.trim().contains('@') {
                        self.breach("3.2.3", format!("has {article} {name} whose email is none"));
                    }
                }
                Node::Open(_) => guard.skip()?,
                Node::Text(_) => {}
                Node::Close => break,
            }
        }
        if counts[0].1 != 1 {
            self.breach("3.2.1", format!("has {article} {name} with {} names", counts[0].1));
        }
        for (child, section) in [(1, "3.2.2"), (2, "3.2.3")] {
            let (child, count) = counts[child];
            if count > 1 {
                self.breach(section, format!("has {article} {name} with more than one {child}"));
            }
        }
        self.has_author |= name == "author";
        Ok(())
    }

    fn read_link(&mut self, guard: &mut Guard<'_>, element: &Element<'_>) -> Result<(), AtomError> {
        let link = RawLink::of(guard, element, self.base.as_deref())?;
        match element.attribute("href") {
            None => self.breach("4.2.7.1", "has a link without a target"),
            Some(href) if IriReferenceStr::new(href.trim()).is_err() => {
                let shown: String = href.chars().take(100).collect();
                self.breach("4.2.7.1", format!("has a link to {shown:?}, which is no IRI"));
            }
            Some(_) => {}
        }
        let attribute = |name| element.attribute(name).unwrap_or_default().to_ascii_lowercase();
        if link.relation == "alternate"
            && !self.alternates.insert((attribute("type"), attribute("hreflang")))
        {
            let what = "has two links 'alternate' of the same type and language";
            self.breach(self.section(), what);
        }
        self.links.push((link.relation, link.href));
        guard.skip()
    }

    fn read_content(
        &mut self,
        guard: &mut Guard<'_>,
        element: &Element<'_>,
    ) -> Result<(), AtomError> {
        self.has_content = true;
        let stated = element.attribute("type").map(|it| it.trim().to_ascii_lowercase());
        let is_text = |kind: &str| matches!(kind, "text" | "html" | "xhtml");
        let has_source = element.attribute("src").is_some();
        let inner = Inner::read(guard)?;
        if has_source {
            self.needs_summary = true;
            if inner.markup.is_some() || !inner.text.trim().is_empty() {
                self.breach("4.1.3.2", "has content of its own beside content elsewhere");
            }
            if stated.as_deref().is_some_and(is_text) {
                self.breach("4.1.3.2", "has content elsewhere whose type is no media type");
            }
            return Ok(());
        }
        let kind = stated.as_deref().unwrap_or("text");
        if is_text(kind) {
            self.check_text("content", kind, &inner, "4.1.3.3");
        } else if !kind.contains('/')
            || ["multipart/", "message/"].iter().any(|it| kind.starts_with(it))
        {
            self.breach("4.1.3.1", format!("has content of the type {kind:?}"));
        } else if kind.starts_with("text/") && !is_xml(kind) {
            if inner.markup.is_some() {
                self.breach("4.1.3.3", format!("has content of type {kind} with elements in it"));
            }
        } else if !is_xml(kind) {
            self.needs_summary = true;
            let packed: Vec<u8> =
                inner.text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
            if inner.markup.is_some() || BASE64_STANDARD.decode(packed).is_err() {
                self.breach("4.1.3.3", format!("has content of type {kind} that is no Base64"));
            }
        }
        Ok(())
    }
}

/// Whether a media type is one of XML (RFC 4287, section 4.1.3.3).
fn is_xml(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let named = ["application/xml-dtd", "text/xml-external-parsed-entity"];
    essence.ends_with("+xml") || essence.ends_with("/xml") || named.contains(&essence)
}

/// Whether markup is a `div` element.
fn is_div(markup: &str) -> bool {
    let name = markup.trim_start().trim_start_matches('<');
    let end = name.find(|it: char| it.is_whitespace() || matches!(it, '>' | '/'));
    let name = end.map_or(name, |end| &name[..end]);
    name.rsplit(':').next() == Some("div")
}
