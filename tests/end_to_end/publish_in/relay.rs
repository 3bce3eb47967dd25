//! Who gives places to the events of the outbox.

use std::time::Duration;

use feed_server::FeedServer;
use feed_tests::wait::within_time;
use feed_tests::{ServerOptions, eventually, postgres};

use super::given::{InPostgres, Own, Place, placed, read_all};

/// DESIGN, and the documentation for operators.
const HANDED_OVER_WITHIN: Duration = Duration::from_secs(10);

#[tokio::test]
async fn what_is_committed_becomes_visible_without_a_word() {
    let place = InPostgres::new().await;
    for id in ["1", "2"] {
        let mut own = place.begin().await;
        place.publisher().publish_in(&mut own, "orders", placed(id)).await.unwrap();
        Own::commit(own).await.unwrap();
        eventually("the event", async || {
            place.log().await.iter().any(|it| it.event.id().as_str() == id).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_publisher_that_does_not_relay_has_its_event_moved_when_it_wakes() {
    let database = postgres::Database::create().await;
    let store = feed_server::store::open(database.url()).await.unwrap();
    let server = FeedServer::builder().shared_store(store).feed("orders").relay(false);
    let server = server.build().await.unwrap();
    let pool = database.pool(2).await;
    let mut own = pool.begin().await.unwrap();
    let receipt = server.publisher().publish_in(&mut own, "orders", placed("1")).await.unwrap();
    Own::commit(own).await.unwrap();
    receipt.wake();
    let store = feed_server::store::open(database.url()).await.unwrap();
    eventually("the event", async || (read_all(&*store, "orders").await.len() == 1).then_some(()))
        .await;
}

/// The name of the process that holds the relay's lease.
async fn holder(database: &postgres::Database) -> String {
    eventually("somebody to relay", async || {
        let holder: String = sqlx::query_scalar("SELECT holder FROM feed_relay")
            .fetch_one(&mut database.connect().await)
            .await
            .unwrap();
        (!holder.is_empty()).then_some(holder)
    })
    .await
}

#[tokio::test]
async fn the_relay_moves_to_a_living_process_within_ten_seconds() {
    let database = postgres::Database::create().await;
    let start = async || ServerOptions::default().on(&database).start().await;
    let dying = start().await;
    let first = holder(&database).await;
    let living = start().await;
    let store = feed_server::store::open(database.url()).await.unwrap();
    let publishing = FeedServer::builder().shared_store(store).relay(false).build().await.unwrap();
    let pool = database.pool(2).await;
    let publish = async |id: &str| {
        let mut own = pool.begin().await.unwrap();
        let publisher = publishing.publisher();
        publisher.publish_in(&mut own, "orders", placed(id)).await.unwrap();
        Own::commit(own).await.unwrap();
    };
    let seen = async |count: usize| {
        let what = format!("{count} events");
        let seen = eventually(&what, async || {
            let head = living.head("/feeds/orders").send().await;
            (head.header("feed-range") == format!("1-{count}")).then_some(())
        });
        within_time(HANDED_OVER_WITHIN, &what, seen).await;
    };
    publish("1").await;
    seen(1).await;
    dying.kill().await;
    publish("2").await;
    seen(2).await;
    assert_ne!(holder(&database).await, first);
    // One that ends in an orderly way gives the lease back.
    let next = start().await;
    living.stop().await.expect_code(0);
    let left: String = sqlx::query_scalar("SELECT holder FROM feed_relay WHERE expires = 0")
        .fetch_optional(&mut database.connect().await)
        .await
        .unwrap()
        .unwrap_or_default();
    assert_eq!(left, "", "it was given back, or is held by the next already");
    assert_ne!(holder(&database).await, first);
    drop(next);
}

#[tokio::test]
async fn the_trouble_of_one_feed_is_not_that_of_the_others() {
    let place = InPostgres::new().await;
    let mut lock = place.begin().await;
    lock.run("SELECT 1 FROM feed_heads JOIN feed_feeds ON feed = key WHERE name = 'orders' FOR UPDATE OF feed_heads").await.unwrap();
    let mut own = place.begin().await;
    for feed in ["orders", "customers"] {
        place.publisher().publish_in(&mut own, feed, placed(feed)).await.unwrap();
    }
    Own::commit(own).await.unwrap();
    eventually("the event of the other feed", async || {
        (read_all(place.store(), "customers").await.len() == 1).then_some(())
    })
    .await;
    assert!(place.log().await.is_empty());
    Own::rollback(lock).await;
    place.ids(1).await;
}

#[tokio::test]
async fn a_router_or_a_publisher_alone_keeps_the_relay_going() {
    let database = postgres::Database::create().await;
    let pool = database.pool(2).await;
    let open = async || {
        let store = feed_server::store::open(database.url()).await.unwrap();
        FeedServer::builder().shared_store(store).feed("orders").build().await.unwrap()
    };
    let publisher = open().await.publisher();
    let publish = async |id: &str| {
        let mut own = pool.begin().await.unwrap();
        publisher.publish_in(&mut own, "orders", placed(id)).await.unwrap();
        Own::commit(own).await.unwrap();
    };
    let store = feed_server::store::open(database.url()).await.unwrap();
    let seen = async |count: usize| {
        eventually("the event", async || {
            (read_all(&*store, "orders").await.len() == count).then_some(())
        })
        .await;
    };
    publish("1").await;
    seen(1).await;
    // And a router, without a publisher that looks.
    let router = open().await.router();
    let quiet = FeedServer::builder()
        .shared_store(feed_server::store::open(database.url()).await.unwrap())
        .relay(false)
        .build()
        .await
        .unwrap();
    drop(publisher);
    let mut own = pool.begin().await.unwrap();
    quiet.publisher().publish_in(&mut own, "orders", placed("2")).await.unwrap();
    Own::commit(own).await.unwrap();
    seen(2).await;
    drop(router);
}
