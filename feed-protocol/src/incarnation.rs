//! The mark of one life of a feed.

use std::fmt;
use std::str::FromStr;

/// A short random mark of this life of a feed: 4 to 32 characters of `a-z` and `0-9`.
///
/// Page addresses, cursors and entity tags carry it, so that nothing that was said of an earlier
/// life (before a restore, say) can be mistaken for the present one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(String);

/// Text that is no incarnation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an incarnation: 4 to 32 of a-z and 0-9")]
pub struct InvalidIncarnation(String);

impl Incarnation {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

    /// An incarnation from eight random bytes: 13 characters in the alphabet of RFC 4648 base 32.
    #[must_use]
    pub fn from_random(random: u64) -> Self {
        let digits = (0..13).rev().map(|place| {
            let digit = usize::try_from((random >> (place * 5)) & 31).unwrap_or_default();
            char::from(Self::ALPHABET[digit])
        });
        Self(digits.collect())
    }

    /// The incarnation as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Incarnation {
    type Err = InvalidIncarnation;

    fn from_str(text: &str) -> Result<Self, InvalidIncarnation> {
        let valid = (4..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidIncarnation(text.to_owned())) }
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_random_number_is_a_valid_incarnation_of_its_own() {
        let texts = [0, 1, 31, 32, u64::MAX - 1, u64::MAX].map(Incarnation::from_random);
        for (index, one) in texts.iter().enumerate() {
            assert_eq!(one.as_str().parse::<Incarnation>().as_ref(), Ok(one));
            assert!(!texts[..index].contains(one));
        }
    }
}
