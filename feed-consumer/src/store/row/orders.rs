//! Between what is ordered and its columns.

use super::Row;
use super::shards::{ShardColumns, count, shard};
use crate::shard::ShardNumber;
use crate::store::orders::Resharding;
use crate::store::orders::step::{Asked, Cut, Step};
use crate::store::shards::Shard;
use crate::store::{StoreError, Subscription};

/// The columns of what is asked for, in the order in which `reshard_find.sql` names them: how many
/// shards there are, how many are asked for, and the barrier.
pub(in crate::store) type AskedColumns = (Option<i64>, Option<i64>, Option<i64>);

/// The columns of a pause, in the order in which `shards_recut.sql` binds them: since when, by whom
/// and why.
pub(in crate::store) type PauseColumns = (Option<i64>, Option<String>, Option<String>);

/// The next step towards another number of shards, of what is asked for and all shards.
pub(in crate::store) fn next(
    columns: Option<AskedColumns>,
    shards: Vec<ShardColumns>,
    subscription: &Subscription,
) -> Result<Step, StoreError> {
    Ok(Step::next(&asked(columns, subscription)?, &all(shards, subscription)?))
}

/// How far another number of shards is, of what is asked for and all shards.
pub(in crate::store) fn reached(
    columns: Option<AskedColumns>,
    shards: Vec<ShardColumns>,
    subscription: &Subscription,
) -> Result<Resharding, StoreError> {
    Ok(asked(columns, subscription)?.reached(&all(shards, subscription)?))
}

fn all(shards: Vec<ShardColumns>, subscription: &Subscription) -> Result<Vec<Shard>, StoreError> {
    shards.into_iter().map(|row| shard(row, subscription)).collect()
}

/// What is asked for.
pub(in crate::store) fn asked(
    columns: Option<AskedColumns>,
    subscription: &Subscription,
) -> Result<Asked, StoreError> {
    let (shards, to, barrier) = columns.unwrap_or_default();
    let row = Row { table: super::TABLE, key: subscription };
    Ok(Asked {
        shards: count(shards, subscription)?,
        to: to.map(|to| count(Some(to), subscription)).transpose()?,
        barrier: barrier.map(|barrier| row.position("barrier", barrier)).transpose()?,
    })
}

/// The pause of shards that are cut anew.
pub(in crate::store) fn pause(cut: &Cut) -> PauseColumns {
    let pause = cut.paused.clone();
    match pause {
        Some(pause) => {
            let (who, why) = (pause.reason.who, pause.reason.why);
            (Some(pause.since.timestamp_micros()), Some(who), Some(why))
        }
        None => (None, None, None),
    }
}

/// The shards of rows that were changed, by their numbers.
pub(in crate::store) fn changed(
    mut rows: Vec<i64>,
    subscription: &Subscription,
) -> Result<Vec<ShardNumber>, StoreError> {
    let row = Row { table: "feed_shards", key: subscription };
    rows.sort_unstable();
    rows.into_iter().map(|shard| Ok(ShardNumber::new(row.number("shard", shard)?))).collect()
}
