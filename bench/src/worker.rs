//! A worker of a group, in a process of its own: this program, started anew by itself.
//!
//! It answers every line of its standard input with a report, ends when that is closed, or when the
//! group is idle, and says at its end what it has done.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use feed_consumer::{Consumer, Start};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

/// What a worker is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) feed: String,
    pub(crate) group: String,
    pub(crate) database: String,
    /// For how many workers it counts.
    pub(crate) workers: u16,
    /// How long its handler waits; with none it does nothing at all.
    pub(crate) wait: Duration,
    /// It begins with what is published from now on, and waits for that.
    pub(crate) only_news: bool,
    /// It ends when everything is handled, by all workers.
    pub(crate) until_idle: bool,
}

/// What a worker has done so far.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) handled: u64,
    /// When it handled its first event, and when its last, by [`now`].
    pub(crate) first: Duration,
    pub(crate) last: Duration,
    pub(crate) cpu: Duration,
}

#[derive(Debug, Default)]
struct Counts {
    handled: AtomicU64,
    /// In nanoseconds.
    first: AtomicU64,
    last: AtomicU64,
}

/// A clock that all processes of this machine have in common.
pub(crate) fn now() -> Duration {
    read(ClockId::Monotonic)
}

fn read(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

/// Does a task, on a runtime as the consumer's binary has it.
pub(crate) fn run(task: &str) -> Result<()> {
    let Task { feed, group, database, workers, wait, only_news, until_idle } =
        serde_json::from_str(task)?;
    let counts = Arc::new(Counts::default());
    let (sender, closed) = oneshot::channel::<()>();
    let asked = Arc::clone(&counts);
    std::thread::spawn(move || {
        for _ in std::io::stdin().lock().lines() {
            // Nobody reads it any more.
            if asked.print().is_err() {
                break;
            }
        }
        drop(sender);
    });
    let handling = Arc::clone(&counts);
    let consumer = Consumer::builder(feed)
        .group(group)
        .database(database.as_str())
        .workers(workers)
        .start(if only_news { Start::Now } else { Start::Beginning })
        .until_idle(until_idle)
        .on_any(move |_, _| {
            let counts = Arc::clone(&handling);
            async move {
                if !wait.is_zero() {
                    tokio::time::sleep(wait).await;
                }
                counts.add();
                Ok(())
            }
        })
        .build()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(consumer.run(async {
        // The sender is dropped, and never sends.
        let _ = closed.await;
    }))?;
    counts.print()
}

impl Counts {
    fn add(&self) {
        let now = u64::try_from(now().as_nanos()).unwrap_or(u64::MAX);
        if self.handled.fetch_add(1, Ordering::Relaxed) == 0 {
            self.first.store(now, Ordering::Relaxed);
        }
        self.last.store(now, Ordering::Relaxed);
    }

    fn print(&self) -> Result<()> {
        let report = Report {
            handled: self.handled.load(Ordering::Relaxed),
            first: Duration::from_nanos(self.first.load(Ordering::Relaxed)),
            last: Duration::from_nanos(self.last.load(Ordering::Relaxed)),
            cpu: read(ClockId::ProcessCPUTime),
        };
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
        Ok(())
    }
}
