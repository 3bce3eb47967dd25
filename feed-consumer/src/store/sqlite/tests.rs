use std::path::PathBuf;

use feed_protocol::Position;
use tempfile::TempDir;

use chrono::Utc;

use super::*;
use crate::store::pages::{PageKind, PageState, PageStore};
use crate::store::{LastEvent, Validators};

async fn store() -> (TempDir, PathBuf, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("consumer.db");
    let store = SqliteStore::open(&path).await.unwrap();
    (folder, path, store)
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

fn entries(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("tag:a,2026:{number}")).collect()
}

fn seen(numbers: std::ops::Range<u32>) -> Vec<SeenEntry> {
    let entry = |iri| SeenEntry { iri, updated: updated() };
    entries(numbers).into_iter().map(entry).collect()
}

fn updated() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_600_000_000_123_456).unwrap()
}

fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn a_place_is_read_back_as_it_was_stored_after_the_file_was_closed() {
    let (_folder, path, store) = store().await;
    assert_eq!(store.find(&subscription()).await.unwrap(), None);
    assert!(store.begin(&subscription(), "http://a/", &place(0), &[], &[]).await.unwrap());
    assert_eq!(store.find(&subscription()).await.unwrap(), Some(place(0)));
    assert!(store.advance(&subscription(), &place(0), &place(7), &[]).await.unwrap());
    store.close().await;
    assert!(store.find(&subscription()).await.is_err());
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.find(&subscription()).await.unwrap(), Some(place(7)));
}

#[tokio::test]
async fn of_two_processes_that_move_a_cursor_the_second_is_told() {
    let (_folder, path, one) = store().await;
    let two = SqliteStore::open(&path).await.unwrap();
    assert!(one.begin(&subscription(), "http://a/", &place(0), &[], &[]).await.unwrap());
    assert!(!two.begin(&subscription(), "http://a/", &place(5), &[], &[]).await.unwrap());
    assert!(one.advance(&subscription(), &place(0), &place(3), &[]).await.unwrap());
    assert!(!two.advance(&subscription(), &place(0), &place(9), &seen(0..1)).await.unwrap());
    assert_eq!(two.find(&subscription()).await.unwrap(), Some(place(3)));
    assert!(two.seen(&subscription(), &["tag:a,2026:0"]).await.unwrap().is_empty());
    // The transactions that did nothing hold no lock.
    assert!(one.advance(&subscription(), &place(3), &place(4), &[]).await.unwrap());
}

#[tokio::test]
async fn a_cursor_moves_neither_back_nor_in_another_incarnation() {
    let (_folder, _, store) = store().await;
    store.begin(&subscription(), "http://a/", &place(5), &[], &[]).await.unwrap();
    assert!(!store.advance(&subscription(), &place(5), &place(4), &[]).await.unwrap());
    let other = Place { incarnation: Some("other".parse().unwrap()), ..place(5) };
    assert!(!store.advance(&subscription(), &other, &place(6), &[]).await.unwrap());
    assert_eq!(store.find(&subscription()).await.unwrap(), Some(place(5)));
}

#[tokio::test]
async fn the_feed_at_an_address_is_the_groups_own() {
    let (_folder, _, store) = store().await;
    store.begin(&subscription(), "http://a/", &place(5), &[], &[]).await.unwrap();
    assert_eq!(store.feed_at("billing", "http://a/").await.unwrap().unwrap(), "urn:uuid:1");
    assert_eq!(store.feed_at("shipping", "http://a/").await.unwrap(), None);
    store.set_url(&subscription(), "http://b/").await.unwrap();
    assert_eq!(store.feed_at("billing", "http://a/").await.unwrap(), None);
    assert_eq!(store.feed_at("billing", "http://b/").await.unwrap().unwrap(), "urn:uuid:1");
}

#[tokio::test]
async fn entries_are_forgotten_only_when_they_are_out_of_the_document_and_many() {
    let (_folder, _, store) = store().await;
    let subscription = subscription();
    store.begin(&subscription, "http://a/", &place(0), &seen(0..4), &[]).await.unwrap();
    store.advance(&subscription, &place(0), &place(4), &seen(4..8)).await.unwrap();
    let all = entries(0..10);
    let found = store.seen(&subscription, &strs(&all)).await.unwrap();
    let known = |iri| (iri, Some(updated()));
    assert_eq!(found, entries(0..8).into_iter().map(known).collect());

    store.forget_others(&subscription, &strs(&entries(0..8)), 2).await.unwrap();
    store.forget_others(&subscription, &strs(&entries(3..8)), 3).await.unwrap();
    assert_eq!(store.seen(&subscription, &strs(&all)).await.unwrap().len(), 8);
    store.forget_others(&subscription, &strs(&entries(6..8)), 3).await.unwrap();
    let found = store.seen(&subscription, &strs(&all)).await.unwrap();
    assert_eq!(found, entries(3..8).into_iter().map(known).collect());
}

#[tokio::test]
async fn an_entry_is_remembered_as_it_was_when_it_was_handled_last() {
    let (_folder, _, store) = store().await;
    let subscription = subscription();
    assert!(!store.has_seen(&subscription).await.unwrap());
    store.begin(&subscription, "http://a/", &place(0), &seen(0..2), &[]).await.unwrap();
    assert!(store.has_seen(&subscription).await.unwrap());
    let later = updated() + chrono::Duration::seconds(1);
    let changed = SeenEntry { iri: entries(1..2).remove(0), updated: later };
    store.advance(&subscription, &place(0), &place(1), &[changed]).await.unwrap();
    let found = store.seen(&subscription, &strs(&entries(0..2))).await.unwrap();
    assert_eq!(found["tag:a,2026:0"], Some(updated()));
    assert_eq!(found["tag:a,2026:1"], Some(later));
}

fn page(place: i64, url: &str, state: PageState) -> Page {
    let oldest = (state == PageState::Walked).then(|| "tag:a,2026:0".to_owned());
    Page { place, url: url.into(), kind: PageKind::Archive, state, oldest, linked: place == 7 }
}

#[tokio::test]
async fn pages_are_read_back_in_their_order_and_an_address_is_one_page() {
    let (_folder, _, store) = store().await;
    let subscription = subscription();
    let done = page(1, "http://a/1", PageState::Done);
    let begun =
        store.begin(&subscription, "http://a/", &place(0), &[], std::slice::from_ref(&done)).await;
    assert!(begun.unwrap());
    let (found, walked) =
        (page(7, "http://a/7", PageState::Found), page(6, "http://a/6", PageState::Walked));
    store.put_pages(&subscription, &[found.clone(), walked.clone()]).await.unwrap();
    let pages = store.pages(&subscription).await.unwrap();
    assert_eq!(pages, [done.clone(), walked.clone(), found.clone()]);

    let moved = page(5, "http://a/7", PageState::Found);
    store.put_pages(&subscription, std::slice::from_ref(&moved)).await.unwrap();
    assert_eq!(store.pages(&subscription).await.unwrap(), [done.clone(), moved, walked]);
    // What is done stays, and what is not there any more is no error.
    store.page_done(&subscription, 6).await.unwrap();
    store.page_done(&subscription, 7).await.unwrap();
    store.drop_pages(&subscription, 0, 100).await.unwrap();
    let states: Vec<_> =
        store.pages(&subscription).await.unwrap().iter().map(|it| (it.place, it.state)).collect();
    assert_eq!(states, [(1, PageState::Done), (6, PageState::Done)]);
}

#[tokio::test]
async fn of_programs_that_start_at_once_one_makes_the_tables() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("consumer.db");
    let mut programs = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let path = path.clone();
        programs.spawn(async move { SqliteStore::open(&path).await.map(drop) });
    }
    for opened in programs.join_all().await {
        opened.unwrap();
    }
}
