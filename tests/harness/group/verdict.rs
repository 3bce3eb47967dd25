//! The verdict on a history, in words.

use super::Effects;
use super::checker::{Feed, Tally, Violation, check_outside, check_transactional};
use crate::history::Record;

/// How many violations are shown, and how many records, when something is wrong.
const SHOWN: usize = 40;

/// What the history holds; or what is wrong, with what was recorded of a subject in question.
pub(super) fn verdict(effects: Effects, feed: &Feed, history: &[Record]) -> Result<Tally, String> {
    let checked = match effects {
        Effects::Transactional => check_transactional(feed, history),
        Effects::Outside => check_outside(feed, history),
    };
    checked.map_err(|violations| in_words(feed, history, &violations))
}

fn in_words(feed: &Feed, history: &[Record], violations: &[Violation]) -> String {
    let mut text = format!("{} promises were not kept:\n", violations.len());
    for violation in violations.iter().take(SHOWN) {
        text += &format!("  {violation}\n");
    }
    let mut subjects = violations.iter().flat_map(Violation::positions);
    let Some(subject) = subjects.find_map(|it| feed.subjects.get(&it)) else { return text };
    let of_subject = feed.subjects.iter().filter(|(_, it)| *it == subject);
    let places: Vec<_> = of_subject.map(|(at, _)| at).collect();
    text += &format!("{subject} has the events {places:?}, of which was recorded:\n");
    for record in history.iter().filter(|it| it.call.subject == *subject).take(SHOWN) {
        text += &format!("  {record}\n");
    }
    text
}
