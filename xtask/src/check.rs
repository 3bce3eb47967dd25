//! The project's own rules: what ARCHITECTURE.md promises and no compiler checks.
//!
//! Each rule is a function from the [`Tree`] to what it found, and has a test that
//! shows it failing on a bad sample.
//!
//! - [`dependencies`]: which package may use which
//! - [`modules`]: which library may be named where
//! - [`floors`]: which module may use which, inside a package
//! - [`sizes`]: `main.rs` stays small, `mod.rs` does not exist, long files are reported
//! - [`sql`]: every SQL file says what it is
//! - [`committed`]: nothing generated, large or of one machine is committed
//! - [`decisions`]: decisions have names and numbers of their own
//! - [`code_map`]: ARCHITECTURE.md names what exists, and all of it
//! - [`links`]: links between documents lead somewhere

mod code_map;
mod committed;
mod decisions;
mod dependencies;
mod floors;
mod links;
mod modules;
mod sizes;
mod source;
mod sql;
mod tree;

use std::fmt;

use anyhow::{Result, bail};

use crate::root;
use tree::Tree;

/// A place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    /// From 1.
    line: usize,
    rule: &'static str,
    /// What is wrong, and what to do about it.
    advice: String,
}

impl Finding {
    fn new(path: &str, line: usize, rule: &'static str, advice: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, rule, advice: advice.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.advice)
    }
}

/// All rules that must hold.
const RULES: &[fn(&Tree) -> Vec<Finding>] = &[
    dependencies::check,
    modules::check,
    floors::check,
    sizes::check,
    sql::check,
    committed::check,
    decisions::check,
    code_map::check,
    links::check,
];

/// Checks the workspace.
pub(crate) fn run() -> Result<()> {
    let tree = Tree::of_workspace(root::workspace())?;
    for warning in sizes::warnings(&tree) {
        println!("warning: {warning}");
    }
    let mut findings: Vec<_> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("check: {} files, {} rules, nothing found", tree.len(), RULES.len());
            Ok(())
        }
        1 => bail!("one rule is broken, in one place"),
        count => bail!("rules are broken in {count} places"),
    }
}
