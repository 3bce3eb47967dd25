//! Events that have been given their position.

use chrono::{DateTime, NaiveDate, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{Event, FeedName, Position};

/// An event that has been given its position: what every representation carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its place in the feed; at least 1.
    pub position: Position,
    /// When it was given its position, by the database's clock; never lower than that of the
    /// position before.
    pub updated: DateTime<Utc>,
    /// What happened.
    pub event: Event,
}

/// A recorded event in its Atom form, which has a permanent id of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The `atom:id`, minted by [`FeedIdentity`] and stored.
    pub iri: String,
    /// The event and its place.
    pub recorded: Recorded,
}

/// What a feed's entry ids are made from; all of it frozen at the feed's creation, and none of it
/// taken from a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedIdentity {
    /// The tagging authority (RFC 4151, section 2.1): a DNS name or an email address.
    pub authority: String,
    /// A day on which the authority was the feed's owner's: that of its creation.
    pub date: NaiveDate,
    /// The feed.
    pub feed: FeedName,
}

/// Unreserved characters stand for themselves in a `tag:` IRI; all else is escaped, so that the
/// colons between its parts can be told from those within.
const TAG_PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl FeedIdentity {
    /// The `urn:uuid:` form of an event's `atom:id`: for an event whose id is a UUID in lower
    /// case, unless another source used that UUID in the feed before.
    #[must_use]
    pub fn uuid_iri(event: &Event) -> Option<String> {
        let id = event.id().as_str();
        let hyphenated = id.len() == 36 && id.bytes().all(|byte| !byte.is_ascii_uppercase());
        (hyphenated && uuid::Uuid::try_parse(id).is_ok()).then(|| format!("urn:uuid:{id}"))
    }

    /// The `tag:` form (RFC 4151) of an event's `atom:id`: authority and date, feed, source, id.
    #[must_use]
    pub fn tag_iri(&self, event: &Event) -> String {
        format!(
            "tag:{},{}:{}:{}:{}",
            self.authority,
            self.date,
            self.feed,
            utf8_percent_encode(event.source().as_str(), TAG_PART),
            utf8_percent_encode(event.id().as_str(), TAG_PART),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventParts;

    fn event(source: &str, id: &str) -> Event {
        Event::new(EventParts::new(
            id.parse().unwrap(),
            source.parse().unwrap(),
            "order.placed".parse().unwrap(),
        ))
        .unwrap()
    }

    #[test]
    fn only_a_lower_case_uuid_becomes_a_urn() {
        let uuid = "6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a11";
        assert_eq!(
            FeedIdentity::uuid_iri(&event("/shop", uuid)).unwrap(),
            format!("urn:uuid:{uuid}")
        );
        for other in [
            &uuid.to_uppercase(),
            &uuid.replace('-', ""),
            &format!("{{{uuid}}}"),
            &format!("urn:uuid:{uuid}"),
            "1",
        ] {
            assert_eq!(FeedIdentity::uuid_iri(&event("/shop", other)), None, "{other}");
        }
    }

    #[test]
    fn different_events_have_different_tags() {
        let identity = FeedIdentity {
            authority: "shop.example".into(),
            date: NaiveDate::from_ymd_opt(2026, 11, 21).unwrap(),
            feed: "orders".parse().unwrap(),
        };
        let one = identity.tag_iri(&event("/a:b", "c"));
        assert_eq!(one, "tag:shop.example,2026-11-21:orders:%2Fa%3Ab:c");
        assert_ne!(one, identity.tag_iri(&event("/a", "b:c")));
    }
}
