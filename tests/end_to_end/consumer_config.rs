//! `feed-consumer run --config`: several subscriptions in one process.

use feed_tests::consumer::position_in;
use feed_tests::events::orders;
use feed_tests::process::{Ended, Process, run};
use feed_tests::target::{Reply, Target};
use feed_tests::{ServerProcess, Subscription, eventually};

/// A folder with a file of settings, and a server with 20 orders and 5 customers.
struct Setup {
    server: ServerProcess,
    home: Subscription,
}

impl Setup {
    /// With this text as the file, in which `ORDERS` and `CUSTOMERS` are addresses.
    async fn with(text: &str) -> Self {
        let server = ServerProcess::with_page_size(10).await;
        server.publish_orders(20).await;
        server.publish("customers", &orders(1..=5)).await;
        let home = Subscription::to(&server, "orders");
        let setup = Self { server, home };
        setup.write(text);
        setup
    }

    fn write(&self, text: &str) {
        let text = text
            .replace("ORDERS", self.server.url("/feeds/orders").as_str())
            .replace("CUSTOMERS", self.server.url("/feeds/customers").as_str());
        std::fs::write(self.home.file("consumer.toml"), text).unwrap();
    }

    async fn run(&self, arguments: &[&str]) -> Ended {
        run(self.home.program(&[&["run", "--config", "consumer.toml"], arguments].concat())).await
    }

    fn start(&self) -> Process {
        Process::start(self.home.program(&["run", "--config", "consumer.toml"]))
    }

    /// The numbers that a command has written into a file.
    fn numbers(&self, file: &str) -> Vec<u64> {
        self.home.lines_of(file).iter().map(|line| line.parse().unwrap()).collect()
    }
}

#[tokio::test]
async fn each_subscription_of_a_file_handles_its_own_events_with_its_own_cursor() {
    let target = Target::start(|_| Reply::status(200)).await;
    let setup = Setup::with(&format!(
        "[subscriptions.billing]\nurl = 'ORDERS'\ngroup = 'billing'\n\
         exec = 'echo $FEED_EVENT_POSITION >> billing'\n\
         [subscriptions.shop]\nurl = 'ORDERS'\ngroup = 'shop'\nforward = '{}'\n\
         database = 'shop.db'\n\
         [subscriptions.customers]\nurl = 'CUSTOMERS'\nprint = true\n",
        target.url("/")
    ))
    .await;
    for (total, printed) in [(20, 5), (21, 0)] {
        let ended = setup.run(&["--until-idle"]).await.expect_code(0);
        assert_eq!(ended.stdout.lines().map(position_in).count(), printed);
        assert_eq!(setup.numbers("billing"), (1..=total).collect::<Vec<_>>());
        assert_eq!(target.positions(), (1..=total).collect::<Vec<_>>());
        // Whose line of the log it is, each says; also those of the tasks that it starts.
        for name in ["billing", "shop", "customers"] {
            let named = format!("subscription{{name=\"{name}\"}}");
            let ends =
                ended.stderr.lines().filter(|it| it.contains(&named) && it.contains("ended"));
            assert_eq!(ends.count(), 1, "{}", ended.stderr);
        }
        if total == 20 {
            setup.server.publish("orders", &orders(21..=21)).await;
        }
    }
    // Where their cursors are, the file says.
    for (arguments, count) in [
        (&["cursor", "show", "--json", "--config", "consumer.toml"][..], 3),
        (&["cursor", "show", "--json"], 2),
        (&["cursor", "show", "--json", "--database", "shop.db"], 1),
    ] {
        let shown = run(setup.home.program(arguments)).await.expect_code(0).stdout;
        assert_eq!(shown.lines().count(), count, "{shown}");
    }
}

#[tokio::test]
async fn one_that_fails_is_named_and_the_others_are_stopped_after_their_event_in_hand() {
    let setup = Setup::with(
        "[subscriptions.bad]\nurl = 'ORDERS'\ngroup = 'bad'\non_exhausted = 'stop'\n\
         give_up_after = '0s'\n\
         exec = 'while [ ! -e begun ]; do sleep 0.01; done; exit 1'\n\
         [subscriptions.good]\nurl = 'ORDERS'\ngroup = 'good'\n\
         exec = 'touch begun; while [ ! -e go ]; do sleep 0.01; done; echo $FEED_EVENT_POSITION >> log'\n",
    )
    .await;
    let consumer = setup.start();
    consumer.log_line(|line| line.contains("the others are stopped")).await;
    std::fs::write(setup.home.file("go"), "").unwrap();
    let ended = consumer.ended().await.expect_code(3);
    let last = ended.stderr.lines().last().unwrap();
    assert!(last.starts_with("feed-consumer: subscription \"bad\": the event order-1"), "{last}");
    let handled = setup.numbers("log");
    assert!(!handled.is_empty() && handled.len() < 20, "{handled:?}");
    // The cursor of the other one is behind what it has handled.
    setup.write("[subscriptions.good]\nurl = 'ORDERS'\ngroup = 'good'\nprint = true\n");
    let rest = setup.run(&["--until-idle"]).await.expect_code(0);
    let rest: Vec<_> = rest.stdout.lines().map(position_in).collect();
    assert_eq!(rest, (handled.len() as u64 + 1..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_that_cannot_be_read_ends_all_with_its_exit_code() {
    let setup = Setup::with(
        "[subscriptions.gone]\nurl = 'http://127.0.0.1:9/feeds/x'\nprint = true\n\
         give_up_after = '200ms'\n\
         [subscriptions.good]\nurl = 'ORDERS'\nexec = 'echo $FEED_EVENT_POSITION >> log'\n",
    )
    .await;
    let ended = setup.run(&[]).await.expect_code(1);
    let last = ended.stderr.lines().last().unwrap();
    assert!(last.starts_with("feed-consumer: subscription \"gone\": gave up after"), "{last}");
    // By itself: it was not asked to end when it is idle.
    assert!(ended.stderr.contains("another subscription failed"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_signal_ends_all_of_them() {
    let setup = Setup::with(
        "[subscriptions.one]\nurl = 'ORDERS'\nexec = 'echo $FEED_EVENT_POSITION >> one'\n\
         [subscriptions.two]\nurl = 'CUSTOMERS'\nexec = 'echo $FEED_EVENT_POSITION >> two'\n",
    )
    .await;
    let consumer = setup.start();
    eventually("all events to be handled", async || {
        (setup.numbers("one").len() == 20 && setup.numbers("two").len() == 5).then_some(())
    })
    .await;
    consumer.signal("TERM");
    consumer.ended().await.expect_code(0);
    setup.run(&["--until-idle"]).await.expect_code(0);
    assert_eq!((setup.numbers("one").len(), setup.numbers("two").len()), (20, 5));
}

#[tokio::test]
async fn what_is_wrong_in_a_file_is_refused_before_anything_begins() {
    let setup = Setup::with("").await;
    let one = "[subscriptions.a]\nurl = 'ORDERS'\nexec = 'echo x >> log'\n";
    for (text, names) in [
        ("".to_owned(), &["consumer.toml", "no subscription", "config example"][..]),
        (format!("{one}gruop = 'x'\n"), &["consumer.toml, line 4, gruop", "`group`"]),
        (format!("{one}[subscriptions.b]\nurl = 'ORDERS'\nprint = true\n"), &["another group"]),
        (
            format!("{one}[subscriptions.b]\nurl = 'ftp://h/'\nprint = true\n"),
            &["consumer.toml, subscriptions.b, url", "http or https"],
        ),
        (format!("{one}group = ''\n"), &["consumer.toml, subscriptions.a, group", "is not a name"]),
        (format!("{one}database = 'postgres:'\n\n[x"), &["consumer.toml, line 6"]),
    ] {
        setup.write(&text);
        setup.run(&[]).await.expect_refusal(2, names);
        let check = ["config", "check", "--config", "consumer.toml"];
        run(setup.home.program(&check)).await.expect_refusal(2, names);
        assert!(!setup.home.file("log").exists() && !setup.home.file("consumer.db").exists());
    }
    setup.write(one);
    let mut check = setup.home.program(&["config", "check", "--config", "consumer.toml"]);
    check.env("FEED_CONSUMER_GROUP", "x");
    run(check).await.expect_refusal(2, &["FEED_CONSUMER_GROUP", "--config"]);
    setup.run(&["--group", "x"]).await.expect_refusal(2, &["--group", "--config"]);
    let missing = setup.home.program(&["run", "--config", "none.toml"]);
    run(missing).await.expect_refusal(2, &["--config", "none.toml", "config example"]);
    let ok = run(setup.home.program(&["config", "check", "--config", "consumer.toml"])).await;
    assert!(ok.expect_code(0).stdout.starts_with("ok: a would run a command"));
}

#[tokio::test]
async fn the_sample_is_a_file_that_can_be_run() {
    let setup = Setup::with("").await;
    let sample = run(setup.home.program(&["config", "example"])).await.expect_code(0).stdout;
    std::fs::write(setup.home.file("consumer.toml"), sample).unwrap();
    let check = setup.home.program(&["config", "check", "--config", "consumer.toml"]);
    assert_eq!(run(check).await.expect_code(0).stdout.lines().count(), 3);
}
