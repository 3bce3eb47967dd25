//! event → Atom → event.

use chrono::DateTime;
use feed_protocol::atom::{
    Limits, read_document, read_entry, read_posted_entry, write_document, write_entry,
};
use feed_protocol::document::Document;
use feed_protocol::link::{Addresses, Link, Relation};
use feed_protocol::{Entry, Event, Incarnation, Position, PositionRange};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::events::{config, entry, identity, recorded};

/// A page of these entries.
pub(crate) fn page(entries: Vec<Entry>, archive: bool) -> Document {
    let incarnation: Incarnation = "k3v9x2".parse().unwrap();
    let last = Position::new(entries.len() as u64).unwrap();
    Document {
        feed_iri: "tag:shop.example,2026-11-21:orders".into(),
        title: "orders".into(),
        incarnation,
        updated: entries.first().map_or(DateTime::UNIX_EPOCH, |it| it.recorded.updated),
        archive,
        range: PositionRange::after(Position::ZERO, last),
        links: vec![
            Link::new(Relation::SelfDocument, "1"),
            Link::new(Relation::Current, "../../../orders?a=1&b=\"2\""),
        ],
        addresses: Addresses::from_page(&identity().feed),
        entries,
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_document_loses_nothing(recorded in vec(recorded(), 0..3), archive in any::<bool>()) {
        let document = page(recorded.into_iter().map(entry).collect(), archive);
        let xml = write_document(&document);
        let read = read_document(&xml, &Limits::default()).unwrap();
        prop_assert_eq!(&read.id, &document.feed_iri);
        prop_assert_eq!(&read.title, &document.title);
        prop_assert_eq!(read.updated, document.updated);
        prop_assert_eq!(read.archive, archive);
        prop_assert_eq!(read.incarnation.as_ref(), Some(&document.incarnation));
        prop_assert_eq!(read.range, Some(document.range));
        prop_assert_eq!(&read.links, &document.links);
        prop_assert_eq!(read.entries.len(), document.entries.len());
        for (read, written) in read.entries.iter().zip(&document.entries) {
            prop_assert_eq!(&read.iri, &written.iri);
            prop_assert_eq!(read.position, Some(written.recorded.position));
            prop_assert_eq!(read.updated, written.recorded.updated);
            prop_assert_eq!(&read.event, &written.recorded.event);
            let time = |event: &Event| event.time().map(|it| it.as_str().to_owned());
            prop_assert_eq!(time(&read.event), time(&written.recorded.event));
            prop_assert_eq!(&read.external_data, &None);
        }
    }

    #[test]
    fn an_entry_of_ours_published_again_is_an_equal_event(recorded in recorded()) {
        let entry = entry(recorded);
        let xml = write_entry(&entry, &Addresses::from_page(&identity().feed));
        let limits = Limits::default();
        prop_assert_eq!(&read_posted_entry(&xml, &limits).unwrap(), &entry.recorded.event);
        prop_assert_eq!(&read_entry(&xml, &limits).unwrap().event, &entry.recorded.event);
    }
}
