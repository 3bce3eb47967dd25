//! The members of one CloudEvent in JSON, and the event that they make.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::select::Outline;
use super::value::{Name, Value};
use super::{FEED_POSITION, FEED_UPDATED, SPEC_VERSION};
use crate::event::{
    DataContentType, DataSchema, EventId, EventParts, EventType, ExtensionName, ExtensionValue,
    Extensions, Source, Subject, check_json, check_json_depth, is_json,
};
use crate::{Event, InvalidEvent, Position, Recorded};

/// The members of a CloudEvent, borrowed from its text where nothing in them is escaped.
#[derive(Default)]
pub(super) struct Members<'a> {
    spec_version: Option<Value<'a>>,
    id: Option<Value<'a>>,
    source: Option<Value<'a>>,
    event_type: Option<Value<'a>>,
    subject: Option<Value<'a>>,
    time: Option<Value<'a>>,
    data_content_type: Option<Value<'a>>,
    data_schema: Option<Value<'a>>,
    data_base64: Option<Value<'a>>,
    data: Option<&'a RawValue>,
    feed_position: Option<Value<'a>>,
    feed_updated: Option<Value<'a>>,
    others: Vec<(Cow<'a, str>, Value<'a>)>,
    /// The first thing seen that no event can have.
    fault: Option<InvalidEvent>,
}

impl<'a> Members<'a> {
    /// The event that somebody publishes.
    pub(super) fn take_event(&mut self) -> Result<Event, InvalidEvent> {
        for (name, value) in
            [(FEED_POSITION, &self.feed_position), (FEED_UPDATED, &self.feed_updated)]
        {
            if value.is_some() {
                // A feed's own, which no extension is named.
                name.parse::<ExtensionName>()?;
            }
        }
        Ok(Event::from_checked(self.take_parts()?))
    }

    /// The event that a feed serves, with its place.
    pub(super) fn take_recorded(&mut self) -> Result<Recorded, InvalidEvent> {
        let position = string(FEED_POSITION, self.feed_position.take())?;
        let updated = string(FEED_UPDATED, self.feed_updated.take())?;
        let position = position_of(&required(FEED_POSITION, position)?)
            .ok_or_else(|| InvalidEvent::new(FEED_POSITION, "is not a position from 1"))?;
        let updated = DateTime::parse_from_rfc3339(&required(FEED_UPDATED, updated)?)
            .map_err(|_| InvalidEvent::new(FEED_UPDATED, "is not an RFC 3339 date and time"))?
            .with_timezone(&Utc);
        Ok(Recorded { position, updated, event: Event::from_checked(self.take_parts()?) })
    }

    /// What tells a feed's event from others, as far as it is there; `None` only for what
    /// [`Self::take_recorded`] refuses.
    pub(super) fn outline(&self) -> Option<Outline<'_>> {
        if self.fault.is_some() {
            return None;
        }
        Some(Outline {
            position: position_of(text(&self.feed_position)?)?,
            source: text(&self.source)?,
            id: text(&self.id)?,
            subject: match &self.subject {
                None | Some(Value::Null) => None,
                subject => Some(text(subject)?),
            },
        })
    }

    fn take_parts(&mut self) -> Result<EventParts, InvalidEvent> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        if required("specversion", string("specversion", self.spec_version.take())?)?
            != SPEC_VERSION
        {
            return Err(InvalidEvent::new("specversion", "is not '1.0'"));
        }
        let mut parts = EventParts::new(
            EventId::new(required("id", string("id", self.id.take())?)?)?,
            Source::new(required("source", string("source", self.source.take())?)?)?,
            EventType::new(required("type", string("type", self.event_type.take())?)?)?,
        );
        parts.subject = string("subject", self.subject.take())?.map(Subject::new).transpose()?;
        parts.time = string("time", self.time.take())?.map(|time| time.parse()).transpose()?;
        parts.data_content_type = string("datacontenttype", self.data_content_type.take())?
            .map(DataContentType::new)
            .transpose()?;
        parts.data_schema =
            string("dataschema", self.data_schema.take())?.map(DataSchema::new).transpose()?;
        for (name, value) in std::mem::take(&mut self.others) {
            // A null is an absent attribute, whose name has to be one all the same.
            let name: ExtensionName = name.parse()?;
            if let Some(value) = extension(&name, value)? {
                parts.extensions.insert_new(name, value)?;
            }
        }
        let is_json = parts.data_content_type.as_ref().is_none_or(|it| is_json(it.as_str()));
        parts.data =
            data(is_json, self.data.take(), string("data_base64", self.data_base64.take())?)?;
        Ok(parts)
    }

    /// Where the value of an attribute of CloudEvents' own, or of the feed's, goes.
    fn slot(&mut self, name: &str) -> Option<&mut Option<Value<'a>>> {
        Some(match name {
            "specversion" => &mut self.spec_version,
            "id" => &mut self.id,
            "source" => &mut self.source,
            "type" => &mut self.event_type,
            "subject" => &mut self.subject,
            "time" => &mut self.time,
            "datacontenttype" => &mut self.data_content_type,
            "dataschema" => &mut self.data_schema,
            "data_base64" => &mut self.data_base64,
            FEED_POSITION => &mut self.feed_position,
            FEED_UPDATED => &mut self.feed_updated,
            _ => return None,
        })
    }

    /// Takes a member in. What is wrong with its name is found here, so that no name is looked at
    /// more often than there may be names, however many there are.
    fn add(&mut self, name: Cow<'a, str>, value: Value<'a>) {
        if let Some(slot) = self.slot(&name) {
            if slot.replace(value).is_some() {
                self.blame(&name, "is stated twice");
            }
        } else if name.len() > ExtensionName::MAX_LEN {
            self.blame(&name, "is not an attribute name: it is too long");
        } else if self.others.iter().any(|(other, _)| *other == name) {
            self.blame(&name, "is stated twice");
        } else if self.others.len() == Extensions::MAX_COUNT {
            self.blame(&name, "is one too many: an event has at most 64 extensions");
        } else {
            self.others.push((name, value));
        }
    }

    fn blame(&mut self, name: &str, reason: &'static str) {
        if self.fault.is_none() {
            let name: String = name.chars().take(ExtensionName::MAX_LEN).collect();
            self.fault = Some(InvalidEvent::new(name, reason));
        }
    }
}

/// The text of a value that is a string.
fn text<'v>(value: &'v Option<Value<'_>>) -> Option<&'v str> {
    match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// The position that an event may have.
fn position_of(text: &str) -> Option<Position> {
    text.parse().ok().filter(|position| *position > Position::ZERO)
}

fn required<'a>(
    field: &'static str,
    value: Option<Cow<'a, str>>,
) -> Result<Cow<'a, str>, InvalidEvent> {
    value.ok_or_else(|| InvalidEvent::new(field, "is missing"))
}

fn string<'a>(
    field: &'static str,
    value: Option<Value<'a>>,
) -> Result<Option<Cow<'a, str>>, InvalidEvent> {
    let kind = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => return Ok(Some(text)),
        Some(Value::Boolean(_)) => "a boolean",
        Some(Value::Integer(_)) => "a number",
        Some(Value::Other(kind)) => kind,
    };
    Err(InvalidEvent::new(field, format!("is {kind}, and not a string")))
}

fn extension(
    name: &ExtensionName,
    value: Value<'_>,
) -> Result<Option<ExtensionValue>, InvalidEvent> {
    let invalid = |reason| InvalidEvent::new(name.as_str().to_owned(), reason);
    Ok(match value {
        Value::Null => None,
        Value::Boolean(value) => Some(ExtensionValue::Boolean(value)),
        Value::Integer(value) => Some(ExtensionValue::Integer(value)),
        Value::String(text) => Some(ExtensionValue::string(text).map_err(invalid)?),
        Value::Other(kind) => {
            let reason = format!("is {kind}, and not a string, a boolean or an integer of 32 bits");
            return Err(invalid(reason.into()));
        }
    })
}

/// The bytes of the data, checked as [`Event::new`] checks them; the syntax of JSON in its place
/// has been checked with the envelope's.
fn data(
    is_json: bool,
    plain: Option<&RawValue>,
    base64: Option<Cow<'_, str>>,
) -> Result<Option<Bytes>, InvalidEvent> {
    match (plain.map(RawValue::get), base64) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            Err(InvalidEvent::new("data", "is stated twice, in 'data' and in 'data_base64'"))
        }
        (Some(json), None) if is_json => {
            check_json_depth(json.as_bytes())?;
            Ok(Some(Bytes::copy_from_slice(json.as_bytes())))
        }
        (Some(json), None) => match serde_json::from_str::<String>(json) {
            Ok(text) => Ok(Some(text.into())),
            Err(_) => Err(InvalidEvent::new(
                "data",
                "is not a string, and its 'datacontenttype' is not JSON",
            )),
        },
        (None, Some(base64)) => {
            let bytes = BASE64_STANDARD.decode(base64.as_bytes()).map_err(|error| {
                InvalidEvent::new("data_base64", format!("is not Base64: {error}"))
            })?;
            if is_json {
                check_json(&bytes)?;
            }
            Ok(Some(bytes.into()))
        }
    }
}

/// Fills members in where they are, so that they are not moved about.
impl<'de> DeserializeSeed<'de> for &mut Members<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        *self = Members::default();
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Members<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CloudEvent, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = object.next_key()? {
            if name == "data" {
                if self.data.replace(object.next_value()?).is_some() {
                    self.blame("data", "is stated twice");
                }
            } else {
                self.add(name, object.next_value()?);
            }
        }
        Ok(())
    }
}
