//! The name of a feed.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// The name of a feed: 1 to 64 characters of `a-z`, `0-9`, `-`, `_` and `.`, beginning with a
/// letter or a digit.
///
/// It stands unescaped in URLs, IRIs and file names, so it holds nothing that any of them would
/// have to escape.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedName(String);

/// A name that no feed can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a feed name: 1 to 64 of a-z, 0-9, '-', '_' and '.', beginning with a letter or a digit"
)]
pub struct InvalidFeedName(String);

impl FeedName {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 64;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FeedName {
    type Err = InvalidFeedName;

    fn from_str(text: &str) -> Result<Self, InvalidFeedName> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let valid = bytes.first().is_some_and(|first| plain(*first))
            && bytes.len() <= Self::MAX_LEN
            && bytes.iter().all(|byte| plain(*byte) || matches!(byte, b'-' | b'_' | b'.'));
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidFeedName(text.to_owned())) }
    }
}

impl fmt::Display for FeedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name orders, hashes and compares as its text, so maps of feeds can be asked by text.
impl Borrow<str> for FeedName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for FeedName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_needs_no_escaping_anywhere() {
        for good in ["orders", "a", "2026-orders_v1.eu"] {
            assert_eq!(good.parse::<FeedName>().unwrap().as_str(), good);
        }
        let long = "a".repeat(65);
        for bad in ["", "Orders", "-orders", ".", "or ders", "ör", "a/b", "a%20", long.as_str()] {
            assert!(bad.parse::<FeedName>().is_err(), "{bad}");
        }
    }
}
