//! Attributes that CloudEvents itself does not define.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::InvalidEvent;
use super::attribute::check_text;

/// The name of an extension attribute: 1 to 64 of `a-z` and `0-9` (CloudEvents 1.0.2, section
/// 3.1), and neither an attribute of CloudEvents nor one that the feed itself adds on the wire.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtensionName(String);

/// Names that are taken: by CloudEvents, and (the last two) by [`crate::cloudevents`] for an
/// event's place in its feed.
const RESERVED: [&str; 11] = [
    "data",
    "datacontenttype",
    "dataschema",
    "id",
    "source",
    "specversion",
    "subject",
    "time",
    "type",
    "feedposition",
    "feedupdated",
];

/// The value of an extension attribute. URIs, times and binary values are strings, as they are in
/// every CloudEvents format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExtensionValue {
    /// A CloudEvents Boolean.
    Boolean(bool),
    /// A CloudEvents Integer: 32 bits, signed.
    Integer(i32),
    /// A CloudEvents String under the rules of every attribute; at most 4,096 bytes.
    String(ExtensionText),
}

/// The text of an extension attribute, which obeys the rules of every attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionText(String);

/// The extension attributes of an event, at most 64 of them, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extensions(BTreeMap<ExtensionName, ExtensionValue>);

impl ExtensionName {
    /// The greatest length, in bytes.
    pub const MAX_LEN: usize = 64;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ExtensionName {
    type Err = InvalidEvent;

    fn from_str(text: &str) -> Result<Self, InvalidEvent> {
        let invalid = |reason: &'static str| InvalidEvent::new(text.to_owned(), reason);
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if !(1..=Self::MAX_LEN).contains(&text.len()) || !text.bytes().all(plain) {
            Err(invalid("is not an attribute name: 1 to 64 of a-z and 0-9"))
        } else if RESERVED.contains(&text) {
            Err(invalid("is not the name of an extension attribute: it is reserved"))
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl fmt::Display for ExtensionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ExtensionValue {
    /// The greatest length of a string value, in bytes.
    pub const MAX_LEN: usize = 4096;

    /// A string value.
    ///
    /// # Errors
    ///
    /// What is wrong with the text; the caller, who knows the attribute's name, adds it.
    pub fn string(text: impl Into<String>) -> Result<Self, Cow<'static, str>> {
        let text = text.into();
        check_text(&text, Self::MAX_LEN)?;
        Ok(Self::String(ExtensionText(text)))
    }

    /// The name of its type, as it stands in Atom.
    pub(crate) const fn type_name(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "boolean",
            Self::Integer(_) => "integer",
            Self::String(_) => "string",
        }
    }

    /// The value as text, in the canonical form of its CloudEvents type (1.0.2, section 2.3).
    #[must_use]
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Boolean(true) => "true".into(),
            Self::Boolean(false) => "false".into(),
            Self::Integer(number) => number.to_string().into(),
            Self::String(ExtensionText(text)) => text.into(),
        }
    }
}

impl Extensions {
    /// How many extension attributes an event may have.
    pub const MAX_COUNT: usize = 64;

    /// Sets an attribute, and returns the value that it had before.
    pub fn insert(&mut self, name: ExtensionName, value: ExtensionValue) -> Option<ExtensionValue> {
        self.0.insert(name, value)
    }

    /// Sets an attribute that a producer stated.
    ///
    /// # Errors
    ///
    /// When the attribute is set already, or [`Self::MAX_COUNT`] others are.
    pub fn insert_new(
        &mut self,
        name: ExtensionName,
        value: ExtensionValue,
    ) -> Result<(), InvalidEvent> {
        if self.0.contains_key(&name) {
            return Err(InvalidEvent::new(name.0, "is stated twice"));
        }
        if self.0.len() == Self::MAX_COUNT {
            return Err(InvalidEvent::new(
                name.0,
                format!("is one too many: an event has at most {} extensions", Self::MAX_COUNT),
            ));
        }
        self.0.insert(name, value);
        Ok(())
    }

    /// The attribute of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ExtensionValue> {
        self.0.iter().find(|(it, _)| it.as_str() == name).map(|(_, value)| value)
    }

    /// The attribute of this name, if it is a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(ExtensionValue::String(ExtensionText(text))) => Some(text),
            _ => None,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&ExtensionName, &ExtensionValue)> {
        self.0.iter()
    }

    /// The text of each but those of W3C Trace Context, which differ with every attempt.
    pub(super) fn without_tracing(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_text()))
            .filter(|(name, _)| !matches!(*name, "traceparent" | "tracestate"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_cannot_take_the_name_of_an_attribute() {
        for bad in ["", "Tenant", "tenant-id", "id", "data", "feedposition", "é"] {
            assert!(bad.parse::<ExtensionName>().is_err(), "{bad}");
        }
        for good in ["tenant", "0", "position", "correlationid"] {
            assert!(good.parse::<ExtensionName>().is_ok(), "{good}");
        }
    }

    #[test]
    fn an_attribute_stated_twice_is_refused() {
        let mut extensions = Extensions::default();
        let name: ExtensionName = "tenant".parse().unwrap();
        extensions.insert_new(name.clone(), ExtensionValue::Integer(1)).unwrap();
        let error = extensions.insert_new(name, ExtensionValue::Integer(2)).unwrap_err();
        assert_eq!(error.to_string(), "tenant: is stated twice");
    }
}
