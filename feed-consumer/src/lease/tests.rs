//! What is promised of leases, with a store in memory and time that passes at once.

mod logging;
mod losses;

use std::ops::{Deref, DerefMut};
use std::process::{Command, Stdio};

use futures_util::FutureExt;
use tokio::time::sleep;

use super::scripted::Scripted;
use super::*;
use crate::store::shards::{Lease, WorkerId};

const SECOND: Duration = Duration::from_secs(1);
const LEASE: Duration = Duration::from_secs(15);
/// For how long a lease of 15 seconds may be worked under.
const USABLE: Duration = Duration::from_secs(12);

/// A worker, as far as its leases are concerned.
struct Worker {
    leases: Leases,
    /// What it believes to hold.
    held: Vec<Lease>,
}

impl Deref for Worker {
    type Target = Leases;

    fn deref(&self) -> &Leases {
        &self.leases
    }
}

impl DerefMut for Worker {
    fn deref_mut(&mut self) -> &mut Leases {
        &mut self.leases
    }
}

impl Worker {
    fn start(store: &Arc<Scripted>, id: &str) -> Self {
        Self::start_as(store, facts(id), LEASE)
    }

    fn start_as(store: &Arc<Scripted>, facts: WorkerFacts, lease: Duration) -> Self {
        let store = Arc::clone(store) as Arc<dyn ShardStore>;
        Self { leases: Leases::start(store, subscription(), facts, lease), held: Vec::new() }
    }

    /// Takes in the next news, and says in short what they are.
    async fn hears(&mut self) -> String {
        match self.leases.next().await {
            LeaseNews::Acquired(acquired) => {
                let leases: Vec<_> = acquired.iter().map(|it| it.lease).collect();
                self.held.extend(&leases);
                format!("acquired {}", shown(leases.iter().map(|lease| lease.shard)))
            }
            LeaseNews::Lost(lost) => {
                self.held.retain(|lease| !lost.contains(&lease.shard));
                format!("lost {}", shown(lost))
            }
            LeaseNews::Surplus(count) => format!("surplus {count}"),
            LeaseNews::Trouble(error) => {
                let said = error.into_cause().to_string();
                format!("trouble: {}", said.rsplit(": ").next().unwrap())
            }
            LeaseNews::Beat => "beat".to_owned(),
        }
    }

    /// What it hears next that is more than a beat.
    async fn hears_news(&mut self) -> String {
        loop {
            let heard = self.hears().await;
            if heard != "beat" {
                return heard;
            }
        }
    }

    /// Gives back as many shards, as a worker does.
    async fn gives_back(&mut self, count: usize) {
        let leases = self.held.split_off(self.held.len() - count);
        self.leases.store.release(&subscription(), &leases).await.unwrap();
        let shards: Vec<_> = leases.iter().map(|lease| lease.shard).collect();
        self.leases.gone(&shards);
    }
}

fn subscription() -> Subscription {
    Subscription { group: "mail".to_owned(), feed: "urn:feed".to_owned() }
}

fn facts(id: &str) -> WorkerFacts {
    WorkerFacts {
        id: WorkerId(id.to_owned()),
        host: "here".to_owned(),
        process: 1,
        identity: None,
        weight: 1,
        window: 100,
    }
}

fn shown(shards: impl IntoIterator<Item = ShardNumber>) -> String {
    Ranges(&shards.into_iter().collect::<Vec<_>>()).to_string()
}

fn store(shards: u16) -> Arc<Scripted> {
    Arc::new(Scripted::new(shards))
}

#[tokio::test(start_paused = true)]
async fn the_only_worker_gets_all_shards_at_once_and_keeps_them() {
    let store = store(64);
    store.put(3, 7);
    let begun = Instant::now();
    let mut worker = Worker::start(&store, "a");
    assert_eq!(worker.deadline(), None);
    let LeaseNews::Acquired(acquired) = worker.leases.next().await else { panic!() };
    assert_eq!(acquired.len(), 64);
    assert_eq!(acquired[3].place.position.get(), 7);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(worker.deadline(), Some(begun + USABLE));
    assert_eq!(worker.others_lowest(), None);
    // The worker is busy for a minute, and asks for nothing.
    sleep(SECOND * 60).await;
    assert!(worker.deadline().unwrap() > Instant::now() + USABLE - SECOND);
    assert_eq!(worker.hears().await, "beat");
    assert!(worker.leases.next().now_or_never().is_none());
    assert_eq!(store.token(0), 1);
}

#[tokio::test(start_paused = true)]
async fn beats_come_at_least_every_800_ms_and_seldom_sooner() {
    let store = store(4);
    let _worker = Worker::start(&store, "a");
    sleep(SECOND * 60).await;
    let beats = store.beats();
    for pair in beats.windows(2) {
        let pause = (pair[1] - pair[0]).as_millis();
        assert!((640..=802).contains(&pause), "{pause} ms");
    }
    assert!(beats.len() > 70, "{}", beats.len());
}

#[tokio::test(start_paused = true)]
async fn a_second_worker_has_its_share_within_two_beats_and_nobody_stops() {
    let store = store(64);
    let mut first = Worker::start(&store, "a");
    assert_eq!(first.hears().await, "acquired 0-63");
    let begun = Instant::now();
    let mut second = Worker::start(&store, "b");
    assert_eq!(first.hears_news().await, "surplus 32");
    first.gives_back(32).await;
    assert_eq!(second.hears_news().await, "acquired 32-63");
    assert!(begun.elapsed() < SECOND * 2, "{:?}", begun.elapsed());
    assert_eq!((first.hears().await, second.hears().await), ("beat".into(), "beat".into()));
    assert_eq!(first.held.len(), 32);
    assert!(second.others_lowest().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_surplus_is_said_until_it_is_given_back() {
    let store = store(4);
    let mut first = Worker::start(&store, "a");
    assert_eq!(first.hears().await, "acquired 0-3");
    let _second = Worker::start(&store, "b");
    assert_eq!(first.hears_news().await, "surplus 2");
    // The event in hand takes its time.
    assert_eq!(first.hears().await, "surplus 2");
    first.gives_back(1).await;
    assert_eq!(first.hears().await, "surplus 1");
    // A beat that is no longer true when it is heard of is not told.
    sleep(SECOND).await;
    first.gives_back(1).await;
    assert_eq!(first.hears().await, "beat");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_leaves_gives_everything_back_at_once() {
    let store = store(8);
    let mut first = Worker::start(&store, "a");
    assert_eq!(first.hears().await, "acquired 0-7");
    let mut second = Worker::start(&store, "b");
    assert_eq!(second.hears().await, "beat");
    let begun = Instant::now();
    first.leases.leave().await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(second.hears_news().await, "acquired 0-7");
    assert!(begun.elapsed() < SECOND);
    sleep(SECOND * 5).await;
    assert_eq!(store.report_of("a"), None, "no later beat registers it again");
}

#[tokio::test(start_paused = true)]
async fn the_shards_of_a_worker_that_died_come_one_lease_later() {
    let store = store(8);
    let mut first = Worker::start(&store, "a");
    assert_eq!(first.hears().await, "acquired 0-7");
    first.leases.die();
    let begun = Instant::now();
    let mut second = Worker::start(&store, "b");
    assert_eq!(second.hears_news().await, "acquired 0-7");
    let took = begun.elapsed();
    assert!((LEASE..LEASE + SECOND).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_about_to_end_acquires_nothing() {
    let store = store(4);
    let mut first = Worker::start(&store, "a");
    let mut second = Worker::start(&store, "b");
    assert_eq!(first.hears().await, "acquired 0-3");
    assert_eq!(second.hears().await, "beat");
    assert_eq!(first.hears_news().await, "surplus 2");
    second.stop_acquiring();
    first.gives_back(2).await;
    sleep(SECOND * 2).await;
    assert_eq!(second.hears().await, "beat");
    assert_eq!(store.holders().iter().flatten().count(), 2);
    // Nor is it told of what it has acquired, but not begun.
    let mut third = Worker::start(&store, "c");
    sleep(Duration::from_millis(1)).await;
    third.stop_acquiring();
    assert_eq!(third.hears().await, "beat");
    assert_eq!(third.deadline(), None);
    third.leases.leave().await.unwrap();
    assert!(!store.holders().contains(&Some("c".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_report_is_sent_with_the_next_beat() {
    let store = store(1);
    let mut worker = Worker::start(&store, "a");
    worker.hears().await;
    assert_eq!(store.report_of("a").unwrap(), "{}");
    worker.report(r#"{"rate":7}"#.to_owned());
    worker.hears().await;
    assert_eq!(store.report_of("a").unwrap(), r#"{"rate":7}"#);
}

#[tokio::test(start_paused = true)]
async fn shares_follow_weights() {
    let store = store(64);
    let mut first = Worker::start_as(&store, WorkerFacts { weight: 3, ..facts("a") }, LEASE);
    let mut second = Worker::start(&store, "b");
    assert_eq!(first.hears().await, "acquired 0-63");
    assert_eq!(first.hears_news().await, "surplus 16");
    first.gives_back(16).await;
    assert_eq!(second.hears_news().await, "acquired 48-63");
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_worker_whose_process_has_ended_is_buried_by_its_neighbour() {
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    // Where it counts is the same; whatever its start, its number is free once it has ended.
    let mut identity: Vec<_> =
        neighbour::identity().unwrap().split('/').map(ToOwned::to_owned).collect();
    identity[3] = child.id().to_string();
    child.kill().unwrap();
    child.wait().unwrap();

    let store = store(4);
    let dead = WorkerFacts { identity: Some(identity.join("/")), ..facts("a") };
    let mut first = Worker::start_as(&store, dead, LEASE);
    assert_eq!(first.hears().await, "acquired 0-3");
    first.leases.die();
    let begun = Instant::now();
    let mut second = Worker::start(&store, "b");
    assert_eq!(second.hears_news().await, "acquired 0-3");
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    assert_eq!(store.buried(), [WorkerId("a".to_owned())]);
    assert_eq!(store.token(0), 2);
}

#[test]
fn a_lease_is_worked_under_for_less_than_it_lasts_and_renewed_many_times() {
    for lease in [LeaseSettings::SHORTEST, LeaseSettings::default().lease, SECOND * 60] {
        let timing = Timing { lease };
        assert!(timing.usable() < lease);
        assert!(timing.period() * 4 <= timing.usable());
        assert!(timing.patience() + timing.period() < timing.usable());
    }
}
