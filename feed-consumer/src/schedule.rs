//! When to ask a feed for news.
//!
//! # Layout
//!
//! - [`backoff`]: how long to wait after a failure
//! - [`failures`]: failures in a row, and when to give up

pub(crate) mod backoff;
pub(crate) mod failures;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::random;

/// How long a server is asked to hold a request until there is news.
const LONG_POLL: Duration = Duration::from_secs(30);

/// The longest interval: more is a mistake.
const LONGEST_INTERVAL: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// When to ask a feed for news, once all that is known has been read.
///
/// From text: `live`, or `every:` and a duration such as `200ms`, `5s` or `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Schedule {
    /// At once, by requests that the server holds until there is news (long poll). A document of
    /// other software, whose server cannot hold a request, is asked for once a minute, or when
    /// its server says that it may be outdated (`max-age`), if that is later.
    Live,
    /// At this interval. Each wait is up to a tenth longer, by chance, so that many consumers
    /// do not ask at the same moment.
    Every(Duration),
}

/// Text that is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a schedule ({reason}): use 'live', or 'every:' and a duration such as 'every:5s'"
)]
pub struct InvalidSchedule {
    text: String,
    reason: String,
}

impl Schedule {
    /// How long a server that can hold requests may hold one.
    pub(crate) const fn long_poll(self) -> Option<Duration> {
        match self {
            Self::Live => Some(LONG_POLL),
            Self::Every(_) => None,
        }
    }

    /// How long to wait before asking again after an answer without news, where a live
    /// subscription would wait for `live`.
    pub(crate) fn pause(self, live: Duration) -> Duration {
        let interval = match self {
            Self::Live => live,
            Self::Every(interval) => interval,
        };
        interval + interval.mul_f64(random::fraction() / 10.0)
    }
}

impl FromStr for Schedule {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, InvalidSchedule> {
        let invalid = |reason: String| InvalidSchedule { text: text.to_owned(), reason };
        if text == "live" {
            return Ok(Self::Live);
        }
        let duration = text
            .strip_prefix("every:")
            .ok_or_else(|| invalid("there is none of this name".to_owned()))?;
        let interval =
            humantime::parse_duration(duration).map_err(|error| invalid(error.to_string()))?;
        if interval.is_zero() || interval > LONGEST_INTERVAL {
            return Err(invalid("an interval is longer than nothing, and at most a year".into()));
        }
        Ok(Self::Every(interval))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live => f.write_str("live"),
            Self::Every(interval) => write!(f, "every:{}", humantime::format_duration(*interval)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_read_back_as_it_was_written() {
        for text in ["live", "every:5s", "every:200ms", "every:1h 30m"] {
            assert_eq!(text.parse::<Schedule>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_the_remedy() {
        for (text, reason) in [
            ("", "none of this name"),
            ("Live", "none of this name"),
            ("5s", "none of this name"),
            ("every:", "empty"),
            ("every:5", "unit"),
            ("every:5 parsecs", "parsecs"),
            ("every:-5s", "number"),
            ("every:0s", "longer than nothing"),
            ("every:9999y", "at most a year"),
        ] {
            let error = text.parse::<Schedule>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert!(error.contains("such as 'every:5s'"), "{error}");
        }
    }

    #[test]
    fn waits_differ_by_at_most_a_tenth() {
        let interval = Duration::from_secs(10);
        for _ in 0..1000 {
            let pause = Schedule::Every(interval).pause(Duration::ZERO);
            assert!((interval..=interval * 11 / 10).contains(&pause), "{pause:?}");
        }
        assert_eq!(Schedule::Live.pause(Duration::ZERO), Duration::ZERO);
    }
}
