//! `feed-server publish`

use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::Args;
use feed_protocol::FeedName;
use indicatif::{ProgressBar, ProgressStyle};

use super::Failed;
use super::lines::{Batch, LineArgs, Lines};
use crate::config::Config;
use crate::publishing::{PublishError, Publisher};
use crate::random;
use crate::store::{EventStore, Refusal};
use crate::{FeedServer, NewEvent};

#[derive(Debug, Args)]
pub(super) struct PublishArgs {
    /// The feed
    feed: FeedName,
    /// The data as JSON; @FILE reads it from a file; - reads an event from each line of standard
    /// input, a CloudEvent or the data of one
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    data: Option<String>,
    /// The entity that it happened to, such as order-42: the key for ordering
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// The event's id, to make publishing it again harmless [default: a new UUID]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    lines: LineArgs,
}

pub(super) async fn run(
    args: PublishArgs,
    config: &Config,
    store: Arc<dyn EventStore>,
) -> Result<(), Failed> {
    let server = open(config, store).await.map_err(Failed::Run)?;
    let publisher = server.publisher();
    let result = if args.data.as_deref() == Some("-") {
        let lines =
            Lines::new(&args.lines, args.subject.as_deref(), BufReader::new(io::stdin()), |_| {
                random::event_id()
            });
        let bar = spinner();
        let published = all(&publisher, &args.feed, lines, &bar).await;
        published.map(|counts| counts.say(&args.feed)).map_err(Failed::Run)
    } else {
        one(&publisher, args).await
    };
    drop(publisher);
    server.close().await;
    result
}

/// A server that serves nobody, for its publisher.
pub(super) async fn open(
    config: &Config,
    store: Arc<dyn EventStore>,
) -> anyhow::Result<FeedServer> {
    let mut builder = FeedServer::builder().shared_store(store);
    if let Some(url) = &config.public_url {
        builder = builder.public_url(url.clone());
    }
    Ok(builder.build().await?)
}

async fn one(publisher: &Publisher, args: PublishArgs) -> Result<(), Failed> {
    let event = new_event(&args).map_err(Failed::Usage)?;
    let appended = publisher
        .publish(args.feed.as_str(), event)
        .await
        .map_err(|error| explain(error, &args.feed))?;
    let status = if appended.created { "created" } else { "existing" };
    writeln!(io::stdout(), "{status} {} {} {}", args.feed, appended.position, appended.iri)
        .map_err(|error| Failed::Run(error.into()))
}

fn new_event(args: &PublishArgs) -> anyhow::Result<NewEvent> {
    let event_type = args
        .lines
        .event_type
        .as_deref()
        .context("--type is missing: what kind of thing happened, such as order.placed")?;
    let mut event = NewEvent::new(&args.lines.source, event_type);
    if let Some(id) = &args.id {
        event = event.id(id);
    }
    if let Some(subject) = &args.subject {
        event = event.subject(subject);
    }
    Ok(match args.data.as_deref().map(|data| (data, data.strip_prefix('@'))) {
        None => event,
        Some((_, Some(file))) => {
            let path = PathBuf::from(file);
            let data = std::fs::read(&path)
                .with_context(|| format!("--data: cannot read {}", path.display()))?;
            event.data("application/json", data)
        }
        Some((json, None)) => event.data("application/json", json),
    })
}

fn explain(error: PublishError, feed: &FeedName) -> Failed {
    match error {
        PublishError::UnknownFeed(_) => Failed::Usage(anyhow::anyhow!(
            "there is no feed {feed} in this database; make it with 'feed-server feeds create {feed}'"
        )),
        PublishError::Invalid(_) => Failed::Usage(error.into()),
        _ => Failed::Run(error.into()),
    }
}

/// What came of many lines.
#[derive(Debug, Default)]
pub(super) struct Counts {
    created: u64,
    existing: u64,
}

impl Counts {
    pub(super) fn say(&self, feed: &FeedName) {
        let Self { created, existing } = self;
        // Whoever closed the pipe does not want to know.
        let _ = writeln!(io::stdout(), "{feed}: {created} created, {existing} existing");
    }
}

/// Publishes every line, a batch at a time.
pub(super) async fn all<R: BufRead, I: Fn(u64) -> String>(
    publisher: &Publisher,
    feed: &FeedName,
    mut lines: Lines<'_, R, I>,
    bar: &ProgressBar,
) -> anyhow::Result<Counts> {
    let mut counts = Counts::default();
    loop {
        let Batch { events, lines, bytes } = lines.next_batch()?;
        if events.is_empty() {
            break;
        }
        let appended = publisher
            .publish_batch(feed.as_str(), events, None)
            .await
            .map_err(|error| locate(error, feed, &lines))?;
        ensure!(appended.len() == lines.len(), "the store answered for another number of events");
        let created = appended.iter().filter(|it| it.created).count() as u64;
        counts.created += created;
        counts.existing += appended.len() as u64 - created;
        bar.inc(bytes);
        bar.set_message(format!("{} events", counts.created + counts.existing));
    }
    bar.finish_and_clear();
    Ok(counts)
}

/// Names the line of an event that was refused.
fn locate(error: PublishError, feed: &FeedName, lines: &[u64]) -> anyhow::Error {
    match &error {
        PublishError::Refused(Refusal::Conflict { index, .. }) => {
            let line = lines.get(*index).copied().unwrap_or_default();
            anyhow::Error::new(error).context(format!("line {line}"))
        }
        PublishError::UnknownFeed(_) => anyhow::anyhow!(
            "there is no feed {feed} in this database; make it with 'feed-server feeds create {feed}'"
        ),
        _ => {
            let first = lines.first().copied().unwrap_or_default();
            anyhow::Error::new(error).context(format!("the batch that begins at line {first}"))
        }
    }
}

/// Progress without a known end, for people alone.
fn spinner() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar
}
