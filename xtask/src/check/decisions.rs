//! Decisions have names and numbers of their own.

use std::collections::BTreeMap;

use super::Finding;
use super::tree::Tree;

const RULE: &str = "decisions";
const FOLDER: &str = "docs/decisions/";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut numbers = BTreeMap::new();
    for file in tree.iter().filter(|file| file.path.starts_with(FOLDER)) {
        let name = &file.path[FOLDER.len()..];
        let Some(number) = number(name) else {
            let advice = "name it NNNN-its-title.md, in lower case with hyphens";
            findings.push(Finding::new(&file.path, 1, RULE, advice));
            continue;
        };
        if let Some(other) = numbers.insert(number, name) {
            let advice = format!("{other} has this number already: take the next free one");
            findings.push(Finding::new(&file.path, 1, RULE, advice));
        }
        if !file.text.starts_with("# ") {
            findings.push(Finding::new(&file.path, 1, RULE, "begin with the title: `# …`"));
        }
    }
    findings
}

/// The number of a decision's file name `NNNN-title.md`.
fn number(name: &str) -> Option<&str> {
    let (number, title) = name.strip_suffix(".md")?.split_once('-')?;
    let digits = number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (digits && !title.is_empty() && title.bytes().all(plain)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_decisions_of_one_number_and_odd_names_are_found() {
        let tree = Tree::sample(&[
            ("docs/decisions/0001-one-writer.md", "# One writer"),
            ("docs/decisions/0002-a.md", "# A"),
            ("docs/decisions/0002-b.md", "# B"),
            ("docs/decisions/0003-c.md", "no title"),
            ("docs/decisions/3-d.md", "# D"),
            ("docs/decisions/0005-Upper.md", "# E"),
            ("docs/proxies.md", "no title"),
        ]);
        let paths: Vec<_> = check(&tree).into_iter().map(|finding| finding.path).collect();
        let names = ["0002-b.md", "0003-c.md", "0005-Upper.md", "3-d.md"];
        assert_eq!(paths, names.map(|name| format!("docs/decisions/{name}")));
    }
}
