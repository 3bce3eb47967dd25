//! Pages and the current document: what a cache, a reader or a browser asks for.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, ensure};

use super::{Names, RATES, asking, rates};
use crate::client::{Connection, get};
use crate::harness::{Contender, Goal, Harness};
use crate::load::{self, Next};
use crate::process::{FeedServer, Settings};
use crate::stage::{FEED, Stage};

pub(super) const NAMES: Names = &[
    ("page_plain", "one full page of 100 events, without a coding"),
    ("page_gzip", "the same page in gzip"),
    ("page_zstd", "the same page in zstd"),
    ("page_not_modified", "304 for the same page"),
    ("page_uncached", "full pages all over the feed, by a server that keeps none in memory"),
    ("page_scanned", "160 pages one after the other, over and over, by one that keeps some sixty"),
    ("page_scanned_uncached", "the same, by one that keeps none"),
    ("current", "the current document"),
    ("current_not_modified", "304 for the current document"),
];

pub(super) async fn measure(
    harness: &mut Harness<'_>,
    stages: &[Stage],
    binary: &Path,
) -> Result<()> {
    let mut uncached = Vec::new();
    let mut small = Vec::new();
    for stage in stages {
        uncached.push(FeedServer::start(binary, &stage.database, Settings::NoCache)?);
        small.push(FeedServer::start(binary, &stage.database, Settings::SmallCache)?);
    }
    let mut contenders = Vec::new();
    // Sizes stand beside each other, so that each round compares them.
    for (name, coding) in [("page_plain", "identity"), ("page_gzip", "gzip"), ("page_zstd", "zstd")]
    {
        for stage in stages {
            let request = get(&page(stage), &[("Accept-Encoding", coding)]);
            contenders.push(asking(name, stage.events, stage.server(), request, 200));
        }
    }
    let current = format!("/feeds/{FEED}");
    for stage in stages {
        let request = conditional(stage, &page(stage)).await?;
        contenders.push(asking("page_not_modified", stage.events, stage.server(), request, 304));
    }
    for (stage, server) in stages.iter().zip(&uncached) {
        contenders.push(asking_everywhere(stage, server));
    }
    let scanned = |stage: &Stage| stage.full_pages() >= SCANNED_PAGES;
    for (name, servers) in [("page_scanned", &small), ("page_scanned_uncached", &uncached)] {
        for (stage, server) in stages.iter().zip(servers).filter(|(stage, _)| scanned(stage)) {
            contenders.push(asking_in_turn(name, stage, server));
        }
    }
    for stage in stages {
        contenders.push(asking("current", stage.events, stage.server(), get(&current, &[]), 200));
    }
    for stage in stages {
        let request = conditional(stage, &current).await?;
        contenders.push(asking("current_not_modified", stage.events, stage.server(), request, 304));
    }
    harness.measure(contenders).await?;
    for stage in stages.iter().filter(|stage| scanned(stage)) {
        // With a third of the pages in memory it could be 0.67, were asking for a page free.
        let cost = |of: &str| format!("{of}_server_cpu_microseconds");
        let (scanned, uncached) = (cost("page_scanned"), cost("page_scanned_uncached"));
        let (this, that) = ((&*scanned, stage.events), (&*uncached, stage.events));
        harness.ratio("page_scanned_cost_to_uncached", this, that, Some(Goal::AtMost(0.8)))?;
    }
    ratios(harness, stages)
}

/// What a page costs where there are many events, compared with few.
fn ratios(harness: &Harness<'_>, stages: &[Stage]) -> Result<()> {
    let [few, .., many] = stages else { return Ok(()) };
    for (name, _) in NAMES {
        let figure = format!("{name}_requests_per_second");
        let ratio = format!("{name}_cost_{}_to_{}", many.events, few.events);
        let goal = Goal::AtMost(1.2);
        harness.ratio(&ratio, (&figure, few.events), (&figure, many.events), Some(goal))?;
    }
    Ok(())
}

/// How many pages are asked for one after the other.
const SCANNED_PAGES: u64 = 160;

/// One page after another, from the first again after the last: a cache that keeps what was asked
/// for last has none of them.
fn asking_in_turn<'a>(name: &str, stage: &'a Stage, server: &'a FeedServer) -> Contender<'a> {
    let asked = Arc::new(AtomicU64::new(0));
    Contender::new(name, stage.events, RATES, move |time| {
        let (base, asked) = (stage.base.clone(), Arc::clone(&asked));
        let next: Next = Box::new(move |out| {
            let page = asked.fetch_add(1, Ordering::Relaxed) % SCANNED_PAGES + 1;
            out.extend_from_slice(&get(&format!("{base}/pages/{page}"), &[]));
        });
        async move {
            let cpu = server.process.cpu_seconds();
            let outcome = load::run(server.address, vec![next], 200, time).await?;
            Ok(rates(outcome, &server.process, cpu))
        }
    })
}

/// A full page in the middle of the feed.
fn page(stage: &Stage) -> String {
    format!("{}/pages/{}", stage.base, (stage.full_pages() / 2).max(1))
}

/// A request that is answered with 304.
async fn conditional(stage: &Stage, path: &str) -> Result<Vec<u8>> {
    let mut connection = Connection::open(stage.server().0).await?;
    let answer = connection.fetch(&get(path, &[])).await?;
    ensure!(answer.status == 200, "{path}: {}", answer.status);
    Ok(get(path, &[("If-None-Match", answer.field("etag")?)]))
}

/// How many clients ask for pages that are not in memory. Each has pages of its own, since two
/// that ask for the same page at the same time share its making.
const UNCACHED_CLIENTS: u64 = 8;

/// One page after another in an order that jumps about, so that it is not one part of the file
/// that is read.
fn asking_everywhere<'a>(stage: &'a Stage, server: &'a FeedServer) -> Contender<'a> {
    /// A prime, so that the steps lead through all pages.
    const STEP: u64 = 7919;
    let asked = Arc::new(AtomicU64::new(0));
    Contender::new("page_uncached", stage.events, RATES, move |time| {
        let next = |client: u64| -> Next {
            let (base, pages) = (stage.base.clone(), stage.full_pages() / UNCACHED_CLIENTS);
            let asked = Arc::clone(&asked);
            Box::new(move |out| {
                let step = asked.fetch_add(STEP, Ordering::Relaxed) % pages.max(1);
                let page = step * UNCACHED_CLIENTS + client + 1;
                out.extend_from_slice(&get(&format!("{base}/pages/{page}"), &[]));
            })
        };
        let clients: Vec<_> = (0..UNCACHED_CLIENTS).map(next).collect();
        async move {
            let cpu = server.process.cpu_seconds();
            let outcome = load::run(server.address, clients, 200, time).await?;
            Ok(rates(outcome, &server.process, cpu))
        }
    })
}
