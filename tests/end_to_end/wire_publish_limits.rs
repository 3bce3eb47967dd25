//! `POST /feeds/{feed}`: bodies that are too large, too deep, or never whole.

use feed_tests::events::{ATOM, BATCH, STRUCTURED, order, orders};
use feed_tests::raw::Connection;
use feed_tests::{ServerProcess, within};
use serde_json::{Value, json};

use crate::wire_publish_refused::assert_nothing_stored;

const FEED: &str = "/feeds/orders";
const MIB: usize = 1 << 20;

#[tokio::test]
async fn what_is_too_large_is_refused_with_the_limit() {
    let server = ServerProcess::start().await;
    let binary = |length: usize| {
        server
            .post(FEED, "application/octet-stream", vec![7; length])
            .header("ce-specversion", "1.0")
            .header("ce-id", "large")
            .header("ce-source", "/shop")
            .header("ce-type", "order.placed")
            .send()
    };
    let problem = binary(MIB + 1).await.expect_problem(413, "too-large");
    assert_eq!(problem["limit"], MIB);
    let problem = binary(16 * MIB + 1).await.expect_problem(413, "too-large");
    assert_eq!(problem["limit"], 16 * MIB);
    let mut event = order(1);
    event["data"] = json!("x".repeat(MIB));
    let batch = json!([order(2), event]);
    let problem = server.post_json(FEED, &batch).send().await.expect_problem(413, "too-large");
    assert_eq!(problem["limit"], MIB);
    let too_many = json!(orders(1..=1001));
    let problem = server.post_json(FEED, &too_many).send().await.expect_problem(413, "too-large");
    assert_eq!(problem["limit"], 1000);
    assert_nothing_stored(&server).await;
    // The limits themselves are allowed.
    binary(MIB).await.expect(201);
    server.post_json(FEED, &json!(orders(1..=1000))).send().await.expect(201);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_sent() {
    let server = ServerProcess::start().await;
    let header = |more: &str| {
        format!("POST {FEED} HTTP/1.1\r\nhost: a\r\ncontent-type: {STRUCTURED}\r\n{more}\r\n")
    };
    let mut connection = Connection::open(server.address()).await;
    let stated = header("content-length: 999999999999\r\nexpect: 100-continue\r\n");
    let answer = connection.send(stated).await.answer().await;
    assert_eq!(answer.status, 413, "{answer:?}");
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(problem["limit"], 16 * MIB);
    // Without a stated length it shows on the way.
    let mut connection = Connection::open(server.address()).await;
    connection.send(header("transfer-encoding: chunked\r\n")).await;
    let chunk = format!("{:x}\r\n{}\r\n", MIB, " ".repeat(MIB));
    for _ in 0..17 {
        connection.send_in_vain(&chunk).await;
    }
    connection.send_in_vain("0\r\n\r\n").await;
    let answer = connection.answer().await;
    assert_eq!(answer.status, 413, "{answer:?}");
    assert_nothing_stored(&server).await;
}

#[tokio::test]
async fn deep_nesting_in_posted_atom_does_no_harm() {
    let server = ServerProcess::start().await;
    for depth in [200, 300_000] {
        for open in ["<a>", "<content type='xhtml'>", "<div xmlns='http://www.w3.org/1999/xhtml'>"]
        {
            let name = open[1..].split([' ', '>']).next().unwrap();
            let body = format!(
                "<entry xmlns='http://www.w3.org/2005/Atom'>{}{}</entry>",
                open.repeat(depth),
                format!("</{name}>").repeat(depth)
            );
            if body.len() > 15 * MIB {
                continue;
            }
            let answer = server.post(FEED, ATOM, body).send().await;
            let problem = answer.expect_problem(413, "too-large");
            assert_eq!(problem["limit"], 64, "{problem}");
        }
    }
    let deep = format!("{}1{}", "[".repeat(2 * MIB), "]".repeat(2 * MIB));
    for (kind, body) in [(STRUCTURED, deep.clone()), (BATCH, deep)] {
        let answer = server.post(FEED, kind, body).send().await;
        assert!(matches!(answer.status.as_u16(), 400 | 413 | 422), "{answer:?}");
    }
    assert_nothing_stored(&server).await;
    server.get("/healthz").send().await.expect(200);
}

#[tokio::test]
async fn half_a_request_stores_nothing() {
    let server = ServerProcess::start().await;
    let body = order(1).to_string();
    let header = format!(
        "POST {FEED} HTTP/1.1\r\nhost: a\r\ncontent-type: {STRUCTURED}\r\ncontent-length: {}\r\n\r\n",
        body.len() + 1
    );
    let mut connection = Connection::open(server.address()).await;
    connection.send(&header).await.send(&body).await;
    drop(connection);
    let mut connection = Connection::open(server.address()).await;
    connection
        .send("POST /feeds/orders HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n")
        .await;
    connection.send(format!("content-type: {STRUCTURED}\r\n\r\n5\r\n{{\"spe\r\n")).await;
    connection.send("nonsense\r\n").await;
    within("the server to give up on nonsense", connection.closed()).await;
    server.publish("customers", &orders(1..=1)).await;
    assert_nothing_stored(&server).await;
}
