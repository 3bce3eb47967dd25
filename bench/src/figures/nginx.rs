//! The same pages from the server and, as static files, from nginx.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Result, ensure};

use super::{Names, RATES, asking};
use crate::client::{Connection, get};
use crate::harness::{Goal, Harness};
use crate::process::{Files, Nginx};
use crate::stage::{self, SIZED_FEEDS, Stage};

pub(super) const NAMES: Names = &[
    ("static_94k_plain", "a page of 94 kB: from feed-server, and as a file from nginx"),
    ("static_94k_gzip", "the same page, compressed beforehand"),
    ("static_19k_plain", "a page of 19 kB"),
    ("static_19k_gzip", "the same page, compressed beforehand"),
    ("static_19k_not_modified", "304 for the same page"),
];

/// What is compared.
struct Comparison {
    /// The name of our side; those of the others begin with it.
    name: &'static str,
    feed: &'static str,
    coding: &'static str,
    /// Whether the client has the page already.
    is_known: bool,
    /// The share of nginx's rate that is the goal.
    goal: f64,
}

const COMPARISONS: [Comparison; 5] = [
    Comparison { goal: 0.6, ..compare("static_94k_plain", SIZED_FEEDS[0].0, "identity") },
    compare("static_94k_gzip", SIZED_FEEDS[0].0, "gzip"),
    compare("static_19k_plain", SIZED_FEEDS[1].0, "identity"),
    compare("static_19k_gzip", SIZED_FEEDS[1].0, "gzip"),
    Comparison {
        is_known: true,
        ..compare("static_19k_not_modified", SIZED_FEEDS[1].0, "identity")
    },
];

const fn compare(name: &'static str, feed: &'static str, coding: &'static str) -> Comparison {
    Comparison { name, feed, coding, is_known: false, goal: 0.9 }
}

/// The sides: what their names end in, and how nginx is set up, which is what they are compared
/// with.
const SIDES: [(&str, Option<Files>); 3] =
    [("", None), ("_nginx", Some(Files::Opened)), ("_nginx_open_files", Some(Files::KeptOpen))];

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
    let mut ours = Connection::open(stage.server().0).await?;
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
    let mut nginx = Vec::new();
    for files in SIDES.into_iter().filter_map(|(_, files)| files) {
        nginx.push(Nginx::start(&binary, &root, files).await?);
    }
    let mut servers = vec![stage.server()];
    servers.extend(nginx.iter().map(|it| (it.address, &it.process)));
    let mut contenders = Vec::new();
    for it in &COMPARISONS {
        let Some((_, page)) = pages.iter().find(|(feed, _)| *feed == it.feed) else { continue };
        for ((suffix, files), server) in SIDES.into_iter().zip(&servers) {
            let path = if files.is_none() { page.clone() } else { format!("/{}", it.feed) };
            let request = request(it, server.0, &path).await?;
            let expected = if it.is_known { 304 } else { 200 };
            let name = format!("{}{suffix}", it.name);
            contenders.push(asking(name, stage.events, *server, request, expected));
        }
    }
    harness.measure(contenders).await?;
    ratios(harness, stage.events)
}

/// Ours to nginx; the goal is against nginx as it is installed.
fn ratios(harness: &Harness<'_>, events: u64) -> Result<()> {
    for it in &COMPARISONS {
        for (side, files) in SIDES.into_iter().filter_map(|(side, files)| Some((side, files?))) {
            for (value, _) in RATES {
                let is_goal = files == Files::Opened && *value == RATES[0].0;
                let goal = is_goal.then_some(Goal::AtLeast(it.goal));
                let ours = format!("{}_{value}", it.name);
                let theirs = format!("{}{side}_{value}", it.name);
                let ratio = format!("{}_to{side}_{value}", it.name);
                harness.ratio(&ratio, (&ours, events), (&theirs, events), goal)?;
            }
        }
    }
    Ok(())
}

/// The request of a comparison, which has been answered once as it should be.
async fn request(it: &Comparison, server: SocketAddr, path: &str) -> Result<Vec<u8>> {
    let mut connection = Connection::open(server).await?;
    let mut fields = vec![("Accept-Encoding", it.coding)];
    let answer = connection.fetch(&get(path, &fields)).await?;
    ensure!(answer.status == 200, "{path}: {}", answer.status);
    if it.coding != "identity" {
        ensure!(answer.field("content-encoding")? == it.coding, "{path} is not in {}", it.coding);
    }
    if it.is_known {
        fields.push(("If-None-Match", answer.field("etag")?));
    }
    Ok(get(path, &fields))
}
