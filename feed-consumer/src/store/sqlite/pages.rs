//! The pages of feeds of other software.

use async_trait::async_trait;
use serde_json::json;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{SqliteStore, about};
use crate::store::pages::{Page, PageKind, PageState, PageStore};
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

/// The page of a row.
fn page(row: &SqliteRow, subscription: &Subscription) -> Result<Page, StoreError> {
    let inconsistent = |column, reason: String| StoreError::Inconsistent {
        table: "feed_foreign_pages",
        column,
        row: subscription.to_string(),
        reason,
    };
    let text = |column| {
        row.try_get::<String, _>(column).map_err(|error| inconsistent(column, error.to_string()))
    };
    let unknown = |column, text: &str| inconsistent(column, format!("{text:?} is not known"));
    let (kind, state) = (text("kind")?, text("state")?);
    Ok(Page {
        place: row.try_get("place").map_err(|it| inconsistent("place", it.to_string()))?,
        url: text("url")?,
        kind: PageKind::parse(&kind).ok_or_else(|| unknown("kind", &kind))?,
        state: PageState::parse(&state).ok_or_else(|| unknown("state", &state))?,
        oldest: row.try_get("oldest").map_err(|it| inconsistent("oldest", it.to_string()))?,
        linked: row.try_get("linked").map_err(|it| inconsistent("linked", it.to_string()))?,
    })
}

#[async_trait]
impl PageStore for SqliteStore {
    async fn pages(&self, subscription: &Subscription) -> Result<Vec<Page>, StoreError> {
        let found = about(include_str!("sql/pages_find.sql"), subscription)
            .fetch_all(&mut *self.turn().await?)
            .await
            .map_err(StoreError::Unavailable)?;
        found.iter().map(|row| page(row, subscription)).collect()
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
