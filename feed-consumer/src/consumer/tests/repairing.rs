//! A repair hook mends parked events, or leaves them to a person, and holds nothing up.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use feed_protocol::Event;

use super::parking::{
    BEHIND, EVENTS, FAILING, assert_whole, builder, feed, heads, run_until, subscription,
};
use super::*;
use crate::store::databases::{Database, postgres, sqlite};
use crate::store::parking::{Deed, RequestId};
use crate::{ParkedEvent, Repaired};

/// What a hook makes of the data of the event that fails.
const MENDED: &[u8] = b"{\"mended\":true}";

/// A consumer that notes what it handles, and fails with one event as long as this says so.
fn noting(
    builder: ConsumerBuilder<()>,
    handled: &Arc<Mutex<Vec<u64>>>,
    fails: impl Fn(&Recorded) -> bool + Send + Sync,
) -> Consumer<impl Work> {
    let handled = Arc::clone(handled);
    let note = move |recorded: Arc<Recorded>, _: Context| {
        let position = recorded.position.get();
        let fails = position == FAILING && fails(&recorded);
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

fn is_not_mended(recorded: &Recorded) -> bool {
    recorded.event.data().is_none_or(|data| data != MENDED)
}

/// What is on record about the event that failed.
async fn record(database: &Database) -> Vec<(Deed, String)> {
    let location = crate::CursorDatabase::from(database.url()).locate().unwrap();
    let store = location.open().await.unwrap().cursors();
    let record = store.record(&subscription(), Some(at(FAILING)), RequestId::default(), 100).await;
    store.close().await;
    let deeds = record.unwrap().into_iter();
    deeds
        .map(|it| match it.what {
            Deed::Left | Deed::EditAsked | Deed::RetryAsked => {
                (it.what, format!("{}: {}", it.who, it.why))
            }
            what => (what, String::new()),
        })
        .collect()
}

fn deeds(record: &[(Deed, String)]) -> Vec<Deed> {
    record.iter().map(|(what, _)| *what).collect()
}

/// Waits until something is on record.
async fn until_recorded(database: &Database, is_it: impl Fn(&[(Deed, String)]) -> bool) {
    let looking = async {
        while !is_it(&record(database).await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), looking).await.expect("it is never on record");
}

#[tokio::test]
async fn what_a_hook_mends_is_handled_and_then_those_behind_it() {
    for database in [sqlite().await, postgres().await] {
        let server = feed().await;
        let handled = Arc::default();
        let builder =
            builder(&database, &server.url(FEED), &[]).repair(async |parked: ParkedEvent| {
                assert_eq!((parked.position(), parked.repairs()), (at(FAILING), 1));
                assert_eq!(parked.error(), "no such customer");
                Ok(Repaired::resubmit(parked.with_data(MENDED)?))
            });
        let consumer = noting(builder, &handled, is_not_mended);
        run_until(consumer, EVENTS).await;
        assert_whole(&handled.lock().unwrap(), &[]);
        assert_eq!(heads(&database).await, []);
        let record = record(&database).await;
        assert_eq!(deeds(&record), [Deed::Parked, Deed::EditAsked, Deed::Taken, Deed::Handled]);
        assert!(record[1].1.starts_with("repair hook"), "{record:?}");
    }
}

#[tokio::test]
async fn nothing_waits_for_a_hook_that_hangs() {
    for database in [sqlite().await, postgres().await] {
        let server = feed().await;
        let (handled, is_asked) = (Arc::default(), Arc::<AtomicBool>::default());
        let asked = Arc::clone(&is_asked);
        let builder = builder(&database, &server.url(FEED), &[])
            .repair_deadline(Duration::from_millis(300))
            .repair(async move |_| {
                asked.store(true, Ordering::Relaxed);
                std::future::pending().await
            });
        let consumer = noting(builder, &handled, is_not_mended);
        let mut progress = consumer.progress();
        let shutdown = async {
            progress.wait_for(|it| it.handled >= EVENTS - 1 - BEHIND).await.unwrap();
            until_recorded(&database, |it| it.last().is_some_and(|it| it.0 == Deed::Left)).await;
        };
        consumer.run(shutdown).await.unwrap();
        assert!(is_asked.load(Ordering::Relaxed));
        let record = record(&database).await;
        assert!(record[1].1.contains("repair hook: ") && record[1].1.contains("300ms"));
        let behind: Vec<u64> = (FAILING..=EVENTS).step_by(5).collect();
        assert_whole(&handled.lock().unwrap(), &behind);
    }
}

#[tokio::test]
async fn a_hook_is_asked_three_times_when_what_it_sends_keeps_failing() {
    for database in [sqlite().await, postgres().await] {
        let server = feed().await;
        let (handled, calls) = (Arc::default(), Arc::<AtomicU32>::default());
        let count = Arc::clone(&calls);
        let builder = builder(&database, &server.url(FEED), &[]).repair(async move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(Repaired::retry())
        });
        let consumer = noting(builder, &handled, |_| true);
        let shutdown = until_recorded(&database, |it| it.iter().any(|it| it.0 == Deed::Left));
        consumer.run(shutdown).await.unwrap();
        assert_eq!(calls.load(Ordering::Relaxed), 3);
        let round = [Deed::RetryAsked, Deed::Taken, Deed::Failed];
        let all = [&[Deed::Parked][..], &round, &round, &round, &[Deed::Left]].concat();
        assert_eq!(deeds(&record(&database).await), all);
    }
}

#[tokio::test]
async fn what_a_hook_leaves_goes_on_by_its_own_schedule() {
    let database = sqlite().await;
    let server = feed().await;
    let (handled, tries) = (Arc::default(), AtomicU32::new(0));
    let soon = [Duration::from_millis(500)];
    let builder = builder(&database, &server.url(FEED), &soon)
        .repair(async |_| Ok(Repaired::leave("not my business")));
    let consumer = noting(builder, &handled, move |_| tries.fetch_add(1, Ordering::Relaxed) == 0);
    run_until(consumer, EVENTS).await;
    assert_whole(&handled.lock().unwrap(), &[]);
    let record = record(&database).await;
    assert_eq!(deeds(&record), [Deed::Parked, Deed::Left, Deed::Handled]);
    assert_eq!(record[1].1, "repair hook: not my business");
}

#[tokio::test]
async fn another_event_is_no_repair() {
    let database = sqlite().await;
    let server = feed().await;
    let handled = Arc::default();
    let builder = builder(&database, &server.url(FEED), &[]).repair(async |parked: ParkedEvent| {
        let mut parts = parked.event().clone().into_parts();
        parts.subject = Some("another".parse()?);
        Ok(Repaired::resubmit(Event::new(parts)?))
    });
    let consumer = noting(builder, &handled, is_not_mended);
    let shutdown = until_recorded(&database, |it| it.iter().any(|it| it.0 == Deed::Left));
    consumer.run(shutdown).await.unwrap();
    let record = record(&database).await;
    assert_eq!(deeds(&record), [Deed::Parked, Deed::Left]);
    assert!(record[1].1.contains("the subject of what the hook sent"), "{record:?}");
}

#[tokio::test]
async fn a_subscription_that_is_to_end_by_itself_waits_for_its_hook() {
    for database in [sqlite().await, postgres().await] {
        let server = feed().await;
        let handled = Arc::default();
        let builder = builder(&database, &server.url(FEED), &[]).until_idle(true).repair(
            async |parked: ParkedEvent| {
                tokio::time::sleep(Duration::from_millis(300)).await;
                Ok(Repaired::resubmit(parked.with_data(MENDED)?))
            },
        );
        let consumer = noting(builder, &handled, is_not_mended);
        let ended = consumer.run(std::future::pending()).await.unwrap();
        assert_eq!(ended.handled, EVENTS);
        assert_whole(&handled.lock().unwrap(), &[]);
    }
}

#[tokio::test]
async fn the_next_worker_asks_its_hook_about_what_was_parked_before() {
    for database in [sqlite().await, postgres().await] {
        let server = feed().await;
        let handled = Arc::default();
        let without = builder(&database, &server.url(FEED), &[]);
        run_until(noting(without, &handled, is_not_mended), EVENTS - 1 - BEHIND).await;
        until_recorded(&database, |it| deeds(it) == [Deed::Parked]).await;
        let with = builder(&database, &server.url(FEED), &[])
            .repair(async |parked: ParkedEvent| Ok(Repaired::resubmit(parked.with_data(MENDED)?)));
        run_until(noting(with, &handled, is_not_mended), BEHIND + 1).await;
        assert_whole(&handled.lock().unwrap(), &[]);
    }
}

#[tokio::test]
async fn a_hook_that_was_interrupted_is_asked_again_by_the_next_worker() {
    let database = sqlite().await;
    let server = feed().await;
    let (handled, is_asked) = (Arc::default(), Arc::<tokio::sync::Notify>::default());
    let asked = Arc::clone(&is_asked);
    let first = builder(&database, &server.url(FEED), &[]).repair(async move |_| {
        asked.notify_one();
        std::future::pending().await
    });
    noting(first, &handled, is_not_mended).run(is_asked.notified()).await.unwrap();
    assert_eq!(deeds(&record(&database).await), [Deed::Parked]);
    let second = builder(&database, &server.url(FEED), &[])
        .repair_deadline(Duration::from_millis(200))
        .repair(async |parked: ParkedEvent| {
            assert_eq!(parked.repairs(), 2);
            Ok(Repaired::resubmit(parked.with_data(MENDED)?))
        });
    let consumer = noting(second, &handled, is_not_mended);
    let shutdown = until_recorded(&database, |it| it.iter().any(|it| it.0 == Deed::Handled));
    consumer.run(shutdown).await.unwrap();
}
