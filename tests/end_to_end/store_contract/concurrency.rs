//! Several writers, several processes, and callers that go away.

use std::collections::HashSet;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use feed_protocol::Entry;
use feed_server::store::{EventStore, Feed, Window};
use tokio::task::JoinSet;

use super::Database;
use super::given::{
    append, assert_whole, events, everything_after, feed, places, positions, read_all, request,
};

pub(super) async fn positions_are_gapless_in_commit_order_under_concurrent_appends(
    database: &impl Database,
) {
    const WRITERS: u64 = 8;
    const REQUESTS: u64 = 25;
    let stores = [database.open().await, database.open().await];
    let orders = feed(&*stores[0], "orders").await;
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = stores
        .iter()
        .map(|store| tokio::spawn(follow(store.clone(), orders.clone(), done.clone())))
        .collect();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = stores[usize::from(writer % 2 == 0)].clone();
        let orders = orders.clone();
        writers.spawn(async move {
            let mut acknowledged = Vec::new();
            for number in 0..REQUESTS {
                let ids = (0..=number % 3).map(|part| format!("{writer}-{number}-{part}"));
                let request = request(&orders, events(ids));
                let result = append(&*store, &orders, request.events.clone()).await.unwrap();
                let first = result[0].position.get();
                for (event, (appended, expected)) in
                    request.events.iter().zip(result.iter().zip(first..))
                {
                    assert_eq!(appended.position.get(), expected, "successive in a request");
                    acknowledged.push((appended.position, event.id().clone()));
                }
            }
            acknowledged
        });
    }
    let acknowledged = writers.join_all().await.concat();
    done.store(true, Ordering::Release);

    let log = read_all(&*stores[0], &orders).await;
    assert_eq!(log.len(), acknowledged.len());
    for (position, id) in &acknowledged {
        let entry = &log[usize::try_from(position.get() - 1).unwrap()];
        assert_eq!(entry.recorded.event.id(), id);
    }
    for reader in readers {
        assert_eq!(reader.await.unwrap(), log, "nothing appeared behind a reader");
    }
}

/// Reads a feed as it grows, never looking back, until it has seen the end.
async fn follow(store: Arc<dyn EventStore>, feed: Feed, done: Arc<AtomicBool>) -> Vec<Entry> {
    let mut seen = Vec::new();
    loop {
        let was_done = done.load(Ordering::Acquire);
        let window = Window { max_positions: 7, ..everything_after(seen.len() as u64) };
        let slice = store.read(&feed, &window).await.unwrap();
        assert_whole(&slice);
        if slice.range.is_empty() {
            if was_done {
                return seen;
            }
            tokio::task::yield_now().await;
        }
        seen.extend(slice.entries);
    }
}

pub(super) async fn a_second_process_sees_commits(database: &impl Database) {
    let (here, there) = (database.open().await, database.open().await);
    let orders = feed(&*here, "orders").await;
    there.changed_elsewhere().await;
    assert_eq!(there.feeds().await.unwrap()[0].0, orders);
    for id in 1..=3 {
        append(&*here, &orders, events([id])).await.unwrap();
        // Even where nobody listened while it happened.
        there.changed_elsewhere().await;
        assert_eq!(there.head(&orders).await.unwrap().position.get(), id);
        assert_eq!(positions(&read_all(&*there, &orders).await).len() as u64, id);
    }
    assert_eq!(places(&append(&*there, &orders, events([3, 4])).await), [(3, false), (4, true)]);
}

pub(super) async fn a_dropped_append_is_stored_whole_or_not_at_all(database: &impl Database) {
    let store = database.open().await;
    let orders = feed(&*store, "orders").await;
    let mut stored = HashSet::new();
    let mut finished = 0;
    // Each time the caller goes away one step later, until it stays to the end.
    for steps in 1.. {
        let requests = [
            request(&orders, events((0..100).map(|id| format!("{steps}-{id}")))),
            request(&orders, events([format!("{steps}-last")])),
        ];
        if poll_times(steps, store.append(&requests)).await.is_some() {
            finished += 1;
        }
        // The next append waits for what the dropped one left under way, and settles it.
        let results = store.append(&requests).await.unwrap().results;
        let created: HashSet<bool> =
            results.iter().flat_map(places).map(|(_, created)| created).collect();
        assert_eq!(created.len(), 1, "step {steps}: some events were stored, and some not");
        stored.extend(results.iter().flat_map(places).map(|(position, _)| position));
        if finished == 3 {
            break;
        }
    }
    let log = read_all(&*store, &orders).await;
    assert_eq!(log.len(), stored.len());
    store.check().await.unwrap();
}

/// Polls a future at most so many times, each time when it asks for it, and then drops it.
async fn poll_times<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polled = 0;
    poll_fn(|context| {
        polled += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polled == times => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
