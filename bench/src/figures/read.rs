//! One reader from the beginning: how fast a new consumer catches up.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use feed_protocol::{PageSize, cloudevents};

use super::{Names, PER_EVENT, rates};
use crate::client::{Connection, get};
use crate::harness::{Contender, Harness};
use crate::load::Outcome;
use crate::stage::Stage;

pub(super) const NAMES: Names = &[
    ("read_pages", "events that one reader reads and parses, page by page, as CloudEvents"),
    ("read_tails", "the same, following the tail"),
];

/// The two ways of reading oldest first.
#[derive(Debug, Clone, Copy)]
enum By {
    Pages,
    Tails,
}

pub(super) async fn measure(harness: &mut Harness<'_>, stages: &[Stage]) -> Result<()> {
    let pages = stages.iter().map(|stage| reading("read_pages", stage, By::Pages));
    let tails = stages.iter().map(|stage| reading("read_tails", stage, By::Tails));
    harness.measure(pages.chain(tails).collect()).await
}

/// Each round goes on where the one before ended, so that a large feed is not read from memory;
/// at the end of the feed it begins anew.
fn reading<'a>(name: &'static str, stage: &'a Stage, by: By) -> Contender<'a> {
    let read_before = Rc::new(Cell::new(0));
    Contender::new(name, stage.events, PER_EVENT, move |time| {
        let read_before = Rc::clone(&read_before);
        async move {
            let process = stage.server().1;
            let cpu = process.cpu_seconds();
            let outcome = read(stage, by, &read_before, time).await?;
            Ok(rates(outcome, process, cpu))
        }
    })
}

async fn read(stage: &Stage, by: By, position: &Cell<u64>, time: Duration) -> Result<Outcome> {
    let mut connection = Connection::open(stage.server().0).await?;
    let size = PageSize::DEFAULT.get();
    let whole = stage.full_pages() * size;
    let begun = Instant::now();
    let mut events: u32 = 0;
    while begun.elapsed() < time {
        let after = if position.get() < whole { position.get() } else { 0 };
        let path = match by {
            By::Pages => format!("{}/pages/{}", stage.base, after / size + 1),
            By::Tails => format!("{}/after/{after}", stage.base),
        };
        let request = get(&path, &[("Accept", cloudevents::BATCH_MEDIA_TYPE)]);
        let answer = connection.fetch(&request).await?;
        ensure!(answer.status == 200, "{path}: {}", answer.status);
        let batch = cloudevents::read_recorded_batch(&answer.body, 1_000)?;
        let first = batch.iter().map(|it| it.position).min();
        let last = batch.iter().map(|it| it.position).max();
        let (Some(first), Some(last)) = (first, last) else { continue };
        ensure!(first.get() == after + 1, "{path} begins at {first}");
        ensure!(last.get() - after == batch.len() as u64, "{path} has a gap");
        events += u32::try_from(batch.len())?;
        position.set(last.get());
    }
    let seconds = begun.elapsed().as_secs_f64();
    Ok(Outcome { requests: f64::from(events), seconds })
}
