//! ARCHITECTURE.md names what exists, and all of it.

use std::collections::BTreeSet;

use super::Finding;
use super::tree::Tree;

const RULE: &str = "code map";
const MAP: &str = "ARCHITECTURE.md";

/// The packages whose every module the map names, down to this many folders below `src`.
const PACKAGES: [&str; 3] = ["feed-protocol", "feed-server", "feed-consumer"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(map) = tree.get(MAP) else {
        return vec![Finding::new(MAP, 1, RULE, "write it: it is how people find their way")];
    };
    let mut findings = Vec::new();
    let tops: BTreeSet<_> =
        tree.iter().filter_map(|file| file.path.split_once('/')).map(|(top, _)| top).collect();
    let mut named = BTreeSet::new();
    for (number, line) in (1..).zip(map.text.lines()) {
        // What stands between backticks, and begins like a path of this repository.
        for path in line.split('`').skip(1).step_by(2) {
            if !path.split_once('/').is_some_and(|(top, _)| tops.contains(top)) {
                continue;
            }
            named.insert(path.trim_end_matches('/'));
            if !tree.contains(path) {
                let advice = format!("there is no {path}: keep the map true");
                findings.push(Finding::new(MAP, number, RULE, advice));
            }
        }
    }
    for module in top_modules(tree) {
        if !named.contains(module.as_str()) {
            let advice = format!("{module} is not in {MAP}: say there what it is for");
            findings.push(Finding::new(&module, 1, RULE, advice));
        }
    }
    findings
}

/// The modules that stand directly below a package's `src`: files, and folders without one.
fn top_modules(tree: &Tree) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for package in PACKAGES {
        let folder = format!("{package}/src/");
        for file in tree.iter().filter(|file| file.path.starts_with(&folder)) {
            match file.path[folder.len()..].split_once('/') {
                None => modules.insert(file.path.clone()),
                Some((module, _)) if tree.contains(&format!("{folder}{module}.rs")) => false,
                Some((module, _)) => modules.insert(format!("{folder}{module}")),
            };
        }
    }
    modules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_and_the_territory_agree() {
        let map = "The store is `feed-server/src/store.rs`, its SQL `feed-server/src/store/`.\n\
                   Gone: `feed-server/src/old.rs`. No path: `/feeds/{feed}`, `a/b`.\n";
        let tree = Tree::sample(&[
            ("ARCHITECTURE.md", map),
            ("feed-server/src/store.rs", ""),
            ("feed-server/src/store/sqlite.rs", ""),
            ("feed-server/src/paging.rs", ""),
            ("feed-server/src/sql/a.sql", ""),
        ]);
        let places: Vec<_> = check(&tree).into_iter().map(|it| (it.path, it.line)).collect();
        let expected =
            [("ARCHITECTURE.md", 2), ("feed-server/src/paging.rs", 1), ("feed-server/src/sql", 1)];
        assert_eq!(places, expected.map(|(path, line)| (path.to_owned(), line)));
    }

    #[test]
    fn without_a_map_nothing_is_found() {
        assert_eq!(check(&Tree::sample(&[("README.md", "")])).len(), 1);
    }
}
