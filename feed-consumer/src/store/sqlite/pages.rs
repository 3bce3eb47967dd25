//! The pages of feeds of other software.

use async_trait::async_trait;
use serde_json::json;
use sqlx::{Connection, FromRow, Row, SqliteConnection};

use super::entries::gathers;
use super::{BEGIN, SqliteStore, about};
use crate::store::pages::{Page, PageColumns, PageStore};
use crate::store::shards::Lease;
use crate::store::{StoreError, Subscription};

/// Notes pages, within a transaction.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    subscription: &Subscription,
    pages: &[Page],
) -> Result<(), sqlx::Error> {
    let row = |page: &Page| {
        json!({
            "place": page.place,
            "url": page.url,
            "kind": page.kind.as_str(),
            "state": page.state.as_str(),
            "oldest": page.oldest,
            "linked": page.linked,
        })
    };
    about(include_str!("sql/pages_put.sql"), subscription)
        .bind(json!(pages.iter().map(row).collect::<Vec<_>>()).to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that a page is done, within a transaction.
pub(super) async fn done(
    connection: &mut SqliteConnection,
    subscription: &Subscription,
    place: i64,
) -> Result<(), sqlx::Error> {
    about(include_str!("sql/page_done.sql"), subscription).bind(place).execute(connection).await?;
    Ok(())
}

/// Forgets pages, within a transaction.
pub(super) async fn drop(
    connection: &mut SqliteConnection,
    subscription: &Subscription,
    from: i64,
    to: i64,
) -> Result<(), sqlx::Error> {
    about(include_str!("sql/pages_drop.sql"), subscription)
        .bind(from)
        .bind(to)
        .execute(connection)
        .await?;
    Ok(())
}

#[async_trait]
impl PageStore for SqliteStore {
    async fn pages(&self, subscription: &Subscription) -> Result<Vec<Page>, StoreError> {
        let found = about(include_str!("sql/pages_find.sql"), subscription)
            .try_map(|row| PageColumns::from_row(&row))
            .fetch_all(&mut *self.turn().await?)
            .await
            .map_err(StoreError::Unavailable)?;
        found.into_iter().map(|row| Page::of(row, subscription)).collect()
    }

    async fn put_pages(
        &self,
        subscription: &Subscription,
        lease: Lease,
        pages: &[Page],
    ) -> Result<bool, StoreError> {
        let mut turn = self.turn().await?;
        let changed = async {
            let mut transaction = turn.begin_with(BEGIN).await?;
            if gathers(&mut transaction, subscription, lease).await?.is_none() {
                return Ok(false);
            }
            put(&mut transaction, subscription, pages).await?;
            transaction.commit().await?;
            Ok(true)
        };
        changed.await.map_err(StoreError::Unavailable)
    }

    async fn page_done(
        &self,
        subscription: &Subscription,
        lease: Lease,
        place: i64,
    ) -> Result<bool, StoreError> {
        let mut turn = self.turn().await?;
        let changed = async {
            let mut transaction = turn.begin_with(BEGIN).await?;
            if gathers(&mut transaction, subscription, lease).await?.is_none() {
                return Ok(false);
            }
            done(&mut transaction, subscription, place).await?;
            transaction.commit().await?;
            Ok(true)
        };
        changed.await.map_err(StoreError::Unavailable)
    }

    async fn drop_pages(
        &self,
        subscription: &Subscription,
        lease: Lease,
        from: i64,
        to: i64,
    ) -> Result<bool, StoreError> {
        let mut turn = self.turn().await?;
        let changed = async {
            let mut transaction = turn.begin_with(BEGIN).await?;
            if gathers(&mut transaction, subscription, lease).await?.is_none() {
                return Ok(false);
            }
            drop(&mut transaction, subscription, from, to).await?;
            transaction.commit().await?;
            Ok(true)
        };
        changed.await.map_err(StoreError::Unavailable)
    }

    async fn has_seen(&self, subscription: &Subscription) -> Result<bool, StoreError> {
        about(include_str!("sql/seen_any.sql"), subscription)
            .fetch_one(&mut *self.turn().await?)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(StoreError::Unavailable)
    }
}
