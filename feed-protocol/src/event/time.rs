//! When an event happened.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Timelike, Utc};

use super::InvalidEvent;

/// The nanosecond at which chrono's leap second begins.
const LEAP_SECOND: u32 = 1_000_000_000;

/// When an event happened: an RFC 3339 date and time, kept as the producer wrote it.
///
/// Spelled with upper-case `T` and `Z`, as Atom demands (RFC 4287, section 3.3), from the year 0001
/// on, and with no fraction of a leap second, since Atom's readers take neither for a date. Two
/// times are equal when they are the same instant.
#[derive(Debug, Clone)]
pub struct EventTime {
    text: String,
    instant: DateTime<Utc>,
}

impl EventTime {
    /// The time as the producer wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The instant.
    #[must_use]
    pub const fn instant(&self) -> DateTime<Utc> {
        self.instant
    }

    /// Refuses a time that was made from an instant and could not be read again.
    pub(super) fn check(&self) -> Result<(), InvalidEvent> {
        check_spelling(&self.text)
    }
}

/// A leap second loses its fraction. An event refuses what has a year of more than four digits, or
/// of none.
impl From<DateTime<Utc>> for EventTime {
    fn from(instant: DateTime<Utc>) -> Self {
        let nanosecond = instant.nanosecond().min(LEAP_SECOND);
        let instant = instant.with_nanosecond(nanosecond).unwrap_or(instant);
        Self { text: instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true), instant }
    }
}

impl FromStr for EventTime {
    type Err = InvalidEvent;

    fn from_str(text: &str) -> Result<Self, InvalidEvent> {
        check_spelling(text)?;
        match DateTime::parse_from_rfc3339(text) {
            Ok(instant) => Ok(Self { text: text.to_owned(), instant: instant.with_timezone(&Utc) }),
            Err(_) => Err(not_a_time()),
        }
    }
}

/// Refuses what chrono reads or writes and Atom does not: a space or lower-case letters, a minus
/// that is no hyphen, more digits than are kept, other years and seconds.
fn check_spelling(text: &str) -> Result<(), InvalidEvent> {
    let invalid = |reason: &'static str| Err(InvalidEvent::new("time", reason));
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let digits = || fraction.bytes().take_while(u8::is_ascii_digit);
    if text.as_bytes().get(10) != Some(&b'T')
        || !text.is_ascii()
        || text.contains('z')
        || digits().count() > 9
    {
        Err(not_a_time())
    } else if text.starts_with("0000-") {
        invalid("is in the year 0000, before the first that Atom's readers know: 0001")
    } else if text[11..].contains(":60.") && digits().any(|digit| digit != b'0') {
        invalid("is beyond second 60, where Atom's readers know no fraction of a leap second")
    } else {
        Ok(())
    }
}

fn not_a_time() -> InvalidEvent {
    InvalidEvent::new("time", "is not an RFC 3339 date and time such as '2021-01-01T00:00:00Z'")
}

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for EventTime {
    fn eq(&self, other: &Self) -> bool {
        self.instant == other.instant
    }
}

impl Eq for EventTime {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_kept_as_it_was_written_and_compared_as_an_instant() {
        let here: EventTime = "2021-01-01T02:00:00.120+02:00".parse().unwrap();
        let utc: EventTime = "2021-01-01T00:00:00.12Z".parse().unwrap();
        assert_eq!(here.as_str(), "2021-01-01T02:00:00.120+02:00");
        assert_eq!(here, utc);
    }

    #[test]
    fn what_atom_cannot_say_is_refused() {
        for bad in [
            "",
            "2021-01-01",
            "2021-01-01 00:00:00Z",
            "2021-01-01t00:00:00Z",
            "2021-01-01T00:00:00z",
            "2021-13-01T00:00:00Z",
            "2021-01-01T00:00:00",
            "1609459200",
            "2021-01-01T00:00:00.12345678901234567890Z",
            // A digit more than are kept, though no longer than a time with an offset.
            "2021-01-01T00:00:00.1234567890Z",
            "2021-01-01T00:00:00.1234567890+00:00",
        ] {
            assert!(bad.parse::<EventTime>().is_err(), "{bad}");
        }
        assert!("2021-01-01T00:00:00.123456789+00:00".parse::<EventTime>().is_ok());
    }

    #[test]
    fn what_validators_take_for_no_date_is_refused() {
        let reason = |bad: &str| bad.parse::<EventTime>().unwrap_err().reason().to_owned();
        let leap = "is beyond second 60, where Atom's readers know no fraction of a leap second";
        assert_eq!(reason("2016-12-31T23:59:60.5Z"), leap);
        assert_eq!(reason("2016-12-31T23:59:60.000000001+00:00"), leap);
        let year = "is in the year 0000, before the first that Atom's readers know: 0001";
        assert_eq!(reason("0000-02-29T00:00:00Z"), year);
        let minus = "2021-01-01T00:00:00\u{2212}01:00";
        assert!(reason(minus).starts_with("is not an RFC 3339 date and time"));
        for good in [
            "2016-12-31T23:59:60Z",
            "2016-12-31T23:59:60.0Z",
            "2016-12-31T23:59:60.000+00:00",
            "2016-12-31T23:59:59.5Z",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59.999999999-23:59",
        ] {
            assert_eq!(good.parse::<EventTime>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn an_instant_makes_a_time_that_can_be_read_again() {
        let leap = DateTime::parse_from_rfc3339("2016-12-31T23:59:60.5Z").unwrap();
        let time = EventTime::from(leap.to_utc());
        assert_eq!(time.as_str(), "2016-12-31T23:59:60Z");
        assert_eq!(time, time.as_str().parse().unwrap());
    }
}
