//! `feed-consumer run`

use std::io::IsTerminal;

use feed_consumer::{
    Consumer, ConsumerBuilder, ConsumerError, Ended, Exec, ForwardCounts, Handler, Print, Progress,
    RepairCommand, Summary, Window,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{Instrument, Span, error, info, info_span};

use super::exit::{self, Failed};
use super::settings::{Said, Sink, Subscription};
use super::signals::Signals;
use super::terminal::Terminal;

/// A subscription that is ready to run.
pub(super) struct Prepared {
    said: Said,
    /// The feed, without name and password.
    pub(super) url: String,
    to_end: BoxFuture<'static, Result<Summary, ConsumerError>>,
    progress: watch::Receiver<Progress>,
    /// Whether it writes events to the terminal, among which a bar has no place.
    shows_events: bool,
    counts: Option<ForwardCounts>,
}

/// Runs all of them to their end, which an error of one brings about for the others too.
pub(super) async fn run(
    subscriptions: Vec<Subscription>,
    terminal: &Terminal,
) -> Result<(), Failed> {
    let signals = Signals::listen()?;
    let (stop, stopped) = watch::channel(false);
    let mut all = Vec::new();
    for subscription in subscriptions {
        let (signal, mut stopped) = (signals.first(), stopped.clone());
        let shutdown = async move {
            tokio::select! {
                () = signal => {}
                // The sender lives as long as any of them runs.
                _ = stopped.wait_for(|it| *it) => {}
            }
        };
        all.push(prepare(subscription, shutdown)?);
    }
    // One that writes events to the terminal leaves no room for bars of the others.
    let with_bars = !all.iter().any(|it| it.shows_events);
    let mut running = JoinSet::new();
    for prepared in all {
        let name = prepared.said.name();
        let progress = prepared.progress.clone();
        let bar = with_bars.then(|| terminal.show_progress(name, progress));
        // Where there is one alone, nobody asks which.
        let stopped = stopped.clone();
        let span = name.map_or_else(Span::none, |name| info_span!("subscription", name));
        running.spawn(
            async move {
                let ended = prepared.to_end.await;
                drop(bar);
                let ended = ended_well(ended, prepared.counts.as_ref(), *stopped.borrow());
                (prepared.said, ended)
            }
            .instrument(span),
        );
    }
    let mut failed: Option<Failed> = None;
    loop {
        let ended = tokio::select! {
            ended = running.join_next() => ended,
            () = signals.second() => return Err(Failed::Interrupted),
        };
        match ended {
            None => return failed.map_or(Ok(()), Err),
            Some(Ok((_, Ok(())))) => {}
            Some(Ok((said, Err(error)))) => {
                let error = error.of(said.name());
                if !running.is_empty() || failed.is_some() {
                    error!("{error}; the others are stopped");
                }
                stop.send_replace(true);
                failed.get_or_insert(error);
            }
            // Only a panic ends a task that nobody has aborted.
            Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// A subscription that runs until `shutdown`.
pub(super) fn prepare(
    subscription: Subscription,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Prepared, Failed> {
    let Subscription {
        said,
        url,
        group,
        database,
        from,
        schedule,
        until_idle,
        give_up_after,
        updates,
        vanished,
        max_pages,
        deadline,
        on_exhausted,
        repair,
        repair_deadline,
        shards,
        workers,
        concurrency,
        lease,
        sink,
        http,
    } = subscription;
    let builder = Consumer::builder(url)
        .group(group)
        .database(database)
        .start(from)
        .schedule(schedule)
        .until_idle(until_idle)
        .deadline(deadline)
        .on_exhausted(on_exhausted)
        .workers(workers)
        .concurrency(concurrency.into())
        .updates(updates)
        .vanished(vanished)
        .http(http);
    let builder = match max_pages {
        Some(count) => builder.max_pages(count),
        None => builder,
    };
    let builder = match shards {
        Some(count) => builder.shards(count),
        None => builder,
    };
    let builder = match lease {
        Some(lease) => builder.lease(lease),
        None => builder,
    };
    let builder = match give_up_after {
        Some(limit) => builder.give_up_after(limit.0),
        None => builder,
    };
    let builder = match repair.map(RepairCommand::new) {
        Some(command) => builder.repair(async move |parked| command.repair(parked).await),
        None => builder,
    };
    let builder = match repair_deadline {
        Some(limit) => builder.repair_deadline(limit),
        None => builder,
    };
    match sink {
        Sink::Print => {
            let builder = builder.handler(Print::new(tokio::io::stdout()));
            let shows_events = std::io::stdout().is_terminal();
            Ok(Prepared { shows_events, ..boxed(said, builder, shutdown)? })
        }
        Sink::Exec(command) => {
            boxed(said, builder.handler(Exec::new(command)).window(Window::ONE), shutdown)
        }
        Sink::Forward(forward) => {
            let counts = Some(forward.counts());
            let builder = builder.handler(*forward).window(Window::ONE);
            Ok(Prepared { counts, ..boxed(said, builder, shutdown)? })
        }
    }
}

fn boxed<H: Handler + 'static>(
    said: Said,
    builder: ConsumerBuilder<H>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Prepared, Failed> {
    let consumer = builder.build().map_err(|error| {
        Failed::Usage(format!("{}: {}", said.key(error.key()), error.message()))
    })?;
    let (url, progress) = (consumer.url().to_owned(), consumer.progress());
    let to_end = consumer.run(shutdown).boxed();
    Ok(Prepared { said, url, to_end, progress, shows_events: false, counts: None })
}

/// Says how it ended.
fn ended_well(
    ended: Result<Summary, ConsumerError>,
    counts: Option<&ForwardCounts>,
    was_stopped: bool,
) -> Result<(), Failed> {
    if let Some(counts) = counts.filter(|it| it.known() + it.unwanted() > 0) {
        info!("{counts}");
    }
    let summary = ended?;
    if summary.ended == Ended::Closed {
        return Err(Failed::Unread(summary.position));
    }
    let reason = match summary.ended {
        Ended::Shutdown if was_stopped => "another subscription failed",
        ended => exit::reason(ended),
    };
    info!(handled = summary.handled, position = %summary.position, "ended: {reason}");
    Ok(())
}
