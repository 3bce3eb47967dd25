use chrono::DateTime;

use super::*;

/// How it stands after a record: what was done, and by whom.
fn standing(record: &[(Deed, &str)]) -> (Standing, u32) {
    record.iter().fold((Standing::Unanswered, 0), |(standing, answers), (what, who)| {
        let deed = ParkedDeed {
            id: RequestId(1),
            position: Position::ZERO,
            at: DateTime::UNIX_EPOCH,
            who: (*who).to_owned(),
            what: *what,
            why: String::new(),
        };
        after(&deed, standing, answers)
    })
}

#[test]
fn a_hook_is_asked_until_it_has_answered_and_when_what_it_sent_has_failed() {
    use Deed::{EditAsked, Failed, Left, Parked, RetryAsked, Taken};
    let (parked, failed) = ((Parked, "w:1"), (Failed, "w:1"));
    let (edit, taken) = ((EditAsked, WHO), (Taken, "w:1"));
    assert_eq!(standing(&[parked]), (Standing::Unanswered, 0));
    // Its own schedule goes on meanwhile.
    assert_eq!(standing(&[parked, failed]), (Standing::Unanswered, 0));
    assert_eq!(standing(&[parked, edit]), (Standing::Sent { by_hook: true }, 1));
    assert_eq!(standing(&[parked, edit, failed]), (Standing::Sent { by_hook: true }, 1));
    assert_eq!(standing(&[parked, edit, taken]), (Standing::Taken, 1));
    let sent = [parked, edit, taken, failed];
    assert_eq!(standing(&sent), (Standing::Failed, 1));
    let again = [&sent[..], &[(RetryAsked, WHO), taken, failed]].concat();
    assert_eq!(standing(&again), (Standing::Failed, 2));
    assert_eq!(standing(&[parked, (Left, WHO), failed]), (Standing::Left, 1));
    // Parked anew, after the cursor was put back.
    assert_eq!(standing(&[parked, (Left, WHO), (Deed::Forgotten, "ada"), parked]).1, 0);
}

#[test]
fn what_a_person_has_taken_in_hand_is_theirs() {
    use Deed::{EditAsked, Failed, Parked, Refused, RetryAsked, Taken};
    let (parked, taken, failed) = ((Parked, "w:1"), (Taken, "w:1"), (Failed, "w:1"));
    let retried = [parked, (RetryAsked, "ada"), taken, failed];
    assert_eq!(standing(&retried), (Standing::Left, 0));
    let sent = [parked, (EditAsked, WHO), taken, failed, (RetryAsked, "ada"), taken, failed];
    assert_eq!(standing(&sent), (Standing::Left, 1));
    assert_eq!(standing(&[parked, (EditAsked, WHO), (Refused, "w:1")]), (Standing::Left, 1));
}
