//! Publish, serve and consume a real shop's events in one process.
//!
//! ```sh
//! cargo run --example quickstart              # serves until Ctrl-C
//! cargo run --example quickstart -- --once    # ends when every event has been handled
//! ```

use std::process::ExitCode;

use clap::Parser;
use feed_examples::quickstart::{self, Options};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        // Help, which is no error.
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            let message = error.render().to_string();
            let what = message.lines().next().unwrap_or_default();
            eprintln!("quickstart: {} (see --help)", what.trim_start_matches("error: "));
            return ExitCode::from(2);
        }
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> anyhow::Result<()> {
    // Ctrl-C, and what others send to end a program: both leave nothing behind.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    quickstart::run(options, stop).await
}
