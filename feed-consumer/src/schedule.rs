//! When to ask a feed for news.
//!
//! # Layout
//!
//! - [`timetable`]: what a schedule is asked, and what it answers
//! - [`adaptive`]: quick while a feed is busy, slow while it is quiet
//! - [`cron`]: times on the clock
//! - [`backoff`]: how long to wait after a failure
//! - [`failures`]: failures in a row, and when to give up

pub(crate) mod adaptive;
pub(crate) mod backoff;
pub(crate) mod cron;
pub(crate) mod failures;
pub(crate) mod timetable;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use self::adaptive::Adaptive;
use self::cron::Cron;
use self::timetable::{Situation, Timetable, When};

/// The longest interval: more is a mistake.
const LONGEST_INTERVAL: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// When to ask a feed for news, once all that is known has been read.
///
/// From text: `live`; `every:` and a duration such as `200ms`, `5s` or `1h 30m`; `adaptive:` and
/// two of them, as in `adaptive:200ms..60s`; `cron:` and a pattern, as in
/// `cron:"*/5 8-18 * * MON-FRI"@Europe/Berlin`.
///
/// Each request is put off by chance, so that many consumers do not ask at the same moment: by up
/// to a tenth of an interval, and by up to 30 seconds after a time on the clock. Where the answer
/// to the last one says for how long it stays fresh (`max-age`), the next one does not come
/// earlier.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Schedule {
    /// At once. A feed of ours is followed by its stream of events; where that does not come
    /// through, by requests that the server holds until there is news (long poll); and where it
    /// holds none, adaptively, every second to every 15 seconds. What was better is tried again
    /// later. A document of other software, whose server can do neither, is asked for once a
    /// minute, or when its server says that it may be outdated (`max-age`), if that is later.
    Live,
    /// At this interval.
    Every(Duration),
    /// Quick while the feed is busy, slow while it is quiet.
    Adaptive(Adaptive),
    /// At these times on the clock.
    Cron(Cron),
    /// As a timetable of your own says.
    Own(Arc<dyn Timetable>),
}

/// Text that is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a schedule ({reason}): use 'live', or one such as 'every:5s', \
     'adaptive:200ms..60s' or 'cron:\"*/5 8-18 * * MON-FRI\"@Europe/Berlin'"
)]
pub struct InvalidSchedule {
    text: String,
    reason: String,
}

impl Schedule {
    /// Whether the server is to tell of news itself, where it can.
    pub(crate) const fn is_live(&self) -> bool {
        matches!(self, Self::Live)
    }

    /// When to ask again after an answer without news, where a live subscription would ask at
    /// `live`.
    pub(crate) fn next(&self, live: When, situation: &Situation) -> When {
        match self {
            Self::Live => live,
            Self::Every(interval) => When::After(*interval),
            Self::Adaptive(adaptive) => adaptive.next(situation),
            Self::Cron(cron) => cron.next(situation),
            Self::Own(timetable) => timetable.next(situation),
        }
    }
}

impl<T: Timetable> From<T> for Schedule {
    fn from(timetable: T) -> Self {
        Self::Own(Arc::new(timetable))
    }
}

impl FromStr for Schedule {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, InvalidSchedule> {
        let parsed = match text.split_once(':') {
            None if text == "live" => Ok(Self::Live),
            Some(("every", duration)) => interval(duration).map(Self::Every),
            Some(("adaptive", bounds)) => bounds.parse().map(Self::Adaptive),
            Some(("cron", pattern)) => pattern.parse().map(Self::Cron),
            _ => Err("there is none of this name".to_owned()),
        };
        parsed.map_err(|reason| InvalidSchedule { text: text.to_owned(), reason })
    }
}

/// An interval from text; the error is a reason in words.
fn interval(text: &str) -> Result<Duration, String> {
    let interval = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if interval.is_zero() || interval > LONGEST_INTERVAL {
        return Err("an interval is longer than nothing, and at most a year".to_owned());
    }
    Ok(interval)
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live => f.write_str("live"),
            Self::Every(interval) => write!(f, "every:{}", humantime::format_duration(*interval)),
            Self::Adaptive(adaptive) => write!(f, "adaptive:{adaptive}"),
            Self::Cron(cron) => write!(f, "cron:{cron}"),
            Self::Own(timetable) => write!(f, "{timetable:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_schedule_is_read_back_as_it_was_written() {
        for text in [
            "live",
            "every:5s",
            "every:200ms",
            "every:1h 30m",
            "adaptive:200ms..1m",
            "cron:\"*/5 8-18 * * MON-FRI\"@Europe/Berlin",
            "cron:\"@hourly\"",
        ] {
            assert_eq!(text.parse::<Schedule>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_the_remedy() {
        for (text, reason) in [
            ("", "none of this name"),
            ("Live", "none of this name"),
            ("live:", "none of this name"),
            ("5s", "none of this name"),
            ("every:", "empty"),
            ("every:5", "unit"),
            ("every:5 parsecs", "parsecs"),
            ("every:-5s", "number"),
            ("every:0s", "longer than nothing"),
            ("every:9999y", "at most a year"),
            ("adaptive", "none of this name"),
            ("adaptive:5s", "as in 200ms..60s"),
            ("adaptive:5s..", "empty"),
            ("adaptive:1m..5s", "the shortest wait comes first"),
            ("cron:61 * * * *", "no pattern of cron"),
            ("cron:0 0 30 2 *", "never comes"),
        ] {
            let error = text.parse::<Schedule>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert!(error.contains("such as 'every:5s'"), "{error}");
            assert!(error.contains("'adaptive:200ms..60s' or 'cron:"), "{error}");
        }
    }

    #[test]
    fn a_timetable_of_ones_own_is_a_schedule() {
        #[derive(Debug)]
        struct Weekly;
        impl Timetable for Weekly {
            fn next(&self, situation: &Situation) -> When {
                When::At(situation.now + chrono::TimeDelta::weeks(1))
            }
        }
        let situation = Situation { now: DateTime::UNIX_EPOCH, quiet: Duration::ZERO };
        let next = Schedule::from(Weekly).next(When::After(Duration::ZERO), &situation);
        assert_eq!(next, When::At("1970-01-08T00:00:00Z".parse().unwrap()));
    }
}
