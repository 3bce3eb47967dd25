//! What is done with parked events within a transaction.

use feed_protocol::Position;
use sqlx::{PgConnection, Row};

use super::super::about;
use crate::store::Subscription;
use crate::store::parking::{Deed, Follower, RequestId, Resolution, Resolved, Resolving};
use crate::store::row::integer;
use crate::store::row::parking::{position as position_of, text};
use crate::store::row::shards::integer as token_integer;
use crate::store::shards::Lease;

/// Records what waits behind parked events, of the shards that are held under their tokens.
pub(in crate::store) async fn add_followers(
    connection: &mut PgConnection,
    subscription: &Subscription,
    followers: &[Follower],
) -> Result<(), sqlx::Error> {
    if !followers.is_empty() {
        fn each<T>(followers: &[Follower], column: impl Fn(&Follower) -> T) -> Vec<T> {
            followers.iter().map(column).collect()
        }
        about(include_str!("../sql/followers_put.sql"), subscription)
            .bind(each(followers, |it| i64::from(it.lease.shard.get())))
            .bind(each(followers, |it| token_integer(it.lease.token)))
            .bind(each(followers, |it| integer(it.position)))
            .bind(each(followers, |it| it.subject.to_string()))
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Resolves the head of a subject, within a transaction. `None`, and nothing done, if another
/// worker has the shard.
pub(in crate::store) async fn resolve(
    connection: &mut PgConnection,
    resolving: &Resolving,
) -> Result<Option<Resolved>, sqlx::Error> {
    let Resolving { subscription, lease, position, resolution } = resolving;
    let (lease, position) = (*lease, *position);
    let Some(worker) = holder(connection, subscription, lease).await? else { return Ok(None) };
    let was_parked: Option<Option<String>> =
        about(include_str!("../sql/parked_drop.sql"), subscription)
            .bind(integer(position))
            .try_map(|row| row.try_get(0))
            .fetch_optional(&mut *connection)
            .await?;
    // After what it is about, as whoever asks has it.
    about(include_str!("../sql/request_drop.sql"), subscription)
        .bind(integer(position))
        .execute(&mut *connection)
        .await?;
    let subject = match was_parked {
        Some(subject) => {
            let (who, what, why) = match resolution {
                Resolution::Handled => (&worker, Deed::Handled, ""),
                Resolution::Discarded { who, reason } => (who, Deed::Discarded, reason.as_str()),
            };
            record(connection, subscription, position, who, what, why).await?;
            subject
        }
        None => {
            about(include_str!("../sql/follower_subject.sql"), subscription)
                .bind(integer(position))
                .try_map(|row| row.try_get(0))
                .fetch_optional(&mut *connection)
                .await?
        }
    };
    // Without a subject nothing waits; and what is nowhere was the last of its subject.
    let Some(subject) = subject else { return Ok(Some(Resolved { next: None })) };
    let shard = i64::from(lease.shard.get());
    about(include_str!("../sql/followers_resolved.sql"), subscription)
        .bind(shard)
        .bind(subject.clone())
        .bind(integer(position))
        .execute(&mut *connection)
        .await?;
    let next: Option<i64> = about(include_str!("../sql/followers_next.sql"), subscription)
        .bind(shard)
        .bind(subject.clone())
        .try_map(|row| row.try_get(0))
        .fetch_one(&mut *connection)
        .await?;
    if next.is_some() {
        about(include_str!("../sql/follower_resolved.sql"), subscription)
            .bind(shard)
            .bind(subject)
            .bind(integer(position))
            .execute(connection)
            .await?;
    }
    Ok(Some(Resolved { next: next.map(position_of).transpose()? }))
}

/// Who has a shard under this token, by machine and process; `None` if another worker has it.
pub(in crate::store) async fn holder(
    connection: &mut PgConnection,
    subscription: &Subscription,
    lease: Lease,
) -> Result<Option<String>, sqlx::Error> {
    about(include_str!("../sql/shard_held.sql"), subscription)
        .bind(i64::from(lease.shard.get()))
        .bind(token_integer(lease.token))
        .try_map(|row| row.try_get(0))
        .fetch_optional(connection)
        .await
}

/// Writes a line of the record.
pub(super) async fn record(
    connection: &mut PgConnection,
    subscription: &Subscription,
    position: Position,
    who: &str,
    what: Deed,
    why: &str,
) -> Result<RequestId, sqlx::Error> {
    about(include_str!("../sql/record_put.sql"), subscription)
        .bind(integer(position))
        .bind(text(who).into_owned())
        .bind(what.name())
        .bind(text(why).into_owned())
        .try_map(|row| row.try_get(0).map(RequestId))
        .fetch_one(connection)
        .await
}

/// Forgets what is parked or waits beyond a position, since the cursor is put before it.
pub(in crate::store) async fn forget_beyond(
    connection: &mut PgConnection,
    subscription: &Subscription,
    position: Position,
) -> Result<(), sqlx::Error> {
    for sql in [
        include_str!("../sql/parked_forget.sql"),
        include_str!("../sql/parked_drop_beyond.sql"),
        include_str!("../sql/requests_drop_beyond.sql"),
        include_str!("../sql/followers_drop_beyond.sql"),
    ] {
        about(sql, subscription).bind(integer(position)).execute(&mut *connection).await?;
    }
    Ok(())
}
