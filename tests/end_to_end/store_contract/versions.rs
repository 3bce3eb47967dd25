//! The expected version of a subject.

use feed_server::store::{Append, AppendResult, EventStore, Feed, Refusal};

use super::Database;
use super::given::{append_all, conflict, event_of, event_with, feed, places};

fn expecting(feed: &Feed, version: u64, ids: &[u64]) -> Append {
    Append {
        feed: feed.clone(),
        events: ids.iter().map(|id| event_of("order-1", id)).collect(),
        expected_version: Some(version),
    }
}

async fn append(store: &dyn EventStore, request: Append) -> AppendResult {
    append_all(store, &[request]).await.remove(0)
}

fn mismatch(result: &AppendResult) -> (u64, u64) {
    match result {
        Err(Refusal::VersionMismatch { expected, actual }) => (*expected, *actual),
        other => panic!("not a mismatch: {other:?}"),
    }
}

pub(super) async fn an_expected_version_is_checked_after_repeats(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    assert_eq!(mismatch(&append(&*store, expecting(&orders, 1, &[1])).await), (1, 0));
    let first = append(&*store, expecting(&orders, 0, &[1, 2])).await;
    assert_eq!(places(&first), [(1, true), (2, true)]);

    let repeat = append(&*store, expecting(&orders, 0, &[1, 2])).await;
    assert_eq!(places(&repeat), [(1, false), (2, false)], "a repeat meets any expectation");
    let mixed = append(&*store, expecting(&orders, 0, &[1, 2, 3])).await;
    assert_eq!(mismatch(&mixed), (0, 2));
    let mut other = expecting(&orders, 7, &[]);
    other.events = vec![event_with(1, "{}")];
    assert_eq!(conflict(&append(&*store, other).await), (0, Some(1)), "so does a conflict");

    let next = append(&*store, expecting(&orders, 2, &[3, 3])).await;
    assert_eq!(places(&next), [(3, true), (3, false)]);
    assert_eq!(mismatch(&append(&*store, expecting(&orders, 4, &[4])).await), (4, 3));
}

pub(super) async fn an_expected_version_sees_the_requests_before_it(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    let customers = feed(&*store, "customers").await;
    let results = append_all(
        &*store,
        &[
            expecting(&orders, 0, &[1, 2]),
            expecting(&orders, 0, &[3]),
            expecting(&customers, 0, &[3]),
            Append { expected_version: None, ..expecting(&orders, 0, &[4]) },
            expecting(&orders, 3, &[5]),
        ],
    )
    .await;
    assert_eq!(places(&results[0]), [(1, true), (2, true)]);
    assert_eq!(mismatch(&results[1]), (0, 2));
    assert_eq!(places(&results[2]), [(1, true)]);
    assert_eq!(places(&results[3]), [(3, true)]);
    assert_eq!(places(&results[4]), [(4, true)]);
}

pub(super) async fn an_expected_version_is_not_spoilt_by_a_refused_request(
    database: &impl Database,
) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    let mut refused = expecting(&orders, 0, &[1, 2]);
    refused.events.push(event_with(2, "{}"));
    let results =
        append_all(&*store, &[refused, expecting(&orders, 5, &[1]), expecting(&orders, 0, &[3])])
            .await;
    assert_eq!(conflict(&results[0]), (2, None));
    assert_eq!(mismatch(&results[1]), (5, 0));
    assert_eq!(places(&results[2]), [(1, true)]);
}
