//! Logs and a progress bar on standard error, without one spoiling the other.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use feed_consumer::Progress;
use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

/// How often the bar is drawn.
const TICK: Duration = Duration::from_millis(100);

/// How many positions behind a subscription is far behind, once it had caught up.
const FAR_BEHIND: u64 = 1000;

/// Standard error.
#[derive(Debug)]
pub(super) struct Terminal {
    bars: MultiProgress,
}

/// A progress bar, when there is something to catch up with; it goes when this is dropped.
#[derive(Debug)]
pub(super) struct Shown {
    bar: Arc<Mutex<Option<ProgressBar>>>,
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

    /// Shows how far a subscription is, of this name if it has one, whenever it has to catch up:
    /// after the start, and when it has fallen far behind. `None` where there is no terminal.
    pub(super) fn show_progress(
        &self,
        name: Option<&str>,
        mut progress: watch::Receiver<Progress>,
    ) -> Option<Shown> {
        if !io::stderr().is_terminal() {
            return None;
        }
        let prefix = name.map(|name| format!("{name} ")).unwrap_or_default();
        let (bars, bar) = (self.bars.clone(), Arc::new(Mutex::new(None)));
        let shown = Arc::clone(&bar);
        let task = tokio::spawn(async move {
            let mut least = 1;
            // The sender goes with the subscription.
            while let Ok(begun) = progress.wait_for(|it| behind(it) >= least).await.map(|it| *it) {
                let bar = ProgressBar::new(begun.head.get())
                    .with_position(begun.position.get())
                    .with_style(style())
                    .with_prefix(prefix.clone());
                let bar = bars.add(bar);
                locked(&shown).replace(bar.clone());
                draw(&bar, &progress).await;
                clear(&shown);
                least = FAR_BEHIND;
            }
        });
        Some(Shown { bar, task: task.abort_handle() })
    }
}

/// How many positions are left.
fn behind(progress: &Progress) -> u64 {
    progress.head.get().saturating_sub(progress.position.get())
}

/// Draws the bar until nothing is left.
async fn draw(bar: &ProgressBar, progress: &watch::Receiver<Progress>) {
    bar.tick();
    // What was handled in earlier runs says nothing of how fast this one is.
    bar.reset_eta();
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        let now = *progress.borrow();
        if behind(&now) == 0 {
            return;
        }
        bar.set_length(now.head.get());
        bar.set_position(now.position.get());
    }
}

fn clear(shown: &Mutex<Option<ProgressBar>>) {
    if let Some(bar) = locked(shown).take() {
        bar.finish_and_clear();
    }
}

fn locked(shown: &Mutex<Option<ProgressBar>>) -> MutexGuard<'_, Option<ProgressBar>> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

fn style() -> ProgressStyle {
    const TEMPLATE: &str = "{prefix}{bar:30} position {human_pos} of {human_len}{pace}";
    let style =
        ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("pace", |state: &ProgressState, out: &mut dyn fmt::Write| {
        let rate = state.per_sec();
        // Nobody knows at first.
        if rate > 0.0 {
            let left = HumanDuration(state.eta());
            // The line that is made takes all text.
            let _ = write!(out, ", {rate:.0} a second, {left:#} left");
        }
    })
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.task.abort();
        clear(&self.bar);
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
