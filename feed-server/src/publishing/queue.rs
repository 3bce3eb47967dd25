//! Group commit: publishes that arrive while a commit is running share the next one.
//!
//! One task writes. It takes whatever has queued up, within bounds, commits it in one
//! transaction, and answers each publish. When nothing is queued, a publish is committed at once:
//! no timer is involved. When the queue is full, in publishes or in bytes, or has not moved for a
//! while, a publish is refused rather than kept waiting.

use std::sync::Arc;
use std::time::Duration;

use feed_protocol::Event;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;
use tracing::error;

use super::{Pending, PublishError, QueueResult};
use crate::feeds::LiveFeed;
use crate::metrics::Metrics;
use crate::store::{Append, Commit, EventStore};

/// How many publishes may wait.
const CAPACITY: usize = 4096;
/// How many bytes of events may wait, in units of [`UNIT`].
const CAPACITY_UNITS: usize = (256 << 20) / UNIT;
/// What an event weighs at least, in bytes.
const UNIT: usize = 1 << 10;
/// How long a publish may have waited when its turn comes. A store that has to wait for a lock gives
/// up sooner, so that this is reached only when the store is in trouble.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// How many events share a commit at most. The last request may go over it.
const MAX_EVENTS: usize = 4096;
/// How many bytes of data share a commit at most. The last request may go over it.
const MAX_BYTES: usize = 16 << 20;

/// Where publishes wait for the next commit. The writing task ends when every clone is gone.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    sender: mpsc::Sender<Pending>,
    room: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl Queue {
    /// Starts the task that writes to the store.
    pub(crate) fn start(store: Arc<dyn EventStore>, metrics: Arc<Metrics>) -> Self {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        tokio::spawn(write(store, receiver, Arc::clone(&metrics)));
        Self { sender, room: Arc::new(Semaphore::new(CAPACITY_UNITS)), metrics }
    }

    /// How many publishes wait.
    pub(crate) fn waiting(&self) -> usize {
        CAPACITY - self.sender.capacity()
    }

    /// What is counted of this queue's server.
    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Appends, and waits for the commit.
    pub(super) async fn append(&self, live: Arc<LiveFeed>, append: Append) -> QueueResult {
        let (answer, answered) = oneshot::channel();
        let room = Arc::clone(&self.room).try_acquire_many_owned(units(&append));
        let room = room.map_err(|_| PublishError::Overloaded)?;
        self.sender
            .try_send(Pending { live, append, answer, room, since: Instant::now() })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => PublishError::Overloaded,
                mpsc::error::TrySendError::Closed(_) => PublishError::ShuttingDown,
            })?;
        answered.await.unwrap_or(Err(PublishError::ShuttingDown))
    }
}

/// What a request weighs while it waits. One that would never fit is let in alone.
fn units(append: &Append) -> u32 {
    let of_event = |event: &Event| 1 + event.data().map_or(0, bytes::Bytes::len) / UNIT;
    let units: usize = append.events.iter().map(of_event).sum();
    u32::try_from(units.min(CAPACITY_UNITS)).unwrap_or(u32::MAX)
}

async fn write(
    store: Arc<dyn EventStore>,
    mut receiver: mpsc::Receiver<Pending>,
    metrics: Arc<Metrics>,
) {
    while let Some(first) = receiver.recv().await {
        let Some(first) = in_time(first) else { continue };
        let mut appends = Vec::new();
        let mut waiting = Vec::new();
        // Given back once the commit is done.
        let mut room = Vec::new();
        let (mut events, mut bytes) = (0, 0);
        let mut next = Some(first);
        while let Some(pending) = next {
            events += pending.append.events.len();
            bytes += pending
                .append
                .events
                .iter()
                .filter_map(|event| event.data())
                .map(bytes::Bytes::len)
                .sum::<usize>();
            appends.push(pending.append);
            waiting.push((pending.live, pending.answer));
            room.push(pending.room);
            next = if events < MAX_EVENTS && bytes < MAX_BYTES {
                next_in_time(&mut receiver)
            } else {
                None
            };
        }
        commit(store.as_ref(), &appends, waiting, &metrics).await;
    }
}

/// The next that is queued already and has not waited too long.
fn next_in_time(receiver: &mut mpsc::Receiver<Pending>) -> Option<Pending> {
    loop {
        if let Some(pending) = in_time(receiver.try_recv().ok()?) {
            return Some(pending);
        }
    }
}

/// Refuses what has waited too long. Nothing of it is stored.
fn in_time(pending: Pending) -> Option<Pending> {
    if pending.since.elapsed() < MAX_WAIT {
        return Some(pending);
    }
    // Whoever asked may have gone away.
    let _ = pending.answer.send(Err(PublishError::Overloaded));
    None
}

async fn commit(
    store: &dyn EventStore,
    appends: &[Append],
    waiting: Vec<(Arc<LiveFeed>, oneshot::Sender<QueueResult>)>,
    metrics: &Metrics,
) {
    let begun = Instant::now();
    match store.append(appends).await {
        Ok(Commit { results, heads }) => {
            let events = appends.iter().map(|append| append.events.len()).sum();
            metrics.committed(events, begun.elapsed());
            // Heads first: whoever has its answer finds its event in every document.
            for (live, _) in &waiting {
                if let Some(head) = heads.get(&live.feed.key) {
                    live.advance(*head);
                }
            }
            for ((_, answer), result) in waiting.into_iter().zip(results) {
                // Whoever asked may have gone away; the commit stands.
                let _ = answer.send(Ok(result));
            }
        }
        Err(error) => {
            error!(
                error = &error as &dyn std::error::Error,
                "cannot append {} requests",
                appends.len()
            );
            let error = Arc::new(error);
            for (_, answer) in waiting {
                let _ = answer.send(Err(PublishError::Unknown(Arc::clone(&error))));
            }
        }
    }
}
