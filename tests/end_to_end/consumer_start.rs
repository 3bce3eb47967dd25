//! Where a new subscription begins (`--from`), and into how many shards it is cut.

use feed_tests::events::orders;
use feed_tests::site::{Page, Site};
use feed_tests::{ServerProcess, Subscription};

/// A document of other software.
const DOCUMENT: &str = "<feed xmlns='http://www.w3.org/2005/Atom'><id>urn:x:blog</id>\
    <title>Blog</title><updated>2026-01-01T00:00:00Z</updated><entry><id>urn:x:1</id>\
    <title>One</title><updated>2026-01-01T00:00:00Z</updated><content>text</content></entry></feed>";

async fn positions_from(server: &ServerProcess, place: &str) -> Vec<u64> {
    let subscription = Subscription::to(server, "orders");
    let arguments = ["--print", "--until-idle", "--from", place];
    let ended = subscription.run(&arguments).await.expect_code(0);
    ended.stdout.lines().map(feed_tests::consumer::position_in).collect()
}

#[tokio::test]
async fn a_subscription_begins_after_a_position_or_at_a_time() {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(25).await;
    server.publish("orders", &orders(26..=30)).await;
    let all = Subscription::to(&server, "orders").drain().await;
    assert_eq!(positions_from(&server, "0").await.len(), 30);
    assert_eq!(positions_from(&server, "27").await, [28, 29, 30]);
    assert_eq!(positions_from(&server, "30").await, [0_u64; 0]);
    // The five were accepted together, and none of the others was at that time.
    let time = all[25]["feedupdated"].as_str().unwrap();
    assert_eq!(positions_from(&server, time).await, (26..=30).collect::<Vec<_>>());
    assert_eq!(positions_from(&server, "2001-01-01T00:00:00Z").await.len(), 30);
    assert_eq!(positions_from(&server, "2999-01-01T00:00:00Z").await, [0_u64; 0]);
}

#[tokio::test]
async fn a_place_that_the_feed_does_not_have_is_refused_with_the_remedy() {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(25).await;
    let from = |place| ["--print", "--until-idle", "--from", place];
    let subscription = Subscription::to(&server, "orders");
    let beyond = subscription.run(&from("26")).await;
    beyond.expect_refusal(2, &["ends at position 25", "after 26", "--from"]);
    for place in ["end", "-1", "2026-11-01"] {
        subscription.run(&from(place)).await.expect_refusal(2, &["--from", "'beginning', 'now'"]);
    }
    let site = Site::start(Page::atom(DOCUMENT)).await;
    let blog = Subscription::to_url(site.url("/blog").as_str());
    for place in ["1", "2026-11-01T08:00:00Z"] {
        let refused = blog.run(&from(place)).await;
        refused.expect_refusal(2, &["without positions", "--from", "`now`"]);
    }
}

#[tokio::test]
async fn another_number_of_shards_than_there_are_is_refused_with_the_remedy() {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(25).await;
    let subscription = Subscription::to(&server, "orders");
    let cut = |shards| ["--print", "--until-idle", "--shards", shards];
    subscription.run(&cut("8")).await.expect_code(0);
    let refused = subscription.run(&cut("4")).await;
    refused.expect_refusal(2, &["has 8 shards", "not 4", "--shards", "reshard"]);
    subscription.run(&cut("8")).await.expect_code(0);
}
