//! What happened: an event and every rule that it must obey.
//!
//! The attributes are those of CloudEvents 1.0. Each is a type that cannot hold a wrong value, and
//! an [`Event`] is one that every representation can carry without loss.

mod attribute;
mod data;
mod extension;
mod invalid;
mod time;

use bytes::Bytes;

pub use attribute::{DataContentType, DataSchema, EventId, EventType, Source, Subject};
pub use data::{MAX_JSON_DEPTH, is_json, is_xml};
pub(crate) use data::{check_json, check_json_depth};
pub use extension::{ExtensionName, ExtensionValue, Extensions};
pub use invalid::InvalidEvent;
pub use time::EventTime;

/// What happened, said by a producer, never changed.
///
/// `data` is kept byte for byte. No data, empty data and the JSON text `null` are three different
/// things. Where `datacontenttype` is absent, data is JSON (CloudEvents JSON format 1.0.2, 3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    id: EventId,
    source: Source,
    event_type: EventType,
    subject: Option<Subject>,
    time: Option<EventTime>,
    data_content_type: Option<DataContentType>,
    data_schema: Option<DataSchema>,
    extensions: Extensions,
    data: Option<Bytes>,
}

/// The attributes of an event that is being made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventParts {
    /// Together with `source` unique in a feed.
    pub id: EventId,
    /// The context in which it happened.
    pub source: Source,
    /// What kind of thing happened, `order.placed`.
    pub event_type: EventType,
    /// The entity that it happened to, `order-42`: the key for ordering.
    pub subject: Option<Subject>,
    /// When it happened.
    pub time: Option<EventTime>,
    /// The media type of `data`.
    pub data_content_type: Option<DataContentType>,
    /// The schema that `data` adheres to.
    pub data_schema: Option<DataSchema>,
    /// Every other attribute.
    pub extensions: Extensions,
    /// The payload, byte for byte.
    pub data: Option<Bytes>,
}

impl EventParts {
    /// The least that an event has.
    #[must_use]
    pub fn new(id: EventId, source: Source, event_type: EventType) -> Self {
        Self {
            id,
            source,
            event_type,
            subject: None,
            time: None,
            data_content_type: None,
            data_schema: None,
            extensions: Extensions::default(),
            data: None,
        }
    }
}

impl Event {
    /// The event of these parts.
    ///
    /// # Errors
    ///
    /// When data claims to be JSON and is not: not UTF-8, not of JSON's syntax, or nested deeper
    /// than [`MAX_JSON_DEPTH`]; the error names the place. And when the time was made from an
    /// instant outside the years 0001 to 9999.
    pub fn new(parts: EventParts) -> Result<Self, InvalidEvent> {
        parts.time.as_ref().map_or(Ok(()), EventTime::check)?;
        if let Some(data) = &parts.data
            && parts
                .data_content_type
                .as_ref()
                .is_none_or(|media_type| is_json(media_type.as_str()))
        {
            data::check_json(data)?;
        }
        Ok(Self::from_checked(parts))
    }

    /// The event of parts that were an event before: what a store kept. Does not look at the data
    /// again.
    #[must_use]
    pub fn from_checked(parts: EventParts) -> Self {
        Self {
            id: parts.id,
            source: parts.source,
            event_type: parts.event_type,
            subject: parts.subject,
            time: parts.time,
            data_content_type: parts.data_content_type,
            data_schema: parts.data_schema,
            extensions: parts.extensions,
            data: parts.data,
        }
    }

    /// The parts, to build another event from.
    #[must_use]
    pub fn into_parts(self) -> EventParts {
        EventParts {
            id: self.id,
            source: self.source,
            event_type: self.event_type,
            subject: self.subject,
            time: self.time,
            data_content_type: self.data_content_type,
            data_schema: self.data_schema,
            extensions: self.extensions,
            data: self.data,
        }
    }

    /// Together with [`source`](Self::source) unique in a feed.
    #[must_use]
    pub fn id(&self) -> &EventId {
        &self.id
    }

    /// The context in which it happened.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What kind of thing happened.
    #[must_use]
    pub fn event_type(&self) -> &EventType {
        &self.event_type
    }

    /// The entity that it happened to: the key for ordering.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        self.subject.as_ref()
    }

    /// When it happened, as the producer wrote it.
    #[must_use]
    pub fn time(&self) -> Option<&EventTime> {
        self.time.as_ref()
    }

    /// The media type of the data; where absent, data is JSON.
    #[must_use]
    pub fn data_content_type(&self) -> Option<&DataContentType> {
        self.data_content_type.as_ref()
    }

    /// The schema that the data adheres to.
    #[must_use]
    pub fn data_schema(&self) -> Option<&DataSchema> {
        self.data_schema.as_ref()
    }

    /// Every other attribute.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The payload, byte for byte.
    #[must_use]
    pub fn data(&self) -> Option<&Bytes> {
        self.data.as_ref()
    }

    /// The id of the event that caused this one, if it says so.
    #[must_use]
    pub fn causation_id(&self) -> Option<&str> {
        self.extensions.text("causationid")
    }

    /// Whether data, if there is any, is JSON.
    #[must_use]
    pub fn has_json_data_type(&self) -> bool {
        self.data_content_type.as_ref().is_none_or(|media_type| is_json(media_type.as_str()))
    }

    /// Whether `other`, published again under this event's source and id, says the same.
    ///
    /// The same content means type, subject, datacontenttype, dataschema, data bytes and
    /// extensions other than `traceparent` and `tracestate`, which differ with every attempt; and
    /// time only if both stated it. Extensions are compared by their text, since the binary mode
    /// does not carry their CloudEvents types.
    #[must_use]
    pub fn has_same_content(&self, other: &Self) -> bool {
        let same_time = match (&self.time, &other.time) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => true,
        };
        same_time
            && self.event_type == other.event_type
            && self.subject == other.subject
            && self.data_content_type == other.data_content_type
            && self.data_schema == other.data_schema
            && self.data == other.data
            && self.extensions.without_tracing().eq(other.extensions.without_tracing())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> EventParts {
        let mut parts = EventParts::new(
            "1".parse().unwrap(),
            "/shop".parse().unwrap(),
            "order.placed".parse().unwrap(),
        );
        parts.data = Some(Bytes::from_static(b"{\"total\":\"1.98\"}"));
        parts
    }

    #[test]
    fn data_that_claims_to_be_json_and_is_not_is_refused() {
        for media_type in [None, Some("application/json"), Some("application/vnd.shop+json")] {
            let mut parts = order();
            parts.data_content_type = media_type.map(|text| text.parse().unwrap());
            assert!(Event::new(parts.clone()).is_ok());
            parts.data = Some(Bytes::from_static(b"{\"total\":}"));
            let error = Event::new(parts).unwrap_err();
            assert_eq!(error.field(), "data");
            assert!(error.to_string().contains("column 10"), "{error}");
        }
        let mut parts = order();
        parts.data_content_type = Some("text/plain".parse().unwrap());
        parts.data = Some(Bytes::from_static(b"{"));
        assert!(Event::new(parts).is_ok());
    }

    #[test]
    fn an_instant_that_makes_no_time_is_refused() {
        let with = |seconds| {
            let mut parts = order();
            parts.time = Some(chrono::DateTime::from_timestamp(seconds, 0).unwrap().into());
            Event::new(parts)
        };
        // From 0001-01-01T00:00:00Z up to, and not including, 10000-01-01T00:00:00Z.
        let (first, end) = (-62_135_596_800, 253_402_300_800);
        assert!(with(first).is_ok() && with(end - 1).is_ok());
        for bad in [first - 1, end] {
            assert_eq!(with(bad).unwrap_err().field(), "time");
        }
    }

    #[test]
    fn a_repeat_may_differ_in_its_trace_and_in_a_time_that_one_side_left_out() {
        let first = Event::new(order()).unwrap();
        let mut parts = order();
        parts.time = Some("2021-01-01T00:00:00Z".parse().unwrap());
        parts
            .extensions
            .insert("traceparent".parse().unwrap(), ExtensionValue::string("00-1-2-01").unwrap());
        let again = Event::new(parts.clone()).unwrap();
        assert!(first.has_same_content(&again) && again.has_same_content(&first));

        let mut later = parts.clone();
        later.time = Some("2021-01-01T00:00:01Z".parse().unwrap());
        assert!(!again.has_same_content(&Event::new(later).unwrap()));

        parts.extensions.insert("tenant".parse().unwrap(), ExtensionValue::string("blue").unwrap());
        assert!(!first.has_same_content(&Event::new(parts).unwrap()));
    }
}
