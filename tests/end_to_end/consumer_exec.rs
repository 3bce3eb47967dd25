//! `feed-consumer run --exec`: a command for each event.

use feed_tests::events::{order, orders};
use feed_tests::process::Process;
use feed_tests::{ServerProcess, Subscription, eventually};
use serde_json::{Value, json};

/// A command that appends the event's position to a file, and then runs this.
fn logged(then: &str) -> String {
    format!("echo \"$FEED_EVENT_POSITION\" >> log; {then}")
}

fn positions(subscription: &Subscription) -> Vec<u64> {
    subscription.lines_of("log").iter().map(|line| line.parse().unwrap()).collect()
}

#[tokio::test]
async fn a_command_runs_once_for_each_event_and_in_order() {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(33).await;
    let subscription = Subscription::to(&server, "orders");
    let exec = logged("true");
    let arguments = ["--exec", &exec, "--until-idle"];
    subscription.run(&arguments).await.expect_code(0);
    assert_eq!(positions(&subscription), (1..=33).collect::<Vec<_>>());
    server.publish("orders", &orders(34..=35)).await;
    subscription.run(&arguments).await.expect_code(0);
    assert_eq!(positions(&subscription), (1..=35).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_event_is_on_standard_input_and_its_attributes_in_the_environment() {
    let server = ServerProcess::start().await;
    let mut event = order(1);
    event["time"] = json!("2021-01-01T02:00:00.120+02:00");
    event["dataschema"] = json!("https://shop.example/1");
    event["subject"] = json!("grüße $(x) `y` \"z\" 'a'");
    event["tenant"] = json!("blue; exit 1");
    event["retries"] = json!(-3);
    event["data"] = json!({"text": "a'b\"c$(d)`e`\\n\u{1F389}"});
    let bare = json!({"specversion": "1.0", "id": "bare", "source": "/shop", "type": "order.lost"});
    server.publish("orders", &[event.clone(), bare]).await;
    let subscription = Subscription::to(&server, "orders");
    let exec = "cat > \"in-$FEED_EVENT_POSITION\"; env -0 > \"env-$FEED_EVENT_POSITION\"";
    subscription.run(&["--exec", exec, "--until-idle", "--shards", "1"]).await.expect_code(0);
    let environment = |n: u64| -> Vec<(String, String)> {
        let text = std::fs::read_to_string(subscription.file(&format!("env-{n}"))).unwrap();
        let pairs = text.split('\0').filter_map(|it| it.split_once('='));
        let ours = pairs.filter(|(name, _)| name.starts_with("FEED_EVENT_"));
        let mut ours: Vec<_> =
            ours.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        ours.sort();
        ours
    };
    let input = |n: u64| -> Value {
        let bytes = std::fs::read(subscription.file(&format!("in-{n}"))).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    let mut seen = input(1);
    let updated = seen["feedupdated"].as_str().unwrap().to_owned();
    seen.as_object_mut().unwrap().retain(|name, _| !name.starts_with("feed"));
    assert_eq!(seen, event);
    let expected = [
        ("DATACONTENTTYPE", "application/json"),
        ("DATASCHEMA", "https://shop.example/1"),
        ("EXT_RETRIES", "-3"),
        ("EXT_TENANT", "blue; exit 1"),
        ("ID", "order-1"),
        ("POSITION", "1"),
        ("SHARD", "0"),
        ("SOURCE", "/shop"),
        ("SUBJECT", "grüße $(x) `y` \"z\" 'a'"),
        ("TIME", "2021-01-01T02:00:00.120+02:00"),
        ("TOKEN", "1"),
        ("TYPE", "order.placed"),
        ("UPDATED", &updated),
    ];
    let expected = expected.map(|(name, value)| (format!("FEED_EVENT_{name}"), value.to_owned()));
    assert_eq!(environment(1), expected);
    // What the event before had is not left over.
    let names: Vec<_> = environment(2).into_iter().map(|(name, _)| name).collect();
    let expected = ["ID", "POSITION", "SHARD", "SOURCE", "TOKEN", "TYPE", "UPDATED"]
        .map(|it| format!("FEED_EVENT_{it}"));
    assert_eq!(names, expected);
    assert!(input(2).get("data").is_none());
}

#[tokio::test]
async fn a_failing_event_is_tried_again_and_those_behind_it_wait() {
    let server = ServerProcess::start().await;
    server.publish_orders(5).await;
    let subscription = Subscription::to(&server, "orders");
    // Event 3 fails twice: once by its exit code, once by a signal.
    let exec = logged(
        "if [ \"$FEED_EVENT_POSITION\" = 3 ]; then \
           if [ ! -e once ]; then touch once; exit 7; fi; \
           if [ ! -e twice ]; then touch twice; kill -KILL $$; fi; \
         fi",
    );
    let one = ["--exec", &exec, "--until-idle", "--shards", "1", "--on-exhausted", "stop"];
    let ended = subscription.run(&one).await.expect_code(0);
    assert_eq!(positions(&subscription), [1, 2, 3, 3, 3, 4, 5]);
    let warnings = ended.stderr.lines().filter(|line| line.contains("not handled")).count();
    assert_eq!(warnings, 2, "{}", ended.stderr);
}

#[tokio::test]
async fn where_nothing_is_parked_the_cursor_does_not_move_past_an_event_that_fails() {
    let server = ServerProcess::start().await;
    server.publish_orders(5).await;
    let subscription = Subscription::to(&server, "orders");
    let failing = logged("[ \"$FEED_EVENT_POSITION\" != 3 ]");
    let stop = ["--exec", &failing, "--shards", "1", "--on-exhausted", "stop"];
    let give_up = [&stop[..], &["--until-idle", "--give-up-after", "500ms"]].concat();
    let ended = subscription.run(&give_up).await.expect_code(3);
    let last = ended.stderr.lines().last().unwrap();
    assert!(last.starts_with("feed-consumer: "), "{last}");
    assert!(last.contains("order-3") && last.contains("position 3"), "{last}");
    let tried = positions(&subscription);
    assert_eq!(tried[..3], [1, 2, 3]);
    assert!(tried[3..].iter().all(|it| *it == 3), "{tried:?}");
    // By a kill as well, it stands where it stood.
    let consumer = subscription.start(&stop);
    consumer.log_line(|line| line.contains("not handled")).await;
    consumer.kill().await;
    assert_eq!(*positions(&subscription).last().unwrap(), 3);
    let mended = logged("true");
    let before = positions(&subscription).len();
    subscription.run(&["--exec", &mended, "--until-idle"]).await.expect_code(0);
    assert_eq!(positions(&subscription)[before..], [3, 4, 5]);
}

#[tokio::test]
async fn a_command_that_reads_nothing_or_says_much_does_no_harm() {
    let server = ServerProcess::start().await;
    let mut event = order(1);
    event["data"] = json!("x".repeat(1_000_000));
    server.publish_one("orders", &event).await;
    server.publish("orders", &orders(2..=3)).await;
    let subscription = Subscription::to(&server, "orders");
    let exec = logged("head -c 300000 /dev/zero | tr '\\0' 'a'; head -c 300000 /dev/zero >&2");
    subscription.run(&["--exec", &exec, "--until-idle"]).await.expect_code(0);
    assert_eq!(positions(&subscription), [1, 2, 3]);
    // One that is not there fails like any other.
    let other = Subscription::to(&server, "orders");
    let ended = other.run(&["--exec", "no-such-command", "--until-idle"]).await.expect_code(0);
    let parked = ended.stderr.lines().filter(|line| line.contains("the event is parked"));
    assert_eq!(parked.filter(|line| line.contains("127")).count(), 3, "{}", ended.stderr);
}

#[tokio::test]
async fn at_sigterm_the_event_in_hand_is_finished() {
    let server = ServerProcess::start().await;
    server.publish_orders(3).await;
    let subscription = Subscription::to(&server, "orders");
    // It waits for a file, and so is in hand when the signal comes.
    let exec =
        "touch begun; while [ ! -e go ]; do sleep 0.01; done; echo $FEED_EVENT_POSITION >> log";
    let consumer: Process = subscription.start(&["--exec", exec]);
    eventually("the first event to be in hand", async || {
        subscription.file("begun").exists().then_some(())
    })
    .await;
    consumer.signal("TERM");
    std::fs::write(subscription.file("go"), "").unwrap();
    consumer.ended().await.expect_code(0);
    let handled = positions(&subscription);
    assert!(!handled.is_empty(), "the event in hand was not finished");
    let exec = logged("true");
    subscription.run(&["--exec", &exec, "--until-idle"]).await.expect_code(0);
    assert_eq!(positions(&subscription), [1, 2, 3]);
}
