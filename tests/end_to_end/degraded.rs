//! A database that takes no writes for a while.

use feed_tests::events::{order, orders};
use feed_tests::reading::by_tails;
use feed_tests::{ServerProcess, eventually};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

/// Takes the write lock of a server's database, as another program may that works on the file.
async fn lock(server: &ServerProcess) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(server.database());
    let mut connection = options.connect().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
    connection
}

#[tokio::test]
async fn a_publish_that_cannot_be_stored_is_refused_and_reading_goes_on() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(4).await;
    let lock = lock(&server).await;
    let publish = server.post_json("/feeds/orders", &order(5)).send();
    let reading = async {
        let page = format!("{}/pages/1", server.folder("orders").await);
        server.get(&page).send().await.expect(200);
        server.get("/healthz").send().await.expect(200);
        assert_eq!(by_tails(&server, "orders").await.len(), 4);
        // Whoever sends requests on to this server is told to send them elsewhere.
        server.get("/readyz").send().await.expect(503)
    };
    let (refused, not_ready) = tokio::join!(publish, reading);
    for answer in [refused.expect(503), not_ready] {
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!(seconds > 0);
        let problem = answer.expect_problem(503, "unavailable");
        let detail = problem["detail"].as_str().unwrap();
        assert!(!detail.contains("locked") && !detail.contains("sqlite"), "internal: {detail}");
    }
    lock.close().await.unwrap();
    eventually("the server to be ready again", async || {
        (server.get("/readyz").send().await.status == 200).then_some(())
    })
    .await;
    // The same ids again settle what was unknown.
    server.publish("orders", &orders(5..=6)).await;
    assert_eq!(by_tails(&server, "orders").await.len(), 6);
}

#[tokio::test]
async fn a_publish_waits_for_a_short_lock() {
    let server = ServerProcess::start().await;
    let lock = lock(&server).await;
    let event = order(1);
    let publishing = server.publish_one("orders", &event);
    let unlocking = async {
        // The server has read the publish by the time that it answers a later request.
        server.get("/healthz").send().await.expect(200);
        lock.close().await.unwrap();
    };
    let (created, ()) = tokio::join!(publishing, unlocking);
    assert_eq!(created.json()["feedposition"], "1");
}
