//! What may have ended the holder of a shard.

use async_trait::async_trait;
use feed_protocol::Position;
use sqlx::Row;
use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;

use super::shards::tokens;
use super::{PostgresStore, about, within};
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
) -> Query<'static, Postgres, PgArguments> {
    about(sql, subscription)
        .bind(i64::from(lease.shard.get()))
        .bind(token_integer(lease.token))
        .bind(integer(position))
}

#[async_trait]
impl SuspectStore for PostgresStore {
    async fn begin_alone(
        &self,
        subscription: &Subscription,
        lease: Lease,
        position: Position,
    ) -> Result<Option<u32>, StoreError> {
        let begun = within(async {
            let mut transaction = self.begin().await?;
            let begun: Option<i64> =
                under(include_str!("sql/alone_begin.sql"), subscription, lease, position)
                    .try_map(|row| row.try_get(0))
                    .fetch_optional(&mut *transaction)
                    .await?;
            transaction.commit().await?;
            Ok(begun)
        });
        Ok(begun.await?.map(|begun| u32::try_from(begun).unwrap_or(u32::MAX)))
    }

    async fn end_alone(
        &self,
        subscription: &Subscription,
        lease: Lease,
        position: Position,
    ) -> Result<bool, StoreError> {
        let ended = within(async {
            let mut transaction = self.begin().await?;
            let ended = under(include_str!("sql/alone_end.sql"), subscription, lease, position)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(ended.rows_affected() > 0)
        });
        ended.await
    }

    async fn clear_suspects(
        &self,
        subscription: &Subscription,
        leases: &[Lease],
    ) -> Result<(), StoreError> {
        let cleared = within(async {
            let mut transaction = self.begin().await?;
            about(include_str!("sql/suspects_clear.sql"), subscription)
                .bind(tokens(leases))
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await
        });
        cleared.await
    }
}
