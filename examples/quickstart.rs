//! Publish, serve and consume in one process.

mod ledger;

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use axum::Router;
use axum::routing::get;
use feed_consumer::{Consumer, ConsumerBuilder, HandlerError};
use feed_protocol::Recorded;
use feed_server::{FeedServer, Publisher, SqliteStore};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::shop::{self, CUSTOMERS, CustomerRegistered, ORDERS, OrderPlaced};
use ledger::Ledger;

/// Where this app mounts the feeds; any path would do.
const MOUNT: &str = "/events";

/// With `--once`, the longest time in which no event may be handled before the missing ones count
/// as lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// How to run.
#[derive(Debug, Clone, clap::Parser)]
#[command(about = "Publish, serve and consume a real shop's events in one process")]
pub struct Options {
    /// The address to serve on; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,
    /// Keep the events and cursors in this folder [default: one that is removed at the end]
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// End once every event has been handled, and say whether each was handled exactly once
    #[arg(long)]
    pub once: bool,
}

/// Runs until `stop` completes or, with `--once`, until every event has been handled.
///
/// # Errors
///
/// When something cannot be set up; and with `--once`, when an event was lost, doubled or out of
/// order.
pub async fn run(options: Options, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir()?;
    let folder = options.folder.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(folder)?;

    // The producer's half: a store, its feeds, and the router in an app of one's own.
    let database = folder.join("feeds.db");
    let feeds = FeedServer::builder()
        .store(SqliteStore::open(database.to_string_lossy().parse()?).await?)
        .feed(CUSTOMERS)
        .feed(ORDERS)
        .build()
        .await?;
    let app = Router::new()
        .route("/", get(|| async { format!("A shop. Its events are at {MOUNT}\n") }))
        .nest(MOUNT, feeds.router());
    let listener = TcpListener::bind(options.listen).await.with_context(|| {
        format!("{} is not to be had; take another address with --listen", options.listen)
    })?;
    let base = format!("http://{}{MOUNT}", listener.local_addr()?);
    let (closing, closed) = watch::channel(false);
    let serving = tokio::spawn(feed_server::serve(listener, app, until(closed)));
    say_addresses(&base, folder)?;

    // The consumer's half, knowing nothing but the URL; and meanwhile the shop does business.
    let ledger = Ledger::default();
    let progress = Progress::new();
    let (stopping, stopped) = watch::channel(false);
    let business = async {
        let publisher = feeds.publisher();
        let busy = async {
            tokio::try_join!(
                publish(&publisher, CUSTOMERS, &ledger),
                publish(&publisher, ORDERS, &ledger),
            )?;
            if options.once {
                ledger.complete(PATIENCE).await;
            } else {
                std::future::pending::<()>().await;
            }
            anyhow::Ok(true)
        };
        let completed = tokio::select! {
            biased;
            () = stop => Ok(false),
            completed = busy => completed,
        };
        stopping.send_replace(true);
        completed
    };
    let consume = |feed| consume(&base, feed, folder, &ledger, &progress, until(stopped.clone()));
    let outcome = tokio::try_join!(business, consume(CUSTOMERS), consume(ORDERS));
    if let Ok((true, ..)) = outcome {
        // A consumer that comes back has its cursor, and is handed nothing again.
        for feed in [CUSTOMERS, ORDERS] {
            consume_again(&base, feed, folder, &ledger).await?;
        }
    }
    // The server ends last; first its streams and long polls, which it would otherwise wait for.
    feeds.shutdown();
    closing.send_replace(true);
    serving.await??;
    feeds.close().await;
    outcome?;
    if options.once {
        let verdict = ledger.verdict();
        ensure!(verdict.is_good(), "{verdict}");
        writeln!(std::io::stdout(), "{verdict}")?;
    }
    Ok(())
}

/// Completes when the value becomes true.
async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that nobody can say so any more, which says so too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Publishes what happened in the shop, one event after the other.
async fn publish(publisher: &Publisher, feed: &'static str, ledger: &Ledger) -> anyhow::Result<()> {
    let events = shop::events(feed);
    ledger.expect(feed, events.len());
    for event in events {
        let appended = publisher.publish(feed, event).await?;
        ledger.published(feed, appended.position);
    }
    Ok(())
}

/// Handles what a feed holds and will hold, until told to stop.
async fn consume(
    base: &str,
    feed: &'static str,
    folder: &Path,
    ledger: &Ledger,
    progress: &Progress,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let bar = progress.bar(feed, shop::events(feed).len());
    let handle = async |recorded: Arc<Recorded>, _: feed_consumer::Context| {
        let line = describe(&recorded)?;
        bar.suspend(|| writeln!(std::io::stdout(), "{feed:<9} {:>3}  {line}", recorded.position))?;
        bar.inc(1);
        ledger.handled(feed, recorded.position);
        Ok(())
    };
    let consumer = consumer(base, feed, folder).on_any(handle).build()?;
    let mut progress = consumer.progress();
    let note_beginning = async {
        // An error means that it has ended before it began.
        if progress.changed().await.is_ok() {
            let it = *progress.borrow();
            ledger.began(feed, it.position.back_by(it.handled));
        }
    };
    let (ended, ()) = tokio::join!(consumer.run(stop), note_beginning);
    ended?;
    bar.finish_and_clear();
    Ok(())
}

/// Runs a consumer of the same group once more, up to the head.
async fn consume_again(
    base: &str,
    feed: &'static str,
    folder: &Path,
    ledger: &Ledger,
) -> anyhow::Result<()> {
    let handle = async |recorded: Arc<Recorded>, _: feed_consumer::Context| {
        ledger.handled(feed, recorded.position);
        Ok(())
    };
    let consumer = consumer(base, feed, folder).until_idle(true).on_any(handle).build()?;
    consumer.run(std::future::pending()).await?;
    Ok(())
}

/// A consumer of a feed; its cursor is kept beside the events, but could be anywhere.
fn consumer(base: &str, feed: &str, folder: &Path) -> ConsumerBuilder<()> {
    let cursors = folder.join("cursors.db");
    Consumer::builder(format!("{base}/feeds/{feed}"))
        .group("quickstart")
        .database(cursors.to_string_lossy())
}

/// What a person wants to know of an event.
fn describe(recorded: &Recorded) -> Result<String, HandlerError> {
    let event = &recorded.event;
    let data = event.data().map_or(&b"null"[..], |data| data);
    let event_type = event.event_type().as_str();
    Ok(match event_type {
        "customer.registered" => {
            let it: CustomerRegistered =
                serde_json::from_slice(data).map_err(HandlerError::permanent)?;
            format!("{event_type}  {} {} {}", it.customer_id, it.first_name, it.last_name)
        }
        "order.placed" => {
            let it: OrderPlaced = serde_json::from_slice(data).map_err(HandlerError::permanent)?;
            format!(
                "{event_type}  {} of {}: {} {}",
                it.order_id, it.customer_id, it.total, it.currency
            )
        }
        other => format!("{other}  (not known here)"),
    })
}

fn say_addresses(base: &str, folder: &Path) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(
        out,
        "The feeds are served from {}; open them in a browser or a feed reader:",
        folder.display()
    )?;
    for feed in [CUSTOMERS, ORDERS] {
        writeln!(out, "  {base}/feeds/{feed}")?;
    }
    writeln!(out, "Try them:")?;
    writeln!(out, "  curl {base}/")?;
    writeln!(out, "  curl -i {base}/feeds/{ORDERS}")?;
    writeln!(
        out,
        "  curl -H 'Accept: application/cloudevents-batch+json' {base}/feeds/{CUSTOMERS}"
    )?;
    writeln!(out, "  curl -N -H 'Accept: text/event-stream' {base}/feeds/{ORDERS}")?;
    writeln!(
        out,
        "  curl -H 'Content-Type: application/cloudevents+json' {base}/feeds/{ORDERS} \\\n    \
         -d '{{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/me\",\"type\":\"order.cancelled\",\"subject\":\"order-412\"}}'"
    )?;
    writeln!(out, "Ctrl-C ends it.\n")?;
    out.flush()
}

/// Progress bars, for people alone.
struct Progress(Option<MultiProgress>);

impl Progress {
    fn new() -> Self {
        Self(std::io::stderr().is_terminal().then(MultiProgress::new))
    }

    fn bar(&self, feed: &'static str, events: usize) -> ProgressBar {
        let Some(bars) = &self.0 else { return ProgressBar::hidden() };
        let bar = bars.add(ProgressBar::new(events as u64).with_message(feed));
        if let Ok(style) = ProgressStyle::with_template("{msg:9} {wide_bar} {pos}/{len}") {
            bar.set_style(style);
        }
        bar
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_event_is_handled_exactly_once_in_one_run_or_in_several() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            listen: ([127, 0, 0, 1], 0).into(),
            folder: Some(folder.path().to_owned()),
            once: true,
        };
        for _ in 0..2 {
            run(options.clone(), std::future::pending()).await.unwrap();
        }
        // Told to stop before it is done, it does not say that it was.
        let folder = tempfile::tempdir().unwrap();
        let options = Options { folder: Some(folder.path().to_owned()), ..options };
        let error = run(options.clone(), std::future::ready(())).await.unwrap_err().to_string();
        assert!(error.contains("NOT exactly once"), "{error}");
        run(options, std::future::pending()).await.unwrap();
    }
}
