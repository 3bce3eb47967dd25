//! Shards, and their cursors.

use super::leases::Hand;
use super::*;
use crate::shard::{ShardCount, ShardNumber, Token};
use crate::store::parking::Follower;
use crate::store::shards::{Lease, Move, ShardPlace};

/// A subscription that has begun at a position, cut into so many shards.
pub(super) async fn cut(database: &Database, position: u64, shards: u16) -> Arc<dyn CursorStore> {
    let store = database.open().await;
    store.begin(&subscription(), "http://a/", &place(position), &[], &[]).await.unwrap();
    let count = ShardCount::new(shards).unwrap();
    assert_eq!(store.cut(&subscription(), count).await.unwrap(), count);
    store
}

/// Where a shard stands at a position, with the last event before it.
pub(super) fn stands(position: u64) -> ShardPlace {
    let Place { position, last, validators, .. } = place(position);
    ShardPlace { position, last, validators }
}

pub(super) fn to(lease: Lease, position: u64) -> Move {
    Move { lease, to: stands(position) }
}

async fn positions(store: &Arc<dyn CursorStore>) -> Vec<u64> {
    let shards = store.shards(&subscription()).await.unwrap();
    shards.iter().map(|shard| shard.place.position.get()).collect()
}

async fn a_subscription_is_cut_once_and_the_first_count_wins(database: Database) {
    let store = database.open().await;
    let count = |shards| ShardCount::new(shards).unwrap();
    let error = store.cut(&subscription(), count(4)).await.unwrap_err();
    assert!(matches!(error, StoreError::Inconsistent { column: "shards", .. }), "{error:?}");
    store.begin(&subscription(), "http://a/", &place(5), &[], &[]).await.unwrap();
    assert!(store.shards(&subscription()).await.unwrap().is_empty());

    let mut programs = tokio::task::JoinSet::new();
    for shards in [4, 8, 16] {
        let database = database.clone();
        programs.spawn(async move {
            database.open().await.cut(&subscription(), count(shards)).await.unwrap()
        });
    }
    let counts = programs.join_all().await;
    assert!(counts.iter().all(|it| *it == counts[0]), "{counts:?}");
    let shards = store.shards(&subscription()).await.unwrap();
    let numbers: Vec<_> = shards.iter().map(|shard| shard.lease.shard).collect();
    assert_eq!(numbers, counts[0].numbers().collect::<Vec<_>>());
    for shard in shards {
        assert_eq!((shard.place, shard.holder, shard.left), (stands(5), None, None));
        assert_eq!(shard.lease.token, Token::new(0));
    }
}

async fn the_most_shards_are_cut_held_and_moved_at_once(database: Database) {
    let store = cut(&database, 0, ShardCount::MAX).await;
    let mut hand = Hand::new("a");
    let acquired = hand.beats(&store).await.acquired;
    assert_eq!(acquired.len(), usize::from(ShardCount::MAX));
    assert_eq!(hand.beats(&store).await.renewed.len(), acquired.len());
    let moves: Vec<_> = hand.leases().into_iter().map(|lease| to(lease, 7)).collect();
    assert!(store.advance_shards(&advance(&moves)).await.unwrap().is_empty());
    assert!(positions(&store).await.iter().all(|position| *position == 7));
}

async fn a_dropped_move_is_done_or_not_and_holds_no_lock(database: Database) {
    let store = cut(&database, 0, 1).await;
    let mut hand = Hand::new("a");
    hand.beats(&store).await;
    let lease = hand.leases()[0];
    let mut stood = 0;
    for position in 1..40 {
        let mut advance = advance(&[to(lease, position)]);
        // With what waits it is more than one statement.
        let (subject, position_of) = ("a".parse().unwrap(), Position::new(position).unwrap());
        advance.followers = vec![Follower { lease, subject, position: position_of }];
        for _ in 0..2 {
            // Polled a few times, and dropped.
            let moving = store.advance_shards(&advance);
            let mut moved = std::pin::pin!(moving);
            for _ in 0..position {
                if futures_util::poll!(moved.as_mut()).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let found = store.settled(&subscription(), &[lease.shard]).await.unwrap();
        let found = found[0].place.position.get();
        assert!(found == stood || found == position, "{found}, and not {stood} or {position}");
        stood = found;
    }
    assert!(store.advance_shards(&advance(&[to(lease, 99)])).await.unwrap().is_empty());
}

async fn a_shard_is_read_back_as_it_was_moved(database: Database) {
    let store = cut(&database, 0, 3).await;
    let mut hand = Hand::new("a");
    hand.beats(&store).await;
    let leases = hand.leases();
    // One alone, and several.
    store.advance_shards(&advance(&[to(leases[1], 4)])).await.unwrap();
    let moves = [to(leases[2], 9), to(leases[0], 8)];
    assert!(store.advance_shards(&advance(&moves)).await.unwrap().is_empty());
    let shards = store.shards(&subscription()).await.unwrap();
    let places: Vec<_> = shards.iter().map(|shard| shard.place.clone()).collect();
    assert_eq!(places, [stands(8), stands(4), stands(9)]);
    let holders = shards.iter().map(|shard| shard.holder.clone().unwrap());
    assert!(holders.into_iter().all(|holder| holder == hand.id()));
    assert!(shards.iter().all(|shard| shard.left.unwrap() <= hand.lease));
    let some = [ShardNumber::new(2), ShardNumber::new(0)];
    let settled = store.settled(&subscription(), &some).await.unwrap();
    assert_eq!(settled.iter().map(|it| it.lease).collect::<Vec<_>>(), [leases[0], leases[2]]);
    assert_eq!(settled[1].place, stands(9));
    // What is read so holds no lock.
    store.advance_shards(&advance(&moves)).await.unwrap();
}

async fn a_cursor_of_a_shard_never_moves_back_and_that_is_no_loss(database: Database) {
    let store = cut(&database, 5, 2).await;
    let mut hand = Hand::new("a");
    hand.beats(&store).await;
    let leases = hand.leases();
    let mut stays = stands(5);
    stays.last = None;
    for moves in [vec![to(leases[0], 4)], vec![to(leases[0], 3), to(leases[1], 9)]] {
        assert!(store.advance_shards(&advance(&moves)).await.unwrap().is_empty());
    }
    let shards = store.shards(&subscription()).await.unwrap();
    assert_eq!(shards[0].place, stands(5));
    assert_eq!(shards[1].place, stands(9));
    // At the same place, what else is known of it is kept.
    for moves in [
        vec![Move { lease: leases[0], to: stays.clone() }],
        vec![Move { lease: leases[0], to: stays.clone() }, to(leases[1], 9)],
    ] {
        store.advance_shards(&advance(&[to(leases[0], 5)])).await.unwrap();
        store.advance_shards(&advance(&moves)).await.unwrap();
        assert_eq!(store.shards(&subscription()).await.unwrap()[0].place, stays);
    }
}

async fn shards_are_not_put_elsewhere_while_a_lease_lives(database: Database) {
    let store = cut(&database, 5, 4).await;
    let (mut one, mut two) = (Hand::new("a"), Hand::new("b"));
    one.beats(&store).await;
    two.beats(&store).await;
    let refused = store.put_shards(&subscription(), &stands(2)).await.unwrap();
    assert_eq!(refused.iter().map(|it| it.facts.clone()).collect::<Vec<_>>(), [one.facts()]);
    assert_eq!(positions(&store).await, [5; 4]);

    // What has ended, released or not, is in nobody's way; but its token is worth nothing any more.
    store.bury(&one.id()).await.unwrap();
    assert!(store.put_shards(&subscription(), &stands(2)).await.unwrap().is_empty());
    assert_eq!(positions(&store).await, [2; 4]);
    let late = to(one.leases()[0], 9);
    assert_eq!(store.advance_shards(&advance(&[late])).await.unwrap().len(), 1);
    assert!(one.beats_without_acquiring(&store).await.renewed.is_empty());
    let shards = store.shards(&subscription()).await.unwrap();
    assert!(shards.iter().all(|it| it.holder.is_none() && it.lease.token == Token::new(2)));
}

async fn a_forgotten_subscription_leaves_neither_shards_nor_workers(database: Database) {
    let store = cut(&database, 5, 4).await;
    let mut hand = Hand::new("a");
    hand.beats(&store).await;
    assert!(store.forget(&subscription(), &place(5)).await.unwrap());
    assert!(store.shards(&subscription()).await.unwrap().is_empty());
    assert!(store.workers(&subscription()).await.unwrap().is_empty());
    let late = to(hand.leases()[0], 9);
    assert_eq!(store.advance_shards(&advance(&[late])).await.unwrap().len(), 1);
}

promises! {
    a_subscription_is_cut_once_and_the_first_count_wins,
    the_most_shards_are_cut_held_and_moved_at_once,
    a_dropped_move_is_done_or_not_and_holds_no_lock,
    a_shard_is_read_back_as_it_was_moved,
    a_cursor_of_a_shard_never_moves_back_and_that_is_no_loss,
    shards_are_not_put_elsewhere_while_a_lease_lives,
    a_forgotten_subscription_leaves_neither_shards_nor_workers,
}
