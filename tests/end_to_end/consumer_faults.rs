//! A server that fails, in each of the ways in which another process can fail: what the consumer does,
//! and what its cursor says.

use std::time::Duration;

use feed_tests::events::orders;
use feed_tests::faulty::{Fault, Faulty};
use feed_tests::{ServerProcess, Subscription};
use futures_util::stream::{self, StreamExt};

const EVENTS: u64 = 12;
/// How many faults are tried at a time.
const AT_A_TIME: usize = 4;
const GIVE_UP: [&str; 4] = ["--print", "--until-idle", "--give-up-after", "300ms"];

fn is_document(path: &str) -> bool {
    path.contains("/pages/") || path.contains("/after/")
}

/// The faults after which an honest answer is all that is needed.
fn faults() -> Vec<Fault> {
    vec![
        Fault::Closed,
        Fault::Cut(10),
        Fault::Cut(60),
        Fault::Cut(99),
        Fault::Empty,
        Fault::Missing,
        Fault::Late(Duration::from_millis(400)),
        Fault::Drip,
        Fault::Status(500),
        Fault::Status(502),
        Fault::Status(503),
        Fault::Status(429),
        Fault::Length(-7),
        Fault::Length(7),
        Fault::Encoding,
        Fault::NotModified,
        Fault::Redirect("http://127.0.0.1:9/feeds/orders".to_owned()),
        Fault::Redirect("/feeds/orders/nowhere".to_owned()),
        Fault::Clock(-86_400),
        Fault::Clock(86_400 * 365),
        Fault::Flipped(2),
        Fault::Flipped(50),
        Fault::Flipped(98),
        Fault::Portal,
        Fault::Nonsense,
        Fault::Bomb(80 << 20),
        Fault::Deep,
        Fault::Entities,
    ]
}

/// Whether the answer is as good as an honest one.
fn does_no_harm(fault: &Fault) -> bool {
    matches!(fault, Fault::Late(_) | Fault::Drip | Fault::Clock(_))
}

async fn server() -> ServerProcess {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(EVENTS).await;
    server
}

async fn before(server: &ServerProcess) -> (Faulty, Subscription) {
    let faulty = Faulty::before(server.address()).await;
    let subscription = Subscription::to(faulty.http(), "orders");
    (faulty, subscription)
}

#[tokio::test]
async fn a_fault_that_passes_costs_time_and_no_event() {
    let server = &server().await;
    let test = async |fault: Fault| {
        let (faulty, subscription) = before(server).await;
        let spoiling = fault.clone();
        // Twice in a row, on the way, after a document that was good.
        let mut documents = 0;
        faulty.script(move |_, path| {
            documents += usize::from(is_document(path));
            (is_document(path) && (2..=3).contains(&documents)).then(|| spoiling.clone())
        });
        let positions = subscription.drain_positions().await;
        assert_eq!(positions, (1..=EVENTS).collect::<Vec<_>>(), "{fault:?}");
        assert_eq!(faulty.spoiled(), 2, "{fault:?}");
    };
    stream::iter(faults()).for_each_concurrent(AT_A_TIME, test).await;
}

#[tokio::test]
async fn a_fault_that_stays_ends_with_a_reason_and_the_cursor_behind_what_was_handled() {
    let server = &server().await;
    let test = async |fault: Fault| {
        let (faulty, subscription) = before(server).await;
        let spoiling = fault.clone();
        let mut documents = 0;
        faulty.script(move |_, path| {
            documents += usize::from(is_document(path));
            (is_document(path) && documents > 2).then(|| spoiling.clone())
        });
        let ended = subscription.run(&GIVE_UP).await.expect_code(1);
        let handled = ended.stdout.lines().count() as u64;
        assert!(handled < EVENTS, "{fault:?}");
        let reason = ended.stderr.lines().last().unwrap_or_default();
        assert!(reason.starts_with("feed-consumer: "), "{fault:?}: {reason}");
        assert!(!ended.stderr.contains("panicked"), "{fault:?}: {}", ended.stderr);
        // The cursor stands right behind what was handled: what follows is the rest, and all of it.
        faulty.script(|_, _| None);
        let rest = subscription.drain_positions().await;
        assert_eq!(rest, (handled + 1..=EVENTS).collect::<Vec<_>>(), "{fault:?}");
    };
    let harmful = faults().into_iter().filter(|fault| !does_no_harm(fault));
    stream::iter(harmful).for_each_concurrent(AT_A_TIME, test).await;
}

#[tokio::test]
async fn a_page_in_the_place_of_another_is_not_taken_for_it() {
    // Page 1 again in the place of page 2, and page 3 in its place: a doubled and a missing page.
    let server = server().await;
    for other in [1, 3] {
        let (faulty, subscription) = before(&server).await;
        let folder = server.folder("orders").await;
        let other = format!("{folder}/pages/{other}");
        faulty.script(move |_, path| {
            path.ends_with("/pages/2").then(|| Fault::Instead(other.clone()))
        });
        let ended = subscription.run(&GIVE_UP).await;
        let positions: Vec<_> =
            ended.stdout.lines().map(feed_tests::consumer::position_in).collect();
        // Whatever it made of it, by another way or not at all: no event twice, and none left out.
        let expected: Vec<u64> = (1..=positions.len() as u64).collect();
        assert_eq!(positions, expected);
        faulty.script(|_, _| None);
        let rest = subscription.drain_positions().await;
        let expected: Vec<u64> = (positions.len() as u64 + 1..=EVENTS).collect();
        assert_eq!(rest, expected);
    }
}

#[tokio::test]
async fn stale_answers_of_a_bad_cache_delay_events_and_lose_none() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(4).await;
    let faulty = Faulty::before(server.address()).await;
    let subscription = Subscription::to(faulty.http(), "orders");
    assert_eq!(subscription.drain_positions().await, [1, 2, 3, 4]);
    server.publish("orders", &orders(5..=EVENTS)).await;
    // Everything that was ever asked for is answered as it was then.
    faulty.script(|_, _| Some(Fault::Stale));
    let ended = subscription.run(&GIVE_UP).await;
    let seen: Vec<_> = ended.stdout.lines().map(feed_tests::consumer::position_in).collect();
    let expected: Vec<u64> = (5..5 + seen.len() as u64).collect();
    assert_eq!(seen, expected);
    faulty.script(|_, _| None);
    let rest = subscription.drain_positions().await;
    assert_eq!(rest, (5 + seen.len() as u64..=EVENTS).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_feed_that_is_replaced_by_another_stops_the_subscription() {
    let server = server().await;
    let (faulty, subscription) = before(&server).await;
    assert_eq!(subscription.drain_positions().await.len(), 12);
    let other = ServerProcess::with_page_size(3).await;
    other.publish_orders(EVENTS + 5).await;
    faulty.turn_to(other.address());
    let ended = subscription.run(&["--print", "--until-idle"]).await.expect_code(1);
    assert_eq!(ended.stdout, "", "nothing of another feed is handled");
    assert!(ended.stderr.lines().last().unwrap().contains("feed"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_page_that_says_something_else_of_the_last_event_stops_the_subscription() {
    let server = ServerProcess::with_page_size(3).await;
    server.publish_orders(8).await;
    let faulty = Faulty::before(server.address()).await;
    let subscription = Subscription::to(faulty.http(), "orders");
    assert_eq!(subscription.drain_positions().await.len(), 8);
    server.publish("orders", &orders(9..=EVENTS)).await;
    faulty.script(|_, path| {
        let forged = "\"order.forged\"".to_owned();
        is_document(path).then_some(Fault::Replaced("\"order.placed\"", forged))
    });
    let ended = subscription.run(&["--print", "--until-idle"]).await.expect_code(1);
    assert_eq!(ended.stdout, "", "nothing of another history is handled");
    faulty.script(|_, _| None);
    assert_eq!(subscription.drain_positions().await, [9, 10, 11, 12]);
}
