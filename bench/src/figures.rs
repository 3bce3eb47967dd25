//! What is measured, a module a subject.

mod consume;
mod group;
mod handled;
mod idle;
mod inserts;
mod nginx;
mod pages;
mod publish;
mod read;
mod shops;
mod transactions;
mod visible;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::harness::{Contender, Harness, Value};
use crate::load::{self, Outcome};
use crate::options::Options;
use crate::process::{self, Process};
use crate::stage::Stage;

/// What the names of figures begin with, and what they are.
type Names = &'static [(&'static str, &'static str)];

/// What is measured on the stages.
const STAGED: [Names; 8] = [
    pages::NAMES,
    nginx::NAMES,
    read::NAMES,
    consume::NAMES,
    group::NAMES,
    handled::NAMES,
    publish::NAMES,
    idle::NAMES,
];

/// Prints the names that `--only` chooses from.
pub(crate) fn list() {
    for (name, what) in STAGED.into_iter().chain(shops::ALL).flatten() {
        println!("{name:<28} {what}");
    }
}

/// Measures what is wanted.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let files = process::raise_file_limit();
    let binary = match &options.server {
        Some(binary) => binary.clone(),
        None => process::binary()?,
    };
    let beside = std::env::current_exe()?;
    let beside =
        options.folder.as_deref().or(beside.parent()).context("this program has no folder")?;
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(beside)?;
    let mut harness = Harness::new(options);
    if STAGED.into_iter().any(|names| wants(options, names)) {
        measure_on_stages(&mut harness, &binary, folder.path(), files).await?;
    }
    shops::measure(&mut harness, &binary, folder.path()).await
}

/// Whether some of these figures are wanted.
fn wants(options: &Options, names: Names) -> bool {
    names.iter().any(|(name, _)| options.wants(name))
}

/// Measures what needs feeds of certain sizes.
async fn measure_on_stages(
    harness: &mut Harness<'_>,
    binary: &Path,
    folder: &Path,
    files: u64,
) -> Result<()> {
    let options = harness.options;
    let wants = |names| wants(options, names);
    let mut stages = Vec::new();
    for events in options.events() {
        stages.push(Stage::prepare(binary, folder, events).await?);
    }
    // What only reads comes before what publishes and lets the feeds grow.
    if wants(pages::NAMES) {
        pages::measure(harness, &stages, binary).await?;
    }
    if wants(nginx::NAMES) {
        nginx::measure(harness, &stages, folder).await?;
    }
    if wants(read::NAMES) {
        read::measure(harness, &stages).await?;
    }
    if wants(consume::NAMES) {
        consume::measure(harness, &stages).await?;
    }
    if wants(group::NAMES) {
        group::measure(harness, &stages, binary, folder).await?;
    }
    if wants(handled::NAMES) {
        handled::measure(harness, &stages).await?;
    }
    if wants(publish::NAMES) {
        publish::measure(harness, &stages).await?;
    }
    if wants(idle::NAMES) {
        idle::measure(harness, &stages, binary, files).await?;
    }
    Ok(())
}

/// What a load of requests is told by.
const RATES: &[Value] =
    &[("requests_per_second", "1/s"), ("server_cpu_microseconds", "us/request")];

/// What publishing and reading are told by.
const PER_EVENT: &[Value] =
    &[("events_per_second", "1/s"), ("server_cpu_microseconds", "us/event")];

/// The values of a load, given the server and its processor time before.
fn rates(outcome: Outcome, server: &Process, cpu_before: Option<f64>) -> Vec<f64> {
    let cpu = match (cpu_before, server.cpu_seconds()) {
        (Some(before), Some(after)) => (after - before) * 1e6 / outcome.requests,
        _ => f64::NAN,
    };
    vec![outcome.rate(), cpu]
}

/// How many connections ask for documents at a time.
const CLIENTS: usize = 32;

/// Clients that ask a server for the same document over and over.
fn asking(
    name: impl Into<String>,
    events: u64,
    (server, process): (SocketAddr, &Process),
    request: Vec<u8>,
    expected: u16,
) -> Contender<'_> {
    let request: Arc<[u8]> = request.into();
    Contender::new(name, events, RATES, move |time| {
        let clients = load::same(&request, CLIENTS);
        async move {
            let cpu = process.cpu_seconds();
            let outcome = load::run(server, clients, expected, time).await?;
            Ok(rates(outcome, process, cpu))
        }
    })
}
