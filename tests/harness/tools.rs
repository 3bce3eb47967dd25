//! Programs that know nothing of this project: a missing one fails the test, and says what to
//! install.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use crate::binaries::workspace;
use crate::process::{Ended, command, run_with_input};

/// A command of a program that must be installed.
///
/// # Panics
///
/// When it is not; the message names the Debian package.
#[must_use]
pub fn tool(name: &str, package: &str) -> Command {
    let path = search_path();
    let found =
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|it| it.is_file());
    let Some(program) = found else {
        panic!(
            "{name} is not installed: run `cargo xtask test --only prepare`, or install {package}"
        )
    };
    let mut command = command(program);
    command.env("PATH", path);
    command
}

/// Runs one of our Python scripts, with this on its standard input.
///
/// # Panics
///
/// When Python is not installed, or the script ends otherwise than well; the message is what it
/// says.
pub async fn python(script: &str, arguments: &[&str], input: &[u8]) -> String {
    let mut command = tool("python3", "python3");
    let ours = workspace().join("target/test-tools/python");
    let mut folders = vec![ours];
    if let Some(path) = std::env::var_os("PYTHONPATH") {
        folders.extend(std::env::split_paths(&path));
    }
    command
        .env("PYTHONPATH", std::env::join_paths(folders).expect("paths without colons"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(workspace().join("tests/python").join(script))
        .args(arguments);
    let Ended { status, stdout, stderr } = run_with_input(command, input).await;
    assert!(status.success(), "{script}: {status}\n{stdout}{stderr}");
    stdout
}

/// The same command on a terminal of its own: what is on its standard input is typed there, and
/// what the terminal shows is on standard output.
///
/// # Panics
///
/// When Python is not installed.
#[must_use]
pub fn on_a_terminal(command: &Command) -> Command {
    let mut on_a_terminal = tool("python3", "python3");
    on_a_terminal.arg(workspace().join("tests/python/terminal.py"));
    on_a_terminal.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        on_a_terminal.current_dir(folder);
    }
    on_a_terminal
}

/// `PATH`, and the folders where Debian keeps servers, which are not on everybody's path.
fn search_path() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from));
    std::env::join_paths(folders).expect("paths without colons")
}
