//! Parked events, those that wait behind them, and requests of people.
//!
//! # Layout
//!
//! - [`people`]: what people see, and what they ask for
//! - [`model`]: whatever happens, a store is what a model of it in memory is

mod model;
mod people;

use std::time::Duration;

use bytes::Bytes;
use feed_protocol::event::{EventParts, EventType, Subject};
use feed_protocol::{Event, Recorded};

use super::leases::Hand;
use super::shards::{cut, stands, to};
use super::*;
use crate::shard::{ShardNumber, Token};
use crate::store::parking::{
    Answer, Deed, ParkAction, Parked, ParkedFilter, Parking, RequestId, Requested, Resolution,
    Resolved, Resolving,
};
use crate::store::shards::Lease;
use crate::store::transaction::{Database as Kind, Postgres, Sqlite, Transactions};

pub(super) fn at(position: u64) -> Position {
    Position::new(position).unwrap()
}

fn event(position: u64, subject: Option<&str>) -> Recorded {
    let source = "/shop".parse().unwrap();
    let event_type = "order.placed".parse::<EventType>().unwrap();
    let mut parts = EventParts::new(position.to_string().parse().unwrap(), source, event_type);
    parts.subject = subject.map(|subject| subject.parse().unwrap());
    parts.data =
        Some(Bytes::from_static(b"{ \"total\":\t\"1.98\", \"name\": \"\\u0000\xc3\xa9\" }"));
    Recorded { position: at(position), updated: updated(), event: Event::new(parts).unwrap() }
}

/// An event that failed, to be taken up again after so many seconds.
pub(super) fn failed(position: u64, subject: Option<&str>, retry: Option<u64>) -> Parking {
    Parking {
        recorded: Arc::new(event(position, subject)),
        error: "the bill is wrong\nno such customer".into(),
        attempts: 3,
        retry_after: retry.map(Duration::from_secs),
    }
}

pub(super) fn follower(lease: Lease, subject: &str, position: u64) -> Follower {
    Follower { lease, subject: subject.parse().unwrap(), position: at(position) }
}

/// A subscription with one shard, and a worker that holds it.
async fn held(database: &Database) -> (Arc<dyn CursorStore>, Lease, Hand) {
    let store = cut(database, 0, 1).await;
    let mut hand = Hand::new("a");
    hand.beats(&store).await;
    let lease = hand.leases()[0];
    (store, lease, hand)
}

/// Parks an event, of a shard whose cursor moves past it.
pub(super) async fn park(store: &Arc<dyn CursorStore>, lease: Lease, parking: &Parking) {
    let position = parking.recorded.position.get();
    assert!(store.park(&subscription(), &to(lease, position), parking).await.unwrap());
}

pub(super) async fn follow(store: &Arc<dyn CursorStore>, followers: &[Follower]) {
    let last = followers.iter().max_by_key(|it| it.position).unwrap();
    let mut advance = advance(&[to(last.lease, last.position.get())]);
    advance.followers = followers.to_vec();
    assert!(store.advance_shards(&advance).await.unwrap().is_empty());
}

pub(super) async fn handled(
    store: &Arc<dyn CursorStore>,
    lease: Lease,
    position: u64,
) -> Option<u64> {
    let resolved = store.resolve(&subscription(), lease, at(position), &Resolution::Handled).await;
    resolved.unwrap().unwrap().next.map(Position::get)
}

/// The heads: position, subject, whether it is due, and how many follow.
type Head = (u64, Option<String>, bool, u64);

async fn heads(store: &Arc<dyn CursorStore>, shards: &[u16]) -> Vec<Head> {
    let shards: Vec<_> = shards.iter().copied().map(ShardNumber::new).collect();
    let heads = store.heads(&subscription(), &shards).await.unwrap();
    let head = |it: &crate::store::parking::ParkedHead| {
        let subject = it.subject.as_ref().map(Subject::to_string);
        (it.position.get(), subject, it.due == Some(Duration::ZERO), it.followers)
    };
    heads.iter().map(head).collect()
}

fn of(subject: &str) -> Option<String> {
    Some(subject.to_owned())
}

async fn deeds(store: &Arc<dyn CursorStore>, position: u64) -> Vec<(Deed, String, String)> {
    let record = store.record(&subscription(), Some(at(position)), RequestId(0), 100).await;
    record.unwrap().into_iter().map(|it| (it.what, it.who, it.why)).collect()
}

async fn position(store: &Arc<dyn CursorStore>) -> u64 {
    store.shards(&subscription()).await.unwrap()[0].place.position.get()
}

async fn a_parked_event_is_read_back_byte_for_byte_and_the_cursor_is_past_it(database: Database) {
    let (store, lease, _) = held(&database).await;
    let parking = failed(5, Some("order-1"), Some(600));
    park(&store, lease, &parking).await;
    // Its answer may have got lost.
    park(&store, lease, &parking).await;
    assert_eq!(position(&store).await, 5);
    let parked = store.parked(&subscription(), at(5)).await.unwrap().unwrap();
    let due = parked.due.unwrap();
    assert!(due > Duration::from_secs(500) && due <= Duration::from_secs(600), "{due:?}");
    let expected = Parked {
        shard: lease.shard,
        recorded: (*parking.recorded).clone(),
        edited: None,
        error: parking.error.clone(),
        attempts: 3,
        retries: 0,
        repairs: 0,
        parked: parked.parked,
        due: Some(due),
        followers: 0,
    };
    assert_eq!(parked, expected);
    assert_eq!(store.parked(&subscription(), at(4)).await.unwrap(), None);
    let who = "shop:4000000000".to_owned();
    assert_eq!(deeds(&store, 5).await, [(Deed::Parked, who, parking.error)]);
}

async fn what_no_text_may_be_and_what_is_too_long_of_an_error_is_kept_all_the_same(
    database: Database,
) {
    let (store, lease, _) = held(&database).await;
    let mut parking = failed(5, None, None);
    parking.error = format!("a\0b{}", "é".repeat(20_000));
    park(&store, lease, &parking).await;
    let parked = store.parked(&subscription(), at(5)).await.unwrap().unwrap();
    assert!(parked.error.starts_with("a\u{fffd}bé"));
    assert!(parked.error.len() <= 16 * 1024 + 3 && parked.error.len() > 16_000);
    assert_eq!(parked.due, None);
}

async fn what_follows_waits_in_order_until_each_is_resolved(database: Database) {
    let (store, lease, _) = held(&database).await;
    park(&store, lease, &failed(2, Some("order-1"), Some(600))).await;
    park(&store, lease, &failed(3, Some("order-2"), None)).await;
    park(&store, lease, &failed(4, None, Some(0))).await;
    let order_1 = [9, 5, 7].map(|position| follower(lease, "order-1", position));
    follow(&store, &order_1).await;
    // Its answer may have got lost.
    follow(&store, &order_1).await;
    follow(&store, &[follower(lease, "order-2", 10)]).await;
    assert_eq!(position(&store).await, 10);
    let parked = [(3, of("order-2"), false, 1), (4, None, true, 0)];
    let [order_2, none] = parked.clone();
    let all = [(2, of("order-1"), false, 3), order_2.clone(), none.clone()];
    assert_eq!(heads(&store, &[0]).await, all);
    assert_eq!(handled(&store, lease, 2).await, Some(5));
    let first = (5, of("order-1"), true, 2);
    assert_eq!(heads(&store, &[0]).await, [order_2.clone(), none.clone(), first]);
    assert_eq!(handled(&store, lease, 5).await, Some(7));
    // Its answer may have got lost.
    assert_eq!(handled(&store, lease, 5).await, Some(7));
    // One that fails in its turn is parked, and the cursor stays.
    park(&store, lease, &failed(7, Some("order-1"), Some(600))).await;
    assert_eq!(position(&store).await, 10);
    let second = (7, of("order-1"), false, 1);
    assert_eq!(heads(&store, &[0]).await, [order_2.clone(), none.clone(), second]);
    assert_eq!(handled(&store, lease, 7).await, Some(9));
    assert_eq!(handled(&store, lease, 9).await, None);
    assert_eq!(handled(&store, lease, 9).await, None);
    assert_eq!(heads(&store, &[0]).await, parked);
    assert_eq!(handled(&store, lease, 4).await, None);
    assert_eq!(heads(&store, &[0]).await, [order_2]);
    // Those that were handled in their turn are not on record.
    assert!(deeds(&store, 9).await.is_empty());
    let what: Vec<_> = deeds(&store, 7).await.into_iter().map(|it| it.0).collect();
    assert_eq!(what, [Deed::Parked, Deed::Handled]);
}

async fn a_worker_learns_of_its_own_shards_alone(database: Database) {
    let store = cut(&database, 0, 3).await;
    let mut hand = Hand::new("a");
    hand.beats(&store).await;
    for (lease, position) in hand.leases().into_iter().zip([5, 4, 3]) {
        park(&store, lease, &failed(position, Some("order-1"), Some(0))).await;
        follow(&store, &[follower(lease, "order-1", position + 10)]).await;
        let asked =
            store.request(&subscription(), at(position), &ParkAction::Retry, "ann").await.unwrap();
        assert!(matches!(asked, Requested::Asked(_)));
    }
    let positions = async |shards: &[u16]| -> Vec<u64> {
        heads(&store, shards).await.into_iter().map(|it| it.0).collect()
    };
    assert_eq!(positions(&[0, 2]).await, [3, 5]);
    assert_eq!(positions(&[1]).await, [4]);
    assert!(positions(&[]).await.is_empty());
    let shards = [ShardNumber::new(2), ShardNumber::new(0)];
    let requests = store.requests(&subscription(), &shards).await.unwrap();
    // The oldest first.
    assert_eq!(requests.iter().map(|it| it.position.get()).collect::<Vec<_>>(), [5, 3]);
}

async fn under_an_old_token_nothing_is_changed(database: Database) {
    let (store, old, hand) = held(&database).await;
    park(&store, old, &failed(5, Some("order-1"), Some(600))).await;
    let asked = store.request(&subscription(), at(5), &ParkAction::Retry, "ann").await.unwrap();
    let Requested::Asked(request) = asked else { panic!("{asked:?}") };
    store.bury(&hand.id()).await.unwrap();
    let mut other = Hand::new("b");
    other.beats(&store).await;
    let before = store.parked(&subscription(), at(5)).await.unwrap().unwrap();
    let subscription = subscription();
    let parking = failed(6, Some("order-2"), Some(0));
    assert!(!store.park(&subscription, &to(old, 6), &parking).await.unwrap());
    let failed = store.retry_failed(&subscription, old, at(5), "again", 1, None).await;
    assert!(!failed.unwrap());
    let resolved = store.resolve(&subscription, old, at(5), &Resolution::Handled).await.unwrap();
    assert_eq!(resolved, None);
    assert!(!store.answer(&subscription, old, request, &Answer::Taken).await.unwrap());
    let mut follows = advance(&[to(old, 7)]);
    follows.followers = vec![follower(old, "order-1", 7)];
    assert_eq!(store.advance_shards(&follows).await.unwrap(), [old.shard]);
    let after = store.parked(&subscription, at(5)).await.unwrap().unwrap();
    assert_eq!(Parked { due: before.due, ..after }, before);
    assert_eq!(position(&store).await, 5);
    assert_eq!(heads(&store, &[0]).await, [(5, of("order-1"), false, 0)]);
    assert_eq!(store.requests(&subscription, &[old.shard]).await.unwrap().len(), 1);
    // The new holder goes on where the old one was.
    assert_eq!(handled(&store, other.leases()[0], 5).await, None);
}

async fn of_shards_that_move_together_those_that_are_held_record_what_follows(database: Database) {
    let store = cut(&database, 0, 2).await;
    let mut hand = Hand::new("a");
    hand.beats(&store).await;
    let [kept, lost] = hand.leases().try_into().unwrap();
    let lost = Lease { token: Token::new(lost.token.get() + 1), ..lost };
    let mut follows = advance(&[to(lost, 8), to(kept, 7)]);
    follows.followers = vec![follower(lost, "order-2", 8), follower(kept, "order-1", 7)];
    assert_eq!(store.advance_shards(&follows).await.unwrap(), [lost.shard]);
    assert_eq!(heads(&store, &[0, 1]).await, [(7, of("order-1"), true, 0)]);
}

async fn a_retry_that_fails_is_counted_and_is_due_later_or_never(database: Database) {
    let (store, lease, _) = held(&database).await;
    let subscription = subscription();
    park(&store, lease, &failed(5, None, Some(0))).await;
    let hour = Some(Duration::from_secs(3600));
    assert!(store.retry_failed(&subscription, lease, at(5), "again", 2, hour).await.unwrap());
    let parked = store.parked(&subscription, at(5)).await.unwrap().unwrap();
    assert_eq!((&*parked.error, parked.attempts, parked.retries), ("again", 5, 1));
    assert!(parked.due.unwrap() > Duration::from_secs(3000));
    assert!(store.retry_failed(&subscription, lease, at(5), "never", 1, None).await.unwrap());
    let parked = store.parked(&subscription, at(5)).await.unwrap().unwrap();
    assert_eq!((parked.attempts, parked.retries, parked.due), (6, 2, None));
    let why: Vec<_> = deeds(&store, 5).await.into_iter().map(|it| (it.0, it.2)).collect();
    assert_eq!(why[1..], [(Deed::Failed, "again".into()), (Deed::Failed, "never".into())]);
}

async fn what_is_parked_beyond_a_cursor_that_is_put_by_hand_is_forgotten(database: Database) {
    let (store, lease, hand) = held(&database).await;
    let subscription = subscription();
    park(&store, lease, &failed(3, Some("order-1"), None)).await;
    park(&store, lease, &failed(5, Some("order-2"), None)).await;
    follow(&store, &[follower(lease, "order-1", 4), follower(lease, "order-1", 6)]).await;
    store.request(&subscription, at(5), &ParkAction::Retry, "ann").await.unwrap();
    store.leave(&hand.id()).await.unwrap();
    store.put_shards(&subscription, &stands(4)).await.unwrap();
    assert_eq!(heads(&store, &[0]).await, [(3, of("order-1"), false, 1)]);
    assert!(store.requests(&subscription, &[lease.shard]).await.unwrap().is_empty());
    assert_eq!(deeds(&store, 5).await.pop().unwrap().0, Deed::Forgotten);
    // In its own life, a cursor leaves the rest alone; another life has nothing of it.
    let begun = place(0);
    assert!(store.put(&subscription, &begun, &place(4)).await.unwrap());
    assert_eq!(heads(&store, &[0]).await.len(), 1);
    let other = Place { incarnation: Some("k3v9x3".parse().unwrap()), ..place(4) };
    assert!(store.put(&subscription, &place(4), &other).await.unwrap());
    assert!(heads(&store, &[0]).await.is_empty());
    assert_eq!(deeds(&store, 3).await.pop().unwrap().0, Deed::Forgotten);
}

async fn nothing_is_left_of_a_subscription_that_is_forgotten(database: Database) {
    let (store, lease, _) = held(&database).await;
    let subscription = subscription();
    park(&store, lease, &failed(3, Some("order-1"), None)).await;
    follow(&store, &[follower(lease, "order-1", 4)]).await;
    store.request(&subscription, at(3), &ParkAction::Retry, "ann").await.unwrap();
    assert!(store.forget(&subscription, &place(0)).await.unwrap());
    assert!(heads(&store, &[0]).await.is_empty());
    assert!(store.requests(&subscription, &[lease.shard]).await.unwrap().is_empty());
    assert!(deeds(&store, 3).await.is_empty());
    assert_eq!(store.parked(&subscription, at(3)).await.unwrap(), None);
}

/// What a handler of this kind of database does with an event that was parked.
async fn in_a_transaction_of_a_handlers<DB: Kind>(database: &Database) {
    let (store, lease, hand) = held(database).await;
    park(&store, lease, &failed(3, Some("order-1"), Some(0))).await;
    follow(&store, &[follower(lease, "order-1", 4)]).await;
    let opened = CursorDatabase::from(database.url()).locate().unwrap().open().await.unwrap();
    let transactions = Transactions::<DB>::of(&opened, None).unwrap();
    let resolving = |lease| Resolving {
        subscription: subscription(),
        lease,
        position: at(3),
        resolution: Resolution::Handled,
    };
    let open = transactions.begin().await.unwrap();
    let old = Lease { token: Token::new(lease.token.get() + 1), ..lease };
    assert_eq!(open.commit_resolved(&resolving(old)).await.unwrap(), None);
    assert_eq!(heads(&store, &[0]).await, [(3, of("order-1"), true, 1)]);
    let open = transactions.begin().await.unwrap();
    let resolved = open.commit_resolved(&resolving(lease)).await.unwrap();
    assert_eq!(resolved, Some(Resolved { next: Some(at(4)) }));
    assert_eq!(heads(&store, &[0]).await, [(4, of("order-1"), true, 0)]);
    drop(hand);
}

#[tokio::test]
async fn the_head_of_a_subject_is_resolved_in_a_transaction_of_a_handlers_on_sqlite() {
    in_a_transaction_of_a_handlers::<Sqlite>(&sqlite().await).await;
}

#[tokio::test]
async fn the_head_of_a_subject_is_resolved_in_a_transaction_of_a_handlers_on_postgresql() {
    in_a_transaction_of_a_handlers::<Postgres>(&postgres().await).await;
}

promises! {
    a_parked_event_is_read_back_byte_for_byte_and_the_cursor_is_past_it,
    what_no_text_may_be_and_what_is_too_long_of_an_error_is_kept_all_the_same,
    what_follows_waits_in_order_until_each_is_resolved,
    a_worker_learns_of_its_own_shards_alone,
    under_an_old_token_nothing_is_changed,
    of_shards_that_move_together_those_that_are_held_record_what_follows,
    a_retry_that_fails_is_counted_and_is_due_later_or_never,
    what_is_parked_beyond_a_cursor_that_is_put_by_hand_is_forgotten,
    nothing_is_left_of_a_subscription_that_is_forgotten,
}
