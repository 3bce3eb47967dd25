//! Logs and a progress bar on standard error, without one spoiling the other.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use feed_consumer::Progress;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

/// How often the bar is drawn.
const TICK: Duration = Duration::from_millis(100);

/// Standard error.
#[derive(Debug)]
pub(super) struct Terminal {
    bars: MultiProgress,
}

/// A progress bar; it goes when this is dropped.
#[derive(Debug)]
pub(super) struct Shown {
    bar: ProgressBar,
    task: AbortHandle,
}

impl Terminal {
    /// Logs what the filter lets through from now on.
    pub(super) fn new(filter: Targets) -> Self {
        // Drawn only where standard error is a terminal.
        let bars = MultiProgress::new();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(io::stderr().is_terminal())
            .with_writer(LogWriter(bars.clone()));
        tracing_subscriber::registry().with(layer.with_filter(filter)).init();
        Self { bars }
    }

    /// Shows how far a subscription is, until it has caught up.
    pub(super) fn show_progress(&self, progress: watch::Receiver<Progress>) -> Shown {
        let bar = self.bars.add(ProgressBar::new(0).with_style(style()));
        let drawn = bar.clone();
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(TICK);
            let mut begun = false;
            loop {
                ticks.tick().await;
                let Progress { position, head, handled, .. } = *progress.borrow();
                let left = head.get().saturating_sub(position.get());
                if left > 0 && !begun {
                    begun = true;
                    drawn.reset_eta();
                }
                if begun {
                    drawn.set_length(handled + left);
                    drawn.set_position(handled);
                }
                if begun && left == 0 {
                    drawn.finish_and_clear();
                    return;
                }
            }
        });
        Shown { bar, task: task.abort_handle() }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {pos}/{len} events, {per_sec}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}

/// Writes to standard error while no bar is drawn.
#[derive(Debug, Clone)]
struct LogWriter(MultiProgress);

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
