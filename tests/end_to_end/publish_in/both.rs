//! What is promised of a publish in a caller's transaction, whatever the database.

use std::collections::HashMap;
use std::sync::Arc;

use feed_protocol::Event;
use feed_protocol::event::EventParts;
use feed_server::store::{Refusal, TransactionError};
use feed_server::{NewEvent, PublishError};
use feed_tests::random::seeded;
use rand::RngExt;
use tokio::task::JoinSet;

use super::given::{InPostgres, InSqlite, Own, Place, placed, placed_for};

pub(super) async fn an_event_and_the_change_that_it_tells_of_commit_together(place: impl Place) {
    let publisher = place.publisher();
    let mut own = place.begin().await;
    own.place_order("1").await;
    let receipt = publisher.publish_in(&mut own, "orders", placed("1")).await.unwrap();
    assert!(receipt.created());
    assert!(place.log().await.is_empty(), "nothing is visible before the commit");
    own.commit().await.unwrap();
    receipt.wake();
    assert_eq!(place.ids(1).await, ["1"]);
    assert_eq!(place.orders().await, 1);
}

pub(super) async fn a_transaction_that_is_rolled_back_leaves_no_trace(place: impl Place) {
    let publisher = place.publisher();
    let mut own = place.begin().await;
    own.place_order("1").await;
    let receipt = publisher.publish_in(&mut own, "orders", placed("1")).await.unwrap();
    own.rollback().await;
    receipt.wake();
    // One that is dropped is rolled back too.
    let mut own = place.begin().await;
    let receipt = publisher.publish_in(&mut own, "orders", placed("2")).await.unwrap();
    drop(own);
    receipt.wake();
    let appended = publisher.publish("orders", placed("3")).await.unwrap();
    assert_eq!(appended.position.get(), 1);
    // The id of an event that has never been is free, for other content too.
    let other = placed("1").json(&"other");
    assert!(publisher.publish("orders", other).await.unwrap().created);
    assert_eq!(place.ids(2).await, ["3", "1"]);
    assert_eq!(place.orders().await, 0);
}

pub(super) async fn a_savepoint_that_is_rolled_back_leaves_no_trace(place: impl Place) {
    let publisher = place.publisher();
    let mut own = place.begin().await;
    publisher.publish_in(&mut own, "orders", placed("1")).await.unwrap();
    own.run("SAVEPOINT try").await.unwrap();
    publisher.publish_in(&mut own, "orders", placed("2")).await.unwrap();
    own.run("ROLLBACK TO SAVEPOINT try").await.unwrap();
    let receipt = publisher.publish_in(&mut own, "orders", placed("3")).await.unwrap();
    own.commit().await.unwrap();
    receipt.wake();
    assert_eq!(place.ids(2).await, ["1", "3"]);
}

pub(super) async fn the_same_event_again_is_no_second_one_wherever_it_was_published(
    place: impl Place,
) {
    let publisher = place.publisher();
    // Directly, then in a transaction.
    publisher.publish("orders", placed("1")).await.unwrap();
    let mut own = place.begin().await;
    assert!(!publisher.publish_in(&mut own, "orders", placed("1")).await.unwrap().created());
    // Twice in a transaction, and in the next, and directly.
    assert!(publisher.publish_in(&mut own, "orders", placed("2")).await.unwrap().created());
    assert!(!publisher.publish_in(&mut own, "orders", placed("2")).await.unwrap().created());
    own.commit().await.unwrap();
    let mut own = place.begin().await;
    assert!(!publisher.publish_in(&mut own, "orders", placed("2")).await.unwrap().created());
    own.commit().await.unwrap();
    let again = publisher.publish("orders", placed("2")).await.unwrap();
    assert_eq!((again.created, again.position.get()), (false, 2));
    // Another feed, or another source, is another event.
    let mut own = place.begin().await;
    assert!(publisher.publish_in(&mut own, "customers", placed("2")).await.unwrap().created());
    let other = NewEvent::new("/other", "order.placed").id("2").json(&"2");
    assert!(publisher.publish_in(&mut own, "orders", other).await.unwrap().created());
    own.commit().await.unwrap();
    publisher.publish("orders", placed("3")).await.unwrap();
    assert_eq!(place.ids(4).await, ["1", "2", "2", "3"]);
}

pub(super) async fn the_same_id_with_other_content_leaves_the_transaction_usable(
    place: impl Place,
) {
    let publisher = place.publisher();
    publisher.publish("orders", placed("1")).await.unwrap();
    let mut own = place.begin().await;
    own.place_order("2").await;
    publisher.publish_in(&mut own, "orders", placed("2")).await.unwrap();
    for id in ["1", "2"] {
        let other = placed(id).json(&"other");
        let error = publisher.publish_in(&mut own, "orders", other).await.unwrap_err();
        match error {
            PublishError::Refused(Refusal::Conflict { id: refused, .. }) => {
                assert_eq!(refused.as_str(), id);
            }
            other => panic!("{other:?}"),
        }
    }
    own.place_order("3").await;
    let receipt = publisher.publish_in(&mut own, "orders", placed("3")).await.unwrap();
    own.commit().await.unwrap();
    receipt.wake();
    assert_eq!(place.ids(3).await, ["1", "2", "3"]);
    assert_eq!(place.orders().await, 2);
}

fn mismatch(error: PublishError) -> (u64, u64) {
    match error {
        PublishError::Refused(Refusal::VersionMismatch { expected, actual }) => (expected, actual),
        other => panic!("{other:?}"),
    }
}

pub(super) async fn an_expected_version_counts_what_waits_and_what_is_in_the_transaction(
    place: impl Place,
) {
    let publisher = place.publisher();
    let event = |id: &str| placed_for("order-1", id);
    publisher.publish("orders", event("1")).await.unwrap();
    let mut own = place.begin().await;
    let expect = async |own: &mut _, version, id: &str| {
        publisher.publish_in_expecting(own, "orders", event(id), Some(version)).await
    };
    assert_eq!(mismatch(expect(&mut own, 0, "2").await.unwrap_err()), (0, 1));
    assert!(expect(&mut own, 1, "2").await.unwrap().created());
    assert_eq!(mismatch(expect(&mut own, 1, "3").await.unwrap_err()), (1, 2));
    assert!(expect(&mut own, 2, "3").await.unwrap().created());
    // The check for a repeat comes first.
    assert!(!expect(&mut own, 7, "2").await.unwrap().created());
    own.commit().await.unwrap();
    // Committed, and perhaps without a place yet.
    let mut own = place.begin().await;
    assert_eq!(mismatch(expect(&mut own, 1, "4").await.unwrap_err()), (1, 3));
    assert!(expect(&mut own, 3, "4").await.unwrap().created());
    own.commit().await.unwrap();
    let error = publisher.publish_expecting("orders", event("5"), Some(3)).await.unwrap_err();
    assert_eq!(mismatch(error), (3, 4));
    let appended = publisher.publish_expecting("orders", event("5"), Some(4)).await.unwrap();
    assert_eq!(appended.position.get(), 5);
    // An expected version is one of a subject.
    let mut own = place.begin().await;
    let error =
        publisher.publish_in_expecting(&mut own, "orders", placed("6"), Some(0)).await.unwrap_err();
    assert!(matches!(error, PublishError::Invalid(_)), "{error:?}");
    own.rollback().await;
}

pub(super) async fn of_two_transactions_that_expect_the_same_version_one_gets_it(
    place: impl Place,
) {
    let place = Arc::new(place);
    let mut transactions = JoinSet::new();
    for number in 0..8 {
        let place = Arc::clone(&place);
        transactions.spawn(async move {
            let publisher = place.publisher();
            let event = placed_for("order-1", &number.to_string());
            let mut own = place.begin().await;
            match publisher.publish_in_expecting(&mut own, "orders", event, Some(0)).await {
                Ok(_) => {
                    own.commit().await.unwrap();
                    true
                }
                Err(error) => {
                    assert_eq!(mismatch(error), (0, 1));
                    own.rollback().await;
                    false
                }
            }
        });
    }
    let won = transactions.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!(won, 1);
    assert_eq!(place.ids(1).await.len(), 1);
}

pub(super) async fn what_is_no_event_or_too_large_is_refused_before_the_transaction_is_touched(
    place: impl Place,
) {
    let publisher = place.publisher();
    let mut own = place.begin().await;
    own.place_order("1").await;
    let no_event = NewEvent::new("", "order.placed");
    let error = publisher.publish_in(&mut own, "orders", no_event).await.unwrap_err();
    assert!(matches!(error, PublishError::Invalid(_)), "{error:?}");
    let large = placed("1").data("text/plain", vec![b'x'; (1 << 20) + 1]);
    let error = publisher.publish_in(&mut own, "orders", large).await.unwrap_err();
    assert!(matches!(error, PublishError::TooLarge { .. }), "{error:?}");
    let error = publisher.publish_in(&mut own, "nothing", placed("1")).await.unwrap_err();
    assert!(matches!(error, PublishError::UnknownFeed(_)), "{error:?}");
    own.commit().await.unwrap();
    assert_eq!(place.orders().await, 1);
    assert!(place.log().await.is_empty());
}

pub(super) async fn a_transaction_of_another_database_is_refused(place: impl Place) {
    let publisher = place.publisher();
    let refused = |error| match error {
        PublishError::Transaction(error) => {
            assert!(matches!(*error, TransactionError::OtherDatabase(_)), "{error:?}");
        }
        other => panic!("{other:?}"),
    };
    // Each has feeds of the same names.
    let (sqlite, postgres) = (InSqlite::new().await, InPostgres::new().await);
    let mut own = sqlite.begin().await;
    refused(publisher.publish_in(&mut own, "orders", placed("1")).await.unwrap_err());
    own.place_order("1").await;
    own.commit().await.unwrap();
    let mut own = postgres.begin().await;
    refused(publisher.publish_in(&mut own, "orders", placed("1")).await.unwrap_err());
    own.place_order("1").await;
    own.commit().await.unwrap();
    assert_eq!((sqlite.log().await, postgres.log().await), (vec![], vec![]));
}

pub(super) async fn every_attribute_and_the_data_survive(place: impl Place) {
    let mut parts = EventParts::new(
        "1".parse().unwrap(),
        "/shop?a=b#c".parse().unwrap(),
        "order.placed".parse().unwrap(),
    );
    parts.subject = Some("Größe <&\"'> \u{1F600}".parse().unwrap());
    parts.time = Some("2021-01-01T00:00:00.123456789+01:30".parse().unwrap());
    parts.data_content_type = Some("application/octet-stream".parse().unwrap());
    parts.data_schema = Some("https://shop.example/schema".parse().unwrap());
    parts.data = Some(vec![0, 1, 13, 10, 255].into());
    let value = feed_protocol::event::ExtensionValue::string("some text".to_owned()).unwrap();
    parts.extensions.insert_new("note".parse().unwrap(), value).unwrap();
    let number = feed_protocol::event::ExtensionValue::Integer(-7);
    parts.extensions.insert_new("number".parse().unwrap(), number).unwrap();
    let full = Event::new(parts).unwrap();
    let empty = {
        let mut parts = full.clone().into_parts();
        parts.id = "2".parse().unwrap();
        parts.data = Some(bytes::Bytes::new());
        Event::new(parts).unwrap()
    };
    let bare = {
        let parts = full.clone().into_parts();
        let id = "3".parse().unwrap();
        Event::new(EventParts::new(id, parts.source, parts.event_type)).unwrap()
    };
    let publisher = place.publisher();
    let mut own = place.begin().await;
    for event in [&full, &empty, &bare] {
        publisher.publish_in(&mut own, "orders", event.clone()).await.unwrap();
    }
    own.commit().await.unwrap();
    place.ids(3).await;
    let events: Vec<_> = place.log().await.into_iter().map(|it| it.event).collect();
    assert_eq!(events, [full, empty, bare]);
}

/// Transactions of random length on few subjects, some of them rolled back, beside direct
/// publishes for the same subjects.
pub(super) async fn many_transactions_at_once_are_all_there_in_the_order_of_their_subjects(
    place: impl Place,
) {
    const WORKERS: u64 = 6;
    const TRANSACTIONS: u64 = 12;
    let mut random = seeded();
    let place = Arc::new(place);
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let place = Arc::clone(&place);
        let choices: Vec<(u64, bool, bool)> = (0..TRANSACTIONS)
            .map(|_| (random.random_range(0..3), random.random_bool(0.2), random.random_bool(0.3)))
            .collect();
        workers.spawn(async move {
            let publisher = place.publisher();
            let mut committed: Vec<(String, String)> = Vec::new();
            for (number, (subject, roll_back, direct)) in choices.into_iter().enumerate() {
                let subject = format!("order-{subject}");
                let id = |part: u32| format!("{worker}-{number}-{part}");
                if direct {
                    let event = placed_for(&subject, &id(0));
                    publisher.publish("orders", event).await.unwrap();
                    committed.push((subject, id(0)));
                    continue;
                }
                let mut own = place.begin().await;
                let mut ids = Vec::new();
                for part in 0..=u32::try_from(number % 3).unwrap() {
                    let event = placed_for(&subject, &id(part));
                    publisher.publish_in(&mut own, "orders", event).await.unwrap();
                    own.place_order(&id(part)).await;
                    ids.push((subject.clone(), id(part)));
                }
                if roll_back {
                    own.rollback().await;
                } else {
                    own.commit().await.unwrap();
                    committed.extend(ids);
                }
            }
            committed
        });
    }
    let committed = workers.join_all().await;
    let expected: usize = committed.iter().map(Vec::len).sum();
    let ids = place.ids(expected).await;
    assert_eq!(ids.len(), expected, "each is there once, and nothing that was rolled back");
    let places: HashMap<&str, usize> =
        ids.iter().enumerate().map(|(index, id)| (id.as_str(), index)).collect();
    for own in &committed {
        for subject in 0..3 {
            let subject = format!("order-{subject}");
            let own: Vec<usize> = own
                .iter()
                .filter(|(it, _)| *it == subject)
                .map(|(_, id)| places[id.as_str()])
                .collect();
            assert!(own.is_sorted(), "the events of a subject stand in the order of their commits");
        }
    }
}
