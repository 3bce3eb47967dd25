//! A consumer that is killed: nothing is lost, and no more than the window is repeated.

use feed_tests::consumer::position_in;
use feed_tests::events::orders;
use feed_tests::process::Process;
use feed_tests::random::seeded;
use feed_tests::{ServerProcess, Subscription, eventually};
use rand::RngExt;

/// How many events `--print` may repeat after a kill.
const WINDOW: u64 = 100;
const KILLS: u64 = 6;

/// That the runs together saw 1 to `count`: each run without a gap, and beginning at most `window`
/// before the end of what was seen. Returns how many were repeated.
#[track_caller]
fn assert_nothing_lost(runs: &[Vec<u64>], count: u64, window: u64) -> u64 {
    let (mut seen, mut repeated) = (0, 0);
    for (number, run) in runs.iter().enumerate() {
        let Some(first) = run.first().copied() else { continue };
        assert!(first <= seen + 1, "run {number} leaves out {} to {first}", seen + 1);
        let again = seen + 1 - first;
        assert!(again <= window, "run {number} repeats {again}");
        repeated += again;
        let expected: Vec<_> = (first..first + run.len() as u64).collect();
        assert_eq!(*run, expected, "run {number} is not in order");
        seen = seen.max(first + run.len() as u64 - 1);
    }
    assert_eq!(seen, count);
    repeated
}

#[tokio::test]
async fn a_killed_consumer_that_prints_loses_nothing_and_repeats_at_most_w() {
    let mut random = seeded();
    let server = ServerProcess::with_page_size(30).await;
    let subscription = Subscription::to(&server, "orders");
    let mut published = 0;
    let mut publish = async |count: u64| {
        server.publish("orders", &orders(published + 1..=published + count)).await;
        published += count;
        published
    };
    publish(500).await;
    let mut seen = 0_u64;
    let mut runs = Vec::new();
    for run in 0..KILLS {
        let file = format!("run-{run}");
        let consumer =
            Process::start(subscription.command_into(&file, &["--print", "--shards", "1"]));
        // Killed while it catches up, and while it follows the end.
        let goal = random.random_range(1..300);
        let mut total = publish(20).await;
        eventually("some events to be printed", async || {
            total = publish(random.random_range(1..5)).await;
            let printed = subscription.lines_of(&file).len() as u64;
            let end = subscription.lines_of(&file).last().map_or(0, |line| position_in(line));
            (printed >= goal || end == total).then_some(())
        })
        .await;
        consumer.kill().await;
        let positions: Vec<_> =
            subscription.lines_of(&file).iter().map(|line| position_in(line)).collect();
        seen = seen.max(positions.last().copied().unwrap_or_default());
        runs.push(positions);
    }
    let total = publish(10).await;
    runs.push(subscription.drain_positions().await);
    let repeated = assert_nothing_lost(&runs, total, WINDOW);
    println!("{seen} of {total} before the last run, {repeated} repeated in {KILLS} kills");
}

#[tokio::test]
async fn a_killed_consumer_that_executes_loses_nothing_and_repeats_at_most_one() {
    let mut random = seeded();
    let server = ServerProcess::with_page_size(30).await;
    server.publish_orders(120).await;
    let subscription = Subscription::to(&server, "orders");
    let mut runs = Vec::new();
    for run in 0..=KILLS {
        let file = format!("run-{run}");
        let exec = format!("echo $FEED_EVENT_POSITION >> {file}");
        let positions = || -> Vec<u64> {
            subscription.lines_of(&file).iter().map(|line| line.parse().unwrap()).collect()
        };
        if run == KILLS {
            subscription.run(&["--exec", &exec, "--until-idle"]).await.expect_code(0);
        } else {
            let consumer = subscription.start(&["--exec", &exec]);
            let goal = random.random_range(1..18);
            eventually("some events to be handled", async || {
                (positions().len() >= goal).then_some(())
            })
            .await;
            for _ in 0..random.random_range(0..200) {
                tokio::task::yield_now().await;
            }
            // Waits for a command that is still running, since that shares the output.
            consumer.kill().await;
        }
        runs.push(positions());
    }
    let repeated = assert_nothing_lost(&runs, 120, 1);
    println!("{repeated} repeated in {KILLS} kills");
}
