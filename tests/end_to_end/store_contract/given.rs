//! What the promises begin with: feeds, events, and short ways to append and read.

use std::fmt::Display;

use bytes::Bytes;
use feed_protocol::event::EventParts;
use feed_protocol::{Entry, Event, PageSize, Position};
use feed_server::store::{
    Append, AppendResult, Appended, EventStore, Feed, NewFeed, Refusal, Slice, Window,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

pub(super) fn new_feed(name: &str) -> NewFeed {
    NewFeed {
        name: name.parse().unwrap(),
        title: format!("All {name}"),
        page_size: PageSize::DEFAULT,
        iri: format!("tag:shop.example,2026-11-21:{name}"),
        authority: "shop.example".to_owned(),
        incarnation: "k3wq".parse().unwrap(),
    }
}

pub(super) async fn feed(store: &dyn EventStore, name: &str) -> Feed {
    store.create_feed(new_feed(name)).await.unwrap()
}

pub(super) fn parts(source: &str, id: impl Display) -> EventParts {
    EventParts::new(
        id.to_string().parse().unwrap(),
        source.parse().unwrap(),
        "order.placed".parse().unwrap(),
    )
}

/// An event of the source `/shop`.
pub(super) fn event(id: impl Display) -> Event {
    Event::new(parts("/shop", id)).unwrap()
}

/// Events of the source `/shop`, one for each id.
pub(super) fn events(ids: impl IntoIterator<Item = impl Display>) -> Vec<Event> {
    ids.into_iter().map(event).collect()
}

/// An event like [`event`], with something to say.
pub(super) fn event_with(id: impl Display, data: &'static str) -> Event {
    let mut parts = parts("/shop", id);
    parts.data = Some(Bytes::from_static(data.as_bytes()));
    Event::new(parts).unwrap()
}

/// An event like [`event`] that happened to a subject.
pub(super) fn event_of(subject: &str, id: impl Display) -> Event {
    let mut parts = parts("/shop", id);
    parts.subject = Some(subject.parse().unwrap());
    Event::new(parts).unwrap()
}

pub(super) fn request(feed: &Feed, events: impl Into<Vec<Event>>) -> Append {
    Append { feed: feed.clone(), events: events.into(), expected_version: None }
}

/// Appends one request, which the database must accept.
pub(super) async fn append(
    store: &dyn EventStore,
    feed: &Feed,
    events: impl Into<Vec<Event>>,
) -> AppendResult {
    append_all(store, &[request(feed, events)]).await.remove(0)
}

/// Appends requests, which the database must accept.
pub(super) async fn append_all(store: &dyn EventStore, requests: &[Append]) -> Vec<AppendResult> {
    let results = store.append(requests).await.unwrap().results;
    assert_eq!(results.len(), requests.len());
    results
}

pub(super) fn position(number: u64) -> Position {
    Position::new(number).unwrap()
}

/// A window on everything after a position.
pub(super) fn everything_after(after: u64) -> Window<'static> {
    Window { after: position(after), max_positions: u64::MAX, max_bytes: u64::MAX, types: &[] }
}

/// The whole feed, which must be gapless.
pub(super) async fn read_all(store: &dyn EventStore, feed: &Feed) -> Vec<Entry> {
    let slice = store.read(feed, &everything_after(0)).await.unwrap();
    assert_whole(&slice);
    slice.entries
}

/// Checks that an unfiltered slice shows each position that it covers, and nothing beyond the
/// head.
pub(super) fn assert_whole(slice: &Slice) {
    let shown: Vec<u64> = positions(&slice.entries);
    let covered: Vec<u64> = (slice.range.first().get()..=slice.range.last().get()).collect();
    assert_eq!(shown, covered);
    assert!(slice.range.last() <= slice.head.position.max(slice.range.before()));
}

pub(super) fn positions(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.recorded.position.get()).collect()
}

pub(super) fn ids(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.recorded.event.id().as_str()).collect()
}

/// Position and `created` of each event of a request that was accepted.
pub(super) fn places(result: &AppendResult) -> Vec<(u64, bool)> {
    let appended: &[Appended] = result.as_ref().unwrap();
    appended.iter().map(|it| (it.position.get(), it.created)).collect()
}

/// Which event of a request stood in conflict, and with which position, if with one that is
/// stored.
pub(super) fn conflict(result: &AppendResult) -> (usize, Option<u64>) {
    match result {
        Err(Refusal::Conflict { index, existing, .. }) => (*index, existing.map(Position::get)),
        other => panic!("not a conflict: {other:?}"),
    }
}

/// Random numbers that are others in each run, and those of an earlier run where
/// `FEED_TESTS_SEED` names the seed that it printed.
pub(super) fn random() -> StdRng {
    let seed = std::env::var("FEED_TESTS_SEED")
        .map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("FEED_TESTS_SEED={seed}");
    StdRng::seed_from_u64(seed)
}
