//! The settings of several subscriptions, in TOML.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::draft::Draft;
use crate::cli::exit::Failed;

/// The sample that `feed-consumer config example` prints; every setting with its default.
pub(in crate::cli) const EXAMPLE: &str = include_str!("example.toml");

/// What a file may say. A key that is not here is refused.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    /// The database of every subscription that names no other.
    pub(super) database: Option<String>,
    /// By their names.
    pub(super) subscriptions: BTreeMap<String, Draft>,
}

impl File {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// One line, with the place.
    pub(super) fn read(path: &Path) -> Result<Self, Failed> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failed::Usage(format!(
                "--config (FEED_CONSUMER_CONFIG): cannot read {shown}: {error}; `feed-consumer \
                 config example` prints a file to begin with"
            ))
        })?;
        Self::parse(&text).map_err(|message| Failed::Usage(format!("{shown}, {message}")))
    }

    /// Reads the text of a file; what is wrong with it begins with the line.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            // One line: the first of the message, without the excerpt below it.
            let start = error.span().map_or(0, |span| span.start);
            let line = text[..start].matches('\n').count();
            // A wrong value is named by its key.
            let key = text.lines().nth(line).and_then(|line| line.split_once('='));
            let key = key.map(|(key, _)| format!(", {}", key.trim())).unwrap_or_default();
            let message = error.message().replace('\n', "; ");
            format!("line {}{key}: {message}", line + 1)
        })
    }
}
