//! The reading of an entry's elements, one after the other.

use super::{Category, Content, Ours, RawEntry, RawExtension, RawLink, TextConstruct};
use crate::atom::AtomError;
use crate::atom::base;
use crate::atom::element::{Attribute, Element, Namespace, Node};
use crate::atom::guard::Guard;
use crate::atom::markup::Inner;

/// How long an `xml:base` may be, in bytes: every element within has a copy.
const MAX_BASE: usize = 8 * 1024;

impl RawEntry {
    /// Reads the entry that has been opened, up to its end.
    pub(in crate::atom) fn read(
        guard: &mut Guard<'_>,
        entry: &Element<'_>,
        feed_base: Option<&str>,
    ) -> Result<Self, AtomError> {
        let mut raw = Self::default();
        raw.expect_attributes(entry, &[]);
        let base = base_of(entry, feed_base)?;
        loop {
            match guard.next()? {
                Node::Open(element) => raw.element(guard, &element, base.as_deref())?,
                Node::Text(text) if text.trim().is_empty() => {}
                Node::Text(_) => raw.blame("entry", "holds text outside its elements"),
                Node::Close => return Ok(raw),
            }
        }
    }

    fn element(
        &mut self,
        guard: &mut Guard<'_>,
        element: &Element<'_>,
        base: Option<&str>,
    ) -> Result<(), AtomError> {
        match (element.namespace, element.name) {
            (Namespace::Atom, "id") => {
                let text = self.text(guard, element, &[])?;
                self.once(|it| &mut it.id, "id", text);
            }
            (Namespace::Atom, "updated") => {
                let text = self.text(guard, element, &[])?;
                self.once(|it| &mut it.updated, "updated", text);
            }
            (Namespace::Atom, "published") => {
                let text = self.text(guard, element, &[])?;
                self.once(|it| &mut it.published, "published", text);
            }
            (Namespace::Atom, "title") => {
                let text = self.text_construct(guard, element)?;
                self.once(|it| &mut it.title, "title", text);
            }
            (Namespace::Atom, "summary") => {
                let text = self.text_construct(guard, element)?;
                self.once(|it| &mut it.summary, "summary", text);
            }
            (Namespace::Atom, "author") => {
                let name = self.person(guard, element)?;
                self.authors.push(name);
            }
            (Namespace::Atom, "category") => {
                self.expect_attributes(element, &["term", "scheme"]);
                self.categories.push(Category {
                    term: element.attribute("term").unwrap_or_default().trim().to_owned(),
                    scheme: element.attribute("scheme").map(str::to_owned),
                });
                self.expect_empty(guard, element)?;
            }
            (Namespace::Atom, "link") => {
                self.expect_attributes(element, &["rel", "href"]);
                self.links.push(RawLink::of(guard, element, base)?);
                self.expect_empty(guard, element)?;
            }
            (Namespace::Atom, "content") => {
                let content = self.content(guard, element, base)?;
                self.once(|it| &mut it.content, "content", content);
            }
            (Namespace::Atom, "source") => self.source(guard)?,
            (Namespace::Threading, "in-reply-to") => {
                self.expect_attributes(element, &["ref"]);
                self.in_reply_to.push(element.attribute("ref").unwrap_or_default().to_owned());
                self.expect_empty(guard, element)?;
            }
            (Namespace::Event, name) => self.our_element(guard, element, name)?,
            _ => {
                self.stray(element.qualified);
                guard.skip()?;
            }
        }
        Ok(())
    }

    fn our_element(
        &mut self,
        guard: &mut Guard<'_>,
        element: &Element<'_>,
        name: &str,
    ) -> Result<(), AtomError> {
        if let Some(slot) = Ours::slot(name) {
            let text = self.text(guard, element, &[])?;
            self.once(|it| slot(&mut it.ours), element.qualified, text);
        } else if name == "extension" {
            let text = self.text(guard, element, &["name", "type"])?;
            self.ours.extensions.push(RawExtension {
                name: element.attribute("name").unwrap_or_default().to_owned(),
                kind: element.attribute("type").unwrap_or("string").to_owned(),
                text,
            });
        } else {
            self.stray(element.qualified);
            guard.skip()?;
        }
        Ok(())
    }

    /// Reads an element that holds plain text, whose outer white space is layout.
    fn text(
        &mut self,
        guard: &mut Guard<'_>,
        element: &Element<'_>,
        attributes: &[&str],
    ) -> Result<String, AtomError> {
        self.expect_attributes(element, attributes);
        let inner = Inner::read(guard)?;
        if inner.markup.is_some() {
            self.blame(element.qualified, "holds an element, and should hold text");
        }
        Ok(inner.text.trim().to_owned())
    }

    fn text_construct(
        &mut self,
        guard: &mut Guard<'_>,
        element: &Element<'_>,
    ) -> Result<TextConstruct, AtomError> {
        self.expect_attributes(element, &["type"]);
        TextConstruct::read(guard, element)
    }

    fn person(
        &mut self,
        guard: &mut Guard<'_>,
        element: &Element<'_>,
    ) -> Result<String, AtomError> {
        self.expect_attributes(element, &[]);
        let mut names = Vec::new();
        while let Some(child) = self.child(guard, element)? {
            if child.is_atom("name") {
                names.push(self.text(guard, &child, &[])?);
            } else {
                self.stray(&format!("{}/{}", element.qualified, child.qualified));
                guard.skip()?;
            }
        }
        if names.len() != 1 {
            self.blame(element.qualified, "has not one name");
        }
        Ok(names.into_iter().next().unwrap_or_default())
    }

    fn source(&mut self, guard: &mut Guard<'_>) -> Result<(), AtomError> {
        self.stray("source");
        loop {
            match guard.next()? {
                Node::Open(element) if element.is_atom("id") => {
                    self.source_id = Some(Inner::read(guard)?.text.trim().to_owned());
                }
                Node::Open(_) => guard.skip()?,
                Node::Text(_) => {}
                Node::Close => return Ok(()),
            }
        }
    }

    fn content(
        &mut self,
        guard: &mut Guard<'_>,
        element: &Element<'_>,
        base: Option<&str>,
    ) -> Result<Content, AtomError> {
        self.expect_attributes(element, &["type", "src"]);
        let base = base_of(element, base)?;
        let src = element.attribute("src");
        Ok(Content {
            kind: element.attribute("type").map(|kind| kind.trim().to_owned()),
            src: src.map(|src| resolve(guard, base.as_deref(), src.trim())).transpose()?,
            inner: Inner::read(guard)?,
        })
    }

    /// The next child of an element that holds no text of its own.
    fn child<'x>(
        &mut self,
        guard: &mut Guard<'x>,
        parent: &Element<'_>,
    ) -> Result<Option<Element<'x>>, AtomError> {
        loop {
            match guard.next()? {
                Node::Open(element) => return Ok(Some(element)),
                Node::Text(text) if text.trim().is_empty() => {}
                Node::Text(_) => self.blame(parent.qualified, "holds text, and should hold none"),
                Node::Close => return Ok(None),
            }
        }
    }

    fn expect_empty(
        &mut self,
        guard: &mut Guard<'_>,
        element: &Element<'_>,
    ) -> Result<(), AtomError> {
        while let Some(child) = self.child(guard, element)? {
            self.stray(&format!("{}/{}", element.qualified, child.qualified));
            guard.skip()?;
        }
        Ok(())
    }

    fn expect_attributes(&mut self, element: &Element<'_>, expected: &[&str]) {
        let known = |it: &Attribute<'_>| match it.namespace {
            Namespace::Declaration => true,
            Namespace::Xml => it.name == "space",
            Namespace::None => expected.contains(&it.name),
            _ => false,
        };
        if let Some(stray) = element.attributes.iter().find(|it| !known(it)) {
            self.stray(&format!("{}/@{}", element.qualified, stray.qualified));
        }
    }
}

impl RawLink {
    /// The link of an element.
    pub(in crate::atom) fn of(
        guard: &mut Guard<'_>,
        element: &Element<'_>,
        base: Option<&str>,
    ) -> Result<Self, AtomError> {
        let base = base_of(element, base)?;
        let relation = element.attribute("rel").unwrap_or("alternate").trim();
        // A registered relation may be written as an IRI (RFC 4287, section 4.2.7.2).
        let relation = relation
            .strip_prefix("http://www.iana.org/assignments/relation/")
            .unwrap_or(relation)
            .to_owned();
        let href = element.attribute("href").unwrap_or_default().trim();
        Ok(Self { relation, href: resolve(guard, base.as_deref(), href)? })
    }
}

impl TextConstruct {
    /// Reads the text construct that has been opened, up to its end.
    pub(in crate::atom) fn read(
        guard: &mut Guard<'_>,
        element: &Element<'_>,
    ) -> Result<Self, AtomError> {
        let kind = element.attribute("type").map(|kind| kind.trim().to_owned());
        Ok(Self { kind, text: Inner::read(guard)?.text.trim().to_owned() })
    }

    /// Whether it is text, and not HTML or XHTML.
    pub(in crate::atom) fn is_plain(&self) -> bool {
        self.kind.as_deref().is_none_or(|kind| kind == "text")
    }
}

/// The reference as it stands under a base, which it repeats.
fn resolve(
    guard: &mut Guard<'_>,
    base: Option<&str>,
    reference: &str,
) -> Result<String, AtomError> {
    guard.repeat(base.map_or(0, str::len))?;
    Ok(base::resolve(base, reference))
}

/// The base in force within an element.
pub(in crate::atom) fn base_of(
    element: &Element<'_>,
    outer: Option<&str>,
) -> Result<Option<String>, AtomError> {
    let base = match element.base() {
        Some(own) => Some(base::resolve(outer, own.trim())),
        None => outer.map(str::to_owned),
    };
    if base.as_ref().is_some_and(|base| base.len() > MAX_BASE) {
        let what = format!("an xml:base of more than {MAX_BASE} bytes");
        return Err(AtomError::TooLarge { what, limit: MAX_BASE });
    }
    Ok(base)
}
