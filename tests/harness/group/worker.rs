//! One of a group's processes.

use std::process::Command;

use url::Url;

use super::{Effects, GroupOptions};
use crate::process::Process;
use crate::tools::tool;

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
}

impl Worker {
    pub(super) fn start(
        mut program: Command,
        options: &GroupOptions,
        life: Life,
        feed: &Url,
        database: &str,
    ) -> Self {
        let GroupOptions { effects, window, lease, slow, failing, seed, .. } = options;
        let name = format!("{}-{}", life.place, life.number);
        program.arg(feed.as_str()).args(["--database", database, "--name", &name]);
        program.arg("--effects").arg(match effects {
            Effects::Transactional => "transactional",
            Effects::Outside => "outside",
        });
        for (argument, value) in [
            ("--lease", lease.as_millis().try_into().expect("not for ever")),
            ("--window", *window as u64),
            ("--slow", slow.as_millis().try_into().expect("not for ever")),
            ("--failing", *failing),
            ("--seed", *seed),
        ] {
            program.args([argument, &value.to_string()]);
        }
        Self { name, process: Process::start(program), life }
    }

    /// Waits for its end, which has to be a good one. A worker may also say at its start that it
    /// cannot reach its database, if that has been started again since.
    ///
    /// # Panics
    ///
    /// When it ends otherwise, or not at all.
    pub(super) async fn ended(self, restarts: u32) -> End {
        let ended = self.process.ended().await;
        let last = ended.stderr.lines().last().unwrap_or_default();
        if restarts > self.life.restarts && last.starts_with("history-worker: the database ") {
            ended.expect_code(1);
            return End::WithoutDatabase;
        }
        ended.expect_code(0);
        End::Good
    }
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
