//! Quick while a feed is busy, slow while it is quiet.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::timetable::{Situation, Timetable, When};
use super::{LONGEST_INTERVAL, interval};

/// A wait of half the time for which there has been no news, within bounds: an event after a
/// quiet time is found with a delay of at most half that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adaptive {
    shortest: Duration,
    longest: Duration,
}

impl Adaptive {
    /// Waits of these lengths; `None` if the shortest is nothing, or longer than the longest, or
    /// if that is longer than a year.
    #[must_use]
    pub const fn new(shortest: Duration, longest: Duration) -> Option<Self> {
        let (least, most) = (shortest.as_nanos(), longest.as_nanos());
        if least == 0 || least > most || most > LONGEST_INTERVAL.as_nanos() {
            return None;
        }
        Some(Self { shortest, longest })
    }
}

impl Timetable for Adaptive {
    fn next(&self, situation: &Situation) -> When {
        When::After((situation.quiet / 2).clamp(self.shortest, self.longest))
    }
}

/// From text such as `200ms..60s`; the error is a reason in words.
impl FromStr for Adaptive {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (shortest, longest) =
            text.split_once("..").ok_or("it has no shortest and longest wait, as in 200ms..60s")?;
        let (shortest, longest) = (interval(shortest)?, interval(longest)?);
        Self::new(shortest, longest)
            .ok_or_else(|| "the shortest wait comes first, the longest second".to_owned())
    }
}

impl fmt::Display for Adaptive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shortest, longest) = (self.shortest, self.longest);
        write!(f, "{}..", humantime::format_duration(shortest))?;
        write!(f, "{}", humantime::format_duration(longest))
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_feed_is_asked_often_while_it_is_busy_and_seldom_while_it_is_quiet() {
        let adaptive: Adaptive = "200ms..60s".parse().unwrap();
        let mut quiet = Duration::ZERO;
        let mut waits = Vec::new();
        while quiet < Duration::from_secs(3600) {
            let situation = Situation { now: DateTime::UNIX_EPOCH, quiet };
            let When::After(wait) = adaptive.next(&situation) else { panic!("it waits") };
            waits.push(wait);
            quiet += wait;
        }
        assert_eq!(waits[..3], [Duration::from_millis(200); 3]);
        assert!(waits.is_sorted());
        assert_eq!(waits.last(), Some(&Duration::from_secs(60)));
        // Ten minutes of quiet cost less than thirty requests.
        assert!(waits.len() < 30 + 60, "{}", waits.len());
    }

    #[test]
    fn bounds_are_in_order_and_within_reason() {
        let seconds = Duration::from_secs;
        assert!(Adaptive::new(seconds(1), seconds(1)).is_some());
        assert_eq!(Adaptive::new(seconds(2), seconds(1)), None);
        assert_eq!(Adaptive::new(Duration::ZERO, seconds(1)), None);
        assert_eq!(Adaptive::new(seconds(1), Duration::MAX), None);
    }
}
