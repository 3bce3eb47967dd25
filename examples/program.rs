//! What every example does as a program: read its options, end when it is asked to, and say in one
//! line what went wrong.

use std::pin::Pin;
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// Completes when the program is asked to end.
pub type Stop = Pin<Box<dyn Future<Output = ()>>>;

/// Runs an example with the options of its command line, until it ends, or is asked to by Ctrl-C or
/// SIGTERM: neither leaves anything behind.
pub async fn run<O: Parser, F: Future<Output = anyhow::Result<()>>>(
    name: &str,
    body: impl FnOnce(O, Stop) -> F,
) -> ExitCode {
    let options = match O::try_parse() {
        Ok(options) => options,
        // Help, which is no error.
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            let message = error.render().to_string();
            let what = message.lines().next().unwrap_or_default();
            eprintln!("{name}: {} (see --help)", what.trim_start_matches("error: "));
            return ExitCode::from(2);
        }
    };
    let ended = match stop() {
        Ok(stop) => body(options, stop).await,
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn stop() -> std::io::Result<Stop> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(Box::pin(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }))
}
