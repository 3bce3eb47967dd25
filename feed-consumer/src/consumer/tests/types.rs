//! Handlers by the types of events.

use serde::Deserialize;

use super::*;
use crate::schedule::failures::Retry;

#[derive(Debug, Deserialize)]
struct Numbered {
    n: u64,
}

#[tokio::test]
async fn each_type_has_its_handler_and_what_has_none_is_passed_over_and_counted() {
    let (server, _) = serve(Feed::new(10)).await;
    let setup = Setup::new();
    let seen = Mutex::new(Vec::new());
    let consumer = setup
        .builder(&server.url(FEED))
        .on("c", async |(), _| Ok(()))
        .on("b", async |it: Numbered, cx| {
            assert_eq!((cx.position(), cx.id().as_str()), (at(it.n), &*it.n.to_string()));
            assert_eq!((cx.attempt(), cx.event_type().as_str()), (1, "b"));
            seen.lock().unwrap().push(it.n);
            Ok(())
        })
        .build()
        .unwrap();
    let progress = consumer.progress();
    let summary = consumer.run(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.passed_over, summary.position), (3, 7, at(10)));
    assert_eq!(progress.borrow().passed_over, 7);
    assert_eq!(*seen.lock().unwrap(), [3, 6, 9]);
    // The cursor has passed them all.
    setup.run(&server.url(FEED)).await.unwrap();
    assert!(setup.take().is_empty());
}

#[tokio::test]
async fn a_handler_of_any_type_takes_what_no_other_takes_wherever_it_is_named() {
    let (server, _) = serve(Feed::new(6)).await;
    let setup = Setup::new();
    let seen = Mutex::new(Vec::new());
    let note = |name: &'static str, n: u64| seen.lock().unwrap().push((name, n));
    let consumer = setup
        .builder(&server.url(FEED))
        .on_any(async |recorded, _| {
            note("any", recorded.position.get());
            Ok(())
        })
        .on("b", async |it: Numbered, _| {
            note("b", it.n);
            Ok(())
        })
        .build()
        .unwrap();
    consumer.run(std::future::pending()).await.unwrap();
    let expected = [("any", 1), ("any", 2), ("b", 3), ("any", 4), ("any", 5), ("b", 6)];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn data_that_does_not_fit_is_a_permanent_failure_of_its_event() {
    let (server, _) = serve(Feed::new(5)).await;
    let setup = Setup::new();
    let consumer =
        setup.stopping(&server.url(FEED)).on("b", async |_: Vec<u64>, _| Ok(())).build().unwrap();
    let error = consumer.run(std::future::pending()).await.unwrap_err();
    let ConsumerError::Handler { position, attempts: 1, source, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(*position, at(3));
    assert!(source.to_string().contains("data: invalid type: map"), "{source}");
}

#[test]
fn two_handlers_of_one_type_are_refused() {
    let builder = || Consumer::builder("http://127.0.0.1/feeds/orders");
    let twice = builder().on("a", async |(), _| Ok(())).on("a", async |(), _| Ok(()));
    let error = twice.build().unwrap_err();
    assert!(error.to_string().contains("two handlers take events of type \"a\""), "{error}");
    let twice = builder().on_any(async |_, _| Ok(())).on_any_batch(async |_, _| Ok(()));
    assert!(twice.build().unwrap_err().to_string().contains("of any type"));
}

#[tokio::test]
async fn a_batch_is_what_follows_each_other_and_in_order() {
    let (server, _) = serve(Feed::new(20)).await;
    let setup = Setup::new();
    let seen = Mutex::new(Vec::new());
    let consumer = setup
        .builder(&server.url(FEED))
        .batch(7, Duration::ZERO)
        .on_batch("a", async |them: Vec<Numbered>, cx| {
            assert_eq!(them.len(), cx.events().len());
            seen.lock().unwrap().push(them.iter().map(|it| it.n).collect::<Vec<_>>());
            Ok(())
        })
        .build()
        .unwrap();
    let summary = consumer.run(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.passed_over), (14, 6));
    let seen = seen.into_inner().unwrap();
    assert!(seen.iter().any(|batch| batch.len() == 2), "{seen:?}");
    let expected: Vec<u64> = (1..=20_u64).filter(|n| !n.is_multiple_of(3)).collect();
    assert_eq!(seen.concat(), expected);
}

#[tokio::test]
async fn the_event_that_fails_in_a_batch_is_found_and_named() {
    let (server, _) = serve(Feed::new(10)).await;
    let setup = Setup::new();
    let consumer = setup
        .stopping(&server.url(FEED))
        .on_any_batch(async |events, _| match events.iter().any(|event| event.position == at(7)) {
            true => Err(HandlerError::permanent("no such customer")),
            false => Ok(()),
        })
        .build()
        .unwrap();
    let error = consumer.run(std::future::pending()).await.unwrap_err();
    assert!(
        matches!(&error, ConsumerError::Handler { position, .. } if *position == at(7)),
        "{error:?}"
    );
    setup.run(&server.url(FEED)).await.unwrap();
    assert_eq!(setup.take(), [7, 8, 9, 10]);
}

#[tokio::test]
async fn an_event_is_tried_as_often_as_the_settings_say_and_knows_it() {
    let (server, _) = serve(Feed::new(5)).await;
    let setup = Setup::new();
    let attempts = Mutex::new(Vec::new());
    let backoff = Backoff { first: Duration::from_millis(1), cap: Duration::from_millis(1) };
    let consumer = setup
        .stopping(&server.url(FEED))
        .retry(Retry { attempts: Some(3), time: None, backoff })
        .on("b", async |_: Numbered, cx| {
            attempts.lock().unwrap().push(cx.attempt());
            Err(std::io::Error::other("busy").into())
        })
        .build()
        .unwrap();
    let error = consumer.run(std::future::pending()).await.unwrap_err();
    assert!(matches!(error, ConsumerError::Handler { attempts: 3, .. }), "{error:?}");
    assert_eq!(*attempts.lock().unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn a_handling_over_its_deadline_is_dropped_and_counts_as_a_try() {
    let (server, _) = serve(Feed::new(5)).await;
    let setup = Setup::new();
    let consumer = setup
        .stopping(&server.url(FEED))
        .deadline(Some(Duration::from_millis(20)))
        .on_any(async |recorded, cx| {
            if recorded.position == at(3) && cx.attempt() < 3 {
                std::future::pending::<()>().await;
            }
            Ok(())
        })
        .build()
        .unwrap();
    let summary = consumer.run(std::future::pending()).await.unwrap();
    assert_eq!(summary.handled, 5);
}

#[tokio::test]
async fn a_consumer_with_many_handlers_that_borrow_can_be_spawned() {
    let (server, _) = serve(Feed::new(5)).await;
    let setup = Setup::new();
    let (greeting, sum) = ("hello".to_owned(), Arc::new(Mutex::new(0)));
    let total = Arc::clone(&sum);
    let consumer = setup
        .builder(&server.url(FEED))
        .on("b", async move |it: Numbered, _| {
            tokio::task::yield_now().await;
            *total.lock().unwrap() += it.n + greeting.len() as u64;
            Ok(())
        })
        .on("c", async |_: Option<Numbered>, _| Ok(()))
        .on_any(async |_, _| Ok(()))
        .build()
        .unwrap();
    tokio::spawn(consumer.run(std::future::pending())).await.unwrap().unwrap();
    assert_eq!(*sum.lock().unwrap(), 8);
}
