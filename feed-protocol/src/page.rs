//! Pages: fixed runs of positions, by arithmetic alone.

use std::fmt;
use std::str::FromStr;

use crate::{Position, PositionRange};

/// How many positions a page holds: 1 to 1,000, fixed at the feed's creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageSize(u64);

/// A number that is no page size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a page size: 1 to {max}", max = PageSize::MAX.get())]
pub struct InvalidPageSize(u64);

/// The number of a page: 1, 2, 3 …
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageNumber(u64);

/// Text that is no page number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a page number: a decimal number from 1 without leading zeros")]
pub struct InvalidPageNumber(String);

impl PageSize {
    /// The size of a feed whose creator asked for none.
    pub const DEFAULT: Self = Self(100);
    /// The largest size.
    pub const MAX: Self = Self(1000);

    /// The page size of this many positions.
    ///
    /// # Errors
    ///
    /// When it is 0 or larger than [`PageSize::MAX`].
    pub const fn new(positions: u64) -> Result<Self, InvalidPageSize> {
        if 1 <= positions && positions <= Self::MAX.0 {
            Ok(Self(positions))
        } else {
            Err(InvalidPageSize(positions))
        }
    }

    /// How many positions a page holds.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The positions of page k: (k−1)·P+1 … k·P.
    #[must_use]
    pub fn range(self, page: PageNumber) -> PositionRange {
        let before = Position::ZERO.advanced_by((page.0 - 1).saturating_mul(self.0));
        PositionRange::after(before, before.advanced_by(self.0))
    }

    /// The page that holds this position; page 1 for [`Position::ZERO`].
    #[must_use]
    pub fn page_of(self, position: Position) -> PageNumber {
        PageNumber(position.get().saturating_sub(1) / self.0 + 1)
    }

    /// The open page, ⌊head/P⌋+1: the only one that still gains events, and possibly empty.
    #[must_use]
    pub fn open_page(self, head: Position) -> PageNumber {
        PageNumber(head.get() / self.0 + 1)
    }

    /// The newest page that is full, if any is.
    #[must_use]
    pub fn newest_full_page(self, head: Position) -> Option<PageNumber> {
        self.open_page(head).previous()
    }
}

impl PageNumber {
    /// The oldest page.
    pub const FIRST: Self = Self(1);

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The next newer page.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The next older page; none before the first.
    #[must_use]
    pub const fn previous(self) -> Option<Self> {
        if self.0 > 1 { Some(Self(self.0 - 1)) } else { None }
    }
}

impl FromStr for PageNumber {
    type Err = InvalidPageNumber;

    fn from_str(text: &str) -> Result<Self, InvalidPageNumber> {
        match text.parse::<Position>() {
            Ok(number) if number > Position::ZERO => Ok(Self(number.get())),
            _ => Err(InvalidPageNumber(text.to_owned())),
        }
    }
}

impl fmt::Display for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for PageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(number: u64) -> Position {
        Position::new(number).unwrap()
    }

    #[test]
    fn the_open_page_may_be_empty() {
        let size = PageSize::DEFAULT;
        assert_eq!(size.open_page(at(0)), PageNumber(1));
        assert_eq!(size.newest_full_page(at(99)), None);
        assert_eq!(size.newest_full_page(at(100)), Some(PageNumber(1)));
        assert_eq!(size.open_page(at(100)), PageNumber(2));
        assert_eq!(size.range(PageNumber(2)).to_string(), "101-200");
    }

    proptest! {
        #[test]
        fn every_position_lies_in_exactly_its_page(size in 1_u64..=1000, number in 1..=u64::from(u32::MAX)) {
            let size = PageSize::new(size).unwrap();
            let page = size.page_of(at(number));
            prop_assert!(size.range(page).contains(at(number)));
            prop_assert!(!size.range(page.next()).contains(at(number)));
            prop_assert_eq!(size.range(page).len(), size.get());
        }

        #[test]
        fn a_page_is_full_exactly_when_its_last_position_is_committed(size in 1_u64..=1000, head in 0..=u64::from(u32::MAX)) {
            let size = PageSize::new(size).unwrap();
            if let Some(full) = size.newest_full_page(at(head)) {
                prop_assert!(size.range(full).last() <= at(head));
            }
            prop_assert!(size.range(size.open_page(at(head))).last() > at(head));
        }
    }
}
