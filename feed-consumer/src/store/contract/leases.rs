//! Leases, and workers that compete for them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::shards::{cut, stands, to};
use super::*;
use crate::shard::{ShardNumber, Token};
use crate::store::entries::GATHERING;
use crate::store::shards::{Beat, Beaten, Lease, Neighbour, WorkerFacts, WorkerId};

/// A worker that does nothing but hold shards.
#[derive(Debug, Clone)]
pub(super) struct Hand {
    name: String,
    pub(super) weight: u16,
    pub(super) window: u32,
    pub(super) lease: Duration,
    pub(super) held: BTreeMap<ShardNumber, Token>,
    pub(super) share: u16,
}

impl Hand {
    pub(super) fn new(name: &str) -> Self {
        let lease = Duration::from_secs(600);
        Self { name: name.into(), weight: 1, window: 100, lease, held: BTreeMap::new(), share: 0 }
    }

    fn lasting(name: &str, lease: Duration) -> Self {
        Self { lease, ..Self::new(name) }
    }

    pub(super) fn id(&self) -> WorkerId {
        WorkerId(self.name.clone())
    }

    pub(super) fn facts(&self) -> WorkerFacts {
        WorkerFacts {
            id: self.id(),
            host: "shop".into(),
            process: 4_000_000_000,
            identity: Some(format!("boot/{}", self.name)),
            weight: self.weight,
            window: self.window,
        }
    }

    pub(super) fn leases(&self) -> Vec<Lease> {
        self.held.iter().map(|(shard, token)| Lease { shard: *shard, token: *token }).collect()
    }

    pub(super) fn beat(&self, acquires: bool) -> Beat {
        Beat {
            facts: self.facts(),
            lease: self.lease,
            held: self.leases(),
            acquires,
            report: "{}".into(),
        }
    }

    pub(super) async fn beats(&mut self, store: &Arc<dyn CursorStore>) -> Beaten {
        let beaten = store.beat(&subscription(), &self.beat(true)).await.unwrap();
        self.learns(&beaten);
        beaten
    }

    pub(super) async fn beats_without_acquiring(&mut self, store: &Arc<dyn CursorStore>) -> Beaten {
        let beaten = store.beat(&subscription(), &self.beat(false)).await.unwrap();
        self.learns(&beaten);
        beaten
    }

    /// Takes note of an answer.
    pub(super) fn learns(&mut self, beaten: &Beaten) {
        self.held.retain(|shard, _| beaten.renewed.contains(shard));
        let acquired = beaten.acquired.iter().map(|it| (it.lease.shard, it.lease.token));
        self.held.extend(acquired);
        self.share = beaten.share;
    }

    /// Gives back what it holds beyond its share.
    async fn gives_back(&mut self, store: &Arc<dyn CursorStore>) {
        let surplus: Vec<_> = self.leases().into_iter().skip(self.share.into()).collect();
        store.release(&subscription(), &surplus).await.unwrap();
        self.held.retain(|shard, _| !surplus.iter().any(|it| it.shard == *shard));
    }
}

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

async fn a_worker_acquires_what_nobody_holds_and_no_surplus(database: Database) {
    let store = cut(&database, 5, 8).await;
    let (mut one, mut two) = (Hand::new("a"), Hand::new("b"));
    let beaten = one.beats(&store).await;
    assert_eq!((beaten.share, beaten.workers, beaten.acquired.len()), (8, 1, 8));
    assert_eq!((beaten.others_lowest, beaten.neighbours.len()), (None, 0));
    for acquired in &beaten.acquired {
        assert_eq!((&acquired.place, &acquired.from), (&stands(5), &None));
        assert_eq!(acquired.lease.token, Token::new(1));
    }
    // The second finds nothing, and nobody is asked to stop.
    let beaten = two.beats(&store).await;
    assert_eq!((beaten.share, beaten.workers, beaten.acquired.len()), (4, 2, 0));
    assert_eq!(beaten.others_lowest.map(Position::get), Some(5));
    assert_eq!(beaten.neighbours.len(), 1);
    assert_eq!(
        beaten.neighbours[0],
        Neighbour { id: one.id(), identity: one.facts().identity, name: Some(one.facts().name()) }
    );
    let beaten = one.beats(&store).await;
    assert_eq!((beaten.share, beaten.renewed.len()), (4, 8));
    one.gives_back(&store).await;
    assert!(one.beats(&store).await.acquired.is_empty(), "it has its share");
    let beaten = two.beats(&store).await;
    assert_eq!(beaten.acquired.len(), 4);
    assert!(beaten.acquired.iter().all(|it| it.from.is_none() && it.lease.token == Token::new(2)));

    let [first, second] = store.workers(&subscription()).await.unwrap().try_into().unwrap();
    assert_eq!((first.facts, first.shards, first.is_alive), (one.facts(), 4, true));
    assert_eq!((second.facts, second.shards, second.report), (two.facts(), 4, "{}".to_owned()));
}

async fn shares_follow_the_weights_and_sum_to_the_number_of_shards(database: Database) {
    let store = cut(&database, 0, 64).await;
    let mut hands: Vec<_> = (0..7).map(|number| Hand::new(&format!("w{number}"))).collect();
    hands[2].weight = 5;
    for hand in &mut hands {
        hand.beats_without_acquiring(&store).await;
    }
    let mut sum = 0;
    for hand in &mut hands {
        sum += hand.beats_without_acquiring(&store).await.share;
    }
    assert_eq!(sum, 64);
    // 5 of 11, and 1 of 11.
    assert!((29..=30).contains(&hands[2].share), "{}", hands[2].share);
    assert!((5..=6).contains(&hands[0].share), "{}", hands[0].share);
}

async fn a_dead_workers_shards_are_anothers_once_its_lease_has_ended(database: Database) {
    let store = cut(&database, 3, 4).await;
    let mut dies = Hand::lasting("a", Duration::from_millis(300));
    dies.beats(&store).await;
    let mut heir = Hand::new("b");
    let inherited = tokio::time::timeout(PATIENCE, async {
        loop {
            let left = store.shards(&subscription()).await.unwrap();
            let beaten = heir.beats(&store).await;
            if !beaten.acquired.is_empty() {
                break beaten;
            }
            assert!(left.iter().any(|it| it.left.is_some()), "nothing is left, and none acquired");
        }
    });
    let inherited = inherited.await.unwrap();
    assert_eq!((inherited.acquired.len(), inherited.workers, inherited.share), (4, 1, 4));
    for acquired in &inherited.acquired {
        assert_eq!(acquired.from, Some(dies.id()), "it was not given back");
    }
    let workers = store.workers(&subscription()).await.unwrap();
    assert_eq!(workers.iter().map(|it| it.is_alive).collect::<Vec<_>>(), [false, true]);
    assert!(workers[0].silent >= dies.lease && workers[0].shards == 0);
    // The dead one awakes: it holds nothing, and its writes do nothing.
    let moves: Vec<_> = dies.leases().into_iter().map(|lease| to(lease, 9)).collect();
    for moves in [&moves[..1], &moves] {
        let lost = store.advance_shards(&advance(moves)).await.unwrap();
        assert_eq!(lost, moves.iter().map(|it| it.lease.shard).collect::<Vec<_>>());
    }
    store.release(&subscription(), &dies.leases()).await.unwrap();
    assert!(dies.beats(&store).await.renewed.is_empty());
    let shards = store.shards(&subscription()).await.unwrap();
    assert!(shards.iter().all(|it| it.holder == Some(heir.id()) && it.place == stands(3)));
}

async fn a_lease_that_has_ended_is_renewed_if_nobody_took_it(database: Database) {
    let store = cut(&database, 0, 2).await;
    let mut hand = Hand::lasting("a", Duration::ZERO);
    hand.beats(&store).await;
    assert!(store.shards(&subscription()).await.unwrap().iter().all(|it| it.left.is_none()));
    hand.lease = Duration::from_secs(600);
    assert_eq!(hand.beats(&store).await.renewed.len(), 2);
    assert!(store.shards(&subscription()).await.unwrap().iter().all(|it| it.left.is_some()));
}

async fn of_several_moves_those_of_lost_shards_are_named_and_the_others_done(database: Database) {
    let store = cut(&database, 0, 4).await;
    let mut one = Hand::new("a");
    one.beats(&store).await;
    let before = one.leases();
    store.release(&subscription(), &before[1..3]).await.unwrap();
    let mut two = Hand::new("b");
    assert_eq!(two.beats(&store).await.acquired.len(), 2);
    let moves: Vec<_> = before.iter().rev().map(|lease| to(*lease, 6)).collect();
    let lost = store.advance_shards(&advance(&moves)).await.unwrap();
    assert_eq!(lost.iter().map(|it| it.get()).collect::<Vec<_>>(), [2, 1]);
    let shards = store.shards(&subscription()).await.unwrap();
    let positions: Vec<_> = shards.iter().map(|it| it.place.position.get()).collect();
    assert_eq!(positions, [6, 0, 0, 6]);
}

async fn a_shard_that_its_worker_does_not_list_comes_back_under_another_token(database: Database) {
    let store = cut(&database, 0, 4).await;
    let mut hand = Hand::new("a");
    hand.beats(&store).await;
    let before = hand.leases();
    hand.held.remove(&before[1].shard);
    hand.held.insert(before[2].shard, Token::new(77));
    let beaten = hand.beats_without_acquiring(&store).await;
    assert_eq!(beaten.renewed, [before[0].shard, before[3].shard]);
    let beaten = hand.beats(&store).await;
    let acquired: Vec<_> = beaten.acquired.iter().map(|it| it.lease).collect();
    let anew = |lease: Lease| Lease { token: Token::new(2), ..lease };
    assert_eq!(acquired, [anew(before[1]), anew(before[2])]);
    assert!(beaten.acquired.iter().all(|it| it.from == Some(hand.id())));
    let lost = store.advance_shards(&advance(&[to(before[1], 1)])).await.unwrap();
    assert_eq!(lost, [before[1].shard]);
}

async fn who_leaves_gives_everything_back_at_once(database: Database) {
    let store = cut(&database, 0, 4).await;
    let mut one = Hand::new("a");
    one.beats(&store).await;
    // What it does not know that it holds, too.
    one.held.clear();
    store.leave(&one.id()).await.unwrap();
    assert!(store.workers(&subscription()).await.unwrap().is_empty());
    let beaten = Hand::new("b").beats(&store).await;
    assert_eq!((beaten.acquired.len(), beaten.workers), (4, 1));
    assert!(beaten.acquired.iter().all(|it| it.from.is_none()));
    // Once more does no harm, and nor does who was never there.
    store.leave(&one.id()).await.unwrap();
    assert!(store.shards(&subscription()).await.unwrap().iter().all(|it| it.left.is_some()));
}

async fn who_is_buried_leaves_shards_that_were_not_given_back(database: Database) {
    let store = cut(&database, 0, 4).await;
    let mut one = Hand::new("a");
    one.beats(&store).await;
    store.bury(&one.id()).await.unwrap();
    assert!(store.workers(&subscription()).await.unwrap().is_empty());
    let shards = store.shards(&subscription()).await.unwrap();
    assert!(shards.iter().all(|it| it.holder == Some(one.id()) && it.left.is_none()));
    let mut two = Hand::new("b");
    let beaten = two.beats(&store).await;
    assert_eq!((beaten.acquired.len(), beaten.workers), (4, 1));
    assert!(beaten.acquired.iter().all(|it| it.from == Some(one.id())));
    // A mistake: it lives, and registers anew.
    let beaten = one.beats(&store).await;
    assert_eq!((beaten.renewed.len(), beaten.share, beaten.workers), (0, 2, 2));
}

async fn what_a_worker_says_before_there_is_a_subscription_is_no_error(database: Database) {
    let store = database.open().await;
    let beaten = Hand::new("a").beats(&store).await;
    assert_eq!((beaten.share, beaten.workers, beaten.acquired.len()), (0, 0, 0));
    store.begin(&subscription(), "http://a/", &place(0), &[], &[]).await.unwrap();
    let beaten = Hand::new("a").beats(&store).await;
    assert_eq!((beaten.share, beaten.workers, beaten.acquired.len()), (0, 1, 0));
}

async fn workers_that_compete_never_share_a_shard_and_never_wait_in_a_circle(database: Database) {
    const SHARDS: u16 = 24;
    const ROUNDS: u64 = 100;
    let store = cut(&database, 0, SHARDS).await;
    let mut workers = tokio::task::JoinSet::new();
    for number in 0_u64..6 {
        let database = database.clone();
        workers.spawn(async move {
            let store = database.open().await;
            let mut hand = Hand::new(&format!("w{number}"));
            let mut acquired = Vec::new();
            for round in 1..=ROUNDS {
                let beaten = hand.beats(&store).await;
                acquired.extend(beaten.acquired.iter().map(|it| it.lease));
                let mut moves: Vec<_> =
                    hand.leases().into_iter().map(|lease| to(lease, round)).collect();
                if number % 2 == 0 {
                    moves.reverse();
                }
                let (subscription, beat) = (subscription(), hand.beat(false));
                let advance = advance(&moves);
                // One of them finds something all the while.
                let gathers = moves.iter().map(|it| it.lease).find(|it| it.shard == GATHERING);
                let gathering = async {
                    if let Some(lease) = gathers {
                        let round = u32::try_from(round).unwrap();
                        let added = super::entries::add(&store, lease, round..round + 2).await;
                        assert!(added.is_some());
                        store.prune(&subscription).await.unwrap();
                    }
                };
                let (advanced, beaten, ()) = tokio::join!(
                    store.advance_shards(&advance),
                    store.beat(&subscription, &beat),
                    gathering,
                );
                // Leases outlast the test: nothing is lost that was not given back.
                assert_eq!(advanced.unwrap(), []);
                assert_eq!(beaten.unwrap().renewed.len(), hand.held.len());
                let all: Vec<_> = moves.iter().map(|it| it.lease.shard).collect();
                store.settled(&subscription, &all).await.unwrap();
                match (round + number) % 11 {
                    0 => {
                        store.leave(&hand.id()).await.unwrap();
                        hand.held.clear();
                    }
                    5 => {
                        store.release(&subscription, &hand.leases()).await.unwrap();
                        hand.held.clear();
                    }
                    _ => hand.gives_back(&store).await,
                }
            }
            (hand, acquired)
        });
    }
    let (mut hands, acquired): (Vec<_>, Vec<_>) = workers.join_all().await.into_iter().unzip();
    let acquired = acquired.concat();
    let distinct: BTreeSet<_> = acquired.iter().map(|it| (it.shard, it.token)).collect();
    assert_eq!(distinct.len(), acquired.len(), "a token was given out twice");
    let shards = store.shards(&subscription()).await.unwrap();
    let tokens: u64 = shards.iter().map(|it| it.lease.token.get()).sum();
    assert_eq!(tokens, distinct.len() as u64, "tokens grow by one with each acquisition");

    // Once nobody comes or goes, each has its share within two rounds.
    for _ in 0..2 {
        for hand in &mut hands {
            hand.beats(&store).await;
            hand.gives_back(&store).await;
        }
    }
    for hand in &mut hands {
        hand.beats(&store).await;
    }
    let held: BTreeSet<_> = hands.iter().flat_map(|hand| hand.held.keys()).collect();
    assert_eq!(held.len(), usize::from(SHARDS));
    assert!(hands.iter().all(|hand| hand.held.len() == usize::from(hand.share)), "{hands:?}");
}

promises! {
    a_worker_acquires_what_nobody_holds_and_no_surplus,
    shares_follow_the_weights_and_sum_to_the_number_of_shards,
    a_dead_workers_shards_are_anothers_once_its_lease_has_ended,
    a_lease_that_has_ended_is_renewed_if_nobody_took_it,
    of_several_moves_those_of_lost_shards_are_named_and_the_others_done,
    a_shard_that_its_worker_does_not_list_comes_back_under_another_token,
    who_leaves_gives_everything_back_at_once,
    who_is_buried_leaves_shards_that_were_not_given_back,
    what_a_worker_says_before_there_is_a_subscription_is_no_error,
    workers_that_compete_never_share_a_shard_and_never_wait_in_a_circle,
}
