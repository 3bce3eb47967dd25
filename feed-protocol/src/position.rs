//! Places in a feed.

use std::fmt;
use std::str::FromStr;

/// A place in one feed: 1, 2, 3 … without gaps, in commit order.
///
/// [`Position::ZERO`] is the place before the first event: the head of an empty feed, and the
/// cursor of a consumer that has seen nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(u64);

/// Text that is no position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a position: a decimal number from 0 to {max} without leading zeros", max = Position::MAX)]
pub struct InvalidPosition(String);

impl Position {
    /// The place before the first event.
    pub const ZERO: Self = Self(0);
    /// The greatest position: what fits the signed 64-bit integers of SQL databases.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// The position of this number, or `None` above [`Position::MAX`].
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        if number <= Self::MAX.0 { Some(Self(number)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The position after this one. [`Position::MAX`] has none that differs from it: a feed that
    /// gained a million events a second would reach it after 290,000 years.
    #[must_use]
    pub const fn next(self) -> Self {
        self.advanced_by(1)
    }

    /// The position `count` places further on, at most [`Position::MAX`].
    #[must_use]
    pub const fn advanced_by(self, count: u64) -> Self {
        let sum = self.0.saturating_add(count);
        if sum <= Self::MAX.0 { Self(sum) } else { Self::MAX }
    }

    /// The position `count` places back, at least [`Position::ZERO`].
    #[must_use]
    pub const fn back_by(self, count: u64) -> Self {
        Self(self.0.saturating_sub(count))
    }
}

impl FromStr for Position {
    type Err = InvalidPosition;

    /// Accepts one spelling of each position, so that each document has one address.
    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let canonical = !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && (text == "0" || !text.starts_with('0'));
        let number = if canonical { text.parse().ok() } else { None };
        number.and_then(Self::new).ok_or_else(|| InvalidPosition(text.to_owned()))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A run of positions, `first` to `last`, both included; empty where `last` is the position
/// before `first`.
///
/// Each document states the range that it covers, filtered or not, so that a consumer can prove
/// that it missed nothing. An empty range still says where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PositionRange {
    /// The first position covered; at least 1.
    first: Position,
    /// The last position covered, or the one before `first`.
    last: Position,
}

/// Text or numbers that are no range of positions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a range of positions: FIRST-LAST with 1 <= FIRST <= LAST + 1")]
pub struct InvalidPositionRange(String);

impl PositionRange {
    /// The range from `first` to `last`.
    ///
    /// # Errors
    ///
    /// When `first` is zero, or `last` lies more than one position before it.
    pub fn new(first: Position, last: Position) -> Result<Self, InvalidPositionRange> {
        if first > Position::ZERO && first.get() <= last.get() + 1 {
            Ok(Self { first, last })
        } else {
            Err(InvalidPositionRange(format!("{first}-{last}")))
        }
    }

    /// The positions after `after`, up to and including `last`; empty where `last` does not lie
    /// beyond `after`.
    #[must_use]
    pub fn after(after: Position, last: Position) -> Self {
        Self { first: after.next(), last: last.max(after) }
    }

    /// The first position covered.
    #[must_use]
    pub const fn first(self) -> Position {
        self.first
    }

    /// The last position covered; the one before [`first`](Self::first) when the range is empty.
    #[must_use]
    pub const fn last(self) -> Position {
        self.last
    }

    /// The position before the range: a reader whose cursor stands here or later, up to the
    /// range's last, misses nothing by reading it.
    #[must_use]
    pub const fn before(self) -> Position {
        self.first.back_by(1)
    }

    /// Whether no position is covered.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.last < self.first
    }

    /// How many positions are covered.
    #[must_use]
    pub fn len(self) -> u64 {
        self.last.get() + 1 - self.first.get()
    }

    /// Whether the position is covered.
    #[must_use]
    pub fn contains(self, position: Position) -> bool {
        (self.first..=self.last).contains(&position)
    }
}

impl FromStr for PositionRange {
    type Err = InvalidPositionRange;

    fn from_str(text: &str) -> Result<Self, InvalidPositionRange> {
        let invalid = || InvalidPositionRange(text.to_owned());
        let (first, last) = text.split_once('-').ok_or_else(invalid)?;
        let first = first.parse().map_err(|_| invalid())?;
        let last = last.parse().map_err(|_| invalid())?;
        Self::new(first, last)
    }
}

impl fmt::Display for PositionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(number: u64) -> Position {
        Position::new(number).unwrap()
    }

    #[test]
    fn a_position_has_one_spelling() {
        assert_eq!("0".parse(), Ok(Position::ZERO));
        assert_eq!("9223372036854775807".parse(), Ok(Position::MAX));
        for bad in ["", "00", "01", "+1", "-1", "1 ", "9223372036854775808", "99999999999999999999"]
        {
            assert!(bad.parse::<Position>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_empty_range_says_where_it_stands() {
        let empty = PositionRange::after(at(7), at(7));
        assert!(empty.is_empty());
        assert_eq!((empty.len(), empty.before(), empty.last()), (0, at(7), at(7)));
        assert_eq!(empty.to_string(), "8-7");
        assert_eq!("8-7".parse(), Ok(empty));
    }

    #[test]
    fn a_range_covers_both_its_ends() {
        let range: PositionRange = "101-200".parse().unwrap();
        assert_eq!(range.len(), 100);
        assert!(range.contains(at(101)) && range.contains(at(200)));
        assert!(!range.contains(at(100)) && !range.contains(at(201)));
        for bad in ["0-5", "5-3", "1", "1-", "-1", "1-2-3"] {
            assert!(bad.parse::<PositionRange>().is_err(), "{bad}");
        }
    }
}
