//! What an independent reader finds in our documents, and what we find in an independent writer's.

use std::io::BufReader;

use feed_protocol::atom::convert::{from_atom_syndication, to_atom_syndication};
use feed_protocol::atom::{Limits, read_posted_entry, write_document, write_entry};
use feed_protocol::link::Addresses;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::atom_round_trip::page;
use crate::events::{config, entry, identity, recorded, simple};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn atom_syndication_reads_what_we_write(recorded in vec(recorded(), 0..3)) {
        let document = page(recorded.into_iter().map(entry).collect(), true);
        let xml = write_document(&document);
        let feed = atom_syndication::Feed::read_from(BufReader::new(&xml[..])).unwrap();
        prop_assert_eq!(feed.id(), &document.feed_iri);
        prop_assert_eq!(feed.links().len(), document.links.len());
        for (link, written) in feed.links().iter().zip(&document.links) {
            prop_assert_eq!((link.rel(), link.href()), (written.relation.as_str(), written.href.as_str()));
        }
        for (read, written) in feed.entries().iter().zip(&document.entries) {
            let made = to_atom_syndication(written, &document.addresses);
            prop_assert_eq!(read.id(), made.id());
            prop_assert_eq!(read.title(), made.title());
            prop_assert_eq!(read.updated(), made.updated());
            prop_assert_eq!(read.published(), made.published());
            prop_assert_eq!(read.authors(), made.authors());
            prop_assert_eq!(read.categories(), made.categories());
            prop_assert_eq!(read.links(), made.links());
            prop_assert_eq!(read.summary(), made.summary());
            prop_assert_eq!(read.extensions(), made.extensions());
            let content = |entry: &atom_syndication::Entry| entry.content().map(|content| {
                let value = content.value().unwrap_or_default().to_owned();
                (content.content_type().map(str::to_owned), content.src().map(str::to_owned), value)
            });
            prop_assert_eq!(content(read), content(&made));
            prop_assert_eq!(&from_atom_syndication(read).unwrap(), &written.recorded.event);
        }
    }

    #[test]
    fn an_event_survives_the_types_of_atom_syndication(recorded in recorded()) {
        let entry = entry(recorded);
        let made = to_atom_syndication(&entry, &Addresses::from_page(&identity().feed));
        prop_assert_eq!(&from_atom_syndication(&made).unwrap(), &entry.recorded.event);
        let xml = made.write_to(Vec::new()).unwrap();
        let read = read_posted_entry(&xml, &Limits::default());
        prop_assert_eq!(&read.unwrap(), &entry.recorded.event);
    }
}

#[test]
fn what_has_no_place_in_an_event_is_refused() {
    let entry = entry(crate::events::at(1, simple("1", "a", None, None)));
    let made = to_atom_syndication(&entry, &Addresses::from_page(&identity().feed));
    let mut with_rights = made.clone();
    with_rights.rights = Some("mine".into());
    let error = from_atom_syndication(&with_rights).unwrap_err();
    assert_eq!(error.to_string(), "rights: has no place in an event");
    let mut with_label = made;
    with_label.categories[0].label = Some("A".to_owned());
    assert_eq!(from_atom_syndication(&with_label).unwrap_err().field(), "category/@label");
}

/// Why we write with a writer of our own: see docs/decisions/0002-own-atom-codec.md.
#[test]
fn atom_syndication_writes_characters_that_xml_does_not_carry() {
    let mut entry = atom_syndication::Entry::default();
    entry.set_title("a\u{1}b\rc");
    let xml = String::from_utf8(entry.write_to(Vec::new()).unwrap()).unwrap();
    assert!(xml.contains("a\u{1}b\rc"), "{xml}");
}

/// Why we read with a reader of our own: see docs/decisions/0002-own-atom-codec.md.
#[test]
fn atom_syndication_accepts_other_namespaces_and_passes_over_a_base() {
    let xml = "<entry xmlns='urn:other' xml:base='https://a.example/'><id>1</id>\
               <title>a</title><updated>2026-01-01T00:00:00Z</updated><link href='b'/></entry>";
    let entry: atom_syndication::Entry = xml.parse().unwrap();
    assert_eq!((entry.id(), entry.links()[0].href()), ("1", "b"));
    // And ours does not.
    assert!(read_posted_entry(xml.as_bytes(), &Limits::default()).is_err());
    let ours = write_entry(
        &crate::events::entry(crate::events::at(1, simple("1", "a", None, None))),
        &Addresses::from_page(&identity().feed),
    );
    assert!(read_posted_entry(&ours, &Limits::default()).is_ok());
}
