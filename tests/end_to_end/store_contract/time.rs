//! When events were given their positions.

use chrono::{DateTime, TimeDelta, Utc};

use super::Database;
use super::given::{append, event, events, feed, read_all};

pub(super) async fn updated_never_goes_back(database: &impl Database) {
    let (here, there) = (database.open().await, database.open().await);
    let orders = feed(&*here, "orders").await;
    for id in 0..20 {
        let store = if id % 2 == 0 { &here } else { &there };
        let appended = append(&**store, &orders, [event(id)]).await.unwrap();
        let head = store.head(&orders).await.unwrap();
        assert_eq!((head.position, head.updated), (appended[0].position, appended[0].updated));
    }
    let entries = read_all(&*here, &orders).await;
    assert!(orders.created <= entries[0].recorded.updated);
    assert!(entries.is_sorted_by_key(|entry| entry.recorded.updated));
}

pub(super) async fn a_position_is_found_by_the_instant_after_it(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    for first in [1, 2, 4, 7, 11, 16, 22, 29] {
        append(&*store, &orders, events(first..first * 2)).await.unwrap();
    }
    let entries = read_all(&*store, &orders).await;
    let expected = |instant: DateTime<Utc>| {
        entries.iter().filter(|entry| entry.recorded.updated < instant).count() as u64
    };
    let (nano, micro) = (TimeDelta::nanoseconds(1), TimeDelta::microseconds(1));
    for entry in &entries {
        let updated = entry.recorded.updated;
        for instant in [updated - micro, updated - nano, updated, updated + nano, updated + micro] {
            let found = store.position_before(&orders, instant).await.unwrap();
            assert_eq!(found.get(), expected(instant), "{instant}");
        }
    }
    for instant in [DateTime::UNIX_EPOCH, DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        let found = store.position_before(&orders, instant).await.unwrap();
        assert_eq!(found.get(), expected(instant), "{instant}");
    }
}
