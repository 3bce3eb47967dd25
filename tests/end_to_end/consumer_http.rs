//! How a consumer speaks HTTP: its cache, its tokens, proxies and certificates, and its patience.

use std::fs;

use feed_tests::forward_proxy::ForwardProxy;
use feed_tests::raw::Silent;
use feed_tests::site::{Page, Site};
use feed_tests::tls::Authority;
use feed_tests::{ServerProcess, Subscription};

const ENTRY: &str = "<feed xmlns='http://www.w3.org/2005/Atom'><id>urn:x:feed</id><title>t</title>\
                     <updated>2021-01-01T00:00:00Z</updated><author><name>a</name></author>\
                     <entry><id>urn:x:1</id><title>t</title><updated>2021-01-01T00:00:00Z</updated>\
                     <content>text</content></entry></feed>";

const GIVE_UP: [&str; 4] = ["--print", "--until-idle", "--give-up-after", "300ms"];

/// The arguments with which a subscription ends soon, and these.
fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    GIVE_UP.iter().chain(more).copied().collect()
}

fn redirect_to(target: &str) -> Page {
    Page { status: 307, ..Page::atom("").with("location", target) }
}

#[tokio::test]
async fn full_pages_are_fetched_once_for_all_groups_and_a_damaged_cache_heals() {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(55).await;
    let proxy = ForwardProxy::start().await;
    let subscription = Subscription::to(&server, "orders");
    let cache = subscription.file("cache");
    let (cache_dir, proxy_url) = (cache.to_str().unwrap(), proxy.url());
    let pages_asked_by = async |group: &str| {
        let run = with(&["--group", group, "--cache-dir", cache_dir, "--proxy", &proxy_url]);
        let ended = subscription.run(&run).await.expect_code(0);
        assert_eq!(ended.stdout.lines().count(), 55, "{group}");
        let asked = proxy.take();
        assert!(!asked.is_empty(), "the proxy was not used");
        let mut pages: Vec<_> =
            asked.iter().filter_map(|it| it.split_once("/pages/")).map(|it| it.1).collect();
        pages.dedup();
        pages.join(",")
    };
    // The sixth page is not full yet, and so no cache keeps it.
    assert_eq!(pages_asked_by("first").await, "1,2,3,4,5,6");
    assert_eq!(pages_asked_by("second").await, "6");
    let files: Vec<_> = fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 5);
    fs::write(&files[0], "nonsense").unwrap();
    let mut bytes = fs::read(&files[1]).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&files[1], bytes).unwrap();
    assert_eq!(pages_asked_by("third").await.split(',').count(), 3);
    assert_eq!(pages_asked_by("fourth").await, "6");
}

#[tokio::test]
async fn a_cache_that_cannot_be_used_is_refused_by_name() {
    let site = Site::start(Page::atom(ENTRY)).await;
    let subscription = Subscription::to_url(site.url("/feed").as_str());
    fs::write(subscription.file("file"), "").unwrap();
    let ended = subscription.run(&with(&["--cache-dir", "file/cache"])).await;
    ended.expect_refusal(2, &["--cache-dir (FEED_CONSUMER_CACHE_DIR)", "file/cache"]);
}

#[tokio::test]
async fn a_listed_origin_may_be_led_to_and_is_not_told_who_we_are() {
    let elsewhere = Site::start(Page::atom(ENTRY)).await;
    let site = Site::start(redirect_to(elsewhere.url("/feed").as_str())).await;
    let subscription = Subscription::to_url(site.url("/old").as_str());
    fs::write(subscription.file("token"), "s3cret\n").unwrap();
    let ended = subscription.run(&with(&["--token-file", "token"])).await.expect_code(1);
    assert_eq!(elsewhere.count().0, 0, "it went elsewhere");
    assert!(ended.stderr.contains("a redirect away from"), "{}", ended.stderr);
    let origin = elsewhere.url("/");
    let allowed = with(&["--token-file", "token", "--allow-origin", origin.as_str()]);
    let ended = subscription.run(&allowed).await.expect_code(0);
    assert_eq!(ended.stdout.lines().count(), 1);
    assert!(elsewhere.count().0 > 0);
    for (_, headers) in elsewhere.asked() {
        assert!(!headers.contains_key("authorization"), "{headers:?}");
    }
    for (_, headers) in site.asked() {
        assert_eq!(headers["authorization"], "Bearer s3cret");
    }
}

#[tokio::test]
async fn a_token_is_shown_nowhere_and_a_replaced_one_is_used_at_once() {
    let server = Site::start(Page { status: 401, ..Page::atom("") }).await;
    let subscription = Subscription::to_url(server.url("/feed").as_str());
    let file = subscription.file("token");
    fs::write(&file, "s3cret-1\n").unwrap();
    let run = ["--log", "trace", "--token-file", "token"];
    let ended = subscription.run(&with(&run)).await.expect_code(1);
    assert!(ended.stderr.contains("401 Unauthorized"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    let consumer = subscription.start(&["--print", "--token-file", "token"]);
    consumer.log_line(|line| line.contains("401")).await;
    fs::write(&file, "s3cret-two\n").unwrap();
    server.say(Page::atom(ENTRY));
    consumer.lines(1).await;
    assert_eq!(server.asked().last().unwrap().1["authorization"], "Bearer s3cret-two");
    drop(consumer);
    // By the variable, which is in no list of arguments.
    let fresh = Subscription::to_url(server.url("/feed").as_str());
    let mut command = fresh.command(&GIVE_UP);
    command.env("FEED_CONSUMER_TOKEN", "from-a-variable");
    feed_tests::process::run(command).await.expect_code(0);
    assert_eq!(server.asked().last().unwrap().1["authorization"], "Bearer from-a-variable");
    for (content, says) in [("", "holds no token"), ("two words", "holds no token")] {
        fs::write(&file, content).unwrap();
        let ended = subscription.run(&with(&["--token-file", "token"])).await;
        ended.expect_refusal(2, &["--token-file (FEED_CONSUMER_TOKEN_FILE)", says]);
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_once_it_is_named() {
    let authority = Authority::new();
    let site = Site::start_with_tls(Page::atom(ENTRY), &authority).await;
    let subscription = Subscription::to_url(site.url("/feed").as_str());
    let ended = subscription.run(&GIVE_UP).await.expect_code(1);
    assert!(ended.stderr.contains("certificate"), "{}", ended.stderr);
    assert_eq!(site.count().0, 0);
    authority.write_to(&subscription.file("ca.pem"));
    let ended = subscription.run(&with(&["--ca-file", "ca.pem"])).await.expect_code(0);
    assert_eq!(ended.stdout.lines().count(), 1);
    fs::write(subscription.file("ca.pem"), "no certificate").unwrap();
    let ended = subscription.run(&with(&["--ca-file", "ca.pem"])).await;
    ended.expect_refusal(2, &["--ca-file (FEED_CONSUMER_CA_FILE)", "holds no certificate"]);
}

#[tokio::test]
async fn a_proxy_is_used_by_setting_and_by_the_systems_variables() {
    let site = Site::start(Page::atom(ENTRY)).await;
    let proxy = ForwardProxy::start().await;
    for (variable, argument, is_used) in [
        (None, None, false),
        (None, Some(proxy.url()), true),
        (Some(proxy.url()), None, true),
        (Some(proxy.url()), Some("none".to_owned()), false),
    ] {
        let subscription = Subscription::to_url(site.url("/feed").as_str());
        let mut command = subscription.command(&GIVE_UP);
        for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "NO_PROXY", "no_proxy"] {
            command.env_remove(name);
        }
        if let Some(url) = &variable {
            command.env("http_proxy", url);
        }
        if let Some(url) = &argument {
            command.args(["--proxy", url]);
        }
        feed_tests::process::run(command).await.expect_code(0);
        assert_eq!(!proxy.take().is_empty(), is_used, "{variable:?} {argument:?}");
    }
    let subscription = Subscription::to_url(site.url("/feed").as_str());
    for bad in ["socks5://127.0.0.1:1", "proxy.example:3128", "http://"] {
        let ended = subscription.run(&with(&["--proxy", bad])).await;
        ended.expect_refusal(2, &["--proxy (FEED_CONSUMER_PROXY)", "http://proxy.example:3128"]);
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left_in_time() {
    let silent = Silent::start().await;
    let subscription = Subscription::to_url(&format!("http://{}/feed", silent.address()));
    let run = with(&["--first-byte-timeout", "50ms"]);
    let ended = subscription.run(&run).await.expect_code(1);
    assert!(ended.stderr.contains("no answer within 50ms"), "{}", ended.stderr);
    let ended = subscription.run(&with(&["--connect-timeout", "0s"])).await;
    ended.expect_refusal(2, &["--connect-timeout", "such as '10s'"]);
}
