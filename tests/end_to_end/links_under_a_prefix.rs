//! The router in somebody's own axum app: links are right wherever it is mounted.

use std::collections::BTreeSet;

use axum::Router;
use feed_server::{FeedServer, NewEvent, SqliteStore};
use feed_tests::events::{ATOM, BATCH, STRUCTURED, order};
use feed_tests::reading::path_of;
use feed_tests::{Answer, Http, within};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use url::Url;

/// An app that runs in this process.
struct App {
    http: Http,
    feeds: FeedServer,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
    _home: tempfile::TempDir,
}

impl App {
    /// Serves the router of a feed server as `mount` mounts it.
    async fn start(mount: impl FnOnce(Router) -> Router) -> Self {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("feeds.db").display().to_string();
        let store = SqliteStore::open(file.parse().unwrap()).await.unwrap();
        let page_size = feed_protocol::PageSize::new(2).unwrap();
        let feeds = FeedServer::builder()
            .store(store)
            .feed_with_page_size("orders", page_size)
            .build()
            .await
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let (stop, stopped) = oneshot::channel();
        let router = mount(feeds.router());
        let served = tokio::spawn(async move {
            let shutdown = async { stopped.await.unwrap_or_default() };
            feed_server::serve(listener, router, shutdown).await.unwrap();
        });
        Self { http: Http::new(base), feeds, stop, served, _home: home }
    }

    async fn publish(&self, count: u64) {
        for n in 1..=count {
            let event = NewEvent::new("/shop", "order.placed")
                .id(format!("order-{n}"))
                .subject("a/b")
                .json(&json!({"n": n}));
            self.feeds.publisher().publish("orders", event).await.unwrap();
        }
    }

    async fn stop(self) {
        self.feeds.shutdown();
        self.stop.send(()).unwrap();
        within("the app to end", self.served).await.unwrap();
        self.feeds.close().await;
    }
}

/// Every address that an answer names.
fn addresses(answer: &Answer) -> Vec<String> {
    let text = answer.text();
    let mut found = Vec::new();
    for mark in ["href=\"", "src=\""] {
        found.extend(text.split(mark).skip(1).filter_map(|it| it.split_once('"')).map(|it| it.0));
    }
    let mut found: Vec<String> = found.into_iter().map(|it| it.replace("&amp;", "&")).collect();
    if answer.has("link") {
        found.extend(answer.links().into_iter().map(|(_, href)| href));
    }
    for name in ["location", "content-location"] {
        if answer.has(name) {
            found.push(answer.header(name).to_owned());
        }
    }
    if answer.text().starts_with('{') && answer.json()["current"].is_string() {
        found.push(answer.json()["current"].as_str().unwrap().to_owned());
    }
    found
}

/// Follows every link from here on. Returns the paths that were found.
async fn crawl(http: &Http, start: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::from([start.to_owned()]);
    let mut open = vec![start.to_owned()];
    while let Some(path) = open.pop() {
        for accept in [format!("{ATOM}, */*;q=0.1"), format!("{BATCH}, */*;q=0.1")] {
            let answer = http.get(&path).header("accept", &accept).send().await;
            // Where the next page will be is said before it is there.
            let expected = matches!(answer.status.as_u16(), 200 | 307);
            assert!(expected, "{path}: {answer:?}");
            for address in addresses(&answer) {
                let url = answer.url.join(&address).unwrap();
                assert_eq!(url.host(), answer.url.host(), "{address}");
                let path = path_of(&url).to_owned();
                if found.insert(path.clone()) {
                    open.push(path);
                }
            }
        }
    }
    found
}

/// Crawls the feeds below a prefix, whose service document is at `root`.
async fn check(app: App, prefix: &str, root: &str) {
    app.publish(5).await;
    // Some data elsewhere, and some entry without any.
    let large = NewEvent::new("/shop", "order.placed").json(&"x".repeat(100_000));
    app.feeds.publisher().publish("orders", large).await.unwrap();
    let without = NewEvent::new("/shop", "order.lost");
    app.feeds.publisher().publish("orders", without).await.unwrap();
    let http = &app.http;
    let mut found = crawl(http, root).await;
    assert!(found.remove(root));
    assert!(found.iter().all(|path| path.starts_with(&format!("{prefix}/feeds/"))), "{found:?}");
    let current = http.get(&format!("{prefix}/feeds/orders")).send().await.expect(200);
    let (inc, _) = current.header("feed-cursor").split_once(':').unwrap();
    let folder = format!("{prefix}/feeds/orders/{inc}");
    for rest in ["pages/1", "pages/4", "after/7", "entries/1", "entries/6/data", "entries/7"] {
        assert!(found.contains(&format!("{folder}/{rest}")), "{rest} is not found: {found:?}");
    }

    // What no link leads to.
    let subject = format!("{prefix}/feeds/orders/subjects/a%2Fb");
    let from_subject = crawl(http, &subject).await;
    assert!(from_subject.iter().all(|path| path.starts_with(&format!("{prefix}/feeds/orders"))));
    for path in [
        format!("{folder}/at?time=2000-01-01T00:00:00Z"),
        format!("{prefix}/feeds/orders/entries?source=/shop&id=order-1"),
    ] {
        let redirect = http.get(&path).send().await.expect(307);
        let target = redirect.url.join(redirect.header("location")).unwrap();
        http.get(path_of(&target)).send().await.expect(200);
    }
    let created = http.post_json(&format!("{prefix}/feeds/orders"), &order(99)).send().await;
    let created = created.expect(201);
    assert_eq!(created.header("location"), format!("{folder}/entries/8"));
    http.get(created.header("location")).header("accept", STRUCTURED).send().await.expect(200);
    let batch = http.post_json(&format!("{prefix}/feeds/orders"), &json!([order(98)])).send().await;
    assert_eq!(batch.expect(201).json()[0]["location"], format!("{folder}/entries/9"));
    let gone = http.get(&format!("{prefix}/feeds/orders/anotherlife/after/0")).send().await;
    assert_eq!(gone.expect(410).json()["current"], format!("{prefix}/feeds/orders"));
    app.stop().await;
}

#[tokio::test]
async fn at_the_root() {
    check(App::start(|feeds| feeds).await, "", "/").await;
}

#[tokio::test]
async fn under_a_path() {
    check(App::start(|feeds| Router::new().nest("/a/b", feeds)).await, "/a/b", "/a/b").await;
}

#[tokio::test]
async fn under_a_path_that_ends_in_a_slash() {
    // The only difference that axum makes is the address of the service document.
    check(App::start(|feeds| Router::new().nest("/a/b/", feeds)).await, "/a/b", "/a/b/").await;
}

#[tokio::test]
async fn under_paths_within_paths() {
    let mount = |feeds| Router::new().nest("/x", Router::new().nest("/a%20b", feeds));
    check(App::start(mount).await, "/x/a%20b", "/x/a%20b").await;
}

#[tokio::test]
async fn a_page_has_the_same_bytes_wherever_it_is_mounted() {
    let app = App::start(|feeds| {
        Router::new().nest("/a", feeds.clone()).nest("/b/c", feeds.clone()).merge(feeds)
    })
    .await;
    app.publish(3).await;
    let current = app.http.get("/feeds/orders").send().await.expect(200);
    let (inc, _) = current.header("feed-cursor").split_once(':').unwrap();
    let mut copies = Vec::new();
    for prefix in ["", "/a", "/b/c"] {
        let path = format!("{prefix}/feeds/orders/{inc}/pages/1");
        let page = app.http.get(&path).send().await.expect(200);
        copies.push((page.header("etag").to_owned(), page.body));
    }
    assert!(copies.iter().all(|copy| *copy == copies[0]));
    app.stop().await;
}

#[tokio::test]
async fn the_apps_own_routes_stand_beside_it() {
    let own = |feeds| {
        Router::new()
            .route("/hello", axum::routing::get(|| async { "hello" }))
            .nest("/events", feeds)
            .fallback(|| async { (axum::http::StatusCode::IM_A_TEAPOT, "not here") })
    };
    let app = App::start(own).await;
    assert_eq!(app.http.get("/hello").send().await.expect(200).text(), "hello");
    app.http.get("/elsewhere").send().await.expect(418);
    app.http.get("/events/elsewhere").send().await.expect_problem(404, "not-found");
    app.http.request("PUT", "/events/feeds/orders").send().await.expect(405);
    app.stop().await;
}

#[tokio::test]
async fn requests_are_counted_by_the_routes_of_the_router_and_not_of_the_app() {
    let app = App::start(|router| Router::new().nest("/our/events", router)).await;
    app.http.get("/our/events/feeds/orders").send().await.expect(200);
    let text = app.http.get("/our/events/metrics").send().await.expect(200).text();
    let labels = "route=\"/feeds/{feed}\",method=\"GET\",status=\"200\"";
    let sample = format!("feed_server_requests_total{{{labels}}} 1");
    assert!(text.lines().any(|line| line == sample), "{text}");
    app.stop().await;
}
