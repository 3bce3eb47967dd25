//! What people have ordered: pauses, and other numbers of shards.

use async_trait::async_trait;
use serde_json::json;
use sqlx::{Connection, FromRow, Row, SqliteConnection};

use super::parking::numbers;
use super::{BEGIN, SqliteStore, about};
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
    connection: &mut SqliteConnection,
    subscription: &Subscription,
) -> Result<(Option<AskedColumns>, Vec<ShardColumns>), StoreError> {
    let found = async {
        let found = about(include_str!("sql/reshard_find.sql"), subscription)
            .try_map(|row| AskedColumns::from_row(&row))
            .fetch_optional(&mut *connection)
            .await?;
        let shards = about(include_str!("sql/shards_list.sql"), subscription)
            .try_map(|row| ShardColumns::from_row(&row))
            .fetch_all(connection)
            .await?;
        Ok((found, shards))
    };
    found.await.map_err(StoreError::Unavailable)
}

/// Cuts the shards anew, and brings what is set aside to its new shards, within a transaction.
async fn recut(
    connection: &mut SqliteConnection,
    subscription: &Subscription,
    cut: &Cut,
) -> Result<(), StoreError> {
    let recut = async {
        about(include_str!("sql/shards_forget_all.sql"), subscription)
            .execute(&mut *connection)
            .await?;
        let (since, who, why) = pause(cut);
        let statement = about(include_str!("sql/shards_recut.sql"), subscription)
            .bind(cut.to.get())
            .bind(token_integer(cut.token))
            .bind(since)
            .bind(who)
            .bind(why);
        row::bind(statement, &as_place(&cut.place)).execute(&mut *connection).await?;
        about(include_str!("sql/reshard_done.sql"), subscription)
            .bind(cut.to.get())
            .execute(&mut *connection)
            .await?;
        let subjects: Vec<String> = about(include_str!("sql/subjects_set_aside.sql"), subscription)
            .try_map(|row| row.try_get(0))
            .fetch_all(&mut *connection)
            .await?;
        let moved = |it: &String| json!([it, cut.to.shard_of_texts(Some(it), "", "").get()]);
        let moved = json!(subjects.iter().map(moved).collect::<Vec<_>>()).to_string();
        for sql in [include_str!("sql/parked_move.sql"), include_str!("sql/followers_move.sql")] {
            about(sql, subscription).bind(moved.clone()).execute(&mut *connection).await?;
        }
        about(include_str!("sql/parked_without_subject.sql"), subscription)
            .try_map(|row| <(i64, String)>::from_row(&row))
            .fetch_all(&mut *connection)
            .await
    };
    for parked in recut.await.map_err(StoreError::Unavailable)? {
        let shard = shard_of(&parked, cut.to, subscription)?;
        about(include_str!("sql/parked_move_one.sql"), subscription)
            .bind(parked.0)
            .bind(shard.get())
            .execute(&mut *connection)
            .await
            .map_err(StoreError::Unavailable)?;
    }
    Ok(())
}

#[async_trait]
impl OrderStore for SqliteStore {
    async fn pause(
        &self,
        subscription: &Subscription,
        shards: &[ShardNumber],
        pause: Option<&PauseReason>,
    ) -> Result<Vec<ShardNumber>, StoreError> {
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
        let changed: Vec<i64> = statement
            .try_map(|row| row.try_get(0))
            .fetch_all(&mut *self.turn().await?)
            .await
            .map_err(StoreError::Unavailable)?;
        row::orders::changed(changed, subscription)
    }

    async fn reshard(
        &self,
        subscription: &Subscription,
        shards: ShardCount,
    ) -> Result<bool, StoreError> {
        let asked = about(include_str!("sql/reshard_ask.sql"), subscription)
            .bind(shards.get())
            .execute(&mut *self.turn().await?)
            .await
            .map_err(StoreError::Unavailable)?;
        Ok(asked.rows_affected() > 0)
    }

    async fn resharding(&self, subscription: &Subscription) -> Result<Resharding, StoreError> {
        let mut turn = self.turn().await?;
        let (found, shards) = look(&mut turn, subscription).await?;
        reached(found, shards, subscription)
    }

    async fn reshard_step(&self, subscription: &Subscription) -> Result<Resharding, StoreError> {
        let mut turn = self.turn().await?;
        // Nothing is locked before there is something to do.
        let (found, shards) = look(&mut turn, subscription).await?;
        if let Step::Wait(reached) = next(found, shards, subscription)? {
            return Ok(reached);
        }
        let mut transaction = turn.begin_with(BEGIN).await.map_err(StoreError::Unavailable)?;
        let (found, shards) = look(&mut transaction, subscription).await?;
        let step = next(found, shards, subscription)?;
        match &step {
            Step::Wait(_) => return Ok(step.reached()),
            Step::Barrier(barrier, _) => {
                let set = async {
                    about(include_str!("sql/shards_fence.sql"), subscription)
                        .execute(&mut *transaction)
                        .await?;
                    about(include_str!("sql/reshard_barrier.sql"), subscription)
                        .bind(integer(*barrier))
                        .execute(&mut *transaction)
                        .await
                };
                set.await.map_err(StoreError::Unavailable)?;
            }
            Step::Cut(cut) => recut(&mut transaction, subscription, cut).await?,
        }
        transaction.commit().await.map_err(StoreError::Unavailable)?;
        Ok(step.reached())
    }
}
