//! The `feed-server` binary: parse, log, dispatch, exit code.

use std::io::IsTerminal;
use std::process::ExitCode;

use feed_server::cli::{self, Failed};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match cli::parse() {
        Ok(cli) => {
            log_to_stderr();
            cli::run(cli).await
        }
        Err(failed) => Err(failed),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed::Usage(error)) => fail(&error, 2),
        Err(Failed::Run(error)) => fail(&error, 1),
    }
}

/// One line: what is wrong, where, and the remedy.
fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("feed-server: {}", cli::one_line(error));
    ExitCode::from(code)
}

/// Logs what `RUST_LOG` asks for (`debug`, or `feed_server=debug,info`); information otherwise.
fn log_to_stderr() {
    let stated = std::env::var("RUST_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    // What sqlx warns of, such as each of many connections that are lost at once, this program says
    // itself, once.
    let filter = stated.unwrap_or_else(|| {
        Targets::new().with_default(LevelFilter::INFO).with_target("sqlx", LevelFilter::ERROR)
    });
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    tracing_subscriber::registry().with(layer.with_filter(filter)).init();
}
