//! What befalls a worker with an event, decided by a seed and the event's place.
//!
//! The workers and the tests know it of each event without telling each other.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::index;
use rand::{RngExt, SeedableRng};

/// So many events are drawn from at a time.
const OF: usize = 1000;

/// What becomes of an event whenever it is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is handled.
    Handled,
    /// It fails at the first try.
    Flaky,
    /// It fails at every try, and says that it always will.
    Fatal,
    /// The process ends.
    Deadly(Way),
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It aborts.
    Abort,
    /// Its stack is exhausted.
    StackOverflow,
    /// It is killed, as when memory is exhausted.
    Kill,
}

/// How often what befalls workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fates {
    /// What decides it.
    pub seed: u64,
    /// How long an event takes at most.
    pub slow: Duration,
    /// Of a hundred events, about how many fail at the first try.
    pub flaky: u64,
    /// Of each thousand events, how many always fail.
    pub fatal: u64,
    /// Of each thousand events, how many end the process.
    pub deadly: u64,
}

impl Fates {
    /// That of the event at this place.
    ///
    /// # Panics
    ///
    /// When there is no such place.
    #[must_use]
    pub fn of(&self, position: i64) -> Fate {
        let place = usize::try_from(position - 1).expect("places count from 1");
        let thousand = self.seed.rotate_left(32) ^ (place / OF) as u64;
        let mut random = StdRng::seed_from_u64(thousand);
        let [deadly, fatal] = [self.deadly, self.fatal].map(|it| it as usize);
        let mut chosen = index::sample(&mut random, OF, deadly + fatal).into_iter();
        match chosen.position(|it| it == place % OF) {
            Some(nth) if nth < deadly => Fate::Deadly(Way::ALL[nth % Way::ALL.len()]),
            Some(_) => Fate::Fatal,
            None if self.stream(position).random_range(0..100) < self.flaky => Fate::Flaky,
            None => Fate::Handled,
        }
    }

    /// How long the event at this place takes.
    #[must_use]
    pub fn takes(&self, position: i64) -> Duration {
        let mut random = self.stream(position);
        random.random::<u64>();
        self.slow.mul_f64(random.random())
    }

    /// Whether an event at this place is never handled to its end.
    #[must_use]
    pub fn is_bad(&self, position: i64) -> bool {
        matches!(self.of(position), Fate::Fatal | Fate::Deadly(_))
    }

    fn stream(&self, position: i64) -> StdRng {
        StdRng::seed_from_u64(self.seed ^ position.unsigned_abs())
    }
}

impl Way {
    const ALL: [Self; 3] = [Self::Abort, Self::StackOverflow, Self::Kill];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_thousand_events_as_many_are_bad_as_were_asked_for_and_always_the_same() {
        let fates = Fates { seed: 7, deadly: 4, fatal: 3, ..Fates::default() };
        let all: Vec<_> = (1..=3000).map(|it| fates.of(it)).collect();
        assert_eq!(all, (1..=3000).map(|it| fates.of(it)).collect::<Vec<_>>());
        for thousand in all.chunks(1000) {
            let count = |wanted| thousand.iter().filter(|it| **it == wanted).count();
            assert_eq!(count(Fate::Fatal), 3);
            assert_eq!(Way::ALL.map(|way| count(Fate::Deadly(way))), [2, 1, 1]);
            assert_eq!(count(Fate::Handled), 993);
        }
        let others = Fates { seed: 8, ..fates };
        assert_ne!(all, (1..=3000).map(|it| others.of(it)).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_slow_and_flaky_is_so_within_bounds() {
        let fates =
            Fates { seed: 7, slow: Duration::from_millis(4), flaky: 20, ..Fates::default() };
        let flaky = (1..=1000).filter(|it| fates.of(*it) == Fate::Flaky).count();
        assert!((100..300).contains(&flaky), "{flaky}");
        assert!((1..=1000).all(|it| fates.takes(it) <= fates.slow));
        assert!((1..=1000).any(|it| fates.takes(it) > fates.slow / 2));
    }
}
