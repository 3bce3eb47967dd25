//! Subscriptions that share a cache on disk.

use super::*;
use crate::{Discontinuity, HttpOptions};

/// Full pages may be kept for long.
async fn serve_keepable(feed: Feed) -> (Scripted, Arc<Mutex<Feed>>) {
    serve_with(feed, |asked, answer| {
        let is_full = ["/pages/1", "/pages/2"].iter().any(|page| asked.target.ends_with(page));
        if is_full {
            answer.replaced("content-type:", "cache-control: max-age=1000\r\ncontent-type:")
        } else {
            answer
        }
    })
    .await
}

async fn run_as(setup: &Setup, group: &str, url: &str) -> Result<Summary, ConsumerError> {
    let http = HttpOptions::default().cache_dir(setup.folder.path().join("cache"));
    setup.noting(setup.builder(url).group(group).http(http)).run(std::future::pending()).await
}

fn pages(server: &Scripted) -> Vec<String> {
    let asked = server.asked().into_iter().filter_map(|it| {
        let (_, page) = it.target.split_once("/pages/")?;
        Some(page.to_owned())
    });
    asked.collect()
}

#[tokio::test]
async fn a_second_group_reads_full_pages_from_disk_without_another_look_at_each() {
    let (server, _) = serve_keepable(Feed::new(25)).await;
    let setup = Setup::new();
    run_as(&setup, "first", &server.url(FEED)).await.unwrap();
    assert_eq!(setup.take(), (1..=25).collect::<Vec<_>>());
    assert_eq!(pages(&server), ["1", "2", "3"]);
    let before = server.asked().len();
    run_as(&setup, "second", &server.url(FEED)).await.unwrap();
    assert_eq!(setup.take(), (1..=25).collect::<Vec<_>>());
    assert_eq!(pages(&server)[3..], ["3"]);
    // To open the feed, its last pages' end, and one look at what the cache has told of last.
    assert!(server.asked().len() - before <= 6, "{:?}", &server.asked()[before..]);
}

#[tokio::test]
async fn a_feed_that_was_put_back_is_noticed_behind_pages_of_the_cache() {
    let (server, feed) = serve_keepable(Feed::new(25)).await;
    let setup = Setup::new();
    run_as(&setup, "first", &server.url(FEED)).await.unwrap();
    setup.take();
    feed.lock().unwrap().events[19].event = Feed::new(99).events.pop().unwrap().event;
    let error = run_as(&setup, "second", &server.url(FEED)).await.unwrap_err();
    let ConsumerError::Discontinuity(found) = error else { panic!("{error:?}") };
    let other = matches!(found, Discontinuity::OtherEvent { position, .. } if position == at(20));
    assert!(other, "{found:?}");
    assert_eq!(setup.take(), (1..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_that_cannot_be_read_is_not_kept() {
    let broken = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let is_broken = Arc::clone(&broken);
    let (server, _) = serve_with(Feed::new(25), move |asked, answer| {
        if !asked.target.ends_with("/pages/1") {
            return answer;
        }
        let kept = answer.replaced("content-type:", "cache-control: max-age=1000\r\ncontent-type:");
        if is_broken.load(std::sync::atomic::Ordering::Relaxed) {
            kept.replaced("feedposition", "feedposterior")
        } else {
            kept
        }
    })
    .await;
    let setup = Setup::new();
    run_as(&setup, "first", &server.url(FEED)).await.unwrap();
    broken.store(false, std::sync::atomic::Ordering::Relaxed);
    run_as(&setup, "second", &server.url(FEED)).await.unwrap();
    run_as(&setup, "third", &server.url(FEED)).await.unwrap();
    assert_eq!(setup.take().len(), 75);
    let first = pages(&server).into_iter().filter(|page| page == "1").count();
    assert_eq!(first, 2, "once broken, once whole, and then from the disk");
}
