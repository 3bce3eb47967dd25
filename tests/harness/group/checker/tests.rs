//! That each kind of violation is found, and nothing else.

use super::*;

/// Four events: 1 and 3 of subject `a`, 2 and 4 of `b`; both in shard 7.
fn feed() -> Feed {
    feed_with(&[], &[])
}

/// The same with bad events, of which some are given up.
fn feed_with(bad: &[i64], given_up: &[i64]) -> Feed {
    let subjects = [(1, "a"), (2, "b"), (3, "a"), (4, "b")].map(|(it, of)| (it, of.to_owned()));
    let given_up = given_up.iter().copied().collect();
    Feed::expected(subjects.into(), &given_up, |it| bad.contains(&it))
}

/// Records of these kinds, events and tokens; each token is a worker's own.
fn history(records: &[(Kind, i64, i64)]) -> Vec<Record> {
    let feed = feed();
    let record = |(number, (kind, position, token)): (i64, &(Kind, i64, i64))| Record {
        number,
        kind: *kind,
        call: Call {
            worker: format!("worker-{token}"),
            number,
            position: *position,
            subject: feed.subjects.get(position).cloned().unwrap_or_else(|| "a".to_owned()),
            shard: 7,
            token: *token,
        },
        at: String::new(),
    };
    (1..).zip(records).map(record).collect()
}

fn effects(effects: &[(i64, i64)]) -> Vec<Record> {
    let records: Vec<_> = effects.iter().map(|(it, token)| (Kind::Effect, *it, *token)).collect();
    history(&records)
}

#[track_caller]
fn only(found: Result<Tally, Vec<Violation>>) -> Violation {
    let violations = found.expect_err("a violation");
    let [violation] = <[_; 1]>::try_from(violations).expect("one violation");
    violation
}

#[test]
fn what_follows_a_bad_event_waits_until_that_is_given_up() {
    let feed = feed_with(&[1, 3, 4], &[]);
    assert_eq!((&feed.parked, &feed.waiting), (&[1, 4].into(), &[3].into()));
    assert_eq!(feed.handled(), 1);
    let feed = feed_with(&[1, 3, 4], &[1, 4]);
    assert_eq!((&feed.parked, &feed.waiting), (&[3].into(), &[].into()));
    assert_eq!(feed.handled(), 1);
}

mod transactional {
    use super::*;

    #[test]
    fn what_is_set_aside_has_no_effect_and_nor_has_what_waits() {
        let feed = feed_with(&[1], &[]);
        let check = |effects: &[(i64, i64)]| check_transactional(&feed, &super::effects(effects));
        assert_eq!(check(&[(2, 1), (4, 1)]).unwrap().events, 2);
        for other in [1, 3] {
            let found = only(check(&[(2, 1), (4, 1), (other, 1)]));
            assert!(matches!(found, Violation::NotLeftAlone { .. }), "{found}");
        }
        let given_up = feed_with(&[1], &[1]);
        let found = only(check_transactional(&given_up, &super::effects(&[(2, 1), (4, 1)])));
        assert_eq!(found, Violation::Lost { position: 3 });
    }

    fn check(effects: &[(i64, i64)]) -> Result<Tally, Vec<Violation>> {
        check_transactional(&feed(), &super::effects(effects))
    }

    #[test]
    fn each_event_once_and_in_the_order_of_its_subject_is_right() {
        let tally = check(&[(2, 1), (1, 1), (3, 2), (4, 2)]).unwrap();
        let expected = Tally { events: 4, workers: 2, leases: 2, ..Tally::default() };
        assert_eq!(tally, expected);
    }

    #[test]
    fn a_lost_event_is_found() {
        let found = only(check(&[(1, 1), (2, 1), (4, 1)]));
        assert_eq!(found, Violation::Lost { position: 3 });
    }

    #[test]
    fn a_doubled_event_is_found() {
        let found = only(check(&[(1, 1), (2, 1), (2, 1), (3, 1), (4, 1)]));
        assert_eq!(found, Violation::Doubled { position: 2, times: 2 });
    }

    #[test]
    fn an_overtaken_event_is_found() {
        let found = only(check(&[(3, 1), (1, 1), (2, 1), (4, 1)]));
        assert_eq!(found, Violation::Overtaken { first: 1, by: 3 });
    }

    #[test]
    fn a_commit_under_a_former_token_is_found() {
        let found = only(check(&[(1, 1), (2, 2), (3, 1), (4, 2)]));
        assert!(matches!(found, Violation::Unfenced { token: 2, .. }), "{found}");
        assert_eq!(found.positions(), [3]);
    }

    #[test]
    fn a_token_of_two_workers_is_found() {
        let mut effects = effects(&[(1, 1), (2, 1), (3, 1), (4, 1)]);
        effects[2].call.worker = "another".to_owned();
        let found = only(check_transactional(&feed(), &effects));
        assert!(matches!(found, Violation::TokenOfTwo { shard: 7, token: 1, .. }), "{found}");
    }

    #[test]
    fn a_subject_in_two_shards_is_found() {
        let mut effects = effects(&[(1, 1), (2, 1), (3, 1), (4, 1)]);
        effects[2].call.shard = 8;
        let found = only(check_transactional(&feed(), &effects));
        let expected = Violation::InTwoShards { subject: "a".to_owned(), shards: vec![7, 8] };
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_not_in_the_feed_is_found() {
        let found = only(check(&[(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]));
        assert!(matches!(found, Violation::NotInTheFeed { .. }), "{found}");
        let mut effects = effects(&[(1, 1), (2, 1), (3, 1), (4, 1)]);
        effects[3].call.subject = "c".to_owned();
        let found = only(check_transactional(&feed(), &effects));
        assert!(matches!(found, Violation::NotInTheFeed { .. }), "{found}");
    }
}

mod outside {
    use super::*;

    const BEGIN: Kind = Kind::Begin;
    const END: Kind = Kind::End;
    const FAILED: Kind = Kind::Failed;

    /// Events that were handled whole, one after the other.
    fn whole(calls: &[(i64, i64)]) -> Vec<(Kind, i64, i64)> {
        calls.iter().flat_map(|(it, token)| [(BEGIN, *it, *token), (END, *it, *token)]).collect()
    }

    fn check(records: &[(Kind, i64, i64)]) -> Result<Tally, Vec<Violation>> {
        check_outside(&feed(), &history(records))
    }

    fn check_all(parts: &[&[(Kind, i64, i64)]]) -> Result<Tally, Vec<Violation>> {
        check(&parts.concat())
    }

    #[test]
    fn subjects_interleave_and_failures_are_tried_again() {
        let tally = check(&[
            (BEGIN, 1, 1),
            (BEGIN, 2, 1),
            (FAILED, 1, 1),
            (END, 2, 1),
            (BEGIN, 1, 1),
            (BEGIN, 4, 1),
            (END, 1, 1),
            (BEGIN, 3, 1),
            (END, 3, 1),
            (END, 4, 1),
        ]);
        let expected = Tally { events: 4, workers: 1, leases: 1, failed: 1, ..Tally::default() };
        assert_eq!(tally, Ok(expected));
    }

    #[test]
    fn what_a_killed_worker_had_in_hand_may_be_repeated() {
        let killed = [whole(&[(1, 1), (2, 1)]), vec![(BEGIN, 3, 1)]].concat();
        let tally = check_all(&[&killed, &whole(&[(2, 2), (3, 2), (4, 2)])]).unwrap();
        assert_eq!(tally.repeated, BTreeMap::from([(7, 2)]));
        assert_eq!((tally.late_begins, tally.late_ends), (0, 0));
    }

    #[test]
    fn what_is_set_aside_may_be_begun_and_what_waits_may_not() {
        let feed = feed_with(&[1], &[]);
        let tried = [(BEGIN, 1, 1), (FAILED, 1, 1), (BEGIN, 1, 2), (FAILED, 1, 2)];
        let others = whole(&[(2, 2), (4, 2)]);
        let check = |records: &[(Kind, i64, i64)]| {
            check_outside(&feed, &history(&[&tried, &others[..], records].concat()))
        };
        assert!(check(&[]).is_ok());
        let found = only(check(&[(BEGIN, 3, 2)]));
        assert!(matches!(found, Violation::NotLeftAlone { .. }), "{found}");
        let found = only(check(&[(END, 1, 2)]));
        assert!(matches!(found, Violation::NotLeftAlone { .. }), "{found}");
    }

    #[test]
    fn what_is_given_up_is_not_taken_up_again() {
        let feed = feed_with(&[1], &[1]);
        let check = |records: &[(Kind, i64, i64)]| {
            check_outside(&feed, &history(&[records, &whole(&[(2, 1), (4, 1)])].concat()))
        };
        let tried = [(BEGIN, 1, 1), (FAILED, 1, 1)];
        assert!(check(&[&tried[..], &whole(&[(3, 1)])].concat()).is_ok());
        let violations =
            check(&[&whole(&[(3, 1)]), &[(BEGIN, 1, 2), (FAILED, 1, 2)][..]].concat()).unwrap_err();
        assert!(violations.contains(&Violation::Overtaken { first: 1, by: 3 }), "{violations:?}");
    }

    #[test]
    fn a_former_holder_that_ends_late_is_counted() {
        let others = whole(&[(1, 2), (2, 2), (3, 2), (4, 2)]);
        let tally = check_all(&[&[(BEGIN, 1, 1)], &others, &[(END, 1, 1)]]).unwrap();
        assert_eq!((tally.late_begins, tally.late_ends), (0, 1));
    }

    #[test]
    fn a_former_holder_may_begin_late_once_and_no_more() {
        let others = whole(&[(1, 2), (2, 2), (3, 2), (4, 2)]);
        let one = whole(&[(2, 1)]);
        let tally = check_all(&[&whole(&[(1, 1)]), &others, &one]).unwrap();
        assert_eq!((tally.late_begins, tally.late_ends), (1, 1));
        let found = only(check_all(&[&whole(&[(1, 1)]), &others, &one, &[(BEGIN, 3, 1)]]));
        assert!(matches!(found, Violation::WentOn { .. }), "{found}");
        assert_eq!(found.positions(), [3]);
    }

    #[test]
    fn a_lost_event_is_found() {
        let found = only(check(&whole(&[(1, 1), (2, 1), (3, 1)])));
        assert_eq!(found, Violation::Lost { position: 4 });
        // Begun is not handled, and nor is failed.
        for last in [vec![(BEGIN, 4, 1)], vec![(BEGIN, 4, 1), (FAILED, 4, 1)]] {
            let found = only(check_all(&[&whole(&[(1, 1), (2, 1), (3, 1)]), &last]));
            assert_eq!(found, Violation::Lost { position: 4 });
        }
    }

    #[test]
    fn an_overtaken_event_is_found_whoever_handles_which() {
        // By a new holder, which began behind what the former had in hand.
        let found = only(check_all(&[
            &whole(&[(2, 1)]),
            &[(BEGIN, 1, 1)],
            &whole(&[(3, 2), (4, 2)]),
            &[(END, 1, 1)],
        ]));
        assert_eq!(found, Violation::Overtaken { first: 1, by: 3 });
        // By an event that begins while the one before it waits to be tried again.
        let violations = check(&[
            (BEGIN, 1, 1),
            (FAILED, 1, 1),
            (BEGIN, 3, 1),
            (END, 3, 1),
            (BEGIN, 1, 1),
            (END, 1, 1),
            (BEGIN, 2, 1),
            (END, 2, 1),
            (BEGIN, 4, 1),
            (END, 4, 1),
        ])
        .unwrap_err();
        assert!(violations.contains(&Violation::Overtaken { first: 1, by: 3 }), "{violations:?}");
    }

    #[test]
    fn an_overtaken_event_that_never_ends_is_both() {
        let violations = check(&whole(&[(2, 1), (3, 1), (4, 1)])).unwrap_err();
        let expected = [Violation::Lost { position: 1 }, Violation::Overtaken { first: 1, by: 3 }];
        assert_eq!(violations, expected);
    }

    #[test]
    fn two_events_of_a_subject_at_once_are_found() {
        let violations =
            check_all(&[&[(BEGIN, 1, 1), (BEGIN, 3, 1), (END, 1, 1)], &whole(&[(2, 1), (4, 1)])])
                .unwrap_err();
        let found = violations.iter().find(|it| matches!(it, Violation::AtOnce { .. })).unwrap();
        assert_eq!(found.positions(), [1, 3]);
        // The same event twice is no better.
        let found = only(check_all(&[
            &[(BEGIN, 1, 1), (BEGIN, 1, 1), (END, 1, 1)],
            &whole(&[(2, 1), (3, 1), (4, 1)]),
        ]));
        assert!(matches!(found, Violation::AtOnce { other: 1, .. }), "{found}");
    }

    #[test]
    fn a_repetition_under_one_token_is_found() {
        let found = only(check(&whole(&[(1, 1), (2, 1), (1, 1), (3, 1), (4, 1)])));
        assert!(matches!(found, Violation::WentBack { last: 1, .. }), "{found}");
        let found = only(check(&whole(&[(1, 1), (2, 1), (3, 1), (4, 1), (1, 1)])));
        assert!(matches!(found, Violation::WentBack { last: 3, .. }), "{found}");
    }

    #[test]
    fn a_token_of_two_workers_is_found() {
        let mut history = history(&whole(&[(1, 1), (2, 1), (3, 1), (4, 1)]));
        history[4].call.worker = "another".to_owned();
        let found = only(check_outside(&feed(), &history));
        assert!(matches!(found, Violation::TokenOfTwo { shard: 7, token: 1, .. }), "{found}");
    }
}
