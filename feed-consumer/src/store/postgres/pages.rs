//! The pages of feeds of other software.

use async_trait::async_trait;
use sqlx::{FromRow, PgConnection};

use super::entries::gathers;
use super::{PostgresStore, about, within};
use crate::store::pages::{Page, PageColumns, PageStore};
use crate::store::shards::Lease;
use crate::store::{StoreError, Subscription};

/// Notes pages, within a transaction.
pub(super) async fn put(
    connection: &mut PgConnection,
    subscription: &Subscription,
    pages: &[Page],
) -> Result<(), sqlx::Error> {
    about(include_str!("sql/pages_put.sql"), subscription)
        .bind(pages.iter().map(|page| page.place).collect::<Vec<_>>())
        .bind(pages.iter().map(|page| page.url.clone()).collect::<Vec<_>>())
        .bind(pages.iter().map(|page| page.kind.as_str()).collect::<Vec<_>>())
        .bind(pages.iter().map(|page| page.state.as_str()).collect::<Vec<_>>())
        .bind(pages.iter().map(|page| page.oldest.clone()).collect::<Vec<_>>())
        .bind(pages.iter().map(|page| page.linked).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that a page is done, within a transaction.
pub(super) async fn done(
    connection: &mut PgConnection,
    subscription: &Subscription,
    place: i64,
) -> Result<(), sqlx::Error> {
    about(include_str!("sql/page_done.sql"), subscription).bind(place).execute(connection).await?;
    Ok(())
}

/// Forgets pages, within a transaction.
pub(super) async fn drop(
    connection: &mut PgConnection,
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
impl PageStore for PostgresStore {
    async fn pages(&self, subscription: &Subscription) -> Result<Vec<Page>, StoreError> {
        let found = about(include_str!("sql/pages_find.sql"), subscription)
            .try_map(|row| PageColumns::from_row(&row))
            .fetch_all(&self.pool);
        within(found).await?.into_iter().map(|row| Page::of(row, subscription)).collect()
    }

    async fn put_pages(
        &self,
        subscription: &Subscription,
        lease: Lease,
        pages: &[Page],
    ) -> Result<bool, StoreError> {
        let changed = within(async {
            let mut transaction = self.begin().await?;
            if gathers(&mut transaction, subscription, lease).await?.is_none() {
                return Ok(false);
            }
            put(&mut transaction, subscription, pages).await?;
            transaction.commit().await?;
            Ok(true)
        });
        changed.await
    }

    async fn page_done(
        &self,
        subscription: &Subscription,
        lease: Lease,
        place: i64,
    ) -> Result<bool, StoreError> {
        let changed = within(async {
            let mut transaction = self.begin().await?;
            if gathers(&mut transaction, subscription, lease).await?.is_none() {
                return Ok(false);
            }
            done(&mut transaction, subscription, place).await?;
            transaction.commit().await?;
            Ok(true)
        });
        changed.await
    }

    async fn drop_pages(
        &self,
        subscription: &Subscription,
        lease: Lease,
        from: i64,
        to: i64,
    ) -> Result<bool, StoreError> {
        let changed = within(async {
            let mut transaction = self.begin().await?;
            if gathers(&mut transaction, subscription, lease).await?.is_none() {
                return Ok(false);
            }
            drop(&mut transaction, subscription, from, to).await?;
            transaction.commit().await?;
            Ok(true)
        });
        changed.await
    }

    async fn has_seen(&self, subscription: &Subscription) -> Result<bool, StoreError> {
        let any = about(include_str!("sql/seen_any.sql"), subscription)
            .try_map(|row| <(bool,)>::from_row(&row))
            .fetch_one(&self.pool);
        let (any,) = within(any).await?;
        Ok(any)
    }
}
