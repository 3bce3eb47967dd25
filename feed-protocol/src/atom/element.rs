//! What a document consists of, as [`super::guard`] hands it out.

use std::borrow::Cow;

/// The namespaces that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Namespace {
    Atom,
    Event,
    History,
    Threading,
    /// What begins with `xml:`.
    Xml,
    /// A declaration of a namespace, which only looks like an attribute.
    Declaration,
    /// None, as unprefixed attributes have.
    None,
    /// Any other.
    Foreign,
}

/// The next thing of a document. Comments and processing instructions are passed over.
pub(super) enum Node<'x> {
    Open(Element<'x>),
    /// Part of an element's text: more may follow.
    Text(Cow<'x, str>),
    /// The end of the element opened last.
    Close,
}

/// An element that has been opened.
pub(super) struct Element<'x> {
    pub(super) namespace: Namespace,
    /// Without the prefix.
    pub(super) name: &'x str,
    /// With the prefix, as it was written.
    pub(super) qualified: &'x str,
    pub(super) attributes: Vec<Attribute<'x>>,
}

/// An attribute of an element.
pub(super) struct Attribute<'x> {
    pub(super) namespace: Namespace,
    /// Without the prefix.
    pub(super) name: &'x str,
    /// With the prefix, as it was written.
    pub(super) qualified: &'x str,
    pub(super) value: Cow<'x, str>,
}

impl<'x> Element<'x> {
    /// Whether this is the element of Atom of this name.
    pub(super) fn is_atom(&self, name: &str) -> bool {
        self.namespace == Namespace::Atom && self.name == name
    }

    /// The value of an attribute without a prefix.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attribute_in(Namespace::None, name)
    }

    /// The `xml:base`.
    pub(super) fn base(&self) -> Option<&str> {
        self.attribute_in(Namespace::Xml, "base")
    }

    fn attribute_in(&self, namespace: Namespace, name: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        attributes.find(|it| it.namespace == namespace && it.name == name).map(|it| &*it.value)
    }
}
