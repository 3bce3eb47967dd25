//! `GET /feeds/{feed}/{inc}/after/{position}` and `GET /feeds/{feed}/{inc}/at?time=`

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use feed_tests::events::{BATCH, order, typed};
use feed_tests::reading::{by_pages, by_tails, path_of, range};
use feed_tests::{ServerOptions, ServerProcess};
use serde_json::{Value, json};

use crate::wire_current::{assert_plain_etag, links, sorted_atom_links, sorted_links};

#[tokio::test]
async fn the_tail_is_oldest_first_and_leads_on() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(7).await;
    let inc = server.incarnation("orders").await;
    let folder = server.folder("orders").await;
    for (after, positions) in [
        (0, vec![1, 2, 3]),
        (1, vec![2, 3, 4]),
        (3, vec![4, 5, 6]),
        (5, vec![6, 7]),
        (6, vec![7]),
        (7, vec![]),
    ] {
        let last = positions.last().copied().unwrap_or(after);
        let answer = server.get(&format!("{folder}/after/{after}")).send().await.expect(200);
        answer.expect_fields(&[
            ("content-type", "application/atom+xml; charset=utf-8"),
            ("etag", "*"),
            ("last-modified", "*"),
            ("cache-control", "no-cache"),
            ("vary", "Prefer, Accept, Accept-Encoding"),
            ("feed-range", &format!("{}-{last}", after + 1)),
            ("feed-cursor", &format!("{inc}:{last}")),
            ("link", "*"),
            ("x-content-type-options", "nosniff"),
        ]);
        assert_plain_etag(answer.header("etag"), &inc);
        assert_eq!(answer.atom_positions(), positions);
        let expected = links([
            ("current", "../../../orders"),
            ("previous", &format!("../after/{last}")),
            ("self", &format!("../after/{after}")),
        ]);
        assert_eq!(sorted_links(&answer), expected);
        assert_eq!(sorted_atom_links(&answer), expected);
        assert!(!answer.atom().archive);
        let batch = server.get(&format!("{folder}/after/{after}")).header("accept", BATCH);
        let batch = batch.send().await.expect(200);
        assert_eq!(batch.batch_positions(), positions);
        assert_eq!(batch.header("feed-range"), answer.header("feed-range"));
        assert_eq!(batch.header("link"), answer.header("link"));
    }
}

#[tokio::test]
async fn following_previous_reads_everything_once_and_in_order() {
    let server = ServerProcess::with_page_size(7).await;
    server.publish_orders(100).await;
    let by_tails = by_tails(&server, "orders").await;
    assert_eq!(by_tails.len(), 100);
    assert_eq!(by_tails, by_pages(&server, "orders").await);
    for (n, recorded) in (1..).zip(&by_tails) {
        assert_eq!(recorded.event.id().as_str(), format!("order-{n}"));
    }
}

#[tokio::test]
async fn beyond_the_head_is_a_conflict_and_never_an_empty_answer() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(4).await;
    let folder = server.folder("orders").await;
    for after in ["5", "6", "1000", "9007199254740993"] {
        let answer = server.get(&format!("{folder}/after/{after}")).send().await;
        let problem = answer.expect_problem(409, "beyond-head");
        assert_eq!(problem["head"], 4);
    }
    for after in ["04", "+4", "-1", "a", "4.0", "%20", "99999999999999999999"] {
        let answer = server.get(&format!("{folder}/after/{after}")).send().await;
        answer.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_filtered_tail_moves_its_reader_past_what_it_does_not_show() {
    let server = ServerProcess::with_page_size(3).await;
    let types = ["a", "b", "b", "b", "b", "b", "b", "a"];
    let events: Vec<_> = (1..).zip(types).map(|(n, name)| typed(name, n)).collect();
    server.publish("orders", &events).await;
    let mut address = format!("{}/after/0?type=a", server.folder("orders").await);
    let mut seen = Vec::new();
    let mut covered = 0;
    loop {
        let answer = server.get(&address).send().await.expect(200);
        let (first, last) = range(&answer);
        assert_eq!(first, covered + 1);
        if last < first {
            break;
        }
        covered = last;
        seen.extend(answer.atom_positions());
        address = path_of(&answer.link("previous")).to_owned();
        assert!(address.ends_with("?type=a"), "{address}");
    }
    assert_eq!((seen, covered), (vec![1, 8], 8));
}

#[tokio::test]
async fn a_tail_of_much_data_ends_early_and_still_leads_everywhere() {
    let server = ServerProcess::start().await;
    let text = "x".repeat((1 << 20) - 2);
    for n in 1..=11 {
        let mut event = order(n);
        event["data"] = json!(text);
        server.publish_one("orders", &event).await;
    }
    let folder = server.folder("orders").await;
    let answer = server.get(&format!("{folder}/after/0")).header("accept", BATCH).send().await;
    let shown = answer.expect(200).batch_positions();
    assert!((8..=9).contains(&shown.len()), "more than 8 MiB end a tail: {shown:?}");
    assert_eq!(by_tails(&server, "orders").await.len(), 11);
}

#[tokio::test]
async fn another_incarnation_is_gone_and_the_present_one_is_named() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(4).await;
    let inc = server.incarnation("orders").await;
    for rest in [
        "after/0",
        "after/99",
        "pages/1",
        "pages/99",
        "entries/1",
        "entries/1/data",
        "at?time=2030-01-01T00:00:00Z",
    ] {
        let answer = server.get(&format!("/feeds/orders/anotherlife/{rest}")).send().await;
        let url = answer.url.clone();
        let problem = answer.expect_problem(410, "incarnation-gone");
        assert_eq!(problem["incarnation"], inc);
        let current = url.join(problem["current"].as_str().unwrap()).unwrap();
        assert_eq!(current.path(), "/feeds/orders");
        server.get(current.path()).send().await.expect(200);
        // What can be no incarnation was never one.
        for never in ["abc", "ANOTHERLIFE", "another-life", &"a".repeat(33)] {
            let answer = server.get(&format!("/feeds/orders/{never}/{rest}")).send().await;
            answer.expect_problem(404, "not-found");
        }
    }
}

#[tokio::test]
async fn a_time_leads_to_the_tail_after_what_was_accepted_before_it() {
    let server = ServerOptions::default().page_size(3).start().await;
    for n in 1..=5 {
        server.publish_one("orders", &order(n)).await;
    }
    let folder = server.folder("orders").await;
    let times: Vec<DateTime<Utc>> =
        by_tails(&server, "orders").await.iter().map(|it| it.updated).collect();
    assert!(times.is_sorted());
    let accepted_before = |time: DateTime<Utc>| times.iter().filter(|it| **it < time).count();
    let mut probes = vec![times[0] - Duration::days(10_000), times[4] + Duration::days(10_000)];
    for time in &times {
        probes.extend([
            *time,
            *time + Duration::microseconds(1),
            *time - Duration::microseconds(1),
        ]);
    }
    for probe in probes {
        let expected = format!("{folder}/after/{}", accepted_before(probe));
        let utc = probe.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        // The same instant as people east of Greenwich write it.
        let east = chrono::FixedOffset::east_opt(2 * 3600).unwrap();
        let east = probe.with_timezone(&east).to_rfc3339().replace('+', "%2B");
        for time in [utc, east] {
            let answer = server.get(&format!("{folder}/at?time={time}")).send().await.expect(307);
            assert_eq!(answer.header("location"), expected, "{time}");
            assert_eq!(answer.header("cache-control"), "no-cache");
            server.get(answer.header("location")).send().await.expect(200);
        }
    }
    let filtered = format!("{folder}/at?time=2000-01-01T00:00:00Z&type=order.placed");
    let answer = server.get(&filtered).send().await.expect(307);
    assert_eq!(answer.header("location"), format!("{folder}/after/0?type=order.placed"));
    for bad in ["", "?time=", "?time=yesterday", "?time=2021-01-01", "?Time=2021-01-01T00:00:00Z"] {
        let answer = server.get(&format!("{folder}/at{bad}")).send().await;
        answer.expect_problem(400, "bad-request");
    }
}

#[tokio::test]
async fn an_event_is_accepted_no_earlier_than_the_one_before_it() {
    let server = ServerProcess::start().await;
    server.publish_orders(300).await;
    let events = by_tails(&server, "orders").await;
    assert!(events.is_sorted_by_key(|it| it.updated));
    let answer = server.get("/feeds/orders").header("accept", BATCH).send().await.expect(200);
    assert_eq!(answer.json().as_array().map(Vec::len), Some(100));
    assert!(answer.json()[0]["feedupdated"].as_str().is_some_and(|it| it.ends_with('Z')));
    assert_eq!(answer.json()[0]["time"], Value::Null, "no time is invented for an event");
}
