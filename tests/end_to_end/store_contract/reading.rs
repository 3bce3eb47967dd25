//! What is read back.

use bytes::Bytes;
use feed_protocol::Event;
use feed_protocol::event::{EventParts, EventTime, EventType, ExtensionValue};
use feed_server::store::{EventStore, Feed, Window};
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};

use super::Database;
use super::given::{
    append, event, event_with, events, everything_after, feed, parts, position, positions, random,
    read_all,
};

pub(super) async fn absent_empty_and_null_data_stay_different(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    let data = [None, Some(""), Some("null")].map(|text| text.map(Bytes::from_static_str));
    let events: Vec<Event> = data
        .iter()
        .enumerate()
        .map(|(id, data)| {
            let mut parts = parts("/shop", id);
            parts.data_content_type = Some("text/plain".parse().unwrap());
            parts.data.clone_from(data);
            Event::new(parts).unwrap()
        })
        .collect();
    append(&*store, &orders, events.clone()).await.unwrap();
    let entries = read_all(&*store, &orders).await;
    let read: Vec<Option<Bytes>> =
        entries.iter().map(|entry| entry.recorded.event.data().cloned()).collect();
    assert_eq!(read, data);
    // And each of them is other content than the other two.
    for (index, other) in events.iter().enumerate() {
        let mut parts = other.clone().into_parts();
        parts.data.clone_from(&data[(index + 1) % 3]);
        append(&*store, &orders, [Event::new(parts).unwrap()]).await.unwrap_err();
    }
}

/// Static text as bytes.
trait FromStaticStr {
    fn from_static_str(text: &'static str) -> Self;
}

impl FromStaticStr for Bytes {
    fn from_static_str(text: &'static str) -> Self {
        Self::from_static(text.as_bytes())
    }
}

pub(super) async fn every_attribute_survives_the_store(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    let mut random = random();
    let mut events: Vec<Event> = (0..300).map(|id| any_event(&mut random, id)).collect();
    let mut large = parts("/shop", "large");
    large.data_content_type = Some("application/octet-stream".parse().unwrap());
    large.data = Some(any_bytes(&mut random, 1 << 20));
    events.push(Event::new(large).unwrap());

    for batch in events.chunks(70) {
        append(&*store, &orders, batch).await.unwrap();
    }
    let entries = read_all(&*store, &orders).await;
    assert_eq!(entries.len(), events.len());
    for (entry, event) in entries.iter().zip(&events) {
        assert_eq!(&entry.recorded.event, event);
        let time = |event: &Event| event.time().map(EventTime::to_string);
        assert_eq!(time(&entry.recorded.event), time(event), "as it was written");
        let (source, id) = (event.source(), event.id());
        let found = store.find(&orders, source, id).await.unwrap();
        assert_eq!(found, Some(entry.recorded.position));
    }
}

/// An event with any of the attributes, in characters that SQL, JSON or XML might stumble over.
fn any_event(random: &mut impl Rng, number: u64) -> Event {
    let mut parts = EventParts::new(
        format!("{number}{}", any_text(random)).parse().unwrap(),
        (*["/shop", "https://shop.example/ä?b=%27#c", "urn:x"].choose(random).unwrap())
            .parse()
            .unwrap(),
        any_text(random).parse().unwrap(),
    );
    parts.subject = random.random::<bool>().then(|| any_text(random).parse().unwrap());
    let times = ["2021-01-01T02:00:00.120+02:00", "1969-12-31T23:59:59.999999999Z"];
    parts.time = random.random::<bool>().then(|| times.choose(random).unwrap().parse().unwrap());
    parts.data_schema =
        random.random::<bool>().then(|| "https://shop.example/%C3%A4.json".parse().unwrap());
    for _ in 0..random.random_range(0..4) {
        let value = match random.random_range(0..3) {
            0 => ExtensionValue::Boolean(random.random()),
            1 => ExtensionValue::Integer(random.random()),
            _ => ExtensionValue::string(any_text(random)).unwrap(),
        };
        let name = format!("x{}", random.random_range(0..9));
        parts.extensions.insert(name.parse().unwrap(), value);
    }
    if random.random() {
        parts.data = Some(Bytes::from(serde_json::json!([any_text(random)]).to_string()));
    } else {
        let media_type = "text/plain; charset=\"x\"";
        parts.data_content_type = Some(media_type.parse().unwrap());
        let length = random.random_range(0..40);
        parts.data = random.random::<bool>().then(|| any_bytes(random, length));
    }
    Event::new(parts).unwrap()
}

fn any_text(random: &mut impl Rng) -> String {
    let pieces = ["a", "'", "\"", "\\", "\\u0041", "%", "--", "?1", "ä", "\u{1F600}", "{}", "é"];
    let length = random.random_range(1..8);
    (0..length).map(|_| *pieces.choose(random).unwrap()).collect()
}

fn any_bytes(random: &mut impl Rng, length: usize) -> Bytes {
    let mut bytes = vec![0; length];
    random.fill_bytes(&mut bytes);
    Bytes::from(bytes)
}

/// Ten events: those at positions 3, 6 and 9 of another type than the rest.
async fn ten_events(store: &dyn EventStore) -> (Feed, EventType) {
    let orders = feed(store, "orders").await;
    let rare: EventType = "order.returned".parse().unwrap();
    let events: Vec<Event> = (1..=10)
        .map(|id| {
            let mut parts = parts("/shop", id);
            if id % 3 == 0 {
                parts.event_type = rare.clone();
            }
            Event::new(parts).unwrap()
        })
        .collect();
    append(store, &orders, events).await.unwrap();
    (orders, rare)
}

pub(super) async fn a_window_covers_what_it_passes_over(database: &impl Database) {
    let store = database.open().await;
    let (orders, rare) = ten_events(&*store).await;
    let unknown: EventType = "x".parse().unwrap();
    for (after, max_positions, types, expected, range) in [
        (0, 4, &[][..], vec![1, 2, 3, 4], "1-4"),
        (8, 4, &[], vec![9, 10], "9-10"),
        (0, 0, &[], vec![], "1-0"),
        (0, 4, std::slice::from_ref(&rare), vec![3], "1-4"),
        (3, 2, std::slice::from_ref(&rare), vec![], "4-5"),
        (2, u64::MAX, &[unknown.clone(), rare.clone()], vec![3, 6, 9], "3-10"),
        (9, 5, std::slice::from_ref(&unknown), vec![], "10-10"),
    ] {
        let window = Window { max_positions, types, ..everything_after(after) };
        let slice = store.read(&orders, &window).await.unwrap();
        assert_eq!(positions(&slice.entries), expected, "{window:?}");
        assert_eq!(slice.range.to_string(), range, "{window:?}");
        assert_eq!(slice.head, store.head(&orders).await.unwrap());
    }
}

pub(super) async fn a_window_ends_with_the_event_that_reaches_its_bytes(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    let letter: EventType = "letter".parse().unwrap();
    let mut batch = vec![event("without data")];
    for id in 2..=5 {
        let mut parts = parts("/shop", id);
        parts.event_type = if id == 2 { "parcel".parse().unwrap() } else { letter.clone() };
        parts.data_content_type = Some("text/plain".parse().unwrap());
        parts.data = Some(Bytes::from(vec![b'x'; 10]));
        batch.push(Event::new(parts).unwrap());
    }
    append(&*store, &orders, batch).await.unwrap();
    // The data of another feed do not count.
    let customers = feed(&*store, "customers").await;
    append(&*store, &customers, [event_with(1, "\"a long text\"")]).await.unwrap();
    let letters = std::slice::from_ref(&letter);
    for (max_bytes, types, expected, range) in [
        (10, &[][..], vec![1, 2], "1-2"),
        (11, &[], vec![1, 2, 3], "1-3"),
        (1000, &[], vec![1, 2, 3, 4, 5], "1-5"),
        // The data that a filter passes over are not read, and do not count.
        (10, letters, vec![3], "1-3"),
        (20, letters, vec![3, 4], "1-4"),
        (31, letters, vec![3, 4, 5], "1-5"),
    ] {
        let window = Window { max_bytes, types, ..everything_after(0) };
        let slice = store.read(&orders, &window).await.unwrap();
        assert_eq!(positions(&slice.entries), expected, "{window:?}");
        assert_eq!(slice.range.to_string(), range, "{window:?}");
    }
    let least = Window { max_bytes: 0, ..everything_after(2) };
    let slice = store.read(&orders, &least).await.unwrap();
    assert_eq!(positions(&slice.entries), [3], "at least one event");
}

pub(super) async fn a_window_beyond_the_head_is_empty_and_tells_the_head(database: &impl Database) {
    let store = database.open().await;
    let (orders, _) = ten_events(&*store).await;
    for after in [10, 11, 1_000_000, i64::MAX as u64] {
        let slice = store.read(&orders, &everything_after(after)).await.unwrap();
        assert!(slice.entries.is_empty() && slice.range.is_empty() || after == i64::MAX as u64);
        assert_eq!(slice.range.last(), position(after));
        assert_eq!(slice.head.position.get(), 10);
    }
}

pub(super) async fn an_entry_is_found_by_its_position_and_by_its_source_and_id(
    database: &impl Database,
) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    let customers = feed(&*store, "customers").await;
    append(&*store, &orders, events([1, 2])).await.unwrap();
    for entry in read_all(&*store, &orders).await {
        let at = entry.recorded.position;
        let event = &entry.recorded.event;
        assert_eq!(store.find(&orders, event.source(), event.id()).await.unwrap(), Some(at));
        assert_eq!(store.find(&customers, event.source(), event.id()).await.unwrap(), None);
        assert_eq!(store.entry(&customers, at).await.unwrap(), None);
        assert_eq!(store.entry(&orders, at).await.unwrap(), Some(entry));
    }
    for nowhere in [0, 3] {
        assert_eq!(store.entry(&orders, position(nowhere)).await.unwrap(), None);
    }
    let (source, id) = ("/depot".parse().unwrap(), "1".parse().unwrap());
    assert_eq!(store.find(&orders, &source, &id).await.unwrap(), None);
}
