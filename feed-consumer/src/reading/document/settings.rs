//! What to do where a feed of other software leaves a choice.

use std::str::FromStr;

/// How many older pages are read at most, if not set.
pub(crate) const DEFAULT_MAX_PAGES: u32 = 10_000;

/// How a feed of other software is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DocumentSettings {
    /// What becomes of an entry that changed.
    pub(crate) updates: Updates,
    /// What to do when everything that was known is gone.
    pub(crate) vanished: Vanished,
    /// How many older pages one walk may find; with 0, no link to them is followed.
    pub(crate) max_pages: u32,
}

impl Default for DocumentSettings {
    fn default() -> Self {
        let (updates, vanished) = (Updates::default(), Vanished::default());
        Self { updates, vanished, max_pages: DEFAULT_MAX_PAGES }
    }
}

/// How often an entry of a feed without positions is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Updates {
    /// Once, however often it changes.
    #[default]
    Once,
    /// Again whenever its `updated` is later than it was.
    Each,
}

/// What to do when a feed without positions no longer holds any entry that was handled, so that
/// entries may have come and gone unseen; or when one of its pages is gone before it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Vanished {
    /// The subscription ends with an error.
    #[default]
    Fail,
    /// It goes on with the oldest entry that there is.
    Oldest,
    /// It takes all that is there as handled, and goes on with what comes later.
    Now,
}

/// Text that names no choice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no choice: use {choices}")]
pub struct InvalidChoice {
    text: String,
    choices: &'static str,
}

impl FromStr for Updates {
    type Err = InvalidChoice;

    fn from_str(text: &str) -> Result<Self, InvalidChoice> {
        match text {
            "once" => Ok(Self::Once),
            "each" => Ok(Self::Each),
            _ => Err(InvalidChoice { text: text.to_owned(), choices: "'once' or 'each'" }),
        }
    }
}

impl FromStr for Vanished {
    type Err = InvalidChoice;

    fn from_str(text: &str) -> Result<Self, InvalidChoice> {
        match text {
            "fail" => Ok(Self::Fail),
            "oldest" => Ok(Self::Oldest),
            "now" => Ok(Self::Now),
            _ => Err(InvalidChoice { text: text.to_owned(), choices: "'fail', 'oldest' or 'now'" }),
        }
    }
}
