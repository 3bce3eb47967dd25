//! `feed-server backup`, `restore`, `feeds new-incarnation`, `completions` and `man`: what an operator
//! does beside the servers.

use std::path::Path;
use std::process::Command;

use feed_tests::events::order;
use feed_tests::process::{Ended, command, run};
use feed_tests::reading::by_tails;
use feed_tests::sse::EventStream;
use feed_tests::{ServerOptions, ServerProcess, binaries, eventually, postgres};
use tempfile::tempdir;

fn feed_server(arguments: &[&str]) -> Command {
    let mut command = command(binaries::feed_server());
    command.args(arguments);
    command
}

async fn back_up(server: &ServerProcess, to: &Path) -> Ended {
    run(server.command(&["backup", to.to_str().unwrap()])).await
}

async fn restore(backup: &Path, database: &Path, more: &[&str]) -> Ended {
    let (backup, database) = (backup.to_str().unwrap(), database.to_str().unwrap());
    run(feed_server(&[&["restore", backup, "--database", database], more].concat())).await
}

/// A feed begins another life while it is served, whatever the database.
async fn another_life(server: ServerProcess) {
    server.publish_orders(3).await;
    let before = server.folder("orders").await;
    let mut stream = EventStream::open(server.get("/feeds/orders")).await;
    stream.next().await.expect("the opening");
    let waiting = server.get(&format!("{before}/after/3")).header("prefer", "wait=30").send();
    let waiting = tokio::spawn(waiting);
    run(server.command(&["feeds", "new-incarnation", "orders"])).await.expect_code(0);
    eventually("the new life", async || (server.folder("orders").await != before).then_some(()))
        .await;
    while let Some(block) = stream.next().await {
        assert_eq!(block.data, None, "nothing but heartbeats before the stream ends");
    }
    // One that came before, and one that came only after.
    let status = waiting.await.unwrap().status;
    assert!(status == 200 || status == 410, "{status}");
    let gone = server.get(&format!("{before}/after/0")).send().await;
    gone.expect_problem(410, "incarnation-gone");
    assert_eq!(by_tails(&server, "orders").await.len(), 3);
    server.publish_one("orders", &order(4)).await.expect(201);
    assert_eq!(by_tails(&server, "orders").await.len(), 4);
    let unknown = run(server.command(&["feeds", "new-incarnation", "oders"])).await;
    unknown.expect_refusal(2, &["oders", "feeds list"]);
}

#[tokio::test]
async fn a_feed_begins_another_life_while_it_is_served() {
    another_life(ServerProcess::start().await).await;
}

#[tokio::test]
async fn on_postgresql_too_a_feed_begins_another_life_while_it_is_served() {
    let database = postgres::Database::create().await;
    another_life(ServerOptions::default().on(&database).start().await).await;
}

#[tokio::test]
async fn a_backup_is_made_while_events_are_published_and_comes_back_as_another_life() {
    let folder = tempdir().unwrap();
    let (backup, copy) = (folder.path().join("monday.db"), folder.path().join("copy.db"));
    let server = ServerProcess::start().await;
    server.publish_orders(20).await;
    let publishing = async {
        for n in 21..=60 {
            server.publish_one("orders", &order(n)).await.expect(201);
        }
    };
    let (ended, ()) = tokio::join!(back_up(&server, &backup), publishing);
    ended.expect_code(0);
    back_up(&server, &backup).await.expect_refusal(2, &["exists already", "another file"]);

    let ended = restore(&backup, &copy, &[]).await.expect_code(0);
    assert!(ended.stdout.contains("orders has the new incarnation"), "{}", ended.stdout);
    let restored = ServerOptions::default().database(copy.to_str().unwrap()).start().await;
    let (all, some) = (by_tails(&server, "orders").await, by_tails(&restored, "orders").await);
    assert!(some.len() >= 20, "{}", some.len());
    assert_eq!(all[..some.len()], some);
    assert_ne!(server.incarnation("orders").await, restored.incarnation("orders").await);
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    let names = names.into_iter().map(|it| it.unwrap().file_name().into_string().unwrap());
    assert!(!names.into_iter().any(|name| name.contains(".partial")), "left over");
}

#[tokio::test]
async fn a_database_is_replaced_only_when_that_is_said_and_nobody_uses_it() {
    let folder = tempdir().unwrap();
    let backup = folder.path().join("monday.db");
    let server = ServerProcess::start().await;
    server.publish_orders(2).await;
    back_up(&server, &backup).await.expect_code(0);
    server.publish_one("orders", &order(3)).await.expect(201);
    let database = server.database();
    restore(&backup, &database, &[]).await.expect_refusal(2, &["exists already", "--yes"]);
    restore(&backup, &database, &["--yes"])
        .await
        .expect_refusal(2, &["is used by another program"]);
    server.publish_one("orders", &order(4)).await.expect(201);
    let before = server.incarnation("orders").await;
    let options = server.stopped().await;
    restore(&backup, &database, &["--yes"]).await.expect_code(0);
    let server = options.start().await;
    assert_eq!(by_tails(&server, "orders").await.len(), 2);
    assert_ne!(server.incarnation("orders").await, before);
}

#[tokio::test]
async fn what_is_no_backup_is_refused_and_the_database_stays() {
    let folder = tempdir().unwrap();
    let server = ServerProcess::start().await;
    server.publish_orders(2).await;
    let database = server.database();
    let options = server.stopped().await;
    let none = folder.path().join("none.db");
    restore(&none, &database, &["--yes"]).await.expect_refusal(2, &["none.db"]);
    let text = folder.path().join("text.db");
    std::fs::write(&text, "no database at all, but text of some length").unwrap();
    restore(&text, &database, &["--yes"]).await.expect_refusal(2, &["text.db"]);
    let server = options.start().await;
    assert_eq!(by_tails(&server, "orders").await.len(), 2);
    run(feed_server(&["backup", "x.db", "--database", "postgres://localhost/shop"]))
        .await
        .expect_refusal(2, &["pg_dump", "new-incarnation --all"]);
}

#[tokio::test]
async fn shells_and_man_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let ended = run(feed_server(&["completions", shell])).await.expect_code(0);
        assert!(ended.stdout.contains("new-incarnation"), "{shell}");
    }
    let ended = run(feed_server(&["man"])).await.expect_code(0);
    assert!(ended.stdout.contains(".TH feed-server 1"), "{}", ended.stdout);
    let folder = tempdir().unwrap();
    let to = folder.path().to_str().unwrap();
    run(feed_server(&["man", "--to", to])).await.expect_code(0);
    for page in ["feed-server.1", "feed-server-serve.1", "feed-server-feeds-new-incarnation.1"] {
        assert!(folder.path().join(page).is_file(), "{page}");
    }
}
