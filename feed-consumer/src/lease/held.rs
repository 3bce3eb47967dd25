//! What is held, until when, and what the worker has not been told yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use feed_protocol::Position;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::LeaseNews;
use crate::shard::{ShardNumber, Token};
use crate::store::StoreError;
use crate::store::orders::Orders;
use crate::store::shards::{Acquired, Beat, Beaten, Lease};

/// What the worker and the task that keeps its leases share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    held: Mutex<Held>,
    /// There are news.
    pub(super) told: Notify,
    /// The task is to end.
    pub(super) stop: Notify,
}

/// What is held, and what the worker has not been told yet.
#[derive(Debug)]
pub(super) struct Held {
    leases: BTreeMap<ShardNumber, Token>,
    /// Until when they may be worked under.
    until: Option<Instant>,
    share: u16,
    acquires: bool,
    pub(super) report: String,
    pub(super) others_lowest: Option<Position>,
    pub(super) orders: Option<Orders>,
    /// A beat has been answered.
    pub(super) has_beaten: bool,
    untold: Untold,
}

/// What the worker has not been told yet.
#[derive(Debug, Default)]
struct Untold {
    /// Shards that the worker believes to hold.
    lost: BTreeSet<ShardNumber>,
    /// The end that held when the first of them was lost. Until the worker knows of it, a later
    /// end of the other leases must not make it go on with the lost ones.
    until: Option<Instant>,
    acquired: BTreeMap<ShardNumber, Acquired>,
    is_surplus: bool,
    trouble: Option<StoreError>,
    is_beat: bool,
}

/// What an answer changed, for the log.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) lost: Vec<ShardNumber>,
    pub(super) acquired: Vec<Acquired>,
    /// Whether others hold shards that this worker is to have.
    pub(super) waits_for_more: bool,
}

impl Shared {
    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Held {
    fn default() -> Self {
        Self {
            leases: BTreeMap::new(),
            until: None,
            share: 0,
            acquires: true,
            report: "{}".to_owned(),
            others_lowest: None,
            orders: None,
            has_beaten: false,
            untold: Untold::default(),
        }
    }
}

impl Held {
    /// The leases to be renewed, in the order of their numbers.
    pub(super) fn leases(&self) -> Vec<Lease> {
        self.leases.iter().map(|(&shard, &token)| Lease { shard, token }).collect()
    }

    pub(super) fn acquires(&self) -> bool {
        self.acquires
    }

    pub(super) fn share(&self) -> u16 {
        self.share
    }

    pub(super) fn count(&self) -> usize {
        self.leases.len()
    }

    /// How many more are held than the share.
    pub(super) fn surplus(&self) -> u16 {
        u16::try_from(self.count()).unwrap_or(u16::MAX).saturating_sub(self.share)
    }

    /// When everything held is lost, unless it is renewed.
    pub(super) fn until(&self) -> Option<Instant> {
        if self.leases.is_empty() { None } else { self.until }
    }

    /// Until when the worker may work on what it believes to hold.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.untold.lost.is_empty() { self.until() } else { self.untold.until }
    }

    /// Takes in the answer to a beat, whose leases may be worked under until `until`.
    pub(super) fn answered(&mut self, beat: &Beat, until: Instant, beaten: &Beaten) -> Changes {
        self.share = beaten.share;
        self.others_lowest = beaten.others_lowest;
        self.orders = Some(beaten.orders.clone());
        self.has_beaten = true;
        let mut changes = Changes::default();
        for lease in &beat.held {
            // What the worker gave up while the beat was under way is not lost.
            let is_held = self.leases.get(&lease.shard) == Some(&lease.token);
            if is_held && !beaten.renewed.contains(&lease.shard) {
                changes.lost.push(lease.shard);
            }
        }
        self.lose(&changes.lost);
        if self.acquires {
            for acquired in &beaten.acquired {
                self.leases.insert(acquired.lease.shard, acquired.lease.token);
                self.untold.acquired.insert(acquired.lease.shard, acquired.clone());
            }
            changes.acquired.clone_from(&beaten.acquired);
            changes.waits_for_more = self.count() < usize::from(self.share);
        }
        self.until = Some(until);
        self.untold.is_surplus = self.surplus() > 0;
        self.untold.is_beat = true;
        changes
    }

    /// A beat failed, in a way that has not been said yet.
    pub(super) fn fail(&mut self, error: StoreError) {
        self.untold.trouble = Some(error);
    }

    /// Everything is lost: its end has passed.
    pub(super) fn lose_all(&mut self) -> Vec<ShardNumber> {
        let lost: Vec<_> = self.leases.keys().copied().collect();
        self.lose(&lost);
        lost
    }

    fn lose(&mut self, shards: &[ShardNumber]) {
        for shard in shards {
            self.leases.remove(shard);
            // Of one that the worker has not begun it need not know.
            if self.untold.acquired.remove(shard).is_none() {
                if self.untold.lost.is_empty() {
                    self.untold.until = self.until;
                }
                self.untold.lost.insert(*shard);
            }
        }
    }

    /// The worker no longer holds these. Returns those that were held until now.
    pub(super) fn give_up(&mut self, shards: &[ShardNumber]) -> Vec<ShardNumber> {
        let mut given_up = Vec::new();
        for shard in shards {
            self.untold.lost.remove(shard);
            // What waits to be told was acquired later than what the worker speaks of.
            if !self.untold.acquired.contains_key(shard) && self.leases.remove(shard).is_some() {
                given_up.push(*shard);
            }
        }
        given_up.sort();
        // What was said of the others' cursors did not count these.
        self.has_beaten &= given_up.is_empty();
        given_up
    }

    /// The worker ends. Returns what was held until now.
    pub(super) fn give_up_all(&mut self) -> Vec<ShardNumber> {
        std::mem::take(&mut self.leases).into_keys().collect()
    }

    pub(super) fn stop_acquiring(&mut self) {
        self.acquires = false;
        for shard in std::mem::take(&mut self.untold.acquired).into_keys() {
            self.leases.remove(&shard);
        }
    }

    /// The next thing to tell the worker.
    pub(super) fn take_news(&mut self) -> Option<LeaseNews> {
        let untold = &mut self.untold;
        if !untold.lost.is_empty() {
            untold.is_beat = false;
            return Some(LeaseNews::Lost(std::mem::take(&mut untold.lost).into_iter().collect()));
        }
        if !untold.acquired.is_empty() {
            untold.is_beat = false;
            let acquired = std::mem::take(&mut untold.acquired);
            return Some(LeaseNews::Acquired(acquired.into_values().collect()));
        }
        // What was given back since need not be.
        if std::mem::take(&mut untold.is_surplus) && self.surplus() > 0 {
            self.untold.is_beat = false;
            return Some(LeaseNews::Surplus(self.surplus()));
        }
        if let Some(error) = self.untold.trouble.take() {
            return Some(LeaseNews::Trouble(error));
        }
        std::mem::take(&mut self.untold.is_beat).then_some(LeaseNews::Beat)
    }
}
