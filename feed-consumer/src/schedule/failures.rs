//! Failures in a row: of reading a feed, or of handling one event.

use std::error::Error;
use std::fmt::Write;
use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;

/// How failures are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    /// How long to wait between tries.
    pub(crate) backoff: Backoff,
    /// How long failures in a row may last; for ever, if there is no limit. A server that asks for
    /// a wait that ends later is not waited for.
    pub(crate) give_up_after: Option<Duration>,
    /// How many failures in a row there may be; any number, if there is no limit.
    pub(crate) failures: Option<u32>,
}

/// How an event is tried again that was not handled. After the last try, or at once after a permanent
/// error, it is parked, or stops the subscription: see [`OnExhausted`](crate::OnExhausted).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retry {
    /// How long to wait between tries. At most 200 ms after the first, doubling up to at most a
    /// minute, by default.
    pub backoff: Backoff,
    /// How often an event is tried, the first time included. No limit by default; 0 means 1.
    pub attempts: Option<u32>,
    /// For how long an event is tried again, from its first failure on. The last try is at the end
    /// of that time. No limit by default.
    pub time: Option<Duration>,
}

impl From<Retry> for Patience {
    fn from(retry: Retry) -> Self {
        let Retry { backoff, attempts, time } = retry;
        Self { backoff, give_up_after: time, failures: attempts }
    }
}

/// Failures since the last success.
#[derive(Debug)]
pub(crate) struct Failures {
    patience: Patience,
    count: u32,
    since: Option<Instant>,
    message: String,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    /// How many there have been in a row, this one included.
    pub(crate) count: u32,
    /// Whether it differs from the one before.
    pub(crate) is_new: bool,
    /// How long to wait before the next try; `None` when patience is at its end.
    pub(crate) next_try: Option<Duration>,
}

impl Failures {
    /// None yet.
    pub(crate) const fn new(patience: Patience) -> Self {
        Self { patience, count: 0, since: None, message: String::new() }
    }

    /// How many there have been since the last success.
    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    /// How long ago the first of them was.
    pub(crate) fn lasted(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// A success: the next failure is the first again.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.patience);
    }

    /// The last of them, with all its causes.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// One more, after which nothing is tried for at least `at_least`.
    pub(crate) fn add(&mut self, error: &dyn Error, at_least: Option<Duration>) -> Failure {
        self.count = self.count.saturating_add(1);
        let since = *self.since.get_or_insert_with(Instant::now);
        let message = chain(error);
        let is_new = self.message != message;
        self.message = message;
        let delay = self.patience.backoff.delay(self.count);
        let at_least = at_least.unwrap_or_default();
        let next_try = match self.patience.give_up_after {
            _ if self.patience.failures.is_some_and(|limit| self.count >= limit) => None,
            None => Some(delay.max(at_least)),
            Some(limit) => {
                let left = limit.saturating_sub(since.elapsed());
                // The last try is at the very end of the time, and not before it.
                let delay = delay.min(left).max(at_least);
                (!left.is_zero() && delay <= left).then_some(delay)
            }
        };
        Failure { count: self.count, is_new, next_try }
    }
}

/// An error and all its causes, in one line. A cause that its effect has quoted is not repeated.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            // Unwrap safety: writing into a String does not fail.
            write!(line, ": {text}").unwrap();
        }
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(message: &str) -> std::io::Error {
        std::io::Error::other(message)
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn failures(give_up_after: Option<Duration>) -> Failures {
        let backoff = Backoff { first: SECOND, cap: SECOND };
        Failures::new(Patience { backoff, give_up_after, failures: None })
    }

    #[test]
    fn a_repeated_message_is_told_from_a_new_one() {
        let mut failures = failures(None);
        assert!(failures.add(&error("a"), None).is_new);
        assert!(!failures.add(&error("a"), None).is_new);
        let third = failures.add(&error("b"), None);
        assert!(third.is_new && third.count == 3);
        failures.clear();
        assert!(failures.add(&error("b"), None).is_new);
    }

    #[test]
    fn a_server_can_ask_for_more_time_than_the_backoff() {
        let asked = failures(None).add(&error("busy"), Some(SECOND * 90));
        assert_eq!(asked.next_try, Some(SECOND * 90));
    }

    #[test]
    fn patience_lasts_for_the_time_stated_however_long_the_wait_would_be() {
        let backoff = Backoff { first: SECOND * 60, cap: SECOND * 60 };
        let patience = Patience { backoff, give_up_after: Some(SECOND * 10), failures: None };
        for _ in 0..100 {
            let next_try = Failures::new(patience).add(&error("busy"), None).next_try;
            assert!(next_try.is_some_and(|wait| wait <= SECOND * 10), "{next_try:?}");
        }
        let none = Patience { give_up_after: Some(Duration::ZERO), ..patience };
        assert_eq!(Failures::new(none).add(&error("busy"), None).next_try, None);
    }

    #[test]
    fn an_event_is_tried_as_often_as_was_asked_for() {
        let mut failures = Failures::new(Retry { attempts: Some(3), ..Retry::default() }.into());
        assert!(failures.add(&error("busy"), None).next_try.is_some());
        assert!(failures.add(&error("busy"), None).next_try.is_some());
        assert_eq!(failures.add(&error("busy"), None).next_try, None);
    }

    #[test]
    fn patience_ends_before_a_wait_that_would_exceed_it() {
        let mut failures = failures(Some(SECOND * 10));
        assert!(failures.add(&error("busy"), Some(SECOND)).next_try.is_some());
        assert_eq!(failures.add(&error("busy"), Some(SECOND * 20)).next_try, None);
    }
}
