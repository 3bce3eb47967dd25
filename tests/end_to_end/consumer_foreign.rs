//! Feeds that some other software made: each entry once, by its id, and the oldest first.

use feed_tests::events::orders;
use feed_tests::random::seeded;
use feed_tests::site::{Page, Site};
use feed_tests::{ServerProcess, Subscription, eventually};
use rand::RngExt;
use serde_json::Value;

/// An entry as a web log writes it.
fn entry(n: u64, text: &str) -> String {
    let day = format!("20{:02}-{:02}-{:02}", 21 + n / 336, n / 28 % 12 + 1, n % 28 + 1);
    format!(
        "<entry>\n<id>tag:blog.example,2021:{n}</id>\n<title type=\"html\">Entry &lt;b&gt;{n}&lt;/b&gt;</title>\n\
         <updated>{day}T00:00:00Z</updated>\n<published>{day}T00:00:00+01:00</published>\n\
         <link rel=\"alternate\" type=\"text/html\" href=\"/entries/{n}\"/>\n\
         <category term=\"news\" scheme=\"https://blog.example/tags\" label=\"News\"/>\n\
         <content type=\"xhtml\"><div xmlns=\"http://www.w3.org/1999/xhtml\"><p>{text}</p></div></content>\n\
         </entry>\n"
    )
}

/// A web log with these entries, the newest first.
pub(crate) fn blog(numbers: &[u64]) -> String {
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

/// A web log with an archive of every three entries, and the rest in its document.
pub(crate) fn say_archives(site: &Site, count: u64) {
    let linked = |numbers: &[u64], before: u64| {
        let link = match before {
            0 => String::new(),
            _ => format!("<link rel=\"prev-archive\" href=\"{}\"/>", site.url(&archive(before))),
        };
        Page::atom(blog(numbers).replacen("<entry>", &format!("{link}<entry>"), 1))
    };
    let full = (count - 1) / 3;
    for number in 1..=full {
        let numbers: Vec<u64> = (number * 3 - 2..=number * 3).collect();
        site.say_at(&archive(number), linked(&numbers, number - 1));
    }
    site.say(linked(&(full * 3 + 1..=count).collect::<Vec<_>>(), full));
}

pub(crate) fn archive(number: u64) -> String {
    format!("/archive/{number}")
}

/// The last number of an entry's id, which the events of another feed have as theirs.
pub(crate) fn numbers(events: &[Value]) -> Vec<u64> {
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
    assert_eq!(events[0]["time"], "2021-01-02T00:00:00+01:00");
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
    // What was being handled when it was killed may wait for other shards.
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct, all);
    assert!(seen.len() - distinct.len() <= 4, "{seen:?}");
}

#[tokio::test]
async fn what_one_worker_leaves_of_a_document_another_handles() {
    let all: Vec<u64> = (1..=40).collect();
    let site = Site::start(Page::atom(blog(&all)).with("etag", "\"a\"")).await;
    let subscription = Subscription::to_url(site.url("/feed.xml").as_str());
    let exec = "sleep 0.05; echo $FEED_EVENT_POSITION >> log";
    let handled = || subscription.lines_of("log").len();
    // The document goes to whoever joins last, and back when that one dies in the middle of it.
    let run = ["--exec", exec, "--schedule", "every:1s"];
    let one = subscription.start(&run);
    one.log_line(|line| line.contains("acquired")).await;
    let two = subscription.start(&run);
    two.log_line(|line| line.contains("acquired")).await;
    let before = handled();
    eventually("some more", async || (handled() >= before + 3).then_some(())).await;
    two.kill().await;
    eventually("all of them", async || {
        let log = subscription.lines_of("log");
        let mut seen: Vec<u64> = log.iter().map(|line| line.parse().unwrap()).collect();
        seen.sort_unstable();
        seen.dedup();
        (seen == all).then_some(())
    })
    .await;
    one.signal("TERM");
    one.ended().await.expect_code(0);
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

#[tokio::test]
async fn archives_are_read_oldest_first_and_once() {
    let site = Site::start(Page::atom("")).await;
    say_archives(&site, 20);
    let subscription = Subscription::to_url(site.url("/feed.xml").as_str());
    assert_eq!(numbers(&subscription.drain().await), (1..=20).collect::<Vec<_>>());
    say_archives(&site, 27);
    let before = site.count().0;
    assert_eq!(numbers(&subscription.drain().await), (21..=27).collect::<Vec<_>>());
    let asked: Vec<String> = site.paths().into_iter().skip(before).collect();
    assert!(!asked.contains(&archive(6)), "{asked:?}");
}

#[tokio::test]
async fn a_kill_at_any_time_costs_archives_no_more_than_one_entry_and_one_page() {
    const KILLS: usize = 8;
    const ENTRIES: u64 = 90;
    let mut random = seeded();
    let site = Site::start(Page::atom("")).await;
    say_archives(&site, ENTRIES);
    let subscription = Subscription::to_url(site.url("/feed.xml").as_str());
    let exec = "echo $FEED_EVENT_POSITION $FEED_EVENT_ID >> log";
    let handled = || {
        let number = |line: String| line.rsplit(':').next().unwrap().parse().unwrap();
        subscription.lines_of("log").into_iter().map(number).collect::<Vec<u64>>()
    };
    let mut walking = 0;
    for kill in 0..KILLS {
        let consumer = subscription.start(&["--exec", exec]);
        // At first while it walks back, later while it handles what it found.
        let (asked, done) = (site.count().0, handled().len());
        let (more, further) = (random.random_range(2..9), random.random_range(1..12));
        eventually("a page or an entry more", async || {
            let enough = if kill < KILLS / 2 {
                site.count().0 >= asked + more
            } else {
                handled().len() >= done + further
            };
            enough.then_some(())
        })
        .await;
        consumer.kill().await;
        walking += usize::from(handled().is_empty());
    }
    assert!(walking > 0, "no kill came while it walked back");
    subscription.run(&["--exec", exec, "--until-idle"]).await.expect_code(0);
    let seen = handled();
    let mut distinct = seen.clone();
    // What was being handled when it was killed may wait for other shards.
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct, (1..=ENTRIES).collect::<Vec<_>>());
    assert!(seen.len() - distinct.len() <= KILLS, "{seen:?}");
    // Back and forwards, and a page more for each kill.
    let archives = site.paths().iter().filter(|it| it.starts_with("/archive")).count();
    let twice = 2 * (ENTRIES as usize - 1) / 3;
    assert!(archives <= twice + 2 * KILLS, "{archives} requests for {} archives", twice / 2);
}

#[tokio::test]
async fn what_may_have_been_missed_ends_the_consumer_with_the_choices() {
    let site = Site::start(Page::atom(blog(&[1, 2]))).await;
    let subscription = Subscription::to_url(site.url("/feed.xml").as_str());
    subscription.drain().await;
    site.say(Page::atom(blog(&[8, 9])));
    let ended = subscription.run(&["--print", "--until-idle"]).await.expect_code(1);
    assert_eq!(ended.stdout, "");
    let line = ended.stderr.lines().last().unwrap();
    for part in ["/feed.xml", "may have been missed", "`oldest`", "`now`"] {
        assert!(line.contains(part), "{line}");
    }
    site.say(Page::atom(blog(&[2, 8, 9])));
    assert_eq!(numbers(&subscription.drain().await), [8, 9]);
}
