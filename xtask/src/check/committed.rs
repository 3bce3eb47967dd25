//! Nothing generated, large, or of one machine is committed.

use super::Finding;
use super::tree::{File, Tree};

const RULE: &str = "committed";

const MAX_BYTES: u64 = 512 * 1024;

/// What programs leave behind.
const GENERATED_ENDINGS: [&str; 10] =
    [".db", ".db-shm", ".db-wal", ".log", ".orig", ".pyc", ".rej", ".snap.new", ".sqlite", ".swp"];

const GENERATED_FOLDERS: [&str; 4] = ["target", "__pycache__", "node_modules", ".idea"];

/// How a path on somebody's machine begins. Written in two halves so that this file, which is
/// checked too, does not name one itself.
const MACHINE_PATHS: [&str; 6] = [
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
    concat!("/var/fol", "ders/"),
    concat!("C:\\Us", "ers\\"),
];

/// Settings that send package clients to a host of somebody's own.
const MIRRORS: [&str; 5] = [
    concat!("index-", "url"),
    concat!("replace-", "with"),
    concat!("[source.", "crates-io]"),
    concat!("CARGO_REGISTRIES_", "CRATES_IO"),
    concat!("GO", "PROXY="),
];

/// The only registry that a lock file may name.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.iter().flat_map(check_file).collect()
}

fn check_file(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |line, advice: String| {
        findings.push(Finding::new(&file.path, line, RULE, advice));
    };
    let (folders, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let folder = folders.split('/').find(|folder| GENERATED_FOLDERS.contains(folder));
    if folder.is_some() || GENERATED_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
        found(1, "generated: remove it from git, and name it in .gitignore".into());
    }
    if file.size > MAX_BYTES {
        found(
            1,
            format!("{} bytes, and {MAX_BYTES} is the limit: keep large data elsewhere", file.size),
        );
    }
    for (number, line) in (1..).zip(file.text.lines()) {
        if let Some(path) = MACHINE_PATHS.iter().find(|path| names_path(line, path)) {
            found(
                number,
                format!("a path of one machine ({path}…): make it relative or a setting"),
            );
        }
        if let Some(mirror) = MIRRORS.iter().find(|mirror| line.contains(**mirror)) {
            found(
                number,
                format!(
                    "a package registry of one machine ({mirror}): leave it to the machine's own settings"
                ),
            );
        }
        let locked = line.strip_prefix("source = \"").and_then(|line| line.strip_suffix('"'));
        if name == "Cargo.lock" && locked.is_some_and(|source| source != REGISTRY) {
            found(number, "only crates.io is a source of packages".into());
        }
    }
    findings
}

/// Whether a path that begins like this stands in the line, rather than a part of a longer one.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(offset, _)| {
        let before = line[..offset].chars().next_back();
        !before.is_some_and(|it| it.is_alphanumeric() || matches!(it, '.' | '_' | '-' | '}' | '*'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::sample(&[(path, text)])).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn generated_files_are_found() {
        for bad in [
            "target/debug/a",
            "a/target/b",
            "feeds.db",
            "a/feeds.db-wal",
            "a/b.snap.new",
            "__pycache__/a.py",
        ] {
            assert_eq!(lines(bad, ""), [1], "{bad}");
        }
        for good in ["src/target.rs", "a/b.snap", "docs/feeds.db.md"] {
            assert_eq!(lines(good, ""), [], "{good}");
        }
    }

    #[test]
    fn large_files_are_found() {
        assert_eq!(lines("a.json", &"x".repeat(512 * 1024)), []);
        assert_eq!(lines("a.json", &"x".repeat(512 * 1024 + 1)), [1]);
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        for path in MACHINE_PATHS {
            assert_eq!(lines("a.md", &format!("\nsee `{path}me/file`\n")), [2], "{path}");
            assert_eq!(lines("a.md", &format!("file://{path}me")), [1], "{path}");
            assert_eq!(lines("a.md", &format!("https://a.example{path}x")), [], "{path}");
        }
    }

    #[test]
    fn registries_of_one_machine_are_found() {
        for mirror in MIRRORS {
            assert_eq!(lines("setup.cfg", mirror), [1], "{mirror}");
        }
        let lock =
            format!("source = \"{REGISTRY}\"\nsource = \"registry+https://mirror.example/\"\n");
        assert_eq!(lines("Cargo.lock", &lock), [2]);
    }
}
