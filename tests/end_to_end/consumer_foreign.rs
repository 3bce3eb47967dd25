//! A single Atom document that some other software made: each entry once, by its id.

use feed_tests::events::orders;
use feed_tests::site::{Page, Site};
use feed_tests::{ServerProcess, Subscription, eventually};
use serde_json::Value;

/// An entry as a web log writes it.
fn entry(n: u64, text: &str) -> String {
    format!(
        "<entry>\n<id>tag:blog.example,2021:{n}</id>\n<title type=\"html\">Entry &lt;b&gt;{n}&lt;/b&gt;</title>\n\
         <updated>2021-01-{n:02}T00:00:00Z</updated>\n<published>2021-01-{n:02}T00:00:00+01:00</published>\n\
         <link rel=\"alternate\" type=\"text/html\" href=\"/entries/{n}\"/>\n\
         <category term=\"news\" scheme=\"https://blog.example/tags\" label=\"News\"/>\n\
         <content type=\"xhtml\"><div xmlns=\"http://www.w3.org/1999/xhtml\"><p>{text}</p></div></content>\n\
         </entry>\n"
    )
}

/// A web log with these entries, the newest first.
fn blog(numbers: &[u64]) -> String {
    let entries: String = numbers.iter().rev().map(|n| entry(*n, "text")).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"en\" xml:base=\"https://blog.example/\">\n\
         <id>https://blog.example/</id>\n<title>A web log</title>\n<subtitle>of somebody</subtitle>\n\
         <updated>2021-02-01T00:00:00Z</updated>\n<author><name>Somebody</name></author>\n\
         <generator uri=\"https://x.example/\" version=\"1\">x</generator>\n\
         <link rel=\"self\" href=\"feed.xml\"/>\n{entries}</feed>\n"
    )
}

/// The last number of an entry's id, which the events of another feed have as theirs.
fn numbers(events: &[Value]) -> Vec<u64> {
    let number = |event: &Value| {
        let id = event["id"].as_str().unwrap();
        id.rsplit(':').next().unwrap().parse().unwrap()
    };
    events.iter().map(number).collect()
}

#[tokio::test]
async fn each_entry_is_handled_once_and_the_oldest_first() {
    let site = Site::start(Page::atom(blog(&[1, 2, 3]))).await;
    let subscription = Subscription::to_url(site.url("/feed.xml").as_str());
    let events = subscription.drain().await;
    assert_eq!(numbers(&events), [1, 2, 3]);
    assert_eq!(events[0]["specversion"], "1.0");
    assert_eq!(events[0]["type"], "news");
    assert_eq!(events[0]["time"], "2021-01-01T00:00:00+01:00");
    assert!(events[0].to_string().contains("<p>text</p>"), "{}", events[0]);
    assert!(subscription.drain().await.is_empty());
    site.say(Page::atom(blog(&[2, 3, 4, 5])));
    assert_eq!(numbers(&subscription.drain().await), [4, 5]);
    // What fell out and comes back is known; what changed is no new event.
    site.say(Page::atom(blog(&[1, 2, 3, 4, 5, 6]).replace("text", "other words")));
    assert_eq!(numbers(&subscription.drain().await), [6]);
    // Under another type, as many servers send it.
    site.say(Page::atom(blog(&[6, 7])).with("content-type", "text/xml; charset=utf-8"));
    assert_eq!(numbers(&subscription.drain().await), [7]);
}

#[tokio::test]
async fn an_id_that_stands_twice_in_a_document_is_one_entry() {
    let site = Site::start(Page::atom(blog(&[1, 2, 2, 3, 1]))).await;
    let subscription = Subscription::to_url(site.url("/feed.xml").as_str());
    let mut seen = numbers(&subscription.drain().await);
    seen.sort_unstable();
    assert_eq!(seen, [1, 2, 3]);
}

#[tokio::test]
async fn a_document_that_has_not_changed_is_not_sent_again() {
    let tagged = |numbers: &[u64], tag: &str| Page::atom(blog(numbers)).with("etag", tag);
    let site = Site::start(tagged(&[1, 2], "\"a\"")).await;
    let subscription = Subscription::to_url(site.url("/feed.xml").as_str());
    assert_eq!(numbers(&subscription.drain().await), [1, 2]);
    let before = site.count();
    assert!(subscription.drain().await.is_empty());
    assert_eq!(site.count(), (before.0 + 1, before.1 + 1), "one question, and no answer but 304");
    site.say(tagged(&[1, 2, 3], "\"b\""));
    assert_eq!(numbers(&subscription.drain().await), [3]);
}

#[tokio::test]
async fn a_document_is_asked_for_at_the_interval_and_not_more_often() {
    // Its server knows no validators, and sends it whole every time.
    let site = Site::start(Page::atom(blog(&[1, 2]))).await;
    let subscription = Subscription::to_url(site.url("/feed.xml").as_str());
    let consumer = subscription.start(&["--print", "--schedule", "every:10m"]);
    consumer.lines(2).await;
    consumer.signal("TERM");
    consumer.ended().await.expect_code(0);
    assert_eq!(site.count().0, 2, "once by HEAD, which tells whether it is a feed of ours");
}

#[tokio::test]
async fn new_entries_are_seen_as_they_come() {
    let site = Site::start(Page::atom(blog(&[1]))).await;
    let subscription = Subscription::to_url(site.url("/feed.xml").as_str());
    let consumer = subscription.start(&["--print", "--schedule", "every:20ms"]);
    consumer.lines(1).await;
    let mut all = vec![1];
    for n in 2..=9 {
        all.push(n);
        site.say(Page::atom(blog(&all)));
        consumer.lines(n as usize).await;
    }
    let events: Vec<Value> =
        consumer.stdout().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(numbers(&events), all);
}

#[tokio::test]
async fn from_now_leaves_out_what_the_document_held() {
    let site = Site::start(Page::atom(blog(&[1, 2]))).await;
    let subscription = Subscription::to_url(site.url("/feed.xml").as_str());
    let now = ["--print", "--until-idle", "--from", "now"];
    assert_eq!(subscription.run(&now).await.expect_code(0).stdout, "");
    site.say(Page::atom(blog(&[1, 2, 3])));
    assert_eq!(numbers(&subscription.drain().await), [3]);
}

#[tokio::test]
async fn a_kill_repeats_at_most_one_entry() {
    let all: Vec<u64> = (1..=30).collect();
    let tagged = Page::atom(blog(&all)).with("etag", "\"a\"");
    let site = Site::start(tagged).await;
    let subscription = Subscription::to_url(site.url("/feed.xml").as_str());
    let exec = "echo $FEED_EVENT_POSITION >> log";
    let positions = || subscription.lines_of("log");
    for goal in [1, 8, 9, 20] {
        let consumer = subscription.start(&["--exec", exec]);
        eventually("some entries to be handled", async || {
            (positions().len() >= goal).then_some(())
        })
        .await;
        consumer.kill().await;
    }
    // The validators are kept only once all of the document is handled.
    subscription.run(&["--exec", exec, "--until-idle"]).await.expect_code(0);
    let seen: Vec<u64> = positions().iter().map(|line| line.parse().unwrap()).collect();
    let mut distinct = seen.clone();
    distinct.dedup();
    assert_eq!(distinct, all);
    assert!(seen.len() - distinct.len() <= 4, "{seen:?}");
}

#[tokio::test]
async fn a_feed_that_becomes_another_one_stops_the_consumer() {
    let site = Site::start(Page::atom(blog(&[1, 2]))).await;
    let subscription = Subscription::to_url(site.url("/feed.xml").as_str());
    subscription.drain().await;
    site.say(Page::atom(blog(&[3]).replace("<id>https://blog.example/</id>", "<id>urn:x:y</id>")));
    let ended = subscription.run(&["--print", "--until-idle"]).await.expect_code(1);
    assert_eq!(ended.stdout, "");
    let line = ended.stderr.lines().last().unwrap();
    assert!(line.contains("urn:x:y") && line.contains("https://blog.example/"), "{line}");
    // A copy of one of our documents has positions, and is no document without.
    let server = ServerProcess::start().await;
    server.publish("orders", &orders(1..=3)).await;
    let copy = server.get("/feeds/orders").send().await.expect(200);
    site.say(Page::atom(copy.body));
    subscription.run(&["--print", "--until-idle"]).await.expect_code(1);
}
