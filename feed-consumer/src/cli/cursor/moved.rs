//! What a move means, in words.

use feed_consumer::{KeptCursor, PlannedMove};

/// What it would do, and that it is done.
pub(super) fn words(cursor: &KeptCursor, planned: &PlannedMove) -> (String, String) {
    let (group, url, from) = (cursor.group(), cursor.url(), cursor.position());
    let (again, passed_over) = planned.again_and_passed_over();
    let at_most = if planned.is_filtered() { "at most " } else { "" };
    let Some(to) = planned.to() else {
        let stands = if cursor.incarnation().is_some() {
            format!("stands at position {from}")
        } else {
            format!("has handled {}", events(from.get()))
        };
        let plan = format!(
            "The group {group:?} {stands} in {url}.\n\
             To reset it forgets that: its next start begins anew, where --from says. From the \
             beginning, {} will be handled again.",
            if cursor.incarnation().is_some() { events(again) } else { "every one".to_owned() }
        );
        return (plan, "The cursor is forgotten.".to_owned());
    };
    let head = planned.head().unwrap_or(to);
    let stands = format!("The group {group:?} stands at position {from} of {head} in {url}.");
    let means = if planned.changes_incarnation() {
        format!(
            "The feed has begun a new life since, in which other events may have those positions. \
             The group goes on after position {to} of {head} in the new one; {} up to there will be \
             passed over.",
            events(passed_over)
        )
    } else if again > 0 {
        format!("To go on after position {to}: {at_most}{} will be handled again.", events(again))
    } else if passed_over > 0 {
        format!(
            "To go on after position {to}: {at_most}{} will be passed over, and never be handled.",
            events(passed_over)
        )
    } else {
        format!("It stands where it is to go, at position {to}.")
    };
    (format!("{stands}\n{means}"), format!("The cursor stands at position {to}."))
}

fn events(count: u64) -> String {
    if count == 1 { "1 event".to_owned() } else { format!("{count} events") }
}
