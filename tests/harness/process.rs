//! A program that runs, and its output.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::watch;

use crate::wait::within;

/// A program that runs. It is killed, and reaped, when this is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stdout: Captured,
    stderr: Captured,
}

/// What a program has written to one of its outputs.
#[derive(Debug, Clone)]
struct Captured(Arc<watch::Sender<Output>>);

#[derive(Debug, Default)]
struct Output {
    lines: Vec<String>,
    ended: bool,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code, or the signal that ended it.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// A command without the settings that the environment of the tests may hold for the programs
/// under test.
#[must_use]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let ours = name
            .to_str()
            .is_some_and(|it| it.starts_with("FEED_SERVER_") || it.starts_with("FEED_CONSUMER_"));
        if ours || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command
}

impl Process {
    /// Starts a command.
    ///
    /// # Panics
    ///
    /// When there is no such program.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        let stdout = Captured::of(child.stdout.take().expect("it is piped"));
        let stderr = Captured::of(child.stderr.take().expect("it is piped"));
        Self { name, child, stdout, stderr }
    }

    /// The first line of standard output from line `from` (counted from 0) that is looked for.
    ///
    /// # Panics
    ///
    /// When the program ends without it.
    pub async fn line(&self, from: usize, wanted: impl Fn(&str) -> bool) -> String {
        let found = self.stdout.find("a line of output", from, wanted).await;
        found.unwrap_or_else(|| panic!("{} ended without the line", self.name))
    }

    /// The first line of standard error that is looked for.
    ///
    /// # Panics
    ///
    /// As [`Self::line`].
    pub async fn log_line(&self, wanted: impl Fn(&str) -> bool) -> String {
        let found = self.stderr.find("a line of the log", 0, wanted).await;
        found.unwrap_or_else(|| panic!("{} ended without the line", self.name))
    }

    /// Waits until standard output has this many lines, and returns all that there are.
    ///
    /// # Panics
    ///
    /// As [`Self::line`].
    pub async fn lines(&self, count: usize) -> Vec<String> {
        let mut output = self.stdout.0.subscribe();
        let what = format!("{count} lines of output of {}", self.name);
        let reached = within(&what, output.wait_for(|it| it.ended || it.lines.len() >= count));
        let lines = reached.await.expect("the sender lives in self").lines.clone();
        assert!(lines.len() >= count, "{} ended after {} lines", self.name, lines.len());
        lines
    }

    /// What it has written to standard output so far.
    #[must_use]
    pub fn stdout(&self) -> Vec<String> {
        self.stdout.0.borrow().lines.clone()
    }

    /// What it has written to standard error so far.
    #[must_use]
    pub fn stderr(&self) -> Vec<String> {
        self.stderr.0.borrow().lines.clone()
    }

    /// Sends a signal: `TERM`, `STOP`, `CONT`.
    ///
    /// # Panics
    ///
    /// When the program is gone.
    pub fn signal(&self, signal: &str) {
        // The shell's own kill: the program of that name is not installed everywhere.
        let sent = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", signal, &self.child.id().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "{} is gone", self.name);
    }

    /// How much time of processors it has used.
    ///
    /// # Panics
    ///
    /// When it is gone.
    #[must_use]
    pub fn cpu_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.expect("it runs");
        // Behind the name, which may hold anything, utime and stime are the 12th and 13th fields
        // (proc(5)), in hundredths of a second.
        let fields = stat.rsplit_once(") ").expect("a name in parentheses").1.split(' ');
        let ticks = fields.skip(11).take(2).map(|it| it.parse::<u64>().expect("a number"));
        Duration::from_millis(ticks.sum::<u64>() * 10)
    }

    /// Ends it with SIGKILL, and returns all that it wrote to standard output.
    ///
    /// # Panics
    ///
    /// When a program that it started keeps its output open.
    pub async fn kill(mut self) -> Vec<String> {
        self.end();
        let mut output = self.stdout.0.subscribe();
        let rest = within("the rest of a killed program's output", output.wait_for(|it| it.ended));
        rest.await.expect("the sender lives in self").lines.clone()
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub async fn ended(mut self) -> Ended {
        for output in [&self.stdout, &self.stderr] {
            let mut ended = output.0.subscribe();
            let what = format!("{} to end", self.name);
            within(&what, ended.wait_for(|it| it.ended)).await.expect("the sender lives in self");
        }
        // Both outputs are closed, so this does not take long.
        let status = self.child.wait().expect("a child can be waited for");
        Ended { status, stdout: joined(self.stdout()), stderr: joined(self.stderr()) }
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (output, lines) in [("output", self.stdout()), ("error", self.stderr())] {
            writeln!(f, "--- {}, the end of standard {output}:", self.name)?;
            for line in &lines[lines.len().saturating_sub(20)..] {
                writeln!(f, "{}", line.chars().take(500).collect::<String>())?;
            }
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
        if thread::panicking() {
            // What it said belongs to what a test that fails says.
            eprint!("{self}");
        }
    }
}

impl Ended {
    /// That it ended with this exit code.
    ///
    /// # Panics
    ///
    /// When it ended otherwise.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.status.code(),
            Some(code),
            "{}\n--- standard output:\n{}--- standard error:\n{}---",
            self.status,
            self.stdout,
            self.stderr
        );
        self
    }

    /// That it refused: this exit code, one line on standard error that names what is wrong, and
    /// nothing on standard output.
    ///
    /// # Panics
    ///
    /// When it did otherwise.
    #[track_caller]
    pub fn expect_refusal(self, code: i32, names: &[&str]) -> Self {
        let ended = self.expect_code(code);
        assert_eq!(ended.stderr.lines().count(), 1, "more than one line:\n{}", ended.stderr);
        assert_eq!(ended.stdout, "");
        for name in names {
            assert!(ended.stderr.contains(name), "{name:?} is not named in: {}", ended.stderr);
        }
        ended
    }
}

/// Runs a command to its end, with this on its standard input.
///
/// # Panics
///
/// When it cannot be started, or does not end.
pub async fn run_with_input(mut command: Command, input: &[u8]) -> Ended {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
    let stdout = Captured::of(child.stdout.take().expect("it is piped"));
    let stderr = Captured::of(child.stderr.take().expect("it is piped"));
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_vec();
    thread::spawn(move || {
        // It may end without having read everything.
        let _ = stdin.write_all(&input);
    });
    Process { name, child, stdout, stderr }.ended().await
}

/// Runs a command to its end.
///
/// # Panics
///
/// As [`run_with_input`].
pub async fn run(command: Command) -> Ended {
    Process::start(command).ended().await
}

impl Captured {
    /// Reads an output to its end, in a thread of its own.
    fn of(output: impl Read + Send + 'static) -> Self {
        let captured = Self(Arc::new(watch::Sender::new(Output::default())));
        let sender = Arc::clone(&captured.0);
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            while output.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                sender.send_modify(|output| output.lines.push(text));
                line.clear();
            }
            sender.send_modify(|output| output.ended = true);
        });
        captured
    }

    async fn find(&self, what: &str, from: usize, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let find =
            |output: &Output| output.lines.iter().skip(from).find(|line| wanted(line)).cloned();
        let mut output = self.0.subscribe();
        let seen = within(what, output.wait_for(|it| it.ended || find(it).is_some())).await;
        find(&seen.expect("the sender lives in self"))
    }
}

fn joined(lines: Vec<String>) -> String {
    lines.into_iter().map(|line| line + "\n").collect()
}
