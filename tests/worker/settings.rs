//! How the worker runs, and what it is told of the shard in hand.

use std::time::Duration;

use anyhow::Context as _;
use feed_consumer::{
    Backoff, Consumer, ConsumerBuilder, Context, OnExhausted, Retry, ShardCount, Window,
};

use crate::arguments::Arguments;

/// How many events may share a transaction: few, so that many transactions are met by faults.
const BATCH: usize = 10;

/// Faults of the tests are over soon, and so no try waits for long.
const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(50), cap: Duration::from_millis(500) };

/// What is said to fail for a time is never parked for it: only what always fails is.
const RETRY: Retry = Retry { backoff: BACKOFF, attempts: None, time: None };

/// When parked events are taken up again: soon, and not for long.
const PARKED_RETRIES: [Duration; 3] =
    [Duration::from_millis(300), Duration::from_millis(600), Duration::from_secs(1)];

/// The settings of every worker of the group.
pub(crate) fn settings(arguments: &Arguments) -> anyhow::Result<ConsumerBuilder<()>> {
    let settings = Consumer::builder(&arguments.url)
        .group("history")
        .database(&arguments.database)
        .window(Window { events: arguments.window, time: Duration::from_millis(100) })
        .batch(BATCH, Duration::ZERO)
        .lease(Duration::from_millis(arguments.lease))
        .backoff(BACKOFF)
        .give_up_after(None)
        .shards(ShardCount::new(arguments.shards).context("--shards is a number that cannot be")?)
        .workers(arguments.workers)
        .retry(RETRY)
        .on_exhausted(OnExhausted::Park)
        .parked_retries(PARKED_RETRIES);
    Ok(settings)
}

/// The shard of the event in hand, and the token under which it is held.
pub(crate) fn lease(cx: &Context) -> (i64, i64) {
    let token = i64::try_from(cx.token().get()).expect("it fits its column");
    (cx.shard().get().into(), token)
}
