//! The files that are committed, or would be.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::source::Source;

/// A committed file.
#[derive(Debug)]
pub(super) struct File {
    /// Relative to the workspace's root, with `/`.
    pub(super) path: String,
    /// In bytes.
    pub(super) size: u64,
    /// Its text; empty if it is not UTF-8.
    pub(super) text: String,
}

/// All committed files, by path.
#[derive(Debug, Default)]
pub(super) struct Tree {
    files: BTreeMap<String, File>,
}

impl Tree {
    /// The files that git tracks, and those that are new and not ignored: what the next commit
    /// could hold.
    pub(super) fn of_workspace(root: &Path) -> Result<Self> {
        let output = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .context("git could not be started: the rules are checked for what git tracks")?;
        if !output.status.success() {
            bail!("git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let mut tree = Self::default();
        for path in output.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty()) {
            let path = String::from_utf8_lossy(path).into_owned();
            // A file that was removed is still in git's index.
            let Ok(bytes) = std::fs::read(root.join(&path)) else { continue };
            tree.insert(path, bytes);
        }
        Ok(tree)
    }

    /// A tree of these files.
    #[cfg(test)]
    pub(super) fn sample(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.insert((*path).to_owned(), text.as_bytes().to_vec());
        }
        tree
    }

    fn insert(&mut self, path: String, bytes: Vec<u8>) {
        let size = bytes.len() as u64;
        let text = String::from_utf8(bytes).unwrap_or_default();
        self.files.insert(path.clone(), File { path, size, text });
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &File> {
        self.files.values()
    }

    pub(super) fn get(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    /// Whether there is a file of this path, or a folder with files in it.
    pub(super) fn contains(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let folder = format!("{path}/");
        self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(&folder))
    }

    /// The Rust files below a folder, without their comments, strings and unit tests.
    pub(super) fn sources<'a>(
        &'a self,
        folder: &'a str,
    ) -> impl Iterator<Item = (&'a File, Source)> {
        self.iter()
            .filter(move |file| file.path.starts_with(folder) && file.path.ends_with(".rs"))
            .filter(|file| !is_test_file(&file.path))
            .map(|file| (file, Source::of(&file.text)))
    }
}

/// Whether a file holds unit tests alone: `tests.rs`, or anything below a folder `tests`.
fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}
