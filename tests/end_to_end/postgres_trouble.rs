//! A PostgreSQL database that does not do what it should, and what a server makes of it.

use feed_tests::cutter::{Cut, Cutter};
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
    for (n, cut, status) in [
        (2, Cut::BeforeCommit, 201),
        (3, Cut::AfterCommit, 200),
        (4, Cut::AfterCommit, 200),
        (5, Cut::BeforeCommit, 201),
    ] {
        cutter.cut(cut);
        assert_unavailable(&server, n).await;
        assert!(cutter.is_done());
        assert_eq!(published_again(&server, n).await, status, "{cut:?}");
    }
    let log = by_tails(&server, "orders").await;
    let ids: Vec<_> = log.iter().map(|it| it.event.id().to_string()).collect();
    assert_eq!(ids, ["order-1", "order-2", "order-3", "order-4", "order-5"]);
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
    eventually("the server not to be ready", async || {
        (server.get("/readyz").send().await.status == 503).then_some(())
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
