//! How long to wait after an answer without news.

use std::time::Duration;

use tokio::time::Instant;

use super::feed::Rest;
use super::outlook::Outlook;
use crate::schedule::Schedule;
use crate::schedule::adaptive::Adaptive;
use crate::schedule::timetable::{Situation, Timetable, When};

/// How often a live subscription asks a feed of ours whose server does not tell of news itself.
const LIVE: Adaptive = Adaptive::new(Duration::from_secs(1), Duration::from_secs(15))
    .expect("the shortest wait comes first");

/// An answer without news.
#[derive(Debug)]
pub(crate) struct Silence {
    /// When a live subscription asks again.
    pub(super) live: Rest,
    /// For how long there is no other answer, as the server says.
    pub(super) fresh_for: Duration,
}

impl Silence {
    /// One after which nothing is waited for.
    pub(super) const NONE: Self =
        Self { live: Rest::For(Duration::ZERO), fresh_for: Duration::ZERO };

    /// Waits until it is time to ask again. There has been no news since `news`.
    pub(super) async fn lasts(self, schedule: &Schedule, news: Instant, outlook: &Outlook) {
        let situation = Situation::since(news);
        let live = match self.live {
            Rest::For(wait) => When::After(wait),
            Rest::Seemly => LIVE.next(&situation),
        };
        let next = schedule.next(live, &situation).not_within(self.fresh_for, situation.now);
        let next = next.put_off();
        outlook.rests(next.left());
        next.comes().await;
        outlook.asks();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// How long a schedule waits after so much quiet, in seconds.
    async fn waits(schedule: &str, quiet: u32, live: Rest, fresh_for: u32) -> f64 {
        let news = Instant::now();
        tokio::time::sleep(SECOND * quiet).await;
        let (schedule, begun) = (schedule.parse().unwrap(), Instant::now());
        Silence { live, fresh_for: SECOND * fresh_for }
            .lasts(&schedule, news, &Outlook::default())
            .await;
        begun.elapsed().as_secs_f64()
    }

    #[tokio::test(start_paused = true)]
    async fn each_schedule_waits_as_it_says_and_at_most_a_tenth_longer() {
        for (schedule, quiet, live, seconds) in [
            ("live", 0, Rest::For(Duration::ZERO), 0.001),
            ("live", 9999, Rest::For(SECOND), 1.0),
            ("live", 0, Rest::Seemly, 1.0),
            ("live", 20, Rest::Seemly, 10.0),
            ("live", 9999, Rest::Seemly, 15.0),
            ("every:30s", 9999, Rest::Seemly, 30.0),
            ("adaptive:200ms..60s", 0, Rest::Seemly, 0.2),
            ("adaptive:200ms..60s", 30, Rest::Seemly, 15.0),
            ("adaptive:200ms..60s", 9999, Rest::Seemly, 60.0),
        ] {
            let waited = waits(schedule, quiet, live, 0).await;
            // Timers count whole milliseconds.
            let bounds = seconds..seconds * 1.1 + 0.002;
            assert!(bounds.contains(&waited), "{schedule} after {quiet}s: {waited}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_slows_a_schedule_and_does_not_hurry_it() {
        for (schedule, fresh_for, seconds) in
            [("every:30s", 90, 90.0), ("every:30s", 5, 30.0), ("adaptive:1s..9s", 60, 60.0)]
        {
            let waited = waits(schedule, 0, Rest::Seemly, fresh_for).await;
            assert!((seconds..seconds * 1.1 + 0.002).contains(&waited), "{schedule}: {waited}");
        }
    }
}
