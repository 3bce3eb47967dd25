//! `feed-consumer parked`: events that were set aside, and what people have done about them.

use feed_tests::process::run;
use feed_tests::{ServerProcess, Subscription, eventually};
use serde_json::{Value, json};

/// A server with 5 orders, and a subscription that has handled them as the group `default`.
async fn handled() -> (ServerProcess, Subscription) {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(5).await;
    let subscription = Subscription::to(&server, "orders");
    assert_eq!(subscription.drain().await.len(), 5);
    (server, subscription)
}

#[tokio::test]
async fn where_nothing_is_parked_that_is_said() {
    let (_server, subscription) = handled().await;
    let list = subscription.parked(&["list"]).await.expect_code(0);
    assert_eq!(list.stdout, "No event is parked in consumer.db.\n");
    let list = subscription.parked(&["list", "--type", "order.placed"]).await.expect_code(0);
    assert_eq!(list.stdout, "No such event is parked in consumer.db.\n");
    assert_eq!(subscription.parked(&["list", "--json"]).await.expect_code(0).stdout, "");
    let retry = subscription.parked(&["retry", "--all"]).await.expect_code(0);
    assert_eq!(retry.stdout, "No such event is parked.\n");
}

#[tokio::test]
async fn what_is_not_parked_cannot_be_asked_for() {
    let (_server, subscription) = handled().await;
    let none = "no event is parked at position 3";
    for arguments in [
        &["show", "3"][..],
        &["retry", "3"],
        &["discard", "3", "--reason", "a test order"],
        &["edit", "3", "--data", "-"],
    ] {
        subscription.parked(arguments).await.expect_refusal(2, &[none]);
    }
    let several = subscription.parked(&["retry", "3", "4"]).await;
    assert_eq!(several.status.code(), Some(1), "{}", several.stderr);
    assert!(several.stdout.contains("3: it is not done: no event is parked"), "{}", several.stdout);
    let empty = subscription.parked(&["discard", "3", "--reason", ""]).await;
    empty.expect_refusal(2, &["the reason is empty"]);
    let filter = subscription.parked(&["retry", "3", "--type", "order.placed"]).await;
    filter.expect_refusal(2, &["--type", "--all"]);
}

#[tokio::test]
async fn of_several_subscriptions_one_has_to_be_named() {
    let (server, subscription) = handled().await;
    subscription.run(&["--print", "--until-idle", "--group", "late"]).await.expect_code(0);
    let several = subscription.parked(&["show", "3"]).await;
    several.expect_refusal(2, &["default in http", "late in http", "--group"]);
    let one = subscription.parked(&["show", "3", "--group", "late"]).await;
    one.expect_refusal(2, &["no event is parked at position 3"]);
    let url = server.url("/feeds/orders").to_string();
    let one = subscription.parked(&["show", "3", "--group", "late", "--feed", &url]).await;
    one.expect_refusal(2, &["no event is parked at position 3"]);
    let none = subscription.parked(&["show", "3", "--group", "lates"]).await;
    none.expect_refusal(2, &["no such subscription", "cursor show"]);
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_not_created() {
    let (_server, subscription) = handled().await;
    let list = subscription.program(&["parked", "list", "--database", "other.db"]);
    let list = feed_tests::process::run(list).await;
    list.expect_refusal(2, &["--database", "other.db does not exist"]);
}

/// A worker whose command fails for one subject while a file is there.
#[tokio::test]
async fn a_person_sees_what_is_parked_and_has_it_handled_with_what_waits_behind_it() {
    let server = ServerProcess::with_page_size(10).await;
    // Orders of three customers in turn.
    let events = (1..=30).map(|n| {
        json!({"specversion": "1.0", "id": format!("order-{n}"), "source": "/shop",
            "type": "order.placed", "subject": format!("customer-{}", n % 3), "data": {"n": n}})
    });
    server.publish("orders", &events.collect::<Vec<_>>()).await;
    let subscription = Subscription::to(&server, "orders");
    std::fs::write(subscription.file("broken"), "").unwrap();
    let exec = "if [ $FEED_EVENT_SUBJECT = customer-1 ] && [ -e broken ]; then exit 7; fi; \
                echo $FEED_EVENT_POSITION >> log";
    let consumer = subscription.start(&["--exec", exec]);
    let handled = || -> Vec<u64> {
        subscription.lines_of("log").iter().map(|line| line.parse().unwrap()).collect()
    };
    eventually("the others to be handled", async || (handled().len() == 20).then_some(())).await;
    assert!(handled().iter().all(|position| position % 3 != 1));
    eventually("the followers to be known", async || {
        let list = subscription.parked(&["list", "--json"]).await.expect_code(0);
        let parked: Value = serde_json::from_str(list.stdout.lines().next()?).unwrap();
        let error = parked["error"].as_str().unwrap();
        assert!(error.contains("exit status: 7"), "{error}");
        (parked["position"] == 1 && parked["followers"] == 9).then_some(())
    })
    .await;
    eventually("status to say so", async || {
        let status = subscription.program(&["status", "--database", "consumer.db"]);
        let status = run(status).await.expect_code(0);
        status.stdout.contains("1 parked: see `feed-consumer parked list`").then_some(())
    })
    .await;

    let waits = subscription.parked(&["show", "4"]).await;
    waits.expect_refusal(2, &["waits behind", "at position 1", "parked show 1"]);

    std::fs::remove_file(subscription.file("broken")).unwrap();
    let retry = subscription.parked(&["retry", "1"]).await.expect_code(0);
    assert_eq!(retry.stdout, "1: handled\n");
    eventually("those behind it", async || (handled().len() == 30).then_some(())).await;
    let of_customer: Vec<u64> = handled().into_iter().filter(|it| it % 3 == 1).collect();
    assert_eq!(of_customer, (1..=28).step_by(3).collect::<Vec<_>>());
    eventually("nothing to be parked", async || {
        let list = subscription.parked(&["list"]).await.expect_code(0);
        (list.stdout == "No event is parked in consumer.db.\n").then_some(())
    })
    .await;
    consumer.signal("TERM");
    consumer.ended().await.expect_code(0);
}

#[tokio::test]
async fn what_was_discarded_while_no_worker_ran_is_not_handled_again() {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(3).await;
    let subscription = Subscription::to(&server, "orders");
    let exec = "[ $FEED_EVENT_POSITION != 2 ] || { echo tried >> tries; exit 1; }";
    let run = ["--exec", exec, "--until-idle"];
    let ended = subscription.run(&run).await.expect_code(0);
    let said = |line: &str| line.contains("see `feed-consumer parked list`") && line.contains("=1");
    assert!(ended.stderr.lines().any(said), "{}", ended.stderr);
    let tries = subscription.lines_of("tries").len();
    let discard = ["discard", "2", "--reason", "a test order"];
    let discarded = subscription.parked(&discard).await.expect_code(0);
    assert!(discarded.stdout.contains("when a worker holds its shard"), "{}", discarded.stdout);
    subscription.run(&run).await.expect_code(0);
    let list = subscription.parked(&["list"]).await.expect_code(0);
    assert_eq!(list.stdout, "No event is parked in consumer.db.\n");
    assert_eq!(subscription.lines_of("tries").len(), tries);
}
