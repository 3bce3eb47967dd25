//! Entries of other feeds, which become events as far as they can.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::data;
use super::raw::{RawEntry, TextConstruct};
use crate::event::{EventParts, EventTime};
use crate::{Event, InvalidEvent};

/// The type of an event whose entry has no category.
const UNTYPED: &str = "entry";

/// The event of an entry of another feed: its id, the feed that it is from, its first category as
/// the type, when it was published (or else updated), and its content (or else its summary).
pub(super) fn event(raw: &RawEntry, feed_id: &str) -> Result<Event, InvalidEvent> {
    let id = raw.id.as_deref().ok_or_else(|| InvalidEvent::new("id", "is missing"))?;
    let source = raw.source_id.as_deref().filter(|id| !id.is_empty()).unwrap_or(feed_id);
    let event_type = raw.categories.first().map(|category| cleaned(&category.term));
    let event_type = event_type.filter(|term| !term.is_empty());
    let mut parts = EventParts::new(
        cleaned(id).parse()?,
        cleaned(source).parse()?,
        event_type.as_deref().unwrap_or(UNTYPED).parse()?,
    );
    parts.time = match (&raw.published, &raw.updated) {
        (Some(time), _) => Some(lenient_time("published", time)?),
        (None, Some(time)) => Some(lenient_time("updated", time)?),
        (None, None) => None,
    };
    if let Some(content) = &raw.content {
        if content.src.is_some() {
            // Its type is a hint (RFC 4287, section 4.1.3.2): none is better than a wrong one.
            parts.data_content_type = content.kind.as_deref().and_then(|kind| kind.parse().ok());
        } else {
            let content = data::read(content, true)?;
            parts.data_content_type = Some(content.media_type);
            parts.data = Some(content.data);
        }
    } else if let Some(TextConstruct { text, .. }) = &raw.summary {
        let is_plain = raw.summary.as_ref().is_some_and(TextConstruct::is_plain);
        parts.data_content_type = Some(if is_plain { "text/plain" } else { "text/html" }.parse()?);
        parts.data = Some(Bytes::copy_from_slice(text.as_bytes()));
    }
    Event::new(parts)
}

/// Text without what no attribute may hold: control characters and outer white space.
fn cleaned(text: &str) -> String {
    let text: String = text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    text.trim().to_owned()
}

/// A time in RFC 3339, its letters in lower case or a space before the time of day forgiven.
pub(super) fn lenient_time(field: &'static str, text: &str) -> Result<EventTime, InvalidEvent> {
    let spelled = text.trim().replace(' ', "T").to_ascii_uppercase();
    let parsed = spelled.parse::<EventTime>().ok().or_else(|| {
        // More digits than are kept.
        let instant = DateTime::parse_from_rfc3339(&spelled).ok()?;
        Some(instant.with_timezone(&Utc).into())
    });
    parsed.ok_or_else(|| {
        InvalidEvent::new(field, "is not an RFC 3339 date and time such as '2021-01-01T00:00:00Z'")
    })
}
