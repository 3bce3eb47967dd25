//! The pages of feeds of other software.

use async_trait::async_trait;
use serde_json::json;
use sqlx::{FromRow, Row};

use super::{SqliteStore, about};
use crate::store::pages::{Page, PageColumns, PageStore};
use crate::store::{StoreError, Subscription};

/// The text of these pages for `pages_put`.
pub(super) fn rows(pages: &[Page]) -> String {
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
    json!(pages.iter().map(row).collect::<Vec<_>>()).to_string()
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
        pages: &[Page],
    ) -> Result<(), StoreError> {
        about(include_str!("sql/pages_put.sql"), subscription)
            .bind(rows(pages))
            .execute(&mut *self.turn().await?)
            .await
            .map_err(StoreError::Unavailable)?;
        Ok(())
    }

    async fn page_done(&self, subscription: &Subscription, place: i64) -> Result<(), StoreError> {
        about(include_str!("sql/page_done.sql"), subscription)
            .bind(place)
            .execute(&mut *self.turn().await?)
            .await
            .map_err(StoreError::Unavailable)?;
        Ok(())
    }

    async fn drop_pages(
        &self,
        subscription: &Subscription,
        from: i64,
        to: i64,
    ) -> Result<(), StoreError> {
        about(include_str!("sql/pages_drop.sql"), subscription)
            .bind(from)
            .bind(to)
            .execute(&mut *self.turn().await?)
            .await
            .map_err(StoreError::Unavailable)?;
        Ok(())
    }

    async fn has_seen(&self, subscription: &Subscription) -> Result<bool, StoreError> {
        about(include_str!("sql/seen_any.sql"), subscription)
            .fetch_one(&mut *self.turn().await?)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(StoreError::Unavailable)
    }
}
