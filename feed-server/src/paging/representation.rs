//! The forms in which a document is served.

use feed_protocol::{atom, cloudevents};

/// A form of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Representation {
    /// `application/atom+xml`
    Atom,
    /// `application/cloudevents-batch+json`
    CloudEventsBatch,
    /// `application/cloudevents+json`: of a single entry
    CloudEvent,
}

impl Representation {
    /// The media type, without parameters.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Atom => atom::MEDIA_TYPE,
            Self::CloudEventsBatch => cloudevents::BATCH_MEDIA_TYPE,
            Self::CloudEvent => cloudevents::MEDIA_TYPE,
        }
    }

    /// The value of `Content-Type`.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Atom => "application/atom+xml; charset=utf-8",
            _ => self.media_type(),
        }
    }
}
