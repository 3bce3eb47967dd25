//! How long a busy group needs after a death, although what the dead may have had in hand is handled
//! one at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use feed_tests::eventually;
use feed_tests::group::database::DatabaseKind::{self, Postgres, Sqlite};
use feed_tests::group::{Effects, Group, GroupOptions};
use feed_tests::history::{Kind, Record};
use feed_tests::random::seeded;

use Effects::{Outside, Transactional};

/// What waits for the workers, of how many subjects. Each of the 64 shards has more than a window of
/// it.
const EVENTS: u64 = 12_800;
const SUBJECTS: u64 = 640;

/// How long the shards that the other worker has may stand still meanwhile, and how long it may take
/// until everything is handled.
const LIMIT: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(180);

async fn recovers(database: DatabaseKind, effects: Effects) {
    let _alone = crate::ALONE.lock().await;
    let options = GroupOptions::new(database, effects);
    let mut group = Group::start(GroupOptions { subjects: SUBJECTS, window: 100, ..options }).await;
    let mut publisher = group.publisher(seeded());
    while publisher.published() < EVENTS {
        publisher.publish_round().await;
    }
    group.join(0);
    group.join(1);
    eventually("both to be at work", async || {
        let last = group.history().last().await.unwrap();
        let workers = group.history().workers_since(last - 200).await.unwrap();
        (last > 1500 && workers.len() == 2).then_some(())
    })
    .await;
    group.kill(0).await;
    let last = group.history().last().await.unwrap();
    group.until_handled(EVENTS, PATIENCE).await;
    let history = group.history().read().await.unwrap();
    let (before, after) = history.split_at(history.partition_point(|it| it.number <= last));
    let holders: BTreeMap<i64, &str> =
        before.iter().map(|it| (it.call.shard, it.call.worker.as_str())).collect();
    let killed = before.last().expect("both have handled something");
    let is_own = |it: &&Record| holders.get(&it.call.shard) == Some(&"1-2");
    let done = after.iter().filter(|it| it.kind != Kind::Begin);
    let first = done.clone().find(|it| !is_own(it)).expect("they are taken over");
    let taken_over = between(killed, first);
    let (mut stood_still, mut last) = (Duration::ZERO, killed);
    for record in done.filter(is_own) {
        stood_still = stood_still.max(between(last, record));
        last = record;
    }
    let all = between(killed, after.last().expect("something is handled"));
    eprintln!(
        "{database:?}, {effects:?}: taken over after {taken_over:.1?}; the other's own shards stood \
         still for {stood_still:.1?}, and all was handled after {all:.1?}"
    );
    assert!(taken_over < group.options().lease + Duration::from_secs(2));
    assert!(stood_still < LIMIT);
    group.finish().await;
}

fn between(first: &Record, then: &Record) -> Duration {
    let [first, then] =
        [first, then].map(|it| DateTime::parse_from_rfc3339(&it.at).expect("a time"));
    (then - first).max(TimeDelta::zero()).to_std().expect("not negative")
}

#[tokio::test]
async fn a_busy_group_recovers_from_a_death_in_transactions_of_sqlite() {
    recovers(Sqlite, Transactional).await;
}

#[tokio::test]
async fn a_busy_group_recovers_from_a_death_in_transactions_of_postgresql() {
    recovers(Postgres, Transactional).await;
}

#[tokio::test]
async fn a_busy_group_recovers_from_a_death_with_effects_elsewhere_and_cursors_in_sqlite() {
    recovers(Sqlite, Outside).await;
}

#[tokio::test]
async fn a_busy_group_recovers_from_a_death_with_effects_elsewhere_and_cursors_in_postgresql() {
    recovers(Postgres, Outside).await;
}
