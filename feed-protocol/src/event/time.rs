//! When an event happened.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::InvalidEvent;

/// When an event happened: an RFC 3339 date and time, kept as the producer wrote it.
///
/// Spelled with upper-case `T` and `Z`, as Atom demands (RFC 4287, section 3.3). Two times are
/// equal when they are the same instant.
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
}

impl From<DateTime<Utc>> for EventTime {
    fn from(instant: DateTime<Utc>) -> Self {
        Self { text: instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true), instant }
    }
}

impl FromStr for EventTime {
    type Err = InvalidEvent;

    fn from_str(text: &str) -> Result<Self, InvalidEvent> {
        // chrono also takes a space or lower-case letters where Atom takes neither, and any
        // number of digits where it keeps nine.
        let spelled = text.as_bytes().get(10) == Some(&b'T')
            && !text.contains('z')
            && fraction_digits(text) <= 9;
        match DateTime::parse_from_rfc3339(text) {
            Ok(instant) if spelled => {
                Ok(Self { text: text.to_owned(), instant: instant.with_timezone(&Utc) })
            }
            _ => Err(InvalidEvent::new(
                "time",
                "is not an RFC 3339 date and time such as '2021-01-01T00:00:00Z'",
            )),
        }
    }
}

/// How many digits the fraction of a second has.
fn fraction_digits(text: &str) -> usize {
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    fraction.bytes().take_while(u8::is_ascii_digit).count()
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
}
