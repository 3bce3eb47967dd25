//! Events that the target had already, or did not want any more.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;
use tracing::info;

/// How often the log says so at most.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// How many events a target did not need, of those that [`Forward`](super::Forward) sent it in
/// this run. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct ForwardCounts(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    known: AtomicU64,
    unwanted: AtomicU64,
    /// When the log said so last.
    said: Mutex<Option<Instant>>,
}

impl ForwardCounts {
    /// Events that the target had already (409).
    #[must_use]
    pub fn known(&self) -> u64 {
        self.0.known.load(Ordering::Relaxed)
    }

    /// Events that the target wants no more (410).
    #[must_use]
    pub fn unwanted(&self) -> u64 {
        self.0.unwanted.load(Ordering::Relaxed)
    }

    /// One more, for this answer.
    pub(super) fn add(&self, status: StatusCode) {
        let count = if status == StatusCode::GONE { &self.0.unwanted } else { &self.0.known };
        count.fetch_add(1, Ordering::Relaxed);
        let mut said = self.0.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_none_or(|said| said.elapsed() >= SAID_EVERY) {
            *said = Some(Instant::now());
            info!("{self}");
        }
    }
}

impl fmt::Display for ForwardCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (known, unwanted) = (self.known(), self.unwanted());
        write!(
            f,
            "the target had {known} of the events already (409), and wanted {unwanted} no more (410)"
        )
    }
}
