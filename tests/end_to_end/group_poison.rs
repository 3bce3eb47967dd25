//! Events that end whoever handles them, or always fail: they are set aside, and nothing else.

use std::collections::BTreeSet;
use std::time::Duration;

use feed_consumer::Outcome;
use feed_tests::eventually;
use feed_tests::group::database::DatabaseKind::{self, Postgres, Sqlite};
use feed_tests::group::fate::{Fate, Fates};
use feed_tests::group::options::DEADLY_AFTER;
use feed_tests::group::trial::{Faults, Trial};
use feed_tests::group::{Effects, Group, GroupOptions};
use feed_tests::history::{Kind, Record};
use feed_tests::random::seeded;
use rand::RngExt;

use Effects::{Outside, Transactional};

/// Workers that meet an event of each kind, in so few shards that some share one.
async fn meet_bad_events(database: DatabaseKind, effects: Effects, trial: Trial) {
    let _alone = crate::ALONE.lock().await;
    let slow = Duration::from_millis(4);
    let fates = Fates { slow, flaky: 2, fatal: 3, deadly: 3, ..Fates::default() };
    let options = GroupOptions::new(database, effects);
    trial.run(GroupOptions { subjects: 40, shards: 16, fates, ..options }).await;
}

/// Nothing else befalls them.
async fn calm(database: DatabaseKind, effects: Effects) {
    let trial =
        Trial { workers: 4, events: 1000, time: Duration::from_secs(3), faults: Faults::None };
    meet_bad_events(database, effects, trial).await;
}

async fn among_faults(database: DatabaseKind, effects: Effects) {
    let trial =
        Trial { workers: 8, events: 1000, time: Duration::from_secs(8), faults: Faults::Drawn };
    meet_bad_events(database, effects, trial).await;
}

#[tokio::test]
async fn an_event_that_kills_its_process_in_transactions_of_sqlite_is_set_aside_and_no_bystander_with_it()
 {
    calm(Sqlite, Transactional).await;
}

#[tokio::test]
async fn an_event_that_kills_its_process_in_transactions_of_postgresql_is_set_aside_and_no_bystander_with_it()
 {
    calm(Postgres, Transactional).await;
}

#[tokio::test]
async fn an_event_that_kills_its_process_is_set_aside_and_no_bystander_with_it_in_sqlite() {
    calm(Sqlite, Outside).await;
}

#[tokio::test]
async fn an_event_that_kills_its_process_is_set_aside_and_no_bystander_with_it_in_postgresql() {
    calm(Postgres, Outside).await;
}

#[tokio::test]
async fn bad_events_among_faults_are_set_aside_in_transactions_of_sqlite() {
    among_faults(Sqlite, Transactional).await;
}

#[tokio::test]
async fn bad_events_among_faults_are_set_aside_in_transactions_of_postgresql() {
    among_faults(Postgres, Transactional).await;
}

#[tokio::test]
async fn bad_events_among_faults_are_set_aside_with_effects_elsewhere_and_cursors_in_sqlite() {
    among_faults(Sqlite, Outside).await;
}

#[tokio::test]
async fn bad_events_among_faults_are_set_aside_with_effects_elsewhere_and_cursors_in_postgresql() {
    among_faults(Postgres, Outside).await;
}

/// What a worker had begun, and not ended.
fn in_hand_of(history: &[Record], worker: &str) -> BTreeSet<i64> {
    let mut in_hand = BTreeSet::new();
    for record in history.iter().filter(|it| it.call.worker == worker) {
        match record.kind {
            Kind::Begin => in_hand.insert(record.call.position),
            _ => in_hand.remove(&record.call.position),
        };
    }
    in_hand
}

async fn in_hand_beside(database: DatabaseKind) {
    let _alone = crate::ALONE.lock().await;
    let mut random = seeded();
    let slow = Duration::from_millis(20);
    let fates = Fates { seed: random.random(), slow, deadly: 2, ..Fates::default() };
    let options = GroupOptions { workers_each: 4, fates, ..GroupOptions::new(database, Outside) };
    let mut group = Group::start(options).await;
    let mut publisher = group.publisher(random);
    group.join(0);
    publisher.publish_over(Duration::from_secs(1), 1000).await;
    let given_up = group.give_up_what_is_bad(1000).await;
    assert_eq!(given_up.len(), 2);
    let history = group.history().read().await.unwrap();
    let is_deadly = |it: &&Record| matches!(fates.of(it.call.position), Fate::Deadly(_));
    let first = history.iter().find(is_deadly).expect("one was begun");
    let mut bystanders = in_hand_of(&history, &first.call.worker);
    assert!(bystanders.remove(&first.call.position));
    assert!(!bystanders.is_empty(), "nothing was in hand beside {first}");
    // That they were handled in the end, as everything else, is part of the verdict.
    group.finish_without(&given_up).await;
}

#[tokio::test]
async fn what_a_process_has_in_hand_beside_an_event_that_kills_it_is_handled_in_sqlite() {
    in_hand_beside(Sqlite).await;
}

#[tokio::test]
async fn what_a_process_has_in_hand_beside_an_event_that_kills_it_is_handled_in_postgresql() {
    in_hand_beside(Postgres).await;
}

/// An event that a worker has in hand, beside others and then alone, whenever it is killed.
async fn killed_with_it_in_hand(database: DatabaseKind) {
    const HELD: i64 = 30;
    let _alone = crate::ALONE.lock().await;
    let options = GroupOptions::new(database, Outside);
    let options = GroupOptions { workers_each: 4, holds: Some(HELD), ..options };
    let mut group = Group::start(options).await;
    let mut publisher = group.publisher(seeded());
    publisher.publish_round().await;
    group.join(0);
    for kills in 0..=DEADLY_AFTER {
        let begun = |it: &&Record| it.call.position == HELD && it.kind == Kind::Begin;
        let (history, times) = eventually("the event to be in hand", async || {
            let history = group.history().read().await.unwrap();
            let times = history.iter().filter(begun).count();
            (times > kills as usize).then_some((history, times))
        })
        .await;
        assert_eq!(times, kills as usize + 1);
        let last = history.iter().rfind(begun).expect("it was begun");
        if kills > 0 {
            let in_hand = in_hand_of(&history, &last.call.worker);
            assert_eq!(in_hand, BTreeSet::from([HELD]), "it is in hand alone");
        }
        group.kill(0).await;
        group.join(0);
    }
    // Its subject waits behind it, and nothing else does.
    publisher.publish_round().await;
    let feed = group.feed(&BTreeSet::new()).await;
    group.until_set_aside(&feed).await;
    let parked = &group.parked().await[&HELD];
    assert_eq!((parked.attempts(), parked.due()), (DEADLY_AFTER, None));
    assert_eq!(parked.followers(), 1);
    for part in ["3 times in a row", "kills the process"] {
        assert!(parked.error().contains(part), "{}", parked.error());
    }

    // Whatever killed it is mended, and a person has it handled.
    group.ask_to_leave(0).await;
    group.left().await;
    group.change(|options| options.holds = None);
    group.join(0);
    assert_eq!(group.retry(HELD).await, Outcome::Handled);
    let feed = group.feed(&BTreeSet::new()).await;
    group.until_set_aside(&feed).await;
    group.finish().await;
}

#[tokio::test]
async fn an_event_with_which_workers_are_killed_from_outside_is_parked_and_says_why_in_sqlite() {
    killed_with_it_in_hand(Sqlite).await;
}

#[tokio::test]
async fn an_event_with_which_workers_are_killed_from_outside_is_parked_and_says_why_in_postgresql()
{
    killed_with_it_in_hand(Postgres).await;
}
