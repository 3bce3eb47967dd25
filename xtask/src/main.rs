//! The project's own rules and set-up as code.
//!
//! ```text
//! cargo xtask test     everything that must be green: run by people and by .ci/run alike
//! cargo xtask check    the rules of ARCHITECTURE.md that no compiler checks
//! cargo xtask soak     groups of workers under faults, for minutes
//! cargo xtask bench    the figures that the documentation quotes
//! ```
//!
//! # Layout
//!
//! - [`cli`]: what a command line says
//! - [`steps`]: the steps of `cargo xtask test`, and how each is run and timed
//! - [`prepare`]: the programs that the tests use and cargo does not bring along
//! - [`soak`]: the long runs of the tests of groups
//! - [`tally`]: counts what the test programs of one `cargo test` report
//! - [`check`]: the rules, one module each
//! - [`root`]: where the workspace is

mod check;
mod cli;
mod prepare;
mod root;
mod soak;
mod steps;
mod tally;

use std::process::ExitCode;

use clap::Parser;

use cli::{Arguments, Command};

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Test { list: true, .. } => {
            steps::list();
            Ok(())
        }
        Command::Test { only, list: false } => steps::run(only),
        Command::Check => check::run(),
        Command::Soak { minutes, seed, only } => soak::run(minutes, seed, &only),
        Command::Bench { arguments } => steps::bench(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
