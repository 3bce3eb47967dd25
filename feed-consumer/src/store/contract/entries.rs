//! What was found of feeds of other software.

use bytes::Bytes;
use feed_protocol::event::EventParts;
use feed_protocol::{Event, Recorded};

use super::leases::Hand;
use super::shards::{cut, to};
use super::*;
use crate::shard::{ShardCount, Token, hash};
use crate::store::entries::{DocumentEnd, DocumentEntry, Finding};
use crate::store::parking::{Parking, Resolution};
use crate::store::shards::Lease;

/// A subscription with so many shards, and a worker that holds them.
async fn held(database: &Database, shards: u16) -> (Arc<dyn CursorStore>, Vec<Lease>) {
    let store = cut(database, 0, shards).await;
    let mut hand = Hand::new("a");
    hand.beats(&store).await;
    (store, hand.leases())
}

fn event(number: u32) -> Event {
    let id = number.to_string().parse().unwrap();
    let event_type = "order.placed".parse().unwrap();
    let mut parts = EventParts::new(id, "/shop".parse().unwrap(), event_type);
    parts.subject = Some(format!("order-{}", number % 5).parse().unwrap());
    parts.data =
        Some(Bytes::from_static(b"{ \"total\":\t\"1.98\", \"name\": \"\\u0000\xc3\xa9\" }"));
    Event::new(parts).unwrap()
}

/// Entries as a document holds them, changed so many seconds later.
fn found(numbers: std::ops::Range<u32>, later: i64) -> Vec<DocumentEntry> {
    let updated = updated() + chrono::Duration::seconds(later);
    let entry = |(number, iri): (u32, String)| DocumentEntry { iri, updated, event: event(number) };
    numbers.clone().zip(iris(numbers)).map(entry).collect()
}

/// Adds what a document brought that ends in nothing special.
pub(super) async fn add(
    store: &Arc<dyn CursorStore>,
    lease: Lease,
    numbers: std::ops::Range<u32>,
) -> Option<u64> {
    add_with(store, lease, &found(numbers, 0), false, &whole()).await
}

async fn add_with(
    store: &Arc<dyn CursorStore>,
    lease: Lease,
    entries: &[DocumentEntry],
    each_update: bool,
    end: &DocumentEnd,
) -> Option<u64> {
    let finding = Finding { entries, each_update, end };
    let found = store.add_found(&subscription(), lease, &finding).await.unwrap();
    found.map(Position::get)
}

fn whole() -> DocumentEnd {
    DocumentEnd::Document { validators: Validators::default(), taken: Vec::new() }
}

fn at(position: u64) -> Position {
    Position::new(position).unwrap()
}

/// The entries after a position, as position and id.
async fn after(store: &Arc<dyn CursorStore>, position: u64, most: u16) -> Vec<(u64, String)> {
    let run = store.entries(&subscription(), at(position), most, &|_| true).await.unwrap();
    let entry = |it: &Recorded| (it.position.get(), it.event.id().to_string());
    run.events.iter().map(entry).collect()
}

fn numbered(numbers: std::ops::Range<u64>) -> Vec<(u64, String)> {
    numbers.map(|number| (number + 1, number.to_string())).collect()
}

async fn entries_are_numbered_as_they_are_found_and_read_back_byte_for_byte(database: Database) {
    let (store, leases) = held(&database, 4).await;
    assert_eq!(add(&store, leases[0], 0..3).await, Some(3));
    assert_eq!(add(&store, leases[0], 0..0).await, Some(3));
    assert_eq!(add(&store, leases[0], 3..7).await, Some(7));
    assert_eq!(after(&store, 0, 100).await, numbered(0..7));
    assert_eq!(after(&store, 2, 3).await, numbered(2..5));
    assert_eq!(after(&store, 7, 3).await, []);
    let run = store.entries(&subscription(), at(2), 3, &|_| true).await.unwrap();
    assert_eq!((run.through, run.found), (at(5), at(7)));
    let recorded = Recorded { position: at(3), updated: updated(), event: event(2) };
    assert_eq!(run.events[0], recorded);
    assert_eq!(store.entry(&subscription(), at(3)).await.unwrap(), Some(recorded));
    assert_eq!(store.entry(&subscription(), at(8)).await.unwrap(), None);

    // Those of other shards are passed.
    let count = ShardCount::new(4).unwrap();
    let mine = count.shard_of_hash(hash(Some("order-1"), "", ""));
    let run = store
        .entries(&subscription(), at(0), 100, &|hash| count.shard_of_hash(hash) == mine)
        .await
        .unwrap();
    assert_eq!(run.through, at(7));
    let shard =
        |it: &Recorded| count.shard_of(it.event.subject(), it.event.source(), it.event.id());
    assert!(!run.events.is_empty() && run.events.iter().all(|it| shard(it) == mine));
    // Another group has found nothing.
    let other = Subscription { group: "shipping".into(), ..subscription() };
    let run = store.entries(&other, at(0), 100, &|_| true).await.unwrap();
    assert_eq!((run.events.len(), run.through), (0, at(0)));
}

async fn what_was_found_before_is_not_added_again_unless_updates_count(database: Database) {
    let (store, leases) = held(&database, 1).await;
    let lease = leases[0];
    assert_eq!(add(&store, lease, 0..3).await, Some(3));
    // As after an error, and in another document.
    assert_eq!(add(&store, lease, 0..3).await, Some(3));
    assert_eq!(add_with(&store, lease, &found(1..4, 9), false, &whole()).await, Some(4));
    assert_eq!(add_with(&store, lease, &found(0..5, -9), true, &whole()).await, Some(5));
    assert_eq!(add_with(&store, lease, &found(1..3, 5), true, &whole()).await, Some(7));
    assert_eq!(add_with(&store, lease, &found(1..3, 5), true, &whole()).await, Some(7));
    let ids: Vec<_> = after(&store, 0, 100).await.into_iter().map(|it| it.1).collect();
    assert_eq!(ids, ["0", "1", "2", "3", "4", "1", "2"]);
    let seen = store.seen(&subscription(), &strs(&iris(0..9))).await.unwrap();
    assert_eq!(seen.len(), 5);
    assert_eq!(seen["tag:a,2026:0"], Some(updated()));
    assert_eq!(seen["tag:a,2026:1"], Some(updated() + chrono::Duration::seconds(5)));
}

async fn whoever_has_lost_the_shard_adds_nothing(database: Database) {
    let (store, leases) = held(&database, 2).await;
    let strange = Lease { token: Token::new(9), ..leases[0] };
    assert_eq!(add(&store, strange, 0..3).await, None);
    store.searched(&subscription(), strange).await.unwrap();
    assert!(!store.has_seen(&subscription()).await.unwrap());
    let state = async || {
        let run = store.entries(&subscription(), at(0), 100, &|_| true).await.unwrap();
        (run.found.get(), run.searched)
    };
    assert_eq!(state().await, (0, 0));
    let known = page(1, "http://a/1", PageState::Walked);
    assert!(
        store.put_pages(&subscription(), leases[0], std::slice::from_ref(&known)).await.unwrap()
    );
    let other = page(2, "http://a/2", PageState::Found);
    assert!(!store.put_pages(&subscription(), strange, &[other]).await.unwrap());
    assert!(!store.page_done(&subscription(), strange, 1).await.unwrap());
    assert!(!store.drop_pages(&subscription(), strange, 0, 9).await.unwrap());
    assert_eq!(store.pages(&subscription()).await.unwrap(), [known]);
    assert_eq!(add(&store, leases[0], 0..3).await, Some(3));
    store.searched(&subscription(), leases[0]).await.unwrap();
    assert_eq!(state().await, (3, 1));
}

async fn of_several_that_add_the_same_at_once_one_does(database: Database) {
    let (_, leases) = held(&database, 1).await;
    let mut programs = tokio::task::JoinSet::new();
    for first in 0..4 {
        let (database, lease) = (database.clone(), leases[0]);
        programs.spawn(async move {
            let store = database.open().await;
            for from in first..20 {
                add(&store, lease, from..from + 5).await.unwrap();
            }
        });
    }
    programs.join_all().await;
    let store = database.open().await;
    let mut ids: Vec<u32> =
        after(&store, 0, 100).await.into_iter().map(|it| it.1.parse().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..24).collect::<Vec<_>>());
}

async fn what_is_known_of_a_document_is_kept_with_its_entries(database: Database) {
    let (store, leases) = held(&database, 1).await;
    let lease = leases[0];
    let (archive, mut paged) =
        (page(1, "http://a/1", PageState::Walked), page(2, "http://a/2", PageState::Walked));
    paged.kind = PageKind::Paged;
    store.put_pages(&subscription(), lease, &[archive, paged]).await.unwrap();
    let states = async || {
        let pages = store.pages(&subscription()).await.unwrap();
        pages.iter().map(|it| (it.place, it.state)).collect::<Vec<_>>()
    };
    let end = DocumentEnd::Page { place: 1, kind: PageKind::Archive };
    add_with(&store, lease, &found(0..1, 0), false, &end).await;
    assert_eq!(states().await, [(1, PageState::Done), (2, PageState::Walked)]);
    let end = DocumentEnd::Page { place: 2, kind: PageKind::Paged };
    add_with(&store, lease, &found(1..2, 0), false, &end).await;
    assert_eq!(states().await, [(1, PageState::Done)]);
    let validators = Validators { etag: Some("\"b\"".into()), last_modified: Some("then".into()) };
    let taken = seen(7..8);
    let end = DocumentEnd::Document { validators: validators.clone(), taken };
    assert_eq!(add_with(&store, lease, &[], false, &end).await, Some(2));
    assert_eq!(store.find(&subscription()).await.unwrap().unwrap().validators, validators);
    let known = store.seen(&subscription(), &strs(&iris(0..9))).await.unwrap();
    assert_eq!(known.len(), 3);
    assert!(known.contains_key("tag:a,2026:7"), "taken as handled");
}

async fn entries_are_forgotten_only_when_they_are_out_of_the_document_and_many(database: Database) {
    let (store, leases) = held(&database, 1).await;
    let lease = leases[0];
    let known =
        async |numbers| store.seen(&subscription(), &strs(&iris(numbers))).await.unwrap().len();
    assert_eq!(add(&store, lease, 0..10_005).await, Some(10_005));
    assert_eq!(known(0..10_005).await, 10_005);
    assert_eq!(add(&store, lease, 10_004..10_006).await, Some(10_006));
    assert_eq!(known(0..10_006).await, 10_002);
    assert_eq!(add(&store, lease, 10_004..10_006).await, Some(10_006));
    assert_eq!(known(0..10_006).await, 10_002);
}

async fn an_entry_goes_when_all_shards_have_passed_it_and_nothing_waits_for_it(database: Database) {
    let (store, leases) = held(&database, 2).await;
    add(&store, leases[0], 0..9).await;
    let prune = async || store.prune(&subscription()).await.unwrap();
    assert_eq!(prune().await, 9);
    store.advance_shards(&advance(&[to(leases[0], 6)])).await.unwrap();
    assert_eq!(prune().await, 9, "the other shard has passed none");
    assert_eq!(after(&store, 0, 100).await, numbered(0..9));

    let recorded = store.entry(&subscription(), at(2)).await.unwrap().unwrap();
    let subject = recorded.event.subject().unwrap().clone();
    let parking = Parking {
        recorded: Arc::new(recorded),
        error: "no".into(),
        attempts: 1,
        retry_after: None,
    };
    assert!(store.park(&subscription(), &to(leases[1], 2), &parking).await.unwrap());
    let mut follows = advance(&[to(leases[1], 7)]);
    let follower = Follower { lease: leases[1], subject, position: at(5) };
    follows.followers = vec![follower];
    assert!(store.advance_shards(&follows).await.unwrap().is_empty());
    assert_eq!(prune().await, 3);
    let there = async || {
        let mut there = Vec::new();
        for position in 1..10 {
            if store.entry(&subscription(), at(position)).await.unwrap().is_some() {
                there.push(position);
            }
        }
        there
    };
    assert_eq!(there().await, [5, 7, 8, 9]);
    // What is next is numbered on.
    assert_eq!(add(&store, leases[0], 9..10).await, Some(10));
    assert_eq!(after(&store, 6, 100).await, numbered(6..10));

    for position in [2, 5] {
        let resolution = Resolution::Handled;
        store.resolve(&subscription(), leases[1], at(position), &resolution).await.unwrap();
    }
    let all: Vec<_> = leases.iter().map(|lease| to(*lease, 10)).collect();
    store.advance_shards(&advance(&all)).await.unwrap();
    assert_eq!(prune().await, 0);
    assert_eq!(there().await, [0; 0]);
    assert_eq!(add(&store, leases[0], 10..11).await, Some(11));
}

async fn an_entry_that_is_missing_is_an_error(database: Database) {
    let (store, leases) = held(&database, 1).await;
    add(&store, leases[0], 0..5).await;
    store.advance_shards(&advance(&[to(leases[0], 3)])).await.unwrap();
    store.prune(&subscription()).await.unwrap();
    assert_eq!(after(&store, 3, 100).await, numbered(3..5));
    // As if a cursor stood where it never did.
    let error = store.entries(&subscription(), at(1), 100, &|_| false).await.unwrap_err();
    assert!(matches!(error, StoreError::Inconsistent { column: "position", .. }), "{error:?}");
    assert!(error.to_string().contains("position 2"), "{error}");
}

async fn an_add_that_is_dropped_is_done_or_not_and_holds_no_lock(database: Database) {
    let (store, leases) = held(&database, 1).await;
    let end = whole();
    for first in 0..30 {
        let entries = found(first * 3..first * 3 + 3, 0);
        let finding = Finding { entries: &entries, each_update: false, end: &end };
        let subscription = subscription();
        let adding = store.add_found(&subscription, leases[0], &finding);
        let mut adding = std::pin::pin!(adding);
        for _ in 0..first {
            if futures_util::poll!(adding.as_mut()).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    // A dropped transaction may yet be rolled back.
    assert!(add(&store, leases[0], 1000..1003).await.is_some());
    let run = store.entries(&subscription(), at(0), 1000, &|_| true).await.unwrap();
    assert_eq!(run.events.len() as u64, run.found.get());
    assert_eq!(run.found.get() % 3, 0);
}

promises! {
    entries_are_numbered_as_they_are_found_and_read_back_byte_for_byte,
    what_was_found_before_is_not_added_again_unless_updates_count,
    whoever_has_lost_the_shard_adds_nothing,
    of_several_that_add_the_same_at_once_one_does,
    what_is_known_of_a_document_is_kept_with_its_entries,
    entries_are_forgotten_only_when_they_are_out_of_the_document_and_many,
    an_entry_goes_when_all_shards_have_passed_it_and_nothing_waits_for_it,
    an_entry_that_is_missing_is_an_error,
    an_add_that_is_dropped_is_done_or_not_and_holds_no_lock,
}
