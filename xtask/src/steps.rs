//! The steps of `cargo xtask test`.
//!
//! Cheap steps come first. The tests come last, so that their closing lines end the output.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::tally::Tally;
use crate::{check, prepare, root};

/// A step of `cargo xtask test`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// Sources are formatted
    Format,
    /// The project's own rules hold
    Check,
    /// The programs that the tests use are there
    Prepare,
    /// Clippy has nothing to say
    Clippy,
    /// The documentation has no broken link
    Docs,
    /// The programs that the end-to-end tests start are built
    Binaries,
    /// The examples in the documentation work
    Doctests,
    /// Unit tests and end-to-end tests pass
    Tests,
}

impl Step {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// What `cargo` is told, for the steps that are a cargo command.
    fn cargo(self) -> Option<&'static [&'static str]> {
        Some(match self {
            Self::Format => &["fmt", "--all", "--check"],
            Self::Clippy => &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
            Self::Docs => &["doc", "--workspace", "--no-deps"],
            Self::Binaries => &[
                "build",
                "--package",
                "feed-server",
                "--package",
                "feed-consumer",
                "--bins",
                "--package",
                "feed-examples",
                "--examples",
            ],
            Self::Doctests => &["test", "--workspace", "--doc"],
            // A test program that fails does not hide what the others have to say.
            Self::Tests => &["test", "--workspace", "--all-targets", "--no-fail-fast"],
            Self::Check | Self::Prepare => return None,
        })
    }

    /// The command that a person would type for this step alone.
    fn command_line(self) -> String {
        match (self, self.cargo()) {
            (Self::Docs, Some(arguments)) => {
                format!("RUSTDOCFLAGS='-D warnings' cargo {}", arguments.join(" "))
            }
            (_, Some(arguments)) => format!("cargo {}", arguments.join(" ")),
            (Self::Check, None) => "cargo xtask check".to_owned(),
            (_, None) => format!("cargo xtask test --only {}", self.name()),
        }
    }

    fn run(self) -> Result<()> {
        match (self, self.cargo()) {
            (Self::Check, _) => check::run(),
            (Self::Prepare, _) => prepare::run(),
            (Self::Tests, Some(arguments)) => run_tests(arguments),
            (Self::Docs, Some(arguments)) => {
                succeed(cargo(arguments).env("RUSTDOCFLAGS", "-D warnings"))
            }
            (_, Some(arguments)) => succeed(&mut cargo(arguments)),
            (_, None) => Ok(()),
        }
    }
}

/// Prints the steps in their order, each with its command.
pub(crate) fn list() {
    for step in Step::value_variants() {
        println!("{:<9} {}", step.name(), step.command_line());
    }
}

/// Runs all steps, or one; the first that fails is the last that is run.
pub(crate) fn run(only: Option<Step>) -> Result<()> {
    let begun = Instant::now();
    let steps = Step::value_variants();
    for step in steps.iter().copied().filter(|step| only.is_none_or(|only| only == *step)) {
        println!("{}: {}", step.name(), step.command_line());
        let step_begun = Instant::now();
        step.run().with_context(|| {
            format!(
                "step {} failed after {:.1} s; to repeat it: cargo xtask test --only {0}",
                step.name(),
                step_begun.elapsed().as_secs_f64(),
            )
        })?;
        println!("{}: ok, {:.1} s", step.name(), step_begun.elapsed().as_secs_f64());
    }
    if only.is_none() {
        println!("all {} steps: ok, {:.1} s", steps.len(), begun.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Runs the benchmark in a release build.
pub(crate) fn bench(arguments: &[OsString]) -> Result<()> {
    let mut command = cargo(&["run", "--release", "--package", "feed-bench", "--"]);
    command.args(arguments).env("PATH", prepare::search_path());
    succeed(&mut command)
}

/// The cargo that runs us, in the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root::workspace());
    command
}

/// Runs a command that must end well.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?} could not be started"))?;
    if !status.success() {
        bail!("the command ended with {status}");
    }
    Ok(())
}

/// Runs the tests, passes their output on, and closes with the sum of their results.
fn run_tests(arguments: &[&str]) -> Result<()> {
    let mut command = cargo(arguments);
    prepare::set_environment(&mut command);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{command:?} could not be started"))?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        let mut stdout = std::io::stdout();
        for line in BufReader::new(output).split(b'\n') {
            let line = line.context("the output of the tests could not be read")?;
            tally.add_line(&String::from_utf8_lossy(&line));
            stdout.write_all(&line)?;
            stdout.write_all(b"\n")?;
        }
    }
    let status = child.wait()?;
    let Tally { passed, failed, ignored } = tally;
    println!("{passed} passed, {failed} failed, {ignored} skipped");
    if !status.success() {
        bail!("the command ended with {status}");
    }
    if passed == 0 {
        bail!("no test was run");
    }
    Ok(())
}
