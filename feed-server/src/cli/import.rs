//! `feed-server import`

use std::fs::File;
use std::io::{self, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use feed_protocol::FeedName;
use indicatif::{ProgressBar, ProgressStyle};
use xxhash_rust::xxh3::xxh3_64;

use super::Failed;
use super::lines::{LineArgs, Lines};
use super::publish::{PASSED_OVER, all, open};
use crate::config::Config;
use crate::store::EventStore;

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The feed
    feed: FeedName,
    /// A file with a CloudEvent, or the data of one, in each line. Without --id-field, the id of a
    /// line that is no CloudEvent is made of the file's name, the line's number and a hash of the
    /// line: what is imported again is passed over, and a line that was changed is another event
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
    let file = open_file(&args.from).map_err(Failed::Usage)?;
    let length = file.metadata().map(|it| it.len()).unwrap_or_default();
    let name = args.from.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let server = open(config, store).await.map_err(Failed::Run)?;
    let publisher = server.publisher();
    let id = |line: u64, text: &str| format!("{name}:{line}:{:016x}", xxh3_64(text.as_bytes()));
    let max_data_bytes = publisher.limits().max_data_bytes;
    let lines = Lines::new(&args.lines, None, BufReader::new(file), id, max_data_bytes);
    let published = all(&publisher, &args.feed, lines, &bar(length), PASSED_OVER).await;
    server.close().await;
    published.map(|counts| counts.say(&args.feed))
}

fn open_file(path: &Path) -> anyhow::Result<File> {
    let file = File::open(path).and_then(|file| {
        // Opening a folder succeeds, and only reading it would tell.
        let is_folder = file.metadata()?.is_dir();
        if is_folder { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(file) }
    });
    file.with_context(|| format!("--from: cannot read {}", path.display()))
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
