//! How reading goes, for whoever asks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::schedule::failures::Failures;

/// How the reading of a subscription goes, as its readers say it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outlook(Arc<Mutex<Known>>);

/// What is known of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// When the feed is asked again; `None` while it is asked.
    pub(crate) next_poll: Option<Instant>,
    /// The last failure.
    pub(crate) last_failure: Option<LastFailure>,
}

/// The last failure of reading.
#[derive(Debug, Clone)]
pub(crate) struct LastFailure {
    /// What failed, with all its causes.
    pub(crate) message: String,
    /// How many there were in a row, this one included.
    pub(crate) count: u32,
    /// When it happened.
    pub(crate) at: Instant,
    /// When it is tried again, or was.
    pub(crate) next_try: Instant,
    /// Whether the feed has been read since.
    pub(crate) is_over: bool,
}

impl Outlook {
    /// What is known now.
    pub(crate) fn known(&self) -> Known {
        self.locked().clone()
    }

    /// The feed is asked again after this time.
    pub(super) fn rests(&self, time: Duration) {
        self.locked().next_poll = Instant::now().checked_add(time);
    }

    /// The feed is asked now.
    pub(super) fn asks(&self) {
        self.locked().next_poll = None;
    }

    /// Reading has failed, and is tried again after this time.
    pub(super) fn failed(&self, failures: &Failures, delay: Duration) {
        let now = Instant::now();
        self.locked().last_failure = Some(LastFailure {
            message: failures.message().to_owned(),
            count: failures.count(),
            at: now,
            next_try: now.checked_add(delay).unwrap_or(now),
            is_over: false,
        });
    }

    /// The feed is read again.
    pub(super) fn recovered(&self) {
        if let Some(failure) = &mut self.locked().last_failure {
            failure.is_over = true;
        }
    }

    fn locked(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
