use super::*;
use crate::cursor::Window;

/// Runs a subscription against a server whose answers are changed, and returns how many requests
/// it took. Whatever happens, every event is handled once, and in order.
async fn survive(change: impl Fn(&Asked, Answer) -> Answer + Send + Sync + 'static) -> usize {
    let (server, _) = serve_with(Feed::new(37), change).await;
    let setup = Setup::new();
    let summary = setup.run(&server.url(FEED)).await.unwrap();
    assert_eq!(summary.position, at(37));
    assert_eq!(setup.take(), (1..=37).collect::<Vec<_>>());
    server.asked().len()
}

/// The first answer for each target is spoilt.
fn at_first(
    spoil: impl Fn(&Asked, Answer) -> Answer + Send + Sync + 'static,
) -> impl Fn(&Asked, Answer) -> Answer + Send + Sync + 'static {
    move |asked, answer| if asked.repeats == 0 { spoil(asked, answer) } else { answer }
}

#[tokio::test]
async fn without_faults_eight_requests_do() {
    assert_eq!(survive(|_, answer| answer).await, 8);
}

#[tokio::test]
async fn errors_of_the_server_are_borne() {
    assert!(survive(at_first(|_, _| Answer::status("500 Internal Server Error"))).await > 8);
    assert!(survive(at_first(|_, _| Answer::status("404 Not Found"))).await > 8);
    let busy = |_: &Asked, _| Answer::new("503 Busy", &[("retry-after", "0")], b"");
    assert!(survive(at_first(busy)).await > 8);
}

#[tokio::test]
async fn half_an_answer_is_not_taken_for_the_whole() {
    assert!(survive(at_first(|_, answer| answer.cut(100))).await > 8);
    assert!(survive(at_first(|_, answer| answer.cut(1))).await > 8);
}

#[tokio::test]
async fn nonsense_is_not_taken_for_a_feed() {
    let html = |_: &Asked, _| Answer::new("200 OK", &[("content-type", "text/html")], b"<p>Hello");
    assert!(survive(at_first(html)).await > 8);
    let nonsense = |_: &Asked, _| {
        let media_type = feed_protocol::cloudevents::BATCH_MEDIA_TYPE;
        let headers =
            [("content-type", media_type), ("feed-range", "1-1"), ("feed-cursor", "k3v9x2:1")];
        Answer::new("200 OK", &headers, b"[{}]")
    };
    assert!(survive(at_first(nonsense)).await > 8);
}

#[tokio::test]
async fn a_page_that_leaves_something_out_is_not_passed_over() {
    let lacking = |asked: &Asked, answer: Answer| {
        if asked.target.ends_with("/pages/2") {
            answer.replaced("\"feedposition\":\"15\"", "\"feedposition\":\"16\"")
        } else {
            answer
        }
    };
    assert!(survive(at_first(lacking)).await > 8);
    let elsewhere = |asked: &Asked, answer: Answer| {
        if asked.target.ends_with("/pages/2") {
            answer.replaced("feed-range: 11-20", "feed-range: 12-21")
        } else {
            answer
        }
    };
    assert!(survive(at_first(elsewhere)).await > 8);
}

#[tokio::test]
async fn pages_that_a_cache_has_spoilt_for_good_are_read_as_tails() {
    let stale = Feed::new(3);
    let spoilt = move |asked: &Asked, answer| {
        if asked.target.contains("/pages/") { stale.answer(asked) } else { answer }
    };
    survive(spoilt).await;
}

#[tokio::test]
async fn pages_too_large_to_be_read_are_read_as_tails() {
    let large = |asked: &Asked, answer: Answer| {
        if asked.target.contains("/pages/") {
            let headers = [("content-type", feed_protocol::cloudevents::BATCH_MEDIA_TYPE)];
            Answer::with_length("200 OK", &headers, b"[", "99999999999")
        } else {
            answer
        }
    };
    survive(large).await;
}

#[tokio::test]
async fn a_feed_is_opened_however_large_its_current_document_is() {
    let large = |asked: &Asked, answer: Answer| {
        if asked.target == FEED && asked.method == "GET" {
            let headers = [("content-type", feed_protocol::atom::MEDIA_TYPE)];
            Answer::with_length("200 OK", &headers, b"<feed", "99999999999")
        } else {
            answer
        }
    };
    assert_eq!(survive(large).await, 8);
}

#[tokio::test]
async fn a_feed_is_opened_by_its_document_where_header_fields_do_not_tell() {
    let stripped = |asked: &Asked, answer: Answer| {
        if asked.target == FEED { answer.replaced("feed-cursor", "x-cursor") } else { answer }
    };
    assert_eq!(survive(stripped).await, 8);
    let without_head = |asked: &Asked, answer| {
        if asked.method == "HEAD" { Answer::status("405 Method Not Allowed") } else { answer }
    };
    assert_eq!(survive(without_head).await, 8);
}

#[tokio::test]
async fn another_origin_is_never_asked() {
    let other = Scripted::start(|_| Answer::status("200 OK")).await;
    let elsewhere = other.url("/");
    survive(at_first(move |_, _| Answer::redirect(&elsewhere))).await;
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn patience_ends_when_a_server_asks_for_more_than_there_is() {
    let busy = |asked: &Asked, answer| {
        if asked.target.ends_with("/pages/2") {
            Answer::new("429 Too Many Requests", &[("retry-after", "60")], b"")
        } else {
            answer
        }
    };
    let (server, _) = serve_with(Feed::new(37), busy).await;
    let setup = Setup::new();
    let error = setup.run(&server.url(FEED)).await.unwrap_err();
    assert!(matches!(error, ConsumerError::Unreadable { .. }), "{error:?}");
    // What was read before has been handled, and stays so.
    assert_eq!(setup.take(), (1..=10).collect::<Vec<_>>());
    let (server, _) = serve(Feed::new(12)).await;
    setup.run(&server.url(FEED)).await.unwrap();
    assert_eq!(setup.take(), [11, 12]);
}

#[tokio::test]
async fn a_server_that_is_not_there_yet_is_waited_for() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}{FEED}", listener.local_addr().unwrap());
    drop(listener);
    let setup = Setup::new();
    let builder = setup.builder(&url).give_up_after(Some(Duration::from_millis(20)));
    let error = setup.noting(builder).run(std::future::pending()).await.unwrap_err();
    let ConsumerError::Unreadable { source, .. } = error else { panic!("{error:?}") };
    assert!(source.to_string().contains("no answer"), "{source}");
}

#[tokio::test]
async fn a_shutdown_while_the_database_is_away_is_no_failure() {
    let (server, _) = serve(Feed::new(3)).await;
    let setup = Setup::new();
    let outage = Outage::new(setup.folder.path()).await;
    let (shut_down, shutdown) = tokio::sync::oneshot::channel();
    let shut_down = Mutex::new(Some(shut_down));
    let consumer = setup
        .builder(&server.url(FEED))
        .database(outage.pool.clone())
        .window(Window::ONE)
        .give_up_after(None)
        .grace(Duration::from_millis(100))
        .on_any(async |recorded, _| {
            if recorded.position == at(2) {
                outage.lasts(Duration::from_secs(3600)).await;
                shut_down.lock().unwrap().take().unwrap().send(()).unwrap();
            }
            Ok(())
        })
        .build()
        .unwrap();
    let summary = consumer.run(async { shutdown.await.unwrap() }).await.unwrap();
    assert_eq!((summary.ended, summary.position), (Ended::Shutdown, at(1)));
}
