//! `POST /feeds/{feed}`: what is refused, and that nothing of it is stored.

use feed_tests::ServerProcess;
use feed_tests::events::{ATOM, BATCH, STRUCTURED, order};
use feed_tests::reading::by_tails;
use serde_json::{Value, json};

const FEED: &str = "/feeds/orders";

pub(crate) async fn assert_nothing_stored(server: &ServerProcess) {
    let head = server.head(FEED).send().await.expect(200);
    assert_eq!(head.header("feed-range"), "1-0", "something of a refused request is stored");
}

/// An entry with these elements more or otherwise.
fn entry(changes: &[(&str, &str)]) -> String {
    let mut elements = vec![
        ("id", "<id>urn:uuid:6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a11</id>"),
        ("title", "<title>order.placed</title>"),
        ("updated", "<updated>2021-01-01T00:00:00Z</updated>"),
        ("author", "<author><name>/shop</name></author>"),
        ("content", "<content type='text/json'>{}</content>"),
    ];
    for (name, xml) in changes {
        elements.retain(|(it, _)| it != name);
        elements.push((name, xml));
    }
    let elements: String = elements.into_iter().map(|(_, xml)| xml).collect();
    format!("<entry xmlns='http://www.w3.org/2005/Atom'>{elements}</entry>")
}

#[tokio::test]
async fn what_is_no_event_is_refused_and_the_attribute_is_named() {
    let server = ServerProcess::start().await;
    for (member, value, field) in [
        ("specversion", json!("0.3"), "specversion"),
        ("specversion", Value::Null, "specversion"),
        ("id", Value::Null, "id"),
        ("id", json!(""), "id"),
        ("id", json!(7), "id"),
        ("id", json!(" 1"), "id"),
        ("id", json!("1\n"), "id"),
        ("id", json!("a\u{0}b"), "id"),
        ("id", json!("a\u{FFFF}b"), "id"),
        ("id", json!("a\u{FFFE}b"), "id"),
        ("id", json!("a\u{1F}b"), "id"),
        ("id", json!("a\u{7F}b"), "id"),
        ("id", json!("x".repeat(1025)), "id"),
        ("source", Value::Null, "source"),
        ("source", json!("my shop"), "source"),
        ("source", json!("http://["), "source"),
        ("source", json!("/a\tb"), "source"),
        ("type", Value::Null, "type"),
        ("type", json!(["order.placed"]), "type"),
        ("type", json!("a\u{8}b"), "type"),
        ("type", json!("order.placed "), "type"),
        ("subject", json!(""), "subject"),
        ("subject", json!("a\r\nb"), "subject"),
        ("subject", json!("\u{2003}a"), "subject"),
        ("subject", json!({"a": 1}), "subject"),
        ("time", json!("yesterday"), "time"),
        ("time", json!("2021-01-01"), "time"),
        ("time", json!("2021-01-01 00:00:00Z"), "time"),
        ("time", json!("2021-13-01T00:00:00Z"), "time"),
        ("time", json!("2021-01-01T25:00:00Z"), "time"),
        ("time", json!("2021-01-01T00:00:00"), "time"),
        ("time", json!(1_609_459_200), "time"),
        ("datacontenttype", json!("json"), "datacontenttype"),
        ("datacontenttype", json!("text/plain\r\nx: y"), "datacontenttype"),
        ("dataschema", json!("/relative"), "dataschema"),
        ("dataschema", json!("not a uri"), "dataschema"),
        ("tenant", json!("a\u{FFFF}"), "tenant"),
        ("tenant", json!(1.5), "tenant"),
        ("tenant", json!(3_000_000_000_u64), "tenant"),
        ("tenant", json!([1]), "tenant"),
        ("tenant", json!("x".repeat(4097)), "tenant"),
        ("Tenant", json!("a"), "Tenant"),
        ("tenant-id", json!("a"), "tenant-id"),
        ("ten\u{0}ant", json!("a"), "ten\u{0}ant"),
        ("feedposition", json!("1"), "feedposition"),
        ("feedupdated", json!("2021-01-01T00:00:00Z"), "feedupdated"),
        ("data_base64", json!("e30="), "data"),
        ("data_base64", json!("!"), "data_base64"),
    ] {
        let mut event = order(1);
        event[member] = value.clone();
        if member == "data_base64" && field == "data_base64" {
            event.as_object_mut().unwrap().remove("data");
        }
        let answer = server.post_json(FEED, &event).send().await;
        let problem = answer.expect_problem(422, "invalid-event");
        assert_eq!(problem["field"], field, "{member} {value}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(field), "{problem}");
    }
    assert_nothing_stored(&server).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_refused() {
    let server = ServerProcess::start().await;
    let good = order(1).to_string();
    for body in [
        "",
        "{",
        "null",
        "[]",
        "1",
        "{\"specversion\":\"1.0\"",
        &format!("{good}{good}"),
        &format!("{good},"),
        &good.replace("\"n\":1", "\"n\":"),
        &good.replace("\"n\":1", "'n':1"),
        &good.replace("\"n\":1", "\"n\":NaN"),
        &good.replace("\"n\":1", "\"n\":\"\u{1}\""),
        &format!("\u{FEFF}{good}"),
    ] {
        let answer = server.post(FEED, STRUCTURED, body.to_owned()).send().await;
        answer.expect_problem(400, "bad-request");
    }
    let mut not_utf_8 = good.clone().into_bytes();
    let at = good.find("/shop").unwrap();
    not_utf_8[at] = 0xFF;
    server.post(FEED, STRUCTURED, not_utf_8).send().await.expect_problem(400, "bad-request");
    // A name that stands twice leaves open which one counts.
    let twice = good.replace("\"id\"", "\"id\":\"other\",\"id\"");
    server.post(FEED, STRUCTURED, twice).send().await.expect_problem(422, "invalid-event");
    assert_nothing_stored(&server).await;
}

#[tokio::test]
async fn data_that_claims_to_be_json_and_is_not_is_refused_in_every_form() {
    let server = ServerProcess::start().await;
    let deep = format!("{}{}", "[".repeat(129), "]".repeat(129));
    let bad: [&[u8]; 8] = [
        b"{\"a\":}",
        b"{} {}",
        b"{'a':1}",
        b"NaN",
        b"\"\xFF\"",
        b"\xEF\xBB\xBF{}",
        b"\"\x01\"",
        deep.as_bytes(),
    ];
    for data in bad {
        for media_type in ["application/json", "application/vnd.shop+json", "text/json;a=b"] {
            let binary = server
                .post(FEED, media_type, data.to_vec())
                .header("ce-specversion", "1.0")
                .header("ce-id", "1")
                .header("ce-source", "/shop")
                .header("ce-type", "order.placed");
            let problem = binary.send().await.expect_problem(422, "invalid-event");
            assert_eq!(problem["field"], "data", "{problem}");
        }
        if let Ok(text) = str::from_utf8(data)
            && !text.contains('\u{1}')
        {
            let content = format!("<content type='text/json'>{text}</content>");
            let answer = server.post(FEED, ATOM, entry(&[("content", &content)])).send().await;
            let problem = answer.expect_problem(422, "invalid-event");
            assert_eq!(problem["field"], "data", "{problem}");
        }
    }
    // As a member, deep data is well-formed JSON, and too deep all the same.
    let structured = order(1).to_string().replace("{\"n\":1}", &deep);
    let problem = server.post(FEED, STRUCTURED, structured).send().await;
    assert!(matches!(problem.status.as_u16(), 400 | 422), "{problem:?}");
    assert_nothing_stored(&server).await;
    // What does not claim to be JSON may be anything.
    let text = server
        .post(FEED, "text/plain", "{\"a\":}")
        .header("ce-specversion", "1.0")
        .header("ce-id", "1")
        .header("ce-source", "/shop")
        .header("ce-type", "order.placed");
    text.send().await.expect(201);
}

#[tokio::test]
async fn a_bad_atom_entry_is_refused_and_the_place_is_named() {
    let server = ServerProcess::start().await;
    for (body, status, names) in [
        (String::new(), 400, ""),
        ("not xml".to_owned(), 400, ""),
        ("<entry xmlns='http://www.w3.org/2005/Atom'>".to_owned(), 400, ""),
        ("<entry xmlns='http://www.w3.org/2005/Atom'></feed>".to_owned(), 400, ""),
        (format!("{}<entry/>", entry(&[])), 400, ""),
        (format!("<!DOCTYPE entry [<!ENTITY a 'b'>]>{}", entry(&[])), 400, ""),
        (entry(&[("title", "<title>&undefined;</title>")]), 400, ""),
        (entry(&[("title", "<title>a&#0;b</title>")]), 400, ""),
        (entry(&[("title", "<title>a\u{1}b</title>")]), 400, ""),
        (entry(&[("title", "<title a='1' a='2'>b</title>")]), 400, ""),
        (entry(&[("x", "<x:y/>")]), 400, ""),
        (entry(&[("content", "<content type='application/cbor'>!</content>")]), 422, "content"),
        (
            entry(&[("content", "<content type='application/xml'><a/><b/></content>")]),
            422,
            "content",
        ),
        (entry(&[("content", "<content type='a/b+xml'>a <b/></content>")]), 422, "content"),
        (entry(&[("id", "")]), 422, "id"),
        (entry(&[("author", "")]), 422, "source"),
        (entry(&[("author", "<author><name>my shop</name></author>")]), 422, "source"),
        (entry(&[("published", "<published>yesterday</published>")]), 422, "time"),
        // What has no place in an event.
        (entry(&[("rights", "<rights>mine</rights>")]), 422, "rights"),
        (
            entry(&[("contributor", "<contributor><name>a</name></contributor>")]),
            422,
            "contributor",
        ),
        (entry(&[("foreign", "<y xmlns='urn:x'>z</y>")]), 422, ""),
        ("<feed xmlns='http://www.w3.org/2005/Atom'/>".to_owned(), 422, ""),
        ("<entry/>".to_owned(), 422, ""),
    ] {
        let answer = server.post(FEED, ATOM, body.clone()).send().await;
        assert!(matches!(answer.status.as_u16(), 400 | 422), "{body}: {answer:?}");
        let kind = if status == 400 { "bad-request" } else { "invalid-event" };
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        let problem = answer.expect_problem(status, kind);
        assert!(problem["detail"].as_str().unwrap().contains(names), "{body}: {problem}");
    }
    assert_nothing_stored(&server).await;
    server.post(FEED, ATOM, entry(&[])).send().await.expect(201);
}

#[tokio::test]
async fn a_form_that_there_is_not_is_refused_with_those_that_there_are() {
    let server = ServerProcess::start().await;
    let body = order(1).to_string();
    let mut requests = vec![
        ("no content type", server.request("POST", FEED).body(body.clone())),
        ("gzip", server.post(FEED, STRUCTURED, body.clone()).header("content-encoding", "gzip")),
        ("br", server.post(FEED, ATOM, entry(&[])).header("content-encoding", "br")),
    ];
    for content_type in [
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/cloudevents+xml",
        "application/cloudevents",
        "multipart/form-data; boundary=a",
        "nonsense",
        "",
        "application/cloudevents+json; charset=iso-8859-1",
        "application/atom+xml; charset=utf-16",
    ] {
        requests.push((content_type, server.post(FEED, content_type, body.clone())));
    }
    for (what, request) in requests {
        let answer = request.send().await;
        assert_eq!(answer.status, 415, "{what}: {answer:?}");
        for form in [ATOM, STRUCTURED, BATCH] {
            assert!(answer.header("accept").contains(form), "{what}");
        }
        let problem = answer.expect_problem(415, "unsupported-media-type");
        let accepted = problem["accepted"].as_array().unwrap();
        assert!(accepted.contains(&STRUCTURED.into()), "{what}: {problem}");
    }
    assert_nothing_stored(&server).await;
    let kind = "Application/CloudEvents+JSON ; charset=\"UTF-8\"";
    server.post(FEED, kind, body).send().await.expect(201);
}

#[tokio::test]
async fn bad_header_fields_in_binary_mode_are_refused() {
    let server = ServerProcess::start().await;
    let good = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/shop"),
        ("ce-type", "order.placed"),
    ];
    let post = |fields: &[(&str, &str)]| {
        let request = server.post(FEED, "application/json", "{}");
        fields.iter().fold(request, |request, (name, value)| request.header(name, value)).send()
    };
    for missing in 1..good.len() {
        let fields: Vec<_> = good.into_iter().filter(|it| *it != good[missing]).collect();
        let problem = post(&fields).await.expect_problem(422, "invalid-event");
        assert_eq!(problem["field"], good[missing].0.trim_start_matches("ce-"));
    }
    for (name, value) in [
        ("ce-id", "2"),
        ("ce-subject", "a%00b"),
        ("ce-subject", "%EF%BF%BF"),
        ("ce-subject", "%FF"),
        ("ce-subject", ""),
        ("ce-time", "now"),
        ("ce-datacontenttype", "text/plain"),
        ("ce-data", "x"),
        ("ce-tenant-id", "x"),
        ("ce-feedposition", "1"),
    ] {
        let mut fields = good.to_vec();
        fields.push((name, value));
        let problem = post(&fields).await.expect_problem(422, "invalid-event");
        assert_eq!(problem["field"], name.trim_start_matches("ce-"), "{problem}");
    }
    let mut fields = good.to_vec();
    fields[0].1 = "2.0";
    post(&fields).await.expect_problem(422, "invalid-event");
    assert_nothing_stored(&server).await;
}

#[tokio::test]
async fn a_publish_to_an_unknown_feed_is_not_found() {
    let server = ServerProcess::start().await;
    let answer = server.post_json("/feeds/nothing", &order(1)).send().await;
    answer.expect_problem(404, "not-found");
    // The address of a page is nothing to publish to.
    let page = format!("{}/pages/1", server.folder("orders").await);
    let answer = server.post_json(&page, &order(1)).send().await;
    answer.expect_problem(405, "method-not-allowed");
    assert_eq!(by_tails(&server, "orders").await, []);
}
