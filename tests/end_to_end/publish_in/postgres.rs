//! What only a PostgreSQL database can meet: transactions that are open side by side.

use feed_server::PublishError;
use feed_server::store::{Refusal, TransactionError};
use feed_tests::mounted::Mounted;
use feed_tests::{eventually, within};
use sqlx::Executor;

use super::given::{InPostgres, Own, Place, placed, placed_for};

#[tokio::test]
async fn transactions_on_different_subjects_never_wait_for_each_other() {
    let place = InPostgres::new().await;
    let publisher = place.publisher();
    let mut held = place.begin().await;
    let event = placed_for("order-1", "held");
    let held_receipt = publisher.publish_in(&mut held, "orders", event).await.unwrap();
    // Other transactions, and direct publishes, even for the same subject, go on.
    for number in 0..5 {
        let mut own = place.begin().await;
        let event = placed_for("order-2", &number.to_string());
        let publish = publisher.publish_in(&mut own, "orders", event);
        let receipt = within("a publish for another subject", publish).await.unwrap();
        Own::commit(own).await.unwrap();
        receipt.wake();
    }
    assert_eq!(place.ids(5).await, ["0", "1", "2", "3", "4"]);
    let direct = publisher.publish("orders", placed_for("order-1", "direct"));
    assert_eq!(within("a direct publish", direct).await.unwrap().position.get(), 6);
    Own::commit(held).await.unwrap();
    held_receipt.wake();
    assert_eq!(place.ids(7).await[6], "held");
}

#[tokio::test]
async fn transactions_on_one_subject_take_turns_and_stand_in_the_order_of_their_commits() {
    let place = InPostgres::new().await;
    let publisher = place.publisher();
    let event = |id: &str| placed_for("order-1", id);
    let mut first = place.begin().await;
    publisher.publish_in(&mut first, "orders", event("1")).await.unwrap();
    let mut second = place.begin().await;
    let second = tokio::spawn({
        let publisher = publisher.clone();
        async move {
            let receipt =
                publisher.publish_in(&mut second, "orders", placed_for("order-1", "2")).await;
            Own::commit(second).await.unwrap();
            receipt.unwrap()
        }
    });
    let mut observer = place.database.connect().await;
    eventually("the second to wait for its turn", async || {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
        )
        .fetch_one(&mut observer)
        .await
        .unwrap();
        (waiting == 1).then_some(())
    })
    .await;
    assert!(!second.is_finished());
    publisher.publish_in(&mut first, "orders", event("1b")).await.unwrap();
    Own::commit(first).await.unwrap();
    within("the second", second).await.unwrap().wake();
    assert_eq!(place.ids(3).await, ["1", "1b", "2"]);
}

#[tokio::test]
async fn a_direct_publish_comes_after_the_transactions_that_were_committed_before_it() {
    let place = InPostgres::new().await;
    let publisher = place.publisher();
    for round in 0..20 {
        let mut own = place.begin().await;
        let event = placed_for("order-1", &format!("{round}-first"));
        publisher.publish_in(&mut own, "orders", event).await.unwrap();
        Own::commit(own).await.unwrap();
        let event = placed_for("order-1", &format!("{round}-second"));
        publisher.publish("orders", event).await.unwrap();
    }
    let ids = place.ids(40).await;
    let expected: Vec<_> =
        (0..20).flat_map(|round| ["first", "second"].map(|it| format!("{round}-{it}"))).collect();
    assert!(ids == expected, "out of order");
}

#[tokio::test]
async fn a_deadlock_is_a_typed_error_and_the_transaction_can_be_done_again() {
    let place = InPostgres::new().await;
    let publisher = place.publisher();
    let (mut one, mut two) = (place.begin().await, place.begin().await);
    let publish = async |own: &mut _, subject: &str, id: &str| {
        publisher.publish_in(own, "orders", placed_for(subject, id)).await
    };
    publish(&mut one, "a", "1").await.unwrap().wake();
    publish(&mut two, "b", "2").await.unwrap().wake();
    let crossed = async { tokio::join!(publish(&mut one, "b", "3"), publish(&mut two, "a", "4")) };
    // PostgreSQL ends one of them, and the other goes on once that one is rolled back.
    let first_lost = async {
        let outcome = within("the deadlock to be found", crossed).await;
        (outcome.0.is_err(), outcome.0.err().or(outcome.1.err()).unwrap())
    };
    let (first_lost, error) = first_lost.await;
    let PublishError::Transaction(error) = error else { panic!("{error:?}") };
    assert!(matches!(*error, TransactionError::Conflict(_)), "{error:?}");
    let (lost, won) = if first_lost { (one, two) } else { (two, one) };
    Own::rollback(lost).await;
    Own::commit(won).await.unwrap();
    assert_eq!(place.ids(2).await.len(), 2);
}

#[tokio::test]
async fn a_transaction_that_would_not_be_synced_is_refused() {
    let place = InPostgres::new().await;
    let mut own = place.begin().await;
    own.run("SET LOCAL synchronous_commit = off").await.unwrap();
    let error = place.publisher().publish_in(&mut own, "orders", placed("1")).await.unwrap_err();
    let PublishError::Transaction(error) = error else { panic!("{error:?}") };
    assert!(matches!(*error, TransactionError::NotDurable(_)), "{error:?}");
    own.run("SET LOCAL synchronous_commit = on").await.unwrap();
    let receipt = place.publisher().publish_in(&mut own, "orders", placed("1")).await.unwrap();
    Own::commit(own).await.unwrap();
    receipt.wake();
    assert_eq!(place.ids(1).await, ["1"]);
}

#[tokio::test]
async fn an_expected_version_is_refused_where_it_cannot_be_known() {
    let place = InPostgres::new().await;
    let publisher = place.publisher();
    let mut own = place.begin().await;
    own.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await.unwrap();
    let event = placed_for("order-1", "1");
    let publish = publisher.publish_in_expecting(&mut own, "orders", event.clone(), Some(0));
    let PublishError::Transaction(error) = publish.await.unwrap_err() else { panic!() };
    assert!(matches!(*error, TransactionError::Isolation(_)), "{error:?}");
    let receipt = publisher.publish_in(&mut own, "orders", event).await.unwrap();
    Own::commit(own).await.unwrap();
    receipt.wake();
    assert_eq!(place.ids(1).await, ["1"]);
}

#[tokio::test]
async fn a_direct_publish_with_an_expected_version_does_not_slip_past_an_open_transaction() {
    let place = InPostgres::new().await;
    let publisher = place.publisher();
    let event = |id: &str| placed_for("order-1", id);
    let mut own = place.begin().await;
    publisher.publish_in_expecting(&mut own, "orders", event("1"), Some(0)).await.unwrap();
    let error = publisher.publish_expecting("orders", event("2"), Some(0)).await.unwrap_err();
    assert!(matches!(error, PublishError::Refused(Refusal::SubjectBusy)), "{error:?}");
    let over_http = Mounted::start(place.feeds().router()).await;
    let over_http = |version: &str, id: &str| {
        let event = serde_json::json!({
            "specversion": "1.0", "id": id, "source": "/shop", "type": "order.placed",
            "subject": "order-1",
        });
        over_http.post_json("/feeds/orders", &event).header("expected-version", version).send()
    };
    let answer = over_http("0", "2").await;
    assert!(answer.has("retry-after"));
    answer.expect_problem(503, "unavailable");
    // Other subjects are not held up, and this one is not once the transaction ends in time.
    publisher.publish_expecting("orders", placed_for("order-2", "3"), Some(0)).await.unwrap();
    let waiting = tokio::spawn({
        let publisher = publisher.clone();
        let event = event("2");
        async move { publisher.publish_expecting("orders", event, Some(1)).await }
    });
    Own::commit(own).await.unwrap();
    within("the publish", waiting).await.unwrap().unwrap();
    assert_eq!(place.ids(3).await, ["3", "1", "2"]);
    over_http("1", "4").await.expect_problem(412, "version-mismatch");
    over_http("2", "4").await.expect(201);
}

#[tokio::test]
async fn a_transaction_that_finds_no_feeds_is_told_so() {
    let place = InPostgres::new().await;
    let mut own = place.begin().await;
    own.run("CREATE SCHEMA elsewhere; SET LOCAL search_path = elsewhere").await.unwrap();
    let error = place.publisher().publish_in(&mut own, "orders", placed("1")).await.unwrap_err();
    let PublishError::Transaction(error) = error else { panic!("{error:?}") };
    assert!(matches!(*error, TransactionError::NoTables(_)), "{error:?}");
}

#[tokio::test]
async fn a_conflict_that_shows_only_at_the_relay_stops_nothing_and_is_kept_for_a_person() {
    let place = InPostgres::new().await;
    let publisher = place.publisher();
    let mut own = place.begin().await;
    publisher.publish_in(&mut own, "orders", placed_for("a", "1")).await.unwrap();
    publisher.publish_in(&mut own, "orders", placed_for("a", "2")).await.unwrap();
    // Nobody can know of the transaction before it commits.
    publisher.publish("orders", placed("1").json(&"other")).await.unwrap();
    Own::commit(own).await.unwrap();
    let mut own = place.begin().await;
    let receipt = publisher.publish_in(&mut own, "orders", placed_for("a", "3")).await.unwrap();
    Own::commit(own).await.unwrap();
    receipt.wake();
    assert_eq!(place.ids(3).await, ["1", "2", "3"]);
    let rejected: Vec<(String, i64)> = sqlx::query_as("SELECT id, existing FROM feed_rejected")
        .fetch_all(&place.pool)
        .await
        .unwrap();
    assert_eq!(rejected, [("1".to_owned(), 1)]);
    let server = Mounted::start(place.feeds().router()).await;
    let ready = server.get("/readyz").send().await.expect(200);
    assert_eq!(ready.json()["rejected"], 1);
    place.pool.execute("DELETE FROM feed_rejected").await.unwrap();
    let ready = server.get("/readyz").send().await.expect(200);
    assert_eq!(ready.json()["rejected"], 0);
}

#[tokio::test]
async fn more_than_one_transaction_holds_is_moved_in_order_before_a_direct_publish() {
    let place = InPostgres::new().await;
    let publisher = place.publisher();
    // Nobody relays meanwhile: the feed's lock is held.
    let mut lock = place.begin().await;
    lock.run("SELECT 1 FROM feed_heads FOR UPDATE").await.unwrap();
    let mut own = place.begin().await;
    // As a caller's own statement might do it, since thousands of publishes take long.
    own.run(
        "INSERT INTO feed_outbox (feed, iri, source, id, type, subject)
         SELECT key, 'tag:' || n, '/shop', n::text, 'order.placed', 'order-1'
         FROM feed_feeds, generate_series(1, 5000) AS number (n)
         WHERE name = 'orders' ORDER BY number.n",
    )
    .await
    .unwrap();
    for number in 0..20 {
        let large = placed(&format!("large-{number}")).data("text/plain", vec![b'x'; 1 << 20]);
        publisher.publish_in(&mut own, "orders", large).await.unwrap();
    }
    Own::commit(own).await.unwrap();
    let direct = tokio::spawn({
        let publisher = publisher.clone();
        async move { publisher.publish("orders", placed_for("order-1", "direct")).await }
    });
    Own::rollback(lock).await;
    let appended = within("the publish", direct).await.unwrap().unwrap();
    assert_eq!(appended.position.get(), 5021);
    let ids = place.ids(5021).await;
    let expected: Vec<String> = (1..=5000)
        .map(|n: u32| n.to_string())
        .chain((0..20).map(|n| format!("large-{n}")))
        .chain(["direct".to_owned()])
        .collect();
    assert!(ids == expected, "out of order");
}
