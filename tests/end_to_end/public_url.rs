//! `--public-url`: where addresses are absolute.

use feed_tests::events::{ATOM, BATCH, order};
use feed_tests::{ServerOptions, ServerProcess};
use serde_json::json;

async fn server(url: &str) -> ServerProcess {
    let options = ServerOptions::default().page_size(2);
    let server = options.argument("--public-url").argument(url).start().await;
    server.publish_orders(3).await;
    server
}

#[tokio::test]
async fn the_current_document_and_header_fields_are_absolute_and_pages_stay_relative() {
    for url in ["https://shop.example/events/", "https://shop.example/events"] {
        let server = server(url).await;
        let root = "https://shop.example/events/feeds/orders";
        let folder = server.folder("orders").await;
        let current = server.get("/feeds/orders").send().await.expect(200);
        for link in current.atom().links {
            assert!(link.href.starts_with(root), "{link:?}");
        }
        for path in [
            format!("{folder}/pages/1"),
            format!("{folder}/after/1"),
            format!("{folder}/entries/1"),
        ] {
            let answer = server.get(&path).send().await.expect(200);
            for (relation, href) in answer.links() {
                assert!(href.starts_with(root), "{path}: {relation} {href}");
            }
            // The host stands in the entries' permanent ids, but in no address.
            let text = answer.text();
            assert!(!text.contains("=\"https://shop.example"), "{path}: {text}");
        }
        let inc = server.incarnation("orders").await;
        let posted = server.publish_one("orders", &order(4)).await;
        assert_eq!(posted.header("location"), format!("{root}/{inc}/entries/4"));
        assert_eq!(posted.header("content-location"), format!("{root}/{inc}/entries/4"));
        let batch = server.post_json("/feeds/orders", &json!([order(5)])).send().await.expect(201);
        assert_eq!(batch.json()[0]["location"], format!("{root}/{inc}/entries/5"));
        let at = server.get(&format!("{folder}/at?time=2000-01-01T00:00:00Z")).send().await;
        assert_eq!(at.expect(307).header("location"), format!("{root}/{inc}/after/0"));
        let service = server.get("/").send().await.expect(200);
        assert!(service.text().contains(&format!("href=\"{root}\"")), "{}", service.text());
    }
}

#[tokio::test]
async fn pages_have_the_same_bytes_with_and_without_it() {
    let with = server("https://shop.example/").await;
    let page = format!("{}/pages/1", with.folder("orders").await);
    let mut copies = Vec::new();
    for accept in [ATOM, BATCH] {
        copies.push(with.get(&page).header("accept", accept).send().await.expect(200));
    }
    let without = ServerOptions::default().on_database_of(&with).start().await;
    for (accept, copy) in [ATOM, BATCH].into_iter().zip(copies) {
        let answer = without.get(&page).header("accept", accept).send().await.expect(200);
        assert_eq!(answer.body, copy.body);
        assert_eq!(answer.header("etag"), copy.header("etag"));
    }
    let current = without.get("/feeds/orders").send().await.expect(200);
    assert!(!current.text().contains("href=\"https:"), "{}", current.text());
}
