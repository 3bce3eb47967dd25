//! Workers of a group, each a process of its own.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};

use super::Process;
use crate::worker::{Report, Task};

/// A worker that runs.
#[derive(Debug)]
pub(crate) struct Worker {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    process: Process,
}

impl Worker {
    /// Starts one.
    pub(crate) fn start(task: &Task) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--work").arg(serde_json::to_string(task)?);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn(&mut command, Signal::KILL)?;
        let input = process.child.stdin.take().context("no standard input")?;
        let output = process.child.stdout.take().context("no standard output")?;
        let output = BufReader::new(ChildStdout::from_std(output)?);
        Ok(Self { input: ChildStdin::from_std(input)?, output, process })
    }

    /// What it has done so far.
    pub(crate) async fn ask(&mut self) -> Result<Report> {
        self.input.write_all(b"\n").await.context("a worker has ended")?;
        self.read().await
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(mut self) -> Result<Report> {
        let report = self.read().await?;
        self.close().await?;
        Ok(report)
    }

    /// Ends it, as a signal would.
    pub(crate) async fn end(mut self) -> Result<()> {
        self.input.shutdown().await?;
        self.close().await
    }

    /// Waits until its output is closed: then its process is ending.
    async fn close(self) -> Result<()> {
        let Self { input, mut output, process } = self;
        drop(input);
        while output.read_line(&mut String::new()).await? > 0 {}
        drop(process);
        Ok(())
    }

    async fn read(&mut self) -> Result<Report> {
        let mut line = String::new();
        self.output.read_line(&mut line).await?;
        serde_json::from_str(&line).context("a worker has failed")
    }
}
