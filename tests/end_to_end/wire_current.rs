//! `GET /feeds/{feed}`: the current document.

use feed_tests::events::{BATCH, order, orders, typed};
use feed_tests::{Answer, ServerOptions, ServerProcess};

/// Relation and target of each link, in the order of their names.
pub(crate) fn sorted_links(answer: &Answer) -> Vec<(String, String)> {
    let mut links = answer.links();
    links.sort();
    links
}

/// The same of the links that stand in an Atom document.
pub(crate) fn sorted_atom_links(answer: &Answer) -> Vec<(String, String)> {
    let links = answer.atom().links.into_iter();
    let mut links: Vec<_> = links.map(|it| (it.relation.to_string(), it.href)).collect();
    links.sort();
    links
}

/// What a test expects of [`sorted_links`].
pub(crate) fn links<const N: usize>(links: [(&str, &str); N]) -> Vec<(String, String)> {
    links.map(|(relation, href)| (relation.to_owned(), href.to_owned())).to_vec()
}

/// That an entity tag is strong, and of this incarnation.
#[track_caller]
pub(crate) fn assert_plain_etag(etag: &str, incarnation: &str) {
    let hash = etag.strip_prefix(&format!("\"{incarnation}-")).and_then(|it| it.strip_suffix('"'));
    let hexadecimal = |hash: &str| hash.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
    assert!(hash.is_some_and(|it| it.len() >= 16 && hexadecimal(it)), "{etag}");
}

#[tokio::test]
async fn a_feed_without_events_is_an_empty_document() {
    let server = ServerProcess::start().await;
    let inc = server.incarnation("orders").await;
    let answer = server.get("/feeds/orders").send().await.expect(200);
    answer.expect_fields(&[
        ("content-type", "application/atom+xml; charset=utf-8"),
        ("etag", "*"),
        ("last-modified", "*"),
        ("cache-control", "public, max-age=1"),
        ("vary", "Prefer, Accept, Accept-Encoding"),
        ("feed-range", "1-0"),
        ("feed-cursor", &format!("{inc}:0")),
        ("link", "*"),
        ("x-content-type-options", "nosniff"),
    ]);
    assert_plain_etag(answer.header("etag"), &inc);
    let expected = links([
        ("current", "orders"),
        ("first", "orders"),
        ("last", &format!("orders/{inc}/pages/1")),
        ("previous", &format!("orders/{inc}/after/0")),
        ("self", "orders"),
    ]);
    assert_eq!(sorted_links(&answer), expected);
    assert_eq!(sorted_atom_links(&answer), expected);
    let document = answer.atom();
    assert_eq!(document.entries, []);
    assert_eq!(document.incarnation.unwrap().as_str(), inc);
    assert_eq!(document.range.unwrap().to_string(), "1-0");
    assert!(!document.archive);
    // The feed's creation, and not "now".
    let again = server.get("/feeds/orders").send().await.expect(200);
    assert_eq!(again.body, answer.body);
}

#[tokio::test]
async fn the_newest_events_come_first_and_overlap_the_newest_full_page() {
    let server = ServerProcess::with_page_size(3).await;
    let inc = server.incarnation("orders").await;
    for (count, shown, range, newest_full) in [
        (1, vec![1], "1-1", None),
        (3, vec![3, 2, 1], "1-3", Some(1)),
        (4, vec![4, 3, 2], "2-4", Some(1)),
        (6, vec![6, 5, 4], "4-6", Some(2)),
        (8, vec![8, 7, 6], "6-8", Some(2)),
    ] {
        let published = server.head("/feeds/orders").send().await.expect(200);
        let head: u64 = published.header("feed-cursor").split_once(':').unwrap().1.parse().unwrap();
        server.publish("orders", &orders(head + 1..=count)).await;
        let answer = server.get("/feeds/orders").send().await.expect(200);
        assert_eq!(answer.atom_positions(), shown);
        assert_eq!(answer.header("feed-range"), range);
        assert_eq!(answer.header("feed-cursor"), format!("{inc}:{count}"));
        let mut expected = links([
            ("current", "orders"),
            ("first", "orders"),
            ("last", &format!("orders/{inc}/pages/1")),
            ("previous", &format!("orders/{inc}/after/{count}")),
            ("self", "orders"),
        ]);
        if let Some(page) = newest_full {
            expected.push(("prev-archive".into(), format!("orders/{inc}/pages/{page}")));
            expected.sort();
        }
        assert_eq!(sorted_links(&answer), expected);
        assert_eq!(sorted_atom_links(&answer), expected);
        let document = answer.atom();
        assert_eq!(document.range.unwrap().to_string(), range);
        assert_eq!(document.updated, document.entries[0].updated);
    }
}

#[tokio::test]
async fn the_batch_holds_the_same_events_in_the_same_order() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(5).await;
    let atom = server.get("/feeds/orders").send().await.expect(200);
    let batch = server.get("/feeds/orders").header("accept", BATCH).send().await.expect(200);
    assert_eq!(batch.batch_positions(), atom.atom_positions());
    batch.expect_fields(&[
        ("content-type", BATCH),
        ("etag", "*"),
        ("last-modified", atom.header("last-modified")),
        ("cache-control", "public, max-age=1"),
        ("vary", "Prefer, Accept, Accept-Encoding"),
        ("feed-range", "3-5"),
        ("feed-cursor", atom.header("feed-cursor")),
        ("link", atom.header("link")),
        ("x-content-type-options", "nosniff"),
    ]);
    assert_ne!(batch.header("etag"), atom.header("etag"));
    let newest = &batch.json()[0];
    let published = order(5);
    for (name, value) in published.as_object().unwrap() {
        assert_eq!(&newest[name], value, "{name}");
    }
    assert_eq!(newest["feedposition"], "5");
    let updated = newest["feedupdated"].as_str().unwrap();
    assert_eq!(updated.len(), "2026-11-21T10:00:01.000000Z".len(), "microseconds and Z: {updated}");
}

#[tokio::test]
async fn a_filter_shows_fewer_entries_and_keeps_positions_ranges_and_links() {
    let server = ServerProcess::with_page_size(4).await;
    let inc = server.incarnation("orders").await;
    let types = ["order.placed", "order.paid", "order.sent", "order.placed", "order+paid"];
    let events: Vec<_> = (1..).zip(types).map(|(n, name)| typed(name, n)).collect();
    server.publish("orders", &events).await;
    let all = server.get("/feeds/orders").send().await.expect(200);
    for (query, shown, normal) in [
        ("?type=order.placed", vec![4], "?type=order.placed"),
        ("?type=order.sent&type=order.placed", vec![4, 3], "?type=order.placed&type=order.sent"),
        ("?type=order%2Bpaid", vec![5], "?type=order%2Bpaid"),
        ("?type=nothing", vec![], "?type=nothing"),
    ] {
        let answer = server.get(&format!("/feeds/orders{query}")).send().await.expect(200);
        assert_eq!(answer.atom_positions(), shown, "{query}");
        assert_eq!(answer.header("feed-range"), "2-5");
        assert_eq!(answer.header("feed-cursor"), format!("{inc}:5"));
        assert_ne!(answer.header("etag"), all.header("etag"));
        let expected = links([
            ("current", &format!("orders{normal}")),
            ("first", &format!("orders{normal}")),
            ("last", &format!("orders/{inc}/pages/1{normal}")),
            ("prev-archive", &format!("orders/{inc}/pages/1{normal}")),
            ("previous", &format!("orders/{inc}/after/5{normal}")),
            ("self", &format!("orders{normal}")),
        ]);
        assert_eq!(sorted_links(&answer), expected);
        assert_eq!(sorted_atom_links(&answer), expected);
    }
    server.get("/feeds/orders?type=").send().await.expect_problem(400, "bad-request");
    // What is no parameter of ours is passed over.
    let other = server.get("/feeds/orders?utm_source=x").send().await.expect(200);
    assert_eq!(other.body, all.body);
}

#[tokio::test]
async fn how_long_it_stays_fresh_is_a_setting() {
    for seconds in [0, 7] {
        let setting = format!("current_max_age_seconds = {seconds}");
        let server = ServerOptions::default().setting(&setting).start().await;
        let answer = server.get("/feeds/orders").send().await.expect(200);
        assert_eq!(answer.header("cache-control"), format!("public, max-age={seconds}"));
    }
}

#[tokio::test]
async fn every_acknowledged_event_is_in_the_next_answer() {
    let server = ServerProcess::start().await;
    for n in 1..=20 {
        server.publish_one("orders", &order(n)).await;
        let answer = server.get("/feeds/orders").send().await.expect(200);
        assert_eq!(answer.atom_positions()[0], n);
    }
}
