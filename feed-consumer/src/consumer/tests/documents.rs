use super::*;
use crate::schedule::Schedule;

const BLOG: &str = "/blog.xml";

/// An Atom document with these entries (id, and seconds of the minute at which they changed).
fn blog(entries: &[(&str, u32)]) -> Vec<u8> {
    let entries: String = entries
        .iter()
        .map(|(id, second)| {
            format!(
                "<entry><id>tag:blog.example,2026:{id}</id><title>About {id}</title>\
                 <updated>2026-01-01T00:00:{second:02}Z</updated><summary>{id}</summary></entry>"
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\"?><feed xmlns=\"http://www.w3.org/2005/Atom\">\
         <id>tag:blog.example,2026:blog</id><title>A blog</title>\
         <updated>2026-01-01T00:00:00Z</updated><author><name>Ada</name></author>{entries}</feed>"
    )
    .into_bytes()
}

/// A server of a document that a test can change, with an entity tag for each state of it.
async fn serve_blog(entries: &[(&str, u32)]) -> (Scripted, Arc<Mutex<Vec<u8>>>) {
    let document = Arc::new(Mutex::new(blog(entries)));
    let served = Arc::clone(&document);
    let script = move |asked: &Asked| {
        let body = served.lock().unwrap().clone();
        let etag = format!("\"{}\"", body.len());
        if asked.header("if-none-match") == Some(&etag) {
            return Answer::new("304 Not Modified", &[("etag", &etag)], b"");
        }
        Answer::new("200 OK", &[("content-type", "application/atom+xml"), ("etag", &etag)], &body)
    };
    (Scripted::start(script).await, document)
}

fn ends(ids: Vec<String>) -> Vec<String> {
    ids.iter().map(|id| id.rsplit(':').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn each_entry_is_handled_once_oldest_first_across_restarts() {
    let entries = [("d", 9), ("c", 5), ("b", 5), ("a", 1), ("z", 7)];
    let (server, document) = serve_blog(&entries).await;
    let setup = Setup::new();
    let summary = setup.run(&server.url(BLOG)).await.unwrap();
    assert_eq!((summary.handled, summary.position), (5, at(5)));
    assert_eq!(ends(setup.take_ids()), ["a", "b", "c", "z", "d"]);

    assert_eq!(setup.run(&server.url(BLOG)).await.unwrap().handled, 0);
    // An entry that changed is not handled again; one that is older than others is new.
    *document.lock().unwrap() = blog(&[("e", 20), ("d", 19), ("old", 0), ("c", 5)]);
    let summary = setup.run(&server.url(BLOG)).await.unwrap();
    assert_eq!(summary.position, at(7));
    assert_eq!(setup.handled.lock().unwrap().iter().map(|it| it.0).collect::<Vec<_>>(), [6, 7]);
    assert_eq!(ends(setup.take_ids()), ["old", "e"]);

    // Entries that come back are remembered.
    *document.lock().unwrap() = blog(&entries);
    assert_eq!(setup.run(&server.url(BLOG)).await.unwrap().handled, 0);
}

#[tokio::test]
async fn a_document_that_was_handled_is_asked_for_on_condition() {
    let (server, _) = serve_blog(&[("a", 1)]).await;
    let setup = Setup::new();
    setup.run(&server.url(BLOG)).await.unwrap();
    assert_eq!(setup.run(&server.url(BLOG)).await.unwrap().handled, 0);
    let conditions: Vec<bool> =
        server.asked().iter().map(|asked| asked.header("if-none-match").is_some()).collect();
    // First by HEAD; then once in each run: a document holds all that there is.
    assert_eq!(conditions, [false, false, true]);
}

#[tokio::test]
async fn a_condition_is_kept_only_once_everything_is_handled() {
    let (server, _) = serve_blog(&[("c", 3), ("b", 2), ("a", 1)]).await;
    let setup = Setup::new();
    failing_at_second(setup.stopping(&server.url(BLOG)))
        .run(std::future::pending())
        .await
        .unwrap_err();
    setup.run(&server.url(BLOG)).await.unwrap();
    assert_eq!(ends(setup.take_ids()), ["b", "c"]);
}

/// A consumer that fails for good with the second entry that it finds.
fn failing_at_second(builder: ConsumerBuilder<()>) -> Consumer<impl Work> {
    let handle = |recorded: Arc<Recorded>, _: Context| {
        let fails = recorded.position == at(2);
        std::future::ready(if fails { Err(HandlerError::permanent("no")) } else { Ok(()) })
    };
    builder.on_any(handle).build().unwrap()
}

#[tokio::test]
async fn from_now_entries_that_are_there_are_taken_as_handled() {
    let (server, document) = serve_blog(&[("b", 2), ("a", 1)]).await;
    let setup = Setup::new();
    let from_now = || setup.noting(setup.builder(&server.url(BLOG)).start(Start::Now));
    assert_eq!(from_now().run(std::future::pending()).await.unwrap().handled, 0);
    *document.lock().unwrap() = blog(&[("c", 3), ("b", 2), ("a", 1)]);
    from_now().run(std::future::pending()).await.unwrap();
    assert_eq!(ends(setup.take_ids()), ["c"]);
}

#[tokio::test]
async fn a_document_has_no_position_and_no_time_to_begin_at() {
    let (server, _) = serve_blog(&[("a", 1)]).await;
    let setup = Setup::new();
    for place in ["1", "2026-11-01T08:00:00Z"] {
        let builder = setup.builder(&server.url(BLOG)).start(place.parse().unwrap());
        let error = setup.noting(builder).run(std::future::pending()).await.unwrap_err();
        assert!(matches!(error, ConsumerError::WithoutPositions { .. }), "{error}");
    }
    setup.run(&server.url(BLOG)).await.unwrap();
    assert_eq!(ends(setup.take_ids()), ["a"]);
}

#[tokio::test]
async fn an_id_that_stands_there_twice_is_handled_once() {
    let (server, _) = serve_blog(&[("a", 9), ("b", 5), ("a", 1)]).await;
    let setup = Setup::new();
    setup.run(&server.url(BLOG)).await.unwrap();
    assert_eq!(ends(setup.take_ids()), ["b", "a"]);
}

#[tokio::test]
async fn a_document_is_followed_on_its_schedule() {
    let (server, document) = serve_blog(&[("a", 1)]).await;
    let setup = Setup::new();
    let schedule = "every:1ms".parse::<Schedule>().unwrap();
    let builder = setup.builder(&server.url(BLOG)).until_idle(false).schedule(schedule);
    let consumer = setup.noting(builder);
    let mut progress = consumer.progress();
    let end = async {
        progress.wait_for(|it| it.handled == 1).await.unwrap();
        *document.lock().unwrap() = blog(&[("b", 2), ("a", 1)]);
        progress.wait_for(|it| it.handled == 2).await.unwrap();
    };
    consumer.run(end).await.unwrap();
    assert_eq!(ends(setup.take_ids()), ["a", "b"]);
}

#[tokio::test]
async fn what_is_no_feed_is_said_to_be_none() {
    for (media_type, body, says) in [
        ("text/html", &b"<html>"[..], "\"text/html\", and not a feed"),
        ("application/atom+xml", b"<html/>", "no Atom feed"),
        ("application/atom+xml", b"<!DOCTYPE feed><feed/>", "no Atom feed"),
    ] {
        let server =
            Scripted::start(move |_| Answer::new("200 OK", &[("content-type", media_type)], body))
                .await;
        let setup = Setup::new();
        let builder =
            setup.builder(&server.url(BLOG)).give_up_after(Some(Duration::from_millis(1)));
        let error = setup.noting(builder).run(std::future::pending()).await.unwrap_err();
        let ConsumerError::Unreadable { source, .. } = error else { panic!("{error:?}") };
        assert!(source.to_string().contains(says), "{source}");
    }
}

#[tokio::test]
async fn a_database_that_is_away_for_a_while_is_waited_for_after_a_document() {
    let (server, _) = serve_blog(&[("b", 2), ("a", 1)]).await;
    let setup = Setup::new();
    let outage = Outage::new(setup.folder.path()).await;
    let consumer = setup
        .builder(&server.url(BLOG))
        .database(outage.pool.clone())
        .on_any(async |recorded, _| {
            if recorded.position == at(2) {
                outage.lasts(Duration::from_millis(300)).await;
            }
            Ok(())
        })
        .build()
        .unwrap();
    let summary = consumer.run(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.position), (2, at(2)));
    assert_eq!(setup.run(&server.url(BLOG)).await.unwrap().handled, 0);
}
