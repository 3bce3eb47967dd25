//! HTTP caches in front of a server, with the settings that `docs/proxies.md` recommends.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use feed_tests::events::{BATCH, order};
use feed_tests::process::Process;
use feed_tests::reading::by_tails;
use feed_tests::sse::EventStream;
use feed_tests::tools::tool;
use feed_tests::{Answer, Http, ServerProcess, binaries, eventually};
use tempfile::TempDir;
use tokio::time::Instant;

/// A cache that runs.
struct Proxy {
    http: Http,
    kind: Kind,
    _process: Process,
    _home: TempDir,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Nginx,
    Varnish,
}

/// An address that nobody listens at just now.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// One of the files that the documentation recommends, with addresses of this test.
fn recommended(file: &str, replaced: &[(&str, String)]) -> String {
    let path = binaries::workspace().join("docs/proxies").join(file);
    let mut text = std::fs::read_to_string(path).unwrap();
    for (from, to) in replaced {
        assert!(text.contains(from), "{file} does not contain {from}");
        text = text.replace(from, to);
    }
    text
}

impl Proxy {
    async fn start(kind: Kind, server: &ServerProcess) -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().display().to_string();
        let address = free_address();
        let upstream = server.address();
        let command = match kind {
            Kind::Nginx => {
                let feeds = recommended(
                    "nginx.conf",
                    &[
                        ("127.0.0.1:3000", upstream.to_string()),
                        ("listen 8080", format!("listen {address}")),
                    ],
                );
                // What nginx itself needs to run here, in one process that leaves none behind, and a
                // header field that says what it did.
                let main = format!(
                    "daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log stderr;\n\
                     events {{}}\nhttp {{\naccess_log off;\n\
                     client_body_temp_path {folder}/body;\nproxy_temp_path {folder}/proxy;\n\
                     fastcgi_temp_path {folder}/fastcgi;\nuwsgi_temp_path {folder}/uwsgi;\n\
                     scgi_temp_path {folder}/scgi;\n\
                     add_header x-cache $upstream_cache_status always;\n{feeds}\n}}\n"
                );
                std::fs::write(home.path().join("nginx.conf"), main).unwrap();
                let mut command = tool("nginx", "nginx-light");
                command.args(["-e", "stderr", "-p", &folder, "-c", "nginx.conf"]);
                command
            }
            Kind::Varnish => {
                let feeds =
                    recommended("varnish.vcl", &[("\"3000\"", format!("\"{}\"", upstream.port()))]);
                let file = home.path().join("feeds.vcl");
                std::fs::write(&file, feeds).unwrap();
                let mut command = tool("varnishd", "varnish");
                command.args(["-F", "-j", "none", "-s", "malloc,64m", "-n", &folder]);
                command.args(["-a", &address.to_string(), "-f"]).arg(file);
                command
            }
        };
        let mut process = Process::start(command);
        let http = Http::new(format!("http://{address}/").parse().unwrap());
        eventually("the proxy to answer", async || {
            assert!(process.is_running(), "the proxy ended");
            let answer = http.get("/healthz").try_send().await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
        Self { http, kind, _process: process, _home: home }
    }

    /// Whether an answer came from the cache alone.
    fn is_hit(&self, answer: &Answer) -> bool {
        match self.kind {
            Kind::Nginx => answer.has("x-cache") && answer.header("x-cache") == "HIT",
            // Two numbers: that of the request, and that of the one which fetched it.
            Kind::Varnish => answer.header("x-varnish").split_whitespace().count() == 2,
        }
    }
}

async fn check_full_pages(kind: Kind) {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(25).await;
    let proxy = Proxy::start(kind, &server).await;
    let folder = server.folder("orders").await;
    let page = format!("{folder}/pages/1");
    let entry = format!("{folder}/entries/3");
    let fetch = async |path: &str, accept: &str, coding: &str| {
        let request = proxy.http.get(path).header("accept", accept);
        request.header("accept-encoding", coding).send().await.expect(200)
    };
    let variants = [("*/*", "identity"), ("*/*", "gzip"), (BATCH, "identity")];
    for path in [&page, &entry] {
        for (accept, coding) in variants {
            if path == &entry && accept == BATCH {
                continue;
            }
            let first = fetch(path, accept, coding).await;
            let second = fetch(path, accept, coding).await;
            assert!(proxy.is_hit(&second), "{path} {accept} {coding}: {second:?}");
            assert_eq!(second.body, first.body);
            let direct = server.get(path).header("accept", accept).send().await.expect(200);
            if coding == "identity" {
                assert_eq!(second.body, direct.body);
                // Varnish keeps the gzip and decompresses it for those who want none; the tag that
                // it then gives is a weak one of the gzip.
                let tag = second.header("etag").trim_start_matches("W/").replace("-gzip\"", "\"");
                assert_eq!(tag, direct.header("etag"));
            }
            let again = proxy.http.get(path).header("accept", accept);
            let again = again.header("accept-encoding", coding);
            again.header("if-none-match", second.header("etag")).send().await.expect(304);
        }
    }
    // What changes is never a hit once it is stale, and what is not there is never kept.
    for path in [format!("{folder}/pages/3"), format!("{folder}/after/20")] {
        for n in [26, 27] {
            let stale = fetch(&path, "*/*", "identity").await;
            let later = order(n + u64::from(path.contains("after")) * 2);
            server.publish_one("orders", &later).await;
            let fresh = fetch(&path, "*/*", "identity").await;
            assert_ne!(fresh.body, stale.body, "{path}");
            assert!(!proxy.is_hit(&fresh));
        }
    }
    let beyond = format!("{folder}/pages/4");
    proxy.http.get(&beyond).send().await.expect_problem(404, "not-found");
    server.publish_one("orders", &order(30)).await;
    proxy.http.get(&beyond).send().await.expect(200);
    // A consumer that catches up needs the server for the tail alone.
    let _options = server.kill().await;
    for (accept, coding) in variants {
        let answer = fetch(&page, accept, coding).await;
        assert!(proxy.is_hit(&answer));
    }
}

async fn check_current(kind: Kind) {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(3).await;
    let proxy = Proxy::start(kind, &server).await;
    let current = || proxy.http.get("/feeds/orders").send();
    eventually("a hit within the second that it is fresh", async || {
        proxy.is_hit(&current().await.expect(200)).then_some(())
    })
    .await;
    for n in 4..=6 {
        server.publish_one("orders", &order(n)).await;
        let begun = Instant::now();
        eventually("the event to be seen through the cache", async || {
            (current().await.expect(200).atom_positions()[0] == n).then_some(())
        })
        .await;
        let late = begun.elapsed();
        assert!(late < Duration::from_secs(4), "stale for {late:?}, and a second is allowed");
    }
    let fresh = current().await;
    let again = proxy.http.get("/feeds/orders").header("if-none-match", fresh.header("etag"));
    again.send().await.expect(304);
    assert_eq!(by_tails(&proxy.http, "orders").await.len(), 6);
}

async fn check_waiting(kind: Kind) {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(3).await;
    let proxy = Proxy::start(kind, &server).await;
    let tail = format!("{}/after/3", server.folder("orders").await);
    // In the cache beforehand, to be passed by.
    proxy.http.get("/feeds/orders").send().await.expect(200);
    proxy.http.get(&tail).send().await.expect(200);
    let first = proxy.http.get("/feeds/orders").header("prefer", "wait=30").send().await;
    let etag = first.expect(200).header("etag").to_owned();
    for prefer in ["wait=1", "respond-async, Wait = 1"] {
        let begun = Instant::now();
        let answer = proxy.http.get(&tail).header("prefer", prefer).send().await.expect(200);
        assert!(begun.elapsed() >= Duration::from_millis(900), "{prefer} did not wait");
        assert_eq!(answer.header("preference-applied"), "wait=1");
        let begun = Instant::now();
        let answer = proxy.http.get("/feeds/orders").header("prefer", prefer);
        let answer = answer.header("if-none-match", &etag).send().await.expect(304);
        assert!(begun.elapsed() >= Duration::from_millis(900), "{prefer} did not wait");
        assert_eq!(answer.header("preference-applied"), "wait=1");
    }
    let on_tail = proxy.http.get(&tail).header("prefer", "wait=30").send();
    let on_current = proxy.http.get("/feeds/orders").header("prefer", "wait=30");
    let on_current = on_current.header("if-none-match", &etag).send();
    let event = order(4);
    let begun = Instant::now();
    let (on_tail, on_current, _) =
        tokio::join!(on_tail, on_current, server.publish_one("orders", &event));
    assert!(begun.elapsed() < Duration::from_secs(15), "the wake-up did not come through");
    assert_eq!(on_tail.expect(200).atom_positions(), [4]);
    assert_eq!(on_current.expect(200).atom_positions(), [4, 3, 2, 1]);
    // One client's answer is no other's.
    let after = proxy.http.get(&tail).send().await.expect(200);
    assert!(!after.has("preference-applied"));
}

async fn check_stream(kind: Kind) {
    let server = ServerProcess::with_page_size(10).await;
    server.publish_orders(3).await;
    let proxy = Proxy::start(kind, &server).await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = EventStream::open(proxy.http.get("/feeds/orders")).await;
        assert_eq!(stream.next().await.unwrap().position(), 3);
        streams.push(stream);
    }
    for n in 4..=8 {
        server.publish_one("orders", &order(n)).await;
        for stream in &mut streams {
            // One by one, and not in lumps.
            assert_eq!(stream.next_with_data().await.position(), n);
        }
    }
    // Whoever wants Atom gets Atom.
    assert_eq!(proxy.http.get("/feeds/orders").send().await.expect(200).atom_positions()[0], 8);
    // Whom the server trusts, the proxy does not.
    let publish = proxy.http.post_json("/feeds/orders", &order(9)).send().await;
    assert_eq!(publish.status, 403);
    assert_eq!(by_tails(&server, "orders").await.len(), 8);
    // What operators look at is not for everybody.
    for path in ["/metrics", "/metrics?x=1", "/readyz"] {
        server.get(path).send().await.expect(200);
        assert_eq!(proxy.http.get(path).send().await.status, 403, "{path}");
    }
    for path in ["//metrics", "/%6detrics", "/x/../readyz"] {
        assert_ne!(proxy.http.get(path).send().await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn nginx_keeps_full_pages_and_nothing_that_changes() {
    check_full_pages(Kind::Nginx).await;
}

#[tokio::test]
async fn varnish_keeps_full_pages_and_nothing_that_changes() {
    check_full_pages(Kind::Varnish).await;
}

#[tokio::test]
async fn through_nginx_the_current_document_is_a_second_old_at_most() {
    check_current(Kind::Nginx).await;
}

#[tokio::test]
async fn through_varnish_the_current_document_is_a_second_old_at_most() {
    check_current(Kind::Varnish).await;
}

#[tokio::test]
async fn long_polls_pass_nginx_by() {
    check_waiting(Kind::Nginx).await;
}

#[tokio::test]
async fn long_polls_pass_varnish_by() {
    check_waiting(Kind::Varnish).await;
}

#[tokio::test]
async fn streams_pass_nginx_by_and_publishes_stay_out() {
    check_stream(Kind::Nginx).await;
}

#[tokio::test]
async fn streams_pass_varnish_by_and_publishes_stay_out() {
    check_stream(Kind::Varnish).await;
}
