//! `feed-consumer pause` and `feed-consumer resume`, and what `feed-consumer status` says of shards
//! that do not go on.

use feed_tests::events::orders;
use feed_tests::postgres::Database;
use feed_tests::process::{Ended, Process, run};
use feed_tests::{ServerProcess, Subscription, eventually};
use serde_json::Value;

/// `feed-consumer` with a command and its arguments, on this database.
async fn asked(subscription: &Subscription, database: &str, arguments: &[&str]) -> Ended {
    run(subscription.program(&[arguments, &["--database", database]].concat())).await
}

async fn status(subscription: &Subscription, database: &str) -> Value {
    let ended = asked(subscription, database, &["status", "--json"]).await.expect_code(0);
    let value: Value = serde_json::from_str(&ended.stdout).unwrap();
    value["subscriptions"][0].clone()
}

/// How many events were handled.
async fn until_handled(subscription: &Subscription, count: usize) {
    eventually("events to be handled", async || {
        (subscription.lines_of("log").len() == count).then_some(())
    })
    .await;
}

async fn paused_and_resumed(database: &str) {
    let server = ServerProcess::with_page_size(10).await;
    server.publish("orders", &orders(1..=10)).await;
    let subscription = Subscription::to(&server, "orders");
    let url = server.url("/feeds/orders").to_string();
    let exec = "echo $FEED_EVENT_POSITION >> log";
    let start = || {
        let run = ["run", &url, "--exec", exec, "--shards", "4", "--lease", "2s"];
        let database = ["--database", database];
        Process::start(subscription.program(&[&run[..], &database].concat()))
    };
    let worker = start();
    until_handled(&subscription, 10).await;

    let pause = ["pause", "--reason", "the shop moves", "--as", "ann"];
    let said = asked(&subscription, database, &pause).await.expect_code(0).stdout;
    assert_eq!(said, format!("all 4 shards of the group \"default\" in {url}: paused\n"));
    worker.log_line(|line| line.contains("paused, see")).await;
    let again = ["pause", "--shard", "1,2", "--json"];
    let said = asked(&subscription, database, &again).await.expect_code(0).stdout;
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&said["paused"], &said["already"]),
        (&serde_json::json!([]), &serde_json::json!([1, 2]))
    );

    // Nothing that comes now is handled, by this worker or another.
    server.publish("orders", &orders(11..=30)).await;
    worker.kill().await;
    let worker = start();
    worker.log_line(|line| line.contains("paused, see")).await;
    let seen = eventually("the worker to know what there is", async || {
        Some(status(&subscription, database).await).filter(|it| it["lag_events"] == 20)
    })
    .await;
    for shard in seen["shards"].as_array().unwrap() {
        assert_eq!(
            (&shard["paused"]["who"], &shard["paused"]["reason"]),
            (&"ann".into(), &"the shop moves".into())
        );
    }
    let table = asked(&subscription, database, &["status"]).await.expect_code(0).stdout;
    assert!(table.contains("shards 0-3: paused by ann since 20"), "{table}");
    assert!(table.contains(": the shop moves\n"), "{table}");
    assert_eq!(subscription.lines_of("log").len(), 10);

    let resume = ["resume", "--shard", "3", "--json"];
    let said = asked(&subscription, database, &resume).await.expect_code(0).stdout;
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&said["resumed"], &said["already"]),
        (&serde_json::json!([3]), &serde_json::json!([]))
    );
    let said = asked(&subscription, database, &["resume"]).await.expect_code(0).stdout;
    assert!(said.contains("shards 0-2 of the group") && said.contains("they go on"), "{said}");
    assert!(said.contains("shard 3 of the group") && said.contains("not paused"), "{said}");
    until_handled(&subscription, 30).await;
    worker.signal("TERM");
    worker.ended().await.expect_code(0);
}

#[tokio::test]
async fn what_is_paused_stands_still_whoever_holds_it_until_it_is_resumed_in_sqlite() {
    paused_and_resumed("consumer.db").await;
}

#[tokio::test]
async fn what_is_paused_stands_still_whoever_holds_it_until_it_is_resumed_in_postgresql() {
    let database = Database::create().await;
    paused_and_resumed(database.url()).await;
}

#[tokio::test]
async fn what_cannot_be_paused_is_refused_with_the_remedy() {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(5).await;
    let subscription = Subscription::to(&server, "orders");
    let pause = async |arguments: &[&str]| {
        asked(&subscription, "consumer.db", &[&["pause"], arguments].concat()).await
    };
    pause(&[]).await.expect_refusal(2, &["--database", "does not exist"]);
    subscription.run(&["--print", "--until-idle", "--shards", "4"]).await.expect_code(0);
    pause(&["--shard", "4"]).await.expect_refusal(2, &["no shard 4", "from 0 to 3"]);
    pause(&["--group", "lates"]).await.expect_refusal(2, &["no such subscription", "cursor show"]);
    subscription.run(&["--print", "--until-idle", "--group", "late"]).await.expect_code(0);
    pause(&[]).await.expect_refusal(2, &["several subscriptions", "FEED and --group"]);
    pause(&["--group", "late"]).await.expect_code(0);
}

#[tokio::test]
async fn shards_that_rest_since_most_events_fail_are_shown_with_the_reason() {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(20).await;
    let subscription = Subscription::to(&server, "orders");
    let worker = subscription.start(&["--exec", "false", "--on-exhausted", "park"]);
    worker.log_line(|line| line.contains("acquired")).await;
    let seen = eventually("a shard to rest", async || {
        let seen = status(&subscription, "consumer.db").await;
        let rests = |it: &Value| it["resting"]["why"] == "most_fail";
        seen["shards"].as_array().unwrap().iter().any(rests).then_some(seen)
    })
    .await;
    assert_eq!(seen["lag_since"], "accepted");
    let table = eventually("the table to say so", async || {
        let table = asked(&subscription, "consumer.db", &["status", "--shards"]).await;
        Some(table.expect_code(0).stdout).filter(|it| it.contains("most events fail"))
    })
    .await;
    assert!(table.contains("  most fail\n"), "{table}");
}
