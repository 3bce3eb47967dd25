//! Which library may be named where.

use super::Finding;
use super::tree::Tree;

const RULE: &str = "modules";

/// A name, the places that may use it, and where else to turn.
struct Confined {
    /// How the code names it: as a path, or as the beginning of one.
    name: &'static str,
    /// Whether this file of a package's `src` may, given its package and its path within `src`.
    may: fn(package: &str, path: &str) -> bool,
    advice: &'static str,
}

const CONFINED: &[Confined] = &[
    Confined {
        name: "sqlx",
        may: |_, path| is_module(path, "store"),
        advice: "SQL lives under a `store` module: add a method to the store, and call that",
    },
    Confined {
        name: "axum",
        may: |package, path| {
            package == "feed-server" && ["router", "handlers"].iter().any(|it| is_module(path, it))
        },
        advice: "axum is known to the router and the handlers alone (and `axum::Router` to what hands \
                 a router out or serves it): use the `http` types here",
    },
    Confined {
        name: "reqwest",
        may: |package, path| {
            package == "feed-consumer"
                && (is_module(path, "reading/client") || is_module(path, "handler/forward"))
        },
        advice: "requests are made by the reading client and the forwarding sink alone",
    },
    Confined { name: "Utc::now", may: is_clock, advice: CLOCK },
    Confined { name: "SystemTime::now", may: is_clock, advice: CLOCK },
];

const CLOCK: &str = "time comes in through one file a package: use its `clock` module";

/// The packages with floors.
const PACKAGES: [&str; 3] = ["feed-protocol", "feed-server", "feed-consumer"];

fn is_clock(_: &str, path: &str) -> bool {
    path == "clock.rs"
}

/// Whether code is the name of the type in which routers are passed on, in a file that does so:
/// the type is part of the library's interface, since people mount it in apps of their own.
fn is_router_type(path: &str, code: &str) -> bool {
    matches!(path, "builder.rs" | "server.rs") && code.starts_with("axum::Router")
}

/// Whether a file is this module, or lies below it.
fn is_module(path: &str, module: &str) -> bool {
    let rest = path.strip_prefix(module);
    rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in PACKAGES {
        let folder = format!("{package}/src/");
        for (file, source) in tree.sources(&folder) {
            let path = &file.path[folder.len()..];
            for confined in CONFINED.iter().filter(|it| !(it.may)(package, path)) {
                for offset in source.words(confined.name) {
                    if is_router_type(path, &source.code()[offset..]) {
                        continue;
                    }
                    let advice =
                        format!("{} must not be named here: {}", confined.name, confined.advice);
                    findings.push(Finding::new(&file.path, source.line_of(offset), RULE, advice));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(files: &[(&str, &str)]) -> Vec<(String, usize)> {
        let findings = check(&Tree::sample(files));
        findings.into_iter().map(|finding| (finding.path, finding.line)).collect()
    }

    #[test]
    fn libraries_stay_in_their_rooms() {
        for (text, allowed, elsewhere) in [
            ("use sqlx::Row;", "feed-server/src/store.rs", "feed-server/src/publishing.rs"),
            (
                "use sqlx::Row;",
                "feed-consumer/src/store/sqlite.rs",
                "feed-consumer/src/storehouse.rs",
            ),
            ("use axum::Router;", "feed-server/src/handlers/page.rs", "feed-server/src/paging.rs"),
            (
                "fn a() -> axum::Router {}",
                "feed-server/src/router.rs",
                "feed-consumer/src/router.rs",
            ),
            (
                "use reqwest::Client;",
                "feed-consumer/src/reading/client.rs",
                "feed-consumer/src/reading.rs",
            ),
            (
                "use reqwest::Client;",
                "feed-consumer/src/reading/client/tls.rs",
                "feed-server/src/cli.rs",
            ),
            ("let a = Utc::now();", "feed-server/src/clock.rs", "feed-server/src/store/clock.rs"),
            ("chrono::Utc::now()", "feed-consumer/src/clock.rs", "feed-protocol/src/event.rs"),
            ("use axum::Router;", "feed-server/src/server.rs", "feed-server/src/publishing.rs"),
            ("use axum::Json;", "feed-server/src/router.rs", "feed-server/src/server.rs"),
            ("SystemTime::now()", "feed-server/src/clock.rs", "feed-server/src/server.rs"),
        ] {
            assert_eq!(places(&[(allowed, text)]), [], "{allowed}");
            let found = places(&[(elsewhere, &format!("\n{text}"))]);
            assert_eq!(found, [(elsewhere.to_owned(), 2)], "{text}");
        }
    }

    #[test]
    fn words_and_unit_tests_may_name_anything() {
        let text = "//! Not sqlx.\nconst A: &str = \"axum\";\n#[cfg(test)]\nmod tests { use sqlx::Row; }\n";
        assert_eq!(places(&[("feed-server/src/paging.rs", text)]), []);
        assert_eq!(places(&[("examples/quickstart/main.rs", "use axum::Router;")]), []);
    }
}
