//! Many readers that wait: what each costs, and how soon an event has reached them all.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use feed_protocol::cloudevents;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use super::Names;
use crate::client::{Connection, get, write_post};
use crate::harness::{Goal, Harness};
use crate::orders::Orders;
use crate::process::{FeedServer, Settings};
use crate::stage::{self, FEED, Stage};

pub(super) const NAMES: Names = &[
    ("idle_streams", "10,000 streams: memory each, and the time until an event is at all of them"),
    ("idle_long_polls", "the same for long polls"),
];

/// Files that a server and this program open beside the connections.
const OTHER_FILES: u64 = 200;
/// How many connections come from one address, which has a limited number of ports.
const PER_ADDRESS: usize = 5_000;
/// How many connections are being made at a time.
const CONNECTING: usize = 128;
/// An event that has not reached everybody by then never will.
const PATIENCE: Duration = Duration::from_secs(60);

/// The two ways of waiting for news.
#[derive(Debug, Clone, Copy)]
enum By {
    LongPoll,
    Stream,
}

pub(super) async fn measure(
    harness: &mut Harness<'_>,
    stages: &[Stage],
    binary: &Path,
    files: u64,
) -> Result<()> {
    let Some(stage) = stages.first() else { return Ok(()) };
    let asked = harness.options.connections();
    let connections = asked.min(usize::try_from(files.saturating_sub(OTHER_FILES))?);
    if connections < asked {
        eprintln!("only {connections} connections: this user may open {files} files (ulimit -n)");
    }
    for (name, by) in [("idle_streams", By::Stream), ("idle_long_polls", By::LongPoll)] {
        if harness.options.wants(name) {
            idle(harness, name, by, stage, binary, connections).await.context(name)?;
        }
    }
    Ok(())
}

async fn idle(
    harness: &mut Harness<'_>,
    name: &str,
    by: By,
    stage: &Stage,
    binary: &Path,
    connections: usize,
) -> Result<()> {
    // A server of its own, whose memory nothing else has touched.
    let server = FeedServer::start(binary, &stage.database, Settings::LongWaits)?;
    let mut producer = Connection::open(server.address).await?;
    let mut orders = Orders::new();
    publish(&mut producer, &mut orders).await?;
    let cursor = stage::cursor(&mut producer, FEED).await?;
    let readers = Arc::new(Readers {
        by,
        server: server.address,
        base: stage.base.clone(),
        position: cursor.position.get(),
        ready: AtomicUsize::new(0),
        reached: AtomicUsize::new(0),
        connecting: Semaphore::new(CONNECTING),
        changed: Notify::new(),
    });
    server.process.idle().await;
    let before = server.process.resident_kibibytes();
    let mut tasks = JoinSet::new();
    for number in 0..connections {
        tasks.spawn(Arc::clone(&readers).wait(number));
    }
    readers.until(&mut tasks, || readers.ready.load(Ordering::Relaxed) == connections).await?;
    server.process.idle().await;
    let waiting = server.process.resident_kibibytes();
    eprintln!("{name}: {connections} wait");
    let mut seconds = Vec::new();
    for round in 1..=harness.options.rounds() {
        let begun = Instant::now();
        publish(&mut producer, &mut orders).await?;
        let everybody = connections * round;
        readers.until(&mut tasks, || readers.reached.load(Ordering::Relaxed) == everybody).await?;
        seconds.push(begun.elapsed().as_secs_f64());
        eprintln!(
            "{name}: an event has reached all of them after {:.3} s",
            begun.elapsed().as_secs_f64()
        );
        // Long polls have been asked again by then.
        server.process.idle().await;
    }
    let after = server.process.resident_kibibytes();
    #[expect(clippy::cast_precision_loss, reason = "far fewer than a float can count")]
    let each = |now: Option<f64>| match (before, now) {
        (Some(before), Some(now)) => vec![(now - before) / connections as f64],
        _ => vec![f64::NAN],
    };
    let events = stage.events;
    let small = Some(Goal::AtMost(20.0));
    let soon = Some(Goal::AtMost(1.0));
    harness.figure(
        format!("{name}_{connections}_kibibytes_each"),
        events,
        "KiB",
        each(waiting),
        small,
    )?;
    harness.figure(
        format!("{name}_{connections}_kibibytes_each_after_events"),
        events,
        "KiB",
        each(after),
        small,
    )?;
    harness.figure(format!("{name}_{connections}_seconds_to_reach_all"), events, "s", seconds, soon)
}

async fn publish(producer: &mut Connection, orders: &mut Orders) -> Result<()> {
    let (mut body, mut request) = (Vec::new(), Vec::new());
    orders.write_next(&mut body);
    write_post(&format!("/feeds/{FEED}"), cloudevents::MEDIA_TYPE, &body, &mut request);
    let status = producer.exchange(&request).await?;
    ensure!(status == 201, "the server answered {status}");
    Ok(())
}

/// All who wait.
#[derive(Debug)]
struct Readers {
    by: By,
    server: SocketAddr,
    base: String,
    /// Where the feed stood at first.
    position: u64,
    /// How many are connected.
    ready: AtomicUsize,
    /// How many times an event has reached somebody.
    reached: AtomicUsize,
    connecting: Semaphore,
    changed: Notify,
}

impl Readers {
    /// Waits until something has come true, or somebody has failed.
    async fn until(
        &self,
        tasks: &mut JoinSet<Result<()>>,
        is_true: impl Fn() -> bool,
    ) -> Result<()> {
        let deadline = tokio::time::sleep(PATIENCE);
        tokio::pin!(deadline);
        loop {
            let changed = self.changed.notified();
            if is_true() {
                return Ok(());
            }
            tokio::select! {
                () = changed => {}
                ended = tasks.join_next() => {
                    ended.context("nobody waits")???;
                }
                () = &mut deadline => anyhow::bail!(
                    "after {PATIENCE:?}, {} are connected, and events were seen {} times",
                    self.ready.load(Ordering::Relaxed),
                    self.reached.load(Ordering::Relaxed)
                ),
            }
        }
    }

    /// One reader, for ever.
    async fn wait(self: Arc<Self>, number: usize) -> Result<()> {
        let permit = self.connecting.acquire().await?;
        let from = Ipv4Addr::new(127, 0, 1, u8::try_from(number / PER_ADDRESS + 1)?);
        let mut connection = Connection::open_small(self.server, from).await?;
        match self.by {
            By::Stream => {
                let request = get(&format!("/feeds/{FEED}"), &[("Accept", "text/event-stream")]);
                let mut stream = connection.into_event_stream(&request).await?;
                stream.next().await?;
                drop(permit);
                self.count(&self.ready);
                loop {
                    stream.next_event().await?;
                    self.count(&self.reached);
                }
            }
            By::LongPoll => {
                drop(permit);
                self.count(&self.ready);
                let mut position = self.position;
                loop {
                    let path = format!("{}/after/{position}", self.base);
                    let fields =
                        [("Accept", cloudevents::BATCH_MEDIA_TYPE), ("Prefer", "wait=300")];
                    let status = connection.exchange(&get(&path, &fields)).await?;
                    ensure!(status == 200, "a long poll was answered {status}");
                    position += 1;
                    self.count(&self.reached);
                }
            }
        }
    }

    fn count(&self, counter: &AtomicUsize) {
        counter.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one();
    }
}
