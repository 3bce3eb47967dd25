//! A feed read whole.

use feed_protocol::{Position, Recorded, cloudevents};
use url::Url;

use crate::http::{Answer, Http};

/// The positions that a document covers, by its `Feed-Range`: first and last.
///
/// # Panics
///
/// When it states none.
#[must_use]
#[track_caller]
pub fn range(answer: &Answer) -> (u64, u64) {
    let (first, last) = answer.header("feed-range").split_once('-').expect("FIRST-LAST");
    (first.parse().expect("a number"), last.parse().expect("a number"))
}

/// Every event of a feed in order, read by its tails from the beginning, with the checks that a
/// careful reader makes: each range joins the one before, and is covered without a gap.
///
/// # Panics
///
/// When a check fails.
pub async fn by_tails(http: &Http, feed: &str) -> Vec<Recorded> {
    let current = http.head(&format!("/feeds/{feed}")).send().await.expect(200);
    let cursor = current.header("feed-cursor").to_owned();
    let (incarnation, _) = cursor.split_once(':').expect("INCARNATION:POSITION");
    let mut events: Vec<Recorded> = Vec::new();
    let mut next = http.url(&format!("/feeds/{feed}/{incarnation}/after/0"));
    loop {
        let answer = batch(http, &next).await;
        let (first, last) = range(&answer);
        assert_eq!(first, events.len() as u64 + 1, "the range joins the one before");
        let batch = cloudevents::read_recorded_batch(&answer.body, 1000).expect("a batch");
        events.extend(batch);
        assert_eq!(last, events.len() as u64, "the range is covered");
        next = answer.link("previous");
        if first > last {
            assert_eq!(next, answer.url, "an empty tail leads to itself");
            break;
        }
    }
    assert_gapless(&events);
    events
}

/// Every event of a feed in order, read by its pages from the first.
///
/// # Panics
///
/// When a page is not what it must be.
pub async fn by_pages(http: &Http, feed: &str) -> Vec<Recorded> {
    let current = http.head(&format!("/feeds/{feed}")).send().await.expect(200);
    let mut events: Vec<Recorded> = Vec::new();
    let mut next = Some(current.link("last"));
    while let Some(page) = next {
        let answer = batch(http, &page).await;
        let mut batch = cloudevents::read_recorded_batch(&answer.body, 1000).expect("a batch");
        batch.reverse();
        events.extend(batch);
        next = answer.find_link("next-archive");
    }
    assert_gapless(&events);
    events
}

async fn batch(http: &Http, url: &Url) -> Answer {
    http.get(path_of(url)).header("accept", crate::events::BATCH).send().await.expect(200)
}

/// That these events stand at positions 1, 2, 3 …
///
/// # Panics
///
/// When they do not.
#[track_caller]
pub fn assert_gapless(events: &[Recorded]) {
    for (number, recorded) in (1..).zip(events) {
        assert_eq!(recorded.position, Position::new(number).expect("small"), "a gap");
    }
}

/// The path, with its query, of an address.
#[must_use]
pub fn path_of(url: &Url) -> &str {
    &url[url::Position::BeforePath..]
}
