//! When to end: at the first signal after the event in hand, at the second at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Counts signals that ask for an end: SIGTERM, and SIGINT (Ctrl-C).
#[derive(Debug, Clone)]
pub(super) struct Signals(watch::Receiver<u32>);

impl Signals {
    /// Listens from now on.
    pub(super) fn listen() -> std::io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (count, counted) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                count.send_modify(|count| *count += 1);
            }
        });
        Ok(Self(counted))
    }

    /// Waits for the first.
    pub(super) fn first(&self) -> impl Future<Output = ()> + use<> {
        self.reach(1)
    }

    /// Waits for the second.
    pub(super) fn second(&self) -> impl Future<Output = ()> + use<> {
        self.reach(2)
    }

    fn reach(&self, number: u32) -> impl Future<Output = ()> + use<> {
        let mut count = self.0.clone();
        async move {
            if count.wait_for(|count| *count >= number).await.is_err() {
                std::future::pending().await
            }
        }
    }
}
