//! What a command line says.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use crate::steps::Step;

/// The project's own rules and set-up as code.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything that must be green, and stop at the first step that is not
    Test {
        /// Run this step alone
        #[arg(long, value_name = "STEP")]
        only: Option<Step>,
        /// List the steps instead of running them
        #[arg(long)]
        list: bool,
    },
    /// Check the project's own rules, and print FILE:LINE: RULE: what to do
    Check,
    /// Put groups of workers under faults for minutes, on each kind of database
    Soak {
        /// How many minutes all runs take together, beside what they need to come to rest
        #[arg(long, value_name = "N", default_value_t = 8.0)]
        minutes: f64,
        /// Repeats a run: what it has printed behind FEED_TEST_SEED=; drawn, if not set
        #[arg(long, value_name = "S")]
        seed: Option<u64>,
        /// Only the runs whose names contain this, such as sqlite
        #[arg(long, value_name = "NAME", default_value = "")]
        only: String,
    },
    /// Measure, in a release build; one JSON line a figure
    Bench {
        /// Passed on to the benchmark; `cargo xtask bench -- --help` prints its own help
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}
