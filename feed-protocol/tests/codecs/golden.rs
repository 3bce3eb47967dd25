//! The exact bytes of documents: pages are for ever, so a change here changes a promise.

use feed_protocol::atom::{write_document, write_entry};
use feed_protocol::cloudevents::write_batch;
use feed_protocol::event::ExtensionValue;
use feed_protocol::link::Addresses;
use feed_protocol::{Entry, Event, Recorded};

use crate::atom_round_trip::page;
use crate::events::{at, entry, identity, simple};

/// One event for each way of showing data, newest first.
pub(crate) fn shop() -> Vec<Recorded> {
    let uuid = "6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a11";
    let json = br#"{"total":"1.980","note":"<a & b>"}"#;
    let mut placed = simple(uuid, "order.placed", None, Some(json)).into_parts();
    placed.subject = Some("order-42".parse().unwrap());
    placed.time = Some("2026-01-01T02:00:00.120+02:00".parse().unwrap());

    let mut paid = simple("7", "order.paid", Some("application/vnd.shop+json"), Some(b"null"));
    let mut parts = paid.into_parts();
    parts.data_schema = Some("https://shop.example/paid.json?v=1&w".parse().unwrap());
    for (name, value) in [
        ("causationid", ExtensionValue::string(uuid).unwrap()),
        ("retries", ExtensionValue::Integer(-3)),
        ("test", ExtensionValue::Boolean(false)),
        ("traceparent", ExtensionValue::string("00-1-2-01").unwrap()),
    ] {
        parts.extensions.insert(name.parse().unwrap(), value);
    }
    paid = Event::new(parts).unwrap();

    let large = vec![b'x'; 70_000];
    let events = [
        Event::new(placed).unwrap(),
        paid,
        simple("8", "order.seen", None, None),
        simple(
            "9",
            "note \"<&>\"",
            Some("text/plain; charset=utf-8"),
            Some("a\n <é>]]>".as_bytes()),
        ),
        simple("10", "note", Some("text/plain"), Some(b"a\r\nb")),
        simple(
            "11",
            "invoice",
            Some("application/xml"),
            Some(b"<?xml version='1.0'?>\n<a>&#13;</a>"),
        ),
        simple("12", "picture", Some("image/png"), Some(b"\x89PNG")),
        simple("13", "film", Some("video/mp4"), Some(&large)),
    ];
    let mut recorded: Vec<_> = (1..).zip(events).map(|(position, it)| at(position, it)).collect();
    recorded.reverse();
    recorded
}

fn entries() -> Vec<Entry> {
    shop().into_iter().map(entry).collect()
}

#[test]
fn a_page_in_atom() {
    let xml = write_document(&page(entries(), true));
    insta::assert_snapshot!(str::from_utf8(&xml).unwrap());
}

#[test]
fn an_empty_document_in_atom() {
    let xml = write_document(&page(Vec::new(), false));
    insta::assert_snapshot!(str::from_utf8(&xml).unwrap());
}

#[test]
fn an_entry_in_atom() {
    let entry = entries().pop().unwrap();
    let xml = write_entry(&entry, &Addresses::from_page(&identity().feed));
    insta::assert_snapshot!(str::from_utf8(&xml).unwrap());
}

#[test]
fn a_batch_of_cloudevents() {
    let mut json = Vec::new();
    // Large data is inline there, and would only be long here.
    write_batch(&shop()[1..], &mut json);
    insta::assert_snapshot!(str::from_utf8(&json).unwrap());
}
