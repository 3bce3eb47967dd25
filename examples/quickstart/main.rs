//! Publish, serve and consume a real shop's events in one process.
//!
//! ```sh
//! cargo run --example quickstart              # serves until Ctrl-C
//! cargo run --example quickstart -- --once    # ends when every event has been handled
//! ```

use std::process::ExitCode;

use feed_examples::{program, quickstart};

#[tokio::main]
async fn main() -> ExitCode {
    program::run("quickstart", quickstart::run).await
}
