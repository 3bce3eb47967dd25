//! What every store promises, as tests that every store passes.
//!
//! A promise is a function of a [`Database`], and `promises!` makes a test of each for each kind of
//! database.
//!
//! # Layout
//!
//! - [`shards`]: what is promised of shards and their cursors
//! - [`entries`]: what is promised of what was found of feeds of other software
//! - [`leases`]: what is promised of leases, and of workers that compete for them
//! - [`suspects`]: what is promised of what may have ended a holder
//! - [`orders`]: what is promised of pauses, and of other numbers of shards
//! - [`once`]: what is promised of what is done once
//! - [`parking`]: what is promised of parked events, and of what waits behind them
//! - [`model`]: whatever happens, a store is what a model of it in memory is

use std::sync::Arc;

use feed_protocol::Position;

use super::databases::{Database, postgres, sqlite};
use super::location::CursorDatabase;
use super::pages::{PageKind, PageState};
use super::*;

impl Database {
    /// Opens the database, as a process of its own would.
    async fn open(&self) -> Arc<dyn CursorStore> {
        let location = CursorDatabase::from(self.url()).locate().unwrap();
        location.open().await.unwrap().cursors()
    }
}

fn subscription() -> Subscription {
    Subscription { group: "billing".into(), feed: "urn:uuid:1".into() }
}

fn place(position: u64) -> Place {
    Place {
        incarnation: Some("k3v9x2".parse().unwrap()),
        position: Position::new(position).unwrap(),
        last: (position > 0).then(|| LastEvent {
            position: Position::new(position).unwrap(),
            source: "/shop".parse().unwrap(),
            id: "6".parse().unwrap(),
            digest: 1 << 127,
        }),
        validators: Validators { etag: Some("\"a\"".into()), last_modified: None },
    }
}

fn iris(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("tag:a,2026:{number}")).collect()
}

fn seen(numbers: std::ops::Range<u32>) -> Vec<SeenEntry> {
    let entry = |iri| SeenEntry { iri, updated: updated() };
    iris(numbers).into_iter().map(entry).collect()
}

/// Moves, behind which nothing waits.
fn advance(moves: &[Move]) -> Advance {
    let moves = moves.to_vec();
    Advance { subscription: subscription(), moves, followers: Vec::new() }
}

fn updated() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_600_000_000_123_456).unwrap()
}

fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

async fn a_place_is_read_back_as_it_was_stored_after_the_file_was_closed(database: Database) {
    let store = database.open().await;
    assert_eq!(store.find(&subscription()).await.unwrap(), None);
    assert!(store.begin(&subscription(), "http://a/", &place(7), &[], &[]).await.unwrap());
    assert!(!store.begin(&subscription(), "http://b/", &place(5), &[], &[]).await.unwrap());
    assert_eq!(store.find(&subscription()).await.unwrap(), Some(place(7)));
    store.close().await;
    assert!(store.find(&subscription()).await.is_err());
    let store = database.open().await;
    assert_eq!(store.find(&subscription()).await.unwrap(), Some(place(7)));
}

async fn the_feed_at_an_address_is_the_groups_own(database: Database) {
    let store = database.open().await;
    store.begin(&subscription(), "http://a/", &place(5), &[], &[]).await.unwrap();
    assert_eq!(store.feed_at("billing", "http://a/").await.unwrap().unwrap(), "urn:uuid:1");
    assert_eq!(store.feed_at("shipping", "http://a/").await.unwrap(), None);
    store.set_url(&subscription(), "http://b/").await.unwrap();
    assert_eq!(store.feed_at("billing", "http://a/").await.unwrap(), None);
    assert_eq!(store.feed_at("billing", "http://b/").await.unwrap().unwrap(), "urn:uuid:1");
}

fn page(place: i64, url: &str, state: PageState) -> Page {
    let oldest = (state == PageState::Walked).then(|| "tag:a,2026:0".to_owned());
    Page { place, url: url.into(), kind: PageKind::Archive, state, oldest, linked: place == 7 }
}

async fn pages_are_read_back_in_their_order_and_an_address_is_one_page(database: Database) {
    let store = database.open().await;
    let subscription = subscription();
    let done = page(1, "http://a/1", PageState::Done);
    let begun =
        store.begin(&subscription, "http://a/", &place(0), &[], std::slice::from_ref(&done)).await;
    assert!(begun.unwrap());
    store.cut(&subscription, crate::shard::ShardCount::ONE).await.unwrap();
    let mut hand = leases::Hand::new("a");
    hand.beats(&store).await;
    let lease = hand.leases()[0];
    let (found, walked) =
        (page(7, "http://a/7", PageState::Found), page(6, "http://a/6", PageState::Walked));
    assert!(store.put_pages(&subscription, lease, &[found.clone(), walked.clone()]).await.unwrap());
    let pages = store.pages(&subscription).await.unwrap();
    assert_eq!(pages, [done.clone(), walked.clone(), found.clone()]);

    let moved = page(5, "http://a/7", PageState::Found);
    store.put_pages(&subscription, lease, std::slice::from_ref(&moved)).await.unwrap();
    assert_eq!(store.pages(&subscription).await.unwrap(), [done.clone(), moved, walked]);
    // What is done stays, and what is not there any more is no error.
    store.page_done(&subscription, lease, 6).await.unwrap();
    store.page_done(&subscription, lease, 7).await.unwrap();
    store.drop_pages(&subscription, lease, 0, 100).await.unwrap();
    let states: Vec<_> =
        store.pages(&subscription).await.unwrap().iter().map(|it| (it.place, it.state)).collect();
    assert_eq!(states, [(1, PageState::Done), (6, PageState::Done)]);
}

async fn of_programs_that_start_at_once_one_makes_the_tables(database: Database) {
    let mut programs = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let database = database.clone();
        programs.spawn(async move { database.open().await.close().await });
    }
    programs.join_all().await;
}

async fn a_cursor_is_put_elsewhere_by_hand_and_forgotten(database: Database) {
    let store = database.open().await;
    assert!(store.list().await.unwrap().is_empty());
    assert!(store.begin(&subscription(), "http://a/", &place(5), &seen(0..1), &[]).await.unwrap());
    let [kept] = store.list().await.unwrap().try_into().unwrap();
    assert_eq!((&kept.subscription, &kept.place), (&subscription(), &place(5)));
    assert_eq!((kept.url.as_str(), kept.begun), ("http://a/", kept.moved));
    assert!(!store.put(&subscription(), &place(4), &place(9)).await.unwrap(), "it is not there");
    assert!(store.put(&subscription(), &place(5), &place(2)).await.unwrap());
    assert_eq!(store.find(&subscription()).await.unwrap(), Some(place(2)));
    assert!(!store.forget(&subscription(), &place(5)).await.unwrap(), "it is not there");
    assert!(store.forget(&subscription(), &place(2)).await.unwrap());
    assert!(store.list().await.unwrap().is_empty());
    assert!(store.seen(&subscription(), &strs(&iris(0..1))).await.unwrap().is_empty());
}

/// Makes a test of each promise, for each kind of database.
macro_rules! promises {
    (of $name:ident: $($promise:ident),+ $(,)?) => {
        mod $name {
            $(
                #[tokio::test]
                async fn $promise() {
                    super::$promise(super::$name().await).await;
                }
            )+
        }
    };
    ($($promise:ident),+ $(,)?) => {
        promises! { of sqlite: $($promise),+ }
        promises! { of postgres: $($promise),+ }
    };
}

// Below the macro, which they use.
mod entries;
mod leases;
mod model;
mod once;
mod orders;
mod parking;
mod shards;
mod suspects;

promises! {
    a_place_is_read_back_as_it_was_stored_after_the_file_was_closed,
    the_feed_at_an_address_is_the_groups_own,
    a_cursor_is_put_elsewhere_by_hand_and_forgotten,
    pages_are_read_back_in_their_order_and_an_address_is_one_page,
    of_programs_that_start_at_once_one_makes_the_tables,
}
