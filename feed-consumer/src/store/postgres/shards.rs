//! Shards, and their leases.

use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx::query::Map;
use sqlx::{FromRow, PgConnection, Row};

use super::parking::steps::{add_followers, forget_beyond};
use super::{PostgresStore, about, within};
use crate::shard::{ShardCount, ShardNumber};
use crate::store::row::shards::{
    BeatenColumns, ShardColumns, WorkerColumns, as_place, beaten, count, integer, is_done, living,
    micros, shard, worker,
};
use crate::store::shards::{
    Beat, Beaten, Lease, Move, Shard, ShardPlace, ShardStore, WorkerId, WorkerRow,
};
use crate::store::{Advance, LastEvent, StoreError, Subscription, row};

/// Moves the cursors of shards, each under its token, within a transaction. Returns those that were
/// not moved, since another worker has acquired them. What follows parked events of the shards
/// moved is recorded.
pub(in crate::store) async fn advance_shards(
    connection: &mut PgConnection,
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
            let moved = advance_several(connection, subscription, several).await?;
            row::shards::unmoved(several, &moved)
        }
    };
    add_followers(connection, subscription, followers).await?;
    Ok(lost)
}

/// Moves cursors, and returns the shards that were moved.
async fn advance_several(
    connection: &mut PgConnection,
    subscription: &Subscription,
    moves: &[Move],
) -> Result<Vec<i64>, sqlx::Error> {
    fn each<T>(moves: &[Move], column: impl Fn(&Move) -> T) -> Vec<T> {
        moves.iter().map(column).collect()
    }
    fn last<T>(moves: &[Move], column: impl Fn(&LastEvent) -> T) -> Vec<Option<T>> {
        each(moves, |it| it.to.last.as_ref().map(&column))
    }
    about(include_str!("sql/shards_advance.sql"), subscription)
        .bind(each(moves, |it| i64::from(it.lease.shard.get())))
        .bind(each(moves, |it| integer(it.lease.token)))
        .bind(each(moves, |it| row::integer(it.to.position)))
        .bind(last(moves, |last| row::integer(last.position)))
        .bind(last(moves, |last| last.source.to_string()))
        .bind(last(moves, |last| last.id.to_string()))
        .bind(last(moves, |last| last.digest.to_be_bytes().to_vec()))
        .bind(each(moves, |it| it.to.validators.etag.clone()))
        .bind(each(moves, |it| it.to.validators.last_modified.clone()))
        .try_map(|row| row.try_get(0))
        .fetch_all(connection)
        .await
}

/// The token of each shard that is held, and 0 for the others, up to the last one held: what finds
/// a shard's token at once, and needs no table.
pub(super) fn tokens(leases: &[Lease]) -> Vec<i64> {
    let mut tokens = Vec::new();
    for lease in leases {
        let shard = usize::from(lease.shard.get());
        tokens.resize(tokens.len().max(shard + 1), 0);
        tokens[shard] = integer(lease.token);
    }
    tokens
}

/// The statement by which a worker says that it lives.
fn signs(
    subscription: &Subscription,
    beat: &Beat,
) -> Map<'static, Postgres, impl FnMut(PgRow) -> Result<BeatenColumns, sqlx::Error>, PgArguments> {
    let facts = &beat.facts;
    about(include_str!("sql/beat.sql"), subscription)
        .bind(facts.id.0.clone())
        .bind(facts.host.clone())
        .bind(i64::from(facts.process))
        .bind(facts.identity.clone())
        .bind(i64::from(facts.weight))
        .bind(i64::from(facts.window))
        .bind(micros(beat.lease))
        .bind(beat.report.clone())
        .bind(tokens(&beat.held))
        .bind(beat.acquires)
        .try_map(|row| BeatenColumns::from_row(&row))
}

impl PostgresStore {
    /// Does something about the leases of a worker, and forgets it.
    async fn forget_worker(
        &self,
        worker: &WorkerId,
        leases: &'static str,
    ) -> Result<(), StoreError> {
        let forgotten = within(async {
            let mut transaction = self.begin().await?;
            sqlx::query(leases).bind(worker.0.clone()).execute(&mut *transaction).await?;
            sqlx::query(include_str!("sql/workers_prune.sql")).execute(&mut *transaction).await?;
            transaction.commit().await
        });
        forgotten.await
    }
}

#[async_trait]
impl ShardStore for PostgresStore {
    async fn cut(
        &self,
        subscription: &Subscription,
        shards: ShardCount,
    ) -> Result<ShardCount, StoreError> {
        let cut = within(async {
            let mut transaction = self.begin().await?;
            about(include_str!("sql/shards_cut.sql"), subscription)
                .bind(i64::from(shards.get()))
                .execute(&mut *transaction)
                .await?;
            let count: Option<Option<i64>> =
                about(include_str!("sql/shards_count.sql"), subscription)
                    .try_map(|row| row.try_get(0))
                    .fetch_optional(&mut *transaction)
                    .await?;
            transaction.commit().await?;
            Ok(count.flatten())
        });
        count(cut.await?, subscription)
    }

    async fn shards(&self, subscription: &Subscription) -> Result<Vec<Shard>, StoreError> {
        let rows = about(include_str!("sql/shards_list.sql"), subscription)
            .try_map(|row| ShardColumns::from_row(&row))
            .fetch_all(self.pool());
        within(rows).await?.into_iter().map(|row| shard(row, subscription)).collect()
    }

    async fn settled(
        &self,
        subscription: &Subscription,
        shards: &[ShardNumber],
    ) -> Result<Vec<Shard>, StoreError> {
        let shards: Vec<i64> = shards.iter().map(|shard| i64::from(shard.get())).collect();
        let rows = within(async {
            let mut transaction = self.begin().await?;
            let rows = about(include_str!("sql/shards_settled.sql"), subscription)
                .bind(shards)
                .try_map(|row| ShardColumns::from_row(&row))
                .fetch_all(&mut *transaction)
                .await?;
            // Now, and not when the connection is used again: whoever acquires passes by what is
            // locked.
            transaction.rollback().await?;
            Ok(rows)
        });
        rows.await?.into_iter().map(|row| shard(row, subscription)).collect()
    }

    async fn workers(&self, subscription: &Subscription) -> Result<Vec<WorkerRow>, StoreError> {
        let rows = about(include_str!("sql/workers_list.sql"), subscription)
            .try_map(|row| WorkerColumns::from_row(&row))
            .fetch_all(self.pool());
        within(rows).await?.into_iter().map(worker).collect()
    }

    async fn beat(&self, subscription: &Subscription, beat: &Beat) -> Result<Beaten, StoreError> {
        // All of the answer is awaited, and so the commit, which comes after the rows.
        let rows = within(signs(subscription, beat).fetch_all(self.pool())).await?;
        if is_done(&rows, subscription)? {
            return beaten(rows, subscription);
        }
        let rows = within(async {
            let mut transaction = self.begin().await?;
            let rows = signs(subscription, beat).fetch_all(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(rows)
        });
        beaten(rows.await?, subscription)
    }

    async fn advance_shards(&self, advance: &Advance) -> Result<Vec<ShardNumber>, StoreError> {
        let lost = within(async {
            let mut transaction = self.begin().await?;
            let lost = advance_shards(&mut transaction, advance).await?;
            transaction.commit().await?;
            Ok(lost)
        });
        lost.await
    }

    async fn release(
        &self,
        subscription: &Subscription,
        leases: &[Lease],
    ) -> Result<(), StoreError> {
        let released = within(async {
            let mut transaction = self.begin().await?;
            about(include_str!("sql/leases_release.sql"), subscription)
                .bind(tokens(leases))
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await
        });
        released.await
    }

    async fn leave(&self, worker: &WorkerId) -> Result<(), StoreError> {
        self.forget_worker(worker, include_str!("sql/worker_leave.sql")).await
    }

    async fn bury(&self, worker: &WorkerId) -> Result<(), StoreError> {
        self.forget_worker(worker, include_str!("sql/worker_bury.sql")).await
    }

    async fn put_shards(
        &self,
        subscription: &Subscription,
        to: &ShardPlace,
    ) -> Result<Vec<WorkerRow>, StoreError> {
        let put = within(async {
            let mut transaction = self.begin().await?;
            about(include_str!("sql/shards_lock.sql"), subscription)
                .execute(&mut *transaction)
                .await?;
            let holders: Vec<String> = about(include_str!("sql/leases_living.sql"), subscription)
                .try_map(|row| row.try_get(0))
                .fetch_all(&mut *transaction)
                .await?;
            if !holders.is_empty() {
                let workers = about(include_str!("sql/workers_list.sql"), subscription)
                    .try_map(|row| WorkerColumns::from_row(&row))
                    .fetch_all(&mut *transaction)
                    .await?;
                transaction.rollback().await?;
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
        });
        let (holders, workers) = put.await?;
        living(&holders, workers, subscription)
    }
}
