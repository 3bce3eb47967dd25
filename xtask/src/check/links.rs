//! Links between the project's documents lead somewhere.

use super::Finding;
use super::tree::{File, Tree};

const RULE: &str = "links";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.iter().filter(|file| file.path.ends_with(".md")) {
        for (number, target) in targets(&file.text) {
            if let Some(advice) = fault(tree, file, target) {
                findings.push(Finding::new(&file.path, number, RULE, advice));
            }
        }
    }
    findings
}

/// The targets of inline links, with their lines.
fn targets(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).flat_map(|(number, line)| {
        let links = line.split("](").skip(1);
        links.filter_map(move |rest| Some((number, rest.split_once(')')?.0)))
    })
}

/// What is wrong with a link; other sites are their own business.
fn fault(tree: &Tree, file: &File, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { file.path.clone() } else { resolve(&file.path, path) };
    if !tree.contains(&path) {
        return Some(format!("there is no {path}: mend the link {target}"));
    }
    let heads_for = |file: &File| headings(&file.text).any(|heading| heading == fragment);
    match tree.get(&path) {
        Some(file) if !fragment.is_empty() && !heads_for(file) => {
            Some(format!("{path} has no heading #{fragment}: mend the link"))
        }
        _ => None,
    }
}

/// A path as seen from the folder of another file.
fn resolve(from: &str, path: &str) -> String {
    let mut parts: Vec<_> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The fragments of a document's headings, as code forges make them.
fn headings(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter(|line| line.starts_with('#')).map(|line| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'));
        kept.map(|it| if it == ' ' { '-' } else { it }).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let text = "# Read me\n[a](docs/a.md) [b](docs/b.md)\n[c](docs/a.md#1-first-things)\n\
                    [d](docs/a.md#second) [e](#read-me) [f](#write-me)\n[g](https://a.example/b)\n";
        let a = "## 1. First things\n[up](../README.md) [down](../README.txt)\n";
        let tree = Tree::sample(&[("README.md", text), ("docs/a.md", a)]);
        let places: Vec<_> = check(&tree).into_iter().map(|it| (it.path, it.line)).collect();
        let expected = [("README.md", 2), ("README.md", 4), ("README.md", 4), ("docs/a.md", 2)];
        assert_eq!(places, expected.map(|(path, line)| (path.to_owned(), line)));
    }
}
