//! `POST /feeds/{feed}`: what is stored, and where.

use feed_protocol::atom;
use feed_tests::events::{ATOM, BATCH, STRUCTURED, order, orders};
use feed_tests::reading::by_tails;
use feed_tests::{Answer, ServerProcess};
use serde_json::{Value, json};

const FEED: &str = "/feeds/orders";

/// An entry as software posts it that knows Atom and nothing of us.
const POSTED: &str = "<entry xmlns='http://www.w3.org/2005/Atom'>\
    <id>urn:uuid:6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a11</id>\
    <title>order.placed</title>\
    <updated>2021-01-01T00:00:00Z</updated>\
    <author><name>/shop</name></author>\
    <content type='text/json'>{\"total\" : \"1.98\"}</content>\
    </entry>";

/// The only event of the feed, as the server shows it.
async fn only_event(server: &ServerProcess) -> feed_protocol::Event {
    let events = by_tails(server, "orders").await;
    assert_eq!(events.len(), 1);
    events.into_iter().next().unwrap().event
}

#[track_caller]
fn assert_created(answer: &Answer, location: &str, content_type: &str) {
    answer.expect_fields(&[
        ("content-type", content_type),
        ("location", location),
        ("content-location", location),
    ]);
}

#[tokio::test]
async fn a_structured_event_is_stored_and_answered_with_its_place() {
    let server = ServerProcess::start().await;
    let inc = server.incarnation("orders").await;
    let mut event = order(1);
    event["time"] = json!("2021-01-01T02:00:00.120+02:00");
    event["tenant"] = json!("blue");
    event["retries"] = json!(-3);
    event["urgent"] = json!(true);
    let answer = server.post_json(FEED, &event).send().await.expect(201);
    assert_created(&answer, &format!("{FEED}/{inc}/entries/1"), STRUCTURED);
    let mut stored = answer.json();
    assert_eq!(stored["feedposition"], "1");
    let updated = stored["feedupdated"].as_str().unwrap().to_owned();
    assert!(chrono::DateTime::parse_from_rfc3339(&updated).is_ok());
    for added in ["feedposition", "feedupdated"] {
        stored.as_object_mut().unwrap().remove(added);
    }
    assert_eq!(stored, event);
    let read = server.get(answer.header("location")).header("accept", STRUCTURED).send().await;
    assert_eq!(read.expect(200).body, answer.body);
}

#[tokio::test]
async fn an_event_in_binary_mode_is_its_header_fields_and_its_body() {
    let server = ServerProcess::start().await;
    let inc = server.incarnation("orders").await;
    let answer = server
        .post(FEED, "text/csv; charset=utf-8", "a,b\r\n1,2\r\n")
        .header("ce-specversion", "1.0")
        .header("CE-Id", "\"a%20%22b%22\"")
        .header("ce-source", "/shop")
        .header("ce-type", "order.placed")
        .header("ce-subject", "gr%C3%BC%C3%9Fe%F0%9F%8E%89")
        .header("ce-time", "2021-01-01T00:00:00Z")
        .header("ce-dataschema", "https://shop.example/order.csv")
        .header("ce-tenant", "blue")
        .send()
        .await
        .expect(201);
    assert_created(&answer, &format!("{FEED}/{inc}/entries/1"), STRUCTURED);
    let event = only_event(&server).await;
    assert_eq!(event.id().as_str(), "a \"b\"");
    assert_eq!(event.subject().unwrap().as_str(), "grüße🎉");
    assert_eq!(event.time().unwrap().as_str(), "2021-01-01T00:00:00Z");
    assert_eq!(event.data_content_type().unwrap().as_str(), "text/csv; charset=utf-8");
    assert_eq!(event.data_schema().unwrap().as_str(), "https://shop.example/order.csv");
    assert_eq!(event.extensions().text("tenant"), Some("blue"));
    assert_eq!(event.data().unwrap().as_ref(), b"a,b\r\n1,2\r\n");
}

#[tokio::test]
async fn an_atom_entry_is_stored_and_answered_as_an_atom_entry() {
    let server = ServerProcess::start().await;
    let inc = server.incarnation("orders").await;
    for content_type in
        [ATOM, "application/atom+xml;type=entry", "Application/Atom+XML; charset=UTF-8"]
    {
        let answer = server.post(FEED, content_type, POSTED).send().await;
        let first = content_type == ATOM;
        let answer = answer.expect(if first { 201 } else { 200 });
        let location = format!("{FEED}/{inc}/entries/1");
        assert_created(&answer, &location, "application/atom+xml; charset=utf-8");
        let entry = atom::read_entry(&answer.body, &atom::Limits::default()).unwrap();
        assert_eq!(entry.iri, "urn:uuid:6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a11");
        assert_eq!(entry.position.unwrap().get(), 1);
        let read = server.get(&location).send().await.expect(200);
        assert_eq!(read.body, answer.body);
    }
    let event = only_event(&server).await;
    assert_eq!(event.id().as_str(), "6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a11");
    assert_eq!(event.source().as_str(), "/shop");
    assert_eq!(event.event_type().as_str(), "order.placed");
    assert_eq!(event.data().unwrap().as_ref(), b"{\"total\" : \"1.98\"}");
}

#[tokio::test]
async fn an_entry_of_one_feed_can_be_posted_to_another() {
    let server = ServerProcess::start().await;
    let mut event = order(1);
    event["causationid"] = json!("order-0");
    event["retries"] = json!(3);
    server.publish("orders", &[event]).await;
    let folder = server.folder("orders").await;
    let entry = server.get(&format!("{folder}/entries/1")).send().await.expect(200);
    server.post("/feeds/customers", ATOM, entry.body).send().await.expect(201);
    let original = by_tails(&server, "orders").await.remove(0).event;
    let copy = by_tails(&server, "customers").await.remove(0).event;
    assert_eq!(copy, original);
}

#[tokio::test]
async fn a_batch_takes_successive_positions_and_says_what_became_of_each() {
    let server = ServerProcess::start().await;
    let inc = server.incarnation("orders").await;
    let place = |n: u64, status: &str| json!({"position": n, "location": format!("{FEED}/{inc}/entries/{n}"), "status": status});
    let answer = server.post_json(FEED, &json!(orders(1..=3))).send().await.expect(201);
    answer.expect_fields(&[("content-type", "application/json")]);
    let created = json!([place(1, "created"), place(2, "created"), place(3, "created")]);
    assert_eq!(answer.json(), created);

    let mixed = json!([order(4), order(2), order(5), order(4)]);
    let answer = server.post_json(FEED, &mixed).send().await.expect(201);
    let expected = json!([
        place(4, "created"),
        place(2, "existing"),
        place(5, "created"),
        place(4, "existing")
    ]);
    assert_eq!(answer.json(), expected);

    let answer = server.post_json(FEED, &json!(orders(1..=2))).send().await.expect(200);
    assert_eq!(answer.json(), json!([place(1, "existing"), place(2, "existing")]));

    // Nothing to store is nothing wrong.
    let answer = server.post(FEED, BATCH, "[]").send().await.expect(200);
    assert_eq!(answer.json(), json!([]));
    assert_eq!(by_tails(&server, "orders").await.len(), 5);
}

#[tokio::test]
async fn one_bad_member_keeps_the_whole_batch_out() {
    let server = ServerProcess::start().await;
    server.publish_orders(1).await;
    let mut conflict = order(1);
    conflict["data"] = json!({"n": 2});
    let mut without_type = order(3);
    without_type.as_object_mut().unwrap().remove("type");
    let mut bad_json = order(3);
    bad_json.as_object_mut().unwrap().remove("data");
    bad_json["data_base64"] = json!("e30gMQ==");
    let mut twin = order(2);
    twin["data"] = json!("another");
    let mut oversized = order(3);
    oversized["data"] = json!("x".repeat(1 << 20));
    for (bad, status, kind, field, position) in [
        (conflict, 409, "event-conflict", None, Some(1)),
        // The other one is of the same batch, and stands nowhere.
        (twin, 409, "event-conflict", None, None),
        (without_type, 422, "invalid-event", Some("type"), None),
        (bad_json, 422, "invalid-event", Some("data"), None),
        (oversized, 413, "too-large", None, None),
        (Value::Null, 400, "bad-request", None, None),
        (json!([]), 400, "bad-request", None, None),
    ] {
        let batch = json!([order(2), bad, order(4)]);
        let answer = server.post_json(FEED, &batch).send().await;
        let problem = answer.expect_problem(status, kind);
        assert_eq!(problem["index"], 1, "{problem}");
        assert_eq!(problem["field"].as_str(), field, "{problem}");
        assert_eq!(problem["position"].as_u64(), position, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("event 1 of the batch"), "{problem}");
    }
    for body in ["[{}, 1]", "{\"a\":1}", "[", "[{}]]", "", "null", "[\"\u{0}\"]"] {
        let answer = server.post(FEED, BATCH, body).send().await;
        assert!(matches!(answer.status.as_u16(), 400 | 422), "{body:?}: {answer:?}");
        let status = answer.status.as_u16();
        answer.expect_problem(status, if status == 400 { "bad-request" } else { "invalid-event" });
    }
    assert_eq!(by_tails(&server, "orders").await.len(), 1, "nothing of a refused batch is stored");
}

#[tokio::test]
async fn the_same_event_again_is_answered_with_its_first_place() {
    let server = ServerProcess::start().await;
    let inc = server.incarnation("orders").await;
    let location = format!("{FEED}/{inc}/entries/1");
    let mut event = order(1);
    event["traceparent"] = json!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let first = server.post_json(FEED, &event).send().await.expect(201);
    server.publish("orders", &orders(2..=5)).await;

    let mut again = event.clone();
    again["traceparent"] = json!("00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-00");
    again["tracestate"] = json!("a=b");
    // The first did not state a time, so this one says nothing against it.
    again["time"] = json!("2021-01-01T00:00:00Z");
    let answer = server.post_json(FEED, &again).send().await.expect(200);
    assert_created(&answer, &location, STRUCTURED);
    assert_eq!(answer.body, first.body, "what was said first stands");

    // In another form it is the same event.
    let binary = server
        .post(FEED, "application/json", "{\"n\":1}")
        .header("ce-specversion", "1.0")
        .header("ce-id", "order-1")
        .header("ce-source", "/shop")
        .header("ce-type", "order.placed")
        .header("ce-subject", "customer-1");
    assert_eq!(binary.send().await.expect(200).header("location"), location);
    assert_eq!(by_tails(&server, "orders").await.len(), 5);
}

#[tokio::test]
async fn the_same_id_with_other_content_is_a_conflict() {
    let server = ServerProcess::start().await;
    let mut event = order(1);
    event["time"] = json!("2021-01-01T00:00:00Z");
    event["dataschema"] = json!("https://shop.example/1");
    event["tenant"] = json!("blue");
    server.post_json(FEED, &event).send().await.expect(201);
    for (member, value) in [
        ("type", json!("order.paid")),
        ("subject", json!("customer-2")),
        ("subject", Value::Null),
        ("time", json!("2021-01-01T00:00:01Z")),
        ("datacontenttype", json!("application/json; charset=utf-8")),
        ("dataschema", json!("https://shop.example/2")),
        ("data", json!({"n": 1, "m": 2})),
        ("data", Value::Null),
        ("tenant", json!("red")),
        ("tenant", Value::Null),
        ("other", json!("x")),
    ] {
        let mut other = event.clone();
        other[member] = value;
        let problem = server.post_json(FEED, &other).send().await;
        let problem = problem.expect_problem(409, "event-conflict");
        assert_eq!(problem["source"], "/shop");
        assert_eq!(problem["id"], "order-1");
        assert_eq!(problem["position"], 1);
        assert!(problem.get("index").is_none(), "it is no batch: {problem}");
        assert!(!problem["detail"].as_str().unwrap().contains("event 0"), "{problem}");
    }
    // JSON that means the same is other bytes.
    let text = event.to_string().replace("{\"n\":1}", "{\"n\": 1}");
    assert_ne!(text, event.to_string());
    server.post(FEED, STRUCTURED, text).send().await.expect_problem(409, "event-conflict");
    // The same instant, written otherwise, is the same time; and another source has other ids.
    let mut same = event.clone();
    same["time"] = json!("2021-01-01T01:00:00.000+01:00");
    server.post_json(FEED, &same).send().await.expect(200);
    let mut elsewhere = event.clone();
    elsewhere["source"] = json!("/branch");
    elsewhere["data"] = json!("other");
    server.post_json(FEED, &elsewhere).send().await.expect(201);
    server.post_json("/feeds/customers", &elsewhere).send().await.expect(201);
    assert_eq!(by_tails(&server, "orders").await.len(), 2);
}

#[tokio::test]
async fn an_expected_version_is_an_optimistic_lock_on_one_subject() {
    let server = ServerProcess::start().await;
    let about = |n: u64| {
        let mut event = order(n);
        event["subject"] = json!("customer-1");
        event
    };
    let post = |event: Value, version: &str| {
        server.post_json(FEED, &event).header("expected-version", version).send()
    };
    post(about(1), "0").await.expect(201);
    let problem = post(about(2), "0").await.expect_problem(412, "version-mismatch");
    assert_eq!((&problem["expected"], &problem["actual"]), (&json!(0), &json!(1)));
    post(about(2), "1").await.expect(201);
    let problem = post(about(3), "7").await.expect_problem(412, "version-mismatch");
    assert_eq!((&problem["expected"], &problem["actual"]), (&json!(7), &json!(2)));
    // Other subjects do not count, and a publish can be tried again.
    server.publish("orders", &[order(2000)]).await;
    post(about(2), "1").await.expect(200);
    post(about(1), "0").await.expect(200);
    let mut changed = about(1);
    changed["data"] = json!(0);
    post(changed, "2").await.expect_problem(409, "event-conflict");
    // All of a batch, or nothing.
    let batch = json!([about(3), about(4)]);
    post(batch.clone(), "1").await.expect_problem(412, "version-mismatch");
    post(batch.clone(), "2").await.expect(201);
    post(batch, "2").await.expect(200);
    post(json!([about(5), order(6)]), "4").await.expect_problem(422, "invalid-event");
    let mut without_subject = order(7);
    without_subject.as_object_mut().unwrap().remove("subject");
    post(without_subject, "0").await.expect_problem(422, "invalid-event");
    for bad in ["", "-1", "one", "1.0", "99999999999999999999"] {
        post(about(9), bad).await.expect_problem(400, "bad-request");
    }
    assert_eq!(by_tails(&server, "orders").await.len(), 5);
}

#[tokio::test]
async fn one_of_many_who_expect_the_same_version_gets_it() {
    let server = ServerProcess::start().await;
    let attempts = (1..=16).map(|n| {
        let mut event = order(n);
        event["subject"] = json!("customer-1");
        server.post_json(FEED, &event).header("expected-version", "0").send()
    });
    let answers = futures_util::future::join_all(attempts).await;
    let count = |status: u16| answers.iter().filter(|it| it.status == status).count();
    assert_eq!((count(201), count(412)), (1, 15));
    assert_eq!(by_tails(&server, "orders").await.len(), 1);
}

#[tokio::test]
async fn every_event_has_an_iri_of_its_own_that_no_host_shaped() {
    let server = ServerProcess::start().await;
    let uuid = "6f0e9fbd-4f0c-4d2b-8d7e-3d6f1d1f0a11";
    let publish = async |source: &str, id: &str| {
        let event =
            json!({"specversion": "1.0", "id": id, "source": source, "type": "order.placed"});
        server.post_json(FEED, &event).header("host", "evil.example").send().await.expect(201);
    };
    publish("/shop", uuid).await;
    publish("/branch", uuid).await;
    publish("/shop", &uuid.to_uppercase()).await;
    publish("/shop", "1").await;
    publish("/shop", "ü:1").await;
    let request = server.get(&format!("{}/after/0", server.folder("orders").await));
    let document = request.header("host", "evil.example").send().await.expect(200);
    assert!(!document.text().contains("evil.example"));
    let iris: Vec<_> = document.atom().entries.into_iter().map(|it| it.iri).collect();
    assert_eq!(iris[0], format!("urn:uuid:{uuid}"));
    assert!(iris[1..].iter().all(|iri| iri.starts_with("tag:")), "{iris:?}");
    let mut distinct = iris.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 5, "{iris:?}");
}

#[tokio::test]
async fn publishes_from_many_at_once_take_each_position_once() {
    let server = ServerProcess::start().await;
    let publishers = (0..32_u64).map(|publisher| {
        let server = &server;
        async move {
            for n in 0..10 {
                server.publish_one("orders", &order(publisher * 10 + n)).await;
            }
        }
    });
    futures_util::future::join_all(publishers).await;
    let events = by_tails(&server, "orders").await;
    let mut numbers: Vec<_> = events.iter().map(|it| it.event.id().as_str().to_owned()).collect();
    numbers.sort();
    numbers.dedup();
    assert_eq!((events.len(), numbers.len()), (320, 320));
    // Each publisher waited for its answers, so its events stand in its order.
    for publisher in 0..32_u64 {
        let own = (0..10).map(|n| format!("order-{}", publisher * 10 + n));
        let places = own.map(|id| events.iter().position(|it| it.event.id().as_str() == id));
        assert!(places.collect::<Vec<_>>().is_sorted());
    }
}
