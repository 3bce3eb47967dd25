//! Workers that end by themselves are started again, and what ended them is counted.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::Group;
use super::worker::{End, Worker};

/// How often it is looked whether workers run.
const AGAIN: std::time::Duration = std::time::Duration::from_millis(20);

impl Group {
    /// Starts the workers again that have ended by themselves: an event has ended them, or the
    /// database was away when they started.
    ///
    /// # Panics
    ///
    /// When one has ended for another reason.
    pub async fn supervise(&mut self) {
        let places: Vec<_> = self.workers.keys().copied().collect();
        for place in places {
            if self.workers.get_mut(&place).is_some_and(|it| !it.process.is_running()) {
                let worker = self.take(place);
                let name = worker.name.clone();
                let end = self.ended(worker).await;
                assert_ne!(end, End::Good, "{name} has ended by itself");
                self.join(place);
            }
        }
    }

    /// Does so until a moment.
    ///
    /// # Panics
    ///
    /// As [`Self::supervise`].
    pub async fn supervise_until(&mut self, moment: Instant) {
        loop {
            self.supervise().await;
            let now = Instant::now();
            if now >= moment {
                break;
            }
            tokio::time::sleep_until(moment.min(now + AGAIN)).await;
        }
    }

    /// How often each event has ended a worker.
    #[must_use]
    pub fn deaths(&self) -> &BTreeMap<i64, u32> {
        &self.deaths
    }

    /// Waits until everybody has ended who was asked to.
    ///
    /// # Panics
    ///
    /// When one does not, or does not end well.
    pub async fn left(&mut self) {
        for worker in std::mem::take(&mut self.leaving) {
            self.ended(worker).await;
        }
    }

    /// Ends a worker with SIGKILL.
    pub async fn kill(&mut self, place: usize) {
        let worker = self.take(place);
        // It may have been faster.
        let died_of = worker.dies_of();
        worker.process.kill().await;
        self.count_death(died_of);
    }

    async fn ended(&mut self, worker: Worker) -> End {
        let end = worker.ended(self.restarts).await;
        if let End::Deadly(position) = end {
            self.count_death(Some(position));
        }
        end
    }

    fn count_death(&mut self, of: Option<i64>) {
        if let Some(position) = of {
            *self.deaths.entry(position).or_default() += 1;
        }
    }
}
