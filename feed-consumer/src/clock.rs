//! The one place where this crate reads the clock.
//!
//! Cursors carry the time of their database; this clock serves to understand `Retry-After` alone.

use std::time::SystemTime;

/// The present time.
#[expect(clippy::disallowed_methods, reason = "this is the file where the clock is read")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}
