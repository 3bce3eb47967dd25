//! When the process is asked to end.

use tokio::signal::unix::{SignalKind, signal};

/// Completes at SIGTERM or SIGINT (Ctrl-C).
///
/// # Errors
///
/// When the process cannot listen to signals.
pub(super) fn requested() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
