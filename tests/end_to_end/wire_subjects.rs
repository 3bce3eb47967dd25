//! `GET /feeds/{feed}/subjects/{subject}`

use feed_tests::ServerProcess;
use feed_tests::events::{BATCH, order};
use feed_tests::reading::{path_of, range};
use serde_json::json;

use crate::wire_current::{assert_plain_etag, sorted_atom_links, sorted_links};

#[tokio::test]
async fn the_events_of_one_entity_are_oldest_first_and_paged() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(75).await;
    let inc = server.incarnation("orders").await;
    let mut address = "/feeds/orders/subjects/customer-4".to_owned();
    let mut seen = Vec::new();
    let mut covered = 0;
    loop {
        let answer = server.get(&address).send().await.expect(200);
        answer.expect_fields(&[
            ("content-type", "application/atom+xml; charset=utf-8"),
            ("etag", "*"),
            ("last-modified", "*"),
            ("cache-control", "no-cache"),
            ("vary", "Accept, Accept-Encoding"),
            ("feed-range", "*"),
            ("feed-cursor", "*"),
            ("link", "*"),
            ("x-content-type-options", "nosniff"),
        ]);
        assert_plain_etag(answer.header("etag"), &inc);
        assert_eq!(sorted_links(&answer), sorted_atom_links(&answer));
        assert_eq!(answer.link("current").path(), "/feeds/orders");
        server.get(path_of(&answer.link("self"))).send().await.expect(200);
        let batch = server.get(&address).header("accept", BATCH).send().await.expect(200);
        assert_eq!(batch.batch_positions(), answer.atom_positions());
        let (first, last) = range(&answer);
        assert_eq!(first, covered + 1);
        assert_eq!(answer.header("feed-cursor"), format!("{inc}:{last}"));
        if last < first {
            assert_eq!(answer.link("previous"), answer.url, "an empty document leads to itself");
            break;
        }
        assert!(answer.atom_positions().len() <= 3);
        covered = last;
        seen.extend(answer.atom_positions());
        address = path_of(&answer.link("previous")).to_owned();
    }
    assert_eq!(seen, [4, 14, 24, 34, 44, 54, 64, 74]);
    assert_eq!(covered, 75);
    // Where the loop stopped it goes on.
    server.publish("orders", &[order(84)]).await;
    let answer = server.get(&address).send().await.expect(200);
    assert_eq!(answer.atom_positions(), [76]);
}

#[tokio::test]
async fn a_subject_may_be_any_text() {
    let server = ServerProcess::start().await;
    let subjects =
        ["a/b", "../..", "grüße & <b>", "100%", "?a=b#c", "a b", "%2F", ".", "a;b,c", "🎉"];
    let events: Vec<_> = (1..)
        .zip(subjects)
        .map(|(n, subject)| {
            let mut event = order(n);
            event["subject"] = json!(subject);
            event
        })
        .collect();
    server.publish("orders", &events).await;
    for (n, subject) in (1..).zip(subjects) {
        let escaped: String =
            subject.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let request = format!(
            "GET /feeds/orders/subjects/{escaped} HTTP/1.1\r\nhost: a\r\naccept: {BATCH}\r\n\r\n"
        );
        // A client library would take the dots of some of them for steps.
        let answer = feed_tests::raw::exchange(server.address(), request).await;
        assert_eq!(answer.status, 200, "{subject:?}: {answer:?}");
        let batch: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(batch[0]["feedposition"], n.to_string(), "{subject:?}");
        assert_eq!(batch.as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_subject_without_events_is_unknown() {
    let server = ServerProcess::start().await;
    server.publish_orders(12).await;
    for subject in ["customer-99", "Customer-1", "customer-1%20", "%00", "%FF", "a%EF%BF%BF"] {
        let answer = server.get(&format!("/feeds/orders/subjects/{subject}")).send().await;
        answer.expect_problem(404, "not-found");
    }
    server
        .get("/feeds/customers/subjects/customer-1")
        .send()
        .await
        .expect_problem(404, "not-found");
}

#[tokio::test]
async fn a_subject_can_be_read_from_a_position_on() {
    let server = ServerProcess::start().await;
    server.publish_orders(25).await;
    let address = "/feeds/orders/subjects/customer-5";
    for (after, positions) in
        [(0, vec![5, 15, 25]), (5, vec![15, 25]), (24, vec![25]), (25, vec![])]
    {
        let answer = server.get(&format!("{address}?after={after}")).send().await.expect(200);
        assert_eq!(answer.atom_positions(), positions);
    }
    for bad in ["a", "-1", "01", ""] {
        let answer = server.get(&format!("{address}?after={bad}")).send().await;
        answer.expect_problem(400, "bad-request");
    }
    server.get(&format!("{address}?after=26")).send().await.expect_problem(409, "beyond-head");
}
