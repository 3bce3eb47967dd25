//! The one place where this crate reads the clock.
//!
//! What is stored carries the database's time; this clock serves headers and ids alone.

use chrono::{DateTime, Utc};

/// The present time.
#[expect(clippy::disallowed_methods, reason = "this is the file where the clock is read")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}
