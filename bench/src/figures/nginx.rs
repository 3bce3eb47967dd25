//! The same pages from the server and, as static files, from nginx.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};

use super::pages::CLIENTS;
use super::{Names, RATES, rates};
use crate::client::{Connection, get};
use crate::harness::{Contender, Goal, Harness};
use crate::load;
use crate::process::{Nginx, Process};
use crate::stage::{self, SIZED_FEEDS, Stage};

pub(super) const NAMES: Names = &[
    ("static_94k_plain", "a page of 94 kB: from feed-server, and as a file from nginx"),
    ("static_94k_gzip", "the same page, compressed beforehand"),
    ("static_19k_plain", "a page of 19 kB"),
    ("static_19k_gzip", "the same page, compressed beforehand"),
    ("static_19k_not_modified", "304 for the same page"),
];

/// What is compared: the name, of which feed, in which coding, whether the client has it already,
/// and the share of nginx's rate that is the goal.
struct Comparison {
    ours: &'static str,
    theirs: &'static str,
    feed: &'static str,
    coding: &'static str,
    known: bool,
    goal: f64,
}

const COMPARISONS: [Comparison; 5] = [
    Comparison {
        ours: "static_94k_plain",
        theirs: "static_94k_plain_nginx",
        feed: SIZED_FEEDS[0].0,
        coding: "identity",
        known: false,
        goal: 0.6,
    },
    Comparison {
        ours: "static_94k_gzip",
        theirs: "static_94k_gzip_nginx",
        feed: SIZED_FEEDS[0].0,
        coding: "gzip",
        known: false,
        goal: 0.9,
    },
    Comparison {
        ours: "static_19k_plain",
        theirs: "static_19k_plain_nginx",
        feed: SIZED_FEEDS[1].0,
        coding: "identity",
        known: false,
        goal: 0.9,
    },
    Comparison {
        ours: "static_19k_gzip",
        theirs: "static_19k_gzip_nginx",
        feed: SIZED_FEEDS[1].0,
        coding: "gzip",
        known: false,
        goal: 0.9,
    },
    Comparison {
        ours: "static_19k_not_modified",
        theirs: "static_19k_not_modified_nginx",
        feed: SIZED_FEEDS[1].0,
        coding: "identity",
        known: true,
        goal: 0.9,
    },
];

pub(super) async fn measure(
    harness: &mut Harness<'_>,
    stages: &[Stage],
    folder: &Path,
) -> Result<()> {
    let Some(binary) = Nginx::find() else {
        eprintln!("nginx is not installed, and not compared with");
        return Ok(());
    };
    // The pages are the same whatever else is stored, so one database will do.
    let Some(stage) = stages.last() else { return Ok(()) };
    let mut ours = Connection::open(stage.server.address).await?;
    let root = folder.join("static");
    fs::create_dir_all(&root)?;
    let mut pages = Vec::new();
    for (feed, _) in SIZED_FEEDS {
        let path = format!("{}/pages/2", stage::base(&mut ours, feed).await?);
        for (coding, file) in [("identity", feed.to_owned()), ("gzip", format!("{feed}.gz"))] {
            let page = ours.fetch(&get(&path, &[("Accept-Encoding", coding)])).await?;
            ensure!(page.status == 200, "{path}: {}", page.status);
            eprintln!("{path} in {coding}: {} bytes", page.body.len());
            fs::write(root.join(file), &page.body)?;
        }
        pages.push((feed, path));
    }
    let nginx = Nginx::start(&binary, &root).await?;
    let mut theirs = Connection::open(nginx.address).await?;
    let mut contenders = Vec::new();
    for it in &COMPARISONS {
        let Some((_, path)) = pages.iter().find(|(feed, _)| *feed == it.feed) else { continue };
        let file = format!("/{}", it.feed);
        let process = &stage.server.process;
        contenders.push(
            side(it, it.ours, stage.events, &mut ours, path, stage.server.address, process).await?,
        );
        contenders.push(
            side(it, it.theirs, stage.events, &mut theirs, &file, nginx.address, &nginx.process)
                .await?,
        );
    }
    harness.measure(contenders).await?;
    for it in &COMPARISONS {
        for (suffix, _) in RATES {
            let (ours, theirs) =
                (format!("{}_{suffix}", it.ours), format!("{}_{suffix}", it.theirs));
            let goal = (*suffix == RATES[0].0).then_some(Goal::AtLeast(it.goal));
            let ratio = format!("{}_to_nginx", ours);
            harness.ratio(&ratio, (&ours, stage.events), (&theirs, stage.events), goal)?;
        }
    }
    Ok(())
}

/// One side of a comparison.
async fn side<'a>(
    it: &Comparison,
    name: &'static str,
    events: u64,
    connection: &mut Connection,
    path: &str,
    server: SocketAddr,
    process: &'a Process,
) -> Result<Contender<'a>> {
    let mut fields = vec![("Accept-Encoding", it.coding)];
    let answer = connection.fetch(&get(path, &fields)).await?;
    ensure!(answer.status == 200, "{path}: {}", answer.status);
    if it.coding != "identity" {
        ensure!(answer.field("content-encoding")? == it.coding, "{path} is not in {}", it.coding);
    }
    if it.known {
        fields.push(("If-None-Match", answer.field("etag")?));
    }
    let expected = if it.known { 304 } else { 200 };
    let request: Arc<[u8]> = get(path, &fields).into();
    Ok(Contender::new(name, events, RATES, move |time| {
        let request = Arc::clone(&request);
        async move {
            let cpu = process.cpu_seconds();
            let outcome = load::run(server, load::same(&request, CLIENTS), expected, time).await?;
            Ok(rates(outcome, process, cpu))
        }
    }))
}
