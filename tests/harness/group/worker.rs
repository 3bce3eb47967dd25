//! One of a group's processes.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;

use url::Url;

use super::{Effects, GroupOptions};
use crate::process::Process;
use crate::tools::tool;

/// What it says before an event ends it, whose place follows.
pub const DIES_OF: &str = "history-worker: dies of ";

/// A process of a group.
#[derive(Debug)]
pub(super) struct Worker {
    /// No other has it, before or after.
    pub(super) name: String,
    pub(super) process: Process,
    life: Life,
}

/// Which process it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    /// The place that it takes in the group.
    pub(super) place: usize,
    /// How many were started before it and with it.
    pub(super) number: u64,
    /// How often the database had been started again by then.
    pub(super) restarts: u32,
}

/// How a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As it was asked to.
    Good,
    /// Before it began: its database was away.
    WithoutDatabase,
    /// An event of this place ended it.
    Deadly(i64),
}

impl Worker {
    pub(super) fn start(
        mut program: Command,
        options: &GroupOptions,
        life: Life,
        feed: &Url,
        database: &str,
    ) -> Self {
        let GroupOptions { effects, window, lease, shards, workers_each, fates, holds, .. } =
            options;
        let millis = |it: &Duration| it.as_millis().try_into().expect("not for ever");
        let name = format!("{}-{}", life.place, life.number);
        program.arg(feed.as_str()).args(["--database", database, "--name", &name]);
        program.arg("--effects").arg(match effects {
            Effects::Transactional => "transactional",
            Effects::Outside => "outside",
        });
        for (argument, value) in [
            ("--lease", millis(lease)),
            ("--window", *window as u64),
            ("--shards", (*shards).into()),
            ("--workers", (*workers_each).into()),
            ("--slow", millis(&fates.slow)),
            ("--flaky", fates.flaky),
            ("--fatal", fates.fatal),
            ("--deadly", fates.deadly),
            ("--seed", fates.seed),
        ] {
            program.args([argument, &value.to_string()]);
        }
        if let Some(position) = holds {
            program.args(["--holds", &position.to_string()]);
        }
        Self { name, process: Process::start(program), life }
    }

    /// The event that ends it, as it has said.
    pub(super) fn dies_of(&self) -> Option<i64> {
        self.process.stderr().iter().find_map(|line| dies_of(line))
    }

    /// Waits for its end, which has to be a good one, or that of a deadly event. A worker may also
    /// say at its start that it cannot reach its database, if that has been started again since.
    ///
    /// # Panics
    ///
    /// When it ends otherwise, or not at all.
    pub(super) async fn ended(self, restarts: u32) -> End {
        let ended = self.process.ended().await;
        if let Some(position) = ended.stderr.lines().find_map(dies_of) {
            assert!(ended.status.signal().is_some(), "{} outlives {position}", self.name);
            return End::Deadly(position);
        }
        let last = ended.stderr.lines().last().unwrap_or_default();
        if restarts > self.life.restarts && last.starts_with("history-worker: the database ") {
            ended.expect_code(1);
            return End::WithoutDatabase;
        }
        ended.expect_code(0);
        End::Good
    }
}

fn dies_of(line: &str) -> Option<i64> {
    line.strip_prefix(DIES_OF)?.parse().ok()
}

/// The same program with a clock that is wrong by this much.
pub(super) fn with_clock(mut program: Command, wrong_by: &str) -> Command {
    // Not through faketime itself: it would stand between us and the worker's signals.
    let mut shown = tool("faketime", "faketime");
    shown.args(["-m", "-f", wrong_by, "printenv", "LD_PRELOAD"]);
    let library = shown.output().expect("it can be started").stdout;
    program.env("LD_PRELOAD", String::from_utf8(library).expect("a path").trim());
    program.env("FAKETIME", wrong_by).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    program
}
