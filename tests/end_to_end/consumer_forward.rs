//! `feed-consumer run --forward`: each event as a request.

use std::sync::Arc;
use std::time::Duration;

use feed_tests::consumer::position_in;
use feed_tests::events::order;
use feed_tests::random::seeded;
use feed_tests::target::{Posted, Reply, Target};
use feed_tests::{ServerProcess, Subscription};
use rand::RngExt;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::Instant;

/// What is not handled stops the subscription.
const STOP: [&str; 2] = ["--on-exhausted", "stop"];

/// A server with orders 1 to `count`, and a subscription to them.
async fn subscribed(count: u64) -> (ServerProcess, Subscription) {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(count).await;
    let subscription = Subscription::to(&server, "orders");
    (server, subscription)
}

/// The arguments that forward to a target until there is nothing more.
fn forward<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["--forward", url, "--until-idle"], more].concat()
}

#[tokio::test]
async fn each_event_is_posted_once_and_in_order_with_its_attributes_and_its_data_as_it_was() {
    let (server, subscription) = subscribed(12).await;
    let data = "{ \"total\" : 1.50,\n \"text\": \"ü\" }";
    let request = server.post("/feeds/orders", "application/json", data.as_bytes());
    let request = request.header("ce-specversion", "1.0").header("ce-id", "spaced");
    let request = request.header("ce-source", "/shop").header("ce-type", "order.placed");
    request.header("ce-subject", "gr%C3%BC%C3%9Fe").send().await.expect(201);
    let bare = json!({"specversion": "1.0", "id": "bare", "source": "/shop", "type": "order.lost"});
    server.publish_one("orders", &bare).await;
    let target = Target::start(|_| Reply::status(204)).await;
    let url = target.url("/hooks/orders?key=1");
    subscription.run(&forward(&url, &[])).await.expect_code(0);
    assert_eq!(target.positions(), (1..=14).collect::<Vec<_>>());
    let posted = target.posted();
    assert!(posted.iter().all(|it| it.method == "POST" && it.path == "/hooks/orders?key=1"));
    for (n, posted) in (1..=12).zip(&posted) {
        assert_eq!(posted.header("ce-id"), order(n)["id"].as_str());
        assert_eq!(posted.header("content-type"), Some("application/json"));
        let data: serde_json::Value = serde_json::from_slice(&posted.body).unwrap();
        assert_eq!(data, order(n)["data"]);
    }
    assert_eq!(posted[12].body, data.as_bytes());
    assert_eq!(posted[12].header("ce-subject"), Some("gr%C3%BC%C3%9Fe"));
    assert_eq!(posted[13].header("ce-id"), Some("bare"));
    assert_eq!((posted[13].body.len(), posted[13].header("content-type")), (0, None));
    // Once more: there is nothing to send.
    subscription.run(&forward(&url, &[])).await.expect_code(0);
    assert_eq!(target.positions().len(), 14);
}

#[tokio::test]
async fn another_feed_takes_what_is_forwarded_to_it() {
    let (server, subscription) = subscribed(25).await;
    let url = server.url("/feeds/customers").to_string();
    for _ in 0..2 {
        subscription.run(&forward(&url, &[])).await.expect_code(0);
        // All of them again: the server knows them by source and id.
        let url = server.url("/feeds/orders").to_string();
        subscription.cursor(&["reset", &url, "--yes"]).await.expect_code(0);
    }
    let copies = Subscription::to(&server, "customers").drain().await;
    let ids: Vec<_> = copies.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect();
    let expected: Vec<_> = (1..=25).map(|n| order(n)["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn what_the_target_has_already_or_wants_no_more_is_done_and_counted() {
    let (_server, subscription) = subscribed(9).await;
    let target = Target::start(|posted| match posted.position() {
        2 | 3 | 5 => Reply::status(409),
        7 => Reply::status(410),
        _ => Reply::status(200),
    })
    .await;
    let ended = subscription.run(&forward(&target.url("/"), &[])).await.expect_code(0);
    assert_eq!(target.positions(), (1..=9).collect::<Vec<_>>());
    let said: Vec<_> = ended.stderr.lines().filter(|it| it.contains("the target had")).collect();
    assert_eq!(said.len(), 2, "once at first, and at the end: {}", ended.stderr);
    assert!(said[1].contains("had 3 of") && said[1].contains("wanted 1 no more"), "{}", said[1]);
}

#[tokio::test]
async fn where_nothing_is_parked_a_refusal_ends_the_subscription_with_what_the_target_said() {
    for status in [400, 401, 404, 413, 422] {
        let (_server, subscription) = subscribed(4).await;
        let target = Target::start(move |posted| match posted.position() {
            3 if posted.repeats == 0 => Reply::status(status),
            _ => Reply::status(200),
        })
        .await;
        let url = target.url("/hook?key=s3cret");
        let ended = subscription.run(&forward(&url, &STOP)).await.expect_code(3);
        let last = ended.stderr.lines().last().unwrap();
        for said in ["order-3", "position 3", &status.to_string(), "said", "/hook"] {
            assert!(last.contains(said), "{said}: {last}");
        }
        assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
        assert_eq!(target.positions(), [1, 2, 3]);
        subscription.run(&forward(&url, &[])).await.expect_code(0);
        assert_eq!(target.positions(), [1, 2, 3, 3, 4]);
    }
}

#[tokio::test]
async fn what_is_refused_is_parked_at_once_with_what_the_target_said_and_the_others_go_on() {
    let (_server, subscription) = subscribed(4).await;
    let target = Target::start(|posted| match posted.position() {
        3 if posted.repeats == 0 => Reply::status(422),
        _ => Reply::status(200),
    })
    .await;
    let url = target.url("/hook");
    subscription.run(&forward(&url, &[])).await.expect_code(0);
    assert_eq!(target.positions(), [1, 2, 3, 4]);
    let list = subscription.parked(&["list", "--json"]).await.expect_code(0);
    let parked: serde_json::Value = serde_json::from_str(&list.stdout).unwrap();
    assert_eq!((&parked["position"], &parked["attempts"]), (&json!(3), &json!(1)));
    assert!(parked["error"].as_str().unwrap().contains("422"), "{parked}");
    subscription.parked(&["retry", "3"]).await.expect_code(0);
    subscription.run(&forward(&url, &[])).await.expect_code(0);
    assert_eq!(target.positions(), [1, 2, 3, 4, 3]);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (_server, subscription) = subscribed(2).await;
    let elsewhere = Target::start(|_| Reply::status(200)).await;
    let to = elsewhere.url("/there?key=s3cret");
    let target = Target::start(move |_| Reply::Status(307, vec![("location", to.clone())])).await;
    let token = subscription.file("token");
    std::fs::write(&token, "t0ken\n").unwrap();
    let token = token.to_str().unwrap();
    let url = target.url("/");
    let more = ["--forward-token-file", token, "--on-exhausted", "stop"];
    let ended = subscription.run(&forward(&url, &more)).await;
    let ended = ended.expect_code(3);
    assert!(ended.stderr.contains("/there, and redirects are not followed"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    assert_eq!((target.positions(), elsewhere.positions()), (vec![1], vec![]));
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_the_events_behind_it_wait() {
    let (_server, subscription) = subscribed(8).await;
    let target = Target::start(|posted| match (posted.position(), posted.repeats) {
        (2, 0) => Reply::status(500),
        (2, 1) => Reply::status(503),
        (3, 0) => Reply::Cut,
        (4, 0) => Reply::status(429),
        (5, 0) => Reply::Silence,
        (6, 0) => Reply::status(408),
        // The status counts, not what comes of the body.
        (1, _) => Reply::Drips(200),
        (7, _) => Reply::Short(200),
        (8, 0) => Reply::Short(502),
        _ => Reply::status(200),
    })
    .await;
    let url = target.url("/");
    let more = [&STOP[..], &["--forward-timeout", "300ms", "--shards", "1"]].concat();
    let ended = subscription.run(&forward(&url, &more)).await;
    let ended = ended.expect_code(0);
    assert_eq!(target.positions(), [1, 2, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 8, 8]);
    assert!(ended.stderr.contains("no answer within 300ms"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_target_that_asks_for_a_wait_is_left_alone_for_so_long() {
    let (_server, subscription) = subscribed(2).await;
    let target = Target::start(|posted| match (posted.position(), posted.repeats) {
        (1, 0) => Reply::Status(503, vec![("retry-after", "2".to_owned())]),
        (2, _) => Reply::Status(429, vec![("retry-after", "600".to_owned())]),
        _ => Reply::status(200),
    })
    .await;
    let begun = Instant::now();
    let url = target.url("/");
    let ended = subscription
        .run(&forward(&url, &[&STOP[..], &["--give-up-after", "5s", "--shards", "1"]].concat()))
        .await
        .expect_code(3);
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    // Ten minutes are more than it bears.
    assert_eq!(target.positions(), [1, 1, 2]);
    assert!(ended.stderr.lines().last().unwrap().contains("429"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_target_that_is_down_is_waited_for() {
    let (_server, subscription) = subscribed(3).await;
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{unused}/");
    let more = [&STOP[..], &["--give-up-after", "300ms"]].concat();
    let ended = subscription.run(&forward(&url, &more)).await.expect_code(3);
    assert!(ended.stderr.contains("no answer"), "{}", ended.stderr);
    let target = Target::start(|_| Reply::status(200)).await;
    subscription.run(&forward(&target.url("/"), &[])).await.expect_code(0);
    assert_eq!(target.positions(), [1, 2, 3]);
}

#[tokio::test]
async fn secrets_come_from_files_or_variables_and_show_nowhere() {
    let (_server, subscription) = subscribed(1).await;
    let target = Target::start(|_| Reply::status(200)).await;
    for (name, text) in [("secret", "Jefe\n"), ("token", "t0ken\n"), ("fields", "X-Key: k3y\n")] {
        std::fs::write(subscription.file(name), text).unwrap();
    }
    let url = target.url("/");
    let more = [
        "--forward-secret-file",
        "secret",
        "--forward-token-file",
        "token",
        "--forward-header",
        "@fields",
        "--forward-header",
        "X-Team: shop",
        "--log",
        "trace",
    ];
    let by_files = subscription.run(&forward(&url, &more)).await.expect_code(0);
    let mut command = subscription.command(&forward(&url, &["--group", "other", "--log", "trace"]));
    command.env("FEED_CONSUMER_FORWARD_SECRET", "Jefe");
    command.env("FEED_CONSUMER_FORWARD_TOKEN", "t0ken");
    command.env("FEED_CONSUMER_FORWARD_HEADER", "X-Key: k3y\nX-Team: shop");
    let by_variables = feed_tests::process::run(command).await.expect_code(0);
    let fields = |posted: &Posted| {
        ["authorization", "x-hub-signature-256", "x-key", "x-team"]
            .map(|name| posted.header(name).unwrap_or_default().to_owned())
    };
    let [by_file, by_variable] = target.posted().try_into().unwrap();
    assert_eq!(fields(&by_file), fields(&by_variable));
    assert_eq!(by_file.header("authorization"), Some("Bearer t0ken"));
    let mut openssl = feed_tests::process::command("openssl");
    openssl.args(["dgst", "-sha256", "-hmac", "Jefe"]);
    let digest = feed_tests::process::run_with_input(openssl, &by_file.body).await.expect_code(0);
    let hex = digest.stdout.trim().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(by_file.header("x-hub-signature-256"), Some(&*format!("sha256={hex}")));
    for ended in [by_files, by_variables] {
        for secret in ["Jefe", "t0ken", "k3y"] {
            assert!(!ended.stderr.contains(secret), "{secret} is in the log: {}", ended.stderr);
        }
    }
}

#[tokio::test]
async fn a_killed_consumer_that_forwards_loses_nothing_and_repeats_at_most_one() {
    let mut random = seeded();
    let (_server, subscription) = subscribed(150).await;
    let target = Target::start(|_| Reply::status(200)).await;
    let url = target.url("/");
    let mut ends = Vec::new();
    for _ in 0..6 {
        let consumer = subscription.start(&["--forward", &url]);
        target.reached(target.posted().len() + random.random_range(1..20)).await;
        for _ in 0..random.random_range(0..200) {
            tokio::task::yield_now().await;
        }
        consumer.kill().await;
        ends.push(target.posted().len());
    }
    subscription.run(&forward(&url, &[])).await.expect_code(0);
    let positions = target.positions();
    // Each begins at most one event before the end of what was posted, and goes on from there.
    for (index, pair) in positions.windows(2).enumerate() {
        let is_beginning = ends.contains(&(index + 1));
        let expected = if is_beginning { pair[0]..=pair[0] + 1 } else { pair[0] + 1..=pair[0] + 1 };
        assert!(expected.contains(&pair[1]), "{pair:?} at {index}, runs end at {ends:?}");
    }
    assert_eq!((positions[0], *positions.last().unwrap()), (1, 150));
    println!("{} repeated in 6 kills", positions.len() - 150);
}

#[tokio::test]
async fn at_sigterm_the_request_in_hand_is_finished() {
    let (_server, subscription) = subscribed(3).await;
    let go = Arc::new(Notify::new());
    let told = Arc::clone(&go);
    let target = Target::start(move |posted| match posted.position() {
        1 => Reply::Once(Arc::clone(&told), 200),
        _ => Reply::status(200),
    })
    .await;
    let url = target.url("/");
    let consumer = subscription.start(&["--forward", &url]);
    target.reached(1).await;
    consumer.signal("TERM");
    go.notify_one();
    consumer.ended().await.expect_code(0);
    let after = subscription.run(&["--print", "--until-idle"]).await.expect_code(0);
    let handled = target.positions().len() as u64;
    let rest: Vec<_> = after.stdout.lines().map(position_in).collect();
    assert_eq!(rest, (handled + 1..=3).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_said_wrong_is_refused_before_anything_is_read() {
    let subscription = Subscription::to_url("http://127.0.0.1:9/feeds/orders");
    for (arguments, names) in [
        (&["--forward", "hooks"][..], &["--forward (FEED_CONSUMER_FORWARD)", "such as https"][..]),
        (&["--forward", "http://h/", "--print"], &["--print", "--forward", "leave the other out"]),
        (&["--print", "--forward-timeout", "1s"], &["--forward-timeout", "no --forward"]),
        (
            &["--forward", "http://h/", "--forward-secret-file", "none"],
            &["--forward-secret-file (FEED_CONSUMER_FORWARD_SECRET_FILE)", "cannot read none"],
        ),
        (
            &["--forward", "http://h/", "--forward-header", "Host: x"],
            &["--forward-header (FEED_CONSUMER_FORWARD_HEADER)", "host is decided"],
        ),
    ] {
        subscription.run(arguments).await.expect_refusal(2, names);
    }
}
