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
    let ended = restore(&none, &database, &["--yes"]).await;
    ended.expect_refusal(2, &["no backup", "none.db", "'feed-server backup' has written"]);
    restore(&database, &database, &["--yes"]).await.expect_refusal(2, &["the database itself"]);
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
async fn of_several_backups_to_one_name_one_is_made_and_is_whole() {
    let folder = tempdir().unwrap();
    let (backup, copy) = (folder.path().join("monday.db"), folder.path().join("copy.db"));
    let server = ServerProcess::start().await;
    server.publish_orders(200).await;
    let ended = futures_util::future::join_all((0..4).map(|_| back_up(&server, &backup))).await;
    let made = ended.iter().filter(|it| it.status.code() == Some(0)).count();
    assert_eq!(made, 1, "{ended:?}");
    for refused in ended.into_iter().filter(|it| it.status.code() != Some(0)) {
        refused.expect_refusal(2, &["exists already", "another file"]);
    }
    restore(&backup, &copy, &[]).await.expect_code(0);
    let restored = ServerOptions::default().database(copy.to_str().unwrap()).start().await;
    assert_eq!(by_tails(&restored, "orders").await.len(), 200);
    restored.stop().await.expect_code(0);
    let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    names.retain(|it| !it.as_ref().unwrap().path().ends_with("copy.db"));
    assert_eq!(names.len(), 1, "left over: {names:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn what_a_link_leads_to_is_replaced_and_the_link_stays() {
    let folder = tempdir().unwrap();
    let (backup, link) = (folder.path().join("monday.db"), folder.path().join("link.db"));
    let server = ServerProcess::start().await;
    server.publish_orders(2).await;
    back_up(&server, &backup).await.expect_code(0);
    server.publish_one("orders", &order(3)).await.expect(201);
    std::os::unix::fs::symlink(server.database(), &link).unwrap();
    let options = server.stopped().await;
    restore(&backup, &link, &["--yes"]).await.expect_code(0);
    assert!(link.is_symlink());
    let server = options.start().await;
    assert_eq!(by_tails(&server, "orders").await.len(), 2);
}

#[cfg(unix)]
#[tokio::test]
async fn a_backup_may_be_read_by_no_more_people_and_a_restored_database_by_the_same() {
    use std::fs::{Permissions, metadata, set_permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

    let folder = tempdir().unwrap();
    let (backup, copy) = (folder.path().join("monday.db"), folder.path().join("copy.db"));
    let server = ServerProcess::start().await;
    let database = server.database();
    let mode = |path: &Path| metadata(path).unwrap().mode() & 0o7777;
    set_permissions(&database, Permissions::from_mode(0o600)).unwrap();
    back_up(&server, &backup).await.expect_code(0);
    assert_eq!(mode(&backup), 0o600);
    let _options = server.stopped().await;
    restore(&backup, &copy, &[]).await.expect_code(0);
    assert_eq!(mode(&copy), 0o600);
    set_permissions(&database, Permissions::from_mode(0o660)).unwrap();
    // Only root may give files away.
    let _ = chown(&database, Some(65_534), Some(65_534));
    let owner = |path: &Path| (metadata(path).unwrap().uid(), metadata(path).unwrap().gid());
    let before = owner(&database);
    restore(&backup, &database, &["--yes"]).await.expect_code(0);
    assert_eq!((mode(&database), owner(&database)), (0o660, before));
}

#[tokio::test]
async fn nothing_is_replaced_of_which_it_is_not_known_whether_it_is_used() {
    let folder = tempdir().unwrap();
    let backup = folder.path().join("monday.db");
    let server = ServerProcess::start().await;
    server.publish_orders(2).await;
    back_up(&server, &backup).await.expect_code(0);
    server.publish_one("orders", &order(3)).await.expect(201);
    let database = server.database();
    // Its log, with all three events, is left; and cannot be opened.
    let options = server.kill().await;
    let shared = database.with_extension("db-shm");
    std::fs::remove_file(&shared).unwrap();
    std::fs::create_dir(&shared).unwrap();
    restore(&backup, &database, &["--yes"]).await.expect_refusal(2, &[database.to_str().unwrap()]);
    std::fs::remove_dir(&shared).unwrap();
    let server = options.start().await;
    assert_eq!(by_tails(&server, "orders").await.len(), 3);
}

#[tokio::test]
async fn a_database_that_is_none_any_more_is_replaced_with_its_logs() {
    let folder = tempdir().unwrap();
    let backup = folder.path().join("monday.db");
    let server = ServerProcess::start().await;
    server.publish_orders(2).await;
    back_up(&server, &backup).await.expect_code(0);
    server.publish_one("orders", &order(3)).await.expect(201);
    let database = server.database();
    let options = server.kill().await;
    std::fs::write(&database, "no database any more, but text of some length".repeat(100)).unwrap();
    std::fs::write(database.with_extension("db-journal"), "of it too").unwrap();
    restore(&backup, &database, &["--yes"]).await.expect_code(0);
    for ending in ["db-wal", "db-shm", "db-journal"] {
        assert!(!database.with_extension(ending).exists(), "{ending}");
    }
    let server = options.start().await;
    assert_eq!(by_tails(&server, "orders").await.len(), 2);
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
