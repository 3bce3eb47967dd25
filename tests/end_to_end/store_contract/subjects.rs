//! The events of one entity.

use bytes::Bytes;
use feed_protocol::Event;
use feed_protocol::event::Subject;
use feed_server::store::{EventStore, Feed, Slice};

use super::Database;
use super::given::{append, event, event_of, feed, parts, position, positions};

/// Orders 1 and 2 take turns, at positions 1 to 6; position 7 has no subject.
async fn two_orders(store: &dyn EventStore) -> Feed {
    let orders = feed(store, "orders").await;
    let mut events: Vec<Event> =
        (1..=6).map(|id| event_of(if id % 2 == 1 { "order-1" } else { "order-2" }, id)).collect();
    events.push(event(7));
    append(store, &orders, events).await.unwrap();
    orders
}

async fn of_order_1(store: &dyn EventStore, feed: &Feed, after: u64, max_entries: u64) -> Slice {
    let subject: Subject = "order-1".parse().unwrap();
    let slice = store.subject(feed, &subject, position(after), max_entries, u64::MAX).await;
    slice.unwrap().unwrap()
}

fn shown(slice: &Slice) -> (Vec<u64>, String, u64) {
    (positions(&slice.entries), slice.range.to_string(), slice.head.position.get())
}

pub(super) async fn a_subject_is_read_in_its_order_to_the_head(database: &impl Database) {
    let store = database.open().await;
    let orders = two_orders(&*store).await;
    for (after, max_entries, expected, range) in [
        (0, 2, vec![1, 3], "1-3"),
        (3, 2, vec![5], "4-7"),
        (0, 0, vec![], "1-0"),
        (0, 3, vec![1, 3, 5], "1-7"),
        (1, u64::MAX, vec![3, 5], "2-7"),
        (5, 2, vec![], "6-7"),
        (7, 2, vec![], "8-7"),
        (9, 2, vec![], "10-9"),
    ] {
        let slice = of_order_1(&*store, &orders, after, max_entries).await;
        assert_eq!(shown(&slice), (expected, range.to_owned(), 7), "after {after}");
    }
}

pub(super) async fn a_subject_ends_with_the_event_that_reaches_its_bytes(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    let events: Vec<Event> = (1..=4)
        .map(|id| {
            let mut parts = parts("/shop", id);
            parts.subject = Some("order-1".parse().unwrap());
            parts.data_content_type = Some("text/plain".parse().unwrap());
            parts.data = Some(Bytes::from(vec![b'x'; 10]));
            Event::new(parts).unwrap()
        })
        .collect();
    append(&*store, &orders, events).await.unwrap();
    let subject: Subject = "order-1".parse().unwrap();
    for (max_bytes, expected, range) in [
        (0, vec![1], "1-1"),
        (10, vec![1], "1-1"),
        (11, vec![1, 2], "1-2"),
        (40, vec![1, 2, 3, 4], "1-4"),
    ] {
        let slice = store.subject(&orders, &subject, position(0), 100, max_bytes).await;
        let slice = slice.unwrap().unwrap();
        assert_eq!(shown(&slice), (expected, range.to_owned(), 4), "{max_bytes} bytes");
    }
}

pub(super) async fn a_subject_that_the_feed_does_not_know_is_none(database: &impl Database) {
    let store = database.open().await;
    let orders = two_orders(&*store).await;
    let customers = feed(&*store, "customers").await;
    let none = |slice: Result<Option<Slice>, _>| slice.unwrap().is_none();
    let order_3: Subject = "order-3".parse().unwrap();
    let order_1: Subject = "order-1".parse().unwrap();
    assert!(none(store.subject(&orders, &order_3, position(0), 100, u64::MAX).await));
    assert!(none(store.subject(&customers, &order_1, position(0), 100, u64::MAX).await));
}
