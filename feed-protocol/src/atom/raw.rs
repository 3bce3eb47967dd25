//! An entry as it was written, before anything is made of it.

mod reading;

pub(super) use reading::base_of;

use super::markup::Inner;
use crate::InvalidEvent;

/// The parts of an entry as they were written.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct RawEntry {
    pub(super) id: Option<String>,
    pub(super) title: Option<TextConstruct>,
    pub(super) updated: Option<String>,
    pub(super) published: Option<String>,
    /// The names of the authors.
    pub(super) authors: Vec<String>,
    pub(super) categories: Vec<Category>,
    pub(super) links: Vec<RawLink>,
    /// The `atom:id` of the feed that the entry is said to be from.
    pub(super) source_id: Option<String>,
    pub(super) summary: Option<TextConstruct>,
    pub(super) content: Option<Content>,
    /// The `ref` of each `thr:in-reply-to`.
    pub(super) in_reply_to: Vec<String>,
    pub(super) ours: Ours,
    /// The first thing that has no place in an event.
    pub(super) stray: Option<InvalidEvent>,
}

/// The elements of our own namespace.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Ours {
    pub(super) position: Option<String>,
    pub(super) source: Option<String>,
    pub(super) id: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) data_content_type: Option<String>,
    pub(super) data_schema: Option<String>,
    pub(super) extensions: Vec<RawExtension>,
}

/// An `ev:extension`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawExtension {
    pub(super) name: String,
    /// `string` where it is not stated.
    pub(super) kind: String,
    pub(super) text: String,
}

/// An `atom:title` or `atom:summary` (RFC 4287, section 3.1).
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct TextConstruct {
    pub(super) kind: Option<String>,
    pub(super) text: String,
}

/// An `atom:category`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Category {
    pub(super) term: String,
    pub(super) scheme: Option<String>,
}

/// An `atom:link`; its address resolved as far as `xml:base` goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawLink {
    pub(super) relation: String,
    pub(super) href: String,
}

/// An `atom:content`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) kind: Option<String>,
    /// Resolved as far as `xml:base` goes.
    pub(super) src: Option<String>,
    pub(super) inner: Inner,
}

impl Ours {
    /// Where the text of the element of this name goes; none for an `ev:extension`.
    pub(super) fn slot(name: &str) -> Option<fn(&mut Self) -> &mut Option<String>> {
        Some(match name {
            "position" => |it| &mut it.position,
            "source" => |it| &mut it.source,
            "id" => |it| &mut it.id,
            "subject" => |it| &mut it.subject,
            "datacontenttype" => |it| &mut it.data_content_type,
            "dataschema" => |it| &mut it.data_schema,
            _ => return None,
        })
    }
}

impl RawEntry {
    /// The `atom:id`, to name the entry by.
    pub(super) fn label(&self) -> &str {
        self.id.as_deref().unwrap_or("without an id")
    }

    /// Keeps the first of an element that may stand once.
    pub(super) fn once<T>(
        &mut self,
        slot: impl Fn(&mut Self) -> &mut Option<T>,
        name: &str,
        value: T,
    ) {
        if slot(self).is_some() {
            self.blame(name, "is stated twice");
        } else {
            *slot(self) = Some(value);
        }
    }

    /// Notes what has no place in an event.
    pub(super) fn stray(&mut self, name: &str) {
        self.blame(name, "has no place in an event");
    }

    pub(super) fn blame(&mut self, name: &str, reason: &'static str) {
        if self.stray.is_none() {
            let name: String = name.chars().take(100).collect();
            self.stray = Some(InvalidEvent::new(name, reason));
        }
    }
}
