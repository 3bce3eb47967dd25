//! What people order for a subscription while it runs.

use std::collections::BTreeMap;

use super::parking::subscription;
use super::*;
use crate::ShardCount;
use crate::shard::ShardNumber;
use crate::store::databases::{Database, postgres, sqlite};
use crate::store::orders::{PauseReason, Resharding};

const SUBJECTS: u64 = 40;

async fn open(database: &Database) -> Arc<dyn CursorStore> {
    crate::CursorDatabase::from(database.url()).locate().unwrap().open().await.unwrap().cursors()
}

fn builder(database: &Database, url: &str) -> ConsumerBuilder<()> {
    Consumer::builder(url)
        .database(database.url())
        .shards(ShardCount::new(4).unwrap())
        .concurrency(3)
        .lease(Duration::from_secs(2))
}

fn noting(
    builder: ConsumerBuilder<()>,
    handled: &Arc<Mutex<Vec<u64>>>,
) -> Consumer<impl Work + use<>> {
    let handled = Arc::clone(handled);
    let note = move |recorded: Arc<Recorded>, _: Context| {
        handled.lock().unwrap().push(recorded.position.get());
        std::future::ready(Ok(()))
    };
    builder.on_any(note).build().unwrap()
}

/// Each event once, and those of one subject in order.
fn assert_whole(handled: &[u64], events: u64) {
    let mut by_subject: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for position in handled {
        by_subject.entry(position % SUBJECTS).or_default().push(*position);
    }
    for (subject, positions) in &by_subject {
        assert!(positions.is_sorted(), "subject {subject}: {positions:?}");
    }
    let mut all = handled.to_vec();
    all.sort_unstable();
    assert_eq!(all, (1..=events).collect::<Vec<_>>());
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(40), what).await.expect("it takes for ever")
}

#[tokio::test]
async fn nothing_of_a_paused_shard_is_handled_until_it_goes_on() {
    for database in [sqlite().await, postgres().await] {
        let (server, feed) = serve(Feed::new(0)).await;
        let handled = Arc::default();
        let idle = noting(builder(&database, &server.url(FEED)).until_idle(true), &handled);
        idle.run(std::future::pending()).await.unwrap();
        let store = open(&database).await;
        let paused = [ShardNumber::new(1), ShardNumber::new(3)];
        let reason = PauseReason { who: "ann".into(), why: "the mail server moves".into() };
        let told = store.pause(&subscription(), &paused, Some(&reason)).await.unwrap();
        assert_eq!(told, paused);
        feed.lock().unwrap().publish_about(200, SUBJECTS);
        let count = ShardCount::new(4).unwrap();
        let is_paused = |position: u64| {
            let recorded = feed.lock().unwrap().recorded(position);
            let event = &recorded.event;
            paused.contains(&count.shard_of(event.subject(), event.source(), event.id()))
        };
        let (now, later): (Vec<u64>, Vec<u64>) = (1..=200).partition(|it| !is_paused(*it));
        assert!(now.len() > 20 && later.len() > 20);

        let consumer = noting(builder(&database, &server.url(FEED)), &handled);
        let mut progress = consumer.progress();
        let (all, ended) = tokio::sync::oneshot::channel::<()>();
        let asking = async {
            let free = u64::try_from(now.len()).unwrap();
            progress.wait_for(|it| it.handled >= free).await.unwrap();
            // A beat, and more, later it is still so.
            let paused_at = store.shards(&subscription()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(500)).await;
            let mut done = handled.lock().unwrap().clone();
            done.sort_unstable();
            assert_eq!(done, now);
            assert!(paused_at.iter().filter(|shard| shard.paused.is_some()).count() == 2);
            let told = store.pause(&subscription(), &[], None).await.unwrap();
            assert_eq!(told, paused);
            progress.wait_for(|it| it.handled >= 200).await.unwrap();
            drop(all);
        };
        let run = consumer.run(async { ended.await.unwrap_or_default() });
        let (ended, ()) = within(async { tokio::join!(run, asking) }).await;
        ended.unwrap();
        assert_whole(&handled.lock().unwrap(), 200);
        store.close().await;
    }
}

#[tokio::test]
async fn another_number_of_shards_loses_doubles_and_reorders_nothing() {
    for database in [sqlite().await, postgres().await] {
        let mut feed = Feed::new(0);
        feed.publish_about(300, SUBJECTS);
        let (server, feed) = serve(feed).await;
        let handled = Arc::default();
        let consumers = [
            noting(builder(&database, &server.url(FEED)), &handled),
            noting(builder(&database, &server.url(FEED)), &handled),
        ];
        let mut watched = consumers.each_ref().map(Consumer::progress);
        let (all, ended) = tokio::sync::watch::channel(false);
        let asking = async {
            let store = loop {
                let store = open(&database).await;
                // One that starts later is told that there is another number.
                if store.workers(&subscription()).await.unwrap().len() == 2 {
                    break store;
                }
                store.close().await;
            };
            for (round, shards) in [7_u16, 2, 16].into_iter().enumerate() {
                let count = ShardCount::new(shards).unwrap();
                assert!(store.reshard(&subscription(), count).await.unwrap());
                feed.lock().unwrap().publish_about(100, SUBJECTS);
                let is_done = |step| matches!(step, Resharding::Done(now) if now == count);
                while !is_done(store.reshard_step(&subscription()).await.unwrap()) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                assert_eq!(store.shards(&subscription()).await.unwrap().len(), usize::from(shards));
                let all = 300 + 100 * (u64::try_from(round).unwrap() + 1);
                let sum = |watched: &[tokio::sync::watch::Receiver<Progress>]| {
                    watched.iter().map(|it| it.borrow().handled).sum::<u64>()
                };
                while sum(&watched) < all {
                    let [one, other] = &mut watched;
                    tokio::select! {
                        changed = one.changed() => changed.unwrap(),
                        changed = other.changed() => changed.unwrap(),
                    }
                }
                assert_whole(&handled.lock().unwrap(), all);
            }
            store.close().await;
            all.send_replace(true);
        };
        let [one, other] = consumers.map(|consumer| {
            let mut ended = ended.clone();
            consumer.run(async move { drop(ended.wait_for(|it| *it).await) })
        });
        let (one, other, ()) = within(async { tokio::join!(one, other, asking) }).await;
        assert_eq!(one.unwrap().handled + other.unwrap().handled, 600);
    }
}

/// A subscription of which one shard is paused, the feed, and the events of that shard.
async fn with_a_paused_shard(
    database: &Database,
    events: u64,
) -> (Scripted, Arc<Mutex<Feed>>, Arc<dyn CursorStore>, Vec<u64>) {
    let (server, feed) = serve(Feed::new(0)).await;
    let none = noting(builder(database, &server.url(FEED)).until_idle(true), &Arc::default());
    none.run(std::future::pending()).await.unwrap();
    feed.lock().unwrap().publish_about(events, SUBJECTS);
    let count = ShardCount::new(4).unwrap();
    let of = |position: u64| {
        let recorded = feed.lock().unwrap().recorded(position);
        let event = &recorded.event;
        count.shard_of(event.subject(), event.source(), event.id())
    };
    let shard = of(1);
    let store = open(database).await;
    let reason = PauseReason { who: "ann".into(), why: String::new() };
    store.pause(&subscription(), &[shard], Some(&reason)).await.unwrap();
    let paused = (1..=events).filter(|it| of(*it) == shard).collect();
    (server, feed, store, paused)
}

#[tokio::test]
async fn a_shard_that_lags_far_behind_catches_up_however_slow_its_handler_is() {
    let database = sqlite().await;
    let (server, feed, store, paused) = with_a_paused_shard(&database, 200).await;
    // Several times as many as there is room for, all of one subject of the paused shard.
    let subject = feed.lock().unwrap().recorded(paused[0]).event.subject().cloned();
    feed.lock().unwrap().publish_of(1_000, subject.as_ref());
    let handled: Arc<Mutex<Vec<u64>>> = Arc::default();
    let is_lagging = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let consumer = {
        let (handled, is_lagging) = (Arc::clone(&handled), Arc::clone(&is_lagging));
        let handle = move |recorded: Arc<Recorded>, _: Context| {
            let (handled, is_lagging) = (Arc::clone(&handled), Arc::clone(&is_lagging));
            async move {
                if is_lagging.load(std::sync::atomic::Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                handled.lock().unwrap().push(recorded.position.get());
                Ok(())
            }
        };
        builder(&database, &server.url(FEED)).on_any(handle).build().unwrap()
    };
    let mut progress = consumer.progress();
    let (all, ended) = tokio::sync::oneshot::channel::<()>();
    let asking = async {
        let others = 200 - u64::try_from(paused.len()).unwrap();
        progress.wait_for(|it| it.handled >= others).await.unwrap();
        is_lagging.store(true, std::sync::atomic::Ordering::Relaxed);
        store.pause(&subscription(), &[], None).await.unwrap();
        progress.wait_for(|it| it.handled >= 1_200).await.unwrap();
        drop(all);
    };
    let run = consumer.run(async { ended.await.unwrap_or_default() });
    let (ended, ()) = within(async { tokio::join!(run, asking) }).await;
    ended.unwrap();
    assert_eq!(handled.lock().unwrap().len(), 1_200);
    let mut all = handled.lock().unwrap().clone();
    all.retain(|position| *position > 200 || paused.contains(position));
    assert!(all.is_sorted(), "the shard's events are in order");
}

#[tokio::test]
async fn a_feed_that_cannot_be_read_any_more_is_told_though_a_shard_is_paused() {
    let database = sqlite().await;
    let (server, feed, _store, paused) = with_a_paused_shard(&database, 200).await;
    let consumer = noting(builder(&database, &server.url(FEED)), &Arc::default());
    let mut progress = consumer.progress();
    let replacing = async {
        let others = 200 - u64::try_from(paused.len()).unwrap();
        progress.wait_for(|it| it.handled >= others).await.unwrap();
        let mut feed = feed.lock().unwrap();
        feed.incarnation = "another".parse().unwrap();
    };
    let run = consumer.run(std::future::pending());
    let (ended, ()) = within(async { tokio::join!(run, replacing) }).await;
    assert!(matches!(ended, Err(ConsumerError::Discontinuity(_))), "{ended:?}");
}
