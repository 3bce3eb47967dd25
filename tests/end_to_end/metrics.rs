//! `GET /metrics`: the list that docs/METRICS.md promises, and that it counts what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use feed_tests::events::{order, orders};
use feed_tests::sse::EventStream;
use feed_tests::{ServerOptions, ServerProcess, eventually};
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};

/// A metric that is shown: its type, and the names of its labels where it has samples.
type Shown = BTreeMap<String, (String, BTreeSet<String>)>;

async fn text(server: &ServerProcess) -> String {
    let answer = server.get("/metrics").send().await.expect(200);
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.header("content-type"), media_type);
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.text()
}

/// The value of a sample, by its name and labels as they are written.
fn value(text: &str, sample: &str) -> Option<f64> {
    let found = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    found.map(|value| value.parse().unwrap())
}

/// What a server shows, under the names that its samples have.
fn shown(text: &str) -> Shown {
    let mut shown = Shown::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let suffix = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let (name, samples) = (format!("{name}{suffix}"), format!("{name}{suffix}"));
        let samples = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(&samples)?;
            let rest = rest.strip_prefix("_bucket").unwrap_or(rest);
            rest.strip_prefix('{')?.rsplit_once('}')
        });
        let labels = samples.flat_map(|(labels, _)| labels.split(','));
        let labels = labels.filter_map(|label| Some(label.split_once('=')?.0.to_owned()));
        shown.insert(name, (kind.to_owned(), labels.filter(|label| label != "le").collect()));
    }
    shown
}

/// What the document lists.
fn listed() -> Shown {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/METRICS.md");
    let document = std::fs::read_to_string(path).unwrap();
    let rows = document.lines().filter(|line| line.starts_with("| `feed_server_"));
    let listed = rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let labels = cells[3].split(", ").filter(|label| !label.is_empty());
        let labels = labels.map(|label| label.trim_matches('`').to_owned());
        (cells[1].trim_matches('`').to_owned(), (cells[2].to_owned(), labels.collect()))
    });
    listed.collect()
}

#[tokio::test]
async fn the_list_of_metrics_is_what_is_shown() {
    let server = ServerProcess::start().await;
    server.publish_orders(1).await;
    server.get("/feeds/orders").send().await.expect(200);
    let text = text(&server).await;
    assert_eq!(shown(&text), listed());
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn requests_publishes_and_documents_are_counted() {
    let server = ServerProcess::with_page_size(2).await;
    server.publish("orders", &orders(1..=3)).await;
    server.post_json("/feeds/orders", &order(1)).send().await.expect(200);
    let other = {
        let mut other = order(1);
        other["data"] = Value::from("something else");
        other
    };
    server.post_json("/feeds/orders", &other).send().await.expect(409);
    let page = format!("{}/pages/1", server.folder("orders").await);
    for _ in 0..3 {
        server.get(&page).send().await.expect(200);
    }
    server.get("/nowhere/at/all").send().await.expect(404);
    server.request("DELETE", "/feeds/orders").send().await.expect(405);
    let text = text(&server).await;
    let sample = |name: &str| value(&text, &format!("feed_server_{name}")).unwrap_or(-1.0);
    for (name, expected) in [
        (
            "requests_total{route=\"/feeds/{feed}/{incarnation}/pages/{page}\",method=\"GET\",status=\"200\"}",
            3.0,
        ),
        ("request_seconds_count{route=\"/feeds/{feed}/{incarnation}/pages/{page}\"}", 3.0),
        ("requests_total{route=\"/feeds/{feed}\",method=\"POST\",status=\"409\"}", 1.0),
        ("requests_total{route=\"/feeds/{feed}\",method=\"other\",status=\"405\"}", 1.0),
        ("requests_total{route=\"none\",method=\"GET\",status=\"404\"}", 1.0),
        ("publishes_total{outcome=\"created\"}", 1.0),
        ("publishes_total{outcome=\"existing\"}", 1.0),
        ("publishes_total{outcome=\"conflict\"}", 1.0),
        ("commit_events_sum", 5.0),
        ("commit_seconds_count", 3.0),
        ("publishes_waiting", 0.0),
        ("feed_head{feed=\"orders\"}", 3.0),
        ("feed_head{feed=\"customers\"}", 0.0),
    ] {
        assert!((sample(name) - expected).abs() < 1e-9, "{name}: {} in {text}", sample(name));
    }
    assert!(sample("page_cache_hits_total") >= 2.0, "{text}");
    assert!(sample("page_cache_misses_total") >= 1.0, "{text}");
    assert!(sample("page_cache_bytes") > 1000.0, "{text}");
}

#[tokio::test]
async fn those_who_wait_are_counted_while_they_do_and_not_in_the_times() {
    let server = ServerProcess::start().await;
    let tail = format!("{}/after/0", server.folder("orders").await);
    let stream = EventStream::open(server.get("/feeds/orders")).await;
    let waiting = tokio::spawn(server.get(&tail).header("prefer", "wait=30").send());
    eventually("the long poll", async || {
        let text = text(&server).await;
        let open = |what: &str| value(&text, &format!("feed_server_{what}_open"));
        (open("streams") == Some(1.0) && open("long_polls") == Some(1.0)).then_some(())
    })
    .await;
    drop(stream);
    server.publish_orders(1).await;
    waiting.await.unwrap().expect(200);
    let text = text(&server).await;
    assert_eq!(value(&text, "feed_server_long_polls_open"), Some(0.0));
    let route = "{route=\"/feeds/{feed}/{incarnation}/after/{position}\"";
    assert_eq!(value(&text, &format!("feed_server_request_seconds_count{route}}}")), None);
    let requests = format!("feed_server_requests_total{route},method=\"GET\",status=\"200\"}}");
    assert_eq!(value(&text, &requests), Some(1.0));
    // A stream whose client has gone away is noticed when the next bytes are sent to it.
    let mut last = 1;
    eventually("the stream to end", async || {
        last += 1;
        server.publish_one("orders", &order(last)).await;
        let text = self::text(&server).await;
        (value(&text, "feed_server_streams_open") == Some(0.0)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn one_who_waits_in_vain_is_not_in_the_times_either() {
    let server = ServerProcess::start().await;
    server.publish_orders(1).await;
    let tail = format!("{}/after/1", server.folder("orders").await);
    let waiting = tokio::spawn(server.get(&tail).header("prefer", "wait=30").send());
    eventually("the long poll", async || {
        let text = text(&server).await;
        (value(&text, "feed_server_long_polls_open") == Some(1.0)).then_some(())
    })
    .await;
    // A head that lies where no event is, as a bad disk may have it.
    let file = format!("sqlite:{}", server.database().display());
    let mut connection = SqliteConnection::connect(&file).await.unwrap();
    sqlx::raw_sql("UPDATE feed_feeds SET head_position = 2 WHERE name = 'orders'")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let answer = waiting.await.unwrap();
    answer.expect_problem(500, "internal");
    let text = text(&server).await;
    let route = "{route=\"/feeds/{feed}/{incarnation}/after/{position}\"";
    let requests = format!("feed_server_requests_total{route},method=\"GET\",status=\"500\"}}");
    assert_eq!(value(&text, &requests), Some(1.0));
    assert_eq!(value(&text, &format!("feed_server_request_seconds_count{route}}}")), None);
}

#[tokio::test]
async fn a_log_as_json_has_an_object_a_line() {
    let server = ServerOptions::default().argument("--log-format").argument("json").start().await;
    let ended = server.stop().await.expect_code(0);
    assert!(ended.stderr.contains("shutting down"), "{}", ended.stderr);
    for line in ended.stderr.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
    }
}
