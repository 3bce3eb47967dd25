//! `feed-server config`

use std::io::Write;

use clap::Subcommand;

use crate::config::{Config, DatabaseArgs, EXAMPLE, ServeArgs};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print every setting with its default
    Example,
    /// Check the settings of --config and the environment
    Check,
}

pub(super) fn run(
    command: &ConfigCommand,
    database: &DatabaseArgs,
    serve: &ServeArgs,
) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    match command {
        ConfigCommand::Example => out.write_all(EXAMPLE.as_bytes())?,
        ConfigCommand::Check => {
            let config = Config::load(database, serve)?;
            config.check_exposure()?;
            writeln!(out, "ok: would listen on {} with {}", config.listen, config.database)?;
        }
    }
    Ok(())
}
