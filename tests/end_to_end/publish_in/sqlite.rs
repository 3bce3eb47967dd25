//! What only a SQLite file can meet.

use feed_server::PublishError;
use feed_server::store::TransactionError;
use feed_tests::mounted::Mounted;
use feed_tests::reading::path_of;
use feed_tests::{eventually, within};

use super::given::{InSqlite, Own, Place, placed};

#[tokio::test]
async fn a_transaction_that_would_not_be_synced_is_refused() {
    let place = InSqlite::new().await;
    let mut own = place.hasty().await.begin().await.unwrap();
    let error = place.publisher().publish_in(&mut own, "orders", placed("1")).await.unwrap_err();
    let PublishError::Transaction(error) = error else { panic!("{error:?}") };
    assert!(matches!(*error, TransactionError::NotDurable(_)), "{error:?}");
    assert!(error.to_string().contains("PRAGMA synchronous = FULL"), "{error}");
    own.place_order("1").await;
    Own::commit(own).await.unwrap();
    assert!(place.log().await.is_empty());
}

#[tokio::test]
async fn a_transaction_that_has_read_what_has_changed_since_is_to_be_done_again() {
    let place = InSqlite::new().await;
    let publisher = place.publisher();
    let mut own = place.begin_deferred().await;
    own.number("SELECT count(*) FROM orders").await;
    publisher.publish("orders", placed("1")).await.unwrap();
    let error = publisher.publish_in(&mut own, "orders", placed("2")).await.unwrap_err();
    let PublishError::Transaction(error) = error else { panic!("{error:?}") };
    assert!(matches!(*error, TransactionError::Conflict(_)), "{error:?}");
    Own::rollback(own).await;
    // One that publishes first takes the lock first.
    let mut own = place.begin_deferred().await;
    let receipt = publisher.publish_in(&mut own, "orders", placed("2")).await.unwrap();
    Own::commit(own).await.unwrap();
    receipt.wake();
    assert_eq!(place.ids(2).await, ["1", "2"]);
}

#[tokio::test]
async fn a_transaction_that_is_open_lets_others_wait_and_then_proceed() {
    let place = InSqlite::new().await;
    let publisher = place.publisher();
    let mut own = place.begin().await;
    publisher.publish_in(&mut own, "orders", placed("1")).await.unwrap();
    let waiting = tokio::spawn({
        let publisher = publisher.clone();
        async move { publisher.publish("orders", placed("2")).await }
    });
    let mut other = place.begin_deferred().await;
    let waiting_too = tokio::spawn(async move {
        let receipt = publisher.publish_in(&mut other, "orders", placed("3")).await?;
        Own::commit(other).await.unwrap();
        Ok::<_, PublishError>(receipt)
    });
    Own::commit(own).await.unwrap();
    within("those who waited", waiting).await.unwrap().unwrap();
    let receipt = within("those who waited", waiting_too).await.unwrap().unwrap();
    receipt.wake();
    let mut ids = place.ids(3).await;
    assert_eq!(ids.remove(0), "1");
    ids.sort();
    assert_eq!(ids, ["2", "3"]);
}

#[tokio::test]
async fn a_reader_who_waits_is_woken_by_the_receipt() {
    let place = InSqlite::new().await;
    let http = Mounted::start(place.feeds().router()).await;
    let empty = http.get("/feeds/orders").send().await.expect(200);
    let tail = empty.link("previous");
    let waiting = tokio::spawn(http.get(path_of(&tail)).header("prefer", "wait=20").try_send());
    let mut own = place.begin().await;
    let receipt = place.publisher().publish_in(&mut own, "orders", placed("1")).await.unwrap();
    Own::commit(own).await.unwrap();
    receipt.wake();
    let answer = within("the long poll", waiting).await.unwrap().unwrap();
    assert_eq!(answer.atom_positions(), [1]);
    eventually("the head to have moved", async || {
        (http.head("/feeds/orders").send().await.header("feed-range") == "1-1").then_some(())
    })
    .await;
}
