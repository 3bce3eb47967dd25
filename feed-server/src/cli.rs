//! The commands of the binary.

mod backup;
mod check;
mod command_line;
mod config;
mod feeds;
mod import;
mod lines;
mod log;
mod manual;
mod publish;
mod serve;
mod shutdown;

use std::sync::Arc;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::config::{Config, DatabaseArgs, ServeArgs};
use crate::store::{self, EventStore};

/// A dependable event log over plain HTTP: Atom and CloudEvents feeds from an SQL database.
///
/// Without a command, serves the feeds `customers` and `orders` from ./feeds.db on 127.0.0.1:3000.
#[derive(Debug, Parser)]
#[command(name = "feed-server", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    log: log::LogArgs,
}

impl Cli {
    /// Begins to log, to standard error, in the form that is asked for.
    pub fn start_log(&self) {
        self.log.start();
    }
}

const EXAMPLES: &str = "\
Examples:
  feed-server
  feed-server serve --listen 127.0.0.1:8080 --feed orders
  feed-server publish orders --type order.placed --subject order-42 --data '{\"total\":\"1.98\"}'
  feed-server backup feeds-monday.db
  feed-server import orders --from orders.jsonl --type order.placed --id-field orderId
  curl http://127.0.0.1:3000/feeds/orders

The database is a SQLite file, or PostgreSQL: --database postgres://user@localhost/shop.
Commands may publish while servers run on the same database.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve feeds over HTTP
    Serve(ServeArgs),
    /// Publish one event, or a line of JSON each from standard input
    Publish(publish::PublishArgs),
    /// Publish what a file of JSON lines holds, with its own times; can be resumed
    Import(import::ImportArgs),
    /// List the feeds of the database, create one, or begin another life of one
    #[command(subcommand)]
    Feeds(feeds::FeedsCommand),
    /// Verify the database: every event is there, in order, and can be found; read-only
    Check(check::CheckArgs),
    /// Copy the database to a file, while servers go on
    Backup(backup::BackupArgs),
    /// Put a backup in the place of the database, with a new incarnation for each feed
    Restore(backup::RestoreArgs),
    /// Print a sample of the settings, or check a file of them
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Print the script by which a shell completes the command line
    Completions(manual::CompletionsArgs),
    /// Print the manual page, or write those of all commands
    Man(manual::ManArgs),
}

/// Why a command failed; the exit code tells the two apart.
#[derive(Debug)]
pub enum Failed {
    /// What was asked for is wrong: exit code 2.
    Usage(anyhow::Error),
    /// It did not work: exit code 1.
    Run(anyhow::Error),
}

/// An error with its causes, without those whose text the one before ends with: the errors of
/// sqlx repeat what the database said.
#[must_use]
pub fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !line.ends_with(&cause) {
            line += if line.is_empty() { "" } else { ": " };
            line += &cause;
        }
    }
    line
}

/// Reads the command line. Help and the version are printed, and end the program.
///
/// # Errors
///
/// [`Failed::Usage`], with one line to print.
pub fn parse() -> Result<Cli, Failed> {
    command_line::parse(std::env::args_os())
}

/// Runs the command.
///
/// # Errors
///
/// [`Failed`], with one line to print.
pub async fn run(cli: Cli) -> Result<(), Failed> {
    let serve_args = match &cli.command {
        Some(Command::Serve(args)) => args.clone(),
        _ => command_line::settings_of_environment()?,
    };
    if let Some(Command::Publish(args)) = &cli.command {
        args.check()?;
    }
    match &cli.command {
        Some(Command::Config(command)) => {
            return config::run(command, &cli.database, &serve_args).map_err(Failed::Usage);
        }
        Some(Command::Completions(args)) => return manual::completions(args),
        Some(Command::Man(args)) => return manual::man(args),
        _ => {}
    }
    let config = Config::load(&cli.database, &serve_args).map_err(Failed::Usage)?;
    if matches!(cli.command, None | Some(Command::Serve(_))) {
        config.check_exposure().map_err(Failed::Usage)?;
    }
    match cli.command {
        None | Some(Command::Serve(_)) => serve::run(config).await,
        Some(Command::Publish(args)) => {
            publish::run(args, &config, open(&config, Missing::Refuse).await?).await
        }
        Some(Command::Import(args)) => {
            import::run(args, &config, open(&config, Missing::Refuse).await?).await
        }
        Some(Command::Feeds(command)) => {
            let store = open(&config, command.if_missing()).await?;
            feeds::run(command, &config, store).await
        }
        Some(Command::Check(args)) => check::run(&args, &config).await,
        Some(Command::Backup(args)) => backup::back_up(&args, &config).await,
        Some(Command::Restore(args)) => backup::restore(&args, &config).await,
        Some(Command::Config(_) | Command::Completions(_) | Command::Man(_)) => Ok(()),
    }
}

/// What to do where there is no database: a name that is mistyped must not become a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Create,
    Refuse,
}

async fn open(config: &Config, missing: Missing) -> Result<Arc<dyn EventStore>, Failed> {
    let store = store::open_or_create(&config.database, missing == Missing::Create).await;
    store.context("database").map_err(Failed::Usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_has_been_said_is_not_said_again() {
        let error = anyhow::anyhow!("(code: 14) unable to open database file");
        let error =
            error.context("error returned from database: (code: 14) unable to open database file");
        let line = one_line(&error.context("database"));
        assert_eq!(
            line,
            "database: error returned from database: (code: 14) unable to open database file"
        );
    }
}
