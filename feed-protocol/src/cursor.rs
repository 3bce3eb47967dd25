//! How far a reader has come.

use std::fmt;
use std::str::FromStr;

use crate::{Incarnation, Position};

/// How far a subscription has come in one life of a feed, written `{incarnation}:{position}`.
///
/// The position is that of the last event passed, or zero.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The life of the feed in which the position counts.
    pub incarnation: Incarnation,
    /// The last position passed.
    pub position: Position,
}

/// Text that is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a cursor: INCARNATION:POSITION")]
pub struct InvalidCursor(String);

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let invalid = || InvalidCursor(text.to_owned());
        let (incarnation, position) = text.split_once(':').ok_or_else(invalid)?;
        Ok(Self {
            incarnation: incarnation.parse().map_err(|_| invalid())?,
            position: position.parse().map_err(|_| invalid())?,
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.incarnation, self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_as_it_was_written() {
        let cursor: Cursor = "k3v9x2:42".parse().unwrap();
        assert_eq!(cursor.to_string(), "k3v9x2:42");
        for bad in ["", "42", "k3v9x2", "k3v9x2:", ":42", "k3v9x2:-1", "K3V9X2:42"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
