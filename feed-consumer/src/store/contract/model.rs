//! A store against a model of it in memory: whatever workers do, tokens, holders and positions are
//! what the promises say.
//!
//! # Layout
//!
//! - [`database`]: the model

mod database;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use self::database::{Model, Row};
use super::leases::Hand;
use super::shards::{cut, stands, to};
use super::*;
use crate::shard::{ShardCount, ShardNumber};
use crate::store::orders::PauseReason;
use crate::store::shards::{Lease, WorkerId};

/// How many shards there are at first.
const SHARDS: u16 = 7;

/// The last position of the feed.
const END: u64 = 19;

/// What one of the workers does, or is done to it.
#[derive(Debug, Clone)]
enum Deed {
    Beat {
        acquires: bool,
        lasts: bool,
        weight: u16,
        answer_is_lost: bool,
    },
    /// Some of the leases that it believes in, in this order, and how far each goes.
    Advance(Vec<(usize, u64)>),
    Release(Vec<usize>),
    /// It comes to the end of the feed with all that it holds, and gives it back.
    Finish,
    /// It loses sight of a shard.
    Drop(usize),
    Leave,
    Bury,
    Put(u64),
    /// Some shards are paused, or go on.
    Pause(Vec<u16>, bool),
    Reshard(u16),
    Step,
}

impl Deed {
    /// What it is made of.
    fn parts(self) -> Vec<Self> {
        let all = 0..usize::from(2 * SHARDS);
        match self {
            Self::Finish => vec![
                Self::Advance(all.clone().map(|which| (which, END)).collect()),
                Self::Release(all.collect()),
            ],
            other => vec![other],
        }
    }
}

fn deed() -> impl Strategy<Value = Deed> {
    let beat = (any::<bool>(), prop::bool::weighted(0.8), 1..4_u16, prop::bool::weighted(0.2));
    let beat = beat.prop_map(|(acquires, lasts, weight, answer_is_lost)| Deed::Beat {
        acquires,
        lasts,
        weight,
        answer_is_lost,
    });
    let which = 0..usize::from(SHARDS);
    prop_oneof![
        8 => beat,
        4 => prop::collection::vec((which.clone(), 0..=END), 0..4).prop_map(Deed::Advance),
        2 => prop::collection::vec(which.clone(), 0..4).prop_map(Deed::Release),
        3 => Just(Deed::Finish),
        1 => which.prop_map(Deed::Drop),
        1 => Just(Deed::Leave),
        1 => Just(Deed::Bury),
        1 => (0..=END).prop_map(Deed::Put),
        1 => (prop::collection::vec(0..SHARDS, 0..3), any::<bool>())
            .prop_map(|(shards, pauses)| Deed::Pause(shards, pauses)),
        1 => (1..2 * SHARDS).prop_map(Deed::Reshard),
        4 => Just(Deed::Step),
    ]
}

/// The slice of a worker, and how many live, as the list of workers says it.
async fn share(store: &Arc<dyn CursorStore>, shards: u16, id: &WorkerId) -> (u16, u16) {
    let mut alive = store.workers(&subscription()).await.unwrap();
    alive.retain(|it| it.is_alive || it.facts.id == *id);
    let total: u16 = alive.iter().map(|it| it.facts.weight).sum();
    let before = alive.iter().take_while(|it| it.facts.id != *id);
    let before: u16 = before.map(|it| it.facts.weight).sum();
    let mine = alive.iter().find(|it| it.facts.id == *id).unwrap().facts.weight;
    let share = (shards * (before + mine)).div_ceil(total) - (shards * before).div_ceil(total);
    (share, u16::try_from(alive.len()).unwrap())
}

async fn run(database: Database, deeds: Vec<(usize, Deed)>) -> Result<(), TestCaseError> {
    let store = cut(&database, 0, SHARDS).await;
    let mut model = Model::new();
    let mut hands: Vec<_> = ["a", "b", "c"].into_iter().map(Hand::new).collect();
    (hands[1].window, hands[2].window) = (7, 300);
    let lasting = hands[0].lease;
    for (which, deed) in
        deeds.into_iter().flat_map(|(which, deed)| [which].into_iter().cycle().zip(deed.parts()))
    {
        let hand = &mut hands[which];
        let some = |which: Vec<usize>| -> Vec<Lease> {
            let leases = hand.leases();
            let mut some: Vec<_> = which.iter().filter_map(|it| leases.get(*it).copied()).collect();
            some.dedup();
            some
        };
        match deed {
            Deed::Beat { acquires, lasts, weight, answer_is_lost } => {
                hand.weight = weight;
                hand.lease = if lasts { lasting } else { std::time::Duration::ZERO };
                let mut beaten = store.beat(&subscription(), &hand.beat(acquires)).await.unwrap();
                let (share, workers) = share(&store, model.count(), &hand.id()).await;
                let mut expected = model.beat(hand, acquires, share);
                expected.workers = workers;
                let neighbours = beaten.neighbours.drain(..).map(|it| it.id).collect::<Vec<_>>();
                for worker in model.workers.keys().filter(|it| **it != hand.id()) {
                    prop_assert!(neighbours.contains(worker));
                }
                for holder in model.shards.iter().filter_map(|row| row.holder.as_ref()) {
                    prop_assert!(*holder == hand.id() || neighbours.contains(holder));
                }
                prop_assert_eq!(&beaten, &expected);
                if !answer_is_lost {
                    hand.learns(&beaten);
                }
            }
            Deed::Advance(moves) => {
                let mut moves: Vec<_> = moves
                    .into_iter()
                    .filter_map(|(which, by)| Some((*some(vec![which]).first()?, by)))
                    .collect();
                moves.sort_by_key(|(lease, _)| lease.shard);
                moves.dedup_by_key(|(lease, _)| lease.shard);
                moves.reverse();
                let mut lost = Vec::new();
                for (lease, position) in &moves {
                    match model.row(*lease) {
                        Some(row) => {
                            row.is_known |= *position >= row.position;
                            row.position = row.position.max(*position);
                        }
                        None => lost.push(lease.shard),
                    }
                }
                let moves: Vec<_> = moves.into_iter().map(|(lease, by)| to(lease, by)).collect();
                let unmoved = store.advance_shards(&advance(&moves)).await.unwrap();
                prop_assert_eq!(unmoved, lost);
            }
            Deed::Release(which) => {
                let leases = some(which);
                store.release(&subscription(), &leases).await.unwrap();
                for lease in &leases {
                    if let Some(row) = model.row(*lease) {
                        (row.holder, row.lives) = (None, false);
                    }
                }
            }
            Deed::Finish => unreachable!("it is made of others"),
            Deed::Drop(which) => {
                for lease in some(vec![which]) {
                    hand.held.remove(&lease.shard);
                }
            }
            Deed::Leave => {
                store.leave(&hand.id()).await.unwrap();
                model.end(&hand.id(), true);
            }
            Deed::Bury => {
                store.bury(&hand.id()).await.unwrap();
                model.end(&hand.id(), false);
            }
            Deed::Pause(shards, pauses) => {
                let mut changed: Vec<_> = (0..model.count()).collect();
                changed.retain(|it| shards.is_empty() || shards.contains(it));
                changed.retain(|it| model.shards[usize::from(*it)].is_paused != pauses);
                for shard in &changed {
                    model.shards[usize::from(*shard)].is_paused = pauses;
                }
                let numbers: Vec<_> = shards.into_iter().map(ShardNumber::new).collect();
                let reason = PauseReason { who: "ann".into(), why: String::new() };
                let pause = pauses.then_some(&reason);
                let done = store.pause(&subscription(), &numbers, pause).await.unwrap();
                let done: Vec<_> = done.into_iter().map(ShardNumber::get).collect();
                prop_assert_eq!(done, changed);
            }
            Deed::Reshard(to) => {
                let count = ShardCount::new(to).unwrap();
                let asked = store.reshard(&subscription(), count).await.unwrap();
                prop_assert_eq!(asked, model.barrier.is_none());
                if asked {
                    model.to = (to != model.count()).then_some(to);
                }
            }
            Deed::Step => {
                let step = store.reshard_step(&subscription()).await.unwrap();
                prop_assert_eq!(step, model.step());
            }
            Deed::Put(position) => {
                let holders = store.put_shards(&subscription(), &stands(position)).await.unwrap();
                let mut living: Vec<_> = model.shards.iter().filter(|row| row.lives).collect();
                living.sort_by_key(|row| &row.holder);
                living.dedup_by_key(|row| &row.holder);
                prop_assert_eq!(holders.len(), living.len());
                if living.is_empty() {
                    for row in &mut model.shards {
                        let (holder, token) = (None, row.token + 1);
                        let is_paused = row.is_paused;
                        let (lives, is_known, suspects) = (false, true, 0);
                        *row =
                            Row { holder, token, lives, position, is_known, suspects, is_paused };
                    }
                    model.barrier = None;
                }
            }
        }
        let shards = store.shards(&subscription()).await.unwrap();
        for (shard, row) in shards.iter().zip(&model.shards) {
            prop_assert_eq!(&shard.place, &row.place());
        }
        let shards = shards.into_iter().map(|it| Row {
            holder: it.holder,
            token: it.lease.token.get(),
            lives: it.left.is_some(),
            position: it.place.position.get(),
            is_known: it.place.validators != Validators::default(),
            suspects: it.suspects.events,
            is_paused: it.paused.is_some(),
        });
        prop_assert_eq!(&shards.collect::<Vec<_>>(), &model.shards);
    }
    Ok(())
}

macro_rules! model {
    ($name:ident, $database:ident, $cases:expr) => {
        #[test]
        fn $name() {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let config = ProptestConfig {
                cases: $cases,
                failure_persistence: None,
                max_shrink_iters: 50,
                ..ProptestConfig::default()
            };
            let deeds = prop::collection::vec((0..3_usize, deed()), 1..60);
            let run = |deeds| runtime.block_on(async { run($database().await, deeds).await });
            TestRunner::new(config).run(&deeds, run).unwrap();
        }
    };
}

model!(shards_in_sqlite_are_what_a_model_of_them_is, sqlite, 24);
model!(shards_in_postgresql_are_what_a_model_of_them_is, postgres, 16);
