//! The servers and workers that are measured, as processes of their own.

mod feed_server;
mod nginx;
mod worker;

use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Resource, Rlimit, Signal};

pub(crate) use feed_server::{FeedServer, Settings, binary};
pub(crate) use nginx::{Files, Nginx};
pub(crate) use worker::Worker;

/// A process that ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// How it is asked to end.
    end: Signal,
}

impl Process {
    fn spawn(command: &mut Command, end: Signal) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        Ok(Self { child, end })
    }

    /// The processor time that it and its children have used, in seconds, to the hundredth; `None`
    /// where the system does not say.
    pub(crate) fn cpu_seconds(&self) -> Option<f64> {
        let own = self.child.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).ok()?;
        let children = children.split_whitespace().filter_map(|it| it.parse().ok());
        children.chain([own]).map(cpu_seconds_of).sum()
    }

    /// The memory that it holds, in KiB; `None` where the system does not say.
    pub(crate) fn resident_kibibytes(&self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    }

    /// Waits until it has next to nothing to do.
    pub(crate) async fn idle(&self) {
        let mut seen = self.cpu_seconds();
        loop {
            tokio::time::sleep(Duration::from_millis(250)).await;
            let now = self.cpu_seconds();
            match (seen, now) {
                (Some(before), Some(after)) if after - before > 0.015 => seen = now,
                _ => return,
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; then there is nobody to tell.
        let _ = rustix::process::kill_process(Pid::from_child(&self.child), self.end);
        let _ = self.child.wait();
    }
}

/// Field 14 and 15 of the process's line, counted behind its name, which may hold anything.
fn cpu_seconds_of(process: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11).map(|it| it.parse::<u32>().ok());
    let ticks = fields.next()?? + fields.next()??;
    let second = u32::try_from(rustix::param::clock_ticks_per_second()).ok()?;
    Some(f64::from(ticks) / f64::from(second))
}

/// Lets this process and those that it starts open as many files as they ever may, and returns
/// how many those are.
pub(crate) fn raise_file_limit() -> u64 {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // If that is refused, fewer connections are made.
    let _ = rustix::process::setrlimit(Resource::Nofile, raised);
    rustix::process::getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
