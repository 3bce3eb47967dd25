//! A SQLite file that takes no writes for a while, or that others work on too.

use feed_tests::events::{order, orders};
use feed_tests::reading::{by_pages, by_tails, path_of};
use feed_tests::small_disk::SmallDisk;
use feed_tests::{ServerOptions, ServerProcess, eventually};
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

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_what_is_published_again_is_there_once() {
    const PUBLISHES: u64 = 320;
    let server = ServerProcess::start().await;
    let data = bytes::Bytes::from(vec![b'x'; 1 << 20]);
    let publish = |n: u64| {
        server
            .post("/feeds/orders", "application/octet-stream", data.clone())
            .header("ce-specversion", "1.0")
            .header("ce-id", &format!("order-{n}"))
            .header("ce-source", "/shop")
            .header("ce-type", "order.placed")
    };
    let lock = lock(&server).await;
    // More than the queue holds, and nothing can leave it.
    let requests = (1..=PUBLISHES).map(|n| publish(n).send());
    let mut refused_at_once = 0;
    for answer in futures_util::future::join_all(requests).await {
        assert!(answer.has("retry-after"), "{answer:?}");
        let problem = answer.expect_problem(503, "unavailable");
        refused_at_once += usize::from(problem["detail"].as_str().unwrap().contains("in time"));
    }
    assert!(refused_at_once > 0, "the queue has taken everything");
    lock.close().await.unwrap();
    for n in 1..=PUBLISHES {
        let answer = publish(n).send().await;
        assert!(matches!(answer.status.as_u16(), 200 | 201), "{answer:?}");
    }
    let folder = server.folder("orders").await;
    server.get(&format!("{folder}/entries/{PUBLISHES}")).send().await.expect(200);
    server.get(&format!("{folder}/entries/{}", PUBLISHES + 1)).send().await.expect(404);
}

/// Publishes until the disk is full, and returns how many events were acknowledged.
async fn publish_until_full(server: &ServerProcess, from: u64) -> u64 {
    for n in from.. {
        let mut event = order(n);
        event["data"] = "x".repeat(100_000).into();
        let answer = server.post_json("/feeds/orders", &event).send().await;
        if answer.status != 201 {
            answer.expect_problem(503, "unavailable");
            return n - 1;
        }
    }
    unreachable!("every disk has an end")
}

/// What a full disk must not do: lose, double or half-store anything, or stop readers.
async fn assert_whole(server: &ServerProcess, acknowledged: u64) {
    let log = by_tails(server, "orders").await;
    let ids: Vec<_> = log.iter().map(|it| it.event.id().to_string()).collect();
    let expected: Vec<_> = (1..=acknowledged).map(|n| format!("order-{n}")).collect();
    assert_eq!(ids, expected);
    assert_eq!(by_pages(server, "orders").await, log);
}

#[tokio::test]
async fn a_file_that_may_not_grow_refuses_publishes_and_serves_readers() {
    // A shell that ignores the signal hands that on; then a write beyond the limit is an error.
    let limited = "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\"";
    let server = ServerOptions::default().page_size(5).through(&["sh", "-c", limited]);
    let server = server.start().await;
    let acknowledged = publish_until_full(&server, 1).await;
    assert!(acknowledged > 5);
    assert_whole(&server, acknowledged).await;
    // With room again, the same ids settle what was unknown.
    let server = server.kill().await.through(&[]).start().await;
    assert_whole(&server, acknowledged).await;
    server.publish("orders", &[order(acknowledged + 1)]).await;
    assert_eq!(by_tails(&server, "orders").await.len() as u64, acknowledged + 1);
}

#[tokio::test]
async fn a_disk_that_fills_refuses_publishes_and_takes_them_once_there_is_room() {
    let Some(disk) = SmallDisk::mount() else {
        // Only a superuser may mount; a file that may not grow is tried above, everywhere.
        eprintln!("no small disk can be mounted here");
        return;
    };
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![0; 4 << 20]).unwrap();
    let database = disk.path().join("feeds.db").display().to_string();
    let server = ServerOptions::default().page_size(5).database(&database).start().await;
    let acknowledged = publish_until_full(&server, 1).await;
    assert!(acknowledged > 5);
    assert_whole(&server, acknowledged).await;
    server.get("/healthz").send().await.expect(200);
    std::fs::remove_file(ballast).unwrap();
    let last = acknowledged + 3;
    server.publish("orders", &orders(acknowledged + 1..=last)).await;
    assert_eq!(by_tails(&server, "orders").await.len() as u64, last);
    let server = server.killed_and_restarted().await;
    assert_eq!(by_tails(&server, "orders").await.len() as u64, last);
    server.stop().await.expect_code(0);
}

#[tokio::test]
async fn a_second_process_may_read_and_write_the_same_file() {
    let one = ServerProcess::with_page_size(5).await;
    let two = ServerOptions::default().on_database_of(&one).start().await;
    let publish = async |server: &ServerProcess, from: u64| {
        for n in (from..from + 40).step_by(2) {
            server.publish_one("orders", &order(n)).await;
        }
    };
    tokio::join!(publish(&one, 1), publish(&two, 2));
    let log = by_tails(&one, "orders").await;
    assert_eq!(log.len(), 40);
    assert_eq!(by_tails(&two, "orders").await, log);
    // Whoever waits at one is woken by what the other commits.
    let tail = one.get("/feeds/orders").send().await.expect(200).link("previous");
    let waiting = one.get(path_of(&tail)).header("prefer", "wait=20");
    let waiting = tokio::spawn(waiting.send());
    two.publish_one("orders", &order(100)).await;
    assert_eq!(waiting.await.unwrap().atom_positions(), [41]);
}
