//! A database in which others have written.

use chrono::TimeDelta;
use feed_server::store::StoreError;

use super::Database;
use super::given::{append, event, events, everything_after, feed, position};

pub(super) async fn a_clock_that_is_set_back_does_not_set_a_feed_back<D: Database>(database: &D) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    append(&*store, &orders, [event(1)]).await.unwrap();
    // As if the clock had been an hour ahead when that happened.
    let ahead = store.head(&orders).await.unwrap().updated + TimeDelta::hours(1);
    let micros = ahead.timestamp_micros();
    let [heads, time] = D::HEADS;
    database
        .meddle(&format!(
            "UPDATE {heads} SET {time} = {micros}; UPDATE feed_events SET updated = {micros}"
        ))
        .await;
    let appended = append(&*store, &orders, events([2, 3])).await.unwrap();
    assert_eq!([appended[0].updated, appended[1].updated], [ahead; 2]);
    assert_eq!(store.position_before(&orders, ahead).await.unwrap(), position(0));
}

pub(super) async fn a_row_that_this_program_did_not_write_is_named(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    append(&*store, &orders, [event(1)]).await.unwrap();
    for (wrong, right) in [
        ("type = ''", "type = 'order.placed'"),
        ("time = 'soon'", "time = NULL"),
        ("extensions = '[]'", "extensions = NULL"),
        ("extensions = '{\"a\":1.5}'", "extensions = NULL"),
        ("source = 'a b'", "source = '/shop'"),
    ] {
        database.meddle(&format!("UPDATE feed_events SET {wrong}")).await;
        match store.read(&orders, &everything_after(0)).await {
            Err(StoreError::Inconsistent { column, row, .. }) => {
                assert_eq!(Some(column), wrong.split(' ').next());
                assert_eq!(row, format!("(feed {}, position 1)", orders.key));
            }
            other => panic!("{wrong}: {other:?}"),
        }
        database.meddle(&format!("UPDATE feed_events SET {right}")).await;
    }
    store.read(&orders, &everything_after(0)).await.unwrap();
}

pub(super) async fn a_feed_without_its_feed_row_is_noticed<D: Database>(database: &D) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    let [heads, _] = D::HEADS;
    database.meddle(&format!("DELETE FROM {heads}; DELETE FROM feed_feeds")).await;
    match store.read(&orders, &everything_after(0)).await {
        Err(StoreError::Inconsistent { column: "key", row, .. }) => {
            assert_eq!(row, orders.key.to_string());
        }
        other => panic!("{other:?}"),
    }
}

pub(super) async fn a_feed_without_its_events_is_noticed(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    append(&*store, &orders, events([1, 2, 3])).await.unwrap();
    database.meddle("DELETE FROM feed_events WHERE position = 2").await;
    let read = store.read(&orders, &everything_after(0)).await;
    assert!(matches!(read, Err(StoreError::Inconsistent { .. })), "{read:?}");
}
