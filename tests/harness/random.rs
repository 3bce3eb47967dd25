//! Randomness that can be repeated.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A random number generator whose seed is `FEED_TEST_SEED`, or else drawn; a test that fails
/// prints the seed that repeats it.
#[must_use]
pub fn seeded() -> StdRng {
    let stated = std::env::var("FEED_TEST_SEED").ok();
    let seed = match &stated {
        Some(text) => text.parse().expect("FEED_TEST_SEED is a number"),
        None => rand::rng().random::<u64>(),
    };
    // The output of tests that pass is not shown.
    eprintln!("to repeat: FEED_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}
