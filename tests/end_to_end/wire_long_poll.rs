//! `Prefer: wait=N` (RFC 7240): long polls.

use std::time::Duration;

use feed_tests::events::{BATCH, order, orders, typed};
use feed_tests::reading::path_of;
use feed_tests::{Answer, ServerOptions, ServerProcess, within};
use tokio::time::Instant;

const FEED: &str = "/feeds/orders";

async fn tail(server: &ServerProcess, after: u64) -> String {
    format!("{}/after/{after}", server.folder("orders").await)
}

#[track_caller]
fn assert_waited(answer: &Answer, seconds: u64) {
    assert_eq!(answer.header("preference-applied"), format!("wait={seconds}"));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("vary"), "Prefer, Accept, Accept-Encoding");
}

#[tokio::test]
async fn news_wakes_whoever_waits_on_the_tail() {
    let server = ServerProcess::start().await;
    server.publish_orders(3).await;
    let path = tail(&server, 3).await;
    let waiting = server.get(&path).header("prefer", "wait=30").send();
    let event = order(4);
    let (answer, _) = tokio::join!(waiting, server.publish_one("orders", &event));
    let answer = answer.expect(200);
    assert_waited(&answer, 30);
    assert_eq!(answer.atom_positions(), [4]);
    assert_eq!(answer.header("feed-range"), "4-4");
    // What is there already is not waited for.
    let begun = Instant::now();
    let answer = server.get(&tail(&server, 1).await).header("prefer", "wait=30").send().await;
    assert_eq!(answer.expect(200).atom_positions(), [2, 3, 4]);
    assert!(begun.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn at_the_deadline_the_empty_tail_is_the_answer() {
    let server = ServerProcess::start().await;
    server.publish_orders(3).await;
    let path = tail(&server, 3).await;
    let begun = Instant::now();
    let answer = server.get(&path).header("prefer", "wait=1").send().await.expect(200);
    assert!(begun.elapsed() >= Duration::from_millis(900), "it did not wait");
    assert_waited(&answer, 1);
    assert!(answer.atom_positions().is_empty());
    assert_eq!(answer.header("feed-range"), "4-3");
    assert_eq!(path_of(&answer.link("previous")), path);
    let etag = answer.header("etag");
    let again = server.get(&path).header("prefer", "wait=1").header("if-none-match", etag);
    let again = again.send().await.expect(304);
    assert_waited(&again, 1);
    assert_eq!(again.header("feed-cursor"), answer.header("feed-cursor"));
    // The empty tail that one did not wait for is the same document.
    let plain = server.get(&path).send().await.expect(200);
    assert_eq!(plain.header("etag"), etag);
    assert_eq!(plain.header("cache-control"), "no-cache");
    assert!(!plain.has("preference-applied"));
}

#[tokio::test]
async fn on_the_current_document_a_change_is_waited_for() {
    let server = ServerProcess::start().await;
    server.publish_orders(3).await;
    let wait = |etag: Option<&str>, seconds: u64| {
        let mut request = server.get(FEED).header("prefer", &format!("wait={seconds}"));
        if let Some(etag) = etag {
            request = request.header("if-none-match", etag);
        }
        request.send()
    };
    // Nothing to compare with: the answer is immediate.
    let begun = Instant::now();
    let answer = wait(None, 30).await.expect(200);
    assert!(begun.elapsed() < Duration::from_secs(15));
    let etag = answer.header("etag");
    let answer = wait(Some("\"other\""), 30).await.expect(200);
    assert!(begun.elapsed() < Duration::from_secs(15));
    assert_waited(&answer, 30);
    let begun = Instant::now();
    let unchanged = wait(Some(etag), 1).await.expect(304);
    assert!(begun.elapsed() >= Duration::from_millis(900), "it did not wait");
    assert_waited(&unchanged, 1);
    let weak = format!("W/{etag}");
    let event = order(4);
    let (changed, _) = tokio::join!(wait(Some(&weak), 30), server.publish_one("orders", &event));
    let changed = changed.expect(200);
    assert_waited(&changed, 30);
    assert_eq!(changed.atom_positions(), [4, 3, 2, 1]);
}

#[tokio::test]
async fn with_a_filter_the_wait_ends_at_the_first_match() {
    let server = ServerProcess::with_page_size(3).await;
    let folder = server.folder("orders").await;
    let path = format!("{folder}/after/0?type=a");
    let waiting = async { server.get(&path).header("prefer", "wait=30").send().await.expect(200) };
    let publishing = async {
        for n in 1..=7 {
            server.publish_one("orders", &typed("b", n)).await;
        }
        server.publish_one("orders", &typed("a", 8)).await;
    };
    let (answer, ()) = tokio::join!(waiting, publishing);
    assert_eq!(answer.atom_positions(), [8]);
    // It tells how far it looked: nothing before the match is asked for again.
    assert_eq!(answer.header("feed-range"), "1-8");
    let begun = Instant::now();
    let path = format!("{folder}/after/1?type=c");
    let answer = server.get(&path).header("prefer", "wait=1").send().await.expect(200);
    assert!(begun.elapsed() >= Duration::from_millis(900), "it did not wait");
    assert_waited(&answer, 1);
    assert!(answer.atom_positions().is_empty());
    assert_eq!(answer.header("feed-range"), "2-8", "the range passed, although nothing matched");
    assert_eq!(path_of(&answer.link("previous")), format!("{folder}/after/8?type=c"));

    let current = format!("{FEED}?type=a");
    let etag = server.get(&current).send().await.header("etag").to_owned();
    let waiting = async {
        let request = server.get(&current).header("prefer", "wait=30");
        request.header("if-none-match", &etag).send().await.expect(200)
    };
    let publishing = async {
        server.publish_one("orders", &typed("b", 9)).await;
        server.publish_one("orders", &typed("a", 10)).await;
    };
    let (answer, ()) = tokio::join!(waiting, publishing);
    assert_eq!(answer.atom_positions(), [10, 8]);
}

#[tokio::test]
async fn the_servers_cap_is_the_longest_wait_and_what_is_no_wait_is_none() {
    let server = ServerOptions::default().setting("long_poll_max_seconds = 1").start().await;
    let path = tail(&server, 0).await;
    for prefer in
        ["wait=3600", "respond-async, wait=2; x=y", "Wait=\"10\"", "wait=18446744073709551615"]
    {
        let answer = within("the cap", server.get(&path).header("prefer", prefer).send()).await;
        assert_waited(&answer.expect(200), 1);
    }
    for prefer in ["wait", "wait=", "wait=-1", "wait=soon", "return=minimal", ""] {
        let answer = server.get(&path).header("prefer", prefer).send().await.expect(200);
        assert!(!answer.has("preference-applied"), "{prefer}");
        assert_eq!(answer.header("cache-control"), "no-cache", "{prefer}");
    }
    let answer = server.get(&path).header("prefer", "wait=0").send().await.expect(200);
    assert!(answer.atom_positions().is_empty());
}

#[tokio::test]
async fn a_wake_up_is_never_lost() {
    let server = ServerProcess::with_page_size(1000).await;
    let folder = server.folder("orders").await;
    // Waiting and publishing begin together, so that the publish falls into every moment of the
    // wait: before it registers, between its look and its wait, after.
    for n in 1..=300 {
        let path = format!("{folder}/after/{}", n - 1);
        let waiting = server.get(&path).header("accept", BATCH).header("prefer", "wait=30").send();
        let begun = Instant::now();
        let event = order(n);
        let (answer, _) = tokio::join!(waiting, server.publish_one("orders", &event));
        assert_eq!(answer.expect(200).batch_positions(), [n]);
        assert!(begun.elapsed() < Duration::from_secs(15), "the wake-up of event {n} was lost");
    }
}

#[tokio::test]
async fn one_wake_up_serves_all_who_wait() {
    let server = ServerProcess::start().await;
    let path = tail(&server, 0).await;
    let waiting = (0..100).map(|_| server.get(&path).header("prefer", "wait=30").send());
    let publish = async { server.publish("orders", &orders(1..=1)).await };
    let (answers, ()) = tokio::join!(futures_util::future::join_all(waiting), publish);
    for answer in answers {
        assert_eq!(answer.expect(200).atom_positions(), [1]);
    }
}

#[tokio::test]
async fn news_of_another_process_wakes_as_well() {
    let server = ServerProcess::start().await;
    let beside = ServerOptions::default().on_database_of(&server).start().await;
    let path = tail(&server, 0).await;
    for n in 1..=3_u64 {
        let from = path.replace("/after/0", &format!("/after/{}", n - 1));
        let waiting = server.get(&from).header("prefer", "wait=30").send();
        let begun = Instant::now();
        let event = order(n);
        let (answer, _) = tokio::join!(waiting, beside.publish_one("orders", &event));
        assert_eq!(answer.expect(200).atom_positions(), [n]);
        assert!(begun.elapsed() < Duration::from_secs(15));
    }
    // And each shows at once what the other has acknowledged.
    let answer = server.get(&tail(&server, 3).await).send().await.expect(200);
    assert!(answer.atom_positions().is_empty());
    beside.publish_one("orders", &order(4)).await;
    let answer = server.get(&tail(&server, 3).await).send().await.expect(200);
    assert_eq!(answer.atom_positions(), [4]);
}

#[tokio::test]
async fn a_wait_beyond_the_head_is_refused_at_once() {
    let server = ServerProcess::start().await;
    let path = tail(&server, 1).await;
    let answer = server.get(&path).header("prefer", "wait=30").send();
    let answer = within("a refusal", answer).await;
    answer.expect_problem(409, "beyond-head");
}

#[tokio::test]
async fn a_long_poll_is_answered_at_shutdown() {
    let server = ServerProcess::start().await;
    let path = tail(&server, 0).await;
    let etag = server.get(FEED).send().await.header("etag").to_owned();
    let on_tail = server.get(&path).header("prefer", "wait=30").send();
    let on_current = server.get(FEED).header("prefer", "wait=30").header("if-none-match", &etag);
    let polls = tokio::spawn(futures_util::future::join(on_tail, on_current.send()));
    // Begun later and waiting a second: when it is through, the two others wait.
    server.get(&path).header("prefer", "wait=1").send().await.expect(200);
    let begun = Instant::now();
    let ended = server.stop().await.expect_code(0);
    assert!(begun.elapsed() < Duration::from_secs(15), "{ended:?}");
    let (on_tail, on_current) = polls.await.unwrap();
    on_tail.expect(200);
    on_current.expect(304);
}
