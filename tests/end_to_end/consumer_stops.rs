//! When the feed is no longer the one that was read, a consumer stops and says so.

use std::path::Path;

use feed_tests::events::{order, orders, typed};
use feed_tests::process::Ended;
use feed_tests::{ServerProcess, Subscription};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

/// That it ended with the code of a subscription that cannot go on, and a last line that names
/// these and a remedy.
#[track_caller]
fn assert_stopped(ended: Ended, names: &[&str]) {
    let ended = ended.expect_code(1);
    let line = ended.stderr.lines().last().unwrap_or_default();
    assert!(line.starts_with("feed-consumer: "), "{line}");
    assert!(line.contains("group") || line.contains("owner"), "no remedy: {line}");
    for name in names {
        assert!(line.contains(name), "{name:?} is not named in: {line}");
    }
}

/// Copies the database of a server that has ended.
fn copy(from: &Path, to: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let file = |path: &Path| format!("{}{ending}", path.display());
        let _ = std::fs::remove_file(file(to));
        if Path::new(&file(from)).exists() {
            std::fs::copy(file(from), file(to)).unwrap();
        }
    }
}

#[tokio::test]
async fn another_database_behind_the_same_address_is_noticed_while_it_runs() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(8).await;
    let subscription = Subscription::to(&server, "orders");
    let consumer = subscription.start(&["--print"]);
    consumer.lines(8).await;
    let address = server.address();
    drop(server);
    let other = feed_tests::ServerOptions::default().page_size(3).at(address).start().await;
    other.publish_orders(20).await;
    let ended = consumer.ended().await;
    assert_eq!(ended.stdout.lines().count(), 8, "an event of another feed was handled");
    assert_stopped(ended, &["/feeds/orders"]);
    // And when it starts again, as long as nobody does something about it.
    let again = subscription.run(&["--print", "--until-idle"]).await;
    assert_eq!(again.stdout, "");
    assert_stopped(again, &["/feeds/orders"]);
    // Another group begins anew.
    let anew = subscription.run(&["--print", "--until-idle", "--group", "second"]).await;
    assert_eq!(anew.expect_code(0).stdout.lines().count(), 20);
}

#[tokio::test]
async fn a_new_incarnation_of_the_same_feed_is_noticed_at_the_start() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(8).await;
    let subscription = Subscription::to(&server, "orders");
    assert_eq!(subscription.drain().await.len(), 8);
    let database = server.database();
    let options = server.kill().await;
    // As a restore will do it; there is no command for it yet.
    let connect = SqliteConnectOptions::new().filename(database);
    let mut connection = connect.connect().await.unwrap();
    let statement = "UPDATE feed_feeds SET incarnation = 'anotherlife'";
    sqlx::query(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let server = options.start().await;
    assert_eq!(server.incarnation("orders").await, "anotherlife");
    server.publish("orders", &[order(9)]).await;
    let ended = subscription.run(&["--print", "--until-idle"]).await;
    assert_eq!(ended.stdout, "");
    assert_stopped(ended, &["anotherlife", "position 8"]);
}

#[tokio::test]
async fn a_database_restored_behind_its_back_is_noticed() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(5).await;
    let subscription = Subscription::to(&server, "orders");
    let database = server.database();
    let backup = subscription.file("backup.db");
    // Backed up while it has 5 events, and read until it has 8.
    let options = server.kill().await;
    copy(&database, &backup);
    let server = options.start().await;
    server.publish("orders", &orders(6..=8)).await;
    assert_eq!(subscription.drain().await.len(), 8);
    let options = server.kill().await;
    copy(&backup, &database);
    let server = options.start().await;
    let ended = subscription.run(&["--print", "--until-idle"]).await;
    assert_eq!(ended.stdout, "");
    assert_stopped(ended, &["position 8", "position 5"]);
    // Once it is as long again, with other events, that shows by the last one.
    let others: Vec<_> = (6..=12).map(|n| typed("order.lost", n)).collect();
    server.publish("orders", &others).await;
    let ended = subscription.run(&["--print", "--until-idle"]).await;
    assert_eq!(ended.stdout, "");
    assert_stopped(ended, &["position 8"]);
}

#[tokio::test]
async fn a_restore_is_noticed_by_a_consumer_that_runs() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(5).await;
    let subscription = Subscription::to(&server, "orders");
    let database = server.database();
    let backup = subscription.file("backup.db");
    let options = server.kill().await;
    copy(&database, &backup);
    let server = options.start().await;
    server.publish("orders", &orders(6..=8)).await;
    let consumer = subscription.start(&["--print"]);
    consumer.lines(8).await;
    let options = server.kill().await;
    // It asks in vain, and so knows that something happened.
    consumer.log_line(|line| line.contains("next try in")).await;
    copy(&backup, &database);
    // Long enough again before it is asked: only the last event tells.
    let restored = options.clone().at(([127, 0, 0, 1], 0).into()).start().await;
    let others: Vec<_> = (6..=12).map(|n| typed("order.lost", n)).collect();
    restored.publish("orders", &others).await;
    restored.stop().await.expect_code(0);
    let _server = options.start().await;
    let ended = consumer.ended().await;
    assert_eq!(ended.stdout.lines().count(), 8);
    assert_stopped(ended, &["position 8"]);
}

#[tokio::test]
async fn a_database_put_back_while_a_consumer_rests_is_noticed_before_anything_is_lost() {
    for schedule in ["every:1s", "live"] {
        let server = ServerProcess::start().await;
        server.publish_orders(10).await;
        let subscription = Subscription::to(&server, "orders");
        let (database, backup) = (server.database(), subscription.file("backup.db"));
        let options = server.stopped().await;
        copy(&database, &backup);
        let server = options.start().await;
        server.publish("orders", &orders(11..=12)).await;
        let consumer = subscription.start(&["--print", "--schedule", schedule]);
        consumer.lines(12).await;
        // Within a moment, and in good order: no request fails.
        let options = server.stopped().await;
        copy(&backup, &database);
        let server = options.start().await;
        server.publish("orders", &orders(31..=33)).await;
        let ended = consumer.ended().await;
        assert_eq!(ended.stdout.lines().count(), 12, "{schedule}: {}", ended.stdout);
        assert_stopped(ended, &["position 12"]);
    }
}
