//! `feed-server`, as a release build of this workspace.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use super::Process;

/// A feed server that answers.
#[derive(Debug)]
pub(crate) struct FeedServer {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

/// What differs from the defaults.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Settings {
    /// Nothing.
    #[default]
    Default,
    /// No page is kept in memory.
    NoCache,
    /// Some sixty pages are kept in memory.
    SmallCache,
    /// All pages are kept in memory, once they have been asked for.
    WholeCache,
    /// Long polls may wait for as long as the protocol allows.
    LongWaits,
}

impl Settings {
    fn text(self) -> &'static str {
        match self {
            Self::Default => "",
            Self::NoCache => "cache_mebibytes = 0\n",
            Self::SmallCache => "cache_mebibytes = 16\n",
            Self::WholeCache => "cache_mebibytes = 4096\n",
            Self::LongWaits => "long_poll_max_seconds = 300\n",
        }
    }
}

impl FeedServer {
    /// Starts a server over this database.
    pub(crate) fn start(binary: &Path, database: &Path, settings: Settings) -> Result<Self> {
        Self::start_on(binary, database.as_os_str(), database, settings)
    }

    /// Starts a server over the database that `--database` names; its files are called as `files`
    /// is, but for their endings.
    pub(crate) fn start_on(
        binary: &Path,
        database: &OsStr,
        files: &Path,
        settings: Settings,
    ) -> Result<Self> {
        let config = files.with_extension(format!("{settings:?}.toml"));
        std::fs::write(&config, settings.text())?;
        let log = File::create(files.with_extension(format!("{settings:?}.log")))?;
        let mut command = Command::new(binary);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--feed", crate::stage::FEED])
            .arg("--database")
            .arg(database)
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        // Killed: there are thousands of connections that it would otherwise take leave of.
        let mut process = Process::spawn(&mut command, Signal::KILL)?;
        let output = process.child.stdout.take().context("no standard output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.and_then(|it| it.trim_end_matches('/').parse().ok());
        let address = address.with_context(|| format!("feed-server said {line:?}"))?;
        Ok(Self { process, address })
    }
}

/// Builds the server, and returns where it is: beside this program.
pub(crate) fn binary() -> Result<PathBuf> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--release", "--package", "feed-server", "--bin", "feed-server"]);
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).stdout(Stdio::null());
    let status = command.status().context("cannot run cargo to build feed-server")?;
    ensure!(status.success(), "feed-server cannot be built");
    let own = std::env::current_exe()?;
    let binary = own.with_file_name("feed-server");
    ensure!(
        binary.exists(),
        "{} is not there; run `cargo xtask bench`, or name a server with --server",
        binary.display()
    );
    Ok(binary)
}
