//! Which module may use which, inside a package: a lower floor never uses an upper one.

use std::collections::BTreeMap;

use super::Finding;
use super::source::Source;
use super::tree::Tree;

const RULE: &str = "floors";

/// A package, and the floors of its top modules from the top down. Modules of one floor may use
/// each other.
struct House {
    package: &'static str,
    floors: &'static [&'static [&'static str]],
}

const HOUSES: &[House] = &[
    House {
        package: "feed-server",
        floors: &[
            &["main"],
            &["cli"],
            &["server", "builder", "config"],
            &["router"],
            &["handlers"],
            &["publishing", "paging", "feeds", "checking"],
            &["store"],
            &["clock", "random", "metrics"],
        ],
    },
    House {
        package: "feed-consumer",
        floors: &[
            &["main"],
            &["cli"],
            &["consumer", "doctor"],
            &["worker"],
            &["reading", "schedule", "handler", "cursor", "lease"],
            &["store"],
            &["clock", "random", "shard"],
        ],
    },
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    HOUSES.iter().flat_map(|house| house.check(tree)).collect()
}

impl House {
    fn check(&self, tree: &Tree) -> Vec<Finding> {
        let folder = format!("{}/src/", self.package);
        let exports = tree
            .get(&format!("{folder}lib.rs"))
            .map(|lib| exports(&Source::of(&lib.text)))
            .unwrap_or_default();
        let mut findings = Vec::new();
        for (file, source) in tree.sources(&folder) {
            let path = &file.path[folder.len()..];
            let module = path.split_once('/').map_or(path.trim_end_matches(".rs"), |(top, _)| top);
            // The library's root names all modules; the program's own stands above it.
            if module == "lib" {
                continue;
            }
            let Some(floor) = self.floor(module) else {
                let advice =
                    format!("{module} has no floor: give it one in xtask/src/check/floors.rs");
                findings.push(Finding::new(&file.path, 1, RULE, advice));
                continue;
            };
            for (offset, name) in used(&source) {
                let used = exports.get(name).map_or(name, String::as_str);
                if self.floor(used).is_some_and(|upper| upper < floor) {
                    let advice = format!(
                        "{module} stands below {used} and must not use it: pass in what it needs, or move it down"
                    );
                    findings.push(Finding::new(&file.path, source.line_of(offset), RULE, advice));
                }
            }
        }
        findings
    }

    /// How far below the top a module stands.
    fn floor(&self, module: &str) -> Option<usize> {
        self.floors.iter().position(|floor| floor.contains(&module))
    }
}

/// The names that stand directly behind `crate::`, one by one or in braces, with their places.
fn used(source: &Source) -> Vec<(usize, &str)> {
    const ROOT: &str = "crate::";
    let code = source.code();
    let mut names = Vec::new();
    for start in source.words("crate").filter(|start| code[*start..].starts_with(ROOT)) {
        let start = start + ROOT.len();
        if code[start..].starts_with('{') {
            let mut depth = 0_usize;
            let mut at_name = false;
            for (length, byte) in code[start..].bytes().enumerate() {
                match byte {
                    b'{' => {
                        depth += 1;
                        at_name = depth == 1;
                    }
                    b'}' if depth == 1 => break,
                    b'}' => depth -= 1,
                    b',' => at_name = depth == 1,
                    _ if byte.is_ascii_whitespace() => {}
                    _ if at_name => {
                        names.push((start + length, word_at(code, start + length)));
                        at_name = false;
                    }
                    _ => {}
                }
            }
        } else {
            names.push((start, word_at(code, start)));
        }
    }
    names
}

fn word_at(code: &str, start: usize) -> &str {
    let end = code[start..].find(|it: char| !(it == '_' || it.is_alphanumeric()));
    &code[start..end.map_or(code.len(), |length| start + length)]
}

/// What the library's root re-exports, and the module that it comes from.
fn exports(lib: &Source) -> BTreeMap<String, String> {
    let mut exports = BTreeMap::new();
    for statement in lib.code().split(';') {
        let statement = statement.trim();
        let Some((_, path)) = statement.split_once("use ") else { continue };
        let path = path.trim_start_matches("crate::").trim_start_matches("self::");
        let Some((module, names)) = path.split_once("::") else { continue };
        for name in names.split(|it: char| !(it == '_' || it.is_alphanumeric())) {
            if name.starts_with(char::is_uppercase) {
                exports.insert(name.to_owned(), module.to_owned());
            }
        }
    }
    exports
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(files: &[(&str, &str)]) -> Vec<(String, usize)> {
        let findings = check(&Tree::sample(files));
        findings.into_iter().map(|finding| (finding.path, finding.line)).collect()
    }

    #[test]
    fn a_lower_floor_never_uses_an_upper_one() {
        let store = "feed-server/src/store/sqlite.rs";
        for text in [
            "\nuse crate::paging::Page;",
            "\nuse crate::{\n};\nuse crate::server::A;",
            "\nfn a() { crate::handlers::b(); }",
            "\nuse crate::{clock, paging::{a, b}};",
        ] {
            assert_eq!(places(&[(store, text)]).len(), 1, "{text}");
        }
        let several = "use crate::{\n    clock,\n    store::{a, handlers},\n    router,\n};";
        assert_eq!(places(&[(store, several)]), [(store.to_owned(), 4)]);
        let worker = ("feed-consumer/src/reading.rs", "use crate::worker::Worker;");
        assert_eq!(places(&[worker]), [(worker.0.to_owned(), 1)]);
    }

    #[test]
    fn an_upper_floor_uses_lower_ones_and_its_neighbours() {
        let text = "use crate::store::EventStore;\nuse crate::publishing::Publisher;\n";
        assert_eq!(places(&[("feed-server/src/paging/page.rs", text)]), []);
    }

    #[test]
    fn a_name_that_the_library_re_exports_belongs_to_its_module() {
        let lib = ("feed-server/src/lib.rs", "mod server;\npub use server::{FeedServer, Other};\n");
        let store = ("feed-server/src/store.rs", "use crate::Other;\n");
        assert_eq!(places(&[lib, store]), [(store.0.to_owned(), 1)]);
    }

    #[test]
    fn a_module_without_a_floor_is_found() {
        let odd = "feed-server/src/odd.rs";
        assert_eq!(places(&[(odd, "")]), [(odd.to_owned(), 1)]);
    }
}
