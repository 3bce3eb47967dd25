//! `feed-server backup` and `feed-server restore`

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::Failed;
use crate::config::Config;
use crate::store::sqlite::{self, SqliteOptions};
use crate::store::{self, StoreError};

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The file to write, which must not exist
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// A file that `feed-server backup` has written
    file: PathBuf,
    /// Replace the database that is there, with all that it holds
    #[arg(long)]
    yes: bool,
}

pub(super) async fn back_up(args: &BackupArgs, config: &Config) -> Result<(), Failed> {
    let options = file_of(config)?;
    sqlite::backup(&options, &args.file).await.map_err(failed)?;
    say(format_args!("{} is in {}", options.path().display(), args.file.display()))
}

pub(super) async fn restore(args: &RestoreArgs, config: &Config) -> Result<(), Failed> {
    let options = file_of(config)?;
    let feeds = sqlite::restore(&options, &args.file, args.yes).await.map_err(failed)?;
    say(format_args!("{} holds what {} did", options.path().display(), args.file.display()))?;
    for feed in feeds {
        say(format_args!("{} has the new incarnation {}", feed.name, feed.incarnation))?;
    }
    Ok(())
}

fn file_of(config: &Config) -> Result<SqliteOptions, Failed> {
    let file = store::file(&config.database).map_err(failed)?;
    file.ok_or_else(|| {
        Failed::Usage(anyhow::anyhow!(
            "the database is PostgreSQL, which has backups of its own: pg_dump, pg_restore, and \
             'feed-server feeds new-incarnation --all' after each return to an earlier state"
        ))
    })
}

fn failed(error: StoreError) -> Failed {
    Failed::Usage(error.into())
}

fn say(line: std::fmt::Arguments<'_>) -> Result<(), Failed> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| Failed::Run(error.into()))
}
