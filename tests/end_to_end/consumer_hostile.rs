//! Broken and hostile servers and networks.

use std::io::Write;

use feed_tests::events::orders;
use feed_tests::faulty::Faulty;
use feed_tests::random::seeded;
use feed_tests::site::{Page, Site};
use feed_tests::{ServerProcess, Subscription};

const GIVE_UP: [&str; 4] = ["--print", "--until-idle", "--give-up-after", "400ms"];

fn feed(entries: &str) -> String {
    format!(
        "<feed xmlns='http://www.w3.org/2005/Atom'><id>urn:x:feed</id><title>t</title>\
         <updated>2021-01-01T00:00:00Z</updated><author><name>a</name></author>{entries}</feed>"
    )
}

const ENTRY: &str = "<entry><id>urn:x:1</id><title>t</title><updated>2021-01-01T00:00:00Z</updated>\
                     <content>text</content></entry>";

fn gzip(size: usize) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![b' '; 1 << 20];
    for _ in 0..size / zeros.len() {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap()
}

#[tokio::test]
async fn what_is_no_feed_is_not_handled_and_tried_again() {
    let site = Site::start(Page::atom(feed(ENTRY))).await;
    let subscription = Subscription::to_url(site.url("/feed").as_str());
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    let doctype = "<!DOCTYPE feed [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;&a;&a;'>]>";
    let external = "<!DOCTYPE feed SYSTEM 'file:///etc/passwd'>";
    let many = ENTRY.replace("urn:x:1", "urn:x:N");
    let many: String =
        (0..20_000).map(|n| many.replace("urn:x:N", &format!("urn:x:{n}"))).collect();
    let html = Page::atom("<html><body>Welcome</body></html>").with("content-type", "text/html");
    let with_status = |status: u16| Page { status, ..Page::atom(feed(ENTRY)) };
    for (what, page) in [
        ("nothing", Page::atom("")),
        ("text", Page::atom("not a feed")),
        ("half of a feed", Page::atom(feed(ENTRY)[..150].to_owned())),
        ("two feeds", Page::atom(format!("{}{}", feed(ENTRY), feed(ENTRY)))),
        ("a page for people", html),
        ("RSS", Page::atom("<rss version='2.0'><channel><title>t</title></channel></rss>")),
        ("entities", Page::atom(format!("{doctype}{}", feed("<rights>&b;</rights>")))),
        ("a foreign entity", Page::atom(format!("{external}{}", feed(ENTRY)))),
        ("deep nesting", Page::atom(feed(&deep))),
        ("too many entries", Page::atom(feed(&many))),
        ("a small gzip of much", Page::atom(gzip(256 << 20)).with("content-encoding", "gzip")),
        ("no gzip at all", Page::atom(feed(ENTRY)).with("content-encoding", "gzip")),
        ("an entry without an id", Page::atom(feed(&ENTRY.replace("<id>urn:x:1</id>", "")))),
        ("404", with_status(404)),
        ("401", with_status(401)),
        ("500", with_status(500)),
        ("503", with_status(503)),
        ("204", with_status(204)),
        ("206", with_status(206)),
    ] {
        site.say(page);
        let before = site.count().0;
        let ended = subscription.run(&GIVE_UP).await.expect_code(1);
        assert_eq!(ended.stdout, "", "{what} was handled");
        let line = ended.stderr.lines().last().unwrap_or_default();
        assert!(line.starts_with("feed-consumer: "), "{what}: {line}");
        assert!(line.len() < 1000, "{what}: {line}");
        assert!(site.count().0 > before, "{what}");
        assert!(!ended.stderr.contains("panicked"), "{what}: {}", ended.stderr);
    }
    site.say(Page::atom(feed(ENTRY)));
    assert_eq!(subscription.drain().await.len(), 1);
}

#[tokio::test]
async fn gone_for_good_is_the_end() {
    let site = Site::start(Page { status: 410, ..Page::atom("") }).await;
    let subscription = Subscription::to_url(site.url("/feed").as_str());
    let ended = subscription.run(&["--print"]).await.expect_code(1);
    assert!(ended.stderr.lines().last().unwrap().contains("410"), "{}", ended.stderr);
    assert_eq!(site.count().0, 1, "asking again would not help");
}

#[tokio::test]
async fn a_redirect_is_followed_within_the_origin_and_not_beyond() {
    let elsewhere = Site::start(Page::atom(feed(ENTRY))).await;
    let to = |target: &str| Page { status: 307, ..Page::atom("").with("location", target) };
    let site = Site::start(to(elsewhere.url("/feed").as_str())).await;
    let subscription = Subscription::to_url(site.url("/old").as_str());
    let ended = subscription.run(&GIVE_UP).await.expect_code(1);
    assert_eq!((ended.stdout.as_str(), elsewhere.count().0), ("", 0), "it went elsewhere");
    // A redirect to itself is a loop.
    site.say(to("/old"));
    let asked = site.count().0;
    subscription.run(&GIVE_UP).await.expect_code(1);
    assert!(site.count().0 - asked < 200, "it went round and round");
    let server = ServerProcess::start().await;
    server.publish_orders(3).await;
    // The redirects of our own server: a tail by its time.
    let path = format!("{}/at?time=2000-01-01T00:00:00Z", server.folder("orders").await);
    server.get(&path).send().await.expect(307);
}

#[tokio::test]
async fn links_to_another_origin_are_not_followed() {
    let server = ServerProcess::with_page_size(2).await;
    server.publish_orders(5).await;
    let elsewhere = Site::start(Page::atom(feed(ENTRY))).await;
    let current = server.get("/feeds/orders").send().await.expect(200).text();
    let lies = current.replace("href=\"orders/", &format!("href=\"{}/", elsewhere.url("/orders")));
    assert_ne!(lies, current);
    let site = Site::start(Page::atom(lies)).await;
    let subscription = Subscription::to_url(site.url("/feeds/orders").as_str());
    subscription.run(&GIVE_UP).await.expect_code(1);
    assert_eq!(elsewhere.count().0, 0, "it went elsewhere: {:?}", elsewhere.paths());
}

#[tokio::test]
async fn through_a_bad_network_nothing_is_lost_and_nothing_doubled() {
    let server = ServerProcess::with_page_size(5).await;
    server.publish_orders(150).await;
    let network = Faulty::at_random(server.address(), 80, seeded()).await;
    let subscription = Subscription::to(network.http(), "orders");
    let catching_up = subscription.drain_positions().await;
    assert_eq!(catching_up, (1..=150).collect::<Vec<_>>());
    let consumer = subscription.start(&["--print", "--schedule", "every:10ms"]);
    for n in 0..10_u64 {
        server.publish("orders", &orders(151 + n * 5..=155 + n * 5)).await;
        consumer.lines(n as usize * 5 + 5).await;
    }
    let following: Vec<_> =
        consumer.stdout().iter().map(|line| feed_tests::consumer::position_in(line)).collect();
    assert_eq!(following, (151..=200).collect::<Vec<_>>());
    assert!(network.spoiled() > 0, "nothing was spoiled, and so nothing is proven");
}
