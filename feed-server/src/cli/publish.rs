//! `feed-server publish`

use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use feed_protocol::FeedName;
use indicatif::{ProgressBar, ProgressStyle};

use super::lines::{Batch, LineArgs, Lines};
use super::{Failed, one_line};
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
    /// The entity that it happened to, such as order-42: the key for ordering. With --data -, that
    /// of each line that is no CloudEvent
    #[arg(long, value_name = "SUBJECT", conflicts_with = "subject_field")]
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
    let result = if args.reads_lines() {
        let subject = args.subject.as_deref();
        let max_data_bytes = publisher.limits().max_data_bytes;
        let id = |_: u64, _: &str| random::event_id();
        let input = BufReader::new(io::stdin());
        let lines = Lines::new(&args.lines, subject, input, id, max_data_bytes);
        let again = if args.lines.id_field.is_some() { PASSED_OVER } else { ANOTHER_EACH_TIME };
        let published = all(&publisher, &args.feed, lines, &spinner(), again).await;
        published.map(|counts| counts.say(&args.feed))
    } else {
        one(&publisher, args).await
    };
    drop(publisher);
    server.close().await;
    result
}

impl PublishArgs {
    fn reads_lines(&self) -> bool {
        self.data.as_deref() == Some("-")
    }

    /// Refuses options that would have no effect.
    pub(super) fn check(&self) -> Result<(), Failed> {
        let error = match self.lines.of_lines_alone().next() {
            _ if self.reads_lines() && self.id.is_some() => {
                "--id is that of one event, and --data - reads many: name the member of each line \
                 that is its id with --id-field"
                    .to_owned()
            }
            Some(option) if !self.reads_lines() => {
                format!("{option} is of lines of standard input, and goes with --data - only")
            }
            _ => return Ok(()),
        };
        Err(Failed::Usage(anyhow::anyhow!(error)))
    }
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
    /// The last line whose event is stored.
    last_line: u64,
}

impl Counts {
    pub(super) fn say(&self, feed: &FeedName) {
        let Self { created, existing, .. } = self;
        // Whoever closed the pipe does not want to know.
        let _ = writeln!(io::stdout(), "{feed}: {created} created, {existing} existing");
    }

    /// What is stored though the rest is not.
    fn so_far(&self, again: &str, error: &anyhow::Error) -> String {
        match (self.created + self.existing, self.last_line) {
            // Then nobody knows.
            (0, _) if matches!(error.downcast_ref(), Some(PublishError::Unknown(_))) => {
                String::new()
            }
            (0, _) => "; nothing is stored".to_owned(),
            (count, line) => format!("; {count} events are stored, up to line {line}: {again}"),
        }
    }
}

/// What becomes of lines that are published again, when each has an id of its own.
pub(super) const PASSED_OVER: &str = "running this again passes over them";
/// And when they have none.
const ANOTHER_EACH_TIME: &str =
    "go on after that line, since a line without an id is another event each time";

/// Publishes every line, a batch at a time. When it stops on the way, the error says how far it
/// came, and what becomes of the lines before if they are published `again`.
pub(super) async fn all<R: BufRead, I: Fn(u64, &str) -> String>(
    publisher: &Publisher,
    feed: &FeedName,
    lines: Lines<'_, R, I>,
    bar: &ProgressBar,
    again: &str,
) -> Result<Counts, Failed> {
    let mut counts = Counts::default();
    let ended = batches(publisher, feed, lines, bar, &mut counts).await;
    bar.finish_and_clear();
    match ended {
        Ok(()) => Ok(counts),
        Err(Failed::Run(error)) => {
            let so_far = counts.so_far(again, &error);
            Err(Failed::Run(anyhow::anyhow!("{}{so_far}", one_line(&error))))
        }
        Err(failed) => Err(failed),
    }
}

async fn batches<R: BufRead, I: Fn(u64, &str) -> String>(
    publisher: &Publisher,
    feed: &FeedName,
    mut lines: Lines<'_, R, I>,
    bar: &ProgressBar,
    counts: &mut Counts,
) -> Result<(), Failed> {
    loop {
        let Batch { events, lines, bytes } = lines.next_batch().map_err(Failed::Run)?;
        let (count, Some(last)) = (events.len(), lines.last()) else { return Ok(()) };
        let appended = publisher
            .publish_batch(feed.as_str(), events, None)
            .await
            .map_err(|error| locate(error, feed, &lines))?;
        let created = appended.iter().filter(|it| it.created).count();
        counts.created += created as u64;
        counts.existing += (count - created) as u64;
        counts.last_line = *last;
        bar.inc(bytes);
        bar.set_message(format!("{} events", counts.created + counts.existing));
    }
}

/// Names the line of an event that was refused.
fn locate(error: PublishError, feed: &FeedName, lines: &[u64]) -> Failed {
    let place = match &error {
        PublishError::UnknownFeed(_) => return explain(error, feed),
        PublishError::Refused(Refusal::Conflict { index, .. }) => {
            format!("line {}", lines.get(*index).copied().unwrap_or_default())
        }
        _ => format!("the batch from line {}", lines.first().copied().unwrap_or_default()),
    };
    Failed::Run(anyhow::Error::new(error).context(place))
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
