//! Conditional requests (RFC 9110, section 13).

use feed_tests::events::{BATCH, STRUCTURED, order, typed};
use feed_tests::{Answer, ServerProcess, eventually};

/// The addresses of every kind of document, on a feed with a full page.
async fn documents(server: &ServerProcess) -> Vec<String> {
    server.publish_orders(4).await;
    let folder = server.folder("orders").await;
    let mut documents = vec![
        "/feeds/orders".to_owned(),
        "/feeds/orders/subjects/customer-1".to_owned(),
        "/feeds/orders?type=order.placed".to_owned(),
    ];
    for rest in ["pages/1", "pages/2", "after/1", "after/4", "entries/1", "entries/1/data"] {
        documents.push(format!("{folder}/{rest}"));
    }
    documents
}

#[track_caller]
fn assert_not_modified(answer: Answer, of: &Answer) {
    let answer = answer.expect(304);
    assert_eq!(answer.body, "");
    // RFC 9110, section 15.4.5, and this protocol's own.
    for name in ["etag", "last-modified", "cache-control", "vary", "feed-range", "feed-cursor"] {
        assert_eq!(answer.header(name), of.header(name), "{}: {name}", answer.url);
    }
    assert!(!answer.has("content-encoding"));
}

#[tokio::test]
async fn a_copy_that_would_do_is_not_sent_again() {
    let server = ServerProcess::with_page_size(3).await;
    for path in documents(&server).await {
        let whole = server.get(&path).send().await.expect(200);
        let etag = whole.header("etag").to_owned();
        for condition in [
            etag.clone(),
            // As a proxy may weaken it.
            format!("W/{etag}"),
            format!("\"other\", {etag}"),
            format!("W/\"a,b\",{etag} , \"c\""),
            "*".to_owned(),
        ] {
            let answer = server.get(&path).header("if-none-match", &condition).send().await;
            assert_not_modified(answer, &whole);
            let head = server.head(&path).header("if-none-match", &condition).send().await;
            assert_not_modified(head, &whole);
        }
        // In several fields, as HTTP allows.
        let answer = server.get(&path).header("if-none-match", "\"other\"");
        assert_not_modified(answer.header("if-none-match", &etag).send().await, &whole);
        let unquoted = etag.trim_matches('"').to_owned();
        for condition in ["\"other\"".to_owned(), unquoted, etag.to_uppercase(), "\"*\"".to_owned()]
        {
            let answer = server.get(&path).header("if-none-match", &condition).send().await;
            assert_eq!(answer.expect(200).body, whole.body, "{condition}");
        }
    }
}

#[tokio::test]
async fn a_tag_of_one_representation_is_none_of_another() {
    let server = ServerProcess::with_page_size(3).await;
    for path in documents(&server).await {
        if path.ends_with("/data") {
            continue;
        }
        let other_form = if path.contains("/entries/") { STRUCTURED } else { BATCH };
        let whole = server.get(&path).send().await.expect(200);
        let etag = whole.header("etag");
        let other = server.get(&path).header("accept", other_form).header("if-none-match", etag);
        let other = other.send().await.expect(200);
        assert_eq!(other.header("content-type"), other_form);
        let coded = server.get(&path).header("accept-encoding", "gzip");
        let coded = coded.header("if-none-match", etag).send().await;
        // A document too small to gain from a coding is the same with or without.
        assert_eq!(coded.status, if whole.body.len() < 512 { 304 } else { 200 }, "{path}");
    }
}

#[tokio::test]
async fn the_tag_of_the_current_document_changes_with_every_event() {
    let server = ServerProcess::start().await;
    let mut etag = server.get("/feeds/orders").send().await.header("etag").to_owned();
    for n in 1..=5 {
        server.publish_one("orders", &order(n)).await;
        let answer = server.get("/feeds/orders").header("if-none-match", &etag).send().await;
        let changed = answer.expect(200).header("etag").to_owned();
        assert_ne!(changed, etag);
        etag = changed;
    }
    // Another feed's events change nothing.
    server.publish_one("customers", &order(1)).await;
    server.get("/feeds/orders").header("if-none-match", &etag).send().await.expect(304);
}

#[tokio::test]
async fn a_date_counts_only_once_its_second_is_over() {
    let server = ServerProcess::with_page_size(3).await;
    let mut n = 0;
    // The answers before and after the end of the newest event's second, however the second falls.
    eventually("both answers", async || {
        n += 1;
        server.publish_one("orders", &order(n)).await;
        let whole = server.get("/feeds/orders").send().await.expect(200);
        let date = whole.header("last-modified").to_owned();
        let mut fresh = 0;
        eventually("the end of the second", async || {
            let answer = server.get("/feeds/orders").header("if-modified-since", &date);
            let answer = answer.send().await;
            if answer.status == 200 {
                fresh += 1;
                return None;
            }
            assert_ne!(answer.header("date"), date, "304 within the second of the newest event");
            assert_not_modified(answer, &whole);
            Some(())
        })
        .await;
        (fresh > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn by_date_an_older_copy_is_replaced_and_a_tag_wins_over_a_date() {
    let server = ServerProcess::with_page_size(3).await;
    let documents = documents(&server).await;
    let late = "Fri, 01 Jan 2100 00:00:00 GMT";
    let early = "Sat, 01 Jan 2000 00:00:00 GMT";
    for path in documents {
        let whole = eventually("the end of the newest event's second", async || {
            let answer = server.get(&path).header("if-modified-since", late).send().await;
            (answer.status == 304).then_some(answer)
        })
        .await;
        let etag = whole.header("etag");
        let with = |date: &str| server.get(&path).header("if-modified-since", date);
        with(whole.header("last-modified")).send().await.expect(304);
        with(early).send().await.expect(200);
        with("not a date").send().await.expect(200);
        with(late).header("if-none-match", "\"other\"").send().await.expect(200);
        with(early).header("if-none-match", etag).send().await.expect(304);
    }
}

#[tokio::test]
async fn a_document_that_shows_nothing_new_but_covers_more_has_changed_by_date_too() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(7).await;
    server.publish_one("orders", &typed("rare", 8)).await;
    let folder = server.folder("orders").await;
    let mut paths = vec!["/feeds/orders?type=rare".to_owned(), "/feeds/orders?type=zz".to_owned()];
    // Two events more fill page 3 and open page 4.
    for rest in ["pages/3?type=zz", "pages/3?type=rare", "after/6?type=zz", "after/8?type=zz"] {
        paths.push(format!("{folder}/{rest}"));
    }
    // Its range, and with it its link to what is newer, reaches to the head.
    paths.push("/feeds/orders/subjects/customer-1".to_owned());
    for n in 9..=10 {
        let late = "Fri, 01 Jan 2100 00:00:00 GMT";
        eventually("the end of the newest event's second", async || {
            let answer = server.get("/feeds/orders").header("if-modified-since", late).send().await;
            (answer.status == 304).then_some(())
        })
        .await;
        let mut copies = Vec::new();
        for path in &paths {
            copies.push(server.get(path).send().await.expect(200));
        }
        server.publish_one("orders", &typed("common", n)).await;
        eventually("the end of the event's second", async || {
            let answer = server.get("/feeds/orders").header("if-modified-since", late).send().await;
            (answer.status == 304).then_some(())
        })
        .await;
        for (path, copy) in paths.iter().zip(copies) {
            // Where a document has no date, RFC 9110 (section 13.1.3) lets a client take that of
            // the answer.
            let date = if copy.has("last-modified") { "last-modified" } else { "date" };
            let answer = server.get(path).header("if-modified-since", copy.header(date));
            let answer = answer.send().await;
            if answer.header("etag") != copy.header("etag") {
                answer.expect(200);
            }
        }
    }
}
