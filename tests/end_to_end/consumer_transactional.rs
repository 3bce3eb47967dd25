//! A consumer that writes in the transaction in which its cursor moves, killed again and again: its
//! table says exactly what the feed says.

use std::collections::BTreeMap;

use feed_tests::binaries::example;
use feed_tests::cutter::{COMMIT, Cut, Cutter};
use feed_tests::postgres::Database;
use feed_tests::process::{Process, command, run};
use feed_tests::random::seeded;
use feed_tests::{ServerProcess, eventually};
use rand::RngExt;
use serde_json::{Value, json};
use sqlx::{PgPool, SqlitePool};
use url::Url;

const KILLS: u32 = 9;

/// Order number n, of one of seven customers.
fn order(n: u64) -> Value {
    json!({
        "specversion": "1.0",
        "id": format!("order-{n}"),
        "source": "/shop",
        "type": if n.is_multiple_of(5) { "order.shipped" } else { "order.placed" },
        "datacontenttype": "application/json",
        "data": {
            "orderId": format!("order-{n}"),
            "customerId": format!("customer-{}", n % 7),
            "placedAt": "2021-01-01T00:00:00Z",
            "total": "9.90",
            "currency": "USD",
        },
    })
}

/// What the table of a consumer should say after this many events.
fn expected(events: u64) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for n in (1..=events).filter(|n| !n.is_multiple_of(5)) {
        *counts.entry(format!("customer-{}", n % 7)).or_default() += 1;
    }
    counts
}

/// Kills a consumer while it catches up and while it follows, and compares its table at the end.
async fn survives_kills(database: &str, table: impl AsyncFn() -> Option<BTreeMap<String, i64>>) {
    let mut random = seeded();
    let server = ServerProcess::with_page_size(30).await;
    let url = server.url("/feeds/orders").to_string();
    let mut published = 0;
    let mut publish = async |count: u64| {
        let events: Vec<_> = (published + 1..=published + count).map(order).collect();
        server.publish("orders", &events).await;
        published += count;
        published
    };
    let program = |arguments: &[&str]| {
        let mut program = command(example("handle_in_transaction"));
        program.args([&url, "--database", database]).args(arguments);
        program
    };
    publish(400).await;
    let mut total = 0;
    let mut kills_in_the_middle = 0;
    for number in 0..KILLS {
        let batch = ["1", "7", "100"][number as usize % 3];
        let consumer = Process::start(program(&["--batch", batch]));
        let goal = random.random_range(1..60);
        let before: i64 = table().await.unwrap_or_default().values().sum();
        let counted = eventually("some orders to be counted", async || {
            total = publish(random.random_range(1..4)).await;
            let now: i64 = table().await?.values().sum();
            let all: i64 = expected(total).values().sum();
            (now >= before + goal || now == all).then_some(now)
        })
        .await;
        for _ in 0..random.random_range(0..300) {
            tokio::task::yield_now().await;
        }
        consumer.kill().await;
        let all: i64 = expected(total).values().sum();
        kills_in_the_middle += u32::from(counted < all);
    }
    let ended = run(program(&["--until-idle"])).await.expect_code(0);
    assert_eq!(table().await.unwrap(), expected(total), "{}", ended.stdout);
    println!("{total} events, {KILLS} kills, {kills_in_the_middle} of them before the end");
}

const TABLE: &str = "SELECT customer, orders FROM customer_orders";

#[tokio::test]
async fn a_killed_consumer_has_counted_each_order_once_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("revenue.db").display().to_string();
    let options = file.parse::<sqlx::sqlite::SqliteConnectOptions>().unwrap();
    let pool = SqlitePool::connect_lazy_with(options.read_only(true));
    survives_kills(&file, async || {
        // Before the first run there is no file, and no table.
        let rows: Vec<(String, i64)> = sqlx::query_as(TABLE).fetch_all(&pool).await.ok()?;
        Some(rows.into_iter().collect())
    })
    .await;
}

#[tokio::test]
async fn a_killed_consumer_has_counted_each_order_once_in_postgresql() {
    let database = Database::create().await;
    let pool: PgPool = database.pool(2).await;
    survives_kills(database.url(), async || {
        let rows: Vec<(String, i64)> = sqlx::query_as(TABLE).fetch_all(&pool).await.ok()?;
        Some(rows.into_iter().collect())
    })
    .await;
}

/// The number of events that have been counted.
async fn counted(pool: &PgPool) -> i64 {
    let rows: Vec<(String, i64)> = sqlx::query_as(TABLE).fetch_all(pool).await.unwrap_or_default();
    rows.into_iter().map(|(_, orders)| orders).sum()
}

#[tokio::test]
async fn a_commit_whose_outcome_is_unknown_is_looked_up_and_not_repeated() {
    let database = Database::create().await;
    let pool: PgPool = database.pool(2).await;
    let direct: Url = database.url().parse().unwrap();
    let cutter = Cutter::before(direct.socket_addrs(|| None).unwrap()[0]).await;
    let server = ServerProcess::with_page_size(30).await;
    server.publish_one("orders", &order(1)).await;
    let mut program = command(example("handle_in_transaction"));
    let url = server.url("/feeds/orders").to_string();
    program.args([&url, "--database", &cutter.url(database.url())]);
    let consumer = Process::start(program);
    eventually("the first order to be counted", async || (counted(&pool).await == 1).then_some(()))
        .await;
    let mut published = 1;
    for cut in [Cut::Before, Cut::After, Cut::After, Cut::Before] {
        cutter.cut(COMMIT, cut);
        let events: Vec<_> = (published + 1..=published + 7).map(order).collect();
        server.publish("orders", &events).await;
        published += 7;
        let all: i64 = expected(published).values().sum();
        eventually("all orders to be counted", async || {
            (cutter.is_done() && counted(&pool).await == all).then_some(())
        })
        .await;
    }
    // An administrator ends its connections, whatever it is doing.
    for _ in 0..3 {
        let events: Vec<_> = (published + 1..=published + 7).map(order).collect();
        server.publish("orders", &events).await;
        published += 7;
        database.cut_connections().await;
        let all: i64 = expected(published).values().sum();
        eventually("all orders to be counted", async || {
            (counted(&pool).await == all).then_some(())
        })
        .await;
    }
    consumer.signal("TERM");
    consumer.ended().await.expect_code(0);
    let rows: Vec<(String, i64)> = sqlx::query_as(TABLE).fetch_all(&pool).await.unwrap();
    assert_eq!(rows.into_iter().collect::<BTreeMap<_, _>>(), expected(published));
}
