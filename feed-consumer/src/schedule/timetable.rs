//! What a schedule is asked, and what it answers.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, sleep};

use crate::{clock, random};

/// The longest time by which chance puts off a request that has its time on the clock: less than
/// a minute, so that even a schedule with a time in every minute misses none of them.
const LATER: Duration = Duration::from_secs(30);

/// How often the clock is looked at while its time is waited for: it may be set, and the machine
/// may sleep.
const LOOK: Duration = Duration::from_secs(15);

/// The shortest wait between two requests, whatever a timetable says.
const SHORTEST: Duration = Duration::from_millis(1);

/// When to ask a feed for news: a schedule of your own, for [`ConsumerBuilder::schedule`].
///
/// It is asked after each answer without news. After an answer with news the feed is asked at
/// once, until there is nothing more; after a failure, by [`Backoff`]. What it says is put off by
/// chance, so that many consumers do not ask at the same moment (see [`When`]), and for as long as
/// the server says that its answer stays fresh (`max-age`).
///
/// ```
/// use std::time::Duration;
///
/// use feed_consumer::{Consumer, Situation, Timetable, When};
///
/// /// Often on the hour, when the others publish; otherwise seldom.
/// #[derive(Debug)]
/// struct OnTheHour;
///
/// impl Timetable for OnTheHour {
///     fn next(&self, situation: &Situation) -> When {
///         let busy = situation.now.timestamp() % 3600 < 60;
///         When::After(Duration::from_secs(if busy { 1 } else { 60 }))
///     }
/// }
///
/// let builder = Consumer::builder("http://127.0.0.1:3000/feeds/orders").schedule(OnTheHour);
/// ```
///
/// [`ConsumerBuilder::schedule`]: crate::ConsumerBuilder::schedule
/// [`Backoff`]: crate::Backoff
pub trait Timetable: fmt::Debug + Send + Sync + 'static {
    /// When the feed is asked next.
    fn next(&self, situation: &Situation) -> When;
}

/// What there is to know when an answer has brought no news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Situation {
    /// The present time, by this machine's clock.
    pub now: DateTime<Utc>,
    /// For how long there has been no news.
    pub quiet: Duration,
}

/// When a feed is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// After this time, and up to a tenth of it later, by chance; at the soonest in a
    /// millisecond.
    After(Duration),
    /// At this time by the clock, and up to 30 seconds later, by chance.
    At(DateTime<Utc>),
}

impl Situation {
    /// The present one.
    pub(crate) fn since(news: Instant) -> Self {
        Self { now: clock::now().into(), quiet: news.elapsed() }
    }
}

impl When {
    /// The same, put off by chance.
    pub(crate) fn put_off(self) -> Self {
        let chance = random::fraction();
        match self {
            Self::After(wait) => {
                let wait = wait.max(SHORTEST);
                Self::After(wait.saturating_add(wait.mul_f64(chance / 10.0)))
            }
            Self::At(time) => Self::At(
                time.checked_add_signed(
                    TimeDelta::from_std(LATER.mul_f64(chance)).unwrap_or_default(),
                )
                .unwrap_or(time),
            ),
        }
    }

    /// The same, or as soon as this time is over that begins now.
    pub(crate) fn not_within(self, time: Duration, now: DateTime<Utc>) -> Self {
        match self {
            Self::After(wait) => Self::After(wait.max(time)),
            Self::At(at) => {
                let end = TimeDelta::from_std(time).ok().and_then(|it| now.checked_add_signed(it));
                Self::At(end.map_or(at, |end| at.max(end)))
            }
        }
    }

    /// How long it is until then.
    pub(crate) fn left(self) -> Duration {
        match self {
            Self::After(wait) => wait,
            // The distance to a time in the past is none.
            Self::At(time) => {
                (time - DateTime::<Utc>::from(clock::now())).to_std().unwrap_or_default()
            }
        }
    }

    /// Waits until it is time.
    pub(crate) async fn comes(self) {
        match self {
            Self::After(wait) => sleep(wait).await,
            Self::At(_) => {
                sleep(SHORTEST).await;
                loop {
                    let left = self.left();
                    if left.is_zero() {
                        return;
                    }
                    sleep(left.min(LOOK)).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_differ_by_at_most_a_tenth() {
        let wait = Duration::from_secs(10);
        let waits: Vec<_> = (0..1000).map(|_| When::After(wait).put_off()).collect();
        let bounds = When::After(wait)..=When::After(wait * 11 / 10);
        for one in &waits {
            let (When::After(one), When::After(first), When::After(last)) =
                (*one, *bounds.start(), *bounds.end())
            else {
                panic!("{one:?}");
            };
            assert!((first..=last).contains(&one), "{one:?}");
        }
        assert!(waits.iter().any(|it| *it != waits[0]));
    }

    #[test]
    fn a_time_by_the_clock_is_put_off_within_its_minute() {
        let time = DateTime::UNIX_EPOCH;
        let mut latest = time;
        for _ in 0..1000 {
            let When::At(put_off) = When::At(time).put_off() else { panic!("it is a time") };
            assert!((0..30_000).contains(&(put_off - time).num_milliseconds()), "{put_off}");
            latest = latest.max(put_off);
        }
        assert!((latest - time).num_seconds() > 20, "{latest}");
        let end = DateTime::<Utc>::MAX_UTC;
        assert_eq!(When::At(end).put_off(), When::At(end));
    }

    #[test]
    fn nothing_makes_requests_without_a_pause() {
        let When::After(wait) = When::After(Duration::ZERO).put_off() else { panic!("it waits") };
        assert!(wait >= SHORTEST);
        assert_eq!(When::After(Duration::MAX).put_off(), When::After(Duration::MAX));
    }

    #[test]
    fn a_server_can_ask_for_more_time_and_not_for_less() {
        let (now, second) = (DateTime::UNIX_EPOCH, Duration::from_secs(1));
        let at = |seconds| When::At(now + TimeDelta::seconds(seconds));
        for (when, time, then) in [
            (When::After(second), 5, When::After(second * 5)),
            (When::After(second * 9), 5, When::After(second * 9)),
            (at(1), 5, at(5)),
            (at(9), 5, at(9)),
        ] {
            assert_eq!(when.not_within(second * time, now), then);
        }
        assert_eq!(at(1).not_within(Duration::MAX, now), at(1));
    }

    #[tokio::test]
    async fn a_time_by_the_clock_is_waited_for() {
        let time = DateTime::<Utc>::from(clock::now()) + TimeDelta::milliseconds(30);
        When::At(time).comes().await;
        assert!(DateTime::<Utc>::from(clock::now()) >= time);
    }
}
