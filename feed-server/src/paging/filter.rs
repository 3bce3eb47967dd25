//! Which events a reader wants to see.

use feed_protocol::InvalidEvent;
use feed_protocol::event::EventType;
use url::form_urlencoded;

/// The event types that a document shows; all, if none is named. In a normal form, so that equal
/// filters are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Filter(Vec<EventType>);

impl Filter {
    /// The filter of a query string: each `type` parameter names one type.
    pub(crate) fn from_query(query: &str) -> Result<Self, InvalidEvent> {
        if query.is_empty() {
            return Ok(Self::default());
        }
        let mut types = form_urlencoded::parse(query.as_bytes())
            .filter(|(name, _)| name == "type")
            .map(|(_, value)| value.parse())
            .collect::<Result<Vec<EventType>, _>>()?;
        types.sort();
        types.dedup();
        Ok(Self(types))
    }

    /// The types that pass; all, if there are none.
    pub(crate) fn types(&self) -> &[EventType] {
        &self.0
    }

    /// Whether every event passes.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a link must carry to lead to a document under the same filter: `?type=…`, or nothing.
    pub(crate) fn query(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let mut query = form_urlencoded::Serializer::for_suffix(String::from("?"), 1);
        query.extend_pairs(self.0.iter().map(|it| ("type", it.as_str())));
        query.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_filters_are_equal_however_they_are_written() {
        let one = Filter::from_query("type=b%2Bc&x=1&type=a").unwrap();
        let other = Filter::from_query("type=a&type=a&type=b%2bc").unwrap();
        assert_eq!(one, other);
        assert_eq!(one.query(), "?type=a&type=b%2Bc");
        assert_eq!(Filter::from_query("page=2").unwrap().query(), "");
        assert!(Filter::from_query("type=").is_err());
    }
}
