//! Where PostgreSQL is installed.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest version that does.
const OLDEST: u32 = 13;

/// The programs that are started.
const NEEDED: [&str; 3] = ["initdb", "postgres", "pg_isready"];

/// The folders whose subfolders hold installations, in the subfolder `bin` of each: of Debian, of
/// PostgreSQL's own packages for Red Hat, of its sources, of Homebrew (twice) and of its installer
/// for macOS.
const INSTALLATIONS: [&str; 6] = [
    "/usr/lib/postgresql",
    "/usr",
    "/usr/local",
    "/usr/local/opt",
    "/opt/homebrew/opt",
    "/Library/PostgreSQL",
];

/// PostgreSQL's server programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    folder: PathBuf,
    major: u32,
}

impl Programs {
    /// Looks for them: in the folder that the environment variable `PG_BIN` names, and only there
    /// if it is set; then where `pg_config` says; on the `PATH`; and in the usual places, where the
    /// newest version is taken.
    ///
    /// # Errors
    ///
    /// When there are none of version 13 or newer: one line that says what to install.
    pub fn find() -> Result<Self, String> {
        if let Some(folder) = std::env::var_os("PG_BIN") {
            return Self::of(Path::new(&folder)).ok_or_else(|| {
                format!("PG_BIN={} holds no PostgreSQL server from {OLDEST} on", folder.display())
            });
        }
        newest(configured())
            .or_else(|| newest(on_the_path()))
            .or_else(|| newest(installed()))
            .ok_or_else(|| {
                format!(
                    "no PostgreSQL server from {OLDEST} on is installed: install one (on Debian: \
                     sudo apt-get install postgresql), or set PG_BIN to the folder of initdb"
                )
            })
    }

    /// The folder that holds `initdb`, `postgres` and `pg_isready`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Their major version: 15 of 15.13.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.major
    }

    /// The programs in this folder, if they are all there and new enough.
    fn of(folder: &Path) -> Option<Self> {
        if !NEEDED.iter().all(|name| folder.join(name).is_file()) {
            return None;
        }
        let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
        let major = major(&String::from_utf8(output.stdout).ok()?)?;
        (major >= OLDEST).then(|| Self { folder: folder.to_owned(), major })
    }
}

fn newest(folders: impl IntoIterator<Item = PathBuf>) -> Option<Programs> {
    folders.into_iter().filter_map(|it| Programs::of(&it)).max_by_key(Programs::major)
}

/// Where the programs lie that belong to the client library, if their server is installed.
fn configured() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim_end().into())
}

/// The first on the path is what a user would start.
fn on_the_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|folder| Programs::of(folder).is_some())
}

fn installed() -> impl Iterator<Item = PathBuf> {
    let entries = INSTALLATIONS.into_iter().filter_map(|it| std::fs::read_dir(it).ok()).flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path().join("bin")))
}

/// The major version in `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`; in `18beta1` too.
fn major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    let end = number.find(|it: char| !it.is_ascii_digit()).unwrap_or(number.len());
    number[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_major_version_is_read_from_what_postgres_prints() {
        assert_eq!(major("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major("postgres (PostgreSQL) 9.6.24\n"), Some(9));
        assert_eq!(major("bash: postgres: command not found\n"), None);
    }
}
