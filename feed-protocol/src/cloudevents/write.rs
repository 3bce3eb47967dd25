//! The JSON format, written.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::SecondsFormat;

use super::{FEED_POSITION, FEED_UPDATED, SPEC_VERSION};
use crate::event::ExtensionValue;
use crate::{Event, Recorded};

/// Writes one event on one line, unless its JSON data has line breaks of its own.
pub(super) fn event(event: &Event, recorded: Option<&Recorded>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"specversion\":");
    string(SPEC_VERSION, out);
    member("id", event.id().as_str(), out);
    member("source", event.source().as_str(), out);
    member("type", event.event_type().as_str(), out);
    if let Some(subject) = event.subject() {
        member("subject", subject.as_str(), out);
    }
    if let Some(time) = event.time() {
        member("time", time.as_str(), out);
    }
    if let Some(media_type) = event.data_content_type() {
        member("datacontenttype", media_type.as_str(), out);
    }
    if let Some(schema) = event.data_schema() {
        member("dataschema", schema.as_str(), out);
    }
    for (name, value) in event.extensions().iter() {
        match value {
            ExtensionValue::Boolean(_) | ExtensionValue::Integer(_) => {
                key(name.as_str(), out);
                out.extend_from_slice(value.to_text().as_bytes());
            }
            ExtensionValue::String(_) => member(name.as_str(), &value.to_text(), out),
        }
    }
    if let Some(recorded) = recorded {
        member(FEED_POSITION, &recorded.position.to_string(), out);
        let updated = recorded.updated.to_rfc3339_opts(SecondsFormat::Micros, true);
        member(FEED_UPDATED, &updated, out);
    }
    if let Some(bytes) = event.data() {
        data(bytes, event.has_json_data_type(), is_text(event), out);
    }
    out.push(b'}');
}

/// Whether data of the event's media type is worth showing as text.
fn is_text(event: &Event) -> bool {
    event.data_content_type().is_some_and(|media_type| {
        let media_type = media_type.as_str();
        let text = media_type.get(..5).is_some_and(|kind| kind.eq_ignore_ascii_case("text/"));
        text || crate::event::is_xml(media_type)
    })
}

/// Writes data as what a reader turns back into the same bytes: JSON as it stands, text as a
/// string, all else as Base64.
fn data(bytes: &[u8], is_json: bool, is_text: bool, out: &mut Vec<u8>) {
    // White space around a JSON text is not part of the member's value, and would be lost. A
    // carriage return within it would be lost in a stream, as in Atom: it ends a line there.
    let is_space = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_whitespace);
    let is_kept = !is_space(bytes.first()) && !is_space(bytes.last()) && !bytes.contains(&b'\r');
    if is_json && is_kept {
        key("data", out);
        out.extend_from_slice(bytes);
    } else if let Ok(text) = str::from_utf8(bytes)
        && is_text
        && !is_json
    {
        member("data", text, out);
    } else {
        key("data_base64", out);
        out.push(b'"');
        out.extend_from_slice(BASE64_STANDARD.encode(bytes).as_bytes());
        out.push(b'"');
    }
}

/// Writes a member that is not the first.
fn member(name: &str, value: &str, out: &mut Vec<u8>) {
    key(name, out);
    string(value, out);
}

/// Writes a name that needs no escaping, after a comma.
fn key(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn string(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a string can be written into memory");
}
