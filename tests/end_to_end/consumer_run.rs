//! `feed-consumer run`: what it delivers, when it ends, what it refuses.

use std::time::Duration;

use feed_tests::consumer::{position, position_in};
use feed_tests::events::{order, orders};
use feed_tests::process::{Process, command, run};
use feed_tests::{ServerProcess, Subscription, binaries, eventually};
use serde_json::{Value, json};
use tokio::time::Instant;

/// The last line on standard error, which says why the program ended.
fn last_line(stderr: &str) -> &str {
    stderr.lines().last().unwrap_or_default()
}

#[tokio::test]
async fn every_event_is_printed_once_and_in_order_until_there_are_no_more() {
    for page_size in [1, 7, 100] {
        let server = ServerProcess::with_page_size(page_size).await;
        let subscription = Subscription::to(&server, "orders");
        assert_eq!(subscription.drain().await, Vec::<Value>::new());
        server.publish_orders(60).await;
        let events = subscription.drain().await;
        assert_eq!(events.len(), 60);
        for (n, event) in (1..).zip(&events) {
            assert_eq!(position(event), n);
            for (name, value) in order(n).as_object().unwrap() {
                assert_eq!(&event[name], value);
            }
        }
        assert!(subscription.drain_positions().await.is_empty());
        server.publish("orders", &orders(61..=63)).await;
        assert_eq!(subscription.drain_positions().await, [61, 62, 63]);
    }
}

#[tokio::test]
async fn each_group_and_each_feed_has_a_cursor_of_its_own() {
    let server = ServerProcess::start().await;
    server.publish_orders(3).await;
    server.publish("customers", &orders(1..=2)).await;
    let subscription = Subscription::to(&server, "orders");
    let printed = async |arguments: &[&str]| {
        let ended = subscription.run(&[arguments, &["--print", "--until-idle"]].concat()).await;
        ended.expect_code(0).stdout.lines().count()
    };
    assert_eq!(printed(&[]).await, 3);
    assert_eq!(printed(&["--group", "default"]).await, 0);
    assert_eq!(printed(&["--group", "billing"]).await, 3);
    assert_eq!(printed(&["--group", "billing"]).await, 0);
    let mut customers = command(binaries::feed_consumer());
    let url = server.url("/feeds/customers").to_string();
    customers.args(["run", &url, "--print", "--until-idle", "--database"]);
    customers.arg(subscription.file("consumer.db"));
    assert_eq!(run(customers).await.expect_code(0).stdout.lines().count(), 2);
}

#[tokio::test]
async fn a_live_consumer_prints_an_event_as_soon_as_it_is_published() {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(5).await;
    let subscription = Subscription::to(&server, "orders");
    let consumer = subscription.start(&["--print", "--schedule", "live"]);
    consumer.lines(5).await;
    let begun = Instant::now();
    for n in 6..=30 {
        server.publish_one("orders", &order(n)).await;
        let line = consumer.line(n as usize - 1, |_| true).await;
        assert_eq!(position_in(&line), n);
    }
    let each = begun.elapsed() / 25;
    assert!(each < Duration::from_millis(500), "{each:?} from publish to print");
    consumer.signal("TERM");
    consumer.ended().await.expect_code(0);
}

#[tokio::test]
async fn a_consumer_that_asks_at_an_interval_prints_what_came_meanwhile() {
    let server = ServerProcess::with_page_size(3).await;
    let subscription = Subscription::to(&server, "orders");
    let consumer = subscription.start(&["--print", "--schedule", "every:50ms"]);
    for n in 1..=20 {
        server.publish("orders", &orders(n * 5 - 4..=n * 5)).await;
        if n % 5 == 0 {
            consumer.lines(n as usize * 5).await;
        }
    }
    let positions: Vec<_> = consumer.lines(100).await.iter().map(|it| position_in(it)).collect();
    assert_eq!(positions, (1..=100).collect::<Vec<_>>());
}

#[tokio::test]
async fn from_now_leaves_out_what_was_there() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(8).await;
    let subscription = Subscription::to(&server, "orders");
    let now = ["--print", "--until-idle", "--from", "now"];
    assert_eq!(subscription.run(&now).await.expect_code(0).stdout, "");
    server.publish("orders", &orders(9..=10)).await;
    // The place is where a new subscription begins; this one goes on.
    server.publish("orders", &orders(11..=11)).await;
    let ended = subscription.run(&now).await.expect_code(0);
    let positions: Vec<_> = ended.stdout.lines().map(position_in).collect();
    assert_eq!(positions, [9, 10, 11]);
    let other = Subscription::to(&server, "orders");
    assert_eq!(other.drain_positions().await, (1..=11).collect::<Vec<_>>());
}

#[tokio::test]
async fn at_sigterm_the_cursor_stands_behind_what_was_printed() {
    for signal in ["TERM", "INT"] {
        let server = ServerProcess::with_page_size(10).await;
        server.publish_orders(25).await;
        let subscription = Subscription::to(&server, "orders");
        let consumer = subscription.start(&["--print"]);
        consumer.lines(25).await;
        consumer.signal(signal);
        let ended = consumer.ended().await.expect_code(0);
        assert_eq!(ended.stdout.lines().count(), 25);
        server.publish("orders", &orders(26..=27)).await;
        assert_eq!(subscription.drain_positions().await, [26, 27]);
    }
}

#[tokio::test]
async fn an_event_is_one_line_whatever_its_data_is() {
    let server = ServerProcess::start().await;
    let data: [(&str, &[u8]); 6] = [
        ("application/json", b"{\n  \"a\": 1.50,\r\n  \"b\": \"\\n\"\n}"),
        ("application/json", b" [1] "),
        ("text/plain; charset=utf-8", "a\nb\r\n\u{2028}ü🎉\0\u{FFFF}".as_bytes()),
        ("text/plain", b"\xff\xfe"),
        ("application/octet-stream", b""),
        ("application/json", b"null"),
    ];
    for (n, (media_type, data)) in (1..).zip(data) {
        let request = server
            .post("/feeds/orders", media_type, data)
            .header("ce-specversion", "1.0")
            .header("ce-id", &n.to_string())
            .header("ce-source", "/shop")
            .header("ce-type", "order.placed");
        request.send().await.expect(201);
    }
    let absent = json!({"specversion": "1.0", "id": "7", "source": "/shop", "type": "order.lost"});
    server.publish_one("orders", &absent).await;
    let subscription = Subscription::to(&server, "orders");
    let ended = subscription.run(&["--print", "--until-idle"]).await.expect_code(0);
    let events: Vec<_> = ended
        .stdout
        .lines()
        .map(|line| feed_protocol::cloudevents::read_recorded(line.as_bytes()).unwrap().event)
        .collect();
    assert_eq!(events.len(), 7);
    for (event, (media_type, data)) in events.iter().zip(data) {
        assert_eq!(event.data_content_type().unwrap().as_str(), media_type);
        let printed = event.data().unwrap().as_ref();
        if printed != data {
            // Only the white space between the tokens of JSON may differ.
            let json = |bytes| serde_json::from_slice::<Value>(bytes).unwrap();
            assert_eq!(media_type, "application/json");
            assert_eq!(json(printed), json(data));
        }
    }
    assert_eq!(events[6].data(), None);
}

#[tokio::test]
async fn when_nobody_reads_any_more_it_ends_and_says_so() {
    let server = ServerProcess::start().await;
    server.publish_orders(5).await;
    let subscription = Subscription::to(&server, "orders");
    let print = subscription.command(&["--print"]);
    let mut piped = command("sh");
    piped.args(["-c", "{ \"$0\" \"$@\"; echo $? > code; } | head -n 2"]);
    piped.arg(print.get_program()).args(print.get_args()).current_dir(subscription.file(""));
    let piped = feed_tests::process::Process::start(piped);
    piped.lines(2).await;
    // It notices when it has something to say.
    for n in 6..=8 {
        server.publish_one("orders", &order(n)).await;
    }
    let ended = piped.ended().await.expect_code(0);
    assert_eq!(subscription.lines_of("code"), ["4"]);
    assert!(last_line(&ended.stderr).contains("nobody reads"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_server_that_restarts_costs_nothing_and_doubles_nothing() {
    let mut server = ServerProcess::with_page_size(10).await;
    server.publish_orders(15).await;
    let subscription = Subscription::to(&server, "orders");
    let consumer = subscription.start(&["--print"]);
    consumer.lines(15).await;
    for round in 1..=3 {
        server = server.killed_and_restarted().await;
        let from = round * 15;
        server.publish("orders", &orders(from + 1..=from + 15)).await;
        consumer.lines((from + 15) as usize).await;
    }
    let positions: Vec<_> = consumer.stdout().iter().map(|line| position_in(line)).collect();
    assert_eq!(positions, (1..=60).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_server_that_is_not_there_yet_is_waited_for() {
    let server = ServerProcess::start().await;
    server.publish_orders(3).await;
    let subscription = Subscription::to(&server, "orders");
    let options = server.kill().await;
    let consumer = subscription.start(&["--print", "--until-idle"]);
    consumer.log_line(|line| line.contains("next try in")).await;
    let _server = options.start().await;
    assert_eq!(consumer.ended().await.expect_code(0).stdout.lines().count(), 3);
    // And given up, if somebody said when.
    let subscription = Subscription::to_url("http://127.0.0.1:1/feeds/orders");
    let ended = subscription.run(&["--print", "--until-idle", "--give-up-after", "300ms"]).await;
    let ended = ended.expect_code(1);
    assert!(last_line(&ended.stderr).starts_with("feed-consumer: "), "{}", ended.stderr);
    assert!(last_line(&ended.stderr).contains("127.0.0.1:1"), "{}", ended.stderr);
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_with_one_line() {
    let server = ServerProcess::start().await;
    let subscription = Subscription::to(&server, "orders");
    for (arguments, names) in [
        (&[][..], &["--print", "--exec"][..]),
        (&["--print", "--exec", "true"], &["--print", "--exec"]),
        (&["--exec", ""], &["--exec"]),
        (&["--print", "--schedule", "5s"], &["--schedule", "every:5s"]),
        (&["--print", "--schedule", "every:0s"], &["--schedule"]),
        (&["--print", "--from", "yesterday"], &["--from", "beginning"]),
        (&["--print", "--group", ""], &["--group"]),
        (&["--print", "--unknown"], &["--unknown"]),
    ] {
        subscription.run(arguments).await.expect_refusal(2, names);
    }
    let mut misspelt = subscription.command(&["--print", "--until-idle"]);
    misspelt.env("FEED_CONSUMER_GRUOP", "billing");
    run(misspelt).await.expect_refusal(2, &["FEED_CONSUMER_GRUOP", "FEED_CONSUMER_GROUP"]);
    for url in ["nonsense", "ftp://a/b", "http://", "/feeds/orders"] {
        let bad = Subscription::to_url(url);
        bad.run(&["--print"]).await.expect_refusal(2, &["URL"]);
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_one_is_named() {
    let server = ServerProcess::start().await;
    server.publish_orders(1).await;
    let subscription = Subscription::to(&server, "orders");
    std::fs::create_dir(subscription.file("folder")).unwrap();
    std::fs::write(subscription.file("text.db"), "This is no database. ".repeat(100)).unwrap();
    let url = server.url("/feeds/orders").to_string();
    for (name, says) in [
        ("folder", "folder"),
        ("text.db", "text.db"),
        ("missing/consumer.db", "missing/consumer.db"),
        ("mysql://a/b", "mysql://a/b"),
        ("postgres://me:s3cret@127.0.0.1:1/b", "b at 127.0.0.1:1 cannot be reached"),
        ("", ""),
    ] {
        let mut consumer = command(binaries::feed_consumer());
        consumer.args(["run", &url, "--print", "--until-idle", "--database", name]);
        consumer.current_dir(subscription.file(""));
        run(consumer).await.expect_refusal(2, &["--database", says]);
    }
}

#[tokio::test]
async fn help_names_every_option() {
    let mut help = command(binaries::feed_consumer());
    help.args(["run", "--help"]);
    let help = run(help).await.expect_code(0).stdout;
    for mention in [
        "--group",
        "--database",
        "--from",
        "beginning",
        "now",
        "--schedule",
        "every:5s",
        "live",
        "--print",
        "--exec",
        "--until-idle",
        "FEED_CONSUMER_GROUP",
    ] {
        assert!(help.contains(mention), "{mention} is not in {help}");
    }
}

#[tokio::test]
async fn two_consumers_of_one_group_share_the_feed_and_handle_each_event_once() {
    let server = ServerProcess::with_page_size(10).await;
    let subscription = Subscription::to(&server, "orders");
    let one = subscription.start(&["--print"]);
    one.log_line(|line| line.contains("new subscription")).await;
    let two = subscription.start(&["--print"]);
    two.log_line(|line| line.contains("going on")).await;
    let handled = |consumer: &Process| -> Vec<u64> {
        consumer.stdout().iter().map(|line| position_in(line)).collect()
    };
    let mut n = 0;
    eventually("both to have a part in it", async || {
        n += 1;
        server.publish_one("orders", &order(n)).await;
        (handled(&one).len() > 20 && handled(&two).len() > 20).then_some(())
    })
    .await;
    eventually("all to be handled", async || {
        (handled(&one).len() + handled(&two).len() >= n as usize).then_some(())
    })
    .await;
    let mut all: Vec<_> = [handled(&one), handled(&two)].concat();
    all.sort_unstable();
    assert_eq!(all, (1..=n).collect::<Vec<_>>());
    for consumer in [one, two] {
        consumer.signal("TERM");
        consumer.ended().await.expect_code(0);
    }
}

#[tokio::test]
async fn workers_that_end_by_themselves_do_not_end_before_all_is_handled() {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(12).await;
    let subscription = Subscription::to(&server, "orders");
    let exec = "sleep 0.3; echo $FEED_EVENT_POSITION >> log";
    let arguments = ["--exec", exec, "--shards", "1", "--until-idle"];
    let workers: Vec<_> = (0..3).map(|_| subscription.start(&arguments)).collect();
    for worker in workers {
        let ended = worker.ended().await.expect_code(0);
        let last = last_line(&ended.stderr).to_owned();
        assert_eq!(subscription.lines_of("log").len(), 12, "{last}");
    }
}
