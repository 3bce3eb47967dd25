//! Stating an event in code.

use chrono::{DateTime, Utc};
use feed_protocol::event::{EventParts, EventTime, ExtensionValue};
use feed_protocol::{Event, InvalidEvent};
use serde::Serialize;

use crate::random;

/// An event as code states it. It becomes an [`Event`] when it is published; whatever is wrong
/// with it shows then.
///
/// ```
/// # use feed_server::NewEvent;
/// # #[derive(serde::Serialize)]
/// # struct OrderPlaced { total: &'static str }
/// let event = NewEvent::new("/shop", "order.placed")
///     .subject("order-42")
///     .json(&OrderPlaced { total: "1.98" });
/// ```
#[derive(Debug, Clone)]
pub struct NewEvent {
    id: Option<String>,
    source: String,
    event_type: String,
    subject: Option<String>,
    time: Option<EventTime>,
    extensions: Vec<(String, String)>,
    data: Option<Result<(String, Vec<u8>), InvalidEvent>>,
}

/// What can be published: an [`Event`], or a [`NewEvent`].
pub trait IntoEvent {
    /// The event.
    ///
    /// # Errors
    ///
    /// The attribute that is wrong.
    fn into_event(self) -> Result<Event, InvalidEvent>;
}

impl NewEvent {
    /// An event of this source and type. Unless one is set, its id is a new UUID.
    #[must_use]
    pub fn new(source: impl Into<String>, event_type: impl Into<String>) -> Self {
        Self {
            id: None,
            source: source.into(),
            event_type: event_type.into(),
            subject: None,
            time: None,
            extensions: Vec::new(),
            data: None,
        }
    }

    /// With an id of its own. Publishing the same source and id again is then no new event, so
    /// that a producer may try again after any failure.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The entity that it happened to: the key for ordering.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// When it happened.
    #[must_use]
    pub fn time(mut self, time: DateTime<Utc>) -> Self {
        self.time = Some(time.into());
        self
    }

    /// With an extension attribute, such as `correlationid`.
    #[must_use]
    pub fn extension(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.extensions.push((name.into(), value.into()));
        self
    }

    /// With this value, as JSON, for its data.
    #[must_use]
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        self.data = Some(
            serde_json::to_vec(value)
                .map(|data| ("application/json".to_owned(), data))
                .map_err(|error| InvalidEvent::new("data", error.to_string())),
        );
        self
    }

    /// With these bytes, of this media type, for its data.
    #[must_use]
    pub fn data(mut self, media_type: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        self.data = Some(Ok((media_type.into(), data.into())));
        self
    }
}

impl IntoEvent for NewEvent {
    fn into_event(self) -> Result<Event, InvalidEvent> {
        let mut parts = EventParts::new(
            self.id.unwrap_or_else(random::event_id).parse()?,
            self.source.parse()?,
            self.event_type.parse()?,
        );
        parts.subject = self.subject.map(|it| it.parse()).transpose()?;
        parts.time = self.time;
        for (name, value) in self.extensions {
            let value = ExtensionValue::string(value)
                .map_err(|reason| InvalidEvent::new(name.clone(), reason))?;
            parts.extensions.insert_new(name.parse()?, value)?;
        }
        if let Some(data) = self.data {
            let (media_type, data) = data?;
            parts.data_content_type = Some(media_type.parse()?);
            parts.data = Some(data.into());
        }
        Event::new(parts)
    }
}

impl IntoEvent for Event {
    fn into_event(self) -> Result<Event, InvalidEvent> {
        Ok(self)
    }
}
