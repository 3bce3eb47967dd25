//! `feed-consumer run --deadline`: how long the handling of an event may take.

use feed_tests::process::run;
use feed_tests::{ServerProcess, Subscription, eventually};

#[tokio::test]
async fn a_command_that_takes_too_long_is_killed_with_what_it_started_and_has_failed() {
    let server = ServerProcess::start().await;
    server.publish_orders(3).await;
    let subscription = Subscription::to(&server, "orders");
    // The second order hangs at the first try, in a process that the command has started.
    let exec = "if [ $FEED_EVENT_POSITION = 2 ] && ! [ -e tried ]; then touch tried; \
                sh -c 'echo $$ > hanging; sleep 1000; echo woken >> log' & wait; fi; \
                echo $FEED_EVENT_POSITION >> log";
    let arguments = ["--exec", exec, "--until-idle", "--deadline", "300ms", "--shards", "1"];
    let ended = subscription.run(&arguments).await.expect_code(0);
    assert_eq!(subscription.lines_of("log"), ["1", "2", "3"]);
    assert!(ended.stderr.contains("longer than its deadline of 300ms"), "{}", ended.stderr);
    let hanging = subscription.lines_of("hanging")[0].clone();
    eventually("the hanging process to be gone", async || {
        let state = std::fs::read_to_string(format!("/proc/{hanging}/stat")).unwrap_or_default();
        // One that nobody has waited for yet is dead all the same.
        (state.is_empty() || state.contains(") Z ")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_command_that_always_takes_too_long_is_given_up() {
    let server = ServerProcess::start().await;
    server.publish_orders(1).await;
    let subscription = Subscription::to(&server, "orders");
    let arguments = ["--exec", "sleep 1000", "--deadline", "100ms"];
    let stop = ["--on-exhausted", "stop", "--give-up-after", "300ms"];
    let arguments = [&arguments[..], &stop].concat();
    let ended = run(subscription.command(&arguments)).await.expect_code(3);
    assert!(ended.stderr.contains("longer than its deadline of 100ms"), "{}", ended.stderr);
}

#[tokio::test]
async fn what_has_no_deadline_is_refused_with_one() {
    let server = ServerProcess::start().await;
    let subscription = Subscription::to(&server, "orders");
    let refused = subscription.run(&["--print", "--deadline", "1s"]).await;
    refused.expect_refusal(2, &["--print", "--deadline", "leave it out"]);
}
