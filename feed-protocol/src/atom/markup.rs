//! What an element holds: text, markup, or both.

use super::AtomError;
use super::element::{Element, Namespace, Node};
use super::escape;
use super::guard::Guard;

/// What an element holds.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Inner {
    /// The text, that of elements within included.
    pub(super) text: String,
    /// The whole as XML, where there are elements within. Names keep their prefixes, and every
    /// namespace that they need is declared in it.
    pub(super) markup: Option<String>,
    /// Whether it is more than one element with nothing but white space around it.
    pub(super) is_mixed: bool,
}

impl Inner {
    /// Reads up to the end of the element opened last.
    pub(super) fn read(guard: &mut Guard<'_>) -> Result<Self, AtomError> {
        let mut text = String::new();
        let mut markup: Option<Markup<'_>> = None;
        let mut depth = 0_usize;
        let (mut elements, mut beside) = (0_usize, false);
        loop {
            match guard.next()? {
                Node::Text(part) => {
                    text.push_str(&part);
                    beside |= depth == 0 && !part.trim().is_empty();
                    if let Some(markup) = &mut markup {
                        markup.text(&part);
                    }
                }
                Node::Open(element) => {
                    elements += usize::from(depth == 0);
                    depth += 1;
                    let markup = markup.get_or_insert_with(|| Markup::after(&text));
                    markup.open(&element, guard)?;
                }
                Node::Close if depth == 0 => {
                    let markup = markup.map(|it| String::from_utf8_lossy(&it.out).into_owned());
                    let is_mixed = elements > 1 || (elements == 1 && beside);
                    return Ok(Self { text, markup, is_mixed });
                }
                Node::Close => {
                    depth -= 1;
                    if let Some(markup) = &mut markup {
                        markup.close();
                    }
                }
            }
        }
    }
}

/// Markup that is being written.
struct Markup<'x> {
    out: Vec<u8>,
    /// The elements that are open, and how many prefixes were declared before each.
    open: Vec<(&'x str, usize)>,
    /// The prefixes declared within, the default one as nothing.
    declared: Vec<&'x str>,
    /// Whether the last start tag lacks its `>`.
    unfinished: bool,
}

impl<'x> Markup<'x> {
    /// Markup that begins with this text.
    fn after(text: &str) -> Self {
        let mut markup =
            Self { out: Vec::new(), open: Vec::new(), declared: Vec::new(), unfinished: false };
        markup.text(text);
        markup
    }

    fn text(&mut self, text: &str) {
        self.finish_tag();
        escape::text(text, &mut self.out);
    }

    fn open(&mut self, element: &Element<'x>, guard: &mut Guard<'x>) -> Result<(), AtomError> {
        self.finish_tag();
        self.open.push((element.qualified, self.declared.len()));
        self.raw("<");
        self.raw(element.qualified);
        for attribute in &element.attributes {
            if attribute.namespace == Namespace::Declaration {
                let prefix = attribute.qualified.strip_prefix("xmlns:").unwrap_or_default();
                self.declared.push(prefix);
            }
            self.attribute(attribute.qualified, &attribute.value);
        }
        self.declare(element.qualified, guard)?;
        for attribute in &element.attributes {
            let prefixed = attribute.qualified.contains(':');
            if prefixed && !matches!(attribute.namespace, Namespace::Declaration | Namespace::Xml) {
                self.declare(attribute.qualified, guard)?;
            }
        }
        self.unfinished = true;
        Ok(())
    }

    /// Declares the prefix of a name, unless it is declared within.
    fn declare(&mut self, qualified: &'x str, guard: &mut Guard<'x>) -> Result<(), AtomError> {
        let prefix = qualified.split_once(':').map_or("", |(prefix, _)| prefix);
        if self.declared.contains(&prefix) || prefix == "xml" {
            return Ok(());
        }
        // A namespace that is declared far outside is declared again in each element here.
        if let Some(namespace) = guard.namespace_of(qualified).map(str::to_owned) {
            guard.repeat(namespace.len())?;
            self.raw(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            self.raw(prefix);
            self.raw("=\"");
            // It is escaped already, but may have stood between single quotes.
            self.raw(&namespace.replace('"', "&quot;"));
            self.raw("\"");
            self.declared.push(prefix);
        }
        Ok(())
    }

    fn close(&mut self) {
        let Some((name, declared)) = self.open.pop() else { return };
        self.declared.truncate(declared);
        if std::mem::take(&mut self.unfinished) {
            self.raw("/>");
        } else {
            self.raw("</");
            self.raw(name);
            self.raw(">");
        }
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.raw(" ");
        self.raw(name);
        self.raw("=\"");
        escape::attribute(value, &mut self.out);
        self.raw("\"");
    }

    fn finish_tag(&mut self) {
        if std::mem::take(&mut self.unfinished) {
            self.raw(">");
        }
    }

    fn raw(&mut self, xml: &str) {
        self.out.extend_from_slice(xml.as_bytes());
    }
}
