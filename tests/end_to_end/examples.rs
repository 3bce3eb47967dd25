//! The examples, run as programs.

use feed_tests::binaries::example;
use feed_tests::postgres::Database;
use feed_tests::process::{command, run};
use serde_json::json;

#[tokio::test]
async fn the_quickstart_handles_every_event_once() {
    let mut quickstart = command(example("quickstart"));
    quickstart.args(["--once", "--listen", "127.0.0.1:0"]);
    let ended = run(quickstart).await.expect_code(0);
    assert!(ended.stdout.contains("412"), "{}", ended.stdout);
}

#[tokio::test]
async fn publishing_in_a_transaction_leaves_orders_and_events_in_agreement() {
    let postgres = Database::create().await;
    let folder = tempfile::tempdir().unwrap();
    let sqlite = folder.path().join("shop.db").display().to_string();
    // The second time, every order was placed before.
    for database in [&sqlite, &sqlite, postgres.url(), postgres.url()] {
        let mut shop = command(example("publish_in_transaction"));
        shop.args(["--once", "--listen", "127.0.0.1:0", "--database", database]);
        let ended = run(shop).await.expect_code(0);
        let verdict = "405 orders placed and 7 refused; the table has 405";
        assert!(ended.stdout.contains(verdict), "{}", ended.stdout);
    }
}

#[tokio::test]
async fn the_shop_of_publishing_in_a_transaction_serves_its_feed() {
    let mut shop = command(example("publish_in_transaction"));
    shop.args(["--listen", "127.0.0.1:0"]);
    let shop = feed_tests::process::Process::start(shop);
    let line = shop.line(0, |_| true).await;
    let base = line.split(' ').find(|it| it.starts_with("http://")).unwrap();
    let base = base.split("/orders").next().unwrap();
    let http = feed_tests::Http::new(format!("{base}/").parse().unwrap());
    let order = |customer: &str| {
        let order = json!({
            "orderId": format!("order-of-{customer}"), "customerId": customer,
            "placedAt": "2021-01-01T00:00:00Z", "total": "1.98", "currency": "USD",
        });
        http.post("/orders", "application/json", order.to_string()).send()
    };
    order("customer-2").await.expect(201);
    order("customer-2").await.expect(200);
    order("customer-13").await.expect(402);
    let orders = http.get("/orders").send().await.expect(200).text();
    assert_eq!(orders, "order-of-customer-2\n");
    let feed = feed_tests::eventually("the event", async || {
        let feed = http.get("/events/feeds/orders").send().await.expect(200);
        (feed.header("feed-range") == "1-1").then_some(feed)
    })
    .await;
    assert_eq!(feed.atom_positions(), [1]);
}
