//! What the command line and the environment say.
//!
//! # Layout
//!
//! - [`run`]: the settings of one subscription
//! - [`forward`]: how to forward
//! - [`cursor`]: which cursor, and where to
//! - [`orders`]: which shards pause, and how many there are to be
//! - [`status`]: which subscriptions, and how they are shown
//! - [`group`]: how workers share a subscription
//! - [`parked`]: which parked events, and what is to be done with them
//! - [`time`]: lengths of time
//! - [`repair`]: what may mend parked events
//! - [`environment`]: variables that look like settings and are none
//! - [`help`]: texts of the help that are longer than a line

pub(super) mod cursor;
pub(super) mod document;
pub(super) mod environment;
pub(super) mod forward;
pub(super) mod group;
mod help;
pub(super) mod orders;
pub(super) mod parked;
pub(super) mod repair;
pub(super) mod run;
pub(super) mod status;
mod time;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::filter::Targets;

use self::cursor::CursorCommand;
use self::orders::{PauseArgs, ReshardArgs, ResumeArgs};
use self::parked::ParkedCommand;
use self::run::RunArgs;
use self::status::StatusArgs;
use super::doctor::{self, DoctorArgs};

/// The database, if nothing else names one.
pub(super) const DEFAULT_DATABASE: &str = "./consumer.db";

/// Reads event feeds, and handles each event in order, at least once.
#[derive(Debug, Parser)]
#[command(
    name = "feed-consumer",
    version,
    arg_required_else_help = true,
    after_help = help::PROGRAM
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    /// What to log: a level (error, warn, info, debug, trace), or `target=level,...` [default: info]
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        env = "FEED_CONSUMER_LOG",
        hide_env_values = true
    )]
    log: Option<Targets>,
}

/// Where settings and cursors are.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct PlaceArgs {
    /// Several subscriptions, in TOML; `feed-consumer config example` prints every setting
    #[arg(long, global = true, value_name = "FILE", env = "FEED_CONSUMER_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// The database that holds the cursors, for all workers of a group: a SQLite file, which `run`
    /// creates, or postgres://USER:PASSWORD@HOST/DATABASE [default: ./consumer.db]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "FEED_CONSUMER_DATABASE",
        hide_env_values = true
    )]
    pub(super) database: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Read a feed and handle its events
    #[command(after_help = help::RUN)]
    Run(Box<RunArgs>),
    /// Show how far subscriptions have come, or move one by hand
    #[command(subcommand, after_help = help::CURSOR)]
    Cursor(CursorCommand),
    /// Look at the events that could not be handled and were set aside; retry, edit or discard them
    #[command(subcommand, after_help = help::PARKED)]
    Parked(ParkedCommand),
    /// Show how subscriptions and their workers are doing: lag, rate, who holds what, what fails
    #[command(after_help = help::STATUS)]
    Status(Box<StatusArgs>),
    /// Pause a subscription, or some of its shards, until they are resumed
    #[command(after_help = help::PAUSE)]
    Pause(PauseArgs),
    /// Let a paused subscription, or some of its shards, go on
    #[command(after_help = help::RESUME)]
    Resume(ResumeArgs),
    /// Cut a subscription into another number of shards
    #[command(after_help = help::RESHARD)]
    Reshard(ReshardArgs),
    /// Tell what a consumer may rely on of a feed, ours or any other Atom feed
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(DoctorArgs),
    /// Print a sample of the settings, or check a file of them
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// What to do with a file of settings.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print every setting, with its default
    #[command(alias = "sample")]
    Example,
    /// Check the settings of --config and the environment
    Check,
}

/// The settings of `run`, without a command that could state them as flags.
#[derive(Debug, Parser)]
struct Settings {
    #[command(flatten)]
    run: RunArgs,
}

impl RunArgs {
    /// What the environment says.
    pub(super) fn of_environment() -> Result<Self, clap::Error> {
        Settings::try_parse_from(["feed-consumer"]).map(|settings| settings.run)
    }
}

impl Cli {
    /// What to log.
    pub(super) fn log_filter(&self) -> Targets {
        let common = || std::env::var("RUST_LOG").ok()?.parse().ok();
        let default = || Targets::new().with_default(tracing::level_filters::LevelFilter::INFO);
        self.log.clone().or_else(common).unwrap_or_else(default)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::exit::Failed;
    use super::*;

    fn parse(args: &[&str]) -> Result<Cli, String> {
        let args = ["feed-consumer"].iter().chain(args);
        Cli::try_parse_from(args).map_err(|error| Failed::from(error).to_string())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line_that_names_the_key_and_the_remedy() {
        for (args, says) in [
            (&["run", "--schedule", "5s"][..], ["--schedule", "such as 'every:5s'"]),
            (&["run", "--from", "end"], ["--from", "'beginning', 'now'"]),
            (&["run", "--give-up-after", "soon"], ["--give-up-after", "such as '10m'"]),
            (&["run", "--deadline", "0s"], ["--deadline", "such as '30s'"]),
            (&["run", "--forward-timeout", "0s"], ["--forward-timeout", "such as '30s'"]),
            (&["run", "--shards", "0"], ["--shards", "from 1 (total order) to 4096"]),
            (&["run", "--lease", "soon"], ["--lease", "such as '15s'"]),
            (&["run", "--gruop", "a"], ["--gruop", "--group"]),
            (&["cursor", "set", "http://h/"], ["--to", "required"]),
            (&["cursor", "set", "http://h/", "--to", "end"], ["--to", "'beginning', 'now'"]),
            (&["parked", "retry"], ["POSITION", "--all"]),
            (&["parked", "retry", "one"], ["POSITION", "not a position"]),
            (&["parked", "discard", "7"], ["--reason", "required"]),
            (&["parked", "edit", "7"], ["--data", "--event"]),
            (&["parked", "list", "--older-than", "old"], ["--older-than", "such as '1h'"]),
            (&["pause", "--shard", "one"], ["--shard", "invalid digit"]),
            (&["reshard"], ["COUNT", "required"]),
            (&["reshard", "0"], ["COUNT", "from 1 (total order) to 4096"]),
            (&["reshard", "8", "--wait", "long"], ["--wait", "such as '5m'"]),
            (&["status", "--watch=soon"], ["--watch", "such as '2s'"]),
            (&["status", "--watch=1ms"], ["--watch", "'100ms' or more"]),
            (&["rum"], ["rum", "run"]),
        ] {
            let error = parse(args).unwrap_err();
            assert!(says.iter().all(|it| error.contains(it)), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn the_help_of_each_command_names_every_variable_of_its_settings() {
        let mut command = Cli::command();
        command.build();
        let mut pending = vec![command];
        while let Some(mut command) = pending.pop() {
            let text = command.render_long_help().to_string();
            for argument in command.get_arguments() {
                if let Some(variable) = argument.get_env().and_then(|it| it.to_str()) {
                    assert!(text.contains(variable), "{variable}: {text}");
                }
            }
            pending.extend(command.get_subcommands().cloned());
        }
    }
}
