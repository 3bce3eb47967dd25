//! Programs that share a feed of other software: a document alone, and one with archives.

use std::collections::BTreeMap;
use std::process::Command;

use feed_tests::binaries::history_worker;
use feed_tests::history::{History, Kind};
use feed_tests::postgres::Database;
use feed_tests::process::{Process, command};
use feed_tests::site::{Page, Site};
use feed_tests::{Subscription, eventually};
use serde_json::Value;

use crate::consumer_foreign::{archive, blog, numbers, say_archives};

/// The files into which three programs print.
const FILES: [&str; 3] = ["first", "second", "third"];

/// How many entries a page of the log has, how many pages there are, and of how many subjects.
const SIZE: u64 = 3;
const PAGES: u64 = 200;
const SUBJECTS: u64 = 40;

/// The entries that one of the programs has printed.
fn printed(subscription: &Subscription, file: &str) -> Vec<u64> {
    let lines = subscription.lines_of(file);
    let events: Vec<Value> =
        lines.iter().map(|line| serde_json::from_str(line).expect("an event")).collect();
    numbers(&events)
}

/// Says more and more until each of three programs has printed some of it, and nothing twice.
async fn share(site: &Site, say: impl Fn(&Site, u64)) {
    let _alone = crate::ALONE.lock().await;
    say(site, 50);
    let subscription = Subscription::to_url(site.url("/feed.xml").as_str());
    let run = ["--print", "--schedule", "every:100ms", "--lease", "2s"];
    let programs = FILES.map(|file| Process::start(subscription.command_into(file, &run)));
    let mut said = 50;
    eventually("each program to print some entries", async || {
        eventually("all entries to be printed", async || {
            let mut all: Vec<u64> =
                FILES.iter().flat_map(|file| printed(&subscription, file)).collect();
            all.sort_unstable();
            (all.len() as u64 >= said).then(|| {
                assert_eq!(all, (1..=said).collect::<Vec<_>>(), "each once");
            })
        })
        .await;
        if FILES.iter().all(|file| printed(&subscription, file).len() > 10) {
            return Some(());
        }
        said += 50;
        say(site, said);
        None
    })
    .await;
    for program in programs {
        program.signal("TERM");
        program.ended().await.expect_code(0);
    }
}

#[tokio::test]
async fn programs_share_a_document_and_none_prints_what_another_does() {
    let site = Site::start(Page::atom("")).await;
    share(&site, |site, count| {
        site.say(Page::atom(blog(&(1..=count).collect::<Vec<_>>())));
    })
    .await;
}

#[tokio::test]
async fn programs_share_archives_and_none_prints_what_another_does() {
    let site = Site::start(Page::atom("")).await;
    share(&site, say_archives).await;
}

/// An entry that says of which subject it is, as other software may that has copied it from ours.
fn entry(n: u64) -> String {
    let (hour, minute, second) = (n / 3600, n / 60 % 60, n % 60);
    format!(
        "<entry><id>tag:log.example,2026:{n}</id><title>{n}</title>\
         <updated>2026-01-01T{hour:02}:{minute:02}:{second:02}Z</updated>\
         <category term=\"said\" scheme=\"urn:feed-protocol:type\"/>\
         <ev:position>{n}</ev:position><ev:id>{n}</ev:id><ev:source>/other</ev:source>\
         <ev:subject>subject-{}</ev:subject></entry>",
        n % SUBJECTS
    )
}

/// A log of pages that never change, and a document that has the last of them.
async fn serve_log() -> Site {
    let site = Site::start(Page::atom("")).await;
    for page in 1..=PAGES {
        let link = match page {
            1 => String::new(),
            _ => format!("<link rel=\"prev-archive\" href=\"{}\"/>", site.url(&archive(page - 1))),
        };
        let entries: String = ((page - 1) * SIZE + 1..=page * SIZE).rev().map(entry).collect();
        let document = Page::atom(format!(
            "<feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:ev=\"urn:feed-protocol:event:1\">\
             <id>tag:log.example,2026:log</id><title>A log</title>\
             <updated>2026-01-01T00:00:00Z</updated><author><name>Ada</name></author>\
             {link}{entries}</feed>"
        ));
        if page == PAGES {
            site.say(document);
        } else {
            site.say_at(&archive(page), document);
        }
    }
    site
}

/// A worker that records what it handles in the transaction in which the cursor moves.
fn worker(site: &Site, database: &str, name: &str) -> Process {
    let mut program: Command = command(history_worker());
    program.arg(site.url("/feed.xml").as_str());
    program.args(["--database", database, "--name", name, "--effects", "transactional"]);
    program.args(["--lease", "2000", "--window", "100", "--slow", "4"]);
    Process::start(program)
}

/// The one that gathers is killed in the middle of it.
async fn gatherer_is_killed(database: &str) {
    const ALL: u64 = PAGES * SIZE;
    let history = History::at(database).expect("an address");
    history.create().await.expect("a new table");
    let site = serve_log().await;
    let mut workers = BTreeMap::new();
    for name in ["a", "b", "c"] {
        workers.insert(name, worker(&site, database, name));
    }
    let gathers = |it: &Process| it.stderr().iter().any(|line| line.contains("gathering the"));
    let gatherer = eventually("a worker to gather, and some entries to be handled", async || {
        let handled = history.handled().await.ok()?;
        let gatherer = workers.iter().find(|(_, it)| gathers(it)).map(|(name, _)| *name);
        gatherer.filter(|_| handled > 5)
    })
    .await;
    workers.remove(gatherer).expect("it is there").kill().await;
    let asked = site.count().0;
    workers.insert("d", worker(&site, database, "d"));
    eventually("all entries to be handled", async || {
        (history.handled().await.ok()? as u64 >= ALL).then_some(())
    })
    .await;
    for worker in workers.into_values() {
        worker.signal("TERM");
        worker.ended().await.expect_code(0);
    }
    let paths = site.paths();
    let after = paths[asked..].iter().filter(|path| path.starts_with("/archive")).count();
    assert!(after > 0, "the kill came when all was gathered");
    let records = history.read().await.expect("the history");
    let mut by_subject: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for record in &records {
        assert_eq!(record.kind, Kind::Effect);
        by_subject.entry(record.call.subject.clone()).or_default().push(record.call.position);
    }
    let mut all: Vec<i64> = records.iter().map(|record| record.call.position).collect();
    all.sort_unstable();
    assert_eq!(all, (1..=ALL as i64).collect::<Vec<_>>(), "each once");
    for (subject, positions) in by_subject {
        assert_eq!(positions.len() as u64, ALL / SUBJECTS, "{subject}");
        assert!(positions.is_sorted(), "{subject}: {positions:?}");
    }
}

#[tokio::test]
async fn whoever_gathers_is_killed_and_each_entry_has_its_effect_once_in_sqlite() {
    let _alone = crate::ALONE.lock().await;
    let home = tempfile::tempdir().expect("a temporary folder");
    gatherer_is_killed(home.path().join("consumer.db").to_str().expect("text")).await;
}

#[tokio::test]
async fn whoever_gathers_is_killed_and_each_entry_has_its_effect_once_in_postgresql() {
    let _alone = crate::ALONE.lock().await;
    let database = Database::create().await;
    gatherer_is_killed(database.url()).await;
}
