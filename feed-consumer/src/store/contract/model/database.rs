//! The database in memory: tokens, holders and positions as the promises have them.

use std::collections::HashMap;

use feed_protocol::Position;

use super::super::leases::Hand;
use super::super::shards::stands;
use super::SHARDS;
use crate::shard::{ShardCount, ShardNumber, Token};
use crate::store::Validators;
use crate::store::orders::{Barrier, Orders, Resharding};
use crate::store::shards::{Acquired, Beaten, Lease, ShardPlace, WorkerId};
use crate::store::suspects::Suspects;

/// A shard, as it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) holder: Option<WorkerId>,
    pub(super) token: u64,
    pub(super) lives: bool,
    pub(super) position: u64,
    /// Whether it has validators, which a shard that was just cut anew has not.
    pub(super) is_known: bool,
    pub(super) suspects: u32,
    pub(super) is_paused: bool,
}

/// The database, as it has to be.
pub(super) struct Model {
    pub(super) shards: Vec<Row>,
    /// How far beyond each shard's cursor its last holder handles.
    pub(super) reach: Vec<u32>,
    /// The workers that are registered, and whether they live.
    pub(super) workers: HashMap<WorkerId, bool>,
    /// Another number of shards that is asked for, and the barrier.
    pub(super) to: Option<u16>,
    pub(super) barrier: Option<u64>,
}

impl Row {
    pub(super) fn place(&self) -> ShardPlace {
        let mut place = stands(self.position);
        if !self.is_known {
            place.validators = Validators::default();
        }
        place
    }
}

impl Model {
    /// Shards that nobody holds, where the feed begins.
    pub(super) fn new() -> Self {
        let row = Row {
            holder: None,
            token: 0,
            lives: false,
            position: 0,
            is_known: true,
            suspects: 0,
            is_paused: false,
        };
        let (shards, reach) = (vec![row; SHARDS.into()], vec![0; SHARDS.into()]);
        Self { shards, reach, workers: HashMap::new(), to: None, barrier: None }
    }

    pub(super) fn count(&self) -> u16 {
        u16::try_from(self.shards.len()).unwrap()
    }

    pub(super) fn row(&mut self, lease: Lease) -> Option<&mut Row> {
        let row = self.shards.get_mut(usize::from(lease.shard.get()))?;
        (row.token == lease.token.get()).then_some(row)
    }

    /// What a sign of life does, and what its answer has to be but for the share.
    pub(super) fn beat(&mut self, hand: &Hand, acquires: bool, share: u16) -> Beaten {
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
        let (to, barrier) = (self.to, self.barrier);
        let may_go = |row: &Row| to.is_none() || barrier.is_some_and(|it| row.position < it);
        let mut free: Vec<_> = (0..self.count()).map(ShardNumber::new).collect();
        let is_own = |row: &Row| row.holder.as_ref() == Some(&id);
        let row = |shard: &ShardNumber| &self.shards[usize::from(shard.get())];
        free.retain(|shard| {
            let row = row(shard);
            let is_free = is_own(row) || row.holder.is_none() || !row.lives;
            !renewed.contains(shard) && is_free && may_go(row)
        });
        free.sort_by_key(|shard| (!is_own(row(shard)), *shard));
        free.truncate(if acquires { usize::from(share).saturating_sub(renewed.len()) } else { 0 });
        free.sort();
        let mut acquired = Vec::new();
        for shard in free {
            let row = &mut self.shards[usize::from(shard.get())];
            let from = row.holder.replace(id.clone());
            if from.as_ref().is_some_and(|from| *from != id) {
                row.suspects = row.suspects.max(self.reach[usize::from(shard.get())]);
            }
            self.reach[usize::from(shard.get())] = hand.window;
            row.token += 1;
            row.lives = lives;
            let lease = Lease { shard, token: Token::new(row.token) };
            let place = row.place();
            let suspects = Suspects { events: row.suspects, tried: None };
            acquired.push(Acquired { lease, place, from, suspects });
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
            orders: self.orders(),
        }
    }

    fn orders(&self) -> Orders {
        let mut orders = Orders::none(ShardCount::new(self.count()).unwrap());
        let paused = (0..).zip(&self.shards).filter(|(_, row)| row.is_paused);
        orders.paused = paused.map(|(shard, _)| ShardNumber::new(shard)).collect();
        orders.barrier = match (self.to, self.barrier) {
            (None, _) => None,
            (Some(_), None) => Some(Barrier::Drain),
            (Some(_), Some(barrier)) => Some(Barrier::Reach(Position::new(barrier).unwrap())),
        };
        orders
    }

    /// Takes the next step towards another number of shards.
    pub(super) fn step(&mut self) -> Resharding {
        let Some(to) = self.to else {
            return Resharding::Done(ShardCount::new(self.count()).unwrap());
        };
        let target = ShardCount::new(to).unwrap();
        let count = |is: &dyn Fn(&Row) -> bool| {
            u16::try_from(self.shards.iter().filter(|row| is(row)).count()).unwrap()
        };
        let short = |barrier| count(&|row| row.position < barrier || row.lives);
        let reach = |barrier, short| Resharding::Reach {
            to: target,
            barrier: Position::new(barrier).unwrap(),
            short,
        };
        let Some(barrier) = self.barrier else {
            let held = count(&|row| row.lives);
            if held > 0 {
                return Resharding::Drain { to: target, held };
            }
            let barrier = self.shards.iter().map(|row| row.position).max().unwrap();
            let reach = reach(barrier, short(barrier));
            self.barrier = Some(barrier);
            self.shards.iter_mut().for_each(|row| row.token += 1);
            return reach;
        };
        if short(barrier) > 0 {
            return reach(barrier, short(barrier));
        }
        let anew = Row {
            holder: None,
            token: self.shards.iter().map(|row| row.token).max().unwrap() + 1,
            lives: false,
            position: self.shards.iter().map(|row| row.position).min().unwrap(),
            is_known: false,
            suspects: 0,
            is_paused: self.shards.iter().all(|row| row.is_paused),
        };
        (self.shards, self.reach) = (vec![anew; to.into()], vec![0; to.into()]);
        (self.to, self.barrier) = (None, None);
        Resharding::Done(target)
    }

    /// Ends all leases of a worker, given back or not.
    pub(super) fn end(&mut self, worker: &WorkerId, are_given_back: bool) {
        self.workers.remove(worker);
        for row in self.shards.iter_mut().filter(|row| row.holder.as_ref() == Some(worker)) {
            row.lives = false;
            if are_given_back {
                row.holder = None;
            }
        }
    }
}
