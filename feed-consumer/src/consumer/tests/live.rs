//! Live subscriptions: by stream, and by what there is instead.

use super::*;
use crate::reading::client::Limits;

/// Limits with which a test ends soon.
fn limits() -> Limits {
    let (stream_opening, stream_silence) = (Duration::from_millis(300), Duration::from_millis(600));
    Limits { stream_opening, stream_silence, ..Limits::default() }
}

/// Runs a live subscription until it has come to this position.
async fn run_to(setup: &Setup, url: &str, position: u64) -> Result<Summary, ConsumerError> {
    let handled = Arc::clone(&setup.handled);
    let note = move |recorded: Arc<Recorded>, _| {
        let id = recorded.event.id().to_string();
        handled.lock().unwrap().push((recorded.position.get(), id));
        std::future::ready(Ok(()))
    };
    let builder = setup.builder(url).until_idle(false).http(limits().into());
    let consumer = builder.on_any(note).build().unwrap();
    let mut progress = consumer.progress();
    let end = async { drop(progress.wait_for(|it| it.position == at(position)).await.unwrap()) };
    consumer.run(end).await
}

/// A server of a feed of this many events, whose streams are as the script says.
async fn serve_stream(
    count: u64,
    stream: impl Fn(&Asked, &Feed, u64) -> Answer + Send + Sync + 'static,
) -> (Scripted, Arc<Mutex<Feed>>) {
    let feed = Feed::new(count);
    let shared = Arc::new(Mutex::new(feed));
    let served = Arc::clone(&shared);
    let script = move |asked: &Asked| {
        let feed = served.lock().unwrap();
        match asked.stream_after() {
            Some(after) => stream(asked, &feed, after),
            None => feed.answer(asked),
        }
    };
    (Scripted::start(script).await, shared)
}

/// How often a stream was asked for, and how often a request was to be held.
fn ways(server: &Scripted) -> (usize, usize) {
    let asked = server.asked();
    let streams = asked.iter().filter(|it| it.stream_after().is_some()).count();
    (streams, asked.iter().filter(|it| it.header("prefer").is_some()).count())
}

#[tokio::test]
async fn a_live_subscription_catches_up_by_pages_and_follows_the_stream() {
    let (server, _) = serve_stream(27, |_, feed, after| {
        let mut later = feed.clone();
        later.publish(2);
        Answer::stream(&later.stream(after, None))
    })
    .await;
    let setup = Setup::new();
    let summary = run_to(&setup, &server.url(FEED), 29).await.unwrap();
    assert_eq!(summary.ended, Ended::Shutdown);
    assert_eq!(setup.take(), (1..=29).collect::<Vec<_>>());
    assert_eq!(ways(&server), (1, 0));
    let asked = server.asked();
    let stream = asked.iter().find(|it| it.stream_after().is_some()).unwrap();
    assert_eq!(stream.target, "/feeds/orders?after=k3v9x2%3A27");
    // What compresses may hold back what there is.
    assert_eq!(stream.header("accept-encoding"), Some("identity"));
    assert_eq!(stream.header("cache-control"), Some("no-cache"));
}

#[tokio::test]
async fn under_a_filter_a_stream_moves_the_cursor_past_what_it_does_not_show() {
    let (server, _) =
        serve_stream(8, |_, feed, after| Answer::stream(&feed.stream(after, Some("b")))).await;
    let setup = Setup::new();
    let url = server.url("/feeds/orders?type=b");
    assert_eq!(run_to(&setup, &url, 8).await.unwrap().handled, 2);
    assert_eq!(setup.take(), [3, 6]);
    assert_eq!(ways(&server), (1, 0));
    assert!(server.targets().contains(&"/feeds/orders?type=b&after=k3v9x2%3A0".to_owned()));
}

#[tokio::test]
async fn where_there_is_no_stream_a_live_subscription_asks_the_server_to_wait() {
    let no_stream: [fn() -> Answer; 5] = [
        || Answer::status("406 Not Acceptable"),
        || Answer::status("404 Not Found"),
        || Answer::status("501 Not Implemented"),
        || Answer::new("200 OK", &[("content-type", "text/html")], b"<html>Welcome</html>"),
        // Something on the way collects what comes.
        || Answer::stream(b""),
    ];
    for answer in no_stream {
        let (server, _) = serve_stream(5, move |_, _, _| answer()).await;
        let setup = Setup::new();
        run_to(&setup, &server.url(FEED), 5).await.unwrap();
        assert_eq!(setup.take(), [1, 2, 3, 4, 5]);
        let (streams, long_polls) = ways(&server);
        assert!(streams == 1 && long_polls > 0);
    }
}

#[tokio::test]
async fn a_stream_that_leaves_something_out_is_not_believed() {
    let spoil: [fn(String) -> String; 9] = [
        |it| it.replacen("id: k3v9x2:2\n", "id: k3v9x2:3\n", 1),
        |it| it.replacen("id: k3v9x2:0\n", "id: k3v9x2:5\n", 1),
        |it| it.replacen("id: k3v9x2:2\n", "id: other:2\n", 1),
        |it| it.replacen("id: k3v9x2:2\n", "id: 2\n", 1),
        |it| it.replacen("id: k3v9x2:2\n", "id\n", 1),
        |it| it.replacen("id: k3v9x2:2\n", "", 1),
        |it| it.replacen("\"feedposition\":\"2\"", "\"feedposition\":\"3\"", 1),
        |it| it.replacen("{\"n\":2}", "{\"n\":2", 1),
        // The event is gone, and its position is not.
        |it| it.replacen("data: ", "date: ", 2),
    ];
    for (n, spoil) in spoil.into_iter().enumerate() {
        let (server, _) = serve_stream(6, move |_, feed, after| {
            let good = String::from_utf8(feed.stream(after, None)).unwrap();
            let bad = spoil(good.clone());
            assert!(after > 0 || bad != good);
            Answer::stream(bad.as_bytes())
        })
        .await;
        let setup = Setup::new();
        run_to(&setup, &server.url(FEED), 6).await.unwrap();
        assert_eq!(setup.take(), [1, 2, 3, 4, 5, 6], "{n}");
        assert!(ways(&server).0 > 1, "{n}");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_anywhere_is_opened_again_where_it_was() {
    let length = Feed::new(4).stream(0, None).len();
    for cut in (0..length).step_by(37) {
        let (server, _) = serve_stream(4, move |asked, feed, after| {
            let whole = Answer::stream(&feed.stream(after, None));
            if asked.repeats == 0 && after == 0 { whole.cut(cut) } else { whole }
        })
        .await;
        let setup = Setup::new();
        run_to(&setup, &server.url(FEED), 4).await.unwrap();
        assert_eq!(setup.take(), [1, 2, 3, 4], "cut by {cut}");
    }
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_given_up_for_requests_that_are_held() {
    let (server, feed) =
        serve_stream(3, |_, feed, after| Answer::stream(&feed.stream(after, None))).await;
    let setup = Setup::new();
    let publish = async {
        while ways(&server).0 == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // The stream does not tell of it.
        feed.lock().unwrap().publish(2);
    };
    let url = server.url(FEED);
    let (summary, ()) = tokio::join!(run_to(&setup, &url, 5), publish);
    assert_eq!(summary.unwrap().handled, 5);
    assert_eq!(setup.take(), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn streams_that_end_where_they_begin_are_given_up() {
    let (server, feed) = serve_stream(3, |_, feed, after| {
        let media_type = [("content-type", "text/event-stream")];
        Answer::new("200 OK", &media_type, &feed.stream(after, None))
    })
    .await;
    let setup = Setup::new();
    let publish = async {
        while ways(&server).1 == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        feed.lock().unwrap().publish(2);
    };
    let url = server.url(FEED);
    let (summary, ()) = tokio::join!(run_to(&setup, &url, 5), publish);
    assert_eq!(summary.unwrap().handled, 5);
    assert_eq!(setup.take(), [1, 2, 3, 4, 5]);
    assert_eq!(ways(&server).0, 2);
}

#[tokio::test]
async fn a_server_that_holds_no_request_is_asked_again_and_again() {
    let (server, feed) = serve_stream(3, |_, _, _| Answer::status("406 Not Acceptable")).await;
    let setup = Setup::new();
    let publish = async {
        let unheld = "/feeds/orders/k3v9x2/after/3";
        while server.asked().iter().filter(|it| it.target == unheld).count() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        feed.lock().unwrap().publish(1);
    };
    let url = server.url(FEED);
    let (summary, ()) = tokio::join!(run_to(&setup, &url, 4), publish);
    assert_eq!(summary.unwrap().handled, 4);
    // The first of them brought news at once; the second showed that it is not held.
    assert_eq!(ways(&server), (1, 2));
}

#[tokio::test]
async fn a_stream_of_a_feed_that_has_become_another_is_not_followed() {
    let (server, feed) = serve_stream(3, |asked, feed, after| {
        let stream = Answer::stream(&feed.stream(after, None));
        if asked.repeats == 0 { stream.cut(0) } else { stream }
    })
    .await;
    let setup = Setup::new();
    let change = async {
        while setup.handled.lock().unwrap().len() < 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut feed = feed.lock().unwrap();
        let other = Feed::new(9);
        feed.events = other.events[5..].iter().cloned().chain(other.events[..5].to_vec()).collect();
        for (position, recorded) in (1..).zip(&mut feed.events) {
            recorded.position = at(position);
        }
    };
    let url = server.url(FEED);
    let (ended, ()) = tokio::join!(run_to(&setup, &url, 9), change);
    assert!(matches!(ended, Err(ConsumerError::Discontinuity(_))), "{ended:?}");
    assert_eq!(setup.take(), [1, 2, 3]);
}

#[tokio::test]
async fn a_cursor_that_a_stream_does_not_know_ends_the_subscription() {
    let problem = r#"{"type":"urn:feed-protocol:problem:incarnation-gone","detail":"Gone."}"#;
    let (server, _) = serve_stream(3, move |_, _, _| {
        let media_type = [("content-type", "application/problem+json")];
        Answer::new("410 Gone", &media_type, problem.as_bytes())
    })
    .await;
    let setup = Setup::new();
    let ended = run_to(&setup, &server.url(FEED), 3).await;
    assert!(matches!(ended, Err(ConsumerError::Discontinuity(_))), "{ended:?}");
}
