//! Where it is drawn, once or again and again.

use std::io::{self, IsTerminal, Write};

/// From the top left; the rest of a line, and of the screen, is cleared.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K\n";
const CLEAR_BELOW: &str = "\x1b[J";
/// Everything is cleared.
const CLEAR: &str = "\x1b[2J";

/// Standard output.
#[derive(Debug)]
pub(super) struct Screen {
    is_terminal: bool,
    /// Each drawing takes the place of the one before, where that can be.
    redraws: bool,
    drawn: u64,
}

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint(bool);

impl Screen {
    pub(super) fn new(redraws: bool) -> Self {
        Self { is_terminal: io::stdout().is_terminal(), redraws, drawn: 0 }
    }

    /// Colours on a terminal, unless the environment asks for none (<https://no-color.org>).
    pub(super) fn paint(&self) -> Paint {
        Paint(self.is_terminal && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty()))
    }

    /// Draws a text, in the place of the one before on a terminal, and below it elsewhere.
    pub(super) fn draw(&mut self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.redraws && self.is_terminal {
            let clear = if self.drawn == 0 { CLEAR } else { "" };
            let text = text.replace('\n', CLEAR_LINE);
            write!(out, "{clear}{HOME}{text}{CLEAR_BELOW}")?;
        } else {
            let apart = if self.redraws && self.drawn > 0 { "\n" } else { "" };
            write!(out, "{apart}{text}")?;
        }
        self.drawn += 1;
        out.flush()
    }
}

impl Paint {
    #[cfg(test)]
    pub(super) const NONE: Self = Self(false);

    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// Something to look at.
    pub(super) fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }

    /// Something that is wrong.
    pub(super) fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
