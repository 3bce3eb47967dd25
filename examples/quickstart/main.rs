//! Publish, serve and consume a real shop's events in one process.
//!
//! ```sh
//! cargo run --example quickstart              # serves until Ctrl-C
//! cargo run --example quickstart -- --once    # ends when every event has been handled
//! ```

use std::process::ExitCode;

use clap::Parser;
use feed_examples::quickstart::{self, Options};

#[tokio::main]
async fn main() -> ExitCode {
    let interrupted = async {
        // Without signals only --once ends by itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    match quickstart::run(Options::parse(), interrupted).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error:#}");
            ExitCode::FAILURE
        }
    }
}
