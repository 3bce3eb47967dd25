//! A worker whose handler records what it does, for the tests of groups.
//!
//! They start several, kill and stop some, and look afterwards whether the history is what the
//! library promises.

mod arguments;
mod dying;
mod handling;
mod settings;

use std::fs::OpenOptions;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use feed_consumer::{Postgres, Sqlite};
use feed_tests::history::History;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::fmt::writer::MakeWriterExt;

use arguments::{Arguments, Effects};
use handling::Handling;

/// Names a folder into which workers log, too, each into a file of its own: for whoever wants to know
/// what led to a failure.
const LOGS: &str = "FEED_TEST_LOGS";

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("history-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    log(&arguments)?;
    let mut terminate = signal(SignalKind::terminate())?;
    // From here on it can be asked to end.
    tracing::info!("started as {}", arguments.name);
    let stop = async move {
        terminate.recv().await;
    };
    let handling = Handling::new(&arguments);
    let builder = settings::settings(&arguments)?;
    match arguments.effects {
        Effects::Outside => {
            let history = History::at(&arguments.database)?;
            let consumer =
                builder.on_any(async |_, cx| handling.outside(&history, &cx).await).build()?;
            consumer.run(stop).await?;
        }
        Effects::Once => {
            let history = History::at(&arguments.database)?;
            let consumer = builder
                .on_any(async |_, cx| {
                    cx.once("effect", async || handling.outside(&history, &cx).await).await?;
                    Ok(())
                })
                .build()?;
            consumer.run(stop).await?;
        }
        Effects::Transactional if arguments.database.starts_with("postgres:") => {
            let consumer = builder
                .transactional::<Postgres>()
                .on_any(async |tx, _, cx| handling.in_postgres(tx, &cx).await)
                .build()?;
            consumer.run(stop).await?;
        }
        Effects::Transactional => {
            let consumer = builder
                .transactional::<Sqlite>()
                .on_any(async |tx, _, cx| handling.in_sqlite(tx, &cx).await)
                .build()?;
            consumer.run(stop).await?;
        }
    }
    Ok(())
}

fn log(arguments: &Arguments) -> anyhow::Result<()> {
    let subscriber = tracing_subscriber::fmt().with_ansi(false);
    match std::env::var_os(LOGS) {
        None => subscriber.with_writer(std::io::stderr).init(),
        Some(folder) => {
            let mut options = OpenOptions::new();
            let path = Path::new(&folder).join(format!("{}.log", arguments.name));
            let file = Arc::new(options.create(true).append(true).open(path)?);
            subscriber.with_writer(std::io::stderr.and(file)).init();
        }
    }
    Ok(())
}
