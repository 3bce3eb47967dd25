//! Documents of other software, as what was found of them is shared and read again.

use chrono::{DateTime, Utc};
use feed_protocol::cloudevents;
use tokio::sync::Semaphore;

use super::*;
use crate::schedule::Schedule;
use crate::schedule::failures::Retry;
use crate::store::databases::{Database, postgres, sqlite};
use crate::store::entries::{DocumentEnd, DocumentEntry, Finding};
use crate::store::parking::{ParkAction, Requested};
use crate::store::shards::{Beat, WorkerFacts, WorkerId};
use crate::store::{CursorStore, Place, Subscription};
use crate::{CursorDatabase, OnExhausted, ShardCount};

const LOG: &str = "/log.xml";

/// An Atom document with these entries: number and subject. Their events are known by extensions of
/// ours, which other software may copy; the document has no positions.
fn log(entries: &[(u64, &str)]) -> Vec<u8> {
    let entries: String = entries
        .iter()
        .map(|(n, subject)| {
            format!(
                "<entry><id>tag:log.example,2026:{n}</id><title>{n}</title>\
                 <updated>{}</updated>\
                 <category term=\"said\" scheme=\"urn:feed-protocol:type\"/>\
                 <ev:position>{n}</ev:position><ev:id>{n}</ev:id><ev:source>/other</ev:source>\
                 <ev:subject>{subject}</ev:subject></entry>",
                updated(*n).to_rfc3339()
            )
        })
        .collect();
    format!(
        "<feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:ev=\"urn:feed-protocol:event:1\">\
         <id>tag:log.example,2026:log</id><title>A log</title>\
         <updated>2026-01-01T00:00:00Z</updated><author><name>Ada</name></author>{entries}</feed>"
    )
    .into_bytes()
}

/// When an entry was changed.
fn updated(n: u64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600 + i64::try_from(n).unwrap(), 0).unwrap()
}

/// A server of a document that a test can change.
async fn serve_log(entries: &[(u64, &str)]) -> (Scripted, Arc<Mutex<Vec<u8>>>) {
    let document = Arc::new(Mutex::new(log(entries)));
    let served = Arc::clone(&document);
    let script = move |_: &Asked| {
        let body = served.lock().unwrap().clone();
        Answer::new("200 OK", &[("content-type", "application/atom+xml")], &body)
    };
    (Scripted::start(script).await, document)
}

async fn store(database: &Database) -> Arc<dyn CursorStore> {
    CursorDatabase::from(database.url()).locate().unwrap().open().await.unwrap().cursors()
}

fn subscription() -> Subscription {
    Subscription { group: "default".into(), feed: "tag:log.example,2026:log".into() }
}

fn builder(database: &Database, server: &Scripted) -> ConsumerBuilder<()> {
    let schedule = "every:10ms".parse::<Schedule>().unwrap();
    Consumer::builder(server.url(LOG)).database(database.url()).schedule(schedule)
}

/// Notes the ids of what it handles; one of them fails until it may not.
fn noting(
    builder: ConsumerBuilder<()>,
    handled: &Arc<Mutex<Vec<u64>>>,
    failing: &Arc<Mutex<Option<u64>>>,
) -> Consumer<impl Work + use<>> {
    let (handled, failing) = (Arc::clone(handled), Arc::clone(failing));
    let note = move |recorded: Arc<Recorded>, _: Context| {
        let id = recorded.event.id().to_string().parse().unwrap();
        let fails = *failing.lock().unwrap() == Some(id);
        if !fails {
            handled.lock().unwrap().push(id);
        }
        std::future::ready(if fails { Err(HandlerError::permanent("no")) } else { Ok(()) })
    };
    builder.on_any(note).build().unwrap()
}

#[tokio::test]
async fn what_waits_behind_a_parked_entry_is_handled_though_no_document_shows_it_any_more() {
    for database in [sqlite().await, postgres().await] {
        let (server, document) = serve_log(&[(4, "b"), (3, "a"), (2, "a"), (1, "a")]).await;
        let (handled, failing) = (Arc::default(), Arc::new(Mutex::new(Some(1))));
        let parks = || {
            builder(&database, &server)
                .retry(Retry { attempts: Some(1), ..Retry::default() })
                .on_exhausted(OnExhausted::Park)
                .parked_retries([])
        };
        let consumer = noting(parks().until_idle(true), &handled, &failing);
        assert_eq!(consumer.run(std::future::pending()).await.unwrap().ended, Ended::Idle);
        assert_eq!(*handled.lock().unwrap(), [4]);

        // What is gone from the document is read from what was found.
        *document.lock().unwrap() = log(&[(6, "b"), (5, "b"), (4, "b")]);
        *failing.lock().unwrap() = None;
        let store = store(&database).await;
        let asked = store.request(&subscription(), at(1), &ParkAction::Retry, "ada").await;
        assert!(matches!(asked.unwrap(), Requested::Asked(_)));
        let consumer = noting(parks(), &handled, &failing);
        let mut progress = consumer.progress();
        let end = async move {
            progress.wait_for(|it| it.handled == 5).await.unwrap();
        };
        let run = tokio::time::timeout(Duration::from_secs(30), consumer.run(end)).await;
        assert_eq!(run.expect("it waits for ever").unwrap().handled, 5);
        let handled = handled.lock().unwrap().clone();
        let about =
            |ids: &[u64]| handled.iter().copied().filter(|id| ids.contains(id)).collect::<Vec<_>>();
        assert_eq!(about(&[1, 2, 3]), [1, 2, 3]);
        assert_eq!(about(&[4, 5, 6]), [4, 5, 6]);
        // Nothing needs them any more.
        assert_eq!(store.prune(&subscription()).await.unwrap(), 0);
        for position in 1..=6 {
            assert_eq!(store.entry(&subscription(), at(position)).await.unwrap(), None);
        }
        store.close().await;
    }
}

#[tokio::test]
async fn a_worker_that_is_to_end_does_when_all_is_handled_that_another_found() {
    for database in [sqlite().await, postgres().await] {
        let all: Vec<_> = (1..=40).rev().map(|n| (n, "")).collect();
        let subjects: Vec<String> = all.iter().map(|(n, _)| format!("s{n}")).collect();
        let entries: Vec<_> =
            all.iter().zip(&subjects).map(|((n, _), subject)| (*n, subject.as_str())).collect();
        let (server, _) = serve_log(&entries[20..]).await;
        let (handled, failing) = (Arc::default(), Arc::default());
        let stays = noting(builder(&database, &server), &handled, &failing);
        let ends = noting(builder(&database, &server).until_idle(true), &handled, &failing);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (stayed, ended) =
            tokio::join!(stays.run(async move { stopped.await.unwrap() }), async {
                let run = ends.run(std::future::pending());
                let ended = tokio::time::timeout(Duration::from_secs(30), run).await;
                stop.send(()).unwrap();
                ended
            });
        let ended = ended.expect("it waits for ever").unwrap();
        assert_eq!(ended.ended, Ended::Idle);
        assert_eq!(stayed.unwrap().handled + ended.handled, 20);
        let mut handled = handled.lock().unwrap().clone();
        handled.sort_unstable();
        assert_eq!(handled, (1..=20).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_document_has_the_shards_that_were_asked_for_and_keeps_them() {
    let database = sqlite().await;
    let (server, _) = serve_log(&[(2, "b"), (1, "a")]).await;
    let (handled, failing) = (Arc::default(), Arc::default());
    let run = |shards: Option<u16>| {
        let builder = builder(&database, &server).until_idle(true);
        let builder = match shards {
            Some(shards) => builder.shards(ShardCount::new(shards).unwrap()),
            None => builder,
        };
        noting(builder, &handled, &failing).run(std::future::pending())
    };
    run(Some(1)).await.unwrap();
    run(None).await.unwrap();
    let error = run(Some(64)).await.unwrap_err();
    assert!(matches!(error, ConsumerError::Shards { .. }), "{error:?}");
    assert_eq!(*handled.lock().unwrap(), [1, 2]);
}

/// So many entries were found by a worker that has left without handling any.
async fn found(store: &Arc<dyn CursorStore>, server: &Scripted, count: u64) {
    let subscription = subscription();
    store.begin(&subscription, &server.url(LOG), &Place::default(), &[], &[]).await.unwrap();
    store.cut(&subscription, ShardCount::ONE).await.unwrap();
    let id = WorkerId("gone".into());
    let facts = WorkerFacts {
        id: id.clone(),
        host: "here".into(),
        process: 1,
        identity: None,
        weight: 1,
        window: 1,
    };
    let (lease, held, report) = (Duration::from_secs(60), Vec::new(), "{}".into());
    let beat = Beat { facts, lease, held, acquires: true, report };
    let lease = store.beat(&subscription, &beat).await.unwrap().acquired[0].lease;
    let entry = |n| DocumentEntry {
        iri: format!("tag:log.example,2026:{n}"),
        updated: updated(n),
        event: cloudevents::read_event(
            format!(r#"{{"specversion":"1.0","id":"{n}","source":"/other","type":"said"}}"#)
                .as_bytes(),
        )
        .unwrap(),
    };
    let entries: Vec<_> = (1..=count).map(entry).collect();
    let end = DocumentEnd::Nothing;
    let finding = Finding { entries: &entries, each_update: false, end: &end };
    store.add_found(&subscription, lease, &finding).await.unwrap().unwrap();
    store.leave(&id).await.unwrap();
}

#[tokio::test]
async fn nothing_is_added_while_too_much_waits_to_be_handled() {
    const FOUND: u64 = 10_050;
    let database = sqlite().await;
    let (server, _) = serve_log(&[(FOUND + 1, "a"), (FOUND, "a")]).await;
    let store = store(&database).await;
    found(&store, &server, FOUND).await;
    let gate = Arc::new(Semaphore::new(1));
    let passes = Arc::clone(&gate);
    let consumer = builder(&database, &server)
        .until_idle(true)
        .on_any(async |_, _| {
            passes.acquire().await.unwrap().forget();
            Ok(())
        })
        .build()
        .unwrap();
    let mut progress = consumer.progress();
    let state = async || {
        let run = store.entries(&subscription(), Position::ZERO, 0, &|_| true).await.unwrap();
        (run.found.get(), run.searched)
    };
    let opens = async {
        progress.wait_for(|it| it.handled == 1).await.unwrap();
        // There is nothing to wait for: it is looked at for longer than it would take.
        for _ in 0..30 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert_eq!(state().await, (FOUND, 0));
        }
        gate.add_permits(usize::try_from(FOUND).unwrap());
    };
    let (ended, ()) = tokio::join!(consumer.run(std::future::pending()), opens);
    assert_eq!(ended.unwrap().handled, FOUND + 1);
    assert_eq!(state().await, (FOUND + 1, 1));
}
