//! `GET /feeds/{feed}/{inc}/pages/{k}`

use feed_tests::ServerProcess;
use feed_tests::events::{BATCH, order, orders, typed};

use crate::wire_current::{assert_plain_etag, links, sorted_atom_links, sorted_links};

const IMMUTABLE: &str = "public, max-age=31536000, immutable";

#[tokio::test]
async fn a_full_page_is_immutable_and_leads_both_ways() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(7).await;
    let inc = server.incarnation("orders").await;
    let folder = server.folder("orders").await;
    for (page, range, positions) in [(1, "1-3", [3, 2, 1]), (2, "4-6", [6, 5, 4])] {
        let answer = server.get(&format!("{folder}/pages/{page}")).send().await.expect(200);
        answer.expect_fields(&[
            ("content-type", "application/atom+xml; charset=utf-8"),
            ("etag", "*"),
            ("last-modified", "*"),
            ("cache-control", IMMUTABLE),
            ("vary", "Accept, Accept-Encoding"),
            ("feed-range", range),
            ("feed-cursor", &format!("{inc}:{}", page * 3)),
            ("link", "*"),
            ("x-content-type-options", "nosniff"),
        ]);
        assert_plain_etag(answer.header("etag"), &inc);
        assert_eq!(answer.atom_positions(), positions);
        let mut expected = links([
            ("current", "../../../orders"),
            ("first", "../../../orders"),
            ("last", "../pages/1"),
            ("next-archive", &format!("../pages/{}", page + 1)),
            ("previous", &format!("../pages/{}", page + 1)),
            ("self", &format!("../pages/{page}")),
        ]);
        if page > 1 {
            expected.extend(links([("next", "../pages/1"), ("prev-archive", "../pages/1")]));
            expected.sort();
        }
        assert_eq!(sorted_links(&answer), expected);
        assert_eq!(sorted_atom_links(&answer), expected);
        let document = answer.atom();
        assert!(document.archive);
        assert_eq!(document.incarnation.unwrap().as_str(), inc);
        assert_eq!(document.range.unwrap().to_string(), range);
        assert_eq!(document.updated, document.entries[0].updated);
        let batch = server.get(&format!("{folder}/pages/{page}")).header("accept", BATCH);
        let batch = batch.send().await.expect(200);
        assert_eq!(batch.batch_positions(), positions);
        assert_eq!(batch.header("cache-control"), IMMUTABLE);
        assert_eq!(batch.header("feed-range"), range);
        assert_eq!(batch.header("link"), answer.header("link"));
        assert_ne!(batch.header("etag"), answer.header("etag"));
    }
}

#[tokio::test]
async fn the_open_page_grows_and_leads_to_the_tail() {
    let server = ServerProcess::with_page_size(3).await;
    let inc = server.incarnation("orders").await;
    let folder = server.folder("orders").await;
    for head in 0..=5_u64 {
        if head > 0 {
            server.publish_one("orders", &order(head)).await;
        }
        let page = head / 3 + 1;
        let first = (page - 1) * 3 + 1;
        let answer = server.get(&format!("{folder}/pages/{page}")).send().await.expect(200);
        answer.expect_fields(&[
            ("content-type", "application/atom+xml; charset=utf-8"),
            ("etag", "*"),
            ("last-modified", "*"),
            ("cache-control", "no-cache"),
            ("vary", "Accept, Accept-Encoding"),
            ("feed-range", &format!("{first}-{head}")),
            ("feed-cursor", &format!("{inc}:{head}")),
            ("link", "*"),
            ("x-content-type-options", "nosniff"),
        ]);
        let positions: Vec<_> = (first..=head).rev().collect();
        assert_eq!(answer.atom_positions(), positions);
        assert!(!answer.atom().archive);
        let mut expected = links([
            ("current", "../../../orders"),
            ("first", "../../../orders"),
            ("last", "../pages/1"),
            ("previous", &format!("../after/{head}")),
            ("self", &format!("../pages/{page}")),
        ]);
        if page > 1 {
            let older = format!("../pages/{}", page - 1);
            expected.extend(links([("next", &older), ("prev-archive", &older)]));
            expected.sort();
        }
        assert_eq!(sorted_links(&answer), expected);
        assert_eq!(sorted_atom_links(&answer), expected);
        // One page beyond the open one there is nothing, and nobody may remember that.
        let beyond = server.get(&format!("{folder}/pages/{}", page + 1)).send().await;
        beyond.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn what_is_no_page_number_is_the_address_of_nothing() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(40).await;
    let folder = server.folder("orders").await;
    for page in
        ["0", "01", "+1", "-1", "1.0", "1e0", "%31%00", "a", "%20", "18446744073709551617", "1%2F2"]
    {
        let answer = server.get(&format!("{folder}/pages/{page}")).send().await;
        answer.expect_problem(404, "not-found");
    }
    // A digit may be written in any way that HTTP allows.
    server.get(&format!("{folder}/pages/%31")).send().await.expect(200);
}

#[tokio::test]
async fn a_full_page_never_changes_its_bytes_nor_its_tags() {
    let mut server = ServerProcess::with_page_size(3).await;
    server.publish_orders(7).await;
    let folder = server.folder("orders").await;
    let address = format!("{folder}/pages/2");
    let mut kept = Vec::new();
    for round in 0..3 {
        for accept in [feed_tests::events::ATOM, BATCH] {
            for coding in ["identity", "gzip", "zstd"] {
                let request = server.get(&address).header("accept", accept);
                let answer = request.header("accept-encoding", coding).send().await.expect(200);
                kept.push((
                    answer.header("etag").to_owned(),
                    answer.header("last-modified").to_owned(),
                    answer.header("link").to_owned(),
                    answer.body,
                ));
            }
        }
        if round == 0 {
            server = server.killed_and_restarted().await;
            server.publish("orders", &orders(8..=20)).await;
        }
    }
    let (first, rest) = kept.split_at(6);
    assert_eq!(first, &rest[..6]);
    assert_eq!(first, &rest[6..]);
}

#[tokio::test]
async fn a_filtered_page_keeps_its_borders() {
    let server = ServerProcess::with_page_size(3).await;
    let types = ["a", "b", "b", "a", "b", "b", "a"];
    let events: Vec<_> = (1..).zip(types).map(|(n, name)| typed(name, n)).collect();
    server.publish("orders", &events).await;
    let folder = server.folder("orders").await;
    for (page, shown, range, caching) in [
        (1, vec![1], "1-3", IMMUTABLE),
        (2, vec![4], "4-6", IMMUTABLE),
        (3, vec![7], "7-7", "no-cache"),
    ] {
        let answer = server.get(&format!("{folder}/pages/{page}?type=a")).send().await.expect(200);
        assert_eq!(answer.atom_positions(), shown);
        assert_eq!(answer.header("feed-range"), range);
        assert_eq!(answer.header("cache-control"), caching);
        for (relation, href) in answer.links() {
            assert!(href.ends_with("?type=a"), "{relation}: {href}");
        }
        let all = server.get(&format!("{folder}/pages/{page}")).send().await.expect(200);
        assert_ne!(all.header("etag"), answer.header("etag"));
        assert_eq!(answer.atom().archive, all.atom().archive);
    }
    // Nothing to show is a document too.
    let none = server.get(&format!("{folder}/pages/1?type=c")).send().await.expect(200);
    assert!(none.atom_positions().is_empty());
    assert_eq!(none.header("feed-range"), "1-3");
    assert!(none.atom().archive);
}

#[tokio::test]
async fn pages_of_one_and_of_a_thousand_are_pages() {
    let server = ServerProcess::with_page_size(1).await;
    server.publish_orders(3).await;
    let folder = server.folder("orders").await;
    let answer = server.get(&format!("{folder}/pages/2")).send().await.expect(200);
    assert_eq!(answer.atom_positions(), [2]);
    assert_eq!(server.get("/feeds/orders").send().await.atom_positions(), [3]);

    let server = ServerProcess::with_page_size(1000).await;
    server.publish_orders(1001).await;
    let folder = server.folder("orders").await;
    let answer = server.get(&format!("{folder}/pages/1")).send().await.expect(200);
    assert_eq!(answer.atom_positions().len(), 1000);
    assert_eq!(answer.header("feed-range"), "1-1000");
}

#[tokio::test]
async fn a_page_of_much_data_is_whole_whoever_asks_beside() {
    let server = ServerProcess::with_page_size(12).await;
    for n in 1..=12_u64 {
        let publish = server
            .post("/feeds/orders", "application/octet-stream", vec![7; 1 << 20])
            .header("ce-specversion", "1.0")
            .header("ce-id", &n.to_string())
            .header("ce-source", "/shop")
            .header("ce-type", "large");
        publish.send().await.expect(201);
    }
    let page = format!("{}/pages/1", server.folder("orders").await);
    let get = |query: &str| server.get(&format!("{page}{query}")).header("accept", BATCH).send();
    let all: Vec<u64> = (1..=12).rev().collect();
    let answers = tokio::join!(get(""), get(""), get("?type=large"), get("?type=large&type=other"));
    for answer in [&answers.0, &answers.1, &answers.2, &answers.3] {
        assert_eq!(answer.status, 200, "{:?}", answer.headers);
        assert_eq!(answer.batch_positions(), all);
    }
    assert_eq!(answers.0.header("etag"), answers.1.header("etag"));
    assert_eq!(get("?type=other").await.expect(200).batch_positions(), [0; 0]);
    let current = server.get("/feeds/orders").header("accept", BATCH).send().await.expect(200);
    assert_eq!(current.batch_positions(), all);
}
