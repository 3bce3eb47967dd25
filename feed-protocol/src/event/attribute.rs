//! The attributes that are text.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use iri_string::types::{IriReferenceStr, IriStr};

use super::InvalidEvent;

/// Refuses what no attribute may hold, in words that follow its name.
///
/// Allowed are the characters of a CloudEvents string (1.0.2, section 2.3): no control characters
/// and no non-characters; so every attribute is legal in XML. White space at either end is refused
/// since XML readers trim it, and emptiness since CloudEvents does (3.1.1).
pub(super) fn check_text(text: &str, max_len: usize) -> Result<(), Cow<'static, str>> {
    if text.is_empty() {
        return Err("is empty".into());
    }
    if text.len() > max_len {
        return Err(format!("is longer than {max_len} bytes").into());
    }
    let plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if !plain
        && let Some((offset, character)) = text.char_indices().find(|(_, it)| !is_allowed(*it))
    {
        return Err(format!(
            "holds U+{:04X} at byte {offset}: control characters and non-characters are not allowed",
            u32::from(character)
        )
        .into());
    }
    if text.trim() != text {
        return Err("begins or ends with white space".into());
    }
    Ok(())
}

fn is_allowed(character: char) -> bool {
    let code = u32::from(character);
    let noncharacter = (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE;
    !character.is_control() && !noncharacter
}

/// Defines an attribute: its type, what it promises, its CloudEvents name, its greatest length in
/// bytes, and the check beyond [`check_text`].
macro_rules! attribute {
    ($(#[$doc:meta])* $name:ident, $field:literal, $max_len:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The greatest length, in bytes.
            pub const MAX_LEN: usize = $max_len;

            /// The attribute of this text.
            ///
            /// # Errors
            ///
            /// When the text breaks a rule of the attribute; the error names it.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidEvent> {
                let text = text.into();
                let check: fn(&str) -> Result<(), Cow<'static, str>> = $check;
                check_text(&text, Self::MAX_LEN)
                    .and_then(|()| check(&text))
                    .map_err(|reason| InvalidEvent::new($field, reason))?;
                Ok(Self(text))
            }

            /// The attribute as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidEvent;

            fn from_str(text: &str) -> Result<Self, InvalidEvent> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

attribute!(
    /// `id`: together with the source it is unique in a feed, which makes publishing idempotent.
    EventId, "id", 1024, |_| Ok(())
);
attribute!(
    /// `source`: the context in which an event happened, an IRI reference (RFC 3987): `/shop` or
    /// `https://shop.example/`.
    Source, "source", 1024, |text| match IriReferenceStr::new(text) {
        Ok(_) => Ok(()),
        Err(_) => Err("is not an IRI reference (RFC 3987): '/shop' or 'https://shop.example/' would be".into()),
    }
);
attribute!(
    /// `type`: what kind of thing happened, `order.placed`.
    EventType, "type", 1024, |_| Ok(())
);
attribute!(
    /// `subject`: the entity that an event happened to, `order-42`, and the key for ordering.
    Subject, "subject", 1024, |_| Ok(())
);
attribute!(
    /// `dataschema`: the schema of the data, an absolute IRI.
    DataSchema, "dataschema", 2048, |text| match IriStr::new(text) {
        Ok(_) => Ok(()),
        Err(_) => Err("is not an absolute IRI (RFC 3987)".into()),
    }
);
attribute!(
    /// `datacontenttype`: the media type of the data (RFC 2046), kept as it was written.
    DataContentType, "datacontenttype", 256, |text| {
        let essence = text.split(';').next().unwrap_or_default().trim_end();
        let token = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| {
                    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
                })
        };
        // ASCII, because it must fit a header field.
        match essence.split_once('/') {
            Some((kind, subtype)) if token(kind) && token(subtype) && text.is_ascii() => Ok(()),
            _ => Err("is not a media type such as 'application/json'".into()),
        }
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_the_attribute_and_the_place() {
        let error = Subject::new("order\u{1}42").unwrap_err();
        assert_eq!(error.field(), "subject");
        assert!(error.to_string().starts_with("subject: holds U+0001 at byte 5"), "{error}");
    }

    #[test]
    fn characters_that_xml_or_its_readers_would_spoil_are_refused() {
        for bad in [
            "",
            " a",
            "a ",
            "a\u{a0}",
            "a\nb",
            "a\tb",
            "a\rb",
            "a\u{7f}",
            "a\u{85}b",
            "a\u{fffe}",
            "\u{ffff}",
            "\u{fdd0}",
            "\u{1ffff}",
        ] {
            assert!(EventType::new(bad).is_err(), "{bad:?}");
        }
        for good in ["order.placed", "Größe", "a b", "]]>", "<&\"'>", "\u{1F600}", "\u{fffd}"] {
            assert!(EventType::new(good).is_ok(), "{good:?}");
        }
        assert!(EventType::new("é".repeat(512)).is_ok());
        assert!(EventType::new("é".repeat(513)).is_err());
    }

    #[test]
    fn a_source_is_an_iri_reference() {
        for good in ["/shop", "shop", "https://shop.example/a?b#c", "urn:uuid:6f0e", "/größe"] {
            assert!(Source::new(good).is_ok(), "{good}");
        }
        for bad in ["my shop", "http://[", "a<b>", "%zz"] {
            assert!(Source::new(bad).is_err(), "{bad}");
        }
        assert!(DataSchema::new("/relative").is_err());
        assert!(DataSchema::new("https://shop.example/order.json").is_ok());
    }

    #[test]
    fn a_media_type_is_kept_as_it_was_written() {
        for good in
            ["application/json", "Text/Plain; charset=UTF-8", "application/vnd.a+json;v=\"1;2\""]
        {
            assert_eq!(DataContentType::new(good).unwrap().as_str(), good);
        }
        for bad in ["json", "application/", "/json", "text /plain", "a/b/c", "text/plain; x=é"] {
            assert!(DataContentType::new(bad).is_err(), "{bad}");
        }
    }
}
