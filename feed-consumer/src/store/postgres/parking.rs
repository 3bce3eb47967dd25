//! Parked events, those that wait behind them, and requests about them.
//!
//! # Layout
//!
//! - [`steps`]: what is done within a transaction

pub(in crate::store) mod steps;

use std::time::Duration;

use async_trait::async_trait;
use feed_protocol::Position;
use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;
use sqlx::{FromRow, Row};

use self::steps::{holder, record, resolve};
use super::shards::advance_shards;
use super::{PostgresStore, about, within};
use crate::shard::ShardNumber;
use crate::store::parking::{
    Answer, Deed, ParkAction, ParkRequest, ParkStore, Parked, ParkedDeed, ParkedFilter, ParkedHead,
    Parking, RequestId, Requested, Resolution, Resolved, Resolving,
};
use crate::store::row::integer;
use crate::store::row::parking::{
    DeedColumns, HeadColumns, ParkedColumns, RequestColumns, deed, head, json as event_json,
    parked, position as position_of, request, text,
};
use crate::store::row::shards::micros;
use crate::store::shards::{Lease, Move};
use crate::store::{Advance, StoreError, Subscription};

/// Shards, as statements take them.
pub(super) fn numbers(shards: &[ShardNumber]) -> Vec<i64> {
    shards.iter().map(|shard| i64::from(shard.get())).collect()
}

/// The statement that lists the parked events that a person means.
fn list(
    subscription: &Subscription,
    filter: &ParkedFilter,
) -> Query<'static, Postgres, PgArguments> {
    let positions: Vec<_> = filter.positions.iter().copied().map(integer).collect();
    about(include_str!("sql/parked_list.sql"), subscription)
        .bind(positions)
        .bind(filter.event_type.clone())
        .bind(filter.subject.clone())
        .bind(filter.error.clone())
        .bind(filter.older_than.map(micros))
        .bind(integer(filter.after))
        .bind(i64::from(filter.most))
}

#[async_trait]
impl ParkStore for PostgresStore {
    async fn heads(
        &self,
        subscription: &Subscription,
        shards: &[ShardNumber],
    ) -> Result<Vec<ParkedHead>, StoreError> {
        let rows = about(include_str!("sql/heads.sql"), subscription)
            .bind(numbers(shards))
            .try_map(|row| HeadColumns::from_row(&row))
            .fetch_all(self.pool());
        within(rows).await?.into_iter().map(|row| head(row, subscription)).collect()
    }

    async fn parked(
        &self,
        subscription: &Subscription,
        position: Position,
    ) -> Result<Option<Parked>, StoreError> {
        Ok(self.list_parked(subscription, &ParkedFilter::one(position)).await?.pop())
    }

    async fn head_of_follower(
        &self,
        subscription: &Subscription,
        position: Position,
    ) -> Result<Option<Position>, StoreError> {
        let head = about(include_str!("sql/follower_head.sql"), subscription)
            .bind(integer(position))
            .try_map(|row| position_of(row.try_get(0)?))
            .fetch_optional(self.pool());
        within(head).await
    }

    async fn park(
        &self,
        subscription: &Subscription,
        to: &Move,
        parking: &Parking,
    ) -> Result<bool, StoreError> {
        let Parking { recorded, error, attempts, retry_after } = parking;
        let position = recorded.position;
        let parked = within(async {
            let mut transaction = self.begin().await?;
            let worker = holder(&mut transaction, subscription, to.lease).await?;
            let Some(worker) = worker else { return Ok(false) };
            let advance = Advance::of(subscription, to);
            if !advance_shards(&mut transaction, &advance).await?.is_empty() {
                return Ok(false);
            }
            let put = about(include_str!("sql/parked_put.sql"), subscription)
                .bind(integer(position))
                .bind(i64::from(to.lease.shard.get()))
                .bind(recorded.event.event_type().to_string())
                .bind(recorded.event.subject().map(ToString::to_string))
                .bind(recorded.updated.timestamp_micros())
                .bind(event_json(&recorded.event))
                .bind(text(error).into_owned())
                .bind(i64::from(*attempts))
                .bind(retry_after.map(micros))
                .execute(&mut *transaction)
                .await?;
            if put.rows_affected() > 0 {
                record(&mut transaction, subscription, position, &worker, Deed::Parked, error)
                    .await?;
                about(include_str!("sql/follower_drop.sql"), subscription)
                    .bind(integer(position))
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
            Ok(true)
        });
        parked.await
    }

    async fn retry_failed(
        &self,
        subscription: &Subscription,
        lease: Lease,
        position: Position,
        error: &str,
        attempts: u32,
        retry_after: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let failed = within(async {
            let mut transaction = self.begin().await?;
            let worker = holder(&mut transaction, subscription, lease).await?;
            let Some(worker) = worker else { return Ok(false) };
            let failed = about(include_str!("sql/retry_failed.sql"), subscription)
                .bind(integer(position))
                .bind(text(error).into_owned())
                .bind(i64::from(attempts))
                .bind(retry_after.map(micros))
                .execute(&mut *transaction)
                .await?;
            if failed.rows_affected() > 0 {
                record(&mut transaction, subscription, position, &worker, Deed::Failed, error)
                    .await?;
            }
            transaction.commit().await?;
            Ok(true)
        });
        failed.await
    }

    async fn resolve(
        &self,
        subscription: &Subscription,
        lease: Lease,
        position: Position,
        resolution: &Resolution,
    ) -> Result<Option<Resolved>, StoreError> {
        let resolving = Resolving {
            subscription: subscription.clone(),
            lease,
            position,
            resolution: resolution.clone(),
        };
        let resolved = within(async {
            let mut transaction = self.begin().await?;
            let resolved = resolve(&mut transaction, &resolving).await?;
            transaction.commit().await?;
            Ok(resolved)
        });
        resolved.await
    }

    async fn requests(
        &self,
        subscription: &Subscription,
        shards: &[ShardNumber],
    ) -> Result<Vec<ParkRequest>, StoreError> {
        let rows = about(include_str!("sql/requests_list.sql"), subscription)
            .bind(numbers(shards))
            .try_map(|row| RequestColumns::from_row(&row))
            .fetch_all(self.pool());
        within(rows).await?.into_iter().map(|row| request(row, subscription)).collect()
    }

    async fn answer(
        &self,
        subscription: &Subscription,
        lease: Lease,
        request: RequestId,
        answer: &Answer,
    ) -> Result<bool, StoreError> {
        let answered = within(async {
            let mut transaction = self.begin().await?;
            let worker = holder(&mut transaction, subscription, lease).await?;
            let Some(worker) = worker else { return Ok(false) };
            let found = about(include_str!("sql/request_find.sql"), subscription)
                .bind(request.0)
                .try_map(|row| <(i64, String, Option<String>)>::from_row(&row))
                .fetch_optional(&mut *transaction)
                .await?;
            let Some((position, action, edited)) = found else {
                transaction.rollback().await?;
                return Ok(true);
            };
            let position = position_of(position)?;
            let (what, why) = match answer {
                // What is discarded is so when it is resolved.
                Answer::Taken if action == "discard" => {
                    transaction.rollback().await?;
                    return Ok(true);
                }
                Answer::Taken => (Deed::Taken, ""),
                Answer::Refused(why) => (Deed::Refused, why.as_str()),
            };
            if what == Deed::Taken {
                about(include_str!("sql/parked_release.sql"), subscription)
                    .bind(integer(position))
                    .bind(edited)
                    .execute(&mut *transaction)
                    .await?;
            }
            about(include_str!("sql/request_drop.sql"), subscription)
                .bind(integer(position))
                .execute(&mut *transaction)
                .await?;
            record(&mut transaction, subscription, position, &worker, what, why).await?;
            transaction.commit().await?;
            Ok(true)
        });
        answered.await
    }

    async fn list_parked(
        &self,
        subscription: &Subscription,
        filter: &ParkedFilter,
    ) -> Result<Vec<Parked>, StoreError> {
        let rows = list(subscription, filter)
            .try_map(|row| ParkedColumns::from_row(&row))
            .fetch_all(self.pool());
        within(rows).await?.into_iter().map(|row| parked(row, subscription)).collect()
    }

    async fn request(
        &self,
        subscription: &Subscription,
        position: Position,
        action: &ParkAction,
        who: &str,
    ) -> Result<Requested, StoreError> {
        let requested = within(async {
            let mut transaction = self.begin().await?;
            let (what, why) = action.asked();
            let line = record(&mut transaction, subscription, position, who, what, why).await?;
            let (reason, edited) = action.parts();
            let put = about(include_str!("sql/request_put.sql"), subscription)
                .bind(integer(position))
                .bind(line.0)
                .bind(action.name())
                .bind(text(who).into_owned())
                .bind(reason)
                .bind(edited)
                .execute(&mut *transaction)
                .await?;
            if put.rows_affected() > 0 {
                transaction.commit().await?;
                return Ok(Requested::Asked(line));
            }
            let who = about(include_str!("sql/request_open.sql"), subscription)
                .bind(integer(position))
                .try_map(|row| row.try_get(0))
                .fetch_optional(&mut *transaction)
                .await?;
            transaction.rollback().await?;
            Ok(who.map_or(Requested::NotParked, |who| Requested::Conflict { who }))
        });
        requested.await
    }

    async fn begin_repair(
        &self,
        subscription: &Subscription,
        position: Position,
        most: u32,
    ) -> Result<Option<Parked>, StoreError> {
        let begun = within(async {
            let mut transaction = self.begin().await?;
            let counted = about(include_str!("sql/repair_begin.sql"), subscription)
                .bind(integer(position))
                .bind(i64::from(most))
                .execute(&mut *transaction)
                .await?;
            if counted.rows_affected() == 0 {
                transaction.rollback().await?;
                return Ok(None);
            }
            let row = list(subscription, &ParkedFilter::one(position))
                .try_map(|row| ParkedColumns::from_row(&row))
                .fetch_one(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(Some(row))
        });
        begun.await?.map(|row| parked(row, subscription)).transpose()
    }

    async fn leave_to_person(
        &self,
        subscription: &Subscription,
        position: Position,
        who: &str,
        why: &str,
    ) -> Result<(), StoreError> {
        let left = within(async {
            let mut transaction = self.begin().await?;
            record(&mut transaction, subscription, position, who, Deed::Left, why).await?;
            transaction.commit().await
        });
        left.await
    }

    async fn record(
        &self,
        subscription: &Subscription,
        position: Option<Position>,
        after: RequestId,
        most: u32,
    ) -> Result<Vec<ParkedDeed>, StoreError> {
        let rows = about(include_str!("sql/record_list.sql"), subscription)
            .bind(position.map(integer))
            .bind(after.0)
            .bind(i64::from(most))
            .try_map(|row| DeedColumns::from_row(&row))
            .fetch_all(self.pool());
        within(rows).await?.into_iter().map(|row| deed(row, subscription)).collect()
    }
}
