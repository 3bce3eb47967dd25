//! Which package may use which.

use toml::{Table, Value};

use super::Finding;
use super::tree::{File, Tree};

const RULE: &str = "dependencies";

/// A package, and what it must not depend on, not even in its tests.
const FORBIDDEN: &[(&str, &[&str], &str)] = &[
    (
        "feed-protocol",
        &["axum", "feed-consumer", "feed-server", "hyper", "reqwest", "sqlx", "tokio"],
        "feed-protocol does no I/O: move what needs this up into the server or the consumer",
    ),
    (
        "feed-server",
        &["feed-consumer"],
        "server and consumer know each other by feed-protocol alone; a test of both belongs in tests/",
    ),
    (
        "feed-consumer",
        &["feed-server"],
        "server and consumer know each other by feed-protocol alone; a test of both belongs in tests/",
    ),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in tree.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        match manifest.text.parse::<Table>() {
            Ok(table) => check_manifest(manifest, &table, &mut findings),
            Err(error) => findings.push(Finding::new(&manifest.path, 1, RULE, error.message())),
        }
    }
    findings
}

fn check_manifest(manifest: &File, table: &Table, findings: &mut Vec<Finding>) {
    let package = table.get("package").and_then(|it| it.get("name")).and_then(Value::as_str);
    // One that stands outside the workspace has nowhere else to state versions.
    let stands_alone = table.contains_key("workspace");
    let forbidden = FORBIDDEN.iter().find(|(name, ..)| Some(*name) == package);
    for (key, dependency) in dependencies(table) {
        let name = dependency.get("package").and_then(Value::as_str).unwrap_or(key);
        let line = line_of(&manifest.text, key);
        if let Some((package, names, advice)) = forbidden
            && names.contains(&name)
        {
            let advice = format!("{package} must not depend on {name}: {advice}");
            findings.push(Finding::new(&manifest.path, line, RULE, advice));
        }
        if !stands_alone && (dependency.is_str() || dependency.get("version").is_some()) {
            let advice = format!(
                "declare the version of {name} in the workspace's Cargo.toml, and write `{key}.workspace = true` here"
            );
            findings.push(Finding::new(&manifest.path, line, RULE, advice));
        }
    }
}

/// Ordinary, development and build dependencies, for every target.
fn dependencies(table: &Table) -> Vec<(&str, &Value)> {
    const SECTIONS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let targets = table.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flat_map(Table::values).filter_map(Value::as_table);
    std::iter::once(table)
        .chain(targets)
        .flat_map(|table| SECTIONS.iter().filter_map(|section| table.get(*section)?.as_table()))
        .flatten()
        .map(|(key, value)| (key.as_str(), value))
        .collect()
}

/// The first line that begins with this key.
fn line_of(text: &str, key: &str) -> usize {
    let is_key = |line: &str| {
        line.trim_start().strip_prefix(key).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    text.lines().position(is_key).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::sample(&[(path, text)])).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn the_protocol_does_no_io() {
        let text = "[package]\nname = \"feed-protocol\"\n[dependencies]\nbytes.workspace = true\n\
                    tokio.workspace = true\n[target.'cfg(unix)'.dependencies]\nsqlx = { workspace = true }\n";
        assert_eq!(places("feed-protocol/Cargo.toml", text), [5, 7]);
    }

    #[test]
    fn the_consumer_never_uses_the_server_not_even_in_tests_or_by_another_name() {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let text = format!(
                "[package]\nname = \"feed-consumer\"\n[{section}]\nit = {{ path = \"..\", package = \"feed-server\" }}\n"
            );
            assert_eq!(places("feed-consumer/Cargo.toml", &text), [4], "{section}");
        }
        let text =
            "[package]\nname = \"feed-tests\"\n[dependencies]\nfeed-server.workspace = true\n";
        assert_eq!(places("tests/Cargo.toml", text), []);
    }

    #[test]
    fn versions_are_declared_once() {
        let text = "[package]\nname = \"xtask\"\n[dependencies]\nanyhow = \"1\"\nclap = { version = \"4\" }\n";
        assert_eq!(places("xtask/Cargo.toml", text), [4, 5]);
        assert_eq!(places("fuzz/Cargo.toml", &format!("{text}[workspace]\n")), []);
    }
}
