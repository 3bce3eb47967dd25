//! What is not there, and what cannot be done.

use std::time::Duration;

use feed_tests::raw::{Connection, exchange};
use feed_tests::wait::within_time;
use feed_tests::{Answer, ServerProcess};
use serde_json::Value;

#[tokio::test]
async fn unknown_feeds_and_addresses_are_not_found_and_not_cacheable() {
    let server = ServerProcess::start().await;
    server.publish_orders(1).await;
    let inc = server.incarnation("orders").await;
    let mut paths = vec![
        "/feeds".to_owned(),
        "/feeds/".to_owned(),
        "/nothing".to_owned(),
        "//".to_owned(),
        "/feeds/orders/".to_owned(),
        "/feeds/nothing/entries?source=/shop&id=order-1".to_owned(),
        "/feeds/nothing/subjects/customer-1".to_owned(),
        "/feeds/orders/subjects/".to_owned(),
        "/feeds/orders/subjects/customer-1/x".to_owned(),
        "/index.html".to_owned(),
        "/.well-known/feeds".to_owned(),
    ];
    for feed in ["nothing", "ORDERS", "Orders", "orders%20", "%00", "%FF", "..%2F", "a%2Fb"] {
        paths.push(format!("/feeds/{feed}"));
        for rest in ["pages/1", "after/0", "at?time=2021-01-01T00:00:00Z", "entries/1"] {
            paths.push(format!("/feeds/{feed}/{inc}/{rest}"));
        }
    }
    for rest in ["", "/", "/pages", "/pages/", "/after", "/pages/1/", "/pages/1/2", "/entries/1/x"]
    {
        paths.push(format!("/feeds/orders/{inc}{rest}"));
    }
    for path in paths {
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        let answer = exchange(server.address(), request).await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(problem["type"], "urn:feed-protocol:problem:not-found", "{path}");
    }
}

fn allowed(answer: &Answer) -> Vec<String> {
    let mut methods: Vec<_> =
        answer.header("allow").split(',').map(|method| method.trim().to_owned()).collect();
    methods.sort();
    methods
}

#[tokio::test]
async fn a_method_that_is_not_possible_is_answered_with_those_that_are() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(4).await;
    let folder = server.folder("orders").await;
    let read = ["GET", "HEAD"];
    let publish = ["GET", "HEAD", "POST"];
    for (path, methods) in [
        ("/".to_owned(), &read[..]),
        ("/feeds/orders".to_owned(), &publish[..]),
        ("/feeds/orders/entries".to_owned(), &read[..]),
        ("/feeds/orders/subjects/customer-1".to_owned(), &read[..]),
        (format!("{folder}/pages/1"), &read[..]),
        (format!("{folder}/after/0"), &read[..]),
        (format!("{folder}/at"), &read[..]),
        (format!("{folder}/entries/1"), &read[..]),
        (format!("{folder}/entries/1/data"), &read[..]),
        ("/healthz".to_owned(), &read[..]),
        ("/readyz".to_owned(), &read[..]),
    ] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get"] {
            if methods.contains(&method) {
                continue;
            }
            let answer = server.request(method, &path).send().await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(allowed(&answer), methods, "{method} {path}");
            answer.expect_problem(405, "method-not-allowed");
        }
    }
    // Where nothing is, nothing is possible.
    server.request("DELETE", "/nothing").send().await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn connect_and_nonsense_do_no_harm() {
    let server = ServerProcess::start().await;
    for request in [
        "CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET  / HTTP/1.1\r\nhost: a\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nbad header\r\n\r\n",
        "GET /\u{7f}\u{1} HTTP/1.1\r\nhost: a\r\n\r\n",
    ] {
        let mut connection = Connection::open(server.address()).await;
        connection.send(request).await;
        let answer = connection.answer().await;
        assert!((400..500).contains(&answer.status), "{request:?}: {answer:?}");
    }
    // Half a request, and away.
    let mut connection = Connection::open(server.address()).await;
    connection.send("GET /feeds/orders HTTP/1.1\r\nhos").await;
    drop(connection);
    server.get("/healthz").send().await.expect(200);
}

#[tokio::test]
async fn a_header_that_is_too_large_ends_its_connection_only() {
    let server = ServerProcess::start().await;
    let mut connection = Connection::open(server.address()).await;
    connection.send("GET / HTTP/1.1\r\nhost: a\r\n").await;
    connection.send_in_vain(format!("x: {}\r\n", "y".repeat(1 << 20))).await;
    connection.send_in_vain("\r\n").await;
    connection.closed().await;
    server.get("/healthz").send().await.expect(200);
}

#[tokio::test]
async fn a_header_of_the_limit_is_read_and_one_of_a_byte_more_is_refused() {
    let server = ServerProcess::start().await;
    for (bytes, status) in [(65_536, 200), (65_537, 431), (70_000, 431), (90_000, 431)] {
        let (begin, end) = ("GET /healthz HTTP/1.1\r\nhost: a\r\nx: ", "\r\n\r\n");
        let fill = "y".repeat(bytes - begin.len() - end.len());
        let mut connection = Connection::open(server.address()).await;
        let answer = connection.send(format!("{begin}{fill}{end}")).await.answer().await;
        assert_eq!(answer.status, status, "{bytes}");
        if status != 200 {
            connection.closed().await;
        }
    }
}

#[tokio::test]
async fn several_requests_go_over_one_connection() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(4).await;
    let folder = server.folder("orders").await;
    let mut connection = Connection::open(server.address()).await;
    // All at once, then one by one.
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    let paths = ["/feeds/orders".to_owned(), format!("{folder}/pages/1"), "/nothing".to_owned()];
    connection.send(paths.iter().map(|path| request(path)).collect::<String>()).await;
    for expected in [200, 200, 404] {
        assert_eq!(connection.answer().await.status, expected);
    }
    for path in &paths {
        connection.send(request(path)).await;
        connection.answer().await;
    }
}

#[tokio::test]
async fn a_connection_that_stays_silent_or_drips_is_closed() {
    let server = ServerProcess::start().await;
    let mut silent = Connection::open(server.address()).await;
    let mut half = Connection::open(server.address()).await;
    half.send("GET /feeds/orders HTTP/1.1\r\nhost: a\r\nx-slow: ").await;
    let mut used = Connection::open(server.address()).await;
    used.send("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(used.answer().await.status, 200);
    used.send("GET").await;
    // The limit is 30 seconds.
    let closed = async { tokio::join!(silent.closed(), half.closed(), used.closed()) };
    within_time(Duration::from_secs(60), "three connections to be closed", closed).await;
    server.get("/healthz").send().await.expect(200);
}
