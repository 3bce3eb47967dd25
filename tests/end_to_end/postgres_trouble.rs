//! A PostgreSQL database that does not do what it should, and what a server makes of it.

use feed_tests::cutter::{COMMIT, Cut, Cutter};
use feed_tests::events::order;
use feed_tests::postgres::{Database, url_of};
use feed_tests::reading::by_tails;
use feed_tests::{ServerOptions, ServerProcess, eventually};
use sqlx::Executor;
use throwaway_postgres::Cluster;

async fn assert_unavailable(server: &ServerProcess, n: u64) {
    let answer = server.post_json("/feeds/orders", &order(n)).send().await;
    assert!(answer.has("retry-after"), "{answer:?}");
    let problem = answer.expect_problem(503, "unavailable");
    let detail = problem["detail"].as_str().unwrap();
    assert!(!detail.contains("sql") && !detail.contains("pool"), "internal: {detail}");
}

async fn published_again(server: &ServerProcess, n: u64) -> u16 {
    let answer = server.post_json("/feeds/orders", &order(n)).send().await;
    assert!(matches!(answer.status.as_u16(), 200 | 201), "{answer:?}");
    answer.status.as_u16()
}

#[tokio::test]
async fn a_commit_whose_outcome_is_unknown_is_settled_by_the_same_id() {
    let database = Database::create().await;
    let direct: url::Url = database.url().parse().unwrap();
    let address = direct.socket_addrs(|| None).unwrap()[0];
    let cutter = Cutter::before(address).await;
    let through = ServerOptions::default().database(&cutter.url(database.url()));
    let server = through.start().await;
    server.publish_one("orders", &order(1)).await;
    // An append is one statement that commits, with the event's id in it; or a transaction that ends
    // with a COMMIT, as where a version is expected, or for a while after another head was met than
    // the one that was expected.
    let mut n = 1;
    for (one_statement, cut, status) in [
        (true, Cut::Before, 201),
        (true, Cut::After, 200),
        (false, Cut::Before, 201),
        (false, Cut::After, 200),
    ] {
        n += 1;
        // The append before makes sure that this one knows what head to expect.
        published_again(&server, n).await;
        n += 1;
        let id = format!("order-{n}");
        cutter.cut(if one_statement { id.as_bytes() } else { COMMIT }, cut);
        let mut request = server.post_json("/feeds/orders", &order(n));
        if !one_statement {
            let versions = by_tails(&server, "orders").await;
            let subject = format!("customer-{}", n % 10);
            let of_subject = |it: &&feed_protocol::Recorded| {
                it.event.subject().is_some_and(|it| it.as_str() == subject)
            };
            let version = versions.iter().filter(of_subject).count();
            request = request.header("expected-version", &version.to_string());
        }
        request.send().await.expect_problem(503, "unavailable");
        assert!(cutter.is_done());
        assert_eq!(published_again(&server, n).await, status, "{one_statement} {cut:?}");
    }
    let log = by_tails(&server, "orders").await;
    let ids: Vec<_> = log.iter().map(|it| it.event.id().to_string()).collect();
    assert_eq!(ids, (1..=n).map(|n| format!("order-{n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_server_without_a_free_connection_says_so_and_recovers() {
    let settings = [("max_connections", "12"), ("superuser_reserved_connections", "0")];
    let postgres = Cluster::start_with(&settings).unwrap();
    let database = Database::create_on(url_of(&postgres)).await;
    let server = ServerOptions::default().on(&database).start().await;
    server.publish_one("orders", &order(1)).await;
    // Others take every connection that there is, and those that the server has are cut.
    let mut others = Vec::new();
    let mut observer = database.connect().await;
    loop {
        observer
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE application_name = 'feed-server'",
            )
            .await
            .unwrap();
        let Some(other) = database.try_connect().await else {
            let left: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'feed-server'",
            )
            .fetch_one(&mut observer)
            .await
            .unwrap();
            if left == 0 {
                break;
            }
            continue;
        };
        others.push(other);
    }
    assert_unavailable(&server, 2).await;
    server.get("/readyz").send().await.expect_problem(503, "unavailable");
    server.get("/healthz").send().await.expect(200);
    drop(others);
    eventually("the server to be ready again", async || {
        (server.get("/readyz").send().await.status == 200).then_some(())
    })
    .await;
    published_again(&server, 2).await;
    assert_eq!(by_tails(&server, "orders").await.len(), 2);
}

#[tokio::test]
async fn a_read_only_database_refuses_publishes_and_serves_readers() {
    let database = Database::create().await;
    let server = ServerOptions::default().on(&database).start().await;
    server.publish_one("orders", &order(1)).await;
    database.set_read_only(true).await;
    // Connections that were cut fail once each; this goes on.
    eventually("the server not to be ready", async || {
        for _ in 0..10 {
            if server.get("/readyz").send().await.status != 503 {
                return None;
            }
        }
        Some(())
    })
    .await;
    assert_unavailable(&server, 2).await;
    assert_eq!(by_tails(&server, "orders").await.len(), 1);
    server.get("/healthz").send().await.expect(200);
    database.set_read_only(false).await;
    eventually("the server to be ready again", async || {
        (server.get("/readyz").send().await.status == 200).then_some(())
    })
    .await;
    published_again(&server, 2).await;
}
