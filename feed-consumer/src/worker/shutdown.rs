//! When to end, and when at the latest.

use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::FusedFuture;
use tokio::time::{Instant, sleep_until};

/// A shutdown that may come, and the time that is left for the event in hand once it has.
#[derive(Debug)]
pub(crate) struct Shutdown<'a, S> {
    signal: Pin<&'a mut S>,
    grace: Duration,
    /// When the grace period is over; known once the shutdown has begun.
    end: Option<Instant>,
}

impl<'a, S: FusedFuture<Output = ()>> Shutdown<'a, S> {
    /// A shutdown that begins when `signal` ends, and lasts for `grace` at most.
    pub(crate) fn new(signal: Pin<&'a mut S>, grace: Duration) -> Self {
        Self { signal, grace, end: None }
    }

    /// Whether it has begun.
    pub(super) fn has_begun(&mut self) -> bool {
        self.begins().now_or_never().is_some()
    }

    /// It begins now, if it has not yet.
    pub(super) fn begin(&mut self) {
        self.end.get_or_insert_with(|| Instant::now() + self.grace);
    }

    /// Waits until it begins.
    pub(super) async fn begins(&mut self) {
        if self.end.is_none() {
            (&mut self.signal).await;
            self.end = Some(Instant::now() + self.grace);
        }
    }

    /// Waits until it has begun and its grace period is over.
    pub(super) async fn is_over(&mut self) {
        self.begins().await;
        if let Some(end) = self.end {
            sleep_until(end).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn the_grace_period_counts_from_the_signal() {
        let (signal, signalled) = oneshot::channel::<()>();
        let mut signalled = pin!(signalled.map(drop).fuse());
        let mut shutdown = Shutdown::new(signalled.as_mut(), Duration::from_millis(1));
        assert!(!shutdown.has_begun());
        assert!(shutdown.is_over().now_or_never().is_none());
        signal.send(()).unwrap();
        assert!(shutdown.has_begun());
        shutdown.begins().await;
        shutdown.is_over().await;
        assert!(shutdown.is_over().now_or_never().is_some());
    }
}
