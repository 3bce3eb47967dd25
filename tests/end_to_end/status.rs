//! `feed-consumer status`: how subscriptions, their workers and their shards are doing.

use feed_tests::events::orders;
use feed_tests::process::{Ended, Process, run, run_with_input};
use feed_tests::site::{Page, Site};
use feed_tests::wait::eventually;
use feed_tests::{ServerProcess, Subscription, tools};
use serde_json::Value;

/// A document of other software.
const DOCUMENT: &str = "<feed xmlns='http://www.w3.org/2005/Atom'><id>urn:x:blog</id>\
    <title>Blog</title><updated>2026-01-01T00:00:00Z</updated><entry><id>urn:x:1</id>\
    <title>One</title><updated>2026-01-01T00:00:00Z</updated><content>text</content></entry></feed>";

async fn status(subscription: &Subscription, arguments: &[&str]) -> Ended {
    let all = [&["status"], arguments, &["--database", "consumer.db"]].concat();
    run(subscription.program(&all)).await
}

/// What `--json` says of the only subscription.
async fn only(subscription: &Subscription) -> Value {
    let ended = status(subscription, &["--json"]).await.expect_code(0);
    assert_eq!(ended.stdout.lines().count(), 1, "{}", ended.stdout);
    let value: Value = serde_json::from_str(&ended.stdout).unwrap();
    let all = value["subscriptions"].as_array().unwrap();
    assert_eq!(all.len(), 1, "{value}");
    all[0].clone()
}

/// The first look at the only subscription that is as wanted.
async fn seen(what: &str, subscription: &Subscription, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually(what, async || Some(only(subscription).await).filter(|it| wanted(it))).await
}

fn workers(status: &Value) -> &[Value] {
    status["workers"].as_array().unwrap()
}

/// How many shards each worker holds.
fn held(status: &Value) -> Vec<usize> {
    workers(status).iter().map(|it| it["shards"].as_array().unwrap().len()).collect()
}

fn is_caught_up(status: &Value) -> bool {
    status["lag_events"] == 0 && !workers(status).is_empty()
}

fn worker(subscription: &Subscription) -> Process {
    subscription.start(&["--exec", "true", "--lease", "1s", "--shards", "8"])
}

#[tokio::test]
async fn two_workers_share_the_shards_and_one_that_is_killed_leaves_them_to_the_other() {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(25).await;
    let subscription = Subscription::to(&server, "orders");
    let first = worker(&subscription);
    first.log_line(|line| line.contains("acquired")).await;
    let second = worker(&subscription);
    let shared =
        seen("shards to be shared", &subscription, |it| held(it) == [4, 4] && is_caught_up(it))
            .await;
    assert_eq!((&shared["head"], &shared["cursor"]), (&25.into(), &25.into()));
    assert_eq!((&shared["lag_seconds"], &shared["problem"]), (&0.0.into(), &Value::Null));
    for worker in workers(&shared) {
        assert_eq!(worker["is_alive"], true);
        assert_eq!(worker["report"]["schedule"], "live");
    }
    let name = |at: usize| {
        let worker = &workers(&shared)[at];
        format!("{}:{}", worker["host"].as_str().unwrap(), worker["process"])
    };
    for shard in shared["shards"].as_array().unwrap() {
        let holder = shard["holder"].as_str().unwrap();
        assert!(holder == name(0) || holder == name(1), "{holder}");
        assert!(shard["token"].as_u64().unwrap() >= 1);
        assert!(shard["lease_seconds"].as_f64().unwrap() <= 1.0);
    }
    let table = status(&subscription, &[]).await.expect_code(0).stdout;
    assert!(table.contains("position 25, nothing behind it; 8 shards, 2 workers"), "{table}");
    assert!(table.contains(&name(0)) && table.contains(&name(1)), "{table}");
    assert!(!table.contains("TOKEN") && !table.contains('\x1b'), "{table}");
    let table = status(&subscription, &["--shards"]).await.expect_code(0).stdout;
    assert_eq!(table.lines().skip_while(|it| !it.contains("TOKEN")).count(), 9, "{table}");

    first.kill().await;
    let left = seen("the other to hold all", &subscription, |it| held(it) == [8]).await;
    assert_eq!(workers(&left)[0]["worker"], workers(&shared)[1]["worker"]);
    second.log_line(|line| line.contains(&format!("taken over from worker {}", name(0)))).await;

    // Nobody is left to bury it.
    second.kill().await;
    let silent =
        seen("the last to fall silent", &subscription, |it| workers(it)[0]["is_alive"] == false)
            .await;
    assert_eq!((&silent["head"], &silent["lag_events"]), (&25.into(), &0.into()));
    let table = status(&subscription, &[]).await.expect_code(0).stdout;
    assert!(table.contains("no worker lives"), "{table}");
    assert!(table.contains(&format!("{} is silent", name(1))), "{table}");
}

#[tokio::test]
async fn what_fails_is_said_with_its_reason() {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(25).await;
    let subscription = Subscription::to(&server, "orders");
    let command = "test $FEED_EVENT_POSITION != 7";
    let worker = subscription.start(&[
        "--exec",
        command,
        "--schedule",
        "every:200ms",
        "--on-exhausted",
        "stop",
    ]);
    worker.log_line(|line| line.contains("was not handled")).await;
    let failing = seen("an event to be tried again", &subscription, |it| {
        it["cursor"] == 6
            && it["shards"].as_array().unwrap().iter().any(|it| !it["retrying"].is_null())
    })
    .await;
    let shards = failing["shards"].as_array().unwrap();
    let retrying = shards.iter().find_map(|it| it["retrying"].as_object()).unwrap();
    assert_eq!(retrying["position"], 7);
    assert!(retrying["attempts"].as_u64().unwrap() >= 1);
    assert!(retrying["error"].as_str().unwrap().contains("exit status"), "{retrying:?}");
    assert_eq!(failing["lag_events"], 19);
    let table = eventually("the table to say so", async || {
        let table = status(&subscription, &[]).await.expect_code(0).stdout;
        table.contains("waits for").then_some(table)
    })
    .await;
    assert!(table.contains("at position 7: failed "), "{table}");
    drop(server);
    let away = seen("the feed to be away", &subscription, |it| {
        workers(it)[0]["report"]["reading_failure"]["is_over"] == false
    })
    .await;
    // The worker knows where it ended.
    assert_eq!((&away["head"], &away["problem"]), (&25.into(), &Value::Null));
    let table = status(&subscription, &[]).await.expect_code(0).stdout;
    assert!(table.contains("cannot read the feed: failed "), "{table}");
}

#[tokio::test]
async fn while_nothing_runs_the_feed_says_where_it_ends() {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(25).await;
    let subscription = Subscription::to(&server, "orders");
    subscription.drain().await;
    server.publish("orders", &orders(26..=30)).await;
    let shown = only(&subscription).await;
    assert_eq!(
        (&shown["head"], &shown["cursor"], &shown["lag_events"]),
        (&30.into(), &25.into(), &5.into())
    );
    assert!(shown["lag_seconds"].as_f64().unwrap() < 60.0);
    assert!(workers(&shown).is_empty(), "{shown}");
    for (arguments, count) in [(&["--group", "default"][..], 1), (&["--group", "other"], 0)] {
        let json = status(&subscription, &[arguments, &["--json"]].concat()).await.expect_code(0);
        let value: Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(value["subscriptions"].as_array().unwrap().len(), count);
    }
    drop(server);
    let away = only(&subscription).await;
    assert_eq!((&away["head"], &away["lag_events"]), (&Value::Null, &Value::Null));
    assert!(away["problem"].as_str().unwrap().contains("cannot be read"), "{away}");
    let table = status(&subscription, &[]).await.expect_code(0).stdout;
    assert!(table.contains("where the feed ends is not known"), "{table}");
    let on_a_terminal = subscription.program(&["status", "--database", "consumer.db"]);
    let shown = run_with_input(tools::on_a_terminal(&on_a_terminal), b"").await.expect_code(0);
    assert!(shown.stdout.contains("\x1b[1mdefault\x1b[0m"), "{:?}", shown.stdout);
}

#[tokio::test]
async fn a_document_without_positions_is_shown_without_asking_for_it() {
    let site = Site::start(Page::atom(DOCUMENT)).await;
    let subscription = Subscription::to_url(site.url("/blog").as_str());
    assert_eq!(subscription.drain().await.len(), 1);
    let before = site.count().0;
    let shown = only(&subscription).await;
    assert_eq!(
        (&shown["cursor"], &shown["head"], &shown["problem"]),
        (&1.into(), &Value::Null, &Value::Null)
    );
    let table = status(&subscription, &[]).await.expect_code(0).stdout;
    assert!(table.contains("1 entry handled; 64 shards, no worker lives"), "{table}");
    assert_eq!(site.count().0, before);
}

#[tokio::test]
async fn it_is_watched_until_a_signal() {
    let server = ServerProcess::start().await;
    server.publish_orders(3).await;
    let subscription = Subscription::to(&server, "orders");
    subscription.drain().await;
    let watch = ["status", "--watch=100ms", "--json", "--database", "consumer.db"];
    let watching = Process::start(subscription.program(&watch));
    for line in watching.lines(3).await {
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["subscriptions"][0]["cursor"], 3);
    }
    watching.signal("INT");
    watching.ended().await.expect_code(0);
    let watching = Process::start(subscription.program(&[
        "status",
        "--watch=100ms",
        "--database",
        "consumer.db",
    ]));
    let lines = watching.lines(5).await;
    assert_eq!((&lines[0], &lines[2]), (&lines[3], &String::new()), "{lines:?}");
    watching.signal("INT");
    watching.ended().await.expect_code(0);
}

#[tokio::test]
async fn what_cannot_be_shown_is_refused_with_the_remedy() {
    let server = ServerProcess::start().await;
    let subscription = Subscription::to(&server, "orders");
    let refused = status(&subscription, &[]).await;
    refused.expect_refusal(2, &["--database", "does not exist", "name the one"]);
    assert!(!subscription.file("consumer.db").exists());
    for (arguments, names) in [
        (&["--watch=soon"][..], &["--watch", "'2s'"][..]),
        (&["--json", "--shards"], &["--json", "--shards"]),
    ] {
        status(&subscription, arguments).await.expect_refusal(2, names);
    }
}
