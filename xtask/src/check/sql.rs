//! Every SQL file says what it is.

use super::Finding;
use super::tree::Tree;

const RULE: &str = "sql";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.iter()
        .filter(|file| file.path.ends_with(".sql"))
        .filter(|file| {
            let first = file.text.lines().next().unwrap_or_default();
            first.strip_prefix("--").is_none_or(|comment| comment.trim().is_empty())
        })
        .map(|file| {
            let advice = "begin with a comment line that names the statement: `-- …`";
            Finding::new(&file.path, 1, RULE, advice)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_without_a_name_is_found() {
        let tree = Tree::sample(&[
            ("a.sql", "-- read_head: how far a feed has come\nSELECT 1"),
            ("b.sql", "SELECT 1 -- read_head"),
            ("c.sql", "--\nSELECT 1"),
            ("d.sql", ""),
        ]);
        let paths: Vec<_> = check(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(paths, ["b.sql", "c.sql", "d.sql"]);
    }
}
