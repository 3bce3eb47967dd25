//! Bounded waits.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

/// How long anything may take that is expected to happen. Long enough for a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often [`eventually`] looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What the future yields within [`PATIENCE`].
///
/// # Panics
///
/// When it takes longer; the message says what was waited for.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    within_time(PATIENCE, what, future).await
}

/// What the future yields within a time.
///
/// # Panics
///
/// As [`within`].
pub async fn within_time<T>(patience: Duration, what: &str, future: impl Future<Output = T>) -> T {
    match timeout(patience, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {patience:?} in vain for {what}"),
    }
}

/// Looks until there is something to see. For what does not announce itself; where there is a
/// line, an answer or an exit to await, await that.
///
/// # Panics
///
/// As [`within`].
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        let mut again = interval(LOOK_AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            again.tick().await;
            if let Some(seen) = look().await {
                break seen;
            }
        }
    };
    within(what, looking).await
}
