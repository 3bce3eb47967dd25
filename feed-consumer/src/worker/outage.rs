//! When most events fail, it is not the events.
//!
//! A service that is away, or a handler with a fault, would have everything set aside that it is
//! given. So a shard whose event has failed for the last time, while most events of late have, does
//! not set it aside: it pauses, and tries that event again, one attempt at a time, each after a
//! longer wait. The first success in the shard ends that. An event that fails all the while is set
//! aside in the end, so that one bad event does not hold up a shard for ever; the pause goes on.

use std::collections::VecDeque;
use std::time::Duration;

use crate::schedule::backoff::Backoff;

/// Over how many events it is judged.
const OVER: usize = 20;
/// Of fewer than so many, nothing can be said.
const AT_LEAST: usize = 5;
/// How often an event is tried in a pause before it is set aside.
const TRIES: u32 = 6;
/// How long a shard pauses after a failure.
const PAUSE: Backoff = Backoff { first: Duration::from_secs(2), cap: Duration::from_secs(5 * 60) };

/// What became of a worker's events of late.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    recent: VecDeque<bool>,
}

impl Outcomes {
    /// An event was handled.
    pub(super) fn handled(&mut self) {
        self.add(true);
    }

    /// An event has failed for the last time.
    pub(super) fn failed(&mut self) {
        self.add(false);
    }

    fn add(&mut self, outcome: bool) {
        if self.recent.len() == OVER {
            self.recent.pop_front();
        }
        self.recent.push_back(outcome);
    }

    /// Something is handled again: what was before says nothing any more.
    pub(super) fn clear(&mut self) {
        self.recent.clear();
    }

    /// Whether most events failed.
    pub(super) fn mostly_failed(&self) -> bool {
        let failed = self.recent.iter().filter(|is_handled| !**is_handled).count();
        self.recent.len() >= AT_LEAST && failed * 2 > self.recent.len()
    }
}

/// A shard pauses, since most events fail.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// How many attempts have failed since it began.
    failures: u32,
    /// Of these, with the event that is tried now.
    with_this: u32,
}

/// What is to become of an event that has failed in a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is tried again after this time.
    Wait(Duration),
    /// It is set aside.
    SetAside,
}

impl Outage {
    /// An attempt has failed.
    pub(super) fn failed(&mut self) -> Verdict {
        if self.with_this >= TRIES {
            self.with_this = 0;
            return Verdict::SetAside;
        }
        self.with_this += 1;
        self.failures = self.failures.saturating_add(1);
        // Not at once: a service that was overloaded would be again.
        Verdict::Wait(PAUSE.first / 2 + PAUSE.delay(self.failures))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_failures_say_nothing_and_most_of_many_do() {
        let mut outcomes = Outcomes::default();
        for _ in 1..AT_LEAST {
            outcomes.failed();
            assert!(!outcomes.mostly_failed());
        }
        outcomes.failed();
        assert!(outcomes.mostly_failed());
        (0..OVER).for_each(|_| outcomes.handled());
        for failures in 1..=OVER {
            outcomes.failed();
            assert_eq!(outcomes.mostly_failed(), failures > OVER / 2, "{failures}");
        }
        outcomes.clear();
        assert!(!outcomes.mostly_failed());
    }

    #[test]
    fn an_event_is_set_aside_in_the_end_and_waits_grow_on() {
        let mut outage = Outage::default();
        for _ in 0..3 {
            for _ in 0..TRIES {
                assert!(matches!(outage.failed(), Verdict::Wait(wait) if wait >= PAUSE.first / 2));
            }
            assert_eq!(outage.failed(), Verdict::SetAside);
        }
        assert_eq!(outage.failures, 3 * TRIES);
    }
}
