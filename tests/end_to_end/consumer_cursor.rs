//! `feed-consumer cursor`: where subscriptions stand, and how they are moved by hand.

use feed_tests::consumer::position_in;
use feed_tests::events::orders;
use feed_tests::process::{run, run_with_input};
use feed_tests::site::{Page, Site};
use feed_tests::{ServerProcess, Subscription, tools};
use serde_json::{Value, json};

/// A document of other software.
const DOCUMENT: &str = "<feed xmlns='http://www.w3.org/2005/Atom'><id>urn:x:blog</id>\
    <title>Blog</title><updated>2026-01-01T00:00:00Z</updated><entry><id>urn:x:1</id>\
    <title>One</title><updated>2026-01-01T00:00:00Z</updated><content>text</content></entry></feed>";

/// A server with 25 orders, and a subscription that has handled them as the group `default`.
async fn handled() -> (ServerProcess, Subscription, String) {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(25).await;
    let subscription = Subscription::to(&server, "orders");
    assert_eq!(subscription.drain().await.len(), 25);
    let url = server.url("/feeds/orders").to_string();
    (server, subscription, url)
}

async fn shown(subscription: &Subscription) -> Vec<Value> {
    let ended = subscription.cursor(&["show", "--json"]).await.expect_code(0);
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn show_lists_where_each_subscription_stands_and_how_far_behind_it_is() {
    let (server, subscription, url) = handled().await;
    subscription.run(&["--print", "--until-idle", "--group", "late", "--from", "now"]).await;
    server.publish("orders", &orders(26..=30)).await;
    assert_eq!(subscription.drain_positions().await.len(), 5);
    let [first, second] = shown(&subscription).await.try_into().unwrap();
    for (cursor, group, position, behind) in [(&first, "default", 30, 0), (&second, "late", 25, 5)]
    {
        assert_eq!(cursor["group"], group);
        assert_eq!(cursor["position"], position);
        assert_eq!(cursor["behind"], behind);
        assert_eq!(cursor["url"], url);
        assert_eq!(cursor["problem"], json!(null));
        assert!(cursor["moved"].as_str().unwrap().starts_with("20"), "{cursor}");
    }
    let table = subscription.cursor(&["show", &url, "--group", "late"]).await.expect_code(0).stdout;
    let row: Vec<_> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!((row[0], row[1], row[2], row[4]), ("late", "25", "5", &*url));
    assert_eq!(table.lines().count(), 2, "{table}");
    // A feed that is away takes nothing from the rest.
    drop(server);
    let [away, _] = shown(&subscription).await.try_into().unwrap();
    assert_eq!((&away["position"], &away["behind"]), (&json!(30), &json!(null)));
    assert!(away["problem"].as_str().unwrap().contains("cannot be read"), "{away}");
}

#[tokio::test]
async fn a_cursor_that_is_set_goes_on_from_there() {
    let (server, subscription, url) = handled().await;
    for (to, first, says) in [
        ("20", 21, "5 events will be handled again"),
        ("24", 25, "1 event will be handled again"),
        ("beginning", 1, "25 events will be handled again"),
    ] {
        let set = subscription.cursor(&["set", &url, "--to", to, "--yes"]).await.expect_code(0);
        assert!(set.stdout.contains(says), "{}", set.stdout);
        assert_eq!(subscription.drain_positions().await, (first..=25).collect::<Vec<_>>());
    }
    server.publish("orders", &orders(26..=40)).await;
    let set = subscription.cursor(&["set", &url, "--to", "30", "--yes"]).await.expect_code(0);
    assert!(set.stdout.contains("5 events will be passed over"), "{}", set.stdout);
    assert_eq!(subscription.drain_positions().await, (31..=40).collect::<Vec<_>>());
    server.publish("orders", &orders(41..=45)).await;
    subscription.cursor(&["set", &url, "--to", "now", "--yes"]).await.expect_code(0);
    assert!(subscription.drain_positions().await.is_empty());
    let same = subscription.cursor(&["set", &url, "--to", "45", "--yes"]).await.expect_code(0);
    assert!(same.stdout.contains("Nothing to do"), "{}", same.stdout);
}

#[tokio::test]
async fn a_cursor_can_be_set_to_a_time() {
    let (server, subscription, url) = handled().await;
    server.publish("orders", &orders(26..=30)).await;
    let rest = subscription.drain().await;
    let time = rest[0]["feedupdated"].as_str().unwrap();
    subscription.cursor(&["set", &url, "--to", time, "--yes"]).await.expect_code(0);
    assert_eq!(subscription.drain_positions().await, (26..=30).collect::<Vec<_>>());
    for (time, left) in [("2001-01-01T00:00:00+05:30", 30), ("2200-01-01T00:00:00Z", 0)] {
        subscription.cursor(&["set", &url, "--to", time, "--yes"]).await.expect_code(0);
        assert_eq!(subscription.drain_positions().await.len(), left);
    }
}

#[tokio::test]
async fn a_cursor_that_is_reset_begins_anew_where_from_says() {
    let (_server, subscription, url) = handled().await;
    let reset = subscription.cursor(&["reset", &url, "--yes"]).await.expect_code(0);
    assert!(reset.stdout.contains("25 events will be handled again"), "{}", reset.stdout);
    assert!(shown(&subscription).await.is_empty());
    assert_eq!(subscription.drain_positions().await, (1..=25).collect::<Vec<_>>());
    subscription.cursor(&["reset", &url, "--yes"]).await.expect_code(0);
    let now = ["--print", "--until-idle", "--from", "now"];
    assert_eq!(subscription.run(&now).await.expect_code(0).stdout, "");
}

#[tokio::test]
async fn without_a_terminal_and_without_yes_nothing_is_changed() {
    let (_server, subscription, url) = handled().await;
    let set = subscription.cursor(&["set", &url, "--to", "3"]).await;
    set.expect_refusal(2, &["--yes", "22 events will be handled again", "nothing was changed"]);
    let reset = subscription.cursor(&["reset", &url]).await;
    reset.expect_refusal(2, &["--yes", "nothing was changed"]);
    assert!(subscription.drain_positions().await.is_empty());
}

#[tokio::test]
async fn on_a_terminal_it_asks() {
    let (_server, subscription, url) = handled().await;
    let set = subscription.program(&["cursor", "set", &url, "--to", "20"]);
    for (answer, left) in [("n\n", 0), ("\n", 0), ("y\n", 5)] {
        let ended = run_with_input(tools::on_a_terminal(&set), answer.as_bytes()).await;
        assert!(ended.stdout.contains("Go on? [y/N]"), "{}", ended.stdout);
        assert_eq!(subscription.drain_positions().await.len(), left, "{answer:?}");
    }
}

#[tokio::test]
async fn a_cursor_is_not_moved_while_a_worker_has_leases_on_it() {
    let (server, subscription, url) = handled().await;
    let ways = [&["set", &url, "--to", "3", "--yes"][..], &["reset", &url, "--yes"]];
    for (next, how) in (26..).zip(ways) {
        let consumer = subscription.start(&["--print"]);
        consumer.log_line(|line| line.contains("acquired")).await;
        let refused = subscription.cursor(how).await.expect_code(1);
        let says = "handles its events now: stop it";
        assert!(refused.stderr.contains(says), "{}", refused.stderr);
        consumer.signal("TERM");
        consumer.ended().await.expect_code(0);
        subscription.cursor(how).await.expect_code(0);
        server.publish("orders", &orders(next..=next)).await;
        let first = if how[0] == "set" { 4 } else { 1 };
        assert_eq!(subscription.drain_positions().await, (first..=next).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_document_without_positions_can_be_reset_and_nothing_else() {
    let site = Site::start(Page::atom(DOCUMENT)).await;
    let url = site.url("/blog").to_string();
    let subscription = Subscription::to_url(&url);
    assert_eq!(subscription.drain().await.len(), 1);
    let [cursor] = shown(&subscription).await.try_into().unwrap();
    assert_eq!((&cursor["position"], &cursor["behind"]), (&json!(1), &json!(null)));
    assert_eq!((&cursor["incarnation"], &cursor["problem"]), (&json!(null), &json!(null)));
    let set = subscription.cursor(&["set", &url, "--to", "beginning", "--yes"]).await;
    set.expect_refusal(2, &["without positions", "reset"]);
    assert!(subscription.drain().await.is_empty());
    let reset = subscription.cursor(&["reset", &url, "--yes"]).await.expect_code(0);
    assert!(reset.stdout.contains("has handled 1 event"), "{}", reset.stdout);
    assert_eq!(subscription.drain().await.len(), 1);
}

#[tokio::test]
async fn a_token_is_sent_to_the_feed_whose_it_is_and_to_no_other_of_the_database() {
    let ours = Site::start(Page::atom(DOCUMENT)).await;
    let theirs = Site::start(Page::atom(DOCUMENT.replace("urn:x:blog", "urn:x:other"))).await;
    let (our_url, their_url) = (ours.url("/a").to_string(), theirs.url("/b").to_string());
    let subscription = Subscription::to_url(&our_url);
    subscription.drain().await;
    let other = ["run", &their_url, "--database", "consumer.db", "--print", "--until-idle"];
    run(subscription.program(&other)).await.expect_code(0);
    std::fs::write(subscription.file("token"), "s3cret").unwrap();
    let file = format!(
        "[subscriptions.ours]\nurl = {our_url:?}\nprint = true\nrequests.token_file = \"token\"\n"
    );
    std::fs::write(subscription.file("consumer.toml"), file).unwrap();
    let told =
        |site: &Site| site.asked().iter().any(|(_, headers)| headers.contains_key("authorization"));
    let flag = ["--token-file", "token"];
    for arguments in [&["show"][..], &["show", "urn:x:blog"]] {
        subscription.cursor(&[arguments, &flag].concat()).await.expect_code(0);
        assert!(!told(&ours) && !told(&theirs), "{arguments:?}");
    }
    let set = ["set", "urn:x:blog", "--to", "now", "--yes"];
    subscription.cursor(&[&set[..], &flag].concat()).await.expect_code(2);
    assert!(!told(&ours));
    ours.say(Page { status: 401, ..Page::atom("") });
    let shown = subscription.cursor(&[&["show"][..], &flag].concat()).await.expect_code(0);
    assert!(shown.stdout.contains("name the feed by its address"), "{}", shown.stdout);
    let set = subscription.cursor(&[&set[..], &flag].concat()).await;
    set.expect_refusal(2, &["no token was sent", "name the feed by its address"]);
    assert!(!told(&ours) && !told(&theirs));
    for named in [&["--config", "consumer.toml"], &[&our_url, "--token-file=token"]] {
        let before = ours.count().0;
        subscription.cursor(&[&["show"][..], named].concat()).await.expect_code(0);
        let asked = ours.asked().split_off(before);
        assert!(asked.iter().all(|(_, headers)| headers.contains_key("authorization")));
        assert!(!asked.is_empty() && !told(&theirs), "{named:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_the_remedy() {
    let (server, subscription, url) = handled().await;
    let other = server.url("/feeds/customers").to_string();
    for (arguments, code, names) in [
        (&["set", &url, "--to", "26", "--yes"][..], 2, &["ends at position 25"][..]),
        (&["set", &url, "--to", "-5", "--yes"], 2, &["--to", "'beginning', 'now'"]),
        (&["set", &url, "--to", "soon", "--yes"], 2, &["--to", "'beginning', 'now'"]),
        (&["set", &url, "--to", "1", "--group", "x", "--yes"], 2, &["\"x\"", "\"default\""]),
        (&["reset", &other, "--yes"], 2, &["there are cursors in", &url]),
        (&["reset", "orders", "--yes"], 2, &["no cursor in orders"]),
    ] {
        subscription.cursor(arguments).await.expect_refusal(code, names);
    }
    let missing = subscription.program(&["cursor", "show", "--database", "none.db"]);
    let missing = run(missing).await;
    missing.expect_refusal(2, &["--database", "none.db does not exist"]);
    assert!(!subscription.file("none.db").exists());
    drop(server);
    let away = subscription.cursor(&["set", &url, "--to", "1", "--yes"]).await;
    away.expect_refusal(1, &["the feed cannot be read", "try again"]);
    // To forget a cursor nobody need be asked.
    subscription.cursor(&["reset", &url, "--yes"]).await.expect_code(0);
}

#[tokio::test]
async fn what_is_printed_on_a_terminal_is_whole_lines_without_a_bar_among_them() {
    let (_server, subscription, _) = handled().await;
    let print =
        subscription.command(&["--print", "--until-idle", "--group", "look", "--log", "off"]);
    let ended = run_with_input(tools::on_a_terminal(&print), b"").await.expect_code(0);
    let positions: Vec<_> = ended.stdout.lines().map(|line| position_in(line.trim_end())).collect();
    assert_eq!(positions, (1..=25).collect::<Vec<_>>());
    // With its output elsewhere there is room for one.
    let exec = ["--exec", "sleep 0.03", "--until-idle", "--group", "bar"];
    let exec = subscription.command(&exec);
    let ended = run_with_input(tools::on_a_terminal(&exec), b"").await.expect_code(0);
    assert!(ended.stdout.contains("of 25, "), "{:?}", ended.stdout);
}
