//! How soon the work of a worker that is gone goes on, and how little of it is done again.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::DateTime;
use feed_tests::group::checker::Tally;
use feed_tests::group::database::DatabaseKind::{self, Postgres, Sqlite};
use feed_tests::group::fate::Fates;
use feed_tests::group::publisher::Publisher;
use feed_tests::group::{Effects, Group, GroupOptions};
use feed_tests::random::seeded;
use tokio::time::Instant;

use Effects::{Outside, Transactional};

/// How much longer than a lease it may take until the work of a worker goes on that is gone.
const BEYOND_THE_LEASE: Duration = Duration::from_secs(2);

/// A lease that is not over before a test is.
const LONG_LEASE: Duration = Duration::from_secs(15);

/// Three workers that share the work.
const PLACES: [usize; 3] = [0, 1, 2];

async fn three_at_work(options: GroupOptions) -> (Group, Publisher) {
    let mut group = Group::start(options).await;
    let mut publisher = group.publisher(seeded());
    for place in PLACES {
        group.join(place);
    }
    group.until_all_work(&PLACES, &mut publisher).await;
    (group, publisher)
}

/// How long it takes from then on until an event of each subject is handled that is published now.
async fn work_goes_on(group: &mut Group, publisher: &mut Publisher, since: Instant) -> Duration {
    publisher.publish_round().await;
    group.until_handled(publisher.published(), feed_tests::PATIENCE).await;
    since.elapsed()
}

async fn killed(database: DatabaseKind, effects: Effects) {
    let _alone = crate::ALONE.lock().await;
    let (mut group, mut publisher) = three_at_work(GroupOptions::new(database, effects)).await;
    let limit = group.options().lease + BEYOND_THE_LEASE;
    let since = Instant::now();
    group.kill(0).await;
    let took = work_goes_on(&mut group, &mut publisher, since).await;
    assert!(took <= limit, "the work went on after {took:?}");
    group.finish().await;
}

async fn stopped(database: DatabaseKind, effects: Effects) {
    let _alone = crate::ALONE.lock().await;
    let (mut group, mut publisher) = three_at_work(GroupOptions::new(database, effects)).await;
    let limit = group.options().lease + BEYOND_THE_LEASE;
    group.stop_without_the_write_lock(0).await;
    let took = work_goes_on(&mut group, &mut publisher, Instant::now()).await;
    assert!(took <= limit, "the work went on after {took:?}");
    // It comes back, and takes part again.
    group.resume(0);
    group.until_all_work(&PLACES, &mut publisher).await;
    group.finish().await;
}

async fn ended(database: DatabaseKind, limit: Duration) {
    let _alone = crate::ALONE.lock().await;
    let lease = LONG_LEASE;
    let options = GroupOptions { lease, ..GroupOptions::new(database, Outside) };
    let (mut group, mut publisher) = three_at_work(options).await;
    group.ask_to_leave(0).await;
    group.left().await;
    let took = work_goes_on(&mut group, &mut publisher, Instant::now()).await;
    assert!(took <= limit, "the work went on after {took:?}");
    let tally = group.finish().await;
    assert_eq!(tally.repeated, [].into(), "{tally}");
}

#[tokio::test]
async fn the_work_of_a_killed_worker_goes_on_when_its_lease_is_over_in_sqlite() {
    killed(Sqlite, Outside).await;
    killed(Sqlite, Transactional).await;
}

#[tokio::test]
async fn the_work_of_a_killed_worker_goes_on_when_its_lease_is_over_in_postgresql() {
    killed(Postgres, Outside).await;
    killed(Postgres, Transactional).await;
}

#[tokio::test]
async fn the_work_of_a_stopped_worker_goes_on_when_its_lease_is_over_in_sqlite() {
    stopped(Sqlite, Outside).await;
    stopped(Sqlite, Transactional).await;
}

#[tokio::test]
async fn the_work_of_a_stopped_worker_goes_on_when_its_lease_is_over_in_postgresql() {
    stopped(Postgres, Outside).await;
    stopped(Postgres, Transactional).await;
}

#[tokio::test]
async fn the_work_of_a_worker_that_ends_goes_on_within_two_seconds_in_sqlite() {
    ended(Sqlite, Duration::from_secs(2)).await;
}

#[tokio::test]
async fn the_work_of_a_worker_that_ends_goes_on_within_a_second_in_postgresql() {
    ended(Postgres, Duration::from_secs(1)).await;
}

/// A process stopped inside a write transaction of SQLite stops every writer of the file. A handler
/// of SQLite's transactions is within one as long as it works.
#[tokio::test]
async fn the_work_goes_on_when_a_worker_does_that_was_stopped_while_it_wrote_in_sqlite() {
    let _alone = crate::ALONE.lock().await;
    let options = GroupOptions::new(Sqlite, Transactional);
    // So that there is a moment to hit.
    let fates = Fates { slow: Duration::from_millis(50), ..Fates::default() };
    let (mut group, mut publisher) = three_at_work(GroupOptions { fates, ..options }).await;
    publisher.publish_round().await;
    feed_tests::eventually("a moment when the worker writes", async || {
        group.stop(0);
        let is_held = !group.history().is_writable().await.unwrap();
        if !is_held {
            group.resume(0);
            publisher.publish_round().await;
        }
        is_held.then_some(())
    })
    .await;
    tokio::time::sleep(group.options().lease * 2).await;
    assert!(!group.history().is_writable().await.unwrap());
    group.resume(0);
    group.until_handled(publisher.published(), feed_tests::PATIENCE).await;
    group.finish().await;
}

/// Publishes for a while to workers that take their time, while something happens to them, and gives
/// the verdict.
async fn at_work(database: DatabaseKind, effects: Effects, happens: Happens) -> Tally {
    let _alone = crate::ALONE.lock().await;
    let fates = Fates { slow: Duration::from_millis(4), ..Fates::default() };
    let options = GroupOptions { fates, ..GroupOptions::new(database, effects) };
    let (mut group, mut publisher) = three_at_work(options).await;
    let time = Duration::from_secs(4);
    let meanwhile = async {
        tokio::time::sleep(time / 4).await;
        match happens {
            Happens::Kill => group.kill(0).await,
            Happens::ComeAndGo => {
                for place in 3..8 {
                    group.join(place);
                }
                tokio::time::sleep(time / 4).await;
                for place in PLACES {
                    group.ask_to_leave(place).await;
                }
            }
        }
    };
    tokio::join!(meanwhile, publisher.publish_over(time, 1000));
    group.until_handled(publisher.published(), feed_tests::PATIENCE).await;
    group.finish().await
}

#[derive(Clone, Copy)]
enum Happens {
    /// A worker is killed.
    Kill,
    /// Five workers join, and then three leave.
    ComeAndGo,
}

#[tokio::test]
async fn nothing_is_done_twice_when_workers_come_and_go() {
    for database in [Sqlite, Postgres] {
        let tally = at_work(database, Outside, Happens::ComeAndGo).await;
        assert_eq!(tally.workers, 8, "{tally}");
        assert_eq!(tally.repeated, [].into(), "{tally}");
        assert_eq!((tally.late_begins, tally.late_ends), (0, 0), "{tally}");
    }
}

#[tokio::test]
async fn no_more_than_w_of_each_shard_of_a_killed_worker_is_done_again() {
    for database in [Sqlite, Postgres] {
        let tally = at_work(database, Outside, Happens::Kill).await;
        let window = GroupOptions::new(database, Outside).window;
        assert!(tally.repeated.values().all(|it| *it <= window), "{:?}", tally.repeated);
        // Effects in transactions are there once, which the verdict on them says.
        at_work(database, Transactional, Happens::Kill).await;
    }
}

/// The time of a worker's first line of its log, less that of the database, in minutes.
async fn minutes_ahead(group: &Group, place: usize) -> i64 {
    let line = group.first_log_line(place).await;
    let stated = line.split(' ').next().unwrap();
    let of_worker = DateTime::parse_from_rfc3339(stated).expect(&line);
    let record = &group.history().read().await.unwrap()[0];
    let of_database = DateTime::parse_from_rfc3339(&record.at).unwrap();
    (of_worker - of_database).num_minutes()
}

/// SQLite has no clock but that of the process that asks, and on one machine it is the same.
async fn wrong_clock(wrong_by: &str, minutes: RangeInclusive<i64>) {
    let _alone = crate::ALONE.lock().await;
    let mut group = Group::start(GroupOptions::new(Postgres, Outside)).await;
    let GroupOptions { lease, window, .. } = *group.options();
    let mut publisher = group.publisher(seeded());
    group.join(0);
    group.join_with_clock(1, wrong_by);
    group.join(2);
    group.until_all_work(&PLACES, &mut publisher).await;
    let ahead = minutes_ahead(&group, 1).await;
    assert!(minutes.contains(&ahead), "{ahead} minutes");
    // Once everybody has a share, nobody takes anything from anybody.
    publisher.publish_over(lease, 200).await;
    group.until_handled(publisher.published(), feed_tests::PATIENCE).await;
    let before = group.history().last().await.unwrap();
    publisher.publish_over(lease * 2, 400).await;
    group.until_handled(publisher.published(), feed_tests::PATIENCE).await;
    let mut tokens: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for record in group.history().read().await.unwrap().iter().filter(|it| it.number > before) {
        tokens.entry(record.call.shard).or_default().insert(record.call.token);
    }
    assert!(tokens.values().all(|it| it.len() == 1), "{tokens:?}");
    // And nobody waits for an hour when it dies.
    let since = Instant::now();
    group.kill(1).await;
    let took = work_goes_on(&mut group, &mut publisher, since).await;
    assert!(took <= lease + BEYOND_THE_LEASE, "the work went on after {took:?}");
    let tally = group.finish().await;
    assert!(tally.repeated.values().all(|it| *it <= window), "{:?}", tally.repeated);
    assert_eq!((tally.late_begins, tally.late_ends), (0, 0), "{tally}");
}

#[tokio::test]
async fn a_worker_whose_clock_is_an_hour_ahead_changes_nothing() {
    wrong_clock("+1h", 55..=60).await;
}

#[tokio::test]
async fn a_worker_whose_clock_is_an_hour_behind_changes_nothing() {
    wrong_clock("-1h", -65..=-59).await;
}
