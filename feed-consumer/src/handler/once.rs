//! What handlers do outside the database, and are not to do again.

use std::fmt::Write;
use std::sync::Arc;

use feed_protocol::Event;
use ring::digest::{Context as Hasher, SHA256};
use tracing::warn;

use super::HandlerError;
use super::handed::Handed;
use crate::schedule::backoff::Backoff;
use crate::schedule::failures::{Failures, Patience};
use crate::store::once::{Before, MAX_KEY_LEN};
use crate::store::{CursorStore, StoreError, Subscription};

/// How many bytes of the digest of an event's source and id there are in a key.
const DIGEST_LEN: usize = 16;

/// The greatest length in bytes of a key, as a handler names it.
pub(super) const MAX_LEN: usize = MAX_KEY_LEN - 2 * DIGEST_LEN - 1;

/// What was done has to be noted, however long that takes: whoever calls the handler gives up when
/// its time is over, or when the lease ends.
const UNTIL_NOTED: Patience = Patience {
    backoff: Backoff {
        first: std::time::Duration::from_millis(50),
        cap: std::time::Duration::from_secs(2),
    },
    give_up_after: None,
    failures: None,
};

/// Where it is noted what was done for the events of a subscription.
#[derive(Debug)]
pub(crate) struct Noting {
    pub(crate) store: Arc<dyn CursorStore>,
    pub(crate) subscription: Subscription,
}

/// Why something is not done, or may be done again.
#[derive(Debug, thiserror::Error)]
enum OnceError {
    #[error(
        "`once` is not for transactional handlers: write what was done to a table of your own, in \
         the transaction, which commits with the cursor"
    )]
    InTransaction,
    #[error("the key {0:?} of `once` is not 1 to {MAX_LEN} bytes long, without control characters")]
    Key(String),
    #[error("another worker has the shard now: nothing was done for the key {0:?} of `once`")]
    NotBegun(String),
    #[error("another worker has the shard now, and may do again what the key {0:?} of `once` says")]
    NotNoted(String),
    #[error("it could not be noted that the key {0:?} of `once` was begun: nothing was done")]
    Unavailable(String, #[source] StoreError),
    #[error("it could not be noted that the key {0:?} of `once` was done: it may be done again")]
    Unnoted(String, #[source] StoreError),
}

/// Does something for an event, unless it is known to be done. `None` if it is.
pub(super) async fn once<T>(
    handed: &Handed,
    key: &str,
    act: impl AsyncFnOnce() -> Result<T, HandlerError>,
) -> Result<Option<T>, HandlerError> {
    let Some(noting) = &handed.noting else {
        return Err(HandlerError::permanent(OnceError::InTransaction));
    };
    let Noting { store, subscription } = &**noting;
    let named = || key.to_owned();
    if key.is_empty() || key.len() > MAX_LEN || key.chars().any(char::is_control) {
        return Err(HandlerError::permanent(OnceError::Key(named())));
    }
    let (lease, position) = (handed.lease, handed.recorded.position);
    let full = full_key(&handed.recorded.event, key);
    let begun = store.once_begin(subscription, lease, position, &full).await;
    match begun.map_err(|error| OnceError::Unavailable(named(), error))? {
        None => return Err(OnceError::NotBegun(named()).into()),
        Some(Before::Done) => return Ok(None),
        Some(Before::Begun) => {
            warn!(%position, key, "it was begun before, and whether it was done is unknown");
        }
        Some(Before::Nothing) => {}
    }
    let done = act().await?;
    let mut failures = Failures::new(UNTIL_NOTED);
    loop {
        match store.once_done(subscription, lease, &full).await {
            Ok(true) => return Ok(Some(done)),
            Ok(false) => return Err(OnceError::NotNoted(named()).into()),
            Err(error @ StoreError::Unavailable(_)) => {
                let failure = failures.add(&error, None);
                if failure.is_new {
                    warn!(%position, key, "not noted that it was done: {}", failures.message());
                }
                let Some(delay) = failure.next_try else {
                    return Err(OnceError::Unnoted(named(), error).into());
                };
                tokio::time::sleep(delay).await;
            }
            Err(error) => return Err(OnceError::Unnoted(named(), error).into()),
        }
    }
}

/// The key of what is done for one event: known by source and id, whatever its position is after a
/// feed was restored.
fn full_key(event: &Event, key: &str) -> String {
    let mut hasher = Hasher::new(&SHA256);
    hasher.update(event.source().as_str().as_bytes());
    // No attribute holds this character, so that no two pairs look the same.
    hasher.update(&[0]);
    hasher.update(event.id().as_str().as_bytes());
    let digest = hasher.finish();
    let mut full = String::with_capacity(2 * DIGEST_LEN + 1 + key.len());
    for byte in digest.as_ref().iter().take(DIGEST_LEN) {
        // To write into a String does not fail.
        let _ = write!(full, "{byte:02x}");
    }
    full.push(' ');
    full + key
}

#[cfg(test)]
mod tests;
