//! What people order for a whole subscription, or some of its shards: pauses, and another number of
//! shards.

use chrono::{DateTime, Utc};
use feed_protocol::Position;

use super::{Cursors, CursorsError, KeptCursor};
use crate::shard::{ShardCount, ShardNumber};
use crate::store::orders::{PauseReason, Resharding};
use crate::store::shards::Shard;

impl Cursors {
    /// Pauses shards of a subscription, by their numbers; all, if none are named. Workers finish what
    /// they have in hand of them, within a second or two, and handle nothing more until they are
    /// [resumed](Self::resume). A paused shard stays paused when another worker takes it over.
    ///
    /// Returns those that were not paused before, by their numbers. One that was keeps its reason.
    ///
    /// # Errors
    ///
    /// When there is no such shard, or the database fails.
    pub async fn pause(
        &self,
        cursor: &KeptCursor,
        shards: &[u16],
        who: &str,
        reason: &str,
    ) -> Result<Vec<u16>, CursorsError> {
        let pause = PauseReason { who: who.to_owned(), why: reason.to_owned() };
        self.order(cursor, shards, Some(&pause)).await
    }

    /// Lets paused shards go on; all, if none are named. Returns those that were paused, by their
    /// numbers.
    ///
    /// # Errors
    ///
    /// When there is no such shard, or the database fails.
    pub async fn resume(
        &self,
        cursor: &KeptCursor,
        shards: &[u16],
    ) -> Result<Vec<u16>, CursorsError> {
        self.order(cursor, shards, None).await
    }

    async fn order(
        &self,
        cursor: &KeptCursor,
        shards: &[u16],
        pause: Option<&PauseReason>,
    ) -> Result<Vec<u16>, CursorsError> {
        let subscription = &cursor.kept.subscription;
        // There may be another number of shards since the cursor was looked at.
        let present = self.store.shards(subscription).await?;
        cursor.check_cut(present.len())?;
        if let Some(shard) = shards.iter().find(|it| usize::from(**it) >= present.len()) {
            let (group, shard, count) = (cursor.group().to_owned(), *shard, present.len());
            return Err(CursorsError::NoShard { group, shard, count });
        }
        let named: Vec<_> = shards.iter().copied().map(ShardNumber::new).collect();
        let changed = self.store.pause(subscription, &named, pause).await?;
        Ok(changed.into_iter().map(ShardNumber::get).collect())
    }

    /// Asks for another number of shards. What is asked for is carried out by the workers of the
    /// subscription, or whoever [takes its steps](Self::reshard_step), even if this program ends. To
    /// ask for the number that there is withdraws what was asked for, as long as shards are
    /// [given back](Resharding::Drain).
    ///
    /// # Errors
    ///
    /// When another number was asked for before, and shards go up to a barrier already; when the
    /// subscription is not cut into shards yet; when the database fails.
    pub async fn reshard(&self, cursor: &KeptCursor, to: ShardCount) -> Result<(), CursorsError> {
        let subscription = &cursor.kept.subscription;
        cursor.check_cut(self.store.shards(subscription).await?.len())?;
        if self.store.reshard(subscription, to).await? {
            return Ok(());
        }
        match self.store.resharding(subscription).await? {
            Resharding::Drain { to: other, .. } | Resharding::Reach { to: other, .. }
                if other != to =>
            {
                let group = cursor.group().to_owned();
                Err(CursorsError::ReshardUnderWay { group, to: other })
            }
            // It was asked for before.
            _ => Ok(()),
        }
    }

    /// How far another number of shards is, if one was asked for. Changes nothing.
    ///
    /// # Errors
    ///
    /// When the subscription is not cut into shards yet, or the database fails.
    pub async fn resharding(&self, cursor: &KeptCursor) -> Result<Resharding, CursorsError> {
        cursor.check_cut(cursor.shards.len())?;
        Ok(self.store.resharding(&cursor.kept.subscription).await?)
    }

    /// Takes the next step towards another number of shards, if that can be taken now, and says how
    /// far it is. Workers take these steps as well; several can at once.
    ///
    /// # Errors
    ///
    /// When the subscription is not cut into shards yet, or the database fails.
    pub async fn reshard_step(&self, cursor: &KeptCursor) -> Result<Resharding, CursorsError> {
        cursor.check_cut(cursor.shards.len())?;
        Ok(self.store.reshard_step(&cursor.kept.subscription).await?)
    }

    /// How many workers of a subscription live: were heard of within their lease.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn living_workers(&self, cursor: &KeptCursor) -> Result<usize, CursorsError> {
        let workers = self.store.workers(&cursor.kept.subscription).await?;
        Ok(workers.iter().filter(|worker| worker.is_alive).count())
    }
}

impl KeptCursor {
    /// How many shards it has; none before workers have begun.
    #[must_use]
    pub fn shards(&self) -> u16 {
        u16::try_from(self.shards.len()).unwrap_or(u16::MAX)
    }

    /// Those of its shards that are paused and have not come to this position, by their numbers.
    #[must_use]
    pub fn paused_before(&self, position: Position) -> Vec<u16> {
        let is_before = |shard: &&Shard| shard.paused.is_some() && shard.place.position < position;
        let paused = self.shards.iter().filter(is_before);
        paused.map(|shard| shard.lease.shard.get()).collect()
    }

    /// When it was looked at, by the database's clock.
    pub(super) fn now(&self) -> Option<DateTime<Utc>> {
        self.shards.first().map(|shard| shard.moved + shard.still)
    }

    fn check_cut(&self, shards: usize) -> Result<(), CursorsError> {
        if shards > 0 {
            return Ok(());
        }
        Err(CursorsError::NotCut { group: self.group().to_owned() })
    }
}
