//! Group commit: publishes that arrive while a commit is running share the next one.
//!
//! One task writes. It takes whatever has queued up, within bounds, commits it in one
//! transaction, and answers each publish. When nothing is queued, a publish is committed at once:
//! no timer is involved. When the queue is full, a publish is refused rather than kept waiting.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::{Pending, PublishError, QueueResult};
use crate::feeds::LiveFeed;
use crate::store::{Append, Commit, EventStore};

/// How many publishes may wait.
const CAPACITY: usize = 4096;
/// How many events share a commit at most. The last request may go over it.
const MAX_EVENTS: usize = 4096;
/// How many bytes of data share a commit at most. The last request may go over it.
const MAX_BYTES: usize = 16 << 20;

/// Where publishes wait for the next commit. The writing task ends when every clone is gone.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    sender: mpsc::Sender<Pending>,
}

impl Queue {
    /// Starts the task that writes to the store.
    pub(crate) fn start(store: Arc<dyn EventStore>) -> Self {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        tokio::spawn(write(store, receiver));
        Self { sender }
    }

    /// Appends, and waits for the commit.
    pub(super) async fn append(&self, live: Arc<LiveFeed>, append: Append) -> QueueResult {
        let (answer, answered) = oneshot::channel();
        self.sender.try_send(Pending { live, append, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => PublishError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => PublishError::ShuttingDown,
        })?;
        answered.await.unwrap_or(Err(PublishError::ShuttingDown))
    }
}

async fn write(store: Arc<dyn EventStore>, mut receiver: mpsc::Receiver<Pending>) {
    while let Some(first) = receiver.recv().await {
        let mut appends = Vec::new();
        let mut waiting = Vec::new();
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
            next = if events < MAX_EVENTS && bytes < MAX_BYTES {
                receiver.try_recv().ok()
            } else {
                None
            };
        }
        commit(store.as_ref(), &appends, waiting).await;
    }
}

async fn commit(
    store: &dyn EventStore,
    appends: &[Append],
    waiting: Vec<(Arc<LiveFeed>, oneshot::Sender<QueueResult>)>,
) {
    match store.append(appends).await {
        Ok(Commit { results, heads }) => {
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
