//! `--repair`: a command mends parked events, or leaves them to a person.

use feed_tests::postgres::Database;
use feed_tests::process::{Process, run};
use feed_tests::{ServerProcess, Subscription, eventually};
use serde_json::{Value, json};

/// A server with orders of three customers in turn, of which the second's first has a total that is
/// text.
async fn server() -> ServerProcess {
    let server = ServerProcess::with_page_size(10).await;
    let events = (1..=12).map(|n| {
        let total = if n == 2 { json!("12") } else { json!(12) };
        json!({"specversion": "1.0", "id": format!("order-{n}"), "source": "/shop",
            "type": "order.placed", "subject": format!("customer-{}", n % 3),
            "data": {"total": total}})
    });
    server.publish("orders", &events.collect::<Vec<_>>()).await;
    server
}

/// Notes the position of an order whose total is a number, and fails with any other.
const EXEC: &str = "grep -q '\"total\":12}' && echo $FEED_EVENT_POSITION >> log";

/// Makes a number of the total.
const MEND: &str = r#"sed -e 's/.*"event":\(.*\),"edited":.*/\1/' -e 's/"total":"12"/"total":12/'"#;

fn start(server: &ServerProcess, subscription: &Subscription, arguments: &[&str]) -> Process {
    let url = server.url("/feeds/orders").to_string();
    let run = ["run", &url, "--exec", EXEC];
    Process::start(subscription.program(&[&run, arguments].concat()))
}

fn handled(subscription: &Subscription) -> Vec<u64> {
    subscription.lines_of("log").iter().map(|line| line.parse().unwrap()).collect()
}

/// What is on record about the order that failed.
async fn record(subscription: &Subscription, database: &str) -> Vec<Value> {
    let show = ["parked", "show", "2", "--json", "--database", database];
    let shown = run(subscription.program(&show)).await;
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap_or_default();
    shown["record"].as_array().cloned().unwrap_or_default()
}

async fn mends(database: &str) {
    let server = server().await;
    let subscription = Subscription::to(&server, "orders");
    let consumer =
        start(&server, &subscription, &["--database", database, "--repair", MEND, "--until-idle"]);
    consumer.ended().await.expect_code(0);
    let mut handled = handled(&subscription);
    let of_customer: Vec<_> = handled.iter().copied().filter(|it| it % 3 == 2).collect();
    assert_eq!(of_customer, [2, 5, 8, 11]);
    handled.sort_unstable();
    assert_eq!(handled, (1..=12).collect::<Vec<_>>());
    let list = run(subscription.program(&["parked", "list", "--database", database])).await;
    assert!(list.stdout.starts_with("No event is parked"), "{}", list.stdout);
}

#[tokio::test]
async fn a_command_mends_what_is_parked_in_sqlite() {
    mends("consumer.db").await;
}

#[tokio::test]
async fn a_command_mends_what_is_parked_in_postgresql() {
    let database = Database::create().await;
    mends(database.url()).await;
}

/// That the others go on, and that what the command left is a person's, with the reason.
async fn leaves(database: &str, arguments: &[&str], reason: &str) {
    let server = server().await;
    let subscription = Subscription::to(&server, "orders");
    let consumer = start(&server, &subscription, &[&["--database", database], arguments].concat());
    eventually("the others to be handled", async || {
        (handled(&subscription).len() == 8).then_some(())
    })
    .await;
    let left = eventually("it to be left to a person", async || {
        let record = record(&subscription, database).await;
        record.into_iter().find(|it| it["what"] == "left")
    })
    .await;
    assert_eq!(left["who"], "repair hook");
    assert!(left["why"].as_str().unwrap().contains(reason), "{left}");
    consumer.signal("TERM");
    consumer.ended().await.expect_code(0);
    assert!(handled(&subscription).iter().all(|it| it % 3 != 2));
}

#[tokio::test]
async fn a_command_that_hangs_is_killed_and_leaves_it_to_a_person() {
    let hangs = ["--repair", "sleep 1000 | sleep 1000", "--repair-deadline", "500ms"];
    leaves("consumer.db", &hangs, "500ms").await;
    let database = Database::create().await;
    leaves(database.url(), &hangs, "500ms").await;
}

#[tokio::test]
async fn a_command_that_fails_or_answers_nonsense_leaves_it_to_a_person() {
    for (command, reason) in [
        ("echo 'ask ann' >&2; exit 10", "ask ann"),
        ("echo mended", "no CloudEvent"),
        (
            "sed -e 's/.*\"event\":\\(.*\\),\"edited\":.*/\\1/' -e s/customer-2/customer-1/",
            "subject",
        ),
    ] {
        leaves("consumer.db", &["--repair", command], reason).await;
    }
}

#[tokio::test]
async fn a_worker_that_ends_takes_its_repair_command_with_it() {
    let server = server().await;
    let subscription = Subscription::to(&server, "orders");
    let consumer = start(&server, &subscription, &["--repair", "echo $$ >> pid; exec sleep 1000"]);
    let pid = eventually("the command to begin", async || {
        subscription.lines_of("pid").into_iter().next()
    })
    .await;
    consumer.signal("TERM");
    consumer.ended().await.expect_code(0);
    let process = std::path::PathBuf::from(format!("/proc/{pid}/cmdline"));
    eventually("the command to be gone", async || {
        let alive = std::fs::read(&process).is_ok_and(|it| !it.is_empty());
        (!alive).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_repair_command_where_nothing_is_parked_is_refused() {
    let server = server().await;
    let subscription = Subscription::to(&server, "orders");
    let refused =
        subscription.run(&["--print", "--on-exhausted", "stop", "--repair", "true"]).await;
    refused.expect_refusal(2, &["--repair", "FEED_CONSUMER_REPAIR", "on_exhausted"]);
}
