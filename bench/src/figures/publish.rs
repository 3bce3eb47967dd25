//! Publishing: each answer says that the events are on the disk.

use anyhow::Result;
use feed_protocol::cloudevents;

use super::{Names, PER_EVENT, rates};
use crate::client::write_post;
use crate::harness::{Contender, Goal, Harness};
use crate::load::{self, Next};
use crate::orders::Orders;
use crate::stage::{FEED, Stage};

pub(super) const NAMES: Names = &[
    ("publish_1_client", "events that one client publishes, one a request"),
    ("publish_64_clients", "events that 64 clients publish at a time, one a request"),
    ("publish_batch", "events that one client publishes in batches of 1,000"),
];

/// How many events a batch holds.
const BATCH: u32 = 1_000;

pub(super) async fn measure(harness: &mut Harness<'_>, stages: &[Stage]) -> Result<()> {
    let mut contenders = Vec::new();
    for stage in stages {
        contenders.push(publishing("publish_1_client", stage, 1, 1));
        contenders.push(publishing("publish_64_clients", stage, 64, 1));
    }
    harness.measure(contenders).await?;
    for stage in stages {
        let ratio = format!("publish_64_clients_to_1_at_{}", stage.events);
        let (many, one) =
            ("publish_64_clients_events_per_second", "publish_1_client_events_per_second");
        let goal = Goal::AtLeast(4.0);
        harness.ratio(&ratio, (many, stage.events), (one, stage.events), Some(goal))?;
    }
    // After the others, since it lets a small feed grow large.
    let batches = stages.iter().map(|stage| publishing("publish_batch", stage, 1, BATCH));
    harness.measure(batches.collect()).await
}

fn publishing<'a>(
    name: &'static str,
    stage: &'a Stage,
    clients: usize,
    batch: u32,
) -> Contender<'a> {
    Contender::new(name, stage.events, PER_EVENT, move |time| {
        let clients = (0..clients).map(|_| requests(batch)).collect();
        let process = stage.server().1;
        async move {
            let cpu = process.cpu_seconds();
            let mut outcome = load::run(stage.server().0, clients, 201, time).await?;
            outcome.requests *= f64::from(batch);
            Ok(rates(outcome, process, cpu))
        }
    })
}

/// The requests of one client, each of this many new events.
pub(super) fn requests(batch: u32) -> Next {
    let mut orders = Orders::new();
    let mut body = Vec::new();
    let path = format!("/feeds/{FEED}");
    Box::new(move |out| {
        body.clear();
        if batch == 1 {
            orders.write_next(&mut body);
            return write_post(&path, cloudevents::MEDIA_TYPE, &body, out);
        }
        body.push(b'[');
        for index in 0..batch {
            if index > 0 {
                body.push(b',');
            }
            orders.write_next(&mut body);
        }
        body.push(b']');
        write_post(&path, cloudevents::BATCH_MEDIA_TYPE, &body, out);
    })
}
