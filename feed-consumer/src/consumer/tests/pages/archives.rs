use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[tokio::test]
async fn archives_are_found_once_and_read_oldest_first_and_the_document_last() {
    let (server, log) = serve_plain(Log::archives(11)).await;
    let setup = Setup::new();
    assert_eq!(setup.read(&server).await.unwrap(), to(11));
    let walk = ["/log", "/archive/3", "/archive/2", "/archive/1"];
    let forwards = ["/archive/2", "/archive/3", "/log"];
    assert_eq!(gets(&server, 0), [&walk[..], &forwards[..]].concat());

    // Nothing that was handled is asked for again, and new archives only back to what was.
    let before = server.asked().len();
    assert_eq!(setup.read(&server).await.unwrap(), [0_u32; 0]);
    assert_eq!(gets(&server, before), ["/log"]);
    log.lock().unwrap().newest = 17;
    let before = server.asked().len();
    assert_eq!(setup.read(&server).await.unwrap(), [12, 13, 14, 15, 16, 17]);
    let expected = ["/log", "/archive/5", "/archive/4", "/archive/5", "/log"];
    assert_eq!(gets(&server, before), expected);
}

#[tokio::test]
async fn after_an_end_in_the_middle_reading_goes_on_there() {
    let (server, _) = serve_plain(Log::archives(20)).await;
    let setup = Setup::new();
    assert_eq!(setup.read_until(&server, 8).await, to(7));
    assert_eq!(setup.read_until(&server, 14).await, (8..=13).collect::<Vec<_>>());
    assert_eq!(setup.read(&server).await.unwrap(), (14..=20).collect::<Vec<_>>());
    // Back and forwards, and what was being read when it ended: what is kept is not read again,
    // handled or not.
    let asked = gets(&server, 0).iter().filter(|it| it.starts_with("/archive")).count();
    assert!(asked <= 11 + 2 * 2, "{asked}");
}

#[tokio::test]
async fn a_walk_that_broke_off_goes_on_where_it_was() {
    let fails = Arc::new(Mutex::new(true));
    let failing = Arc::clone(&fails);
    let (server, _) = serve_log(Log::archives(20), move |asked, _, answer| {
        let fails = asked.target == "/archive/3" && *failing.lock().unwrap();
        if fails { Answer::status("500 x") } else { answer }
    })
    .await;
    let setup = Setup::new();
    for _ in 0..2 {
        let error = setup.read_as(setup.impatient(&server)).await.unwrap_err();
        assert!(reason(error).contains("/archive/3: 500"));
    }
    *fails.lock().unwrap() = false;
    let before = server.asked().len();
    assert_eq!(setup.read(&server).await.unwrap(), to(20));
    let expected = [
        "/log",
        "/archive/3",
        "/archive/2",
        "/archive/1",
        "/archive/2",
        "/archive/3",
        "/archive/4",
        "/archive/5",
        "/archive/6",
        "/log",
    ];
    // A request of the one that gave up may still have been under way.
    let asked = gets(&server, before).into_iter().skip_while(|it| it != LOG);
    assert_eq!(asked.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn an_archive_that_comes_while_others_are_read_is_read_too() {
    let (server, _) = serve_log(Log::archives(8), |asked, log, answer| {
        if asked.target == "/archive/2" && asked.repeats == 1 {
            log.newest = 14;
        }
        answer
    })
    .await;
    assert_eq!(Setup::new().read(&server).await.unwrap(), to(14));
}

#[tokio::test]
async fn from_now_no_archive_is_read_and_later_ones_are() {
    let (server, log) = serve_plain(Log::archives(8)).await;
    let setup = Setup::new();
    let from_now = || setup.read_as(setup.builder(&server.url(LOG)).start(Start::Now));
    assert_eq!(from_now().await.unwrap(), [0_u32; 0]);
    log.lock().unwrap().newest = 12;
    // The entries that were there have become an archive.
    assert_eq!(from_now().await.unwrap(), [9, 10, 11, 12]);
    assert!(!server.targets().contains(&"/archive/2".to_owned()));
}

/// A server of archives whose addresses a test can change.
async fn serve_movable(newest: u32) -> (Scripted, Arc<Mutex<Log>>, Arc<AtomicBool>) {
    let moved = Arc::new(AtomicBool::new(false));
    let is_moved = Arc::clone(&moved);
    let (server, log) = serve_log(Log::archives(newest), move |asked, _, answer| {
        let is_linked = !asked.target.ends_with("/1");
        if is_linked && is_moved.load(Ordering::Relaxed) {
            answer.replaced("/archive/", "/history/")
        } else {
            answer
        }
    })
    .await;
    (server, log, moved)
}

#[tokio::test]
async fn archives_with_new_addresses_are_read_back_to_an_entry_that_is_known() {
    let (server, log, moved) = serve_movable(11).await;
    let setup = Setup::new();
    assert_eq!(setup.read(&server).await.unwrap(), to(11));
    moved.store(true, Ordering::Relaxed);
    log.lock().unwrap().newest = 12;
    let before = server.asked().len();
    assert_eq!(setup.read(&server).await.unwrap(), [12]);
    assert_eq!(gets(&server, before), ["/log"]);
    log.lock().unwrap().newest = 17;
    let before = server.asked().len();
    assert_eq!(setup.read(&server).await.unwrap(), (13..=17).collect::<Vec<_>>());
    assert_eq!(gets(&server, before), ["/log", "/history/5", "/history/4", "/history/5", "/log"]);
}

#[tokio::test]
async fn from_now_archives_with_new_addresses_are_no_history_to_handle() {
    let (server, log, moved) = serve_movable(8).await;
    let setup = Setup::new();
    let from_now = || setup.read_as(setup.builder(&server.url(LOG)).start(Start::Now));
    assert_eq!(from_now().await.unwrap(), [0_u32; 0]);
    moved.store(true, Ordering::Relaxed);
    for newest in 9..20 {
        log.lock().unwrap().newest = newest;
        assert_eq!(from_now().await.unwrap(), [newest]);
    }
    assert!(!server.targets().contains(&"/history/2".to_owned()));
}

#[tokio::test]
async fn archives_are_followed_as_they_come() {
    let (server, log) = serve_plain(Log::archives(1)).await;
    let setup = Setup::new();
    let schedule = "every:1ms".parse::<crate::schedule::Schedule>().unwrap();
    let builder = setup.builder(&server.url(LOG)).until_idle(false).schedule(schedule);
    let consumer = setup.noting(builder);
    let mut progress = consumer.progress();
    let end = async {
        for newest in (2..40).step_by(3) {
            log.lock().unwrap().newest = newest;
            progress.wait_for(|it| it.handled == u64::from(newest)).await.unwrap();
        }
    };
    consumer.run(end).await.unwrap();
    assert_eq!(setup.numbers(), to(38));
}

#[tokio::test]
async fn a_complete_feed_is_its_document() {
    let mut log = Log::archives(8);
    log.says = "<fh:complete/>";
    let (server, log) = serve_plain(log).await;
    let setup = Setup::new();
    assert_eq!(setup.read(&server).await.unwrap(), [7, 8]);
    // All that there is stands there: nothing can have been missed.
    log.lock().unwrap().newest = 12;
    assert_eq!(setup.read(&server).await.unwrap(), [10, 11, 12]);
    assert_eq!(gets(&server, 0), ["/log", "/log"]);
}

#[tokio::test]
async fn of_a_new_subscription_the_oldest_page_that_is_left_is_the_first() {
    let (server, _) = serve_log(Log::archives(14), |asked, _, answer| {
        if asked.target == "/archive/1" { Answer::status("410 Gone") } else { answer }
    })
    .await;
    let setup = Setup::new();
    assert_eq!(setup.read(&server).await.unwrap(), (4..=14).collect::<Vec<_>>());
    assert_eq!(server.targets().iter().filter(|it| *it == "/archive/1").count(), 1);
}

#[tokio::test]
async fn every_page_is_noted_as_done_with_its_entries() {
    let (server, _) = serve_plain(Log::archives(10)).await;
    let setup = Setup::new();
    setup.read_until(&server, 5).await;
    let state = async || {
        let store = SqliteStore::open(&setup.folder.path().join("consumer.db")).await.unwrap();
        let subscription = crate::store::Subscription {
            group: "default".into(),
            feed: "tag:log.example,2026:log".into(),
        };
        let pages = store.pages(&subscription).await.unwrap();
        let done = pages.iter().filter(|it| it.state == PageState::Done).count();
        let found = store.entries(&subscription, Position::ZERO, 0, &|_| true).await.unwrap().found;
        (pages.len(), done, found.get())
    };
    let (pages, done, found) = state().await;
    assert_eq!((pages, found.min(9)), (3, done as u64 * 3));
    setup.read(&server).await.unwrap();
    assert_eq!(state().await, (3, 3, 10));
}

#[tokio::test]
async fn an_archive_that_was_wrong_once_does_not_come_out_of_the_cache_again() {
    // It cannot be read, or its link leads in a circle.
    for (right, wrong) in [("<feed ", "<fead "), ("../../archive/1", "../../archive/3")] {
        let (server, _) = serve_log(Log::archives(11), move |asked, _, answer| {
            if asked.target == LOG {
                return answer;
            }
            let kept =
                answer.replaced("content-type:", "cache-control: max-age=1000\r\ncontent-type:");
            let is_wrong = asked.target == "/archive/2" && asked.repeats == 0;
            if is_wrong { kept.replaced(right, wrong) } else { kept }
        })
        .await;
        let setup = Setup::new();
        let http = crate::HttpOptions::default().cache_dir(setup.folder.path().join("cache"));
        let patient = setup.builder(&server.url(LOG)).give_up_after(Some(Duration::from_secs(5)));
        assert_eq!(setup.read_as(patient.http(http)).await.unwrap(), to(11));
        let asked = gets(&server, 0).into_iter().filter(|it| it == "/archive/1").count();
        assert!(asked <= 2, "what was right is kept");
    }
}
