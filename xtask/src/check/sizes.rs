//! Small files, and where they stand.

use super::Finding;
use super::source::Source;
use super::tree::{File, Tree};

const RULE: &str = "sizes";

/// `main` parses, sets up, dispatches, and says how it went.
const MAX_MAIN_LINES: usize = 70;

/// A file that nears this holds more than one concept. Unit tests do not count.
const LONG_LINES: usize = 400;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in rust_files(tree) {
        let lines = file.text.lines().count();
        if file.path.ends_with("src/main.rs") && lines >= MAX_MAIN_LINES {
            let advice = format!(
                "{lines} lines, and fewer than {MAX_MAIN_LINES} are enough: move the work into the library"
            );
            findings.push(Finding::new(&file.path, MAX_MAIN_LINES, RULE, advice));
        }
        if file.path == "mod.rs" || file.path.ends_with("/mod.rs") {
            let advice = "a module `foo` is `foo.rs` beside `foo/`, so that its tab has a name";
            findings.push(Finding::new(&file.path, 1, RULE, advice));
        }
    }
    findings
}

/// What is reported, and breaks nothing: long files.
pub(super) fn warnings(tree: &Tree) -> Vec<Finding> {
    rust_files(tree)
        .filter_map(|file| {
            let source = Source::of(&file.text);
            let code = source.lines().filter(|(_, line)| !line.trim().is_empty());
            let last = code.map(|(number, _)| number).last().unwrap_or_default();
            let advice =
                || format!("{last} lines before its tests: split it by concept, not by count");
            (last > LONG_LINES).then(|| Finding::new(&file.path, last, RULE, advice()))
        })
        .collect()
}

fn rust_files(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.iter().filter(|file| file.path.ends_with(".rs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_main_that_works_is_too_long() {
        let line = "fn work() {}\n";
        let tree = Tree::sample(&[
            ("a/src/main.rs", &line.repeat(69)),
            ("b/src/main.rs", &line.repeat(70)),
            ("examples/quickstart/main.rs", &line.repeat(200)),
        ]);
        let paths: Vec<_> = check(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(paths, ["b/src/main.rs"]);
    }

    #[test]
    fn modules_stand_beside_their_folders() {
        let tree =
            Tree::sample(&[("a/src/b.rs", ""), ("a/src/c/mod.rs", ""), ("a/src/amod.rs", "")]);
        let paths: Vec<_> = check(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(paths, ["a/src/c/mod.rs"]);
    }

    #[test]
    fn long_files_are_reported_and_long_tests_are_not() {
        let line = "fn work() {}\n";
        let tests = format!("{line}#[cfg(test)]\nmod tests {{\n{}}}\n", line.repeat(500));
        let tree = Tree::sample(&[("a/src/long.rs", &line.repeat(401)), ("a/src/b.rs", &tests)]);
        let paths: Vec<_> = warnings(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(paths, ["a/src/long.rs"]);
    }
}
