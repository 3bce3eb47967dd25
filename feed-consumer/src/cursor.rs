//! How far cursors may lie behind what has been handled.
//!
//! A cursor moves only after events have been handled, and no further than them. It moves in
//! batches: what has been handled beyond the stored place is what is handled again after a crash,
//! and [`Window`] bounds it.

pub(crate) mod digest;

use std::time::Duration;

/// How much may be handled before the cursor moves past it: what may be handled again after a
/// crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// At most this many events; at least 1.
    pub events: usize,
    /// At most for this long after the first of them.
    pub time: Duration,
}

impl Window {
    /// The cursor moves after every event.
    pub const ONE: Self = Self { events: 1, time: Duration::ZERO };
}

impl Default for Window {
    fn default() -> Self {
        Self { events: 100, time: Duration::from_millis(100) }
    }
}
