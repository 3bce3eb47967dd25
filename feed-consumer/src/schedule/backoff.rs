//! How long to wait after a failure.

use std::time::Duration;

use crate::random;

/// Exponential backoff with full jitter: before the nth try again, a random time from nothing up
/// to `first` doubled n − 1 times, or up to `cap`, whichever is less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait before the first try again.
    pub first: Duration,
    /// The longest wait of all.
    pub cap: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(200), cap: Duration::from_secs(60) }
    }
}

impl Backoff {
    /// How long to wait after this many failures in a row.
    pub(crate) fn delay(self, failures: u32) -> Duration {
        self.ceiling(failures).mul_f64(random::fraction())
    }

    /// The longest wait after this many failures in a row.
    fn ceiling(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let backoff = Backoff::default();
        let seconds = |failures| backoff.ceiling(failures).as_secs_f64();
        assert_eq!([1, 2, 3, 9].map(seconds), [0.2, 0.4, 0.8, 51.2]);
        assert_eq!([10, 1000, u32::MAX].map(seconds), [60.0; 3]);
    }

    #[test]
    fn every_wait_up_to_the_ceiling_is_as_likely() {
        let backoff = Backoff::default();
        let waits: Vec<_> = (0..1000).map(|_| backoff.delay(10).as_secs_f64()).collect();
        assert!(waits.iter().all(|wait| (0.0..60.0).contains(wait)));
        assert!(waits.iter().any(|wait| *wait < 10.0) && waits.iter().any(|wait| *wait > 50.0));
    }
}
