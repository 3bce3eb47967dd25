//! `feed-server check`: a sound store passes, a spoilt one is named, and neither is changed.

use feed_tests::postgres::Database;
use feed_tests::process::{Ended, run};
use feed_tests::{ServerOptions, ServerProcess};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

async fn check(server: &ServerProcess, more: &[&str]) -> Ended {
    run(server.command(&[&["check"], more].concat())).await
}

/// A sound store, whatever the database, while a server serves it.
async fn is_sound(server: &ServerProcess) {
    server.publish_orders(5).await;
    let ended = check(server, &[]).await.expect_code(0);
    assert_eq!(
        ended.stdout,
        "customers: 0 events in order, 0 full pages\norders: 5 events in order, 2 full pages\n"
    );
    let ended = check(server, &["--json"]).await.expect_code(0);
    let said: Value = serde_json::from_str(&ended.stdout).unwrap();
    let expected = json!({"ok": true, "feeds": [
        {"feed": "customers", "events": 0, "full_pages": 0},
        {"feed": "orders", "events": 5, "full_pages": 2},
    ]});
    assert_eq!(said, expected);
}

/// What check says once this has been done to the tables.
async fn fault(server: &ServerProcess, sql: &'static str) -> String {
    let file = server.database();
    let mut connection =
        SqliteConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap();
    // As a program that knows nothing of the rules, or a bad disk.
    sqlx::raw_sql("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON")
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let ended = check(server, &["--json"]).await.expect_code(1);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    let said: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(said["ok"], false);
    let fault = said["fault"].as_str().unwrap();
    assert!(ended.stderr.contains(fault), "{} and not {fault}", ended.stderr);
    fault.to_owned()
}

#[tokio::test]
async fn a_sound_store_on_sqlite_passes_and_stays_as_it_is() {
    let server = ServerProcess::with_page_size(2).await;
    is_sound(&server).await;
    let database = server.database();
    let command = server.command(&["check"]);
    let _options = server.stopped().await;
    let before = std::fs::read(&database).unwrap();
    run(command).await.expect_code(0);
    assert!(before == std::fs::read(&database).unwrap(), "the file has changed");
}

#[tokio::test]
async fn a_sound_store_on_postgresql_passes() {
    let database = Database::create().await;
    is_sound(&ServerOptions::default().page_size(2).on(&database).start().await).await;
}

#[tokio::test]
async fn a_lost_event_is_named_on_postgresql() {
    let database = Database::create().await;
    let server = ServerOptions::default().page_size(2).on(&database).start().await;
    server.publish_orders(5).await;
    let mut connection = database.connect().await;
    sqlx::raw_sql("DELETE FROM feed_events WHERE position = 3")
        .execute(&mut connection)
        .await
        .unwrap();
    let ended = check(&server, &[]).await.expect_code(1);
    assert!(ended.stderr.contains("position 3"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_feed_without_a_head_is_named_on_postgresql() {
    let database = Database::create().await;
    let server = ServerOptions::default().page_size(2).on(&database).start().await;
    let mut connection = database.connect().await;
    sqlx::raw_sql(
        "DELETE FROM feed_heads
         WHERE feed = (SELECT key FROM feed_feeds WHERE name = 'customers')",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let ended = check(&server, &[]).await.expect_code(1);
    assert!(ended.stderr.contains("feed customers"), "{}", ended.stderr);
    assert!(ended.stderr.contains("feed_heads"), "{}", ended.stderr);
}

#[tokio::test]
async fn the_first_fault_is_named() {
    for (sql, names) in [
        ("DELETE FROM feed_events WHERE position = 3", &["feed_events", "position 3"][..]),
        (
            "UPDATE feed_feeds SET head_position = 7 WHERE name = 'orders'",
            &["feed_events", "position 6"],
        ),
        (
            "UPDATE feed_feeds SET head_position = 4 WHERE name = 'orders'",
            &["feed orders, position 5", "beyond the head"],
        ),
        (
            "UPDATE feed_events SET updated = updated - 60000000 WHERE position = 4",
            &["feed orders, position 4", "its time lies before"],
        ),
        (
            "UPDATE feed_feeds SET head_updated = head_updated + 1 WHERE name = 'orders'",
            &["feed orders, position 5", "not that of the head"],
        ),
        (
            "UPDATE feed_events SET type = '' WHERE position = 2",
            &["feed_events", "type", "position 2"],
        ),
    ] {
        let server = ServerProcess::with_page_size(2).await;
        server.publish_orders(5).await;
        let said = fault(&server, sql).await;
        for name in names {
            assert!(said.contains(name), "{sql}: {said}");
        }
    }
}

#[tokio::test]
async fn damage_to_an_index_of_sqlite_is_found() {
    let server = ServerProcess::start().await;
    server.publish_orders(5).await;
    let (database, command) = (server.database(), server.command(&["check"]));
    let _options = server.stopped().await;
    let mut connection =
        SqliteConnection::connect(&format!("sqlite:{}", database.display())).await.unwrap();
    let root: i64 =
        sqlx::query_scalar("SELECT rootpage FROM sqlite_schema WHERE name = 'feed_events_subject'")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    connection.close().await.unwrap();
    let mut bytes = std::fs::read(&database).unwrap();
    let start = usize::try_from(root - 1).unwrap() * 4096;
    bytes[start..start + 4096].fill(0);
    std::fs::write(&database, bytes).unwrap();
    let ended = run(command).await.expect_code(1);
    assert!(ended.stderr.contains("the database is damaged"), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

#[tokio::test]
async fn what_is_no_database_of_feeds_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none.db");
    let arguments = ["check", "--database", none.to_str().unwrap()];
    let mut command = feed_tests::process::command(feed_tests::binaries::feed_server());
    command.args(arguments);
    run(command).await.expect_refusal(2, &["there is no database"]);
    assert!(!none.exists());
}
