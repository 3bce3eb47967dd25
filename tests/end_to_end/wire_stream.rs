//! The stream of server-sent events.

use std::time::Duration;

use feed_tests::events::{order, orders, typed};
use feed_tests::raw::Connection;
use feed_tests::sse::{Block, EventStream};
use feed_tests::wait::within_time;
use feed_tests::{ServerOptions, ServerProcess};
use serde_json::json;

const FEED: &str = "/feeds/orders";

/// A block that carries only an id.
fn id_block(inc: &str, position: u64) -> Block {
    Block { id: Some(format!("{inc}:{position}")), ..Block::default() }
}

#[tokio::test]
async fn a_stream_starts_now_and_brings_each_event_once_and_in_order() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(5).await;
    let inc = server.incarnation("orders").await;
    let mut stream = EventStream::open(server.get(FEED)).await;
    assert_eq!(stream.header("cache-control"), "no-store");
    assert_eq!(stream.header("x-accel-buffering"), "no");
    assert!(stream.header("vary").contains("Accept"));
    let first = stream.next().await.unwrap();
    assert_eq!(first.id, Some(format!("{inc}:5")));
    assert_eq!(first.data, None);
    assert_eq!(first.others, [("retry".to_owned(), "1000".to_owned())]);
    for n in 6..=8 {
        server.publish_one("orders", &order(n)).await;
        let block = stream.next().await.unwrap();
        assert_eq!(block.id, Some(format!("{inc}:{n}")));
        // The default name of the event, so that a browser's `onmessage` sees it.
        assert_eq!(block.others, []);
        let event = block.event();
        assert_eq!(event["id"], format!("order-{n}"));
        assert_eq!(event["feedposition"], n.to_string());
    }
    server.publish("orders", &orders(9..=40)).await;
    for n in 9..=40 {
        assert_eq!(stream.next().await.unwrap().position(), n);
    }
}

#[tokio::test]
async fn a_reader_resumes_where_it_was() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(10).await;
    let inc = server.incarnation("orders").await;
    for request in [
        server.get(FEED).header("last-event-id", &format!("{inc}:4")),
        server.get(&format!("{FEED}?after={inc}:4")),
        server.get(&format!("{FEED}?after={inc}%3A4&type=order.placed")),
        // What the browser says wins over the address that it came from first.
        server.get(&format!("{FEED}?after={inc}:1")).header("last-event-id", &format!("{inc}:4")),
    ] {
        let mut stream = EventStream::open(request).await;
        for n in 5..=10 {
            assert_eq!(stream.next_with_data().await.position(), n);
        }
    }
    let mut stream = EventStream::open(server.get(&format!("{FEED}?after={inc}:0"))).await;
    for n in 1..=10 {
        assert_eq!(stream.next_with_data().await.position(), n);
    }
}

#[tokio::test]
async fn a_stream_that_cannot_start_there_says_so() {
    let server = ServerProcess::start().await;
    server.publish_orders(3).await;
    let inc = server.incarnation("orders").await;
    let open = |cursor: &str| {
        let request = server.get(FEED).header("accept", "text/event-stream");
        request.header("last-event-id", cursor).send()
    };
    let problem = open("anotherlife:2").await.expect_problem(410, "incarnation-gone");
    assert_eq!(problem["incarnation"], inc);
    let problem = open(&format!("{inc}:4")).await.expect_problem(409, "beyond-head");
    assert_eq!(problem["head"], 3);
    for bad in ["4", "nonsense", &format!("{inc}:"), &format!("{inc}:-1"), &format!("{inc}:01")] {
        open(bad).await.expect_problem(400, "bad-request");
    }
    let stream = server.get("/feeds/nothing").header("accept", "text/event-stream").send().await;
    stream.expect_problem(404, "not-found");
    let after = server.get(&format!("{FEED}?after=anotherlife:2"));
    let after = after.header("accept", "text/event-stream").send().await;
    after.expect_problem(410, "incarnation-gone");
}

#[tokio::test]
async fn under_a_filter_a_heartbeat_moves_the_reader_past_what_it_does_not_see() {
    let options = ServerOptions::default().page_size(3).setting("heartbeat_seconds = 1");
    let server = options.start().await;
    let inc = server.incarnation("orders").await;
    let mut stream = EventStream::open(server.get(&format!("{FEED}?type=a&type=c"))).await;
    assert_eq!(stream.next().await.unwrap().position(), 0);
    let others: Vec<_> = (1..=10).map(|n| typed("b", n)).collect();
    server.publish("orders", &others).await;
    // A heartbeat may have been on its way already.
    let beat = loop {
        let block = stream.next().await.unwrap();
        assert_eq!(block.data, None, "an event that was not asked for");
        if block.position() == 10 {
            break block;
        }
    };
    assert_eq!(beat.id, Some(format!("{inc}:10")));
    server
        .publish("orders", &[typed("b", 11), typed("a", 12), typed("b", 13), typed("c", 14)])
        .await;
    let seen = [stream.next_with_data().await.position(), stream.next_with_data().await.position()];
    assert_eq!(seen, [12, 14]);
}

#[tokio::test]
async fn a_quiet_stream_is_not_silent() {
    let server = ServerOptions::default().setting("heartbeat_seconds = 1").start().await;
    let inc = server.incarnation("orders").await;
    let mut stream = EventStream::open(server.get(FEED)).await;
    stream.next().await.unwrap();
    for _ in 0..2 {
        let beat = stream.next().await.unwrap();
        // The comment is for proxies that look for bytes, the id for the reader.
        assert_eq!(beat, Block { comments: 1, ..id_block(&inc, 0) });
    }
}

#[tokio::test]
async fn data_with_line_breaks_arrives_as_it_was() {
    let server = ServerProcess::start().await;
    let mut stream = EventStream::open(server.get(FEED)).await;
    let texts: [&[u8]; 6] = [
        b"{\n  \"a\": 1,\n\n  \"b\": \"x\"\n}",
        b"{\r\n\"a\":1}",
        b"[1,\r2]",
        b" {} ",
        b"\"\\r\\n\"",
        b"\"data: x\"",
    ];
    for (n, data) in (1..).zip(texts) {
        let request = server
            .post(FEED, "application/json", data)
            .header("ce-specversion", "1.0")
            .header("ce-id", &n.to_string())
            .header("ce-source", "/shop")
            .header("ce-type", "order.placed");
        request.send().await.expect(201);
        let block = stream.next_with_data().await;
        assert_eq!(block.position(), n);
        let text = block.data.as_deref().unwrap();
        let recorded = feed_protocol::cloudevents::read_recorded(text.as_bytes()).unwrap();
        assert_eq!(recorded.event.data().unwrap().as_ref(), data, "{text}");
    }
    let mut event = order(99);
    event["datacontenttype"] = json!("text/plain");
    event["data"] = json!("a\r\nb\rc\n\u{2028}d\u{0}");
    server.publish_one("orders", &event).await;
    assert_eq!(stream.next_with_data().await.event()["data"], event["data"]);
}

#[tokio::test]
async fn many_streams_see_the_same_events() {
    let server = ServerProcess::start().await;
    let mut streams = Vec::new();
    for _ in 0..50 {
        let mut stream = EventStream::open(server.get(FEED)).await;
        stream.next().await.unwrap();
        streams.push(stream);
    }
    server.publish_orders(20).await;
    for stream in &mut streams {
        for n in 1..=20 {
            assert_eq!(stream.next().await.unwrap().position(), n);
        }
    }
}

#[tokio::test]
async fn a_stream_ends_at_shutdown_so_that_shutdown_ends() {
    let server = ServerProcess::start().await;
    let mut idle = EventStream::open(server.get(FEED)).await;
    let mut filtered = EventStream::open(server.get(&format!("{FEED}?type=none"))).await;
    idle.next().await.unwrap();
    filtered.next().await.unwrap();
    let (ended, (), ()) =
        tokio::join!(server.stop(), async { assert_eq!(idle.next().await, None) }, async {
            assert_eq!(filtered.next().await, None)
        },);
    ended.expect_code(0);
}

#[tokio::test]
async fn a_reader_that_comes_back_misses_nothing() {
    let mut server = ServerProcess::with_page_size(4).await;
    let inc = server.incarnation("orders").await;
    let mut last = format!("{inc}:0");
    let mut seen = Vec::new();
    for round in 0..5_u64 {
        let mut stream = EventStream::open(server.get(FEED).header("last-event-id", &last)).await;
        server.publish("orders", &orders(round * 10 + 1..=round * 10 + 10)).await;
        // It goes away in the middle of each round, and once with the server.
        while seen.len() < (round as usize) * 10 + 7 {
            let block = stream.next_with_data().await;
            last = block.id.clone().unwrap();
            seen.push(block.position());
        }
        drop(stream);
        if round == 2 {
            server = server.killed_and_restarted().await;
        }
    }
    let mut stream = EventStream::open(server.get(FEED).header("last-event-id", &last)).await;
    while seen.len() < 50 {
        seen.push(stream.next_with_data().await.position());
    }
    assert_eq!(seen, (1..=50).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_disconnected_and_others_are_not() {
    let server = ServerProcess::start().await;
    let inc = server.incarnation("orders").await;
    let mut stuck = Connection::open(server.address()).await;
    let request = format!("GET {FEED} HTTP/1.1\r\nhost: a\r\naccept: text/event-stream\r\n\r\n");
    stuck.send(request).await;
    let mut quick = EventStream::open(server.get(FEED)).await;
    // More than the buffers on the way hold.
    let large = "x".repeat(1 << 20);
    for n in 1..=16 {
        let mut event = order(n);
        event["data"] = json!(&large[..(1 << 20) - 2]);
        server.publish_one("orders", &event).await;
        assert_eq!(quick.next_with_data().await.position(), n);
    }
    // The limit is 30 seconds.
    let cut = stuck.cut_off();
    within_time(Duration::from_secs(60), "the stuck reader to be cut off", cut).await;
    let resumed = server.get(FEED).header("last-event-id", &format!("{inc}:15"));
    assert_eq!(EventStream::open(resumed).await.next_with_data().await.position(), 16);
}
