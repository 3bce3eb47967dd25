//! `feed-consumer` as a program, with a database of its own.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::binaries;
use crate::http::Http;
use crate::process::{Ended, Process, command, run};

/// A subscription: the address of a feed, and the database that holds its cursor.
#[derive(Debug)]
pub struct Subscription {
    home: TempDir,
    url: String,
}

impl Subscription {
    /// A new subscription to a feed of this server, or of a proxy before it.
    #[must_use]
    pub fn to(server: &Http, feed: &str) -> Self {
        Self::to_url(server.url(&format!("/feeds/{feed}")).as_str())
    }

    /// A new subscription to what stands at this address.
    ///
    /// # Panics
    ///
    /// When there is no place for its database.
    #[must_use]
    pub fn to_url(url: &str) -> Self {
        Self { home: tempfile::tempdir().expect("a temporary folder"), url: url.to_owned() }
    }

    /// A file beside its database.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The lines of a file beside its database, without one that is not whole yet; none before the
    /// file is there.
    #[must_use]
    pub fn lines_of(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.file(name)).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(str::to_owned).collect()
    }

    /// `feed-consumer run`, with these arguments more, in the folder of its database.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(binaries::feed_consumer());
        command.current_dir(self.home.path()).args(["run", &self.url, "--database"]);
        command.arg(self.file("consumer.db")).args(arguments);
        command
    }

    /// The same with standard output appended to a file.
    #[must_use]
    pub fn command_into(&self, file: &str, arguments: &[&str]) -> Command {
        let plain = self.command(arguments);
        // The shell becomes the program, which so has the number of the process that is killed.
        let mut shell = command("sh");
        shell.args(["-c", "exec \"$@\" >> \"$0\""]).arg(self.file(file)).arg(plain.get_program());
        shell.args(plain.get_args()).current_dir(self.home.path());
        shell
    }

    /// Runs `feed-consumer cursor` on its database, with these arguments.
    pub async fn cursor(&self, arguments: &[&str]) -> Ended {
        run(self.program(&[&["cursor"], arguments, &["--database", "consumer.db"]].concat())).await
    }

    /// Runs `feed-consumer parked` on its database, with these arguments.
    pub async fn parked(&self, arguments: &[&str]) -> Ended {
        run(self.program(&[&["parked"], arguments, &["--database", "consumer.db"]].concat())).await
    }

    /// `feed-consumer` with these arguments alone, in the folder of its database.
    #[must_use]
    pub fn program(&self, arguments: &[&str]) -> Command {
        let mut command = command(binaries::feed_consumer());
        command.current_dir(self.home.path()).args(arguments);
        command
    }

    /// Starts it.
    #[must_use]
    pub fn start(&self, arguments: &[&str]) -> Process {
        Process::start(self.command(arguments))
    }

    /// Runs it to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ended {
        run(self.command(arguments)).await
    }

    /// The events that it prints until there are no more.
    ///
    /// # Panics
    ///
    /// When it does not end well, or prints anything else.
    pub async fn drain(&self) -> Vec<Value> {
        let ended = self.run(&["--print", "--until-idle"]).await.expect_code(0);
        ended.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// The positions of the events that it prints until there are no more.
    pub async fn drain_positions(&self) -> Vec<u64> {
        self.drain().await.iter().map(position).collect()
    }
}

/// The position of an event that was printed.
///
/// # Panics
///
/// When it has none.
#[must_use]
#[track_caller]
pub fn position(event: &Value) -> u64 {
    event["feedposition"].as_str().expect("a position").parse().expect("a number")
}

/// The position of an event in a line that was printed.
///
/// # Panics
///
/// When there is none.
#[must_use]
#[track_caller]
pub fn position_in(line: &str) -> u64 {
    position(&serde_json::from_str(line).expect("JSON"))
}
