//! What a handler does once is done once, however often its worker is killed: again at most what was
//! in hand at that moment.

use std::collections::BTreeMap;
use std::time::Duration;

use feed_tests::binaries::history_worker;
use feed_tests::history::{History, Kind};
use feed_tests::postgres::Database;
use feed_tests::process::{Process, command};
use feed_tests::random::seeded;
use feed_tests::{ServerProcess, eventually};
use rand::RngExt;
use serde_json::json;

const EVENTS: i64 = 200;
const KILLS: i64 = 5;

/// Kills a worker at random moments, and looks at the end how often each effect was begun.
async fn survives_kills(database: &str) {
    let _alone = crate::ALONE.lock().await;
    let mut random = seeded();
    let server = ServerProcess::with_page_size(30).await;
    let events = (1..=EVENTS).map(|n| {
        json!({"specversion": "1.0", "id": format!("order-{n}"), "source": "/shop",
            "type": "order.placed", "subject": format!("customer-{}", n % 20)})
    });
    server.publish("orders", &events.collect::<Vec<_>>()).await;
    let url = server.url("/feeds/orders").to_string();
    let history = History::at(database).unwrap();
    history.create().await.unwrap();
    let start = |name: &str| {
        let mut program = command(history_worker());
        program.args([&url, "--database", database, "--name", name, "--effects", "once"]);
        // Without `once`, a kill would repeat up to a window of each shard.
        program.args(["--lease", "2000", "--window", "100", "--slow", "10"]);
        Process::start(program)
    };
    for number in 0..KILLS {
        let worker = start(&format!("killed-{number}"));
        let goal = history.handled().await.unwrap() + random.random_range(5..25);
        eventually("some events to be handled", async || {
            (history.handled().await.unwrap() >= goal).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..10))).await;
        worker.kill().await;
    }
    let last = start("last");
    eventually("all events to be handled", async || {
        (history.handled().await.unwrap() == EVENTS).then_some(())
    })
    .await;
    last.signal("TERM");
    last.ended().await.expect_code(0);
    let mut begun = BTreeMap::<i64, i64>::new();
    for record in history.read().await.unwrap() {
        *begun.entry(record.call.position).or_default() += i64::from(record.kind == Kind::Begin);
    }
    assert_eq!(begun.keys().copied().collect::<Vec<_>>(), (1..=EVENTS).collect::<Vec<_>>());
    let repeated = begun.values().sum::<i64>() - EVENTS;
    assert!(repeated <= KILLS, "{repeated} effects were repeated after {KILLS} kills: {begun:?}");
    println!("{repeated} effects were repeated after {KILLS} kills");
}

#[tokio::test]
async fn a_killed_worker_repeats_at_most_what_it_was_doing_once_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    survives_kills(folder.path().join("consumer.db").to_str().unwrap()).await;
}

#[tokio::test]
async fn a_killed_worker_repeats_at_most_what_it_was_doing_once_in_postgresql() {
    let database = Database::create().await;
    survives_kills(database.url()).await;
}
