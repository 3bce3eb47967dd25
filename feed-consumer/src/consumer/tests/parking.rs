//! Events that keep failing are set aside, and nothing but their subject waits for them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::schedule::failures::Retry;
use crate::store::databases::{Database, postgres, sqlite};
use crate::store::ledger::{self, Ledger, Note};
use crate::store::parking::{ParkAction, ParkedHead, Requested};
use crate::{Postgres, Sqlite, Tx};

/// How many events there are, of how many subjects; of the third, every try fails at first.
pub(super) const EVENTS: u64 = 30;
const SUBJECTS: u64 = 5;
pub(super) const FAILING: u64 = 3;
/// How many events its subject has.
pub(super) const BEHIND: u64 = EVENTS / SUBJECTS - 1;

pub(super) async fn feed() -> Scripted {
    let mut feed = Feed::new(0);
    feed.publish_about(EVENTS, SUBJECTS);
    serve(feed).await.0
}

/// The settings of a subscription that parks what fails once.
pub(super) fn builder(database: &Database, url: &str, retries: &[Duration]) -> ConsumerBuilder<()> {
    Consumer::builder(url)
        .database(database.url())
        .shards(ShardCount::new(4).unwrap())
        .retry(Retry { attempts: Some(1), ..Retry::default() })
        .parked_retries(retries.iter().copied())
}

/// Runs a subscription until it has handled so many events.
pub(super) async fn run_until(consumer: Consumer<impl Work>, handled: u64) {
    let mut progress = consumer.progress();
    let shutdown = async move {
        progress.wait_for(|it| it.handled >= handled).await.unwrap();
    };
    let run = consumer.run(shutdown);
    let ended = tokio::time::timeout(Duration::from_secs(30), run).await;
    assert_eq!(ended.expect("it waits for ever").unwrap().handled, handled);
}

pub(super) async fn heads(database: &Database) -> Vec<ParkedHead> {
    let location = crate::CursorDatabase::from(database.url()).locate().unwrap();
    let store = location.open().await.unwrap().cursors();
    let shards: Vec<_> = ShardCount::new(4).unwrap().numbers().collect();
    let heads = store.heads(&subscription(), &shards).await.unwrap();
    store.close().await;
    heads
}

pub(super) fn subscription() -> crate::store::Subscription {
    crate::store::Subscription { group: "default".into(), feed: Feed::new(0).iri }
}

/// Asks for something about the parked event.
async fn request(database: &Database, action: ParkAction) {
    let location = crate::CursorDatabase::from(database.url()).locate().unwrap();
    let store = location.open().await.unwrap().cursors();
    let asked = store.request(&subscription(), at(FAILING), &action, "ada").await.unwrap();
    assert!(matches!(asked, Requested::Asked(_)), "{asked:?}");
    store.close().await;
}

/// Each event once, and those of one subject in order.
pub(super) fn assert_whole(handled: &[u64], without: &[u64]) {
    let mut by_subject: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for position in handled {
        by_subject.entry(position % SUBJECTS).or_default().push(*position);
    }
    for (subject, positions) in &by_subject {
        assert!(positions.is_sorted(), "subject {subject}: {positions:?}");
    }
    let mut all = handled.to_vec();
    all.sort_unstable();
    let wanted: Vec<u64> = (1..=EVENTS).filter(|it| !without.contains(it)).collect();
    assert_eq!(all, wanted);
}

/// A consumer that notes what it handles, and fails with the event that is to fail so many times.
fn noting(
    builder: ConsumerBuilder<()>,
    handled: &Arc<Mutex<Vec<u64>>>,
    failures: u32,
) -> Consumer<impl Work + use<>> {
    let (handled, tries) = (Arc::clone(handled), AtomicU32::new(0));
    let note = move |recorded: Arc<Recorded>, _: Context| {
        let position = recorded.position.get();
        let fails = position == FAILING && tries.fetch_add(1, Ordering::Relaxed) < failures;
        if !fails {
            handled.lock().unwrap().push(position);
        }
        std::future::ready(if fails {
            Err(HandlerError::permanent("no such customer"))
        } else {
            Ok(())
        })
    };
    builder.on_any(note).build().unwrap()
}

#[tokio::test]
async fn if_nothing_else_is_said_an_event_is_tried_three_times_and_parked() {
    let (server, database) = (feed().await, sqlite().await);
    let tries = AtomicU32::new(0);
    let consumer = Consumer::builder(server.url(FEED))
        .database(database.url())
        .until_idle(true)
        .on_any(async |recorded, _| {
            if recorded.position == at(FAILING) {
                tries.fetch_add(1, Ordering::Relaxed);
                return Err(HandlerError::transient("busy"));
            }
            Ok(())
        })
        .build()
        .unwrap();
    let summary = consumer.run(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.ended), (EVENTS - 1 - BEHIND, Ended::Idle));
    assert_eq!(summary.position, at(EVENTS));
    assert_eq!(tries.into_inner(), 3);
}

#[tokio::test]
async fn a_parked_event_is_not_taken_up_before_the_wait_that_its_failure_asked_for() {
    let (server, database) = (feed().await, sqlite().await);
    let hour = Duration::from_secs(3600);
    let consumer = builder(&database, &server.url(FEED), &[Duration::from_millis(1)])
        .until_idle(true)
        .on_any(async |recorded, _| match recorded.position == at(FAILING) {
            true => Err(HandlerError::transient("busy").retry_after(Some(hour))),
            false => Ok(()),
        })
        .build()
        .unwrap();
    consumer.run(std::future::pending()).await.unwrap();
    let [head] = heads(&database).await.try_into().unwrap();
    assert!(head.due.is_some_and(|due| due > hour / 2), "{head:?}");
}

#[tokio::test]
async fn an_event_that_fails_for_good_holds_back_its_subject_alone() {
    for database in [sqlite().await, postgres().await] {
        let server = feed().await;
        let handled = Arc::default();
        let consumer = noting(builder(&database, &server.url(FEED), &[]), &handled, u32::MAX);
        run_until(consumer, EVENTS - 1 - BEHIND).await;
        let [head] = heads(&database).await.try_into().unwrap();
        assert_eq!((head.position, head.followers, head.due), (at(FAILING), BEHIND, None));
        // It is known after a crash, and to whoever has the shard next.
        let again = noting(builder(&database, &server.url(FEED), &[]), &handled, u32::MAX);
        let ended =
            tokio::time::timeout(Duration::from_millis(500), again.run(std::future::pending()));
        assert!(ended.await.is_err());
        let behind: Vec<u64> = (0..=BEHIND).map(|it| FAILING + it * SUBJECTS).collect();
        assert_whole(&handled.lock().unwrap(), &behind);
        assert_eq!(heads(&database).await, [head]);
    }
}

#[tokio::test]
async fn a_parked_event_is_taken_up_again_and_then_those_behind_it_in_order() {
    for database in [sqlite().await, postgres().await] {
        let server = feed().await;
        let handled = Arc::default();
        let soon = [Duration::from_millis(200), Duration::from_millis(50)];
        let consumer = noting(builder(&database, &server.url(FEED), &soon), &handled, 2);
        run_until(consumer, EVENTS).await;
        assert_whole(&handled.lock().unwrap(), &[]);
        assert_eq!(heads(&database).await, []);
    }
}

#[tokio::test]
async fn what_a_person_asks_for_is_done_by_the_worker() {
    let discard = ParkAction::Discard { reason: "a test".into() };
    for (action, without) in [(ParkAction::Retry, &[][..]), (discard, &[FAILING][..])] {
        for database in [sqlite().await, postgres().await] {
            let server = feed().await;
            let handled = Arc::default();
            let consumer = noting(builder(&database, &server.url(FEED), &[]), &handled, 1);
            let mut progress = consumer.progress();
            let asking = async {
                progress.wait_for(|it| it.handled >= EVENTS - 1 - BEHIND).await.unwrap();
                while heads(&database).await.is_empty() {
                    tokio::task::yield_now().await;
                }
                request(&database, action.clone()).await;
            };
            let wanted = EVENTS - without.len() as u64;
            tokio::join!(run_until(consumer, wanted), asking);
            assert_whole(&handled.lock().unwrap(), without);
            assert_eq!(heads(&database).await, []);
        }
    }
}

/// With handlers that write in transactions, each event is in the table once.
async fn in_transactions<DB: crate::Database>(database: Database, ledger: Ledger<DB>)
where
    Tx<DB>: Note,
{
    let server = feed().await;
    let tries = AtomicU32::new(0);
    let soon = [Duration::from_millis(100), Duration::from_millis(50)];
    let consumer = builder(&database, &server.url(FEED), &soon)
        .batch(7, Duration::ZERO)
        .transactional::<DB>()
        .on_any(async |mut tx, recorded, _| {
            ledger::note(&mut tx, recorded.position.get() as i64).await?;
            if recorded.position == at(FAILING) && tries.fetch_add(1, Ordering::Relaxed) < 3 {
                return Err(HandlerError::transient("busy"));
            }
            Ok(())
        })
        .build()
        .unwrap();
    run_until(consumer, EVENTS).await;
    let handled: Vec<u64> = ledger.all().await.into_iter().map(|it| it as u64).collect();
    assert_whole(&handled, &[]);
    assert_eq!(heads(&database).await, []);
}

#[tokio::test]
async fn a_parked_event_and_those_behind_it_are_in_a_table_of_sqlite_once() {
    let database = sqlite().await;
    let ledger = Ledger::<Sqlite>::create(&database).await;
    in_transactions(database, ledger).await;
}

#[tokio::test]
async fn a_parked_event_and_those_behind_it_are_in_a_table_of_postgresql_once() {
    let database = postgres().await;
    let ledger = Ledger::<Postgres>::create(&database).await;
    in_transactions(database, ledger).await;
}

#[tokio::test]
async fn a_handler_that_panics_has_failed_with_that_event_alone() {
    for database in [sqlite().await, postgres().await] {
        let server = feed().await;
        let handled: Arc<Mutex<Vec<u64>>> = Arc::default();
        let noted = Arc::clone(&handled);
        let consumer = builder(&database, &server.url(FEED), &[])
            .on_any(async move |recorded, _| {
                let position = recorded.position.get();
                assert!(position != FAILING, "no such customer");
                noted.lock().unwrap().push(position);
                Ok(())
            })
            .build()
            .unwrap();
        run_until(consumer, EVENTS - 1 - BEHIND).await;
        let [head] = heads(&database).await.try_into().unwrap();
        assert_eq!((head.position, head.followers), (at(FAILING), BEHIND));
        let behind: Vec<u64> = (0..=BEHIND).map(|it| FAILING + it * SUBJECTS).collect();
        assert_whole(&handled.lock().unwrap(), &behind);
    }
}
