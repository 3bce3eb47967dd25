//! What was found of feeds of other software.

use async_trait::async_trait;
use feed_protocol::{Position, Recorded};
use sqlx::{FromRow, PgConnection, Row};

use super::parking::steps::holder;
use super::{PostgresStore, about, add_seen, forget_others, pages, seen, within};
use crate::store::entries::{DocumentEnd, EntryRun, EntryStore, Finding};
use crate::store::pages::PageKind;
use crate::store::row::entries::{EntryColumns, RunColumns, columns, entry, run};
use crate::store::row::integer;
use crate::store::row::parking::position as position_of;
use crate::store::row::shards::integer as token_integer;
use crate::store::shards::Lease;
use crate::store::{StoreError, Subscription};

/// How many entries were found, if this worker gathers; `None` if another one has the shard. Nobody else adds to them, and nobody
/// acquires the shard, until the transaction ends.
pub(super) async fn gathers(
    connection: &mut PgConnection,
    subscription: &Subscription,
    lease: Lease,
) -> Result<Option<i64>, sqlx::Error> {
    // The shard before the subscription, as everybody locks them.
    let holds = holder(connection, subscription, lease).await?;
    let found: Option<i64> = about(include_str!("sql/entries_head.sql"), subscription)
        .try_map(|row| row.try_get(0))
        .fetch_optional(connection)
        .await?;
    Ok(holds.and(found))
}

/// Adds what a document brought, within a transaction. Returns how many entries were found in all;
/// `None` if another worker has the shard.
async fn add(
    connection: &mut PgConnection,
    subscription: &Subscription,
    lease: Lease,
    finding: &Finding<'_>,
) -> Result<Option<i64>, sqlx::Error> {
    let Some(found) = gathers(connection, subscription, lease).await? else { return Ok(None) };
    let ids = finding.ids();
    let known = seen(connection, subscription, &ids).await?;
    let new: Vec<_> = finding.unseen(&known).collect();
    let rows: Vec<EntryColumns> = columns(found, &new).collect();
    let found = rows.last().map_or(found, |row| row.0);
    if !rows.is_empty() {
        about(include_str!("sql/entries_put.sql"), subscription)
            .bind(rows.iter().map(|row| row.0).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.1).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.2).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.3.clone()).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await?;
        about(include_str!("sql/entries_found.sql"), subscription)
            .bind(found)
            .execute(&mut *connection)
            .await?;
    }
    add_seen(connection, subscription, &finding.seen(&new)).await?;
    forget_others(connection, subscription, &ids).await?;
    match finding.end {
        DocumentEnd::Nothing => {}
        DocumentEnd::Page { place, kind: PageKind::Archive } => {
            pages::done(connection, subscription, *place).await?;
        }
        DocumentEnd::Page { place, kind: PageKind::Paged } => {
            pages::drop(connection, subscription, *place, *place).await?;
        }
        DocumentEnd::Document { validators, .. } => {
            about(include_str!("sql/entries_whole.sql"), subscription)
                .bind(validators.etag.clone())
                .bind(validators.last_modified.clone())
                .execute(connection)
                .await?;
        }
    }
    Ok(Some(found))
}

#[async_trait]
impl EntryStore for PostgresStore {
    async fn add_found(
        &self,
        subscription: &Subscription,
        lease: Lease,
        finding: &Finding<'_>,
    ) -> Result<Option<Position>, StoreError> {
        let added = within(async {
            let mut transaction = self.begin().await?;
            let Some(found) = add(&mut transaction, subscription, lease, finding).await? else {
                return Ok(None);
            };
            transaction.commit().await?;
            position_of(found).map(Some)
        });
        added.await
    }

    async fn searched(&self, subscription: &Subscription, lease: Lease) -> Result<(), StoreError> {
        let noted = about(include_str!("sql/entries_searched.sql"), subscription)
            .bind(i64::from(lease.shard.get()))
            .bind(token_integer(lease.token))
            .execute(&self.pool);
        within(noted).await?;
        Ok(())
    }

    async fn entries(
        &self,
        subscription: &Subscription,
        after: Position,
        most: u16,
        wanted: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<EntryRun, StoreError> {
        let rows = about(include_str!("sql/entries_read.sql"), subscription)
            .bind(integer(after))
            .bind(integer(after.advanced_by(u64::from(most))))
            .try_map(|row| RunColumns::from_row(&row))
            .fetch_all(&self.pool);
        run(within(rows).await?, subscription, after, most, wanted)
    }

    async fn entry(
        &self,
        subscription: &Subscription,
        position: Position,
    ) -> Result<Option<Recorded>, StoreError> {
        let found = about(include_str!("sql/entry_find.sql"), subscription)
            .bind(integer(position))
            .try_map(|row| EntryColumns::from_row(&row))
            .fetch_optional(&self.pool);
        within(found).await?.map(|row| entry(row, subscription)).transpose()
    }

    async fn prune(&self, subscription: &Subscription) -> Result<u64, StoreError> {
        let pruned = about(include_str!("sql/entries_prune.sql"), subscription).execute(&self.pool);
        within(pruned).await?;
        let waiting = about(include_str!("sql/entries_waiting.sql"), subscription)
            .try_map(|row| row.try_get::<i64, _>(0))
            .fetch_optional(&self.pool);
        let waiting = within(waiting).await?;
        Ok(waiting.and_then(|waiting| u64::try_from(waiting).ok()).unwrap_or_default())
    }
}
