//! What people have ordered: pauses, and other numbers of shards.

use async_trait::async_trait;
use sqlx::{FromRow, PgConnection, Postgres, Row, Transaction};

use super::parking::numbers;
use super::{PostgresStore, about, within};
use crate::shard::{ShardCount, ShardNumber};
use crate::store::orders::step::{Cut, Step};
use crate::store::orders::{OrderStore, PauseReason, Resharding};
use crate::store::row::orders::{AskedColumns, next, pause, reached};
use crate::store::row::parking::{shard_of, text};
use crate::store::row::shards::{ShardColumns, as_place, integer as token_integer};
use crate::store::row::{self, integer};
use crate::store::{StoreError, Subscription};

/// What is asked for, and all shards.
async fn look(
    connection: &mut PgConnection,
    subscription: &Subscription,
) -> Result<(Option<AskedColumns>, Vec<ShardColumns>), sqlx::Error> {
    let found = about(include_str!("sql/reshard_find.sql"), subscription)
        .try_map(|row| AskedColumns::from_row(&row))
        .fetch_optional(&mut *connection)
        .await?;
    let shards = about(include_str!("sql/shards_list.sql"), subscription)
        .try_map(|row| ShardColumns::from_row(&row))
        .fetch_all(connection)
        .await?;
    Ok((found, shards))
}

impl PostgresStore {
    /// Locks all shards in the order in which everybody locks them, and the subscription's row
    /// after them, as whoever parks and whoever forgets has it. Returns the next step, which nobody
    /// else takes until the transaction ends.
    async fn lock(
        &self,
        subscription: &Subscription,
    ) -> Result<(Transaction<'static, Postgres>, Step), StoreError> {
        loop {
            let found = within(async {
                let mut transaction = self.begin().await?;
                let locked = about(include_str!("sql/shards_lock.sql"), subscription)
                    .execute(&mut *transaction)
                    .await?;
                about(include_str!("sql/reshard_lock.sql"), subscription)
                    .execute(&mut *transaction)
                    .await?;
                let found = look(&mut transaction, subscription).await?;
                Ok((transaction, locked.rows_affected(), found))
            });
            let (transaction, locked, (found, shards)) = found.await?;
            let are_all = shards.len() as u64 == locked;
            let step = next(found, shards, subscription)?;
            if are_all {
                return Ok((transaction, step));
            }
            // They were cut anew while this waited for them: those that are there now are not
            // locked.
            within(transaction.rollback()).await?;
        }
    }
}

/// Cuts the shards anew, and brings what is set aside to its new shards, within a transaction.
async fn recut(
    connection: &mut PgConnection,
    subscription: &Subscription,
    cut: &Cut,
) -> Result<(), StoreError> {
    let recut = within(async {
        about(include_str!("sql/shards_forget_all.sql"), subscription)
            .execute(&mut *connection)
            .await?;
        let (since, who, why) = pause(cut);
        let statement = about(include_str!("sql/shards_recut.sql"), subscription)
            .bind(i64::from(cut.to.get()))
            .bind(token_integer(cut.token))
            .bind(since)
            .bind(who)
            .bind(why);
        row::bind(statement, &as_place(&cut.place)).execute(&mut *connection).await?;
        about(include_str!("sql/reshard_done.sql"), subscription)
            .bind(i64::from(cut.to.get()))
            .execute(&mut *connection)
            .await?;
        let subjects: Vec<String> = about(include_str!("sql/subjects_set_aside.sql"), subscription)
            .try_map(|row| row.try_get(0))
            .fetch_all(&mut *connection)
            .await?;
        let moved = |it: &String| i64::from(cut.to.shard_of_texts(Some(it), "", "").get());
        let moved: Vec<i64> = subjects.iter().map(moved).collect();
        for sql in [include_str!("sql/parked_move.sql"), include_str!("sql/followers_move.sql")] {
            about(sql, subscription)
                .bind(subjects.clone())
                .bind(moved.clone())
                .execute(&mut *connection)
                .await?;
        }
        about(include_str!("sql/parked_without_subject.sql"), subscription)
            .try_map(|row| <(i64, String)>::from_row(&row))
            .fetch_all(&mut *connection)
            .await
    });
    for parked in recut.await? {
        let shard = shard_of(&parked, cut.to, subscription)?;
        let moved = about(include_str!("sql/parked_move_one.sql"), subscription)
            .bind(parked.0)
            .bind(i64::from(shard.get()))
            .execute(&mut *connection);
        within(moved).await?;
    }
    Ok(())
}

#[async_trait]
impl OrderStore for PostgresStore {
    async fn pause(
        &self,
        subscription: &Subscription,
        shards: &[ShardNumber],
        pause: Option<&PauseReason>,
    ) -> Result<Vec<ShardNumber>, StoreError> {
        let (mut transaction, _) = self.lock(subscription).await?;
        let statement = match pause {
            Some(PauseReason { who, why }) => {
                about(include_str!("sql/shards_pause.sql"), subscription)
                    .bind(numbers(shards))
                    .bind(text(who).into_owned())
                    .bind(text(why).into_owned())
            }
            None => {
                about(include_str!("sql/shards_resume.sql"), subscription).bind(numbers(shards))
            }
        };
        let changed = within(async {
            let changed: Vec<i64> =
                statement.try_map(|row| row.try_get(0)).fetch_all(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(changed)
        });
        row::orders::changed(changed.await?, subscription)
    }

    async fn reshard(
        &self,
        subscription: &Subscription,
        shards: ShardCount,
    ) -> Result<bool, StoreError> {
        let asked = within(async {
            let mut transaction = self.begin().await?;
            let asked = about(include_str!("sql/reshard_ask.sql"), subscription)
                .bind(i64::from(shards.get()))
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(asked.rows_affected() > 0)
        });
        asked.await
    }

    async fn resharding(&self, subscription: &Subscription) -> Result<Resharding, StoreError> {
        let found = within(async { look(&mut *self.pool().acquire().await?, subscription).await });
        let (found, shards) = found.await?;
        reached(found, shards, subscription)
    }

    async fn reshard_step(&self, subscription: &Subscription) -> Result<Resharding, StoreError> {
        // Nothing is locked before there is something to do.
        let found = within(async { look(&mut *self.pool().acquire().await?, subscription).await });
        let (found, shards) = found.await?;
        let step = next(found, shards, subscription)?;
        if let Step::Wait(reached) = step {
            return Ok(reached);
        }
        let (mut transaction, step) = self.lock(subscription).await?;
        match &step {
            Step::Wait(_) => {
                within(transaction.rollback()).await?;
                return Ok(step.reached());
            }
            Step::Barrier(barrier, _) => {
                let set = within(async {
                    about(include_str!("sql/shards_fence.sql"), subscription)
                        .execute(&mut *transaction)
                        .await?;
                    about(include_str!("sql/reshard_barrier.sql"), subscription)
                        .bind(integer(*barrier))
                        .execute(&mut *transaction)
                        .await
                });
                set.await?;
            }
            Step::Cut(cut) => recut(&mut transaction, subscription, cut).await?,
        }
        within(transaction.commit()).await?;
        Ok(step.reached())
    }
}
