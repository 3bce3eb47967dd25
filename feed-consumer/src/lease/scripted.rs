//! A store of shards in memory that keeps the promises of [`ShardStore`], and fails when told to.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use feed_protocol::Position;
use tokio::time::Instant;

use crate::shard::{ShardCount, ShardNumber, Token};
use crate::store::orders::Orders;
use crate::store::shards::{
    Acquired, Beat, Beaten, Lease, Neighbour, Shard, ShardPlace, ShardStore, WorkerFacts, WorkerId,
    WorkerRow,
};
use crate::store::suspects::Suspects;
use crate::store::{Advance, StoreError, Subscription};

/// What becomes of a beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is refused, and nothing done.
    Refused(&'static str),
    /// It is carried out, and the answer gets lost.
    Unanswered,
    /// It never ends, and nothing is done.
    Hangs,
    /// It is carried out at once, and answered after so long.
    Slow(Duration),
}

#[derive(Debug)]
pub(super) struct Scripted {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rows: Vec<Row>,
    workers: Vec<Worker>,
    /// What becomes of the next beats; then they succeed, unless `default` says otherwise.
    fates: VecDeque<Fate>,
    default: Option<Fate>,
    beats: Vec<Instant>,
    buried: Vec<WorkerId>,
}

#[derive(Debug, Clone)]
struct Row {
    holder: Option<WorkerId>,
    token: u64,
    expires: Instant,
    position: u64,
}

#[derive(Debug)]
struct Worker {
    facts: WorkerFacts,
    lease: Duration,
    heard: Instant,
    report: String,
}

impl Scripted {
    pub(super) fn new(shards: u16) -> Self {
        let row = Row { holder: None, token: 0, expires: Instant::now(), position: 0 };
        Self {
            state: Mutex::new(State {
                rows: vec![row; shards.into()],
                workers: Vec::new(),
                fates: VecDeque::new(),
                default: None,
                beats: Vec::new(),
                buried: Vec::new(),
            }),
        }
    }

    /// What becomes of the next beats.
    pub(super) fn next(&self, fates: impl IntoIterator<Item = Fate>) {
        self.state.lock().unwrap().fates.extend(fates);
    }

    /// What becomes of all beats from now on.
    pub(super) fn all_beats(&self, fate: Option<Fate>) {
        self.state.lock().unwrap().default = fate;
    }

    /// When beats were asked for.
    pub(super) fn beats(&self) -> Vec<Instant> {
        self.state.lock().unwrap().beats.clone()
    }

    pub(super) fn buried(&self) -> Vec<WorkerId> {
        self.state.lock().unwrap().buried.clone()
    }

    /// The holders of all shards, by their numbers.
    pub(super) fn holders(&self) -> Vec<Option<String>> {
        let state = self.state.lock().unwrap();
        state.rows.iter().map(|row| row.holder.clone().map(|id| id.0)).collect()
    }

    pub(super) fn token(&self, shard: u16) -> u64 {
        self.state.lock().unwrap().rows[usize::from(shard)].token
    }

    pub(super) fn report_of(&self, worker: &str) -> Option<String> {
        let state = self.state.lock().unwrap();
        let worker = state.workers.iter().find(|it| it.facts.id.0 == worker);
        worker.map(|worker| worker.report.clone())
    }

    /// Another worker takes a shard, whether or not it is free.
    pub(super) fn seize(&self, shard: u16, by: &str) {
        let row = &mut self.state.lock().unwrap().rows[usize::from(shard)];
        row.holder = Some(WorkerId(by.to_owned()));
        row.token += 1;
        row.expires = Instant::now() + Duration::from_secs(3600);
    }

    /// Puts the cursor of a shard somewhere.
    pub(super) fn put(&self, shard: u16, position: u64) {
        self.state.lock().unwrap().rows[usize::from(shard)].position = position;
    }
}

impl State {
    fn beat(&mut self, beat: &Beat) -> Beaten {
        let now = Instant::now();
        let me = &beat.facts.id;
        match self.workers.iter_mut().find(|worker| worker.facts.id == *me) {
            Some(worker) => (worker.heard, worker.report) = (now, beat.report.clone()),
            None => self.workers.push(Worker {
                facts: beat.facts.clone(),
                lease: beat.lease,
                heard: now,
                report: beat.report.clone(),
            }),
        }
        let living = self.workers.iter().filter(|worker| worker.heard + worker.lease > now);
        let living: Vec<_> =
            living.map(|it| (it.facts.id.clone(), usize::from(it.facts.weight))).collect();
        let total: usize = living.iter().map(|(_, weight)| weight).sum();
        let before: usize =
            living.iter().take_while(|(id, _)| id != me).map(|(_, weight)| weight).sum();
        let of = |weights: usize| (self.rows.len() * weights).div_ceil(total);
        let share = of(before + usize::from(beat.facts.weight)) - of(before);

        let mut renewed = Vec::new();
        let mut acquired = Vec::new();
        for lease in &beat.held {
            let row = &mut self.rows[usize::from(lease.shard.get())];
            if row.holder.as_ref() == Some(me) && row.token == lease.token.get() {
                row.expires = now + beat.lease;
                renewed.push(lease.shard);
            }
        }
        for (number, row) in self.rows.iter_mut().enumerate() {
            let shard = ShardNumber::new(u16::try_from(number).unwrap());
            let is_mine = row.holder.as_ref() == Some(me);
            let is_free = row.holder.is_none() || row.expires <= now || is_mine;
            if renewed.contains(&shard)
                || !beat.acquires
                || !is_free
                || renewed.len() + acquired.len() >= share
            {
                continue;
            }
            let from = row.holder.replace(me.clone());
            row.token += 1;
            row.expires = now + beat.lease;
            let place =
                ShardPlace { position: Position::new(row.position).unwrap(), ..Default::default() };
            let lease = Lease { shard, token: Token::new(row.token) };
            let suspects = Suspects::default();
            acquired.push(Acquired { lease, place, from, suspects });
        }
        let others = self.workers.iter().filter(|worker| worker.facts.id != *me);
        Beaten {
            renewed,
            acquired,
            share: u16::try_from(share).unwrap(),
            workers: u16::try_from(living.len()).unwrap(),
            neighbours: others
                .map(|it| Neighbour {
                    id: it.facts.id.clone(),
                    identity: it.facts.identity.clone(),
                    name: Some(it.facts.name()),
                })
                .collect(),
            others_lowest: self
                .rows
                .iter()
                .filter(|row| row.holder.as_ref() != Some(me))
                .map(|row| Position::new(row.position).unwrap())
                .min(),
            orders: Orders::none(ShardCount::new(u16::try_from(self.rows.len()).unwrap()).unwrap()),
        }
    }

    fn forget(&mut self, worker: &WorkerId) {
        self.workers.retain(|it| it.facts.id != *worker);
    }
}

#[async_trait]
impl ShardStore for Scripted {
    async fn beat(&self, _: &Subscription, beat: &Beat) -> Result<Beaten, StoreError> {
        let unavailable = |what| StoreError::Unavailable(std::io::Error::other(what).into());
        let (fate, beaten) = {
            let mut state = self.state.lock().unwrap();
            state.beats.push(Instant::now());
            let fate = state.fates.pop_front().or(state.default);
            let is_done = !matches!(fate, Some(Fate::Refused(_) | Fate::Hangs));
            (fate, is_done.then(|| state.beat(beat)))
        };
        match (fate, beaten) {
            (Some(Fate::Refused(what)), _) => Err(unavailable(what)),
            (Some(Fate::Unanswered), _) => Err(unavailable("the connection broke")),
            (Some(Fate::Slow(pause)), Some(beaten)) => {
                tokio::time::sleep(pause).await;
                Ok(beaten)
            }
            (None, Some(beaten)) => Ok(beaten),
            (_, _) => std::future::pending().await,
        }
    }

    async fn release(&self, _: &Subscription, leases: &[Lease]) -> Result<(), StoreError> {
        let rows = &mut self.state.lock().unwrap().rows;
        for lease in leases {
            let row = &mut rows[usize::from(lease.shard.get())];
            if row.token == lease.token.get() {
                row.holder = None;
            }
        }
        Ok(())
    }

    async fn leave(&self, worker: &WorkerId) -> Result<(), StoreError> {
        let mut state = self.state.lock().unwrap();
        for row in state.rows.iter_mut().filter(|row| row.holder.as_ref() == Some(worker)) {
            row.holder = None;
        }
        state.forget(worker);
        Ok(())
    }

    async fn bury(&self, worker: &WorkerId) -> Result<(), StoreError> {
        let mut state = self.state.lock().unwrap();
        for row in state.rows.iter_mut().filter(|row| row.holder.as_ref() == Some(worker)) {
            row.expires = Instant::now();
        }
        state.forget(worker);
        state.buried.push(worker.clone());
        Ok(())
    }

    async fn cut(&self, _: &Subscription, _: ShardCount) -> Result<ShardCount, StoreError> {
        unreachable!("leases are kept on shards that there are")
    }

    async fn shards(&self, _: &Subscription) -> Result<Vec<Shard>, StoreError> {
        unreachable!("leases are kept without looking at all shards")
    }

    async fn settled(&self, _: &Subscription, _: &[ShardNumber]) -> Result<Vec<Shard>, StoreError> {
        unreachable!("leases are kept without looking at cursors")
    }

    async fn workers(&self, _: &Subscription) -> Result<Vec<WorkerRow>, StoreError> {
        unreachable!("a beat says what there is to know of workers")
    }

    async fn advance_shards(&self, _: &Advance) -> Result<Vec<ShardNumber>, StoreError> {
        unreachable!("cursors are moved by others")
    }

    async fn put_shards(
        &self,
        _: &Subscription,
        _: &ShardPlace,
    ) -> Result<Vec<WorkerRow>, StoreError> {
        unreachable!("cursors are moved by others")
    }
}
