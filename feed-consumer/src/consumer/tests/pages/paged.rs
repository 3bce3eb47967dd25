use super::*;

#[tokio::test]
async fn pages_are_walked_back_to_an_entry_that_is_known() {
    let (server, log) = serve_plain(Log::pages(10)).await;
    let setup = Setup::new();
    assert_eq!(setup.read(&server).await.unwrap(), to(10));
    let walk = ["/log", "/page/1", "/page/2", "/page/3"];
    let forwards = ["/page/2", "/page/1", "/log"];
    assert_eq!(gets(&server, 0), [&walk[..], &forwards[..]].concat());

    log.lock().unwrap().newest = 12;
    let before = server.asked().len();
    assert_eq!(setup.read(&server).await.unwrap(), [11, 12]);
    assert_eq!(gets(&server, before), ["/log"]);
    log.lock().unwrap().newest = 17;
    let before = server.asked().len();
    assert_eq!(setup.read(&server).await.unwrap(), [13, 14, 15, 16, 17]);
    assert_eq!(gets(&server, before), ["/log", "/page/1", "/log"]);
    // Nothing known is on the page before, but on the one before that.
    log.lock().unwrap().newest = 24;
    assert_eq!(setup.read(&server).await.unwrap(), (18..=24).collect::<Vec<_>>());
}

#[tokio::test]
async fn after_an_end_in_the_middle_reading_goes_on_there() {
    let (server, log) = serve_plain(Log::pages(20)).await;
    let setup = Setup::new();
    assert_eq!(setup.read_until(&server, 5).await, to(4));
    let before = server.asked().len();
    assert_eq!(setup.read_until(&server, 12).await, (5..=11).collect::<Vec<_>>());
    assert!(!gets(&server, before).contains(&"/page/6".into()));
    // Meanwhile the pages have moved by more than one.
    log.lock().unwrap().newest = 28;
    assert_eq!(setup.read(&server).await.unwrap(), (12..=28).collect::<Vec<_>>());
}

#[tokio::test]
async fn pages_that_move_while_they_are_read_lose_and_repeat_nothing() {
    for every in [1, 2, 3, 5, 8] {
        for by in [1, 2, 4, 7] {
            let (server, log) = serve_log(Log::pages(16), move |asked, log, answer| {
                // New entries come with every nth request, as long as they are not too many.
                if (asked.repeats + asked.target.len()) % every == 0 && log.newest < 60 {
                    log.newest += by;
                }
                answer
            })
            .await;
            let setup = Setup::new();
            let seen = setup.read(&server).await.unwrap();
            let rest = setup.read(&server).await.unwrap();
            let newest = log.lock().unwrap().newest;
            let all = [seen, rest].concat();
            let rest = (all.len() as u32 + 1..=newest).collect::<Vec<_>>();
            assert_eq!([all, rest].concat(), to(newest), "{by} entries at every {every}th request");
        }
    }
}

/// The document of a log with entry 2 at its top, and edited.
fn with_edit(asked: &Asked, log: &Log, answer: Answer) -> Answer {
    let is_there = asked.target == LOG && log.top == 2;
    if is_there { answer.replaced("T00:02:00Z", "T23:00:00Z") } else { answer }
}

#[tokio::test]
async fn an_old_entry_that_moves_to_the_top_hides_no_new_ones_below() {
    // It is pinned, or was edited.
    for edited in [false, true] {
        for newest in 12..22 {
            let (server, log) = serve_log(Log::pages(10), move |asked, log, answer| {
                if edited { with_edit(asked, log, answer) } else { answer }
            })
            .await;
            let setup = Setup::new();
            assert_eq!(setup.read(&server).await.unwrap(), to(10));
            log.lock().unwrap().top = 2;
            log.lock().unwrap().newest = newest;
            let seen = setup.read(&server).await.unwrap();
            assert_eq!(seen, (11..=newest).collect::<Vec<_>>(), "edited: {edited}");
        }
    }
}

#[tokio::test]
async fn below_an_entry_at_the_top_pages_may_move_while_they_are_read() {
    for (every, by) in [(1, 1), (1, 2), (2, 4), (3, 7)] {
        let (server, log) = serve_log(Log::pages(4), move |asked, log, answer| {
            let moves = (asked.repeats + asked.target.len()) % every == 0;
            if log.top > 0 && moves && log.newest < 60 {
                log.newest += by;
            }
            with_edit(asked, log, answer)
        })
        .await;
        let setup = Setup::new();
        assert_eq!(setup.read(&server).await.unwrap(), to(4));
        *log.lock().unwrap() = Log { top: 2, ..Log::pages(16) };
        let mut all = to(4);
        while all.len() < log.lock().unwrap().newest as usize {
            all.extend(setup.read(&server).await.unwrap());
            assert_eq!(all, to(all.len() as u32), "{by} entries at every {every}th request");
        }
    }
}

#[tokio::test]
async fn from_now_no_page_is_read() {
    let (server, log) = serve_plain(Log::pages(10)).await;
    let setup = Setup::new();
    let from_now = || setup.read_as(setup.builder(&server.url(LOG)).start(Start::Now));
    assert_eq!(from_now().await.unwrap(), [0_u32; 0]);
    log.lock().unwrap().newest = 15;
    assert_eq!(from_now().await.unwrap(), [11, 12, 13, 14, 15]);
}

#[tokio::test]
async fn a_document_without_entries_may_lead_to_pages() {
    let (server, _) = serve_log(Log::pages(7), |asked, _, answer| {
        let next = link("next", "/page", 1);
        if asked.target == LOG { document(&next, 0..0) } else { answer }
    })
    .await;
    let setup = Setup::new();
    assert_eq!(setup.read(&server).await.unwrap(), [1, 2, 3, 4]);
    assert_eq!(setup.read(&server).await.unwrap(), [0_u32; 0]);
}

#[tokio::test]
async fn pages_that_were_handled_are_not_kept() {
    let (server, _) = serve_plain(Log::pages(10)).await;
    let setup = Setup::new();
    setup.read(&server).await.unwrap();
    let store = SqliteStore::open(&setup.folder.path().join("consumer.db")).await.unwrap();
    let feed = "tag:log.example,2026:log".into();
    let subscription = crate::store::Subscription { group: "default".into(), feed };
    assert_eq!(crate::store::pages::PageStore::pages(&store, &subscription).await.unwrap(), []);
}
