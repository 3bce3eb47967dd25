//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Measures a feed server: publishing, transactions, pages, reading, latency, idle
/// connections.
///
/// Prints one line of JSON for each figure: its name, the events that were stored, the median of
/// its rounds, and the rounds. Lines named ratio_… compare two figures of the same run, round by
/// round. A line with a goal says whether it was met; a goal that is missed is no failure of the
/// program, whose exit code is 0 when everything could be measured.
///
/// Where nginx is installed, it serves the same pages as static files, under the same load. Where
/// PostgreSQL is, one is started for the time of the run, in the folder for temporary files (TMPDIR).
#[derive(Debug, Clone, Parser)]
#[command(name = "feed-bench", bin_name = "cargo xtask bench")]
pub(crate) struct Options {
    /// Only the figures whose names begin with this; repeatable
    #[arg(long, value_name = "PREFIX")]
    pub(crate) only: Vec<String>,
    /// How many events are stored, 1,000 or more; one database for each number
    /// [default: 1000,1000000]
    #[arg(long, value_name = "N", value_delimiter = ',',
        value_parser = clap::value_parser!(u64).range(1_000..))]
    events: Vec<u64>,
    /// How many streams or long polls wait at a time [default: 10000]
    #[arg(long, value_name = "N")]
    connections: Option<usize>,
    /// How long a round takes, in seconds [default: 1]
    #[arg(long, value_name = "S")]
    seconds: Option<f64>,
    /// How many rounds, of which the median counts [default: 11]
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// A rough look: 1,000 and 20,000 events, 2,000 connections, 3 rounds of half a second
    #[arg(long)]
    quick: bool,
    /// The feed-server to measure [default: a release build of this workspace]
    #[arg(long, value_name = "FILE")]
    pub(crate) server: Option<PathBuf>,
    /// Where the databases are for the time of the run; on the disk that commits shall wait for
    /// [default: beside this program]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
    /// Be a worker of a group, for the program that measures it
    #[arg(long, value_name = "TASK", hide = true, exclusive = true)]
    pub(crate) work: Option<String>,
    /// Print the names of the figures, and measure nothing
    #[arg(long)]
    pub(crate) list: bool,
}

impl Options {
    /// The sizes to measure at, from the smallest.
    pub(crate) fn events(&self) -> Vec<u64> {
        let mut events = match self.events.as_slice() {
            [] if self.quick => vec![1_000, 20_000],
            [] => vec![1_000, 1_000_000],
            stated => stated.to_vec(),
        };
        events.sort_unstable();
        events.dedup();
        events
    }

    /// Whether the sizes were asked for, rather than left to this program.
    pub(crate) fn states_events(&self) -> bool {
        !self.events.is_empty()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.unwrap_or(if self.quick { 2_000 } else { 10_000 })
    }

    /// How long a round takes.
    pub(crate) fn round(&self) -> Duration {
        let seconds = self.seconds.unwrap_or(if self.quick { 0.5 } else { 1.0 });
        Duration::from_secs_f64(seconds.clamp(0.05, 600.0))
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 3 } else { 11 }).max(1)
    }

    /// Whether the figures of this name are wanted.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|prefix| name.starts_with(prefix.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn sizes_come_in_order_and_once() {
        let options = Options::parse_from(["feed-bench", "--events", "2000,1000,2000"]);
        assert_eq!(options.events(), [1_000, 2_000]);
    }
}
