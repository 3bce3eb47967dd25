use std::future::ready;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::sync::Notify;

use super::*;
use crate::cursor::Window;

#[tokio::test]
async fn a_transient_failure_is_tried_again_and_holds_back_what_follows() {
    let (server, _) = serve(Feed::new(5)).await;
    let setup = Setup::new();
    let tried = Arc::new(Mutex::new(Vec::new()));
    let noting = Arc::clone(&tried);
    let consumer = setup
        .stopping(&server.url(FEED))
        .shards(ShardCount::ONE)
        .on_any(move |recorded: Arc<Recorded>, _| {
            let mut tried = noting.lock().unwrap();
            tried.push(recorded.position.get());
            let fails = recorded.position == at(3) && tried.len() < 6;
            ready(if fails { Err(std::io::Error::other("busy").into()) } else { Ok(()) })
        })
        .build()
        .unwrap();
    assert_eq!(consumer.run(std::future::pending()).await.unwrap().handled, 5);
    assert_eq!(*tried.lock().unwrap(), [1, 2, 3, 3, 3, 3, 4, 5]);
}

#[tokio::test]
async fn where_nothing_is_parked_a_permanent_failure_ends_the_subscription_before_the_event() {
    let (server, _) = serve(Feed::new(5)).await;
    let setup = Setup::new();
    let consumer = setup
        .stopping(&server.url(FEED))
        .on_any(|recorded: Arc<Recorded>, _| {
            let fails = recorded.position == at(3);
            ready(if fails { Err(HandlerError::permanent("no such customer")) } else { Ok(()) })
        })
        .build()
        .unwrap();
    let error = consumer.run(std::future::pending()).await.unwrap_err();
    assert!(
        matches!(&error, ConsumerError::Handler { position, id, attempts: 1, source, .. }
            if *position == at(3) && id == "3" && source.to_string() == "no such customer"),
        "{error:?}"
    );
    setup.run(&server.url(FEED)).await.unwrap();
    assert_eq!(setup.take(), [3, 4, 5]);
}

#[tokio::test]
async fn where_nothing_is_parked_a_handler_that_never_recovers_is_given_up_in_time() {
    let (server, _) = serve(Feed::new(5)).await;
    let setup = Setup::new();
    let consumer = setup
        .stopping(&server.url(FEED))
        .give_up_after(Some(Duration::from_millis(20)))
        .on_any(|_, _| ready(Err(HandlerError::transient("busy"))))
        .build()
        .unwrap();
    let error = consumer.run(std::future::pending()).await.unwrap_err();
    assert!(matches!(error, ConsumerError::Handler { attempts: 2.., .. }), "{error:?}");
}

#[tokio::test]
async fn a_handler_that_wants_no_more_ends_the_subscription_in_peace() {
    let (server, _) = serve(Feed::new(5)).await;
    let setup = Setup::new();
    let consumer = setup
        .builder(&server.url(FEED))
        .on_any(|recorded: Arc<Recorded>, _| {
            let ends = recorded.position == at(3);
            ready(if ends { Err(HandlerError::closed("enough")) } else { Ok(()) })
        })
        .build()
        .unwrap();
    let summary = consumer.run(std::future::pending()).await.unwrap();
    assert_eq!((summary.ended, summary.position), (Ended::Closed, at(2)));
}

/// Blocks on the event at this position until it is released.
fn blocking(
    position: u64,
    reached: &Arc<Notify>,
    release: &Arc<Notify>,
) -> impl AsyncFn(Arc<Recorded>, Context) -> Result<(), HandlerError> + Send + Sync + use<> {
    let (reached, release) = (Arc::clone(reached), Arc::clone(release));
    async move |recorded: Arc<Recorded>, _: Context| {
        if recorded.position == at(position) {
            reached.notify_one();
            release.notified().await;
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_shutdown_waits_for_the_event_in_hand() {
    let (server, _) = serve(Feed::new(5)).await;
    let setup = Setup::new();
    let (reached, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let consumer = setup
        .builder(&server.url(FEED))
        .grace(Duration::from_secs(60))
        .on_any(blocking(3, &reached, &release))
        .build()
        .unwrap();
    let shutdown = async {
        reached.notified().await;
        release.notify_one();
    };
    let summary = consumer.run(shutdown).await.unwrap();
    assert_eq!((summary.ended, summary.position), (Ended::Shutdown, at(3)));
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_ever() {
    let (server, _) = serve(Feed::new(5)).await;
    let setup = Setup::new();
    let (reached, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let consumer = setup
        .builder(&server.url(FEED))
        .shards(ShardCount::ONE)
        .grace(Duration::from_millis(1))
        .on_any(blocking(3, &reached, &release))
        .build()
        .unwrap();
    let summary = consumer.run(reached.notified()).await.unwrap();
    assert_eq!((summary.ended, summary.position), (Ended::Shutdown, at(2)));
    setup.run(&server.url(FEED)).await.unwrap();
    assert_eq!(setup.take(), [3, 4, 5]);
}

#[tokio::test]
async fn a_shutdown_ends_the_wait_between_two_tries() {
    let (server, _) = serve(Feed::new(5)).await;
    let setup = Setup::new();
    let failed = Arc::new(Notify::new());
    let fails = Arc::clone(&failed);
    let hour = Duration::from_secs(3600);
    let consumer = setup
        .stopping(&server.url(FEED))
        .backoff(Backoff { first: hour, cap: hour })
        .give_up_after(None)
        .on_any(move |_, _| {
            fails.notify_one();
            ready(Err(HandlerError::transient("busy")))
        })
        .build()
        .unwrap();
    let summary = consumer.run(failed.notified()).await.unwrap();
    assert_eq!((summary.ended, summary.handled), (Ended::Shutdown, 0));
}

#[tokio::test]
async fn a_crash_repeats_no_more_than_the_window() {
    let (server, _) = serve(Feed::new(50)).await;
    for (events, repeated) in [(1, 0), (7, 4), (100, 32)] {
        let setup = Setup::new();
        let (reached, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let consumer = setup
            .builder(&server.url(FEED))
            .shards(ShardCount::ONE)
            .window(Window { events, time: Duration::from_secs(3600) })
            .on_any(blocking(33, &reached, &release))
            .build()
            .unwrap();
        tokio::select! {
            _ = consumer.run(std::future::pending()) => panic!("it cannot end"),
            () = reached.notified() => {}
        }
        setup.run(&server.url(FEED)).await.unwrap();
        assert_eq!(setup.take(), (33 - repeated..=50).collect::<Vec<_>>(), "{events}");
    }
}

#[tokio::test]
async fn the_cursor_moves_in_time_while_an_event_takes_long() {
    let (server, _) = serve(Feed::new(50)).await;
    let setup = Setup::new();
    let (reached, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let window = Window { events: 100, time: Duration::from_millis(1) };
    let consumer = setup
        .builder(&server.url(FEED))
        .shards(ShardCount::ONE)
        .window(window)
        .on_any(blocking(33, &reached, &release))
        .build()
        .unwrap();
    let database = consumer.database.clone();
    let stored = async {
        reached.notified().await;
        let store = database.open().await.unwrap().cursors();
        let feed = Feed::new(0).iri;
        let subscription = crate::store::Subscription { group: "default".into(), feed };
        while store.shards(&subscription).await.unwrap()[0].place.position != at(32) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = consumer.run(std::future::pending()) => panic!("it cannot end"),
        () = stored => {}
    }
}

#[tokio::test]
async fn workers_of_one_subscription_share_it_and_each_event_is_handled_once() {
    let (server, _) = serve(Feed::new(500)).await;
    let setup = Setup::new();
    let (reached, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let first = setup
        .builder(&server.url(FEED))
        .window(Window::ONE)
        .on_any(blocking(3, &reached, &release))
        .build()
        .unwrap();
    let (two, three) = (
        setup.noting(setup.builder(&server.url(FEED))),
        setup.noting(setup.builder(&server.url(FEED))),
    );
    let others = async {
        reached.notified().await;
        // Whatever the first has in hand stays its own, and the others wait for it.
        tokio::join!(two.run(std::future::pending()), three.run(std::future::pending()), async {
            while setup.handled.lock().unwrap().len() < 50 {
                tokio::task::yield_now().await;
            }
            release.notify_one();
        })
    };
    let (first, (two, three, ())) = tokio::join!(first.run(std::future::pending()), others);
    let handled = setup.take().len() as u64;
    assert_eq!(handled, two.unwrap().handled + three.unwrap().handled);
    assert_eq!(first.unwrap().handled + handled, 500);
}

#[tokio::test]
async fn a_closure_may_count_in_a_variable_around_it() {
    let (server, _) = serve(Feed::new(5)).await;
    let setup = Setup::new();
    let count = AtomicU32::new(0);
    let consumer = setup
        .builder(&server.url(FEED))
        .on_any(async |recorded: Arc<Recorded>, _| {
            tokio::task::yield_now().await;
            count.fetch_add(u32::from(recorded.event.data().is_some()), Ordering::Relaxed);
            Ok(())
        })
        .build()
        .unwrap();
    consumer.run(std::future::pending()).await.unwrap();
    assert_eq!(count.into_inner(), 5);
}

/// Needs the same thing to handle an event and to flush, as a writer of lines does.
#[derive(Default)]
struct OneAtATime {
    output: tokio::sync::Mutex<u32>,
    is_long: AtomicBool,
    flushing: Notify,
}

impl Handler for &OneAtATime {
    async fn handle(&self, event: Arc<Recorded>) -> Result<(), HandlerError> {
        let mut output = self.output.lock().await;
        if event.position == at(3) {
            self.is_long.store(true, Ordering::Relaxed);
            self.flushing.notified().await;
        }
        *output += 1;
        Ok(())
    }

    async fn flush(&self) -> Result<(), HandlerError> {
        if self.is_long.load(Ordering::Relaxed) {
            self.flushing.notify_one();
        }
        drop(self.output.lock().await);
        Ok(())
    }
}

#[tokio::test]
async fn an_event_that_takes_long_goes_on_while_what_came_before_is_flushed() {
    let (server, _) = serve(Feed::new(5)).await;
    let setup = Setup::new();
    let handler = OneAtATime::default();
    let consumer = setup
        .builder(&server.url(FEED))
        .window(Window { events: 100, time: Duration::from_millis(1) })
        .handler(&handler)
        .build()
        .unwrap();
    let run = consumer.run(std::future::pending());
    let ended = tokio::time::timeout(Duration::from_secs(30), run).await;
    assert_eq!(ended.expect("it stands still").unwrap().handled, 5);
    assert_eq!(*handler.output.lock().await, 5);
}

#[tokio::test]
async fn the_longest_times_are_for_ever() {
    let (server, _) = serve(Feed::new(3)).await;
    let longest = Duration::MAX;
    let setup = Setup::new();
    let consumer = setup
        .builder(&server.url(FEED))
        .window(Window { events: 100, time: longest })
        .batch(100, longest)
        .deadline(Some(longest))
        .give_up_after(Some(longest))
        .grace(longest)
        .lease(longest)
        .on_any(async |_, _| Ok(()))
        .build()
        .unwrap();
    assert_eq!(consumer.run(std::future::pending()).await.unwrap().handled, 3);
}
