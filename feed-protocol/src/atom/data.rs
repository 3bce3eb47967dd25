//! The data that an entry's content holds.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

use super::raw::Content;
use crate::InvalidEvent;
use crate::event::{DataContentType, is_json, is_xml};

/// Base64 as feeds write it: with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Content as data, and the media type that the content states.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ContentData {
    pub(super) media_type: DataContentType,
    pub(super) data: Bytes,
    /// Whether it stood there in Base64.
    pub(super) is_base64: bool,
}

/// The data of content (RFC 4287, section 4.1.3.3).
///
/// `lenient` accepts what is common and clear though not allowed: JSON in plain text under a media
/// type of its own, XML as escaped text, markup in HTML, and an empty type.
pub(super) fn read(content: &Content, lenient: bool) -> Result<ContentData, InvalidEvent> {
    let invalid = |reason: &'static str| Err(InvalidEvent::new("content", reason));
    let Content { inner, .. } = content;
    let kind = content.kind.as_deref().filter(|kind| !(lenient && kind.is_empty()));
    let kind = kind.unwrap_or("text");
    let plain = |media_type: &str, text: &str, is_base64| {
        Ok(ContentData {
            media_type: media_type.parse()?,
            data: Bytes::copy_from_slice(text.as_bytes()),
            is_base64,
        })
    };
    match (kind.to_ascii_lowercase().as_str(), &inner.markup) {
        ("text", None) => plain("text/plain", &inner.text, false),
        ("html", None) => plain("text/html", &inner.text, false),
        ("html", Some(markup)) if lenient => plain("text/html", markup, false),
        ("xhtml", Some(markup)) => plain("application/xhtml+xml", markup.trim(), false),
        ("xhtml", None) => invalid("is XHTML and holds no element"),
        (_, Some(_)) if is_xml(kind) && inner.is_mixed && !lenient => {
            invalid("is XML by its type and is more than one element")
        }
        (_, Some(markup)) if is_xml(kind) => plain(kind, markup.trim(), false),
        (_, None) if is_xml(kind) && lenient => plain(kind, &inner.text, false),
        (_, None) if is_xml(kind) => invalid("is XML by its type and holds no element"),
        (_, Some(_)) => invalid("holds an element, which its type does not allow"),
        (lower, None) if lower.starts_with("text/") => plain(kind, &inner.text, false),
        (_, None) if lenient && is_json(kind) && is_json_text(&inner.text) => {
            plain(kind, &inner.text, false)
        }
        (_, None) => {
            let media_type = kind.parse().map_err(|_: InvalidEvent| {
                InvalidEvent::new("content", "has a type that is no media type")
            })?;
            Ok(ContentData { media_type, data: base64(&inner.text)?, is_base64: true })
        }
    }
}

fn is_json_text(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

fn base64(text: &str) -> Result<Bytes, InvalidEvent> {
    let compact: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    match BASE64.decode(compact) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => Err(InvalidEvent::new("content", format!("is not Base64: {error}"))),
    }
}
