//! Pauses, and other numbers of shards.

use std::collections::{BTreeMap, BTreeSet};

use feed_protocol::Recorded;

use super::leases::Hand;
use super::parking::{at, failed, follow, follower, handled, park};
use super::shards::{cut, stands, to};
use super::*;
use crate::shard::{ShardCount, ShardNumber};
use crate::store::orders::{Barrier, Orders, PauseReason, Resharding};
use crate::store::parking::ParkAction;
use crate::store::shards::ShardPlace;

fn count(shards: u16) -> ShardCount {
    ShardCount::new(shards).unwrap()
}

fn numbers(shards: &[u16]) -> Vec<ShardNumber> {
    shards.iter().copied().map(ShardNumber::new).collect()
}

async fn step(store: &Arc<dyn CursorStore>) -> Resharding {
    store.reshard_step(&subscription()).await.unwrap()
}

async fn shards_are_paused_and_go_on_and_workers_learn_of_it(database: Database) {
    let store = cut(&database, 0, 4).await;
    let subscription = subscription();
    let mut hand = Hand::new("a");
    hand.beats(&store).await;
    let ann = PauseReason { who: "ann".into(), why: "the bank is closed".into() };
    let bob = PauseReason { who: "bob".into(), why: String::new() };
    let pause = async |shards: &[u16], pause: Option<&PauseReason>| {
        store.pause(&subscription, &numbers(shards), pause).await.unwrap()
    };
    assert_eq!(pause(&[2, 0], Some(&ann)).await, numbers(&[0, 2]));
    // One that is paused keeps the reason that it has.
    assert_eq!(pause(&[2, 3], Some(&bob)).await, numbers(&[3]));
    let shards = store.shards(&subscription).await.unwrap();
    let reasons: Vec<_> = shards.iter().map(|it| it.paused.clone().map(|it| it.reason)).collect();
    assert_eq!(reasons, [Some(ann.clone()), None, Some(ann), Some(bob.clone())]);
    assert!(shards[0].paused.as_ref().unwrap().since > shards[0].moved);
    // Whoever holds it learns of it, and keeps it.
    let beaten = hand.beats(&store).await;
    assert_eq!(beaten.renewed.len(), 4);
    let mut orders = Orders::none(count(4));
    orders.paused = numbers(&[0, 2, 3]);
    assert_eq!(beaten.orders, orders);

    assert_eq!(pause(&[2], None).await, numbers(&[2]));
    assert_eq!(pause(&[], Some(&bob)).await, numbers(&[1, 2]));
    assert_eq!(pause(&[], None).await, numbers(&[0, 1, 2, 3]));
    assert!(pause(&[], None).await.is_empty());
    assert_eq!(hand.beats(&store).await.orders, Orders::none(count(4)));
}

async fn shards_are_cut_anew_once_all_stand_at_the_barrier(database: Database) {
    let store = cut(&database, 3, 4).await;
    let subscription = subscription();
    let mut hand = Hand::new("a");
    hand.beats(&store).await;
    let before = hand.leases();
    store.advance_shards(&advance(&[to(before[0], 9), to(before[1], 5)])).await.unwrap();
    assert_eq!(step(&store).await, Resharding::Done(count(4)));
    assert!(store.reshard(&subscription, count(6)).await.unwrap());

    // Drain: what is held is given back, and nothing is acquired.
    assert_eq!(step(&store).await, Resharding::Drain { to: count(6), held: 4 });
    store.release(&subscription, &before[2..]).await.unwrap();
    let beaten = hand.beats(&store).await;
    assert_eq!((beaten.renewed.len(), beaten.acquired.len()), (2, 0));
    assert_eq!(beaten.orders.barrier, Some(Barrier::Drain));
    store.advance_shards(&advance(&[to(before[1], 6)])).await.unwrap();
    assert_eq!(step(&store).await, Resharding::Drain { to: count(6), held: 2 });
    store.release(&subscription, &before[..2]).await.unwrap();

    // Reach: the highest cursor is the barrier, and those before it are acquired again.
    let reach = |short| Resharding::Reach { to: count(6), barrier: at(9), short };
    assert_eq!(step(&store).await, reach(3));
    assert_eq!(step(&store).await, reach(3));
    let mut other = Hand::new("b");
    other.beats_without_acquiring(&store).await;
    store.leave(&other.id()).await.unwrap();
    let beaten = hand.beats(&store).await;
    assert_eq!(beaten.orders.barrier, Some(Barrier::Reach(at(9))));
    let shards: Vec<_> = beaten.acquired.iter().map(|it| it.lease.shard).collect();
    assert_eq!(shards, numbers(&[1, 2, 3]));
    let leases = hand.leases();
    assert!(leases.iter().all(|it| it.token.get() == 3), "raised when the barrier was set");
    let moves: Vec<_> = leases.iter().map(|lease| to(*lease, 9)).collect();
    store.advance_shards(&advance(&moves[..2])).await.unwrap();
    store.release(&subscription, &leases[..1]).await.unwrap();
    assert_eq!(step(&store).await, reach(2), "one is held yet, one is not there");
    store.advance_shards(&advance(&moves[1..])).await.unwrap();
    store.release(&subscription, &leases).await.unwrap();
    assert!(hand.beats(&store).await.acquired.is_empty());

    assert_eq!(step(&store).await, Resharding::Done(count(6)));
    assert_eq!(step(&store).await, Resharding::Done(count(6)));
    let shards = store.shards(&subscription).await.unwrap();
    assert_eq!(
        shards.iter().map(|it| it.lease.shard).collect::<Vec<_>>(),
        numbers(&[0, 1, 2, 3, 4, 5])
    );
    for shard in &shards {
        let place = ShardPlace { validators: Validators::default(), ..stands(9) };
        assert_eq!((&shard.place, shard.lease.token.get()), (&place, 4));
        assert_eq!((&shard.holder, &shard.paused), (&None, &None));
    }
    let beaten = hand.beats(&store).await;
    assert_eq!(beaten.orders, Orders::none(count(6)));
    assert_eq!(beaten.acquired.len(), 6);
}

/// A subscription that is to have another number of shards, of which nobody holds any.
async fn asked_for(database: &Database, shards: u16, to: u16) -> Arc<dyn CursorStore> {
    let store = cut(database, 3, shards).await;
    assert!(store.reshard(&subscription(), count(to)).await.unwrap());
    store
}

async fn another_number_is_withdrawn_or_changed_until_the_barrier_is_set(database: Database) {
    let store = cut(&database, 3, 4).await;
    let subscription = subscription();
    let mut hand = Hand::new("a");
    hand.beats(&store).await;
    for (to, is) in [
        (6, Resharding::Drain { to: count(6), held: 4 }),
        (2, Resharding::Drain { to: count(2), held: 4 }),
        (4, Resharding::Done(count(4))),
        (2, Resharding::Drain { to: count(2), held: 4 }),
    ] {
        assert!(store.reshard(&subscription, count(to)).await.unwrap());
        assert_eq!(step(&store).await, is);
    }
    store.leave(&hand.id()).await.unwrap();
    let reach = Resharding::Reach { to: count(2), barrier: at(3), short: 0 };
    assert_eq!(step(&store).await, reach);
    for to in [6, 2, 4] {
        assert!(!store.reshard(&subscription, count(to)).await.unwrap());
    }
    assert_eq!(step(&store).await, Resharding::Done(count(2)));
    assert!(store.reshard(&subscription, count(6)).await.unwrap());
}

async fn whoever_had_a_shard_when_the_barrier_is_set_writes_no_more(database: Database) {
    let store = cut(&database, 3, 2).await;
    let subscription = subscription();
    let mut zombie = Hand::new("a");
    zombie.beats(&store).await;
    let before = zombie.leases();
    store.bury(&zombie.id()).await.unwrap();
    assert!(store.reshard(&subscription, count(3)).await.unwrap());
    // Until then it goes on, as long as nobody takes its shards.
    let moved = advance(&[to(before[0], 7)]);
    assert!(store.advance_shards(&moved).await.unwrap().is_empty());
    let reach = Resharding::Reach { to: count(3), barrier: at(7), short: 1 };
    assert_eq!(step(&store).await, reach);
    let refused = async || {
        let late: Vec<_> = before.iter().map(|lease| to(*lease, 9)).collect();
        let lost = store.advance_shards(&advance(&late)).await.unwrap();
        assert_eq!(lost, numbers(&[0, 1]));
        assert!(zombie.clone().beats_without_acquiring(&store).await.renewed.is_empty());
    };
    refused().await;
    store.bury(&zombie.id()).await.unwrap();
    // What it may have had in hand of the shard before the barrier is told to the next.
    let mut heir = Hand::new("b");
    let [acquired] = heir.beats(&store).await.acquired.try_into().unwrap();
    assert_eq!((acquired.lease.shard, acquired.suspects.events), (ShardNumber::new(1), 100));
    store.advance_shards(&advance(&[to(acquired.lease, 7)])).await.unwrap();
    store.leave(&heir.id()).await.unwrap();
    assert_eq!(step(&store).await, Resharding::Done(count(3)));
    refused().await;
    let shards = store.shards(&subscription).await.unwrap();
    assert!(shards.iter().all(|it| it.place.position == at(7) && it.suspects.events == 0));
}

async fn what_is_set_aside_goes_to_the_shard_of_its_subject(database: Database) {
    let store = cut(&database, 0, 3).await;
    let subscription = subscription();
    let mut hand = Hand::new("a");
    hand.beats(&store).await;
    let leases = hand.leases();
    let subjects: Vec<_> = (0..8).map(|number| format!("order-{number}")).collect();
    let of = |recorded: &Recorded, shards: u16| {
        let event = &recorded.event;
        count(shards).shard_of(event.subject(), event.source(), event.id())
    };
    let mut position = 0;
    let mut parked = Vec::new();
    for subject in subjects.iter().map(|it| Some(it.as_str())).chain([None, None, None]) {
        position += 1;
        let parking = failed(position, subject, Some(600));
        let shard = of(&parking.recorded, 3);
        park(&store, leases[usize::from(shard.get())], &parking).await;
        parked.push(parking.recorded);
    }
    for (subject, recorded) in subjects.iter().zip(&parked) {
        let lease = leases[usize::from(of(recorded, 3).get())];
        follow(&store, &[position + 1, position + 2].map(|it| follower(lease, subject, it))).await;
        position += 2;
    }
    // One whose parked event is resolved, and whose followers are left.
    let lease = leases[usize::from(of(&parked[0], 3).get())];
    assert_eq!(handled(&store, lease, 1).await, Some(12));
    let moves: Vec<_> = leases.iter().map(|lease| to(*lease, position)).collect();
    store.advance_shards(&advance(&moves)).await.unwrap();
    store.request(&subscription, at(2), &ParkAction::Retry, "ann").await.unwrap();
    store.leave(&hand.id()).await.unwrap();
    let before = store.heads(&subscription, &numbers(&[0, 1, 2])).await.unwrap();

    for shards in [64, 2, 5] {
        assert!(store.reshard(&subscription, count(shards)).await.unwrap());
        assert!(matches!(step(&store).await, Resharding::Reach { short: 0, .. }));
        assert_eq!(step(&store).await, Resharding::Done(count(shards)));
        let all: Vec<_> = count(shards).numbers().collect();
        let heads = store.heads(&subscription, &all).await.unwrap();
        assert_eq!(heads.len(), before.len());
        for (head, was) in heads.iter().zip(&before) {
            assert_eq!((head.position, &head.subject), (was.position, &was.subject));
            assert_eq!((head.followers, head.is_parked), (was.followers, was.is_parked));
            let recorded = match &head.subject {
                Some(subject) => {
                    parked.iter().find(|it| it.event.subject() == Some(subject)).unwrap()
                }
                None => parked.iter().find(|it| it.position == head.position).unwrap(),
            };
            assert_eq!(head.shard, of(recorded, shards));
        }
        let asked = store.requests(&subscription, &[of(&parked[1], shards)]).await.unwrap();
        assert_eq!(asked.len(), 1);
    }
    // The new holder resolves what the old one had set aside, in order.
    let mut other = Hand::new("b");
    other.beats(&store).await;
    let lease = other.leases()[usize::from(of(&parked[1], 5).get())];
    assert_eq!(handled(&store, lease, 2).await, Some(14));
    assert_eq!(handled(&store, lease, 14).await, Some(15));
    assert_eq!(handled(&store, lease, 15).await, None);
}

async fn shards_are_paused_anew_if_all_were(database: Database) {
    let store = cut(&database, 0, 2).await;
    let subscription = subscription();
    let ann = PauseReason { who: "ann".into(), why: "the bank is closed".into() };
    for (paused, to, expected) in [(&[0][..], 3, None), (&[], 2, Some(ann.clone()))] {
        store.pause(&subscription, &numbers(paused), Some(&ann)).await.unwrap();
        store.reshard(&subscription, count(to)).await.unwrap();
        step(&store).await;
        assert_eq!(step(&store).await, Resharding::Done(count(to)));
        for shard in store.shards(&subscription).await.unwrap() {
            assert_eq!(shard.paused.map(|it| it.reason), expected);
        }
    }
}

async fn a_cursor_that_is_put_elsewhere_by_hand_takes_the_barrier_away(database: Database) {
    let store = asked_for(&database, 2, 3).await;
    for position in [1, 9] {
        step(&store).await;
        assert!(store.put_shards(&subscription(), &stands(position)).await.unwrap().is_empty());
        let mut hand = Hand::new("a");
        let beaten = hand.beats(&store).await;
        assert_eq!((beaten.orders.barrier, beaten.acquired.len()), (Some(Barrier::Drain), 0));
        store.leave(&hand.id()).await.unwrap();
    }
    let reach = Resharding::Reach { to: count(3), barrier: at(9), short: 0 };
    assert_eq!(step(&store).await, reach);
    assert_eq!(step(&store).await, Resharding::Done(count(3)));
    let shards = store.shards(&subscription()).await.unwrap();
    assert!(shards.iter().all(|it| it.place.position == at(9)));
}

async fn a_subscription_that_is_not_there_takes_no_orders(database: Database) {
    let store = database.open().await;
    assert!(!store.reshard(&subscription(), count(3)).await.unwrap());
    assert!(store.reshard_step(&subscription()).await.is_err());
}

async fn steps_are_taken_once_by_whoever_comes_while_workers_come_and_go(database: Database) {
    const COUNTS: [u16; 4] = [9, 2, 24, 5];
    let store = cut(&database, 0, 12).await;
    let mut workers = tokio::task::JoinSet::new();
    for number in 0..4 {
        let database = database.clone();
        workers.spawn(async move {
            let store = database.open().await;
            let mut hand = Hand::new(&format!("w{number}"));
            let mut shards = BTreeMap::new();
            let mut acquired = Vec::new();
            let mut round = 0;
            loop {
                round += 1;
                let beaten = hand.beats(&store).await;
                acquired.extend(beaten.acquired.iter().map(|it| (it.lease.shard, it.lease.token)));
                for it in &beaten.acquired {
                    shards.insert(it.lease.shard, it.place.position.get());
                }
                let orders = beaten.orders;
                if orders.barrier.is_none() && orders.shards == count(COUNTS[3]) {
                    store.leave(&hand.id()).await.unwrap();
                    break acquired;
                }
                // Nobody goes beyond the barrier, and everybody goes on without one.
                let moves: Vec<_> = hand
                    .leases()
                    .into_iter()
                    .filter_map(|lease| {
                        let position = shards.get_mut(&lease.shard)?;
                        *position = match orders.barrier {
                            None => *position + 1,
                            Some(Barrier::Reach(barrier)) => barrier.get(),
                            Some(Barrier::Drain) => return None,
                        };
                        Some(to(lease, *position))
                    })
                    .collect();
                assert_eq!(store.advance_shards(&advance(&moves)).await.unwrap(), []);
                if orders.barrier.is_some() || round % 3 == number % 3 {
                    store.release(&subscription(), &hand.leases()).await.unwrap();
                    hand.held.clear();
                }
                store.reshard_step(&subscription()).await.unwrap();
            }
        });
    }
    let ann = PauseReason { who: "ann".into(), why: String::new() };
    for shards in COUNTS {
        assert!(store.reshard(&subscription(), count(shards)).await.unwrap());
        while step(&store).await != Resharding::Done(count(shards)) {
            store.pause(&subscription(), &[], Some(&ann)).await.unwrap();
            store.pause(&subscription(), &[], None).await.unwrap();
        }
    }
    let acquired = workers.join_all().await.concat();
    let distinct: BTreeSet<_> = acquired.iter().collect();
    assert_eq!(distinct.len(), acquired.len(), "a token was given out twice");
    let shards = store.shards(&subscription()).await.unwrap();
    assert_eq!(shards.len(), usize::from(COUNTS[3]));
}

promises! {
    shards_are_paused_and_go_on_and_workers_learn_of_it,
    shards_are_cut_anew_once_all_stand_at_the_barrier,
    another_number_is_withdrawn_or_changed_until_the_barrier_is_set,
    whoever_had_a_shard_when_the_barrier_is_set_writes_no_more,
    what_is_set_aside_goes_to_the_shard_of_its_subject,
    shards_are_paused_anew_if_all_were,
    a_cursor_that_is_put_elsewhere_by_hand_takes_the_barrier_away,
    a_subscription_that_is_not_there_takes_no_orders,
    steps_are_taken_once_by_whoever_comes_while_workers_come_and_go,
}
