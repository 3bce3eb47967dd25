//! By which way a live subscription hears of news.
//!
//! The best way is tried first. One that does not come through is left for the next lower one, and
//! the best is tried again later, more and more seldom. What changes is said once.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::random;

/// How long after it was left a better way is tried again, for the first time.
const FIRST_TRY: Duration = Duration::from_secs(15);

/// The longest time between two such tries.
const LAST_TRY: Duration = Duration::from_secs(60 * 60);

/// For how long the best way must have worked for a failure of it to be as good as the first.
const PROVEN: Duration = Duration::from_secs(10 * 60);

/// How often in a row a way may fail that might work.
const MAX_STRIKES: u32 = 2;

/// A way to hear of news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// A stream of events.
    Stream,
    /// Requests that the server holds until there is news.
    LongPoll,
    /// Requests now and then.
    Polls,
}

/// The present way, and what is known of the others.
#[derive(Debug)]
pub(super) struct Ways {
    way: Way,
    since: Instant,
    /// Whether a lower way is known to work, and this one has yet to show that it does.
    on_trial: bool,
    /// The way that was last said to be the present one.
    said: Option<Way>,
    /// Failures of the present way in a row.
    strikes: u32,
    /// When the best way is tried again; `None` while it is the present one.
    next_try: Option<Instant>,
    /// How long it will be left after the next failure.
    pause: Duration,
}

impl Ways {
    /// The best way, of which nothing is known yet.
    pub(super) fn new() -> Self {
        Self {
            way: Way::Stream,
            since: Instant::now(),
            on_trial: false,
            said: None,
            strikes: 0,
            next_try: None,
            pause: FIRST_TRY,
        }
    }

    /// The way to go now.
    pub(super) fn present(&mut self) -> Way {
        if self.next_try.is_some_and(|at| at <= Instant::now()) {
            debug!("trying again whether there is a {}", Way::Stream);
            self.next_try = None;
            self.on_trial = true;
            self.go(Way::Stream);
        }
        self.way
    }

    /// How long it is until the best way is tried again, if it is not the present one.
    pub(super) fn until_next_try(&self) -> Option<Duration> {
        Some(self.next_try?.saturating_duration_since(Instant::now()))
    }

    /// The present way stands open. It has yet to show whether it works.
    pub(super) fn opens(&mut self) {
        if self.said != Some(self.way) {
            info!("news come by {}", self.way);
            self.said = Some(self.way);
        }
    }

    /// The present way has brought news, or at least a sign of life.
    pub(super) fn works(&mut self) {
        self.opens();
        self.strikes = 0;
        self.on_trial = false;
        if self.way == Way::Stream && self.since.elapsed() >= PROVEN {
            self.pause = FIRST_TRY;
        }
    }

    /// The present way has failed, and nothing else has. Whether it was left for that.
    pub(super) fn strike(&mut self, why: impl fmt::Display) -> bool {
        self.strikes += 1;
        let is_out = self.on_trial || self.strikes >= MAX_STRIKES;
        if is_out {
            self.leave(why);
        }
        is_out
    }

    /// The present way is none: goes the next lower one.
    pub(super) fn leave(&mut self, why: impl fmt::Display) {
        let left = self.way;
        self.go(match left {
            Way::Stream => Way::LongPoll,
            Way::LongPoll | Way::Polls => Way::Polls,
        });
        if self.on_trial && self.said != Some(left) {
            debug!("there is still no {left}: {why}");
        } else {
            warn!("news come by {} from now on, and no more by {left}: {why}", self.way);
            self.said = Some(self.way);
        }
        if self.next_try.is_none() {
            let pause = self.pause.mul_f64(1.0 + random::fraction() / 10.0);
            self.next_try = Some(Instant::now() + pause);
            self.pause = (self.pause * 2).min(LAST_TRY);
        }
    }

    fn go(&mut self, way: Way) {
        self.way = way;
        self.since = Instant::now();
        self.strikes = 0;
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream => "stream of events",
            Self::LongPoll => "long poll",
            Self::Polls => "requests now and then",
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, sleep_until};

    use super::*;

    /// Waits until the best way is tried again.
    async fn next_try(ways: &mut Ways) -> Duration {
        let begun = Instant::now();
        sleep_until(ways.next_try.unwrap()).await;
        assert_eq!(ways.present(), Way::Stream);
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_way_that_cannot_be_gone_is_left_at_once_and_one_that_may_be_after_two_failures() {
        let mut ways = Ways::new();
        assert_eq!(ways.present(), Way::Stream);
        ways.leave("406");
        assert_eq!(ways.present(), Way::LongPoll);
        assert!(!ways.strike("504"));
        ways.works();
        assert!(!ways.strike("504"));
        assert!(ways.strike("504"));
        assert_eq!(ways.present(), Way::Polls);
        ways.leave("worse");
        assert_eq!(ways.present(), Way::Polls);
    }

    #[tokio::test(start_paused = true)]
    async fn the_best_way_is_tried_again_more_and_more_seldom() {
        let mut ways = Ways::new();
        ways.leave("406");
        ways.works();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            pauses.push(next_try(&mut ways).await.as_secs());
            // On trial, one failure will do.
            assert!(ways.strike("silence"));
            assert_eq!(ways.present(), Way::LongPoll);
            ways.works();
        }
        assert!((15..=17).contains(&pauses[0]) && (30..=33).contains(&pauses[1]), "{pauses:?}");
        assert!(pauses[10..].iter().all(|it| (3600..=3960).contains(it)), "{pauses:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn from_the_lowest_way_all_others_are_tried() {
        let mut ways = Ways::new();
        ways.leave("406");
        ways.leave("no wait");
        ways.works();
        next_try(&mut ways).await;
        ways.leave("406");
        assert_eq!(ways.present(), Way::LongPoll);
        // It stays, now that it works.
        ways.works();
        assert!(!ways.on_trial);
        assert_eq!(ways.said, Some(Way::LongPoll));
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_worked_for_long_is_tried_again_soon() {
        let mut ways = Ways::new();
        for _ in 0..12 {
            ways.leave("silence");
            next_try(&mut ways).await;
        }
        ways.works();
        ways.leave("silence");
        assert!(next_try(&mut ways).await > PROVEN);
        ways.works();
        advance(PROVEN).await;
        ways.works();
        ways.leave("silence");
        assert!(next_try(&mut ways).await < FIRST_TRY * 2);
    }
}
