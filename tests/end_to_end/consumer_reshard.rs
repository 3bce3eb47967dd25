//! `feed-consumer reshard`: another number of shards, while workers work and while none do.

use std::collections::BTreeMap;

use feed_tests::postgres::Database;
use feed_tests::process::{Ended, Process, run};
use feed_tests::{ServerProcess, Subscription, eventually};
use serde_json::{Value, json};

const CUSTOMERS: u64 = 20;

/// `feed-consumer` with a command and its arguments, on this database.
async fn asked(subscription: &Subscription, database: &str, arguments: &[&str]) -> Ended {
    run(subscription.program(&[arguments, &["--database", database]].concat())).await
}

/// Publishes orders of some customers in turn.
async fn publish(server: &ServerProcess, numbers: std::ops::RangeInclusive<u64>) {
    let events = numbers.map(|n| {
        json!({"specversion": "1.0", "id": format!("order-{n}"), "source": "/shop",
            "type": "order.placed", "subject": format!("customer-{}", n % CUSTOMERS), "data": {"n": n}})
    });
    server.publish("orders", &events.collect::<Vec<_>>()).await;
}

/// The positions that were handled, in their order, by customer.
fn handled(subscription: &Subscription) -> BTreeMap<String, Vec<u64>> {
    let mut handled: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for line in subscription.lines_of("log") {
        let (customer, position) = line.split_once(' ').unwrap();
        handled.entry(customer.to_owned()).or_default().push(position.parse().unwrap());
    }
    handled
}

fn count(subscription: &Subscription) -> usize {
    subscription.lines_of("log").len()
}

/// How many shards there are.
async fn shards(subscription: &Subscription, database: &str) -> usize {
    let status = asked(subscription, database, &["status", "--json"]).await.expect_code(0);
    let value: Value = serde_json::from_str(&status.stdout).unwrap();
    value["subscriptions"][0]["shards"].as_array().unwrap().len()
}

async fn resharded_at_work(database: &str) {
    let server = ServerProcess::with_page_size(10).await;
    publish(&server, 1..=200).await;
    let subscription = Subscription::to(&server, "orders");
    let url = server.url("/feeds/orders").to_string();
    std::fs::write(subscription.file("broken"), "").unwrap();
    // The orders of one customer cannot be handled at first.
    let exec = "if [ $FEED_EVENT_SUBJECT = customer-7 ] && [ -e broken ]; then exit 7; fi; \
                echo $FEED_EVENT_SUBJECT $FEED_EVENT_POSITION >> log";
    let start = || {
        let run = ["run", &url, "--exec", exec, "--shards", "8", "--on-exhausted", "park"];
        let database = ["--database", database];
        Process::start(subscription.program(&[&run[..], &database].concat()))
    };
    let workers = [start(), start()];
    eventually("workers to be at work", async || (count(&subscription) >= 20).then_some(())).await;

    let reshard = async |to: &str| {
        let said = asked(&subscription, database, &["reshard", to, "--yes"]).await.expect_code(0);
        assert!(said.stdout.ends_with(&format!(" has {to} shards.\n")), "{}", said.stdout);
        assert_eq!(shards(&subscription, database).await.to_string(), to);
    };
    reshard("3").await;
    publish(&server, 201..=300).await;
    eventually("workers to go on", async || (count(&subscription) >= 200).then_some(())).await;
    reshard("16").await;
    eventually("the others to be handled", async || (count(&subscription) == 285).then_some(()))
        .await;

    std::fs::remove_file(subscription.file("broken")).unwrap();
    let retry = ["parked", "retry", "--all", "--yes"];
    asked(&subscription, database, &retry).await.expect_code(0);
    eventually("what was parked", async || (count(&subscription) == 300).then_some(())).await;
    for (customer, positions) in handled(&subscription) {
        let number: u64 = customer.strip_prefix("customer-").unwrap().parse().unwrap();
        let own: Vec<_> = (1..=300).filter(|it| it % CUSTOMERS == number).collect();
        assert_eq!(positions, own, "{customer}");
    }
    for worker in workers {
        worker.signal("TERM");
        worker.ended().await.expect_code(0);
    }
}

#[tokio::test]
async fn workers_go_on_with_another_number_of_shards_and_keep_each_subject_in_order_in_sqlite() {
    resharded_at_work("consumer.db").await;
}

#[tokio::test]
async fn workers_go_on_with_another_number_of_shards_and_keep_each_subject_in_order_in_postgresql()
{
    let database = Database::create().await;
    resharded_at_work(database.url()).await;
}

#[tokio::test]
async fn without_workers_it_is_said_when_one_is_needed_and_the_same_command_goes_on() {
    let server = ServerProcess::with_page_size(10).await;
    publish(&server, 1..=40).await;
    let subscription = Subscription::to(&server, "orders");
    std::fs::write(subscription.file("broken"), "").unwrap();
    let exec = "if [ $FEED_EVENT_POSITION = 25 ] && [ -e broken ]; then exit 7; fi; \
                echo $FEED_EVENT_SUBJECT $FEED_EVENT_POSITION >> log";
    let stop = ["--until-idle", "--give-up-after", "100ms", "--on-exhausted", "stop"];
    let arguments = [&["--exec", exec, "--shards", "4"][..], &stop].concat();
    subscription.run(&arguments).await.expect_code(3);
    let reshard = async |arguments: &[&str]| {
        asked(&subscription, "consumer.db", &[&["reshard"], arguments].concat()).await
    };
    reshard(&["2"]).await.expect_refusal(2, &["no terminal", "--yes", "4 shards"]);
    let waits = reshard(&["2", "--yes", "--wait", "3s"]).await.expect_code(1);
    assert!(waits.stdout.contains("no worker lives: start one"), "{}", waits.stdout);
    assert!(waits.stderr.contains("`feed-consumer reshard 2` shows"), "{}", waits.stderr);
    reshard(&["3", "--yes"]).await.expect_refusal(1, &["into 2", "wait until it is done"]);
    std::fs::remove_file(subscription.file("broken")).unwrap();
    let worker = subscription.start(&["--exec", exec]);
    let goes_on = reshard(&["2"]).await.expect_code(0);
    assert!(goes_on.stdout.contains("is being cut into 2 shards already"), "{}", goes_on.stdout);
    assert!(goes_on.stdout.ends_with(" has 2 shards.\n"), "{}", goes_on.stdout);
    eventually("all to be handled", async || (count(&subscription) == 40).then_some(())).await;
    worker.signal("TERM");
    worker.ended().await.expect_code(0);
    subscription.run(&["--print", "--until-idle", "--shards", "2"]).await.expect_code(0);
    let nothing = reshard(&["2"]).await.expect_code(0);
    assert!(nothing.stdout.ends_with("has 2 shards.\nNothing to do.\n"), "{}", nothing.stdout);
    // All stand at the same position, so that nobody is needed.
    let done = reshard(&["5", "--yes"]).await.expect_code(0);
    assert!(done.stdout.ends_with(" has 5 shards.\n"), "{}", done.stdout);
}

#[tokio::test]
async fn what_waits_for_shards_that_are_held_can_be_withdrawn() {
    let server = ServerProcess::with_page_size(10).await;
    publish(&server, 1..=10).await;
    let subscription = Subscription::to(&server, "orders");
    let exec = "echo $FEED_EVENT_SUBJECT $FEED_EVENT_POSITION >> log";
    let worker = subscription.start(&["--exec", exec, "--shards", "4", "--lease", "10m"]);
    eventually("all to be handled", async || (count(&subscription) == 10).then_some(())).await;
    // Nobody on this machine sees that it is gone.
    worker.kill().await;
    let reshard = async |arguments: &[&str]| {
        asked(&subscription, "consumer.db", &[&["reshard"], arguments].concat()).await
    };
    let waits = reshard(&["2", "--yes", "--wait", "0s"]).await.expect_code(1);
    assert!(waits.stderr.contains("4 shards are held yet"), "{}", waits.stderr);
    let table = asked(&subscription, "consumer.db", &["status"]).await.expect_code(0).stdout;
    assert!(table.contains("4 shards are being cut into 2: 4 shards are held yet"), "{table}");
    let withdrawn = reshard(&["4"]).await.expect_code(0);
    assert!(
        withdrawn.stdout.contains("is withdrawn: it keeps its 4 shards"),
        "{}",
        withdrawn.stdout
    );
    let interrupted = Process::start(subscription.program(&[
        "reshard",
        "2",
        "--yes",
        "--database",
        "consumer.db",
    ]));
    interrupted.lines(4).await;
    interrupted.signal("INT");
    let interrupted = interrupted.ended().await.expect_code(1);
    assert!(interrupted.stderr.contains("its workers go on with that"), "{}", interrupted.stderr);
}
