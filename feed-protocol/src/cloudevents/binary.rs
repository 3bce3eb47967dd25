//! Binary mode: attributes in header fields (CloudEvents HTTP binding 1.0.2, section 3.1).

use std::borrow::Cow;

use bytes::Bytes;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};

use super::SPEC_VERSION;
use crate::event::{
    DataContentType, DataSchema, EventId, EventParts, EventType, ExtensionName, ExtensionValue,
    Source, Subject, is_json,
};
use crate::{Event, InvalidEvent};

const PREFIX: &str = "ce-";
const CONTENT_TYPE: &str = "content-type";

/// What a header value must escape besides what is not ASCII (section 3.1.3.2).
const HEADER_VALUE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// The header fields of an event.
pub(super) fn write(event: &Event) -> Vec<(String, String)> {
    let mut headers = vec![(format!("{PREFIX}specversion"), SPEC_VERSION.to_owned())];
    let mut add = |name: &str, value: &str| {
        let value = utf8_percent_encode(value, HEADER_VALUE).to_string();
        headers.push((format!("{PREFIX}{name}"), value));
    };
    add("id", event.id().as_str());
    add("source", event.source().as_str());
    add("type", event.event_type().as_str());
    if let Some(subject) = event.subject() {
        add("subject", subject.as_str());
    }
    if let Some(time) = event.time() {
        add("time", time.as_str());
    }
    if let Some(schema) = event.data_schema() {
        add("dataschema", schema.as_str());
    }
    for (name, value) in event.extensions().iter() {
        add(name.as_str(), &value.to_text());
    }
    // A media type is a header value already. Data without one is JSON, and a body needs one.
    let media_type = event.data_content_type().map(DataContentType::as_str);
    if let Some(media_type) = media_type.or(event.data().map(|_| "application/json")) {
        headers.push((CONTENT_TYPE.to_owned(), media_type.to_owned()));
    }
    headers
}

/// The event of these header fields and this body.
pub(super) fn read<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    body: Bytes,
) -> Result<Event, InvalidEvent> {
    let mut attributes = Attributes::default();
    for (name, value) in headers {
        if name.eq_ignore_ascii_case(CONTENT_TYPE) {
            let value = str::from_utf8(value).unwrap_or_default().trim();
            once(
                &mut attributes.data_content_type,
                "datacontenttype",
                DataContentType::new(value)?,
            )?;
        } else if name.get(..PREFIX.len()).is_some_and(|it| it.eq_ignore_ascii_case(PREFIX)) {
            attributes.add(&name[PREFIX.len()..].to_ascii_lowercase(), value)?;
        }
    }
    let mut parts = attributes.into_parts()?;
    parts.data = match &parts.data_content_type {
        None if body.is_empty() => None,
        None => {
            let reason = "is missing: a body needs the header field Content-Type";
            return Err(InvalidEvent::new("datacontenttype", reason));
        }
        Some(media_type) if body.is_empty() && is_json(media_type.as_str()) => None,
        Some(_) => Some(body),
    };
    Event::new(parts)
}

/// The attributes stated so far.
#[derive(Default)]
struct Attributes {
    spec_version: Option<String>,
    id: Option<EventId>,
    source: Option<Source>,
    event_type: Option<EventType>,
    subject: Option<Subject>,
    time: Option<crate::event::EventTime>,
    data_content_type: Option<DataContentType>,
    data_schema: Option<DataSchema>,
    extensions: crate::event::Extensions,
}

impl Attributes {
    fn add(&mut self, name: &str, value: &[u8]) -> Result<(), InvalidEvent> {
        let text = || decode(name, value);
        match name {
            "specversion" => once(&mut self.spec_version, "specversion", text()?),
            "id" => once(&mut self.id, "id", EventId::new(text()?)?),
            "source" => once(&mut self.source, "source", Source::new(text()?)?),
            "type" => once(&mut self.event_type, "type", EventType::new(text()?)?),
            "subject" => once(&mut self.subject, "subject", Subject::new(text()?)?),
            "time" => once(&mut self.time, "time", text()?.parse()?),
            "dataschema" => once(&mut self.data_schema, "dataschema", DataSchema::new(text()?)?),
            "datacontenttype" => Err(InvalidEvent::new(
                "datacontenttype",
                "is the header field Content-Type in binary mode",
            )),
            _ => {
                let name: ExtensionName = name.parse()?;
                let value = ExtensionValue::string(text()?)
                    .map_err(|reason| InvalidEvent::new(name.as_str().to_owned(), reason))?;
                self.extensions.insert_new(name, value)
            }
        }
    }

    fn into_parts(self) -> Result<EventParts, InvalidEvent> {
        let missing = |field| move || InvalidEvent::new(field, "is missing");
        if self.spec_version.ok_or_else(missing("specversion"))? != SPEC_VERSION {
            return Err(InvalidEvent::new("specversion", "is not '1.0'"));
        }
        Ok(EventParts {
            id: self.id.ok_or_else(missing("id"))?,
            source: self.source.ok_or_else(missing("source"))?,
            event_type: self.event_type.ok_or_else(missing("type"))?,
            subject: self.subject,
            time: self.time,
            data_content_type: self.data_content_type,
            data_schema: self.data_schema,
            extensions: self.extensions,
            data: None,
        })
    }
}

/// Keeps a value, unless there is one.
fn once<T>(slot: &mut Option<T>, field: &'static str, value: T) -> Result<(), InvalidEvent> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(InvalidEvent::new(field, "is stated twice")),
    }
}

/// The attribute value of a header value: unquoted, and unescaped once (section 3.1.3.2).
fn decode(name: &str, value: &[u8]) -> Result<String, InvalidEvent> {
    let unquoted = unquote(value.trim_ascii());
    match percent_decode(&unquoted).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(InvalidEvent::new(name.to_owned(), "is not UTF-8")),
    }
}

/// The value of a quoted string (RFC 9110, section 5.6.4); any other value as it is.
fn unquote(value: &[u8]) -> Cow<'_, [u8]> {
    let Some(quoted) = value.strip_prefix(b"\"").and_then(|it| it.strip_suffix(b"\"")) else {
        return Cow::Borrowed(value);
    };
    let mut unquoted = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter();
    while let Some(byte) = bytes.next() {
        unquoted.push(if *byte == b'\\' { *bytes.next().unwrap_or(byte) } else { *byte });
    }
    Cow::Owned(unquoted)
}
