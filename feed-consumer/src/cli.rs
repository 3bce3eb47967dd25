//! The commands of the binary.
//!
//! # Layout
//!
//! - [`args`]: what the command line and the environment say
//! - [`settings`]: what is to be run: flags, environment, file, defaults
//! - [`run`]: runs subscriptions to their end
//! - [`cursor`]: shows cursors, and moves them
//! - [`parked`]: shows parked events, and has something done about them
//! - [`pause`]: pauses shards, and resumes them
//! - [`reshard`]: cuts a subscription into another number of shards
//! - [`which`]: which subscriptions of the databases are meant
//! - [`status`]: shows how subscriptions and their workers are doing
//! - [`asking`]: how a cursor's feed is asked where it ends
//! - [`doctor`]: what a consumer may rely on of a feed
//! - [`http_args`]: how requests are made, on the command line and in files
//! - [`config`]: prints a sample of the settings, or checks them
//! - [`exit`]: from how it ended to one line and an exit code
//! - [`signals`]: when to end
//! - [`terminal`]: logs and a progress bar on standard error

mod args;
mod asking;
mod config;
mod cursor;
mod doctor;
mod exit;
mod http_args;
mod parked;
mod pause;
mod reshard;
mod run;
mod settings;
mod signals;
mod status;
mod terminal;
mod which;

use std::process::ExitCode;

use clap::Parser;

use self::args::{Cli, Command, environment};
use self::exit::Failed;
use self::terminal::Terminal;

/// Does what the command line says.
pub(crate) async fn run() -> ExitCode {
    match try_run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => failed.report(),
    }
}

async fn try_run() -> Result<(), Failed> {
    let cli = Cli::try_parse()?;
    environment::check(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
    let terminal = Terminal::new(cli.log_filter());
    match cli.command {
        Command::Run(args) => run::run(settings::load(&args, &cli.place)?, &terminal).await,
        Command::Cursor(command) => cursor::run(command, &cli.place).await,
        Command::Parked(command) => parked::run(command, &cli.place).await,
        Command::Status(args) => status::run(&args, &cli.place).await,
        Command::Pause(args) => pause::pause(&args, &cli.place).await,
        Command::Resume(args) => pause::resume(&args, &cli.place).await,
        Command::Reshard(args) => reshard::run(&args, &cli.place).await,
        Command::Doctor(args) => doctor::examine(args).await,
        Command::Config(command) => config::run(&command, &cli.place),
    }
}
