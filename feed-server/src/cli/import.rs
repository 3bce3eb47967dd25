//! `feed-server import`

use std::fs::File;
use std::io::{self, BufReader, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use feed_protocol::FeedName;
use indicatif::{ProgressBar, ProgressStyle};

use super::Failed;
use super::lines::{LineArgs, Lines};
use super::publish::{all, open};
use crate::config::Config;
use crate::store::EventStore;

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The feed
    feed: FeedName,
    /// A file with a CloudEvent, or the data of one, in each line
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    #[command(flatten)]
    lines: LineArgs,
}

/// Publishes every line in the file's order. Ids are the same each time, so that an import that
/// was cut off can be run again: what is there already is passed over.
pub(super) async fn run(
    args: ImportArgs,
    config: &Config,
    store: Arc<dyn EventStore>,
) -> Result<(), Failed> {
    let file = File::open(&args.from)
        .with_context(|| format!("--from: cannot read {}", args.from.display()))
        .map_err(Failed::Usage)?;
    let length = file.metadata().map(|it| it.len()).unwrap_or_default();
    let name = args.from.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let server = open(config, store).await.map_err(Failed::Run)?;
    let lines =
        Lines::new(&args.lines, None, BufReader::new(file), |line| format!("{name}:{line}"));
    let bar = bar(length);
    let published = all(&server.publisher(), &args.feed, lines, &bar).await;
    server.close().await;
    published.map(|counts| counts.say(&args.feed)).map_err(Failed::Run)
}

fn bar(length: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length);
    let template = "{wide_bar} {bytes}/{total_bytes} {msg} {bytes_per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
