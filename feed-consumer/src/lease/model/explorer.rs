//! Visits every state that can be reached, breadth first.

use std::collections::HashSet;
use std::fmt::Debug;

/// What was found.
pub(super) struct Explored<S, B> {
    pub(super) states: usize,
    /// Ways from one state to another.
    pub(super) steps: usize,
    /// The first rule that a step broke, and the shortest way there. Nothing was looked at beyond.
    pub(super) broken: Option<(B, Vec<String>)>,
    visited: Vec<S>,
}

/// A step: what is done, and the state that it leads to or the rule that it breaks.
pub(super) type Step<W, S, B> = (W, Result<S, B>);

/// Takes every step from every state. States are told apart by a number that `number` gives them.
pub(super) fn explore<W: Debug, S, B>(
    start: S,
    number: impl Fn(&S) -> u128,
    steps: impl Fn(&S) -> Vec<Step<W, S, B>>,
) -> Explored<S, B> {
    let mut known = HashSet::from([number(&start)]);
    let mut visited = vec![start];
    // The step that first led to each state, and from where.
    let mut ways: Vec<Option<(usize, W)>> = vec![None];
    let mut taken = 0;
    let mut next = 0;
    while next < visited.len() {
        for (what, outcome) in steps(&visited[next]) {
            taken += 1;
            match outcome {
                Err(broken) => {
                    let mut path = path(&ways, next);
                    path.push(format!("{what:?}"));
                    let broken = Some((broken, path));
                    return Explored { states: visited.len(), steps: taken, broken, visited };
                }
                Ok(state) => {
                    if known.insert(number(&state)) {
                        visited.push(state);
                        ways.push(Some((next, what)));
                    }
                }
            }
        }
        next += 1;
    }
    Explored { states: visited.len(), steps: taken, broken: None, visited }
}

/// The steps that lead to a state.
fn path<W: Debug>(ways: &[Option<(usize, W)>], mut at: usize) -> Vec<String> {
    let mut path = Vec::new();
    while let Some((before, what)) = &ways[at] {
        path.push(format!("{what:?}"));
        at = *before;
    }
    path.reverse();
    path
}

impl<S, B> Explored<S, B> {
    /// Whether there is such a state among those that were visited.
    pub(super) fn any(&self, is_such: impl Fn(&S) -> bool) -> bool {
        self.visited.iter().any(is_such)
    }
}
