//! The numbers of shards, as people read them.

use std::fmt;

use crate::shard::ShardNumber;

/// Shards in the order of their numbers, shown as ranges: `0-20, 63`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ranges<'a>(pub(crate) &'a [ShardNumber]);

impl fmt::Display for Ranges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let adjacent = |one: &ShardNumber, next: &ShardNumber| one.get() + 1 == next.get();
        for (index, run) in self.0.chunk_by(adjacent).enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            match run {
                [first, .., last] => write!(f, "{first}-{last}")?,
                [only] => write!(f, "{only}")?,
                [] => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_shown_as_ranges() {
        for (numbers, shown) in [
            (vec![], ""),
            (vec![7], "7"),
            (vec![0, 1], "0-1"),
            ((0..=20).chain([63]).collect(), "0-20, 63"),
            (vec![1, 3, 4, 5, 9], "1, 3-5, 9"),
        ] {
            let numbers: Vec<_> = numbers.into_iter().map(ShardNumber::new).collect();
            assert_eq!(Ranges(&numbers).to_string(), shown);
        }
    }
}
