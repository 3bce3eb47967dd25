//! How an entry's content shows an event's data.

use std::borrow::Cow;

use crate::event::is_xml;
use crate::{Event, event};

use super::LARGE_DATA;
use super::escape::is_carried_by_xml;
use super::vocabulary::JSON;

/// The media type of data in Base64 whose own type would make a reader look for text, for markup
/// or for parts (RFC 4287, section 4.1.3).
const OCTETS: &str = "application/octet-stream";

/// How data is shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown<'a> {
    /// As its exact characters, under a `type` that says so.
    Text { content_type: Cow<'a, str>, text: &'a str },
    /// In Base64.
    Base64 { content_type: &'a str },
    /// At its own address.
    Elsewhere { content_type: &'a str },
}

/// How the data of an event is shown, by the rules of RFC 4287, section 4.1.3.
///
/// A media type of JSON is not allowed to hold plain text, `text/json` is, as is every `text/*`;
/// an XML media type would have to hold markup, which no reader gives back byte for byte, so XML
/// data is `text`. Readers may know `text/` in lower case alone, and would take the rest for Base64.
/// The true media type stands in `ev:datacontenttype`.
pub(super) fn shown<'a>(event: &'a Event, data: &'a [u8]) -> Shown<'a> {
    let media_type = event.data_content_type().map_or(JSON, event::DataContentType::as_str);
    let essence = media_type.split(';').next().unwrap_or_default().trim_end();
    let kind = essence.split('/').next().unwrap_or_default().to_ascii_lowercase();
    // The parameters are free text to us, and to others only what RFC 2045 allows.
    let carried = if has_plain_parameters(media_type) { media_type } else { essence };
    if data.len() > LARGE_DATA {
        let content_type = if is_composite(&kind) { OCTETS } else { carried };
        return Shown::Elsewhere { content_type };
    }
    if let Ok(text) = str::from_utf8(data)
        && is_carried_by_xml(text)
    {
        if event.has_json_data_type() {
            return Shown::Text { content_type: "text/json".into(), text };
        } else if is_xml(essence) {
            return Shown::Text { content_type: "text".into(), text };
        } else if kind == "text" {
            return Shown::Text { content_type: essence.to_ascii_lowercase().into(), text };
        }
    }
    let misleading = kind == "text" || is_xml(essence) || is_composite(&kind);
    Shown::Base64 { content_type: if misleading { OCTETS } else { carried } }
}

/// Whether this kind of media type holds others (RFC 2045, section 5.1).
fn is_composite(kind: &str) -> bool {
    matches!(kind, "multipart" | "message")
}

/// Whether the parameters are `; name=value` with tokens or simple quoted strings.
fn has_plain_parameters(media_type: &str) -> bool {
    let token = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte))
    };
    media_type.split(';').skip(1).all(|parameter| {
        parameter.trim().split_once('=').is_some_and(|(name, value)| {
            let quoted = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
            token(name) && quoted.map_or_else(|| token(value), |it| !it.contains(['"', '\\']))
        })
    })
}

/// What a reader is told that cannot show the data.
pub(super) fn summary(event: &Event, data: &[u8]) -> String {
    let media_type = event.data_content_type().map_or(JSON, event::DataContentType::as_str);
    format!("{}: {} bytes of {media_type}", event.event_type(), data.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventParts;

    fn event(media_type: &str, data: &'static [u8]) -> Event {
        let mut parts = EventParts::new(
            "1".parse().unwrap(),
            "/shop".parse().unwrap(),
            "order.placed".parse().unwrap(),
        );
        parts.data_content_type = (!media_type.is_empty()).then(|| media_type.parse().unwrap());
        parts.data = Some(data.into());
        Event::new(parts).unwrap()
    }

    /// The `type` of the content, and `base64` or `src` where it is not plain.
    fn content(media_type: &str, data: &'static [u8]) -> String {
        let event = event(media_type, data);
        match shown(&event, data) {
            Shown::Text { content_type, text } => {
                assert_eq!(text.as_bytes(), data);
                content_type.into_owned()
            }
            Shown::Base64 { content_type } => format!("{content_type} base64"),
            Shown::Elsewhere { content_type } => format!("{content_type} src"),
        }
    }

    #[test]
    fn the_content_type_is_one_that_rfc_4287_allows() {
        for (media_type, data, expected) in [
            ("", &b"{}"[..], "text/json"),
            ("application/vnd.shop+json; v=1", b"{}", "text/json"),
            ("application/json", b"{}\r\n", "application/json base64"),
            ("text/json", b"\"\xef\xbf\xbf\"", "application/octet-stream base64"),
            ("text/csv; charset=utf-8", b"a,b\n", "text/csv"),
            ("TEXT/Csv; charset=UTF-8", b"a,b\n", "text/csv"),
            ("text/csv", b"a,b\r\n", "application/octet-stream base64"),
            ("text/plain", b"\xff", "application/octet-stream base64"),
            ("text/plain", b"\0", "application/octet-stream base64"),
            ("text/plain", b"", "text/plain"),
            ("application/xml", b"<a/>", "text"),
            ("image/svg+xml", b"<svg>\r</svg>", "application/octet-stream base64"),
            ("application/pdf", b"", "application/pdf base64"),
            ("application/cbor; a=\"b c\"", b"x", "application/cbor; a=\"b c\" base64"),
            ("application/cbor; (odd", b"x", "application/cbor base64"),
            ("multipart/mixed; boundary=a", b"x", "application/octet-stream base64"),
            ("Message/http", b"x", "application/octet-stream base64"),
        ] {
            assert_eq!(content(media_type, data), expected, "{media_type} {data:?}");
        }
    }

    #[test]
    fn data_above_the_limit_is_elsewhere() {
        static DATA: [u8; LARGE_DATA + 1] = [b'1'; LARGE_DATA + 1];
        assert_eq!(content("application/json", &DATA), "application/json src");
        assert_eq!(content("application/json", &DATA[1..]), "text/json");
        assert_eq!(content("message/http", &DATA), "application/octet-stream src");
    }
}
