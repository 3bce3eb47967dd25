//! The same command in several terminals: programs that share a subscription, of which one is killed.

use std::collections::BTreeMap;

use feed_tests::consumer::position_in;
use feed_tests::events::order;
use feed_tests::process::Process;
use feed_tests::{ServerProcess, Subscription, eventually};

/// The files into which three programs print.
const FILES: [&str; 3] = ["first", "second", "third"];

/// How often each event was printed, by its position.
fn printed(subscription: &Subscription, files: &[&str]) -> BTreeMap<u64, usize> {
    let mut times = BTreeMap::new();
    for line in files.iter().flat_map(|file| subscription.lines_of(file)) {
        *times.entry(position_in(&line)).or_default() += 1;
    }
    times
}

/// Publishes orders until each of these programs has printed some of them, and all are printed.
async fn until_all_print(
    server: &ServerProcess,
    subscription: &Subscription,
    published: &mut u64,
    files: &[&str],
) {
    let before: Vec<_> = files.iter().map(|file| subscription.lines_of(file).len()).collect();
    eventually("each program to print some events", async || {
        let events = (*published + 1..=*published + 50).map(|n| {
            let mut event = order(n);
            event["subject"] = format!("order-{n}").into();
            event
        });
        server.publish("orders", &events.collect::<Vec<_>>()).await;
        *published += 50;
        let all = *published;
        eventually("all events to be printed", async || {
            (printed(subscription, &FILES).len() as u64 == all).then_some(())
        })
        .await;
        let now = files.iter().map(|file| subscription.lines_of(file).len());
        before.iter().zip(now).all(|(before, now)| *before < now).then_some(())
    })
    .await;
}

#[tokio::test]
async fn programs_with_the_same_command_share_the_events_and_lose_none_when_one_is_killed() {
    let _alone = crate::ALONE.lock().await;
    let server = ServerProcess::start().await;
    let subscription = Subscription::to(&server, "orders");
    let start =
        |file| Process::start(subscription.command_into(file, &["--print", "--lease", "2s"]));
    let [first, second, third] = FILES.map(start);
    let mut published = 0;
    until_all_print(&server, &subscription, &mut published, &FILES).await;
    let times = printed(&subscription, &FILES);
    assert!(times.values().all(|it| *it == 1), "nothing is printed twice: {times:?}");

    second.kill().await;
    until_all_print(&server, &subscription, &mut published, &["first", "third"]).await;
    let all: Vec<_> = (1..=published).collect();
    let times = printed(&subscription, &FILES);
    assert_eq!(times.keys().copied().collect::<Vec<_>>(), all);
    for program in [first, third] {
        program.signal("TERM");
        program.ended().await.expect_code(0);
    }
}
