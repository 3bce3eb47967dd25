//! Where a subscription begins, or goes on when its cursor is put elsewhere.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use feed_protocol::Position;

/// Where a new subscription begins, or one goes on whose cursor is put elsewhere by hand.
///
/// From text: a position, `beginning`, `now`, or a time (RFC 3339).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Start {
    /// At the oldest event.
    #[default]
    Beginning,
    /// After the newest event that there is.
    Now,
    /// After this position, which the feed must have given.
    Position(Position),
    /// At the first event that was accepted at this time or later, by the server's clock.
    Time(DateTime<Utc>),
}

/// Text that says of no place to begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no place in a feed: use a position such as '1200', 'beginning', 'now', or a time such \
     as '2026-11-01T08:00:00Z'"
)]
pub struct InvalidStart(String);

impl FromStr for Start {
    type Err = InvalidStart;

    fn from_str(text: &str) -> Result<Self, InvalidStart> {
        match text {
            "beginning" => return Ok(Self::Beginning),
            "now" => return Ok(Self::Now),
            _ => {}
        }
        if let Ok(position) = text.parse() {
            return Ok(Self::Position(position));
        }
        let time = DateTime::parse_from_rfc3339(text);
        time.map(|time| Self::Time(time.to_utc())).map_err(|_| InvalidStart(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_position_a_word_or_a_time() {
        for (text, place) in [
            ("0", Start::Position(Position::ZERO)),
            ("1200", Start::Position(Position::new(1200).unwrap())),
            ("beginning", Start::Beginning),
            ("now", Start::Now),
            ("1970-01-01T01:00:00+01:00", Start::Time(DateTime::UNIX_EPOCH)),
        ] {
            assert_eq!(text.parse(), Ok(place), "{text}");
        }
        for text in ["", "-1", "end", "2026-11-01", "99999999999999999999"] {
            let error = text.parse::<Start>().unwrap_err().to_string();
            assert!(error.contains("'beginning', 'now'"), "{error}");
        }
    }
}
