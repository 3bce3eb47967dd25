//! The `feed-server` binary: parse, log, dispatch, exit code.

use std::process::ExitCode;

use feed_server::cli::{self, Failed};

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match cli::parse() {
        Ok(cli) => {
            cli.start_log();
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
