//! What handlers have done outside the database.

use async_trait::async_trait;
use feed_protocol::Position;
use sqlx::FromRow;

use super::parking::steps::holder;
use super::{PostgresStore, about, within};
use crate::store::once::{Before, OnceStore, REMEMBERED};
use crate::store::row::integer;
use crate::store::row::shards::micros;
use crate::store::shards::Lease;
use crate::store::{StoreError, Subscription};

#[async_trait]
impl OnceStore for PostgresStore {
    async fn once_begin(
        &self,
        subscription: &Subscription,
        lease: Lease,
        position: Position,
        key: &str,
    ) -> Result<Option<Before>, StoreError> {
        let begun = within(async {
            let mut transaction = self.begin().await?;
            if holder(&mut transaction, subscription, lease).await?.is_none() {
                transaction.rollback().await?;
                return Ok(None);
            }
            let put = about(include_str!("sql/once_put.sql"), subscription)
                .bind(key.to_owned())
                .bind(integer(position))
                .execute(&mut *transaction)
                .await?;
            if put.rows_affected() > 0 {
                about(include_str!("sql/once_prune.sql"), subscription)
                    .bind(micros(REMEMBERED))
                    .execute(&mut *transaction)
                    .await?;
                transaction.commit().await?;
                return Ok(Some(Before::Nothing));
            }
            let (was_done, is_past) = about(include_str!("sql/once_find.sql"), subscription)
                .bind(key.to_owned())
                .bind(micros(REMEMBERED))
                .try_map(|row| <(bool, bool)>::from_row(&row))
                .fetch_one(&mut *transaction)
                .await?;
            if is_past {
                about(include_str!("sql/once_renew.sql"), subscription)
                    .bind(key.to_owned())
                    .bind(integer(position))
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
            Ok(Some(Before::of(was_done, is_past)))
        });
        begun.await
    }

    async fn once_done(
        &self,
        subscription: &Subscription,
        lease: Lease,
        key: &str,
    ) -> Result<bool, StoreError> {
        let done = within(async {
            let mut transaction = self.begin().await?;
            if holder(&mut transaction, subscription, lease).await?.is_none() {
                transaction.rollback().await?;
                return Ok(false);
            }
            about(include_str!("sql/once_done.sql"), subscription)
                .bind(key.to_owned())
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(true)
        });
        done.await
    }
}
