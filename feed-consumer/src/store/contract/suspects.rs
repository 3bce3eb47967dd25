//! What may have ended a holder.

use super::leases::Hand;
use super::parking::at;
use super::shards::{cut, stands, to};
use super::*;
use crate::shard::Token;
use crate::store::shards::Lease;
use crate::store::suspects::{Suspects, Tried};

fn suspects(events: u32, tried: Option<(u64, u32)>) -> Suspects {
    let tried = tried.map(|(position, attempts)| Tried { position: at(position), attempts });
    Suspects { events, tried }
}

/// A worker that handles so many events beyond a cursor.
fn hand(name: &str, window: u32) -> Hand {
    let mut hand = Hand::new(name);
    hand.window = window;
    hand
}

/// What a worker is told of the one shard when it acquires it.
async fn inherits(store: &Arc<dyn CursorStore>, hand: &mut Hand) -> Suspects {
    let [acquired] = hand.beats(store).await.acquired.try_into().unwrap();
    let shards = store.shards(&subscription()).await.unwrap();
    assert_eq!(shards[0].suspects, acquired.suspects);
    acquired.suspects
}

async fn what_a_dead_holder_may_have_had_in_hand_is_told_to_the_next(database: Database) {
    let store = cut(&database, 0, 1).await;
    let (mut one, mut two, mut three) = (hand("a", 100), hand("b", 7), hand("c", 300));
    assert_eq!(inherits(&store, &mut one).await, suspects(0, None));
    store.bury(&one.id()).await.unwrap();
    assert_eq!(inherits(&store, &mut two).await, suspects(100, None));
    // It dies as well, and may have had less in hand; those of the first are not cleared.
    store.bury(&two.id()).await.unwrap();
    assert_eq!(inherits(&store, &mut three).await, suspects(100, None));
    store.bury(&three.id()).await.unwrap();
    assert_eq!(inherits(&store, &mut two).await, suspects(300, None));
    // A shard that is given back has nothing in hand; but what it had before is not cleared.
    store.leave(&two.id()).await.unwrap();
    assert_eq!(inherits(&store, &mut one).await, suspects(300, None));
    store.clear_suspects(&subscription(), &one.leases()).await.unwrap();
    assert_eq!(store.shards(&subscription()).await.unwrap()[0].suspects, suspects(0, None));
    store.leave(&one.id()).await.unwrap();
    assert_eq!(inherits(&store, &mut two).await, suspects(0, None));
}

async fn a_holder_that_acquires_its_own_shard_anew_is_not_suspected(database: Database) {
    let store = cut(&database, 0, 1).await;
    let mut one = hand("a", 100);
    inherits(&store, &mut one).await;
    one.held.clear();
    assert_eq!(inherits(&store, &mut one).await, suspects(0, None));
}

async fn attempts_alone_are_counted_over_all_holders_until_they_return(database: Database) {
    let store = cut(&database, 0, 1).await;
    let subscription = subscription();
    let (mut one, mut two) = (hand("a", 100), hand("b", 100));
    inherits(&store, &mut one).await;
    let lease = one.leases()[0];
    let begin = async |lease: Lease, position: u64| {
        store.begin_alone(&subscription, lease, at(position)).await.unwrap()
    };
    assert_eq!(begin(lease, 3).await, Some(1));
    assert!(store.end_alone(&subscription, lease, at(3)).await.unwrap());
    assert_eq!(begin(lease, 3).await, Some(1));
    store.bury(&one.id()).await.unwrap();
    assert_eq!(inherits(&store, &mut two).await, suspects(100, Some((3, 1))));
    // The dead one awakes.
    let mine = two.leases()[0];
    assert!(mine.token > lease.token);
    assert_eq!(begin(lease, 3).await, None);
    assert!(!store.end_alone(&subscription, lease, at(3)).await.unwrap());
    store.clear_suspects(&subscription, &[lease]).await.unwrap();

    assert_eq!(begin(mine, 3).await, Some(2));
    // It gives the shard back half way: nothing is forgotten.
    store.leave(&two.id()).await.unwrap();
    assert_eq!(inherits(&store, &mut one).await, suspects(100, Some((3, 2))));
    let lease = one.leases()[0];
    assert_eq!(begin(lease, 3).await, Some(3));
    assert!(store.end_alone(&subscription, lease, at(3)).await.unwrap());
    let shard = async || store.shards(&subscription).await.unwrap().remove(0);
    assert_eq!(shard().await.suspects, suspects(100, Some((3, 2))));
    // What is about another event changes nothing, and another event begins at one.
    assert!(store.end_alone(&subscription, lease, at(4)).await.unwrap());
    assert_eq!(shard().await.suspects, suspects(100, Some((3, 2))));
    assert_eq!(begin(lease, 4).await, Some(1));
    assert_eq!(shard().await.suspects, suspects(100, Some((4, 1))));
    store.advance_shards(&advance(&[to(lease, 3)])).await.unwrap();
    assert_eq!(shard().await.suspects, suspects(100, Some((4, 1))));
    store.clear_suspects(&subscription, &[lease]).await.unwrap();
    assert_eq!(shard().await.suspects, Suspects::default());
}

async fn suspects_are_cleared_of_those_shards_that_are_held(database: Database) {
    let store = cut(&database, 0, 3).await;
    let (mut one, mut two) = (hand("a", 100), hand("b", 100));
    one.beats(&store).await;
    store.bury(&one.id()).await.unwrap();
    two.beats(&store).await;
    let mut leases = two.leases();
    leases.reverse();
    leases[1].token = Token::new(77);
    store.clear_suspects(&subscription(), &leases).await.unwrap();
    let shards = store.shards(&subscription()).await.unwrap();
    assert_eq!(shards.iter().map(|it| it.suspects.events).collect::<Vec<_>>(), [0, 100, 0]);
}

async fn a_cursor_that_is_put_elsewhere_by_hand_has_no_suspects(database: Database) {
    let store = cut(&database, 5, 1).await;
    let (mut one, mut two) = (hand("a", 100), hand("b", 100));
    inherits(&store, &mut one).await;
    store.bury(&one.id()).await.unwrap();
    inherits(&store, &mut two).await;
    store.begin_alone(&subscription(), two.leases()[0], at(6)).await.unwrap();
    store.bury(&two.id()).await.unwrap();
    assert!(store.put_shards(&subscription(), &stands(2)).await.unwrap().is_empty());
    assert_eq!(inherits(&store, &mut one).await, suspects(0, None));
}

promises! {
    what_a_dead_holder_may_have_had_in_hand_is_told_to_the_next,
    a_holder_that_acquires_its_own_shard_anew_is_not_suspected,
    attempts_alone_are_counted_over_all_holders_until_they_return,
    suspects_are_cleared_of_those_shards_that_are_held,
    a_cursor_that_is_put_elsewhere_by_hand_has_no_suspects,
}
