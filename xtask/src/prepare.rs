//! The programs that the tests use and cargo does not bring along.
//!
//! The end-to-end tests have feeds read by software that knows nothing of this project: an XML
//! parser, a feed library, a feed reader, two HTTP caches. They store feeds in PostgreSQL, too, of which
//! they start a server of their own, and run a worker whose clock is wrong. No test is skipped because one of them
//! is absent. On Debian, as root, what is absent is installed; elsewhere the step fails with one
//! line that says what to install.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};
use throwaway_postgres::Programs;

use crate::root;

/// A program that the tests use.
struct Tool {
    /// Its name for people.
    name: &'static str,
    probe: Probe,
    /// The Debian packages that bring it.
    packages: &'static [&'static str],
}

/// What tells whether a program is installed.
enum Probe {
    /// A command that succeeds where it is.
    Command(&'static [&'static str]),
    /// PostgreSQL's server programs lie on no path.
    Postgres,
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "a C compiler",
        probe: Probe::Command(&["cc", "--version"]),
        packages: &["gcc", "libc6-dev"],
    },
    Tool {
        name: "Python 3 with its XML parser",
        probe: Probe::Command(&[
            "python3",
            "-c",
            "import xml.etree.ElementTree, xml.parsers.expat",
        ]),
        packages: &["python3"],
    },
    Tool { name: "nginx", probe: Probe::Command(&["nginx", "-v"]), packages: &["nginx-light"] },
    Tool { name: "varnish", probe: Probe::Command(&["varnishd", "-V"]), packages: &["varnish"] },
    // Tests also stop and kill a server of their own, whatever server FEED_TEST_POSTGRES_URL names.
    Tool { name: "PostgreSQL 13 or newer", probe: Probe::Postgres, packages: &["postgresql"] },
    // A worker of a group is given a wrong clock.
    Tool {
        name: "faketime",
        probe: Probe::Command(&["faketime", "--version"]),
        packages: &["faketime"],
    },
    Tool {
        name: "newsboat",
        probe: Probe::Command(&["newsboat", "--version"]),
        packages: &["newsboat"],
    },
];

/// The feed library, at the version that the tests were written with.
const FEEDPARSER: &str = "feedparser==6.0.14";

/// Servers are installed to be started by tests, on ports of their choosing; Debian would start
/// them at once on the usual ones unless this file says that nothing is to be started.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Makes sure that everything the tests use is there.
pub(crate) fn run() -> Result<()> {
    let missing = missing();
    if !missing.is_empty() {
        install(&missing)?;
        if let Some(still) = self::missing().first() {
            bail!("{} is not found, although its packages were installed", still.name);
        }
    }
    prepare_feedparser()
}

/// `PATH`, and the folders where Debian keeps servers, which are not on everybody's path.
pub(crate) fn search_path() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .filter(|folder| !folder.as_os_str().is_empty());
    std::env::join_paths(folders).unwrap_or(path)
}

/// Tells the tests where the tools are.
pub(crate) fn set_environment(command: &mut Command) {
    let mut python_path = vec![python_folder()];
    if let Some(path) = std::env::var_os("PYTHONPATH") {
        python_path.extend(std::env::split_paths(&path));
    }
    command.env("PATH", search_path());
    if let Ok(path) = std::env::join_paths(python_path) {
        command.env("PYTHONPATH", path);
    }
}

/// Where the Python packages of the tests are installed: nothing outside `target` is touched.
fn python_folder() -> PathBuf {
    root::workspace().join("target/test-tools/python")
}

fn missing() -> Vec<&'static Tool> {
    TOOLS.iter().filter(|tool| !tool.probe.finds()).collect()
}

impl Probe {
    fn finds(&self) -> bool {
        match self {
            Self::Command(arguments) => succeeds(arguments),
            Self::Postgres => Programs::find().is_ok(),
        }
    }
}

/// Whether a command with the tests' environment succeeds.
fn succeeds(arguments: &[&str]) -> bool {
    output(arguments).is_ok_and(|output| output.status.success())
}

fn output(arguments: &[&str]) -> std::io::Result<Output> {
    let mut command = Command::new(arguments[0]);
    set_environment(&mut command);
    command
        .args(&arguments[1..])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
}

/// Runs a command whose output matters only when it fails.
fn quietly(arguments: &[&str]) -> Result<()> {
    println!("prepare: {}", arguments.join(" "));
    let output =
        output(arguments).with_context(|| format!("{} could not be started", arguments[0]))?;
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stdout).trim_end());
        eprintln!("{}", String::from_utf8_lossy(&output.stderr).trim_end());
        bail!("`{}` ended with {}", arguments.join(" "), output.status);
    }
    Ok(())
}

fn install(missing: &[&Tool]) -> Result<()> {
    let names: Vec<_> = missing.iter().map(|tool| tool.name).collect();
    let packages: Vec<_> = missing.iter().flat_map(|tool| tool.packages.iter().copied()).collect();
    if !(may_install() && succeeds(&["apt-get", "--version"])) {
        bail!(
            "the tests use {}: install what is missing; on Debian, `sudo apt-get install {}`",
            names.join(", "),
            packages.join(" "),
        );
    }
    quietly(&["apt-get", "update"])?;
    let policy = Policy::set()?;
    let mut command = vec!["apt-get", "install", "--yes", "--no-install-recommends"];
    command.extend(packages);
    let outcome = quietly(&command);
    drop(policy);
    outcome
}

/// Whether this process runs as root.
fn may_install() -> bool {
    output(&["id", "-u"]).is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn prepare_feedparser() -> Result<()> {
    const IMPORT: &[&str] = &["python3", "-c", "import feedparser"];
    if succeeds(IMPORT) {
        return Ok(());
    }
    if !succeeds(&["python3", "-m", "pip", "--version"]) {
        install(&[&Tool { name: "pip", probe: Probe::Command(&[]), packages: &["python3-pip"] }])?;
    }
    let folder = python_folder();
    fs::create_dir_all(&folder)?;
    let folder = folder.to_string_lossy().into_owned();
    let pip = ["python3", "-m", "pip", "install", "--quiet", "--target", &folder, FEEDPARSER];
    quietly(&pip)?;
    if !succeeds(IMPORT) {
        bail!("feedparser cannot be imported, although it was installed");
    }
    Ok(())
}

/// Tells Debian to start no service while this value lives; leaves a policy of the machine's own
/// alone.
struct Policy {
    ours: bool,
}

impl Policy {
    fn set() -> Result<Self> {
        if Path::new(POLICY).exists() {
            return Ok(Self { ours: false });
        }
        fs::write(POLICY, "#!/bin/sh\nexit 101\n").with_context(|| format!("writing {POLICY}"))?;
        let policy = Self { ours: true };
        quietly(&["chmod", "755", POLICY])?;
        Ok(policy)
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if self.ours {
            // Best effort: the file only keeps services from starting at installation.
            let _ = fs::remove_file(POLICY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_noticed() {
        assert!(succeeds(&["sh", "-c", "exit 0"]));
        assert!(!succeeds(&["sh", "-c", "exit 1"]));
        assert!(!succeeds(&["a-program-that-nobody-has"]));
    }

    #[test]
    fn the_tests_find_servers_where_debian_keeps_them() {
        let path = search_path();
        assert!(std::env::split_paths(&path).any(|folder| folder == Path::new("/usr/sbin")));
    }
}
