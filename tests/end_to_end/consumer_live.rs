//! A live `feed-consumer`: by stream, and by what is left where no stream comes through.

use std::time::Duration;

use feed_tests::consumer::position_in;
use feed_tests::events::{order, orders, typed};
use feed_tests::gateway::{Gateway, Manner};
use feed_tests::process::Process;
use feed_tests::random::seeded;
use feed_tests::{ServerOptions, ServerProcess, Subscription, eventually};
use rand::RngExt;

const STREAM: &str = "accept: text/event-stream";
const LONG_POLL: &str = "prefer: wait=";

const BY_STREAM: &str = "news come by stream of events";
const BY_LONG_POLL: &str = "news come by long poll";
const BY_REQUESTS: &str = "news come by requests now and then";

/// That a consumer prints the positions from 1 to `count`, each once and in order.
async fn assert_printed(consumer: &Process, count: u64) {
    let lines = consumer.lines(usize::try_from(count).unwrap()).await;
    let positions: Vec<_> = lines.iter().map(|line| position_in(line)).collect();
    assert_eq!(positions, (1..=count).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_live_consumer_follows_the_stream_and_asks_for_nothing_else() {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(25).await;
    let gateway = Gateway::before(server.address()).await;
    let subscription = Subscription::to(gateway.http(), "orders");
    let consumer = subscription.start(&["--print"]);
    consumer.log_line(|line| line.contains(BY_STREAM)).await;
    assert_printed(&consumer, 25).await;
    let asked = gateway.asked("").len();
    for n in 26..=75 {
        server.publish_one("orders", &order(n)).await;
    }
    server.publish("orders", &orders(76..=500)).await;
    assert_printed(&consumer, 500).await;
    assert_eq!((gateway.asked(STREAM).len(), gateway.asked(LONG_POLL).len()), (1, 0));
    // It looks at its last event again when news follow a rest; on a busy machine more than once.
    let looks = gateway.asked("").len() - asked;
    assert!(looks <= 10, "{looks}: {:?}", gateway.asked(""));
    consumer.signal("TERM");
    consumer.ended().await.expect_code(0);
}

#[tokio::test]
async fn under_a_filter_a_stream_moves_the_cursor_past_what_it_does_not_show() {
    let server = ServerOptions::default().setting("heartbeat_seconds = 1").start().await;
    let url = server.url("/feeds/orders?type=rare").to_string();
    let subscription = Subscription::to_url(&url);
    let consumer = subscription.start(&["--print"]);
    consumer.log_line(|line| line.contains(BY_STREAM)).await;
    server.publish("orders", &orders(1..=10)).await;
    server.publish_one("orders", &typed("rare", 11)).await;
    server.publish("orders", &orders(12..=20)).await;
    assert_eq!(position_in(&consumer.line(0, |_| true).await), 11);
    // The next heartbeat tells where the feed stands, and the cursor goes there.
    eventually("the cursor to pass the rest", async || {
        let log = subscription.run(&["--print", "--until-idle"]).await;
        log.stderr.contains("position=20").then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_a_gateway_collects_comes_by_long_poll_until_it_passes_it_on() {
    let server = ServerProcess::start().await;
    server.publish_orders(3).await;
    let gateway = Gateway::before(server.address()).await;
    gateway.set(Manner::Collecting);
    let subscription = Subscription::to(gateway.http(), "orders");
    let consumer = subscription.start(&["--print"]);
    consumer.log_line(|line| line.contains(BY_LONG_POLL)).await;
    assert_printed(&consumer, 3).await;
    server.publish("orders", &orders(4..=6)).await;
    assert_printed(&consumer, 6).await;
    assert!(!gateway.asked(LONG_POLL).is_empty());
    gateway.set(Manner::Open);
    // What is being collected keeps the manner in which it began.
    gateway.cut();
    let tried = gateway.asked(STREAM).len();
    server.publish_one("orders", &order(7)).await;
    consumer.log_line(|line| line.contains(BY_STREAM)).await;
    assert_eq!(gateway.asked(STREAM).len(), tried + 1);
    server.publish("orders", &orders(8..=10)).await;
    assert_printed(&consumer, 10).await;
}

#[tokio::test]
async fn where_nothing_may_last_a_live_consumer_asks_now_and_then() {
    let server = ServerProcess::start().await;
    server.publish_orders(3).await;
    let gateway = Gateway::before(server.address()).await;
    gateway.set(Manner::Impatient(Duration::from_millis(1200)));
    let subscription = Subscription::to(gateway.http(), "orders");
    let consumer = subscription.start(&["--print"]);
    consumer.log_line(|line| line.contains(BY_LONG_POLL)).await;
    consumer.log_line(|line| line.contains(BY_REQUESTS)).await;
    for n in 2..=4 {
        server.publish("orders", &orders(n * 3 - 2..=n * 3)).await;
        assert_printed(&consumer, n * 3).await;
    }
    let log = consumer.stderr();
    let said = |what: &str| log.iter().filter(|line| line.contains(what)).count();
    assert_eq!((said(BY_LONG_POLL), said(BY_REQUESTS)), (1, 1), "each change once: {log:#?}");
}

#[tokio::test]
async fn however_often_a_stream_is_cut_nothing_is_lost_or_printed_twice() {
    let mut random = seeded();
    let server = ServerProcess::with_page_size(7).await;
    let gateway = Gateway::before(server.address()).await;
    let subscription = Subscription::to(gateway.http(), "orders");
    let consumer = subscription.start(&["--print"]);
    let mut count = 0;
    for _ in 0..60 {
        let more = random.random_range(1..20);
        server.publish("orders", &orders(count + 1..=count + more)).await;
        count += more;
        if random.random_range(0..3) == 0 {
            gateway.cut();
        }
        if random.random_range(0..6) == 0 {
            assert_printed(&consumer, count).await;
        }
    }
    assert_printed(&consumer, count).await;
}

#[tokio::test]
async fn a_server_that_restarts_is_followed_again() {
    let mut server = ServerProcess::with_page_size(7).await;
    let subscription = Subscription::to(&server, "orders");
    let consumer = subscription.start(&["--print"]);
    for round in 0..6 {
        server.publish("orders", &orders(round * 10 + 1..=round * 10 + 5)).await;
        assert_printed(&consumer, round * 10 + 5).await;
        server = if round % 2 == 0 {
            server.killed_and_restarted().await
        } else {
            server.stopped().await.start().await
        };
        server.publish("orders", &orders(round * 10 + 6..=round * 10 + 10)).await;
    }
    assert_printed(&consumer, 60).await;
    let log = consumer.stderr();
    let said = log.iter().filter(|line| line.contains(BY_STREAM)).count();
    assert_eq!(said, 1, "the way has not changed: {log:#?}");
}

#[tokio::test]
async fn a_server_that_stands_still_for_a_while_is_followed_on() {
    let server = ServerProcess::start().await;
    let subscription = Subscription::to(&server, "orders");
    let consumer = subscription.start(&["--print"]);
    consumer.log_line(|line| line.contains(BY_STREAM)).await;
    server.process().signal("STOP");
    let events = orders(1..=5);
    let publishing = server.publish("orders", &events);
    let going_on = async {
        // Long enough for the request to be on its way.
        tokio::time::sleep(Duration::from_millis(500)).await;
        server.process().signal("CONT");
    };
    tokio::join!(publishing, going_on);
    assert_printed(&consumer, 5).await;
}

#[tokio::test]
async fn a_live_consumer_that_hears_nothing_costs_nothing() {
    let server = ServerOptions::default().setting("heartbeat_seconds = 1").start().await;
    server.publish_orders(5).await;
    let subscription = Subscription::to(&server, "orders");
    let consumer = subscription.start(&["--print"]);
    consumer.log_line(|line| line.contains(BY_STREAM)).await;
    assert_printed(&consumer, 5).await;
    // The cursor moves once more.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = consumer.cpu_time();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let used = consumer.cpu_time() - before;
    assert!(used <= Duration::from_millis(20), "{used:?} in four seconds and as many heartbeats");
}
