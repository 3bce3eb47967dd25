//! A digest of an event, by which a consumer notices that a feed says something else of it.

use feed_protocol::Recorded;
use xxhash_rust::xxh3::Xxh3;

use crate::store::LastEvent;

/// The version of the digest. A change of what is hashed, or how, would stop every subscription
/// at its next start, as if its feed had been replaced: it needs a new version, which is compared
/// only with its like.
const VERSION: u8 = 1;

/// What is remembered of an event that a cursor has passed.
pub(crate) fn last_event(recorded: &Recorded) -> LastEvent {
    LastEvent {
        position: recorded.position,
        source: recorded.event.source().clone(),
        id: recorded.event.id().clone(),
        digest: digest(recorded),
    }
}

/// The xxh3-128 of everything that a feed says of an event: its place, each attribute with its
/// name, and the data, each preceded by its length, so that no two events look alike.
///
/// Deliberately not that of a representation, which a later version of this program may write
/// otherwise. It notices accidents; it does not withstand an attack.
fn digest(recorded: &Recorded) -> u128 {
    let event = &recorded.event;
    let mut fields = Fields(Xxh3::new());
    fields.0.update(&[VERSION]);
    fields.add("position", &recorded.position.get().to_le_bytes());
    fields.add("updated", &recorded.updated.timestamp_micros().to_le_bytes());
    fields.text("source", Some(event.source().as_str()));
    fields.text("id", Some(event.id().as_str()));
    fields.text("type", Some(event.event_type().as_str()));
    fields.text("subject", event.subject().map(AsRef::as_ref));
    fields.text("time", event.time().map(|time| time.as_str()));
    fields.text("datacontenttype", event.data_content_type().map(AsRef::as_ref));
    fields.text("dataschema", event.data_schema().map(AsRef::as_ref));
    for (name, value) in event.extensions().iter() {
        fields.text(name.as_str(), Some(&value.to_text()));
    }
    if let Some(data) = event.data() {
        fields.add("data", data);
    }
    fields.0.digest128()
}

struct Fields(Xxh3);

impl Fields {
    fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(name, value.as_bytes());
        }
    }

    fn add(&mut self, name: &str, value: &[u8]) {
        for bytes in [name.as_bytes(), value] {
            self.0.update(&(bytes.len() as u64).to_le_bytes());
            self.0.update(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use chrono::DateTime;
    use feed_protocol::event::{EventParts, ExtensionValue};
    use feed_protocol::{Event, Position};

    use super::*;

    fn parts() -> EventParts {
        let mut parts = EventParts::new(
            "1".parse().unwrap(),
            "/shop".parse().unwrap(),
            "order.placed".parse().unwrap(),
        );
        parts.subject = Some("order-1".parse().unwrap());
        parts.time = Some("2021-01-01T00:00:00Z".parse().unwrap());
        parts.data = Some(Bytes::from_static(b"{}"));
        parts.extensions.insert("tenant".parse().unwrap(), ExtensionValue::string("blue").unwrap());
        parts
    }

    fn recorded(parts: EventParts) -> Recorded {
        Recorded {
            position: Position::new(7).unwrap(),
            updated: DateTime::from_timestamp_micros(1_609_459_200_000_001).unwrap(),
            event: Event::new(parts).unwrap(),
        }
    }

    #[test]
    fn the_digest_of_an_event_stays_the_same_for_ever() {
        assert_eq!(digest(&recorded(parts())), 191_502_716_804_251_740_696_915_929_828_505_538_470);
    }

    #[test]
    fn every_part_of_an_event_counts() {
        let whole = digest(&recorded(parts()));
        let change = |change: fn(&mut Recorded)| {
            let mut other = recorded(parts());
            change(&mut other);
            digest(&other)
        };
        let change_parts = |change: fn(&mut EventParts)| {
            let mut other = parts();
            change(&mut other);
            digest(&recorded(other))
        };
        let digests = [
            change(|it| it.position = it.position.next()),
            change(|it| it.updated += chrono::TimeDelta::microseconds(1)),
            change_parts(|it| it.id = "2".parse().unwrap()),
            change_parts(|it| it.subject = None),
            change_parts(|it| it.time = Some("2021-01-01T00:00:00.0Z".parse().unwrap())),
            change_parts(|it| it.data = Some(Bytes::from_static(b"{ }"))),
            change_parts(|it| it.data = None),
            change_parts(|it| it.extensions = Default::default()),
            change_parts(|it| it.data_schema = Some("urn:a".parse().unwrap())),
        ];
        for (index, digest) in digests.iter().enumerate() {
            assert!(*digest != whole && !digests[..index].contains(digest), "{index}");
        }
    }
}
