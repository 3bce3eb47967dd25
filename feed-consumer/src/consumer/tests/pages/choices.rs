//! Where it is for the settings to say what to do.

use super::*;
use crate::{Updates, Vanished};

/// Reads a log, lets it go on, and reads it with this choice: what was
/// handled, and what is handled of the entries after that.
async fn vanish(
    vanished: Vanished,
    (before, after): (Log, Log),
) -> (Result<Vec<u32>, ConsumerError>, Vec<u32>) {
    let newest = after.newest;
    let (server, log) = serve_plain(before).await;
    let setup = Setup::new();
    setup.read(&server).await.unwrap();
    *log.lock().unwrap() = after;
    let read = || setup.read_as(setup.builder(&server.url(LOG)).vanished(vanished));
    let found = read().await;
    log.lock().unwrap().newest = newest + 1;
    let later = if found.is_ok() { read().await.unwrap() } else { Vec::new() };
    (found, later)
}

/// A log whose document is all that there is.
fn single(newest: u32) -> Log {
    Log { layout: Layout::Single, ..Log::archives(newest) }
}

#[tokio::test]
async fn when_all_known_entries_have_left_the_choices_are_named() {
    // They have left the document, its pages, and its archives.
    for (before, after, left) in [
        (single(4), single(10), 8),
        (Log::pages(4), Log::pages(1_000), 990),
        (Log::archives(4), Log::archives(1_000), 991),
    ] {
        let newest = after.newest;
        let (server, log) = serve_log(before, |asked, log, answer| {
            // A server that keeps no more than a few pages.
            let oldest = ["/page/2", "/archive/331"].contains(&&*asked.target);
            match log.layout {
                Layout::Pages if oldest => document("", 990..991),
                Layout::Archives if oldest => document("", (991..994).rev()),
                _ => answer,
            }
        })
        .await;
        let setup = Setup::new();
        setup.read(&server).await.unwrap();
        *log.lock().unwrap() = after;
        for _ in 0..2 {
            let error = setup.read(&server).await.unwrap_err();
            assert!(error.to_string().contains("entries may have been missed"), "{error}");
            let remedy = error.remedy().unwrap();
            for choice in ["`vanished`", "`fail`", "`oldest`", "`now`"] {
                assert!(remedy.contains(choice), "{remedy}");
            }
            let ConsumerError::Discontinuity(found) = error else { panic!("{error:?}") };
            assert!(matches!(found, Discontinuity::Vanished { .. }), "{found:?}");
        }
        let oldest = setup.builder(&server.url(LOG)).vanished(Vanished::Oldest);
        let seen = setup.read_as(oldest).await.unwrap();
        assert_eq!((seen[0], seen.last()), (left, Some(&newest)));
    }
}

#[tokio::test]
async fn an_old_entry_at_the_top_does_not_hide_that_others_have_left() {
    for edited in [false, true] {
        let (server, log) = serve_log(single(4), move |_, log, answer| {
            let is_edited = edited && log.top > 0;
            if is_edited { answer.replaced("T00:03:00Z", "T23:00:00Z") } else { answer }
        })
        .await;
        let setup = Setup::new();
        assert_eq!(setup.read(&server).await.unwrap(), [2, 3, 4]);
        *log.lock().unwrap() = Log { top: 3, ..single(5) };
        assert_eq!(setup.read(&server).await.unwrap(), [5]);
        *log.lock().unwrap() = Log { top: 3, ..single(9) };
        let error = setup.read(&server).await.unwrap_err();
        assert!(error.to_string().contains("entries may have been missed"), "{error}");
    }
}

#[tokio::test]
async fn an_edit_in_place_and_another_order_are_no_loss() {
    let (server, log) = serve_log(single(1), |_, log, answer| match log.newest {
        // The only entry is edited, and another one comes.
        2 => answer.replaced("T00:01:00Z", "T00:01:30Z"),
        // The oldest first.
        3 => document("", 1..4),
        // One that comes late with an old time.
        4 => document("", [3, 2, 1, 0].into_iter()),
        _ => answer,
    })
    .await;
    let setup = Setup::new();
    for (newest, expected) in [(1, 1), (2, 2), (3, 3), (4, 0)] {
        log.lock().unwrap().newest = newest;
        assert_eq!(setup.read(&server).await.unwrap(), [expected]);
    }
}

#[tokio::test]
async fn from_the_oldest_everything_that_is_left_is_handled() {
    let (found, later) = vanish(Vanished::Oldest, (single(4), single(10))).await;
    assert_eq!((found.unwrap(), later), (vec![8, 9, 10], vec![11]));
}

#[tokio::test]
async fn from_now_what_is_there_is_taken_as_handled() {
    let (found, later) = vanish(Vanished::Now, (single(4), single(10))).await;
    assert_eq!((found.unwrap(), later), (vec![], vec![11]));
}

#[tokio::test]
async fn an_archive_that_is_gone_unread_is_no_small_thing() {
    for (vanished, expected) in [
        (Vanished::Fail, None),
        (Vanished::Oldest, Some(vec![1, 2, 3, 7, 8, 9, 10])),
        (Vanished::Now, Some(vec![1, 2, 3])),
    ] {
        let (server, log) = serve_log(Log::archives(10), |asked, _, answer| {
            let gone = asked.target == "/archive/2" && asked.repeats > 0;
            if gone { Answer::status("410 Gone") } else { answer }
        })
        .await;
        let setup = Setup::new();
        let read = || setup.read_as(setup.builder(&server.url(LOG)).vanished(vanished));
        match expected {
            Some(expected) => assert_eq!(read().await.unwrap(), expected),
            None => {
                let error = read().await.unwrap_err();
                assert!(error.to_string().contains("/archive/2 is gone (410)"), "{error}");
                continue;
            }
        }
        log.lock().unwrap().newest = 14;
        assert_eq!(read().await.unwrap(), [11, 12, 13, 14]);
    }
}

#[tokio::test]
async fn entries_that_share_a_time_are_handled_in_the_order_of_the_document() {
    let same = |says: &str, numbers: std::ops::Range<usize>| {
        document(says, numbers.rev()).replaced("T00:01:00Z", "T00:00:00Z")
    };
    let server = Scripted::start(move |asked| {
        let body = |numbers: std::ops::Range<usize>, says: &str| match numbers.start {
            1 => same(says, numbers),
            _ => document(says, numbers.rev()),
        };
        match &*asked.target {
            "/log" => body(4..7, &link("prev-archive", "/archive", 1)),
            _ => body(1..4, ""),
        }
    })
    .await;
    assert_eq!(Setup::new().read(&server).await.unwrap(), to(6));
}

#[tokio::test]
async fn an_entry_that_changed_is_handled_once_or_each_time() {
    for (updates, expected) in [(Updates::Once, vec![]), (Updates::Each, vec![2, 1])] {
        let (server, log) = serve_log(Log::archives(3), |_, log, answer| match log.newest {
            // The same entries, two of them changed, one of these backwards.
            4 => document("", (1..4).rev())
                .replaced("T00:01:00Z", "T09:00:00Z")
                .replaced("T00:02:00Z", "T08:00:00Z")
                .replaced("T00:03:00Z", "T00:00:01Z"),
            _ => answer,
        })
        .await;
        let setup = Setup::new();
        let read = || setup.read_as(setup.builder(&server.url(LOG)).updates(updates));
        assert_eq!(read().await.unwrap(), to(3));
        log.lock().unwrap().newest = 4;
        assert_eq!(read().await.unwrap(), expected);
        assert_eq!(read().await.unwrap(), [0_u32; 0]);
        // What was there before is an older state, and no news.
        log.lock().unwrap().newest = 3;
        assert_eq!(read().await.unwrap(), [0_u32; 0]);
    }
}

#[tokio::test]
async fn an_update_that_was_handled_is_not_handled_again_after_an_end_in_the_middle() {
    let (server, log) = serve_log(Log::archives(3), |_, log, answer| match log.newest {
        4 => document("", (1..4).rev())
            .replaced("T00:01:00Z", "T09:01:00Z")
            .replaced("T00:02:00Z", "T09:02:00Z")
            .replaced("T00:03:00Z", "T09:03:00Z"),
        _ => answer,
    })
    .await;
    let setup = Setup::new();
    let builder = || setup.builder(&server.url(LOG)).updates(Updates::Each);
    setup.read_as(builder()).await.unwrap();
    log.lock().unwrap().newest = 4;
    let failing = builder().on_exhausted(OnExhausted::Stop).on_any(|recorded: Arc<Recorded>, _| {
        let fails = recorded.event.id().as_str().ends_with(":2");
        std::future::ready(if fails { Err(HandlerError::permanent("no")) } else { Ok(()) })
    });
    failing.build().unwrap().run(std::future::pending()).await.unwrap_err();
    assert_eq!(setup.read_as(builder()).await.unwrap(), [2, 3]);
}
