//! Where it is shown how far another number of shards is: a bar on a terminal, lines elsewhere.

use std::io::{self, IsTerminal};

use feed_consumer::Resharding;
use indicatif::{ProgressBar, ProgressStyle};

use super::words::{Hindrance, state};
use crate::cli::cursor::say;
use crate::cli::exit::Failed;

/// What is shown.
#[derive(Debug)]
pub(super) struct Shown {
    bar: Option<ProgressBar>,
    /// The last line.
    said: String,
    /// How many shards there are.
    shards: u16,
}

impl Shown {
    pub(super) fn new(shards: u16) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:30} {msg}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(u64::from(shards)).with_style(style)
        });
        Self { bar, said: String::new(), shards }
    }

    /// Shows how far it is, and what somebody has to do for it to come on.
    pub(super) fn show(
        &mut self,
        step: Resharding,
        hindrance: Option<&Hindrance>,
    ) -> Result<(), Failed> {
        let remedy = hindrance.map(Hindrance::remedy);
        if let Some(bar) = &self.bar {
            let to_go = match step {
                Resharding::Drain { held, .. } => held,
                Resharding::Reach { short, .. } => short,
                Resharding::Done(_) => 0,
            };
            bar.set_position(u64::from(self.shards.saturating_sub(to_go)));
            let remedy = remedy.map(|it| format!("; {it}")).unwrap_or_default();
            bar.set_message(format!("{}{remedy}", state(step)));
            return Ok(());
        }
        // Lines stay, so only what is new is said.
        let line = match remedy {
            Some(remedy) => format!("{}; {remedy}", state(step)),
            None => state(step),
        };
        if line == self.said {
            return Ok(());
        }
        say(&format!("{line}\n"))?;
        self.said = line;
        Ok(())
    }

    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
