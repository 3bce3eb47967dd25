//! A store against a model of it in memory: whatever workers do, tokens, holders and positions are
//! what the promises say.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::leases::Hand;
use super::shards::{cut, stands, to};
use super::*;
use crate::shard::{ShardNumber, Token};
use crate::store::shards::{Acquired, Beaten, Lease, WorkerId};

const SHARDS: u16 = 7;

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
    /// It loses sight of a shard.
    Drop(usize),
    Leave,
    Bury,
    Put(u64),
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
        4 => prop::collection::vec((which.clone(), 0..20_u64), 0..4).prop_map(Deed::Advance),
        2 => prop::collection::vec(which.clone(), 0..4).prop_map(Deed::Release),
        1 => which.prop_map(Deed::Drop),
        1 => Just(Deed::Leave),
        1 => Just(Deed::Bury),
        1 => (0..20_u64).prop_map(Deed::Put),
    ]
}

/// A shard, as it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    holder: Option<WorkerId>,
    token: u64,
    lives: bool,
    position: u64,
}

/// The database, as it has to be.
struct Model {
    shards: Vec<Row>,
    /// The workers that are registered, and whether they live.
    workers: HashMap<WorkerId, bool>,
}

impl Model {
    fn row(&mut self, lease: Lease) -> Option<&mut Row> {
        let row = &mut self.shards[usize::from(lease.shard.get())];
        (row.token == lease.token.get()).then_some(row)
    }

    /// What a sign of life does, and what its answer has to be but for the share.
    fn beat(&mut self, hand: &Hand, acquires: bool, share: u16) -> Beaten {
        let lives = !hand.lease.is_zero();
        self.workers.insert(hand.id(), lives);
        let mut renewed = Vec::new();
        for lease in hand.leases() {
            let row = self.row(lease).filter(|row| row.holder == Some(hand.id()));
            if let Some(row) = row {
                row.lives = lives;
                renewed.push(lease.shard);
            }
        }
        let id = hand.id();
        let mut free: Vec<_> = (0..SHARDS).map(ShardNumber::new).collect();
        let is_own = |row: &Row| row.holder.as_ref() == Some(&id);
        let row = |shard: &ShardNumber| &self.shards[usize::from(shard.get())];
        free.retain(|shard| {
            let row = row(shard);
            !renewed.contains(shard) && (is_own(row) || row.holder.is_none() || !row.lives)
        });
        free.sort_by_key(|shard| (!is_own(row(shard)), *shard));
        free.truncate(if acquires { usize::from(share).saturating_sub(renewed.len()) } else { 0 });
        free.sort();
        let mut acquired = Vec::new();
        for shard in free {
            let row = &mut self.shards[usize::from(shard.get())];
            let from = row.holder.replace(id.clone());
            row.token += 1;
            row.lives = lives;
            let lease = Lease { shard, token: Token::new(row.token) };
            let place = stands(row.position);
            acquired.push(Acquired { lease, place, from });
        }
        let held: Vec<_> =
            acquired.iter().map(|it| it.lease.shard).chain(renewed.clone()).collect();
        let others = (0_u16..).zip(&self.shards);
        let others = others.filter(|(shard, _)| !held.contains(&ShardNumber::new(*shard)));
        let lowest = others.map(|(_, row)| row.position).min();
        Beaten {
            renewed,
            acquired,
            share,
            workers: 0,
            neighbours: Vec::new(),
            others_lowest: lowest.map(|lowest| Position::new(lowest).unwrap()),
        }
    }

    /// Ends all leases of a worker, given back or not.
    fn end(&mut self, worker: &WorkerId, are_given_back: bool) {
        self.workers.remove(worker);
        for row in self.shards.iter_mut().filter(|row| row.holder.as_ref() == Some(worker)) {
            row.lives = false;
            if are_given_back {
                row.holder = None;
            }
        }
    }
}

/// The slice of a worker, and how many live, as the list of workers says it.
async fn share(store: &Arc<dyn CursorStore>, id: &WorkerId) -> (u16, u16) {
    let mut alive = store.workers(&subscription()).await.unwrap();
    alive.retain(|it| it.is_alive || it.facts.id == *id);
    let total: u16 = alive.iter().map(|it| it.facts.weight).sum();
    let before = alive.iter().take_while(|it| it.facts.id != *id);
    let before: u16 = before.map(|it| it.facts.weight).sum();
    let mine = alive.iter().find(|it| it.facts.id == *id).unwrap().facts.weight;
    let share = SHARDS * (before + mine) / total - SHARDS * before / total;
    (share, u16::try_from(alive.len()).unwrap())
}

async fn run(database: Database, deeds: Vec<(usize, Deed)>) -> Result<(), TestCaseError> {
    let store = cut(&database, 0, SHARDS).await;
    let row = Row { holder: None, token: 0, lives: false, position: 0 };
    let mut model = Model { shards: vec![row; SHARDS.into()], workers: HashMap::new() };
    let mut hands: Vec<_> = ["a", "b", "c"].into_iter().map(Hand::new).collect();
    let lasting = hands[0].lease;
    for (which, deed) in deeds {
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
                let (share, workers) = share(&store, &hand.id()).await;
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
                        Some(row) => row.position = row.position.max(*position),
                        None => lost.push(lease.shard),
                    }
                }
                let moves: Vec<_> = moves.into_iter().map(|(lease, by)| to(lease, by)).collect();
                let unmoved = store.advance_shards(&advance(&moves, &[])).await.unwrap();
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
            Deed::Put(position) => {
                let holders = store.put_shards(&subscription(), &stands(position)).await.unwrap();
                let mut living: Vec<_> = model.shards.iter().filter(|row| row.lives).collect();
                living.sort_by_key(|row| &row.holder);
                living.dedup_by_key(|row| &row.holder);
                prop_assert_eq!(holders.len(), living.len());
                if living.is_empty() {
                    for row in &mut model.shards {
                        *row = Row { holder: None, token: row.token + 1, lives: false, position };
                    }
                }
            }
        }
        let shards = store.shards(&subscription()).await.unwrap().into_iter().map(|it| Row {
            holder: it.holder,
            token: it.lease.token.get(),
            lives: it.left.is_some(),
            position: it.place.position.get(),
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
