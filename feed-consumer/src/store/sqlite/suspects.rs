//! What may have ended the holder of a shard.

use async_trait::async_trait;
use feed_protocol::Position;
use sqlx::Row;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};

use super::shards::pairs;
use super::{SqliteStore, about};
use crate::store::row::integer;
use crate::store::row::shards::integer as token_integer;
use crate::store::shards::Lease;
use crate::store::suspects::SuspectStore;
use crate::store::{StoreError, Subscription};

/// A statement about an event of a shard that is held under this token.
fn under(
    sql: &'static str,
    subscription: &Subscription,
    lease: Lease,
    position: Position,
) -> Query<'static, Sqlite, SqliteArguments> {
    about(sql, subscription)
        .bind(i64::from(lease.shard.get()))
        .bind(token_integer(lease.token))
        .bind(integer(position))
}

#[async_trait]
impl SuspectStore for SqliteStore {
    async fn begin_alone(
        &self,
        subscription: &Subscription,
        lease: Lease,
        position: Position,
    ) -> Result<Option<u32>, StoreError> {
        under(include_str!("sql/alone_begin.sql"), subscription, lease, position)
            .try_map(|row| row.try_get(0))
            .fetch_optional(&mut *self.turn().await?)
            .await
            .map_err(StoreError::Unavailable)
    }

    async fn end_alone(
        &self,
        subscription: &Subscription,
        lease: Lease,
        position: Position,
    ) -> Result<bool, StoreError> {
        let ended = under(include_str!("sql/alone_end.sql"), subscription, lease, position)
            .execute(&mut *self.turn().await?)
            .await
            .map_err(StoreError::Unavailable)?;
        Ok(ended.rows_affected() > 0)
    }

    async fn clear_suspects(
        &self,
        subscription: &Subscription,
        leases: &[Lease],
    ) -> Result<(), StoreError> {
        about(include_str!("sql/suspects_clear.sql"), subscription)
            .bind(pairs(leases))
            .execute(&mut *self.turn().await?)
            .await
            .map_err(StoreError::Unavailable)?;
        Ok(())
    }
}
