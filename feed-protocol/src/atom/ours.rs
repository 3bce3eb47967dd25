//! Entries that our own writer wrote: exact in every attribute.

use bytes::Bytes;

use super::data;
use super::raw::{Content, Ours, RawEntry, RawExtension};
use super::vocabulary::TYPE_SCHEME;
use crate::event::{EventParts, ExtensionValue, Extensions};
use crate::{Event, InvalidEvent};

/// The event of an entry that has an `ev:position`, its data left out where it is elsewhere.
pub(super) fn event(raw: &RawEntry) -> Result<Event, InvalidEvent> {
    let Ours { source, id, subject, data_content_type, data_schema, .. } = &raw.ours;
    let missing = |element: &'static str| move || InvalidEvent::new(element, "is missing");
    let event_type = raw
        .categories
        .iter()
        .find(|category| category.scheme.as_deref() == Some(TYPE_SCHEME))
        .ok_or_else(missing("category"))?;
    Event::new(EventParts {
        id: id.as_deref().ok_or_else(missing("ev:id"))?.parse()?,
        source: source.as_deref().ok_or_else(missing("ev:source"))?.parse()?,
        event_type: event_type.term.parse()?,
        subject: parsed(subject.as_deref())?,
        time: parsed(raw.published.as_deref())?,
        data_content_type: parsed(data_content_type.as_deref())?,
        data_schema: parsed(data_schema.as_deref())?,
        extensions: extensions(&raw.ours.extensions)?,
        data: content_data(raw.content.as_ref())?,
    })
}

/// An attribute that may be absent.
pub(super) fn parsed<T: std::str::FromStr>(text: Option<&str>) -> Result<Option<T>, T::Err> {
    text.map(str::parse).transpose()
}

/// The extension attributes of `ev:extension` elements.
pub(super) fn extensions(raw: &[RawExtension]) -> Result<Extensions, InvalidEvent> {
    let mut extensions = Extensions::default();
    for RawExtension { name, kind, text } in raw {
        let invalid = |reason| InvalidEvent::new(name.clone(), reason);
        let value = match (kind.as_str(), text.as_str()) {
            ("string", text) => ExtensionValue::string(text).map_err(invalid)?,
            ("boolean", "true") => ExtensionValue::Boolean(true),
            ("boolean", "false") => ExtensionValue::Boolean(false),
            ("integer", text) => match text.parse() {
                Ok(number) => ExtensionValue::Integer(number),
                Err(_) => return Err(invalid("is not an integer of 32 bits".into())),
            },
            _ => return Err(invalid("is not of its type: string, integer or boolean".into())),
        };
        extensions.insert_new(name.parse()?, value)?;
    }
    Ok(extensions)
}

fn content_data(content: Option<&Content>) -> Result<Option<Bytes>, InvalidEvent> {
    match content {
        Some(content) if content.src.is_none() => Ok(Some(data::read(content, false)?.data)),
        _ => Ok(None),
    }
}
