//! `feed-server publish`, `import` and `feeds`.

use std::fmt::Write;
use std::path::PathBuf;

use feed_protocol::Recorded;
use feed_tests::process::{Ended, run, run_with_input};
use feed_tests::reading::by_tails;
use feed_tests::{ServerProcess, binaries, eventually};
use serde_json::{Value, json};

async fn publish(server: &ServerProcess, arguments: &[&str]) -> Ended {
    run(server.command(&[&["publish"], arguments].concat())).await
}

async fn import(server: &ServerProcess, arguments: &[&str]) -> Ended {
    run(server.command(&[&["import"], arguments].concat())).await
}

async fn orders(server: &ServerProcess) -> Vec<Recorded> {
    by_tails(server, "orders").await
}

/// A file beside the database.
fn file(server: &ServerProcess, name: &str, text: &str) -> String {
    let path = server.database().with_file_name(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn one_event_is_published_beside_a_running_server() {
    let server = ServerProcess::start().await;
    let placed = ["orders", "--type", "order.placed", "--subject", "order-42", "--source", "/shop"];
    let arguments = [&placed[..], &["--data", " {\"a\": 1}"]].concat();
    let ended = publish(&server, &arguments).await.expect_code(0);
    assert!(ended.stdout.starts_with("created orders 1 "), "{}", ended.stdout);
    // What its process has committed the server shows at once on the tail.
    let events = orders(&server).await;
    let event = &events[0].event;
    assert_eq!(event.event_type().as_str(), "order.placed");
    assert_eq!(event.subject().unwrap().as_str(), "order-42");
    assert_eq!(event.source().as_str(), "/shop");
    assert_eq!(event.data_content_type().unwrap().as_str(), "application/json");
    assert_eq!(event.data().unwrap().as_ref(), b" {\"a\": 1}");
    eventually("the current document to show it", async || {
        let current = server.get("/feeds/orders").send().await.expect(200);
        (current.atom_positions() == [1]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_id_makes_publishing_again_harmless() {
    let server = ServerProcess::start().await;
    let event = ["orders", "--type", "order.placed", "--id", "1", "--data", "1"];
    assert!(publish(&server, &event).await.expect_code(0).stdout.starts_with("created "));
    assert!(publish(&server, &event).await.expect_code(0).stdout.starts_with("existing "));
    let other = ["orders", "--type", "order.placed", "--id", "1", "--data", "2"];
    let refused = publish(&server, &other).await.expect_refusal(1, &["position 1 "]);
    assert!(!refused.stderr.contains("event 0"), "{}", refused.stderr);
    // Without one, each is an event of its own.
    for _ in 0..2 {
        publish(&server, &["orders", "--type", "order.placed"]).await.expect_code(0);
    }
    assert_eq!(orders(&server).await.len(), 3);
}

#[tokio::test]
async fn data_can_come_from_a_file() {
    let server = ServerProcess::start().await;
    let data = file(&server, "data.json", "{\"a\":\r\n1}\n");
    let from_file = format!("@{data}");
    let arguments = ["orders", "--type", "order.placed", "--data", &from_file];
    publish(&server, &arguments).await.expect_code(0);
    assert_eq!(orders(&server).await[0].event.data().unwrap().as_ref(), b"{\"a\":\r\n1}\n");
    let missing = ["orders", "--type", "order.placed", "--data", "@missing.json"];
    publish(&server, &missing).await.expect_refusal(2, &["--data", "missing.json"]);
}

#[tokio::test]
async fn events_can_come_line_by_line() {
    let server = ServerProcess::start().await;
    let cloud_event = json!({"specversion": "1.0", "id": "x", "source": "/y", "type": "z"});
    let input = format!("{{\"n\": 1}}\n\n{cloud_event}\n{{\"n\":2}}");
    let arguments =
        ["publish", "orders", "--type", "order.placed", "--subject", "order-1", "--data", "-"];
    let ended = run_with_input(server.command(&arguments), input.as_bytes()).await.expect_code(0);
    assert_eq!(ended.stdout, "orders: 3 created, 0 existing\n");
    assert_eq!(ended.stderr, "", "no bar where nobody looks");
    let events = orders(&server).await;
    let data = |index: usize| events[index].event.data().map(|it| it.to_vec());
    assert_eq!(data(0).unwrap(), b"{\"n\": 1}");
    assert_eq!(data(1), None);
    assert_eq!(events[1].event.event_type().as_str(), "z");
    assert_eq!(data(2).unwrap(), b"{\"n\":2}");
    assert_eq!(events[2].event.subject().unwrap().as_str(), "order-1");

    let bad = run_with_input(server.command(&arguments), b"{\"n\":3}\n[1]\n").await;
    bad.expect_refusal(1, &["line 2", "nothing is stored"]);
    let arguments = ["publish", "orders", "--data", "-"];
    let bad = run_with_input(server.command(&arguments), b"{\"n\":3}\n").await;
    bad.expect_refusal(1, &["line 1", "--type"]);
}

#[tokio::test]
async fn what_is_no_event_is_refused() {
    let server = ServerProcess::start().await;
    for (arguments, names) in [
        (&["orders", "--data", "{}"][..], &["--type"][..]),
        (&["orders", "--type", "a", "--data", "{"], &["data"]),
        (&["orders", "--type", "a", "--subject", " a"], &["subject"]),
        (&["orders", "--type", "a", "--source", "my shop"], &["source"]),
        (&["nothing", "--type", "a"], &["nothing", "feed-server feeds create nothing"]),
    ] {
        publish(&server, arguments).await.expect_refusal(2, names);
    }
    assert!(orders(&server).await.is_empty());
}

/// The orders that the examples publish: real data, with its own times.
fn real_orders() -> PathBuf {
    binaries::workspace().join("examples/data/orders.jsonl")
}

#[tokio::test]
async fn an_import_keeps_the_original_times_and_can_be_resumed() {
    let server = ServerProcess::start().await;
    let text = std::fs::read_to_string(real_orders()).unwrap();
    let count = text.lines().count();
    // Cut off in the middle of a line, as a file is that is still being written.
    let half: String = text.lines().take(100).map(|line| format!("{line}\n")).collect();
    let half = file(&server, "orders.jsonl", &format!("{half}{{\"orderId\":"));
    let fields = [
        "--type",
        "order.placed",
        "--source",
        "/shop",
        "--id-field",
        "orderId",
        "--subject-field",
        "orderId",
        "--time-field",
        "placedAt",
    ];
    let from = |path: &str| [&["orders", "--from", path], &fields[..]].concat().join("\n");
    let run_import = async |path: &str| {
        let arguments = from(path);
        import(&server, &arguments.split('\n').collect::<Vec<_>>()).await
    };
    run_import(&half).await.expect_refusal(1, &["line 101"]);
    let stored = orders(&server).await.len();
    assert!(stored <= 100);

    let whole = real_orders();
    let whole = whole.to_str().unwrap();
    let ended = run_import(whole).await.expect_code(0);
    let expected = format!("orders: {} created, {stored} existing\n", count - stored);
    assert_eq!(ended.stdout, expected);
    let ended = run_import(whole).await.expect_code(0);
    assert_eq!(ended.stdout, format!("orders: 0 created, {count} existing\n"));

    let events = orders(&server).await;
    assert_eq!(events.len(), count);
    for (line, recorded) in text.lines().zip(&events) {
        let order: Value = serde_json::from_str(line).unwrap();
        let event = &recorded.event;
        assert_eq!(event.id().as_str(), order["orderId"]);
        assert_eq!(event.time().unwrap().as_str(), order["placedAt"]);
        assert_eq!(event.data().unwrap().as_ref(), line.as_bytes());
    }
}

#[tokio::test]
async fn an_import_is_refused_where_ids_conflict_and_the_line_is_named() {
    let server = ServerProcess::start().await;
    let lines = |changed: u64| {
        (1..=1200_u64).fold(String::new(), |mut text, n| {
            let value = if n == changed { 0 } else { n };
            writeln!(text, "{{\"id\":\"{n}\",\"value\":{value}}}").unwrap();
            text
        })
    };
    let arguments = |path| ["orders", "--type", "a", "--id-field", "id", "--from", path];
    let first = file(&server, "first.jsonl", &lines(0));
    import(&server, &arguments(&first)).await.expect_code(0);
    let changed = file(&server, "changed.jsonl", &lines(777));
    let refused = import(&server, &arguments(&changed)).await;
    let refused = refused.expect_refusal(1, &["line 777", "position 777"]);
    assert!(!refused.stderr.contains("event "), "no places but lines: {}", refused.stderr);
    assert_eq!(orders(&server).await.len(), 1200);
    import(&server, &arguments("missing.jsonl")).await.expect_refusal(2, &["missing.jsonl"]);
    let folder = server.database().parent().unwrap().to_str().unwrap().to_owned();
    import(&server, &arguments(&folder)).await.expect_refusal(2, &["--from", &folder]);
    let unknown = ["nothing", "--type", "a", "--from", &first];
    import(&server, &unknown).await.expect_refusal(2, &["feed-server feeds create nothing"]);
}

#[tokio::test]
async fn an_import_that_stops_says_how_much_is_stored_and_can_be_run_again() {
    let server = ServerProcess::start().await;
    let lines = |bad: &str| {
        (1..=1300_u64).fold(String::new(), |mut text, n| {
            let line = format!("{{\"id\":\"{n}\",\"value\":{n}}}");
            writeln!(text, "{}", if n == 1201 { bad } else { &line }).unwrap();
            text
        })
    };
    let large = format!("{{\"id\":\"x\",\"value\":\"{}\"}}", "x".repeat(1 << 20));
    // A bad line, one that is too large, and one that says something else of the first event.
    for (bad, says) in [
        ("[1]", "not a JSON object"),
        (&large, "1048576"),
        ("{\"id\":\"1\",\"value\":0}", "position 1 "),
    ] {
        let path = file(&server, "orders.jsonl", &lines(bad));
        let arguments = ["orders", "--type", "a", "--id-field", "id", "--from", &path];
        let ended = import(&server, &arguments).await;
        let names = ["line 1201", says, "1000 events are stored, up to line 1000", "again"];
        ended.expect_refusal(1, &names);
        assert_eq!(orders(&server).await.len(), 1000);
    }
    let mended = file(&server, "orders.jsonl", &lines("{\"id\":\"1201\"}"));
    let arguments = ["orders", "--type", "a", "--id-field", "id", "--from", &mended];
    let ended = import(&server, &arguments).await.expect_code(0);
    assert_eq!(ended.stdout, "orders: 300 created, 1000 existing\n");
    let bad = file(&server, "bad.jsonl", "[1]\n");
    let arguments = ["orders", "--type", "a", "--id-field", "id", "--from", &bad];
    import(&server, &arguments).await.expect_refusal(1, &["line 1", "nothing is stored"]);
}

#[tokio::test]
async fn lines_of_two_files_are_two_events_whatever_the_files_are_called() {
    let server = ServerProcess::start().await;
    let mut paths = Vec::new();
    for (year, text) in [("2021", "{\"n\":1}\n{}\n"), ("2022", "{\"n\":2}\n{}\n{}\n")] {
        let folder = server.database().with_file_name(year);
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("o.jsonl");
        std::fs::write(&path, text).unwrap();
        paths.push(path.to_str().unwrap().to_owned());
    }
    for (path, counts) in [
        (&paths[0], "2 created, 0 existing"),
        (&paths[0], "0 created, 2 existing"),
        // The second line is the same in both.
        (&paths[1], "2 created, 1 existing"),
    ] {
        let arguments = ["orders", "--type", "a", "--from", path];
        let ended = import(&server, &arguments).await.expect_code(0);
        assert_eq!(ended.stdout, format!("orders: {counts}\n"));
    }
    let help = run(server.command(&["import", "--help"])).await.expect_code(0).stdout;
    assert!(help.contains("a hash of the line"), "{help}");
}

#[tokio::test]
async fn an_option_that_would_have_no_effect_is_refused() {
    let server = ServerProcess::start().await;
    for (arguments, names) in [
        (&["--data", "-", "--id", "k"][..], &["--id", "--id-field"][..]),
        (&["--data", "{}", "--id-field", "id"], &["--id-field", "--data -"]),
        (&["--data", "{}", "--subject-field", "id"], &["--subject-field", "--data -"]),
        (&["--data", "{}", "--time-field", "at"], &["--time-field", "--data -"]),
        (&["--time-field", "at"], &["--time-field", "--data -"]),
        (&["--data", "-", "--subject", "a", "--subject-field", "b"], &["--subject-field"]),
    ] {
        let arguments = [&["orders", "--type", "a"], arguments].concat();
        publish(&server, &arguments).await.expect_refusal(2, names);
    }
    assert!(orders(&server).await.is_empty());
}

#[tokio::test]
async fn feeds_are_listed_and_created() {
    let server = ServerProcess::start().await;
    server.publish_orders(3).await;
    let create =
        |arguments: &[&str]| run(server.command(&[&["feeds", "create"], arguments].concat()));
    create(&["returns", "--page-size", "7"]).await.expect_code(0);
    create(&["returns"]).await.expect_refusal(2, &["returns"]);
    create(&["small", "--page-size", "0"]).await.expect_refusal(2, &["1 to 1000"]);
    let bad = create(&["Bad Name"]).await.expect_code(2);
    assert!(bad.stderr.contains("Bad Name"), "{}", bad.stderr);
    let list = run(server.command(&["feeds", "list"])).await.expect_code(0);
    let inc = server.incarnation("orders").await;
    let row = |feed: &str| -> Vec<String> {
        let row = list.stdout.lines().find(|line| line.starts_with(feed));
        row.unwrap().split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(row("orders")[1..4], ["100", "3", &inc]);
    assert_eq!(row("returns")[1..3], ["7", "0"]);
    assert_eq!(row("customers")[2], "0");
}
