//! `feed-server check`

use std::io::{self, IsTerminal, Write};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{Failed, one_line};
use crate::checking::{self, Verified};
use crate::config::Config;
use crate::store::inspection::{self, Inspection};

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Say it as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &CheckArgs, config: &Config) -> Result<(), Failed> {
    let store = inspection::inspect(&config.database).await;
    let store = store.map_err(|error| Failed::Usage(error.into()))?;
    let bar = bar(store.as_ref()).await;
    let verified = checking::verify(store.as_ref(), |events| bar.inc(events)).await;
    let verified = verified.map_err(anyhow::Error::from);
    bar.finish_and_clear();
    store.close().await;
    let said = if args.json { say_json(&verified) } else { say(&verified) };
    said.map_err(|error| Failed::Run(error.into()))?;
    verified.map(drop).map_err(Failed::Run)
}

fn say(verified: &anyhow::Result<Vec<Verified>>) -> io::Result<()> {
    let mut out = io::stdout();
    for Verified { feed, events, full_pages } in verified.iter().flatten() {
        writeln!(out, "{feed}: {events} events in order, {full_pages} full pages")?;
    }
    Ok(())
}

fn say_json(verified: &anyhow::Result<Vec<Verified>>) -> io::Result<()> {
    let feed =
        |it: &Verified| json!({"feed": it.feed, "events": it.events, "full_pages": it.full_pages});
    let said = match verified {
        Ok(feeds) => json!({"ok": true, "feeds": feeds.iter().map(feed).collect::<Vec<Value>>()}),
        Err(fault) => json!({"ok": false, "fault": one_line(fault)}),
    };
    writeln!(io::stdout(), "{said}")
}

/// On a terminal, how far it has come of all events.
async fn bar(store: &dyn Inspection) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    // A store that cannot be read is a fault that is found again.
    let feeds = store.feeds().await.unwrap_or_default();
    let bar = ProgressBar::new(feeds.iter().map(|(_, head)| head.position.get()).sum());
    let template = "{wide_bar} {human_pos}/{human_len} events, {per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
