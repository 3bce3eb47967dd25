//! A consumer from the beginning: reading, handling, and a cursor that is kept on the disk.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use feed_consumer::{Consumer, Ended};

use super::{Names, PER_EVENT, rates};
use crate::harness::{Contender, Harness};
use crate::load::Outcome;
use crate::stage::{FEED, Stage};

pub(super) const NAMES: Names =
    &[("consume", "events that a consumer of feed-consumer handles, from the beginning")];

pub(super) async fn measure(harness: &mut Harness<'_>, stages: &[Stage]) -> Result<()> {
    harness.measure(stages.iter().map(consuming).collect()).await
}

/// Each round goes on where the one before ended; at the end of the feed, a new group begins.
fn consuming(stage: &Stage) -> Contender<'_> {
    let group = Rc::new(Cell::new(0));
    let database = stage.database.with_extension("cursors.db");
    Contender::new("consume", stage.events, PER_EVENT, move |time| {
        let group = Rc::clone(&group);
        let database = database.clone();
        async move {
            let database = database.to_str().context("the folder's name is no UTF-8")?;
            let process = stage.server().1;
            let cpu = process.cpu_seconds();
            let begun = Instant::now();
            let mut handled = 0;
            while let Some(left) = time.checked_sub(begun.elapsed()) {
                let (more, is_whole) = consume(stage, database, group.get(), left).await?;
                ensure!(more > 0 || !is_whole, "nothing was consumed");
                handled += more;
                if is_whole {
                    group.set(group.get() + 1);
                }
            }
            let requests = f64::from(u32::try_from(handled)?);
            let outcome = Outcome { requests, seconds: begun.elapsed().as_secs_f64() };
            Ok(rates(outcome, process, cpu))
        }
    })
}

/// How many events were handled, and whether they were all that there are.
async fn consume(stage: &Stage, database: &str, group: u32, time: Duration) -> Result<(u64, bool)> {
    let consumer = Consumer::builder(format!("http://{}/feeds/{FEED}", stage.server().0))
        .group(format!("bench-{group}"))
        .database(database)
        .until_idle(true)
        .on_any(async |_, _| Ok(()))
        .build()?;
    let summary = consumer.run(tokio::time::sleep(time)).await?;
    Ok((summary.handled, matches!(summary.ended, Ended::Idle)))
}
