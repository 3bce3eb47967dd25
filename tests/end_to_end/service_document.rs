//! `GET /`, and the addresses for operators.

use feed_tests::events::{ATOM, BATCH, STRUCTURED};
use feed_tests::tools::python;
use feed_tests::{ServerOptions, ServerProcess};
use serde_json::{Value, json};

#[tokio::test]
async fn the_service_document_names_every_feed_and_what_may_be_posted() {
    let options = ServerOptions::default().argument("--feed").argument("orders");
    let server = options.argument("--feed").argument("a.b-c_1").start().await;
    let answer = server.get("/").send().await.expect(200);
    assert_eq!(answer.header("content-type"), "application/atomsvc+xml; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "no-cache");
    assert_eq!(answer.header("vary"), "Accept");
    let etag = answer.header("etag");
    server.get("/").header("if-none-match", etag).send().await.expect(304);
    let read = python("service_document.py", &[], &answer.body).await;
    let collections: Value = serde_json::from_str(&read).unwrap();
    let accept = json!([format!("{ATOM};type=entry"), STRUCTURED, BATCH]);
    assert_eq!(
        collections,
        json!([
            {"href": "/feeds/a.b-c_1", "title": "a.b-c_1", "accept": accept},
            {"href": "/feeds/orders", "title": "orders", "accept": accept},
        ])
    );
    for collection in collections.as_array().unwrap() {
        server.get(collection["href"].as_str().unwrap()).send().await.expect(200);
    }
    for accept in ["*/*", "application/atomsvc+xml", "application/*"] {
        server.get("/").header("accept", accept).send().await.expect(200);
    }
    let answer = server.get("/").header("accept", "image/png").send().await;
    let problem = answer.expect_problem(406, "not-acceptable");
    assert!(problem["available"].as_array().unwrap().contains(&"application/atomsvc+xml".into()));
}

#[tokio::test]
async fn a_feed_that_is_created_beside_the_server_is_served() {
    let server = ServerProcess::start().await;
    let created = server.command(&["feeds", "create", "later", "--page-size", "2"]);
    feed_tests::process::run(created).await.expect_code(0);
    feed_tests::eventually("the new feed", async || {
        (server.get("/feeds/later").send().await.status == 200).then_some(())
    })
    .await;
    server.publish("later", &feed_tests::events::orders(1..=3)).await;
    let folder = server.folder("later").await;
    let page = server.get(&format!("{folder}/pages/1")).send().await.expect(200);
    assert_eq!(page.atom_positions(), [2, 1]);
}

#[tokio::test]
async fn health_and_readiness_are_never_cached() {
    let server = ServerProcess::start().await;
    for path in ["/healthz", "/readyz"] {
        let answer = server.get(path).send().await.expect(200);
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.json()["status"], "ok");
    }
}
