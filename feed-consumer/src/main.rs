//! The `feed-consumer` binary.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("feed-consumer: the program cannot start its threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(cli::run());
    // A write to a pipe that nobody reads must not keep the program from ending.
    runtime.shutdown_background();
    code
}
