//! Which file holds the events, and how it is used.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::store::StoreError;

/// Which file holds the events, and how it is used.
///
/// From text: a path (`./feeds.db`), or a URL: `sqlite:feeds.db` and `sqlite://feeds.db` for a
/// path from the working directory, `sqlite:///var/lib/feeds.db` for one from the root.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    pub(super) path: PathBuf,
    pub(super) busy_timeout: Duration,
    pub(super) readers: u32,
    pub(super) create: bool,
}

impl SqliteOptions {
    /// The file at this path, created if it is missing and nothing else is said.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), busy_timeout: Duration::from_secs(5), readers: 4, create: true }
    }

    /// How long to wait while another process holds the write lock, before an append fails. Five
    /// seconds, if not set.
    #[must_use]
    pub const fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// How many connections read at a time, each on a thread of its own; at least 1. Four, if not
    /// set.
    #[must_use]
    pub fn readers(mut self, count: u32) -> Self {
        self.readers = count.max(1);
        self
    }

    /// Whether to create the file if it is missing, rather than to refuse. Yes, if not set.
    #[must_use]
    pub const fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl FromStr for SqliteOptions {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let invalid = |reason: &str| StoreError::Setup {
            message: format!(
                "{text:?} {reason}: name a file such as ./feeds.db or sqlite:///var/lib/feeds.db"
            ),
            source: None,
        };
        let path = match text.split_once(':') {
            Some(("sqlite", rest)) => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if path.contains(['?', '#']) {
                    return Err(invalid("has parameters, and a database takes none"));
                }
                percent_decode_str(path)
                    .decode_utf8()
                    .map_err(|_| invalid("is not UTF-8 once its escapes are resolved"))?
                    .into_owned()
            }
            Some((_, rest)) if rest.starts_with("//") => {
                return Err(invalid("is not the address of a SQLite database"));
            }
            _ => text.to_owned(),
        };
        if path.is_empty() {
            return Err(invalid("names no database"));
        }
        if path.starts_with(":memory:") {
            return Err(invalid("is in memory, where no event outlives the program"));
        }
        // SQLite itself would read such a name as a URI with parameters of its own.
        if path.starts_with("file:") {
            return Err(invalid("begins with 'file:'"));
        }
        Ok(Self::new(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_its_path_or_by_a_url() {
        for (text, path) in [
            ("./feeds.db", "./feeds.db"),
            ("feeds.db", "feeds.db"),
            ("/var/lib/feeds.db", "/var/lib/feeds.db"),
            ("sqlite:feeds.db", "feeds.db"),
            ("sqlite://feeds.db", "feeds.db"),
            ("sqlite:///var/lib/feeds.db", "/var/lib/feeds.db"),
            ("sqlite:/var/lib/feeds.db", "/var/lib/feeds.db"),
            ("sqlite:my%20feeds.db", "my feeds.db"),
            ("100%25.db", "100%25.db"),
            ("C:\\feeds.db", "C:\\feeds.db"),
        ] {
            assert_eq!(text.parse::<SqliteOptions>().unwrap().path(), Path::new(path), "{text}");
        }
    }

    #[test]
    fn what_is_no_lasting_file_is_refused_with_the_remedy() {
        for text in [
            "",
            "sqlite:",
            ":memory:",
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite:feeds.db?mode=memory",
            "file:feeds.db?mode=memory",
            "postgres://localhost/feeds",
        ] {
            let error = text.parse::<SqliteOptions>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?} ")), "{error}");
            assert!(error.contains("name a file such as"), "{error}");
        }
    }
}
