//! Events that wait to be handled together.

use std::time::Duration;

use futures_util::future::FusedFuture;
use tokio::time::Instant;

use super::Worker;
use crate::handler::Work;

/// How many events are handled together, and how long to wait for so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batching {
    /// At most this many; at least 1.
    pub(crate) events: usize,
    /// How long the first of them waits for the others.
    pub(crate) time: Duration,
}

impl Default for Batching {
    fn default() -> Self {
        Self { events: 100, time: Duration::ZERO }
    }
}

impl<W, S> Worker<'_, W, S>
where
    W: Work,
    S: FusedFuture<Output = ()>,
{
    /// Whether events wait no longer for others to be handled together with.
    pub(super) fn is_batch_due(&mut self) -> bool {
        if self.lanes.waiting() == 0 {
            self.waiting_since = None;
            return false;
        }
        let Batching { events, time } = self.manner.batching;
        time.is_zero()
            || self.lanes.waiting() >= events
            // There is nothing to wait for.
            || (self.until_idle && self.feeding.is_idle())
            || self.reading_ended.is_some()
            || self.waiting_since.get_or_insert_with(Instant::now).elapsed() >= time
    }

    /// Until when events may wait for others.
    pub(super) fn batch_deadline(&self) -> Option<Instant> {
        let since = self.waiting_since.filter(|_| self.lanes.is_ready())?;
        let deadline = since + self.manner.batching.time;
        // What is due and not begun waits for a handler, and not for this.
        (deadline > Instant::now()).then_some(deadline)
    }
}
