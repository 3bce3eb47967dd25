//! A small model of the protocol of leases, checked exhaustively: some workers, one shard, and every
//! order in which what they and the database do can happen.
//!
//! What is not in the model, it takes as arbitrary. Time: a lease may end at any moment, and a
//! worker may notice at any moment, or never; so a clock that is wrong, and a process that is
//! stopped for longer than its lease and comes back, are among what is tried. The network: a
//! statement may be carried out and its answer lost, or be carried out long after its sender has
//! given it up, ended, or begun anew under another name.
//!
//! # Layout
//!
//! - [`protocol`]: the row, the workers, their steps, and what must hold after each
//! - [`explorer`]: visits every state that can be reached

mod explorer;
mod protocol;

use explorer::{Explored, explore};
use protocol::{Bounds, Broken, Clocks, Handlers, Rules, World};

/// Everything that two workers can do to a shard.
const TWO: Bounds = Bounds { workers: 2, positions: 2, tokens: 3, crashes: 1 };
/// The same where effects are counted apart from the cursor, which makes for many more states.
const TWO_WITHOUT_CRASHES: Bounds = Bounds { crashes: 0, ..TWO };
const TWO_WITH_ONE_EVENT: Bounds = Bounds { positions: 1, ..TWO };
/// Three workers, and fewer acquisitions.
const THREE: Bounds = Bounds { workers: 3, positions: 1, tokens: 2, crashes: 0 };

const RULES: Rules = Rules {
    handlers: Handlers::Transactional,
    clocks: Clocks::Arbitrary,
    checks_token: true,
    raises_token: true,
    never_moves_back: true,
    looks_after_unknown_outcome: true,
};

const NOT_TRANSACTIONAL: Rules = Rules { handlers: Handlers::AtLeastOnce, ..RULES };

/// Explores all, and says how much that was.
fn check(bounds: Bounds, rules: Rules) -> Explored<World, Broken> {
    let explored = explore(World::new(bounds), World::number, |world| world.steps(bounds, rules));
    println!("{} states, {} steps", explored.states, explored.steps);
    explored
}

/// The rules hold in every state, and the events are handled in some: nothing holds because nothing
/// can happen.
fn assert_sound(bounds: Bounds, rules: Rules) -> Explored<World, Broken> {
    let explored = check(bounds, rules);
    if let Some((broken, path)) = &explored.broken {
        panic!("{broken:?}, after\n  {}", path.join("\n  "));
    }
    assert!(explored.any(|world| world.is_done(bounds)));
    assert!(explored.states > 1000, "{}", explored.states);
    explored
}

/// What is found broken, by the shortest way to it.
fn broken(bounds: Bounds, rules: Rules) -> (Broken, Vec<String>) {
    check(bounds, rules).broken.expect("without this guard something breaks")
}

#[test]
fn transactional_handlers_take_effect_exactly_once_though_two_workers_may_handle_at_once() {
    let explored = assert_sound(TWO, RULES);
    // One of them stands still, or has a wrong clock. The token keeps it harmless.
    assert!(explored.any(World::is_crowded));
}

#[test]
fn other_handlers_take_effect_at_least_once_and_none_is_skipped() {
    assert_sound(TWO_WITHOUT_CRASHES, NOT_TRANSACTIONAL);
    assert_sound(TWO_WITH_ONE_EVENT, NOT_TRANSACTIONAL);
}

#[test]
fn three_workers_do_no_more_harm_than_two() {
    assert_sound(THREE, RULES);
    assert_sound(THREE, NOT_TRANSACTIONAL);
}

#[test]
fn no_two_workers_handle_at_once_while_clocks_are_right_and_nobody_stands_still() {
    for (bounds, rules) in [(TWO, RULES), (TWO_WITHOUT_CRASHES, NOT_TRANSACTIONAL)] {
        let explored = assert_sound(bounds, Rules { clocks: Clocks::Right, ..rules });
        assert!(!explored.any(World::is_crowded));
    }
}

#[test]
fn without_the_check_of_the_token_a_former_holder_commits() {
    for rules in [RULES, NOT_TRANSACTIONAL] {
        let (broken, path) = broken(TWO, Rules { checks_token: false, ..rules });
        assert_eq!(broken, Broken::StaleToken, "{path:#?}");
    }
}

#[test]
fn without_raising_the_token_two_workers_hold_the_same() {
    let (broken, path) = broken(TWO, Rules { raises_token: false, ..RULES });
    assert_eq!(broken, Broken::TokenTwice, "{path:#?}");
}

#[test]
fn without_looking_after_an_unknown_outcome_an_effect_happens_twice() {
    let rules = Rules { looks_after_unknown_outcome: false, ..RULES };
    let (broken, path) = broken(TWO, rules);
    assert_eq!(broken, Broken::NotOnce, "{path:#?}");
}

#[test]
fn without_the_guard_of_the_cursor_a_late_statement_moves_it_back() {
    let rules = Rules { never_moves_back: false, ..NOT_TRANSACTIONAL };
    let (broken, path) = broken(TWO, rules);
    assert_eq!(broken, Broken::MovedBack, "{path:#?}");
}
