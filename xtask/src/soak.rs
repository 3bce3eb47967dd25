//! The long runs of the tests of groups: workers under faults, for minutes.

use std::ffi::OsStr;

use anyhow::{Result, bail};

use crate::{prepare, steps};

/// The long runs: tests that nothing else runs.
const RUNS: [&str; 4] = [
    "transactions_of_sqlite",
    "transactions_of_postgresql",
    "effects_elsewhere_and_cursors_in_sqlite",
    "effects_elsewhere_and_cursors_in_postgresql",
];

/// Where they are.
const MODULE: &str = "group_faults::soak";

/// Runs those whose names contain `only`, one after the other. Faults strike for so many minutes in
/// all.
pub(crate) fn run(minutes: f64, seed: Option<u64>, only: &str) -> Result<()> {
    if !(minutes.is_finite() && minutes > 0.0) {
        bail!("--minutes {minutes}: name a time such as 8, or 0.5");
    }
    let runs: Vec<_> = RUNS.iter().filter(|it| it.contains(only)).collect();
    if runs.is_empty() {
        bail!("--only {only}: there is no such run, but {}", RUNS.join(", "));
    }
    let each = minutes / runs.len() as f64;
    for name in runs {
        let test = format!("{MODULE}::{name}");
        println!("{test}: {each:.1} minutes of faults");
        let mut command =
            steps::cargo(&["test", "--package", "feed-tests", "--test", "end_to_end"]);
        command.args([OsStr::new("--"), test.as_ref()]);
        command.args(["--exact", "--ignored", "--nocapture"]);
        prepare::set_environment(&mut command);
        command.env("FEED_TEST_SOAK_MINUTES", each.to_string());
        if let Some(seed) = seed {
            command.env("FEED_TEST_SEED", seed.to_string());
        }
        steps::succeed(&mut command)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[test]
    fn every_run_is_a_test_and_every_such_test_is_run() {
        let file = root::workspace().join("tests/end_to_end/group_faults.rs");
        let text = std::fs::read_to_string(file).unwrap();
        let (_, module) = text.split_once("mod soak {").unwrap();
        let tests: Vec<_> = module.split("async fn ").skip(1).collect();
        assert_eq!(tests.len(), RUNS.len());
        for (test, run) in tests.iter().zip(RUNS) {
            assert!(test.starts_with(&format!("{run}()")), "{run}");
        }
    }
}
