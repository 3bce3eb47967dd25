//! What may have ended a worker is handled alone, and set aside when it ends one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};

use super::parking::{heads, subscription};
use super::*;
use crate::store::databases::{Database, postgres, sqlite};
use crate::store::parking::Parking;
use crate::store::shards::{Beat, Lease};
use crate::store::suspects::Tried;
use crate::{OnExhausted, ShardCount};

/// How many events there are, of how many subjects, in how many shards.
const EVENTS: u64 = 60;
const SUBJECTS: u64 = 12;
const SHARDS: u16 = 3;
/// So many of each shard may have ended the worker that was before.
const REACH: u32 = 5;

async fn open(database: &Database) -> Arc<dyn CursorStore> {
    crate::CursorDatabase::from(database.url()).locate().unwrap().open().await.unwrap().cursors()
}

fn builder(database: &Database, url: &str) -> ConsumerBuilder<()> {
    Consumer::builder(url)
        .database(database.url())
        .shards(ShardCount::new(SHARDS).unwrap())
        .concurrency(4)
        .until_idle(true)
}

/// A subscription that has begun, and a worker that holds all of it under these leases, until at
/// once. What it had in hand is unknown.
async fn left_behind(database: &Database) -> (Scripted, Vec<Lease>) {
    let (server, feed) = serve(Feed::new(0)).await;
    let none = builder(database, &server.url(FEED)).on_any(async |_, _| Ok(())).build().unwrap();
    none.run(std::future::pending()).await.unwrap();
    feed.lock().unwrap().publish_about(EVENTS, SUBJECTS);
    (server, dies(database).await)
}

/// A worker that acquires everything and ends.
async fn dies(database: &Database) -> Vec<Lease> {
    let store = open(database).await;
    let facts = WorkerFacts {
        id: WorkerId(random::name()),
        host: "shop".into(),
        process: 1,
        identity: None,
        weight: 1,
        window: REACH,
    };
    let lease = Duration::from_millis(1);
    let (held, report) = (Vec::new(), "{}".into());
    let beat = Beat { facts, lease, held, acquires: true, report };
    let beaten = store.beat(&subscription(), &beat).await.unwrap();
    store.close().await;
    beaten.acquired.into_iter().map(|it| it.lease).collect()
}

/// The shards of events by position.
fn shard(position: u64) -> u16 {
    let mut feed = Feed::new(0);
    feed.publish_about(EVENTS, SUBJECTS);
    let recorded = feed.recorded(position);
    let event = &recorded.event;
    let count = ShardCount::new(SHARDS).unwrap();
    count.shard_of(event.subject(), event.source(), event.id()).get()
}

/// The first events of each shard.
fn suspects() -> BTreeSet<u64> {
    let mut of: BTreeMap<u16, u32> = BTreeMap::new();
    let is_suspect = |position: &u64| {
        let count = of.entry(shard(*position)).or_default();
        *count += 1;
        *count <= REACH
    };
    (1..=EVENTS).filter(is_suspect).collect()
}

#[tokio::test]
async fn suspects_are_handled_one_at_a_time_with_nothing_else_in_hand() {
    for database in [sqlite().await, postgres().await] {
        let (server, _) = left_behind(&database).await;
        let (in_hand, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let beside: Arc<Mutex<BTreeSet<u64>>> = Arc::default();
        let counted: Arc<Mutex<BTreeSet<u64>>> = Arc::default();
        let store = open(&database).await;
        let consumer = {
            let (in_hand, most) = (Arc::clone(&in_hand), Arc::clone(&most));
            let (beside, counted) = (Arc::clone(&beside), Arc::clone(&counted));
            let store = Arc::clone(&store);
            let handle = move |recorded: Arc<Recorded>, _: Context| {
                let (in_hand, most) = (Arc::clone(&in_hand), Arc::clone(&most));
                let (beside, counted) = (Arc::clone(&beside), Arc::clone(&counted));
                let store = Arc::clone(&store);
                async move {
                    let position = recorded.position;
                    let now = in_hand.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    if in_hand.load(Ordering::SeqCst) > 1 {
                        beside.lock().unwrap().insert(position.get());
                    }
                    let shards = store.shards(&subscription()).await.unwrap();
                    let tried = Some(Tried { position, attempts: 1 });
                    if shards.iter().any(|shard| shard.suspects.tried == tried) {
                        counted.lock().unwrap().insert(position.get());
                    }
                    in_hand.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                }
            };
            builder(&database, &server.url(FEED)).on_any(handle).build().unwrap()
        };
        let summary = consumer.run(std::future::pending()).await.unwrap();
        assert_eq!(summary.handled, EVENTS);
        assert!(most.load(Ordering::SeqCst) > 1, "the others are handled beside each other");
        let suspects = suspects();
        assert!(suspects.is_disjoint(&beside.lock().unwrap()));
        assert_eq!(*counted.lock().unwrap(), suspects);
        for shard in store.shards(&subscription()).await.unwrap() {
            assert_eq!(shard.suspects, Default::default());
        }
    }
}

/// An event that keeps ending workers, whether or not it is parked.
async fn is_set_aside(database: &Database, is_parked: bool) {
    let (server, leases) = left_behind(database).await;
    let deadly = 4;
    let lease = *leases.iter().find(|it| it.lease_is(shard(deadly))).unwrap();
    let store = open(database).await;
    if is_parked {
        let mut feed = Feed::new(0);
        feed.publish_about(EVENTS, SUBJECTS);
        let recorded = Arc::new(feed.recorded(deadly));
        let error = "busy".to_owned();
        let retry_after = Some(Duration::ZERO);
        let parking = Parking { recorded, error, attempts: 3, retry_after };
        let place = crate::store::shards::ShardPlace { position: at(deadly), ..Default::default() };
        let to = crate::store::shards::Move { lease, to: place };
        assert!(store.park(&subscription(), &to, &parking).await.unwrap());
    }
    for attempts in 1..=3 {
        let begun = store.begin_alone(&subscription(), lease, at(deadly)).await.unwrap();
        assert_eq!(begun, Some(attempts));
    }
    let handled: Arc<Mutex<BTreeSet<u64>>> = Arc::default();
    let noted = Arc::clone(&handled);
    let consumer = builder(database, &server.url(FEED))
        .on_exhausted(OnExhausted::Park)
        .on_any(move |recorded: Arc<Recorded>, _: Context| {
            assert!(noted.lock().unwrap().insert(recorded.position.get()), "{recorded:?}");
            std::future::ready(Ok(()))
        })
        .build()
        .unwrap();
    consumer.run(std::future::pending()).await.unwrap();
    let [head] = heads(database).await.try_into().unwrap();
    assert_eq!((head.position, head.due), (at(deadly), None));
    let parked = store.parked(&subscription(), at(deadly)).await.unwrap().unwrap();
    assert!(parked.error.contains("3 times in a row"), "{}", parked.error);
    // Nothing but it and what waits behind it.
    let mut wanted: BTreeSet<u64> = (1..=EVENTS).filter(|it| it % SUBJECTS != deadly).collect();
    if is_parked {
        // The cursor of its shard was put beyond these.
        wanted.retain(|it| *it > deadly || shard(*it) != shard(deadly));
    }
    assert_eq!(*handled.lock().unwrap(), wanted);
}

#[tokio::test]
async fn an_event_that_ends_every_worker_is_set_aside_and_no_other() {
    is_set_aside(&sqlite().await, false).await;
    is_set_aside(&postgres().await, false).await;
}

#[tokio::test]
async fn a_parked_event_that_ends_every_worker_waits_for_a_person() {
    is_set_aside(&sqlite().await, true).await;
    is_set_aside(&postgres().await, true).await;
}

#[tokio::test]
async fn an_attempt_that_failed_as_others_do_is_not_counted() {
    for database in [sqlite().await, postgres().await] {
        let (server, leases) = left_behind(&database).await;
        let failing = 4;
        let lease = *leases.iter().find(|it| it.lease_is(shard(failing))).unwrap();
        let store = open(&database).await;
        for _ in 1..=2 {
            store.begin_alone(&subscription(), lease, at(failing)).await.unwrap();
        }
        let tries = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&tries);
        let consumer = builder(&database, &server.url(FEED))
            .on_exhausted(OnExhausted::Stop)
            .on_any(move |recorded: Arc<Recorded>, _: Context| {
                let fails =
                    recorded.position == at(failing) && counted.fetch_add(1, Ordering::SeqCst) < 5;
                std::future::ready(if fails {
                    Err(HandlerError::transient("busy"))
                } else {
                    Ok(())
                })
            })
            .build()
            .unwrap();
        let summary = consumer.run(std::future::pending()).await.unwrap();
        assert_eq!((summary.handled, tries.load(Ordering::SeqCst)), (EVENTS, 6));
    }
}

#[tokio::test]
async fn a_subscription_that_stops_before_a_deadly_event_tries_it_at_the_next_start() {
    for database in [sqlite().await, postgres().await] {
        let (server, leases) = left_behind(&database).await;
        let deadly = 4;
        let lease = *leases.iter().find(|it| it.lease_is(shard(deadly))).unwrap();
        let store = open(&database).await;
        for _ in 1..=3 {
            store.begin_alone(&subscription(), lease, at(deadly)).await.unwrap();
        }
        let consumer = || {
            let builder = builder(&database, &server.url(FEED)).on_exhausted(OnExhausted::Stop);
            builder.on_any(async |_, _| Ok(())).build().unwrap()
        };
        let error = consumer().run(std::future::pending()).await.unwrap_err();
        assert!(matches!(error, ConsumerError::Handler { position, .. } if position == at(deadly)));
        consumer().run(std::future::pending()).await.unwrap();
    }
}

trait IsOf {
    fn lease_is(&self, shard: u16) -> bool;
}

impl IsOf for Lease {
    fn lease_is(&self, shard: u16) -> bool {
        self.shard.get() == shard
    }
}
