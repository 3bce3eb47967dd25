//! The programs under test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The `feed-server` program.
#[must_use]
pub fn feed_server() -> PathBuf {
    built().join("feed-server")
}

/// The `feed-consumer` program.
#[must_use]
pub fn feed_consumer() -> PathBuf {
    built().join("feed-consumer")
}

/// The worker of the tests of groups, which records what it does.
#[must_use]
pub fn history_worker() -> PathBuf {
    built().join("history-worker")
}

/// The example of this name.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    built().join("examples").join(name)
}

/// The root of the workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the package lies in the workspace")
}

/// The folder of the programs, built once a run: `cargo test` builds the programs of a test's own
/// package only.
fn built() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let test = std::env::current_exe().expect("a test knows its own path");
        // target/PROFILE/deps/TEST
        let folder = test.ancestors().nth(2).expect("tests are built into target/PROFILE/deps");
        let target = folder.parent().expect("target/PROFILE lies in target");
        let profile = match folder.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(profile) => profile,
        };
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["build", "--quiet", "-p", "feed-server", "-p", "feed-consumer", "--bins"])
            .args(["-p", "feed-examples", "--examples"])
            .args(["--profile", profile, "--target-dir"])
            .arg(target)
            .current_dir(workspace())
            .output()
            .expect("cargo can be started");
        assert!(
            output.status.success(),
            "the programs cannot be built:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        folder.to_owned()
    })
}
