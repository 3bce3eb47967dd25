//! Shards, and their leases.

use async_trait::async_trait;
use serde_json::json;
use sqlx::{Connection, FromRow, Row, SqliteConnection};

use super::parking::steps::{add_followers, forget_beyond};
use super::{BEGIN, SqliteStore, about, begin_for_leases};
use crate::shard::{ShardCount, ShardNumber};
use crate::store::row::shards::{
    BeatenColumns, ShardColumns, WorkerColumns, as_place, beaten, count, integer, living, micros,
    shard, worker,
};
use crate::store::shards::{
    Beat, Beaten, Lease, Move, Shard, ShardPlace, ShardStore, WorkerId, WorkerRow,
};
use crate::store::{Advance, StoreError, Subscription, row};

/// Moves the cursors of shards, each under its token, within a transaction or as one. Returns those
/// that were not moved, since another worker has acquired them. What follows parked
/// events of the shards moved is recorded.
pub(in crate::store) async fn advance_shards(
    connection: &mut SqliteConnection,
    advance: &Advance,
) -> Result<Vec<ShardNumber>, sqlx::Error> {
    let Advance { subscription, moves, followers } = advance;
    let lost: Vec<ShardNumber> = match &moves[..] {
        [] => Vec::new(),
        [one] => {
            let statement = about(include_str!("sql/shard_advance.sql"), subscription)
                .bind(i64::from(one.lease.shard.get()))
                .bind(integer(one.lease.token));
            let moved = row::bind(statement, &as_place(&one.to)).execute(&mut *connection).await?;
            if moved.rows_affected() == 0 { vec![one.lease.shard] } else { Vec::new() }
        }
        several => {
            let moved: Vec<i64> = about(include_str!("sql/shards_advance.sql"), subscription)
                .bind(json!(several.iter().map(columns).collect::<Vec<_>>()).to_string())
                .try_map(|row| row.try_get(0))
                .fetch_all(&mut *connection)
                .await?;
            row::shards::unmoved(several, &moved)
        }
    };
    add_followers(connection, subscription, followers).await?;
    Ok(lost)
}

/// A move for `shards_advance`.
fn columns(it: &Move) -> serde_json::Value {
    let last = it.to.last.as_ref();
    json!([
        it.lease.shard.get(),
        integer(it.lease.token),
        row::integer(it.to.position),
        last.map(|last| row::integer(last.position)),
        last.map(|last| last.source.to_string()),
        last.map(|last| last.id.to_string()),
        last.map(|last| format!("{:032x}", last.digest)),
        it.to.validators.etag,
        it.to.validators.last_modified,
    ])
}

/// Leases as pairs of number and token.
pub(super) fn pairs(leases: &[Lease]) -> String {
    let pair = |lease: &Lease| json!([lease.shard.get(), integer(lease.token)]);
    json!(leases.iter().map(pair).collect::<Vec<_>>()).to_string()
}

impl SqliteStore {
    /// Does something about the leases of a worker, and forgets it.
    async fn forget_worker(
        &self,
        worker: &WorkerId,
        leases: &'static str,
    ) -> Result<(), StoreError> {
        let forgotten = async {
            let (mut transaction, _permit) = begin_for_leases(self.turns()).await?;
            for sql in [leases, include_str!("sql/worker_forget.sql")] {
                sqlx::query(sql).bind(worker.0.clone()).execute(&mut *transaction).await?;
            }
            sqlx::query(include_str!("sql/workers_prune.sql")).execute(&mut *transaction).await?;
            transaction.commit().await
        };
        forgotten.await.map_err(StoreError::Unavailable)
    }
}

#[async_trait]
impl ShardStore for SqliteStore {
    async fn cut(
        &self,
        subscription: &Subscription,
        shards: ShardCount,
    ) -> Result<ShardCount, StoreError> {
        let mut turn = self.turn().await?;
        let cut = async {
            let mut transaction = turn.begin_with(BEGIN).await?;
            let cut = about(include_str!("sql/shards_cut.sql"), subscription)
                .bind(shards.get())
                .execute(&mut *transaction)
                .await?;
            if cut.rows_affected() > 0 {
                about(include_str!("sql/shards_fill.sql"), subscription)
                    .bind(shards.get())
                    .execute(&mut *transaction)
                    .await?;
            }
            let count: Option<Option<i64>> =
                about(include_str!("sql/shards_count.sql"), subscription)
                    .try_map(|row| row.try_get(0))
                    .fetch_optional(&mut *transaction)
                    .await?;
            transaction.commit().await?;
            Ok(count.flatten())
        };
        count(cut.await.map_err(StoreError::Unavailable)?, subscription)
    }

    async fn shards(&self, subscription: &Subscription) -> Result<Vec<Shard>, StoreError> {
        let rows = about(include_str!("sql/shards_list.sql"), subscription)
            .try_map(|row| ShardColumns::from_row(&row))
            .fetch_all(&mut *self.turn().await?)
            .await
            .map_err(StoreError::Unavailable)?;
        rows.into_iter().map(|row| shard(row, subscription)).collect()
    }

    async fn settled(
        &self,
        subscription: &Subscription,
        shards: &[ShardNumber],
    ) -> Result<Vec<Shard>, StoreError> {
        // A commit has been carried out, or not, when the connection is free again.
        let mut all = self.shards(subscription).await?;
        all.retain(|shard| shards.contains(&shard.lease.shard));
        Ok(all)
    }

    async fn workers(&self, subscription: &Subscription) -> Result<Vec<WorkerRow>, StoreError> {
        let rows = about(include_str!("sql/workers_list.sql"), subscription)
            .try_map(|row| WorkerColumns::from_row(&row))
            .fetch_all(&mut *self.turn().await?)
            .await
            .map_err(StoreError::Unavailable)?;
        rows.into_iter().map(worker).collect()
    }

    async fn beat(&self, subscription: &Subscription, beat: &Beat) -> Result<Beaten, StoreError> {
        let facts = &beat.facts;
        let held = pairs(&beat.held);
        let rows = async {
            let (mut transaction, _permit) = begin_for_leases(self.turns()).await?;
            about(include_str!("sql/worker_beat.sql"), subscription)
                .bind(facts.id.0.clone())
                .bind(facts.host.clone())
                .bind(facts.process)
                .bind(facts.identity.clone())
                .bind(facts.weight)
                .bind(facts.window)
                .bind(micros(beat.lease))
                .bind(beat.report.clone())
                .execute(&mut *transaction)
                .await?;
            if !beat.held.is_empty() {
                about(include_str!("sql/leases_renew.sql"), subscription)
                    .bind(facts.id.0.clone())
                    .bind(micros(beat.lease))
                    .bind(held.clone())
                    .execute(&mut *transaction)
                    .await?;
            }
            let rows: Vec<BeatenColumns> = about(include_str!("sql/leases_look.sql"), subscription)
                .bind(facts.id.0.clone())
                .bind(held)
                .bind(beat.acquires)
                .try_map(|row| BeatenColumns::from_row(&row))
                .fetch_all(&mut *transaction)
                .await?;
            let free: Vec<i64> = rows.iter().filter_map(row::shards::to_acquire).collect();
            if !free.is_empty() {
                about(include_str!("sql/leases_acquire.sql"), subscription)
                    .bind(facts.id.0.clone())
                    .bind(micros(beat.lease))
                    .bind(json!(free).to_string())
                    .bind(facts.window)
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
            Ok(rows)
        };
        let beaten = beaten(rows.await.map_err(StoreError::Unavailable)?, subscription)?;
        self.turns().set_shared(beaten.workers > 1);
        Ok(beaten)
    }

    async fn advance_shards(&self, advance: &Advance) -> Result<Vec<ShardNumber>, StoreError> {
        let mut turn = self.turn().await?;
        let lost = async {
            if advance.followers.is_empty() {
                // One statement is a transaction of its own, and one errand instead of three.
                return advance_shards(&mut turn, advance).await;
            }
            let mut transaction = turn.begin_with(BEGIN).await?;
            let lost = advance_shards(&mut transaction, advance).await?;
            transaction.commit().await?;
            Ok(lost)
        };
        lost.await.map_err(StoreError::Unavailable)
    }

    async fn release(
        &self,
        subscription: &Subscription,
        leases: &[Lease],
    ) -> Result<(), StoreError> {
        let released = async {
            let (mut transaction, _permit) = begin_for_leases(self.turns()).await?;
            about(include_str!("sql/leases_release.sql"), subscription)
                .bind(pairs(leases))
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await
        };
        released.await.map_err(StoreError::Unavailable)
    }

    async fn leave(&self, worker: &WorkerId) -> Result<(), StoreError> {
        self.forget_worker(worker, include_str!("sql/leases_release_all.sql")).await
    }

    async fn bury(&self, worker: &WorkerId) -> Result<(), StoreError> {
        self.forget_worker(worker, include_str!("sql/leases_end.sql")).await
    }

    async fn put_shards(
        &self,
        subscription: &Subscription,
        to: &ShardPlace,
    ) -> Result<Vec<WorkerRow>, StoreError> {
        let mut turn = self.turn().await?;
        let put = async {
            let mut transaction = turn.begin_with(BEGIN).await?;
            let holders: Vec<String> = about(include_str!("sql/leases_living.sql"), subscription)
                .try_map(|row| row.try_get(0))
                .fetch_all(&mut *transaction)
                .await?;
            if !holders.is_empty() {
                let workers = about(include_str!("sql/workers_list.sql"), subscription)
                    .try_map(|row| WorkerColumns::from_row(&row))
                    .fetch_all(&mut *transaction)
                    .await?;
                return Ok((holders, workers));
            }
            let statement = about(include_str!("sql/shards_put.sql"), subscription);
            row::bind(statement, &as_place(to)).execute(&mut *transaction).await?;
            about(include_str!("sql/reshard_barrier.sql"), subscription)
                .bind(None::<i64>)
                .execute(&mut *transaction)
                .await?;
            forget_beyond(&mut transaction, subscription, to.position).await?;
            transaction.commit().await?;
            Ok((holders, Vec::new()))
        };
        let (holders, workers) = put.await.map_err(StoreError::Unavailable)?;
        living(&holders, workers, subscription)
    }
}
