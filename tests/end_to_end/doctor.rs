//! `feed-consumer doctor`: what it says of our feeds, of others, and of broken ones.

use feed_tests::process::{Ended, command, run};
use feed_tests::raw::Silent;
use feed_tests::site::{Manner, Page, Site};
use feed_tests::{ServerProcess, binaries};
use serde_json::Value;

async fn doctor(url: &str, arguments: &[&str]) -> Ended {
    let mut command = command(binaries::feed_consumer());
    command.args(["doctor", url]).args(arguments);
    run(command).await
}

/// What was found, as JSON, with this exit code.
async fn examine(url: &str, code: i32) -> Value {
    let ended = doctor(url, &["--json"]).await.expect_code(code);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["worst"] == "fails", code == 1, "{report:#}");
    report
}

/// The verdicts of a check, and what was said.
fn said(report: &Value, check: &str) -> Vec<(String, String)> {
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap().iter();
    let found: Vec<_> = findings
        .filter(|it| it["check"] == check)
        .map(|it| (text(&it["verdict"]), text(&it["message"])))
        .collect();
    assert!(!found.is_empty(), "{check} was not looked at: {report:#}");
    found
}

/// That a check was made once, with this verdict, and says this.
#[track_caller]
fn assert_said(report: &Value, check: &str, verdict: &str, part: &str) {
    let found = said(report, check);
    assert!(
        found.iter().any(|(it, message)| it == verdict && message.contains(part)),
        "{check}: {found:?}"
    );
}

fn sentences(report: &Value, name: &str) -> String {
    let lines: Vec<_> =
        report[name].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    lines.join("\n")
}

fn entry(n: u64) -> String {
    format!(
        "<entry><id>tag:blog.example,2021:{n}</id><title>{n}</title>\
         <updated>2021-01-{n:02}T00:00:00Z</updated><content>text</content></entry>"
    )
}

/// A document of a web log with these entries, and what stands before them.
fn blog(head: &str, numbers: &[u64]) -> String {
    let entries: String = numbers.iter().rev().map(|n| entry(*n)).collect();
    format!(
        "<feed xmlns='http://www.w3.org/2005/Atom' \
         xmlns:fh='http://purl.org/syndication/history/1.0'><id>tag:blog.example,2021:</id>\
         <title>t</title><updated>2021-02-01T00:00:00Z</updated><author><name>a</name></author>\
         <link rel='self' href='feed'/>{head}{entries}</feed>"
    )
}

#[tokio::test]
async fn our_own_feeds_pass() {
    let server = ServerProcess::with_page_size(10).await;
    for count in [0, 35] {
        server.publish_orders(count).await;
        let report = examine(server.url("/feeds/orders").as_str(), 0).await;
        assert_eq!(report["worst"], "ok", "{report:#}");
        for (check, part) in [
            ("atom", "valid"),
            ("media-type", "application/atom+xml"),
            ("not-modified", "304 while nothing has changed"),
            ("compression", "zstd"),
            ("long-poll", "waits for news"),
            ("stream", "as they come"),
            ("oldest", "position 1"),
            ("order", "by position"),
            ("ids-stable", "the same"),
            ("clock", ""),
        ] {
            assert_said(&report, check, "ok", part);
        }
        assert!(sentences(&report, "rely_on").contains("every event, in order"), "{report:#}");
        assert_eq!(sentences(&report, "beware"), "");
        if count > 0 {
            assert_said(&report, "archives-immutable", "ok", "the same bytes");
            assert_said(&report, "archive-lifetime", "ok", "");
            assert_said(&report, "positions", "ok", "26-35");
        }
    }
    let page = format!("{}/pages/1", server.folder("orders").await);
    let report = examine(server.url(&page).as_str(), 1).await;
    assert_said(&report, "current", "fails", "/feeds/orders instead");
    let lines = doctor(server.url("/feeds/orders").as_str(), &[]).await.expect_code(0);
    for line in lines.stdout.lines().take_while(|line| !line.is_empty()) {
        assert!(line.starts_with("ok       ") && line.as_bytes()[28] == b' ', "{line}");
    }
    assert!(lines.stdout.contains("\nA consumer may rely on:\n"), "{}", lines.stdout);
}

#[tokio::test]
async fn a_plain_web_log_has_its_limits_told() {
    let site = Site::start(Page::atom(blog("", &[1, 2, 3]))).await;
    let report = examine(site.url("/feed").as_str(), 0).await;
    assert_said(&report, "atom", "ok", "3 entries");
    assert_said(&report, "validators", "warning", "sent whole each time");
    assert_said(&report, "archives", "note", "entries that leave the document are gone");
    assert_said(&report, "cache-lifetime", "note", "caches guess");
    assert_said(&report, "compression", "note", "none");
    assert_said(&report, "positions", "note", "none");
    let beware = sentences(&report, "beware");
    for part in ["between two polls: they are missed", "span 2 days", "the whole document", "order"]
    {
        assert!(beware.contains(part), "{part}: {beware}");
    }
    let rely_on = sentences(&report, "rely_on");
    assert!(rely_on.contains("the 3 entries that the document holds now"), "{rely_on}");
    assert!(!rely_on.contains("every event"), "{rely_on}");
    // With validators, as most have them.
    site.say(
        Page::atom(blog("", &[1, 2, 3])).with("etag", "\"a\"").with("cache-control", "max-age=600"),
    );
    let report = examine(site.url("/feed").as_str(), 0).await;
    assert_said(&report, "not-modified", "ok", "304");
    assert!(sentences(&report, "rely_on").contains("304s"), "{report:#}");
    assert!(sentences(&report, "beware").contains("caches may keep it for 10m"), "{report:#}");
}

#[tokio::test]
async fn what_breaks_a_must_fails_with_its_place_and_section() {
    let broken = blog("", &[1, 2]).replacen("<title>1</title>", "", 1);
    let site = Site::start(Page::atom(broken)).await;
    let report = examine(site.url("/feed").as_str(), 1).await;
    let finding =
        &report["findings"].as_array().unwrap().iter().find(|it| it["verdict"] == "fails");
    let finding = finding.unwrap();
    assert_eq!(finding["message"], "entry 2 (tag:blog.example,2021:1) has no title");
    assert_eq!(finding["reference"], "RFC 4287, section 4.1.2");
    for (page, check, part) in [
        (Page::atom("<rss version='2.0'/>"), "atom", "it is RSS"),
        (Page::atom("<feed>"), "atom", "no Atom feed"),
        (Page::atom(blog("", &[1])).with("content-type", "text/html"), "media-type", "text/html"),
        (Page { status: 401, ..Page::atom("") }, "reachable", "--token-file"),
        (
            Page { status: 307, ..Page::atom("") }.with("location", "http://127.0.0.2:1/"),
            "reachable",
            "away from",
        ),
    ] {
        site.say(page);
        assert_said(&examine(site.url("/feed").as_str(), 1).await, check, "fails", part);
    }
}

#[tokio::test]
async fn what_a_consumer_can_live_with_is_a_warning() {
    let page = || Page::atom(blog("<link rel='next' href='page'/>", &[1, 2]));
    let site = Site::start(page()).await;
    let late = "Tue, 15 Nov 1994 12:45:26 GMT";
    let year = "max-age=31536000";
    let twice = Page::atom(blog("", &[1, 1]));
    for (page, check, verdict, part) in [
        (page().with("date", late), "clock", "warning", "behind ours"),
        (page().with("content-type", "text/xml"), "media-type", "warning", "text/xml"),
        (page().with("cache-control", year), "cache-lifetime", "warning", "an hour behind"),
        (page(), "paging", "note", "pages shift"),
        (twice, "atom", "warning", "has the id and the date of entry 1"),
    ] {
        site.say(page);
        site.say_at("/page", Page::atom(blog("", &[1])));
        assert_said(&examine(site.url("/feed").as_str(), 0).await, check, verdict, part);
    }
    site.say(page());
    let moved = Page { status: 301, ..Page::atom("") }.with("location", "/feed");
    site.say_at("/old", moved);
    let report = examine(site.url("/old").as_str(), 0).await;
    assert_said(&report, "redirects", "warning", "it has moved for good: name http://");
    assert!(sentences(&report, "rely_on").contains("older entries by 'next' pages"), "{report:#}");
    // Archives elsewhere are not asked for, and that is said.
    let other =
        Site::start(Page::atom(blog("<fh:archive/><link rel='current' href='/'/>", &[1]))).await;
    let link = format!("<link rel='prev-archive' href='{}'/>", other.url("/a"));
    site.say(Page::atom(blog(&link, &[2])));
    let report = examine(site.url("/feed").as_str(), 0).await;
    assert_said(&report, "archives", "warning", "--allow-origin http://127.0.0.1");
    assert_eq!(other.count().0, 0);
}

#[tokio::test]
async fn a_304_that_is_none_fails() {
    let page = Page::atom(blog("", &[1])).with("etag", "\"a\"");
    let site = Site::start(Page { manner: Manner::NeverModified, ..page.clone() }).await;
    let report = examine(site.url("/feed").as_str(), 1).await;
    assert_said(&report, "not-modified", "fails", "news would be missed");
    assert!(!sentences(&report, "rely_on").contains("304s"), "{report:#}");
    // Other bytes under one entity tag are no better.
    site.say(Page { manner: Manner::NeverTheSame, ..page });
    let report = examine(site.url("/feed").as_str(), 1).await;
    assert_said(&report, "etag", "fails", "other bytes under the same strong ETag");
}

#[tokio::test]
async fn archives_that_change_are_told_from_those_that_stay() {
    let head = "<link rel='prev-archive' href='archive'/>";
    let site = Site::start(Page::atom(blog(head, &[3]))).await;
    let archive = "<fh:archive/><link rel='current' href='feed'/>";
    site.say_at("/archive", Page::atom(blog(archive, &[1, 2])));
    let report = examine(site.url("/feed").as_str(), 0).await;
    assert_said(&report, "archives", "ok", "readable");
    assert_said(&report, "archives-immutable", "ok", "the same bytes");
    assert!(sentences(&report, "rely_on").contains("older entries: they are in archives"));
    let changing = Page { manner: Manner::NewEntries, ..Page::atom(blog(archive, &[1, 2])) };
    site.say_at("/archive", changing);
    let report = examine(site.url("/feed").as_str(), 0).await;
    assert_said(&report, "archives-immutable", "warning", "were others when fetched again");
    assert!(sentences(&report, "beware").contains("their archives changed"), "{report:#}");
    site.say_at("/archive", Page::atom(blog(head, &[1])));
    let report = examine(site.url("/feed").as_str(), 1).await;
    assert_said(&report, "archives", "fails", "in a circle");
    site.say_at("/archive", Page { status: 404, ..Page::atom("") });
    let report = examine(site.url("/feed").as_str(), 1).await;
    assert_said(&report, "archives", "fails", "404");
}

#[tokio::test]
async fn it_ends_in_time_and_refuses_a_wrong_address() {
    let silent = Silent::start().await;
    let url = format!("http://{}/feed", silent.address());
    let ended = doctor(&url, &["--within", "100ms"]).await.expect_code(1);
    assert!(ended.stdout.contains("the examination was ended after 100ms"), "{}", ended.stdout);
    doctor("ftp://blog.example/", &[]).await.expect_refusal(2, &["URL", "name a feed such as"]);
}
