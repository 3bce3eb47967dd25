//! `HEAD`: the header fields of `GET`, no body, no waiting.

use std::time::Duration;

use feed_tests::events::{BATCH, STRUCTURED};
use feed_tests::wait::within_time;
use feed_tests::{PATIENCE, ServerProcess};

#[tokio::test]
async fn head_has_the_header_of_get_and_no_body() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(7).await;
    let folder = server.folder("orders").await;
    let time = "2000-01-01T00:00:00Z";
    for path in [
        "/".to_owned(),
        "/feeds/orders".to_owned(),
        "/feeds/orders?type=order.placed".to_owned(),
        "/feeds/orders/subjects/customer-1".to_owned(),
        "/feeds/orders/entries?source=/shop&id=order-1".to_owned(),
        format!("{folder}/pages/1"),
        format!("{folder}/pages/3"),
        format!("{folder}/after/2"),
        format!("{folder}/at?time={time}"),
        format!("{folder}/entries/1"),
        format!("{folder}/entries/1/data"),
        "/healthz".to_owned(),
        "/readyz".to_owned(),
        // Problems as well.
        "/feeds/nothing".to_owned(),
        format!("{folder}/after/99"),
        format!("{folder}/pages/99"),
        "/nothing".to_owned(),
    ] {
        for (accept, coding) in [("*/*", "identity"), (BATCH, "gzip"), (STRUCTURED, "zstd")] {
            let with = |method| {
                let request = server.request(method, &path);
                request.header("accept", accept).header("accept-encoding", coding).send()
            };
            let get = with("GET").await;
            let head = with("HEAD").await;
            assert_eq!(head.status, get.status, "{path}");
            let mut expected = get.headers.clone();
            let mut actual = head.headers.clone();
            for headers in [&mut expected, &mut actual] {
                // It may be a second later.
                headers.remove("date");
            }
            assert_eq!(actual, expected, "HEAD {path} {accept}");
            assert_eq!(head.body, "");
        }
    }
}

#[tokio::test]
async fn head_never_waits() {
    let server = ServerProcess::start().await;
    server.publish_orders(1).await;
    let tail = format!("{}/after/1", server.folder("orders").await);
    let current = server.head("/feeds/orders").send().await.expect(200);
    let etag = current.header("etag");
    let soon = Duration::from_secs(10);
    assert!(soon < PATIENCE);
    let head = server.head(&tail).header("prefer", "wait=30").send();
    let head = within_time(soon, "HEAD of a tail", head).await.expect(200);
    assert_eq!(head.header("cache-control"), "no-cache");
    assert!(!head.has("preference-applied"));
    let head = server.head("/feeds/orders").header("prefer", "wait=30");
    let head = head.header("if-none-match", etag).send();
    let head = within_time(soon, "HEAD of the current document", head).await.expect(304);
    assert_eq!(head.header("cache-control"), "public, max-age=1");
    assert!(!head.has("preference-applied"));
}

#[tokio::test]
async fn head_of_a_stream_is_its_header() {
    let server = ServerProcess::start().await;
    let head = server.head("/feeds/orders").header("accept", "text/event-stream").send().await;
    let head = head.expect(200);
    assert_eq!(head.header("content-type"), "text/event-stream");
    assert_eq!(head.header("cache-control"), "no-store");
}
