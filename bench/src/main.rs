//! The figures that the documentation quotes, measured: `cargo xtask bench`.
//!
//! Every figure is one line of JSON on standard output; what happens meanwhile goes to standard
//! error. The servers run as processes of their own, on loopback, over databases in a folder that
//! is removed at the end.
//!
//! # Layout
//!
//! - [`options`]: the command line
//! - [`figures`]: what is measured, a module a subject
//! - [`harness`]: rounds in turn, medians, ratios, and the lines of JSON
//! - [`load`]: clients that ask as fast as they are answered
//! - [`client`]: the HTTP client, lean enough not to be what is measured
//! - [`process`]: the servers, their processor time and their memory
//! - [`stage`]: a database of a certain size and the servers over it
//! - [`shop`]: a shop's own tables beside the feeds, in SQLite and in PostgreSQL
//! - [`orders`]: the events
//! - [`worker`]: a worker of a group, which this program is when it starts itself anew

mod client;
mod figures;
mod harness;
mod interrupt;
mod load;
mod options;
mod orders;
mod process;
mod shop;
mod stage;
mod worker;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use options::Options;

fn main() -> ExitCode {
    let options = Options::parse();
    if options.list {
        figures::list();
        return ExitCode::SUCCESS;
    }
    let result = match &options.work {
        Some(task) => worker::run(task),
        None => measure(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("feed-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

// One thread for all clients, so that two processors serve one server and one generator of load.
#[tokio::main(flavor = "current_thread")]
async fn measure(options: &Options) -> Result<()> {
    // Interrupted or not, what was started is ended: by the drop of whatever started it.
    tokio::select! {
        result = figures::run(options) => result,
        () = interrupt::interrupted() => Err(anyhow::anyhow!("interrupted")),
    }
}
