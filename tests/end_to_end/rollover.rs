//! The moment at which a page fills, under readers who know nothing of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use feed_tests::events::order;
use feed_tests::reading::{by_tails, path_of};
use feed_tests::{Answer, Http, ServerProcess, within};
use url::Url;

const PAGE_SIZE: u64 = 10;
const EVENTS: u64 = 200;

/// A plain feed reader: it polls the current document, tells entries apart by their id, and
/// follows `prev-archive` while a document has nothing that it knows (RFC 5005, section 4).
#[derive(Default)]
struct PlainReader {
    seen: BTreeSet<String>,
    polls: u64,
    archives: u64,
}

impl PlainReader {
    async fn poll(&mut self, http: &Http) {
        self.polls += 1;
        let mut new = BTreeSet::new();
        let mut document = http.get("/feeds/orders").send().await.expect(200);
        loop {
            let iris: Vec<_> = document.atom().entries.into_iter().map(|it| it.iri).collect();
            // Known from an earlier poll: the archives of one poll overlap its first document.
            let known = iris.iter().any(|iri| self.seen.contains(iri));
            new.extend(iris);
            let older = document.find_link("prev-archive");
            // The link stands in the document for readers who cannot see header fields.
            let in_document = document
                .atom()
                .links
                .into_iter()
                .find(|it| it.relation.to_string() == "prev-archive");
            let in_document = in_document.map(|it| document.url.join(&it.href).unwrap());
            assert_eq!(in_document, older);
            match older {
                Some(older) if !known => {
                    self.archives += 1;
                    document = http.get(path_of(&older)).send().await.expect(200);
                }
                _ => break,
            }
        }
        self.seen.extend(new);
    }
}

/// Fetches full pages as they appear, and each of them again and again.
#[derive(Default)]
struct PageReader {
    kept: BTreeMap<Url, Answer>,
}

impl PageReader {
    async fn poll(&mut self, http: &Http) {
        let current = http.get("/feeds/orders").send().await.expect(200);
        let mut next = current.find_link("prev-archive");
        while let Some(url) = next {
            let page = http.get(path_of(&url)).send().await.expect(200);
            assert_eq!(page.header("cache-control"), "public, max-age=31536000, immutable");
            assert_eq!(page.atom_positions().len() as u64, PAGE_SIZE);
            next = page.find_link("prev-archive");
            let first = self.kept.entry(url).or_insert_with(|| page.clone());
            assert_eq!(first.body, page.body);
            assert_eq!(first.header("etag"), page.header("etag"));
            assert_eq!(first.header("last-modified"), page.header("last-modified"));
        }
    }
}

/// Follows the tails as they grow.
async fn follow_tails(http: &Http, start: String, until: u64) -> Vec<u64> {
    let mut seen = Vec::new();
    let mut next = start;
    while seen.len() < until as usize {
        let answer = http.get(&next).header("prefer", "wait=5").send().await.expect(200);
        seen.extend(answer.atom_positions());
        next = path_of(&answer.link("previous")).to_owned();
    }
    seen
}

/// Follows the pages oldest first, and the open one until it fills.
async fn follow_pages(http: &Http, folder: &str, until: u64) -> Vec<u64> {
    let mut seen = Vec::new();
    let mut page = 1;
    while seen.len() < until as usize {
        let answer = http.get(&format!("{folder}/pages/{page}")).send().await.expect(200);
        let mut positions = answer.atom_positions();
        positions.reverse();
        let first = (page - 1) * PAGE_SIZE + 1;
        assert_eq!(positions, (first..first + positions.len() as u64).collect::<Vec<_>>());
        let new = positions.into_iter().skip(seen.len() - (first - 1) as usize);
        seen.extend(new.collect::<Vec<_>>());
        if answer.atom().archive {
            assert_eq!(seen.len() as u64, page * PAGE_SIZE);
            page += 1;
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_the_current_document_alone_misses_nothing_while_pages_fill() {
    let server = ServerProcess::with_page_size(PAGE_SIZE).await;
    let folder = server.folder("orders").await;
    let published = AtomicU64::new(0);
    let writers = async {
        let writer = async |writer: u64| {
            for n in (1..=EVENTS).filter(|n| n % 4 == writer) {
                server.publish_one("orders", &order(n)).await;
                published.fetch_add(1, Ordering::Relaxed);
            }
        };
        tokio::join!(writer(0), writer(1), writer(2), writer(3));
    };
    let all_published = || published.load(Ordering::Relaxed) == EVENTS;
    let plain_reader = async {
        let mut reader = PlainReader::default();
        // One poll more after the last event.
        let mut done = false;
        while !done {
            done = all_published();
            reader.poll(&server).await;
        }
        reader
    };
    let page_reader = async {
        let mut reader = PageReader::default();
        let mut done = false;
        while !done {
            done = all_published();
            reader.poll(&server).await;
        }
        reader
    };
    let reading = async {
        tokio::join!(
            writers,
            plain_reader,
            page_reader,
            follow_tails(&server, format!("{folder}/after/0"), EVENTS),
            follow_pages(&server, &folder, EVENTS),
        )
    };
    let ((), plain, pages, tails, in_pages) = within("readers and writers", reading).await;
    assert_eq!(plain.seen.len() as u64, EVENTS, "{} polls", plain.polls);
    assert!(plain.polls > EVENTS / PAGE_SIZE, "too few polls to prove anything: {}", plain.polls);
    assert_eq!(pages.kept.len() as u64, EVENTS / PAGE_SIZE);
    let all: Vec<_> = (1..=EVENTS).collect();
    assert_eq!(tails, all);
    assert_eq!(in_pages, all);
    assert_eq!(by_tails(&server, "orders").await.len() as u64, EVENTS);
}

#[tokio::test]
async fn a_plain_reader_that_was_away_catches_up_through_the_archives() {
    let server = ServerProcess::with_page_size(PAGE_SIZE).await;
    let mut reader = PlainReader::default();
    let mut next = 1;
    for count in [3, 0, 25, 10, 1, 60, 9] {
        for n in next..next + count {
            server.publish_one("orders", &order(n)).await;
        }
        next += count;
        reader.poll(&server).await;
        assert_eq!(reader.seen.len() as u64, next - 1);
    }
    assert!(reader.archives > 0);
}
