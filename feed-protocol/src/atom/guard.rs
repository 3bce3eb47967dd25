//! The guard before everything that is read: well-formed XML within limits, and nothing else.
//!
//! quick-xml splits the text and matches the tags; what it leaves to its users is checked here.
//! There is no document type and so no entity, every character is one of XML's, every prefix is
//! declared, and depth is counted, never recursed upon: a hostile document costs no more than
//! reading it.

use std::borrow::Cow;

use quick_xml::NsReader;
use quick_xml::events::{BytesDecl, Event};
use quick_xml::name::{QName, ResolveResult};

use super::element::{Attribute, Element, Namespace, Node};
use super::escape::first_illegal;
use super::tag::{Tag, is_plain_name, is_space, resolve};
use super::vocabulary::{ATOM, EVENT, HISTORY, THREADING, XML};
use super::{AtomError, Limits};

/// How many bytes of bases and namespaces may be repeated in any document, however small.
const LEAST_REPEATS: usize = 1024 * 1024;

/// How many namespace declarations may be in force at once: every name is looked up among them.
const MAX_NAMESPACES: usize = 64;

/// quick-xml counts depth in 16 bits.
const MAX_DEPTH: usize = 10_000;

/// A reader of one document.
pub(super) struct Guard<'x> {
    source: &'x str,
    reader: NsReader<&'x [u8]>,
    limits: Limits,
    /// For each open element, the namespace declarations in force.
    open: Vec<usize>,
    root_seen: bool,
    /// How many bytes may still be said again; see [`Guard::repeat`].
    repeats: usize,
}

impl<'x> Guard<'x> {
    /// A reader of these bytes, whose size, encoding and characters have been checked.
    pub(super) fn new(bytes: &'x [u8], limits: &Limits) -> Result<Self, AtomError> {
        if bytes.len() > limits.max_bytes {
            let limit = limits.max_bytes;
            let what = format!("a document of more than {limit} bytes");
            return Err(AtomError::TooLarge { what, limit });
        }
        let source = text(bytes)?;
        let mut reader = NsReader::from_str(source);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        let repeats = limits.max_bytes.max(LEAST_REPEATS);
        Ok(Self { source, reader, limits: *limits, open: Vec::new(), root_seen: false, repeats })
    }

    /// The limits that the document is read under.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// So many bytes that stand in the document once are about to be said in another place: a
    /// base, or a namespace. A small document must not make much of that.
    pub(super) fn repeat(&mut self, bytes: usize) -> Result<(), AtomError> {
        match self.repeats.checked_sub(bytes) {
            Some(left) => {
                self.repeats = left;
                Ok(())
            }
            None => {
                let limit = self.limits.max_bytes.max(LEAST_REPEATS);
                let what = format!("more than {limit} bytes of repeated bases and namespaces");
                Err(AtomError::TooLarge { what, limit })
            }
        }
    }

    /// The root element.
    pub(super) fn root(&mut self) -> Result<Element<'x>, AtomError> {
        match self.next()? {
            Node::Open(element) => Ok(element),
            Node::Text(_) | Node::Close => Err(self.malformed("no element")),
        }
    }

    /// Reads what is behind the root element, which must be nothing.
    pub(super) fn finish(mut self) -> Result<(), AtomError> {
        loop {
            match self.reader.read_event() {
                Ok(Event::Eof) => return Ok(()),
                Ok(event) => {
                    self.outside(&event)?;
                }
                Err(error) => return Err(self.malformed(error)),
            }
        }
    }

    /// What comes next. Ends with the root element: what is behind it is [`Self::finish`]'s.
    pub(super) fn next(&mut self) -> Result<Node<'x>, AtomError> {
        loop {
            let start = self.position();
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => return Err(self.malformed(error)),
            };
            if self.open.is_empty() && !matches!(event, Event::Start(_)) {
                self.outside(&event)?;
                continue;
            }
            match event {
                Event::Start(tag) => {
                    // The source rather than the event's bytes, which do not live as long.
                    let tag = &self.source[start + 1..start + 1 + tag.len()];
                    return self.open(tag).map(Node::Open);
                }
                Event::End(_) => {
                    self.open.pop();
                    return Ok(Node::Close);
                }
                Event::Text(text) => {
                    let text = &self.source[start..start + text.len()];
                    if text.contains('>') && text.contains("]]>") {
                        return Err(self.malformed("']]>' in text"));
                    }
                    return Ok(Node::Text(with_line_feeds(text)));
                }
                Event::CData(text) => {
                    let start = start + "<![CDATA[".len();
                    return Ok(Node::Text(with_line_feeds(
                        &self.source[start..start + text.len()],
                    )));
                }
                Event::GeneralRef(reference) => {
                    let name = String::from_utf8_lossy(&reference);
                    return match resolve(&name) {
                        Ok(text) => Ok(Node::Text(text)),
                        Err(fault) => Err(self.malformed(fault)),
                    };
                }
                Event::Comment(_) => {}
                // The reader is told to make two events of it.
                Event::Empty(_) => return Err(self.malformed("an empty element in one event")),
                Event::PI(_) | Event::Decl(_) | Event::DocType(_) => self.misplaced(&event)?,
                Event::Eof => return Err(self.malformed("ends before its elements do")),
            }
        }
    }

    /// Passes over the element opened last.
    pub(super) fn skip(&mut self) -> Result<(), AtomError> {
        let depth = self.open.len();
        while self.open.len() >= depth {
            self.next()?;
        }
        Ok(())
    }

    /// Whether a prefix (or none, for the default) is bound, and to which namespace. The text is
    /// that of the declaration, in which references have not been resolved.
    pub(super) fn namespace_of(&self, qualified: &str) -> Option<&str> {
        match self.reader.resolver().resolve_element(QName(qualified.as_bytes())).0 {
            ResolveResult::Bound(namespace) => str::from_utf8(namespace.into_inner()).ok(),
            ResolveResult::Unbound | ResolveResult::Unknown(_) => None,
        }
    }

    /// An error at the place reached.
    pub(super) fn malformed(&self, what: impl std::fmt::Display) -> AtomError {
        let reached = &self.source.as_bytes()[..self.position()];
        let line = reached.iter().filter(|byte| **byte == b'\n').count() + 1;
        AtomError::Malformed(format!("line {line}: {what}"))
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX).min(self.source.len())
    }

    fn open(&mut self, tag: &'x str) -> Result<Element<'x>, AtomError> {
        if std::mem::replace(&mut self.root_seen, true) && self.open.is_empty() {
            return Err(self.malformed("a second root element"));
        }
        let limit = self.limits.max_depth.min(MAX_DEPTH);
        if self.open.len() >= limit {
            let what = format!("elements nested deeper than {limit}");
            return Err(AtomError::TooLarge { what, limit });
        }
        let tag = Tag::parse(tag).map_err(|fault| self.malformed(fault))?;
        let mut in_force = self.open.last().copied().unwrap_or_default();
        let mut attributes: Vec<Attribute<'x>> = Vec::with_capacity(tag.attributes.len());
        for (qualified, value) in tag.attributes {
            let (namespace, name) = self.resolve(qualified, false)?;
            if namespace == Namespace::Declaration {
                if qualified != "xmlns" && value.is_empty() {
                    return Err(self.malformed(format!("'{qualified}' declares no namespace")));
                }
                in_force += 1;
            }
            attributes.push(Attribute { namespace, name, qualified, value });
        }
        if in_force > MAX_NAMESPACES {
            let what = format!("more than {MAX_NAMESPACES} namespace declarations in force");
            return Err(AtomError::TooLarge { what, limit: MAX_NAMESPACES });
        }
        self.open.push(in_force);
        let (namespace, name) = self.resolve(tag.name, true)?;
        Ok(Element { namespace, name, qualified: tag.name, attributes })
    }

    /// The namespace of a name, and the name without its prefix.
    fn resolve(
        &self,
        qualified: &'x str,
        is_element: bool,
    ) -> Result<(Namespace, &'x str), AtomError> {
        let (prefix, name) = qualified.split_once(':').unwrap_or(("", qualified));
        if !is_element && (prefix == "xmlns" || qualified == "xmlns") {
            return Ok((Namespace::Declaration, name));
        }
        let (resolved, _) = self.reader.resolver().resolve(QName(qualified.as_bytes()), is_element);
        let namespace = match resolved {
            ResolveResult::Unbound => Namespace::None,
            ResolveResult::Unknown(_) => {
                return Err(self.malformed(format!("the prefix '{prefix}' is not declared")));
            }
            ResolveResult::Bound(namespace) => {
                let is = |known: &str| namespace.as_ref() == known.as_bytes();
                match () {
                    () if is(ATOM) => Namespace::Atom,
                    () if is(EVENT) => Namespace::Event,
                    () if is(HISTORY) => Namespace::History,
                    () if is(THREADING) => Namespace::Threading,
                    () if is(XML) => Namespace::Xml,
                    () => Namespace::Foreign,
                }
            }
        };
        Ok((namespace, name))
    }

    /// Accepts what may stand before and behind the root element.
    fn outside(&self, event: &Event<'_>) -> Result<(), AtomError> {
        match event {
            Event::Comment(_) => Ok(()),
            Event::Text(text) if text.iter().all(|byte| is_space(char::from(*byte))) => Ok(()),
            Event::Decl(declaration) if !self.root_seen && self.begins_with(declaration) => {
                self.check_declaration(declaration)
            }
            Event::PI(_) | Event::Decl(_) | Event::DocType(_) => self.misplaced(event),
            Event::Eof => Err(self.malformed("no element")),
            Event::Start(_) => Err(self.malformed("a second root element")),
            _ => Err(self.malformed("text outside the root element")),
        }
    }

    fn misplaced(&self, event: &Event<'_>) -> Result<(), AtomError> {
        let Event::PI(instruction) = event else {
            return Err(self.malformed(match event {
                Event::DocType(_) => "a document type declaration is refused",
                _ => "an XML declaration that is not at the start",
            }));
        };
        match str::from_utf8(instruction.target()) {
            Ok(target) if is_plain_name(target) && !target.eq_ignore_ascii_case("xml") => Ok(()),
            _ => Err(self.malformed("a processing instruction without a proper name")),
        }
    }

    /// Whether the source begins with this declaration, which nothing may precede.
    fn begins_with(&self, declaration: &BytesDecl<'_>) -> bool {
        self.position() == "<?".len() + declaration.len() + "?>".len()
    }

    fn check_declaration(&self, declaration: &BytesDecl<'_>) -> Result<(), AtomError> {
        if declaration.version().map_err(|error| self.malformed(error))?.as_ref() != b"1.0" {
            return Err(self.malformed("only XML 1.0 is read"));
        }
        match declaration.encoding().transpose().map_err(|error| self.malformed(error))? {
            Some(encoding) if !encoding.eq_ignore_ascii_case(b"utf-8") => Err(self.malformed(
                format!("only UTF-8 is read, and not {}", String::from_utf8_lossy(&encoding)),
            )),
            _ => Ok(()),
        }
    }
}

/// The text of a document: UTF-8 without its byte order mark, every character legal in XML.
fn text(bytes: &[u8]) -> Result<&str, AtomError> {
    let malformed = |what: String| Err(AtomError::Malformed(what));
    if let [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] | [0, b'<', ..] | [b'<', 0, ..] = bytes {
        return malformed("is UTF-16, and only UTF-8 is read".to_owned());
    }
    let text = match str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{FEFF}').unwrap_or(text),
        Err(error) => return malformed(format!("byte {} is not UTF-8", error.valid_up_to())),
    };
    if let Some(at) = first_illegal(text) {
        let code = text[at..].chars().next().map_or(0, u32::from);
        return malformed(format!("U+{code:04X} at byte {at} is no character of XML"));
    }
    Ok(text)
}

/// Text with each end of line as XML reads it (XML 1.0, section 2.11).
fn with_line_feeds(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n").into()
    } else {
        text.into()
    }
}
