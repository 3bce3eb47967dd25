//! One entry, its data, and finding it.

use feed_protocol::atom;
use feed_tests::ServerProcess;
use feed_tests::events::{STRUCTURED, order};
use feed_tests::reading::path_of;
use serde_json::json;

use crate::wire_current::{assert_plain_etag, links, sorted_links};

const IMMUTABLE: &str = "public, max-age=31536000, immutable";

#[tokio::test]
async fn an_entry_is_immutable_in_both_its_forms() {
    let server = ServerProcess::start().await;
    server.publish_orders(3).await;
    let inc = server.incarnation("orders").await;
    let folder = server.folder("orders").await;
    let entry = server.get(&format!("{folder}/entries/2")).send().await.expect(200);
    let event = server.get(&format!("{folder}/entries/2")).header("accept", STRUCTURED);
    let event = event.send().await.expect(200);
    for (answer, content_type) in
        [(&entry, "application/atom+xml; charset=utf-8"), (&event, STRUCTURED)]
    {
        answer.expect_fields(&[
            ("content-type", content_type),
            ("etag", "*"),
            ("last-modified", "*"),
            ("cache-control", IMMUTABLE),
            ("vary", "Accept, Accept-Encoding"),
            ("feed-range", "2-2"),
            ("feed-cursor", &format!("{inc}:2")),
            ("link", "*"),
            ("x-content-type-options", "nosniff"),
        ]);
        assert_plain_etag(answer.header("etag"), &inc);
        let expected = links([("current", "../../../orders"), ("self", "../entries/2")]);
        assert_eq!(sorted_links(answer), expected);
    }
    assert_ne!(entry.header("etag"), event.header("etag"));
    let read = atom::read_entry(&entry.body, &atom::Limits::default()).unwrap();
    assert_eq!(read.position.unwrap().get(), 2);
    assert_eq!(read.event.id().as_str(), "order-2");
    assert_eq!(event.json()["id"], "order-2");
    assert_eq!(event.json()["feedposition"], "2");
    assert_eq!(event.json()["data"], json!({"n": 2}));
}

#[tokio::test]
async fn an_entry_says_the_same_wherever_it_stands() {
    let server = ServerProcess::with_page_size(2).await;
    server.publish_orders(3).await;
    let folder = server.folder("orders").await;
    let alone = server.get(&format!("{folder}/entries/2")).send().await.expect(200);
    let alone = atom::read_entry(&alone.body, &atom::Limits::default()).unwrap();
    let subject = "/feeds/orders/subjects/customer-2".to_owned();
    for address in [
        "/feeds/orders".to_owned(),
        format!("{folder}/pages/1"),
        format!("{folder}/after/1"),
        subject,
    ] {
        let document = server.get(&address).send().await.expect(200).atom();
        let entry = document.entries.into_iter().find(|it| it.position == alone.position);
        assert_eq!(entry.as_ref(), Some(&alone), "{address}");
    }
}

#[tokio::test]
async fn data_comes_byte_for_byte_in_its_own_media_type() {
    let server = ServerProcess::start().await;
    let inc = server.incarnation("orders").await;
    let json = "\r\n{\"a\" : 1.0e+2, \"b\":\"\\u0000\u{FFFF}\", \"a\":[ ]}\t";
    let cases: [(Option<&str>, &[u8]); 8] = [
        (Some("application/json"), json.as_bytes()),
        (Some("text/plain; charset=utf-8"), "grüße 🎉 ]]> &amp;\r\n\0".as_bytes()),
        (Some("Text/CSV"), b"a,b\n1,2\n"),
        (Some("application/xml"), b"<?xml version=\"1.0\"?><!DOCTYPE a><a>\r&b;</a>"),
        (Some("image/png"), b"\x89PNG\r\n\x1a\n\xff\xfe\x00"),
        (Some("text/html"), b"<script>alert(1)</script>"),
        (Some("application/octet-stream"), b""),
        (Some("application/json"), b"null"),
    ];
    for (n, (media_type, data)) in (1..).zip(cases) {
        let mut request = server
            .request("POST", "/feeds/orders")
            .header("ce-specversion", "1.0")
            .header("ce-id", &n.to_string())
            .header("ce-source", "/shop")
            .header("ce-type", "order.placed");
        if let Some(media_type) = media_type {
            request = request.header("content-type", media_type);
        }
        let created = request.body(data.to_vec()).send().await.expect(201);
        let data_address = format!("{}/data", created.header("location"));
        let answer = server.get(&data_address).send().await.expect(200);
        answer.expect_fields(&[
            ("content-type", media_type.unwrap()),
            ("etag", "*"),
            ("last-modified", "*"),
            ("cache-control", IMMUTABLE),
            ("vary", "*"),
            ("feed-range", &format!("{n}-{n}")),
            ("feed-cursor", &format!("{inc}:{n}")),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "*"),
        ]);
        assert_eq!(answer.body, data, "{media_type:?}");
        // A page among the data must not act in the name of the server that it came from.
        assert!(answer.header("content-security-policy").contains("sandbox"));
        let again = server.get(&data_address).header("if-none-match", answer.header("etag"));
        again.send().await.expect(304);
    }
}

#[tokio::test]
async fn data_without_a_media_type_is_json_and_no_data_is_no_document() {
    let server = ServerProcess::start().await;
    let mut event = order(1);
    event.as_object_mut().unwrap().remove("datacontenttype");
    let created = server.publish_one("orders", &event).await;
    let data = server.get(&format!("{}/data", created.header("location"))).send().await.expect(200);
    assert_eq!(data.header("content-type"), "application/json");
    assert_eq!(data.body, "{\"n\":1}");

    let event = json!({"specversion": "1.0", "id": "2", "source": "/shop", "type": "order.lost"});
    let created = server.publish_one("orders", &event).await;
    let data = server.get(&format!("{}/data", created.header("location"))).send().await;
    data.expect_problem(404, "not-found");
}

#[tokio::test]
async fn large_data_stands_at_its_own_address_in_atom_and_inline_in_cloudevents() {
    let server = ServerProcess::start().await;
    let large = format!("\"{}\"", "x".repeat(64 << 10));
    let mut event = order(1);
    event["data"] = serde_json::from_str(&large).unwrap();
    server.publish_one("orders", &event).await;
    let folder = server.folder("orders").await;
    for address in
        [format!("{folder}/entries/1"), format!("{folder}/after/0"), "/feeds/orders".into()]
    {
        let answer = server.get(&address).send().await.expect(200);
        assert!(answer.body.len() < 10_000, "{address} holds the data");
        let text = answer.text();
        let src = text.split_once(" src=\"").expect("a content with src").1;
        let src = answer.url.join(src.split_once('"').unwrap().0).unwrap();
        assert!(text.contains("<summary>"), "content elsewhere needs a summary: {text}");
        let data = server.get(path_of(&src)).send().await.expect(200);
        assert_eq!(data.body, large);
    }
    let answer = server.get(&format!("{folder}/entries/1")).header("accept", STRUCTURED);
    assert_eq!(answer.send().await.expect(200).json()["data"], event["data"]);
}

#[tokio::test]
async fn an_entry_is_found_by_its_source_and_id() {
    let server = ServerProcess::start().await;
    let mut other = order(2);
    other["source"] = json!("/größe?a=b&c#d");
    other["id"] = json!("ü/ä +%2B&=");
    server.publish("orders", &[order(1), other, order(3)]).await;
    let folder = server.folder("orders").await;
    for (query, position) in [
        ("source=/shop&id=order-1", 1),
        ("id=order-3&source=%2Fshop", 3),
        ("source=%2Fgr%C3%B6%C3%9Fe%3Fa%3Db%26c%23d&id=%C3%BC%2F%C3%A4+%2B%252B%26%3D", 2),
    ] {
        let answer = server.get(&format!("/feeds/orders/entries?{query}")).send().await.expect(307);
        assert_eq!(answer.header("location"), format!("{folder}/entries/{position}"));
        assert_eq!(answer.header("cache-control"), "no-cache");
        server.get(answer.header("location")).send().await.expect(200);
    }
    for query in ["source=/shop&id=order-9", "source=/other&id=order-1", "source=/shop&id=ORDER-1"]
    {
        let answer = server.get(&format!("/feeds/orders/entries?{query}")).send().await;
        answer.expect_problem(404, "not-found");
    }
    for query in ["", "?source=/shop", "?id=order-1", "?source=&id=", "?source=a%20b&id=1"] {
        let answer = server.get(&format!("/feeds/orders/entries{query}")).send().await;
        answer.expect_problem(400, "bad-request");
    }
}

#[tokio::test]
async fn where_no_event_is_there_is_no_entry() {
    let server = ServerProcess::start().await;
    server.publish_orders(2).await;
    let folder = server.folder("orders").await;
    for position in ["0", "3", "100", "01", "+1", "-1", "a", "%20", "99999999999999999999"] {
        for rest in ["", "/data"] {
            let answer = server.get(&format!("{folder}/entries/{position}{rest}")).send().await;
            answer.expect_problem(404, "not-found");
        }
    }
}
