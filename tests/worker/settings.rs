//! How the worker runs, and what it is told of the shard in hand.

use std::time::Duration;

use feed_consumer::{Backoff, Consumer, ConsumerBuilder, Context, Window};

use crate::arguments::Arguments;

/// How many events may share a transaction: few, so that many transactions are met by faults.
const BATCH: usize = 10;

/// Faults of the tests are over soon, and so no try waits for long.
const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(50), cap: Duration::from_millis(500) };

/// The settings of every worker of the group.
pub(crate) fn settings(arguments: &Arguments) -> ConsumerBuilder<()> {
    Consumer::builder(&arguments.url)
        .group("history")
        .database(&arguments.database)
        .window(Window { events: arguments.window, time: Duration::from_millis(100) })
        .batch(BATCH, Duration::ZERO)
        .lease(Duration::from_millis(arguments.lease))
        .backoff(BACKOFF)
        .give_up_after(None)
}

/// The shard of the event in hand, and the token under which it is held.
pub(crate) fn lease(cx: &Context) -> (i64, i64) {
    let token = i64::try_from(cx.token().get()).expect("it fits its column");
    (cx.shard().get().into(), token)
}
