//! Which faults strike when, decided by a seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt};

/// The pause between one fault and the next, in milliseconds.
const PAUSE: std::ops::RangeInclusive<u64> = 200..=1000;

/// How long the place of a worker stays empty, in milliseconds.
const EMPTY: std::ops::RangeInclusive<u64> = 100..=1500;

/// How much longer than a lease a worker is stopped, in milliseconds.
const BEYOND_THE_LEASE: std::ops::RangeInclusive<u64> = 300..=2000;

/// What happens, to which place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// The worker is killed.
    Kill(usize),
    /// The worker is asked to end.
    Leave(usize),
    /// A new worker takes the place.
    Join(usize),
    /// The worker is stopped, for longer than its lease.
    Stop(usize),
    /// It goes on.
    Resume(usize),
    /// The database of the cursors ends and starts again.
    RestartDatabase(Restart),
    /// The server of the feed does.
    RestartServer(Restart),
}

/// How something ends before it is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// It is asked to.
    Orderly,
    /// It is not.
    Crash,
}

/// What may happen.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// How many places there are. All are taken at the beginning, and at the end.
    pub places: usize,
    /// How long faults strike.
    pub time: Duration,
    /// How long a lease lasts.
    pub lease: Duration,
    /// Whether workers leave by themselves: only one that has others beside it, since the next may
    /// begin before it has ended.
    pub leaves: bool,
    /// Whether there is a database that can be restarted.
    pub database: bool,
}

/// Draws what happens, and when, counted from the beginning; in order. What was stopped or has ended
/// is there again at the end.
pub fn draw(random: &mut StdRng, range: Range) -> Vec<(Duration, Act)> {
    let mut acts = Vec::new();
    // When the worker in each place is there again.
    let mut back = vec![Duration::ZERO; range.places];
    let mut now = Duration::ZERO;
    loop {
        now += millis(random, PAUSE);
        if now > range.time {
            break;
        }
        let restart = if random.random() { Restart::Crash } else { Restart::Orderly };
        let (act, back_again, away) = match random.random_range(0..100) {
            0..10 => {
                acts.push((now, Act::RestartServer(restart)));
                continue;
            }
            10..20 if range.database => {
                acts.push((now, Act::RestartDatabase(restart)));
                continue;
            }
            20..40 if range.leaves => {
                (Act::Leave as fn(_) -> _, Act::Join as fn(_) -> _, millis(random, EMPTY))
            }
            40..70 => {
                let away = range.lease + millis(random, BEYOND_THE_LEASE);
                (Act::Stop as _, Act::Resume as _, away)
            }
            _ => (Act::Kill as _, Act::Join as _, millis(random, EMPTY)),
        };
        let there: Vec<_> = (0..range.places).filter(|place| back[*place] <= now).collect();
        if there.is_empty() {
            continue;
        }
        let place = there[random.random_range(0..there.len())];
        back[place] = now + away;
        acts.extend([(now, act(place)), (now + away, back_again(place))]);
    }
    acts.sort_by_key(|(at, _)| *at);
    acts
}

fn millis(random: &mut impl Rng, range: std::ops::RangeInclusive<u64>) -> Duration {
    Duration::from_millis(random.random_range(range))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const RANGE: Range = Range {
        places: 8,
        time: Duration::from_secs(120),
        lease: Duration::from_secs(2),
        leaves: true,
        database: true,
    };

    fn drawn(seed: u64, range: Range) -> Vec<(Duration, Act)> {
        draw(&mut StdRng::seed_from_u64(seed), range)
    }

    #[test]
    fn a_seed_draws_the_same_again_and_another_something_else() {
        assert_eq!(drawn(1, RANGE), drawn(1, RANGE));
        assert_ne!(drawn(1, RANGE), drawn(2, RANGE));
    }

    #[test]
    fn every_kind_of_fault_strikes_and_every_place_is_hit() {
        let acts: Vec<_> = drawn(3, RANGE).into_iter().map(|(_, act)| act).collect();
        for place in 0..RANGE.places {
            for act in [Act::Kill, Act::Leave, Act::Join, Act::Stop, Act::Resume] {
                assert!(acts.contains(&act(place)), "{:?}", act(place));
            }
        }
        for restart in [Restart::Orderly, Restart::Crash] {
            assert!(acts.contains(&Act::RestartDatabase(restart)));
            assert!(acts.contains(&Act::RestartServer(restart)));
        }
    }

    #[test]
    fn a_place_is_emptied_and_taken_or_stopped_and_resumed_in_turns() {
        for seed in 0..50 {
            let mut away = vec![None; RANGE.places];
            let mut last = Duration::ZERO;
            for (at, act) in drawn(seed, RANGE) {
                assert!(at >= last, "in order");
                last = at;
                match act {
                    Act::Kill(it) | Act::Leave(it) | Act::Stop(it) => {
                        assert_eq!(away[it].replace((act, at)), None);
                    }
                    Act::Join(it) => {
                        let (before, _) = away[it].take().unwrap();
                        assert_ne!(before, Act::Stop(it));
                    }
                    Act::Resume(it) => {
                        let (before, since) = away[it].take().unwrap();
                        assert_eq!(before, Act::Stop(it));
                        assert!(at - since > RANGE.lease);
                    }
                    Act::RestartDatabase(_) | Act::RestartServer(_) => {}
                }
            }
            assert_eq!(away, vec![None; RANGE.places]);
        }
    }

    #[test]
    fn what_may_not_happen_does_not() {
        for (_, act) in drawn(4, Range { leaves: false, database: false, ..RANGE }) {
            assert!(!matches!(act, Act::Leave(_) | Act::RestartDatabase(_)), "{act:?}");
        }
    }
}
