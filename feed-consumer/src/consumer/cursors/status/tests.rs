use std::time::Duration;

use feed_protocol::Position;

use super::*;
use crate::shard::{ShardNumber, Token};
use crate::store::shards::{Lease, Shard, ShardPlace, WorkerFacts};
use crate::store::suspects::Suspects;
use crate::store::{Kept, Place, Subscription};

/// A subscription whose shards stand at these positions and have stood still for so many seconds,
/// each held by the worker of this id.
fn cursor(shards: &[(u64, u64, Option<&str>)]) -> KeptCursor {
    let time = DateTime::UNIX_EPOCH;
    let shards = (0..).zip(shards).map(|(number, (position, still, holder))| Shard {
        lease: Lease { shard: ShardNumber::new(number), token: Token::new(4) },
        holder: holder.map(|id| WorkerId(id.to_owned())),
        left: holder.map(|_| Duration::from_millis(12_345)),
        place: ShardPlace { position: Position::new(*position).unwrap(), ..ShardPlace::default() },
        moved: time,
        still: Duration::from_secs(*still),
        paused: None,
        suspects: Suspects::default(),
    });
    let subscription = Subscription { group: "mail".into(), feed: "urn:feed".into() };
    let url = "http://h/feeds/orders".to_owned();
    let place = Place { incarnation: Some("1i9xq2".parse().unwrap()), ..Place::default() };
    let kept = Kept { subscription, url, place, begun: time, moved: time };
    KeptCursor::new(kept, shards.collect())
}

fn worker(id: &str, process: u32, is_alive: bool, report: &str) -> WorkerRow {
    WorkerRow {
        facts: WorkerFacts {
            id: WorkerId(id.to_owned()),
            host: "shop".to_owned(),
            process,
            identity: None,
            weight: 1,
            window: 100,
        },
        started: DateTime::UNIX_EPOCH,
        silent: Duration::from_millis(500),
        is_alive,
        shards: 0,
        report: report.to_owned(),
    }
}

#[test]
fn lag_counts_from_the_lowest_cursor_and_rate_over_all_workers_that_live() {
    let cursor = cursor(&[(20, 9, Some("a")), (12, 3, Some("b")), (12, 40, Some("a"))]);
    let status = Status::new(
        &cursor,
        &[
            worker("a", 7, true, r#"{"head":20,"rate":1.5}"#),
            worker("b", 8, true, r#"{"head":25,"rate":2.0}"#),
            worker("c", 9, false, r#"{"head":99,"rate":50.0}"#),
        ],
    );
    assert_eq!((status.head, status.cursor, status.lag_events), (Some(25), 12, Some(13)));
    assert_eq!((status.lag_seconds, status.rate), (Some(40.0), 3.5));
    assert_eq!(status.workers[0].shards, [0, 2]);
    assert_eq!(status.workers[1].name(), "shop:8");
    assert_eq!(status.shards[1].holder.as_deref(), Some("shop:8"));
    assert_eq!((status.shards[1].token, status.shards[1].lease_seconds), (4, Some(12.345)));
}

#[test]
fn what_has_just_come_to_a_quiet_feed_is_not_late() {
    let cursor = cursor(&[(12, 7200, Some("a"))]);
    let lag = |report| Status::new(&cursor, &[worker("a", 7, true, report)]).lag_seconds;
    assert_eq!(lag(r#"{"head":12}"#), Some(0.0));
    assert_eq!(lag(r#"{"head":13,"busy_seconds":0.25}"#), Some(0.75));
    // It has not been seen with nothing behind it.
    assert_eq!(lag(r#"{"head":13}"#), Some(7200.0));
}

#[test]
fn the_oldest_event_that_is_not_handled_says_how_late_it_is_where_workers_know_it() {
    // The database's clock says 1970-01-01T02:00:00Z.
    let cursor = cursor(&[(12, 7200, Some("a")), (14, 7200, Some("b")), (25, 7200, None)]);
    let said = |a: &str, b: &str| {
        let status = Status::new(&cursor, &[worker("a", 7, true, a), worker("b", 8, true, b)]);
        (status.lag_seconds, status.lag_since)
    };
    let next =
        |time| format!(r#"{{"head":25,"next_updated":"1970-01-01T{time}Z","next_is_known":true}}"#);
    let (old, new) = (next("01:58:20"), next("01:59:50.5"));
    assert_eq!(said(&new, &old), (Some(100.0), Some(LagSince::Accepted)));
    assert_eq!(said(&new, &new), (Some(9.5), Some(LagSince::Accepted)));
    // Of two clocks one may be ahead.
    assert_eq!(said(&next("03:00:00"), &new).0, Some(9.5));
    // What lies between the cursor and the head is not for handlers, and passed as soon as stored.
    let none = r#"{"head":25,"next_is_known":true}"#;
    assert_eq!(said(none, none), (Some(0.0), Some(LagSince::Accepted)));
    let unknown = r#"{"head":25,"busy_seconds":3.0}"#;
    assert_eq!(said(&new, unknown), (Some(7200.0), Some(LagSince::Moved)));
}

#[test]
fn what_shards_rest_for_is_told_of_workers_that_live() {
    let report = r#"{"head":20,"resting":[{"shard":1,"why":"most_fail","position":7}]}"#;
    for (is_alive, rests) in [(true, 1), (false, 0)] {
        let cursor = cursor(&[(20, 9, Some("a")), (6, 9, Some("a"))]);
        let status = Status::new(&cursor, &[worker("a", 7, is_alive, report)]);
        let resting = status.shards.iter().filter_map(|it| it.resting.as_ref());
        assert_eq!(resting.count(), rests);
    }
}

#[test]
fn without_workers_that_live_the_head_is_not_known() {
    let cursor = cursor(&[(12, 5, Some("a")), (12, 5, Some("gone"))]);
    let mut status = Status::new(&cursor, &[worker("a", 7, false, r#"{"head":20}"#)]);
    assert_eq!((status.head, status.lag_events, status.lag_seconds), (None, None, None));
    assert_eq!(status.shards[1].holder.as_deref(), Some("gone"));
    status.set_head(14);
    assert_eq!((status.lag_events, status.lag_seconds), (Some(2), Some(5.0)));
}

#[test]
fn a_report_that_is_broken_is_shown_as_such() {
    let status = Status::new(&cursor(&[]), &[worker("a", 7, true, r#"{"head":"many"}"#)]);
    let problem = status.workers[0].report_problem.as_deref().unwrap();
    assert!(problem.contains("many"), "{problem}");
    assert_eq!(status.workers[0].report, WorkerReport::default());
    assert_eq!(status.head, None);
}

#[test]
fn a_shard_says_which_event_it_waits_for() {
    let report = r#"{"head":20,"retrying":[{"shard":1,"position":13,"id":"o-13","attempts":4,
        "next_try_seconds":2.5,"error":"no"}],"retrying_in_all":1}"#;
    let cursor = cursor(&[(20, 1, Some("a")), (12, 1, Some("a"))]);
    let status = Status::new(&cursor, &[worker("a", 7, true, report)]);
    assert_eq!(status.shards[0].retrying, None);
    let retrying = status.shards[1].retrying.as_ref().unwrap();
    assert_eq!((retrying.position, retrying.attempts), (13, 4));
    let value = serde_json::to_value(&status).unwrap();
    assert_eq!(value["shards"][1]["retrying"]["id"], "o-13");
    assert_eq!(value["shards"][1]["moved"], "1970-01-01T00:00:00.000Z");
    assert!(value["problem"].is_null());
}
