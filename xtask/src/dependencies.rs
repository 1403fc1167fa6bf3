//! The rules for dependencies that no other tool has: the arrows between our own packages, and what each may need.
//!
//! The rest is in `deny.toml`, by which `cargo xtask deny` goes. Its list of licences is looked at here too, without
//! what makes of it: a licence that was never heard of is to be found before a change is pushed.

use std::collections::BTreeMap;

use crate::graph::{Graph, Package};

/// cargo-deny's rules.
const DENY: &str = include_str!("../../deny.toml");

/// Packages without I/O, and what they may not need, directly or not.
const PURE: [&str; 4] = ["contract", "verifier-model", "verifier-core", "verifier-chaos"];
const IMPURE: [&str; 8] =
    ["tokio", "tokio-*", "reqwest", "axum", "hyper", "aws-*", "aws_*", "rquickjs*"];

/// The arrows between our own packages: which may be built from which. Tests may use any.
const ARROWS: [(&str, &[&str]); 15] = [
    ("contract", &[]),
    ("verifier-model", &[]),
    ("verifier-core", &["contract", "verifier-model"]),
    ("verifier-chaos", &["contract", "verifier-model", "verifier-core"]),
    ("verifier-script", &["verifier-core"]),
    ("verifier-aws", &["contract", "verifier-model", "verifier-core"]),
    ("verifier-emulator", &["contract", "verifier-model"]),
    ("verifier-conformance", &["verifier-model", "verifier-emulator"]),
    (
        "verifier-simulator",
        &["contract", "verifier-model", "verifier-core", "verifier-chaos", "submit-job", "worker"],
    ),
    (
        "verifier",
        &[
            "contract",
            "verifier-model",
            "verifier-core",
            "verifier-chaos",
            "verifier-aws",
            "verifier-emulator",
            "verifier-script",
            "verifier-simulator",
        ],
    ),
    ("verifier-testkit", &["contract"]),
    ("hello", &["contract"]),
    ("submit-job", &["contract"]),
    ("worker", &["contract"]),
    ("xtask", &[]),
];

/// Every rule that is broken, each in a line that says by what.
pub(crate) fn violations(graph: &Graph) -> Vec<String> {
    [purity(graph), arrows(graph), licences(graph)].concat()
}

/// What was looked at, in a line.
pub(crate) fn summary(graph: &Graph) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    for package in graph.packages() {
        *counts.entry(package.licence.as_deref().unwrap_or("none")).or_default() += 1;
    }
    let mut counts: Vec<(usize, &str)> =
        counts.into_iter().map(|(name, count)| (count, name)).collect();
    counts.sort_by(|a, b| b.cmp(a));
    let licences: Vec<String> =
        counts.iter().map(|(count, name)| format!("{count} {name}")).collect();
    format!("{} packages: {}", graph.packages().count(), licences.join(", "))
}

fn purity(graph: &Graph) -> Vec<String> {
    let pure = graph.members().filter(|package| PURE.contains(&package.name.as_str()));
    pure.flat_map(|package| graph.needs_all(package))
        .filter(|(needed, _)| matches_any(&IMPURE, &needed.name))
        .map(|(needed, path)| {
            format!("{} must do without {}: {}", path[0], needed.name, path.join(" → "))
        })
        .collect()
}

fn arrows(graph: &Graph) -> Vec<String> {
    graph.members().flat_map(|package| arrows_from(graph, package)).collect()
}

fn arrows_from(graph: &Graph, package: &Package) -> Vec<String> {
    let name = &package.name;
    let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| known == name) else {
        return vec![format!("{name} has no place among our packages; give it one in ARROWS")];
    };
    let ours = graph.needs(package).filter(|needed| needed.source.is_none());
    ours.filter(|needed| !allowed.contains(&needed.name.as_str()))
        .map(|needed| format!("{name} may not be built from {}", needed.name))
        .collect()
}

fn licences(graph: &Graph) -> Vec<String> {
    let problem = |package: &Package| {
        let Package { name, version, licence, .. } = package;
        match licence {
            None => Some(format!("{name} {version} names no licence")),
            Some(licence) if is_allowed(licence) => None,
            Some(licence) => {
                Some(format!("{name} {version} is under {licence}, which deny.toml does not allow"))
            }
        }
    };
    graph.packages().filter_map(problem).collect()
}

/// Whether one side of a choice asks for nothing but what `deny.toml` allows. What has parentheses is no choice here,
/// so that this finds rather too much.
fn is_allowed(expression: &str) -> bool {
    // Before there were SPDX expressions, crates wrote `MIT/Apache-2.0` for a choice.
    let expression = expression.replace('/', " OR ");
    let sides: Vec<&str> = if expression.contains('(') {
        vec![&expression]
    } else {
        expression.split(" OR ").collect()
    };
    let is_known = |word: &str| {
        matches!(word, "AND" | "OR" | "WITH" | "LLVM-exception") || allowed().any(|id| id == word)
    };
    let words = |side: &str| side.replace(['(', ')'], " ");
    sides.iter().any(|side| {
        let words = words(side);
        let mut words = words.split_whitespace().peekable();
        words.peek().is_some() && words.all(is_known)
    })
}

/// The licences in `deny.toml`.
fn allowed() -> impl Iterator<Item = &'static str> {
    let list = DENY.split_once("\nallow = [").and_then(|(_, rest)| rest.split_once(']'));
    list.map_or("", |(list, _)| list).split('"').skip(1).step_by(2)
}

fn matches_any(patterns: &[&str], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *pattern,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests::{graph, metadata};

    fn found(lines: &[&str]) -> Vec<String> {
        violations(&graph(lines))
    }

    #[test]
    fn a_graph_like_ours_breaks_no_rule() {
        assert_eq!(
            found(&[
                "serde",
                "~contract serde",
                "~verifier-model serde",
                "~verifier-core ~contract ~verifier-model serde",
                "~verifier-chaos ~verifier-core ~verifier-model",
                "~verifier-aws ~verifier-core rustls",
                "~verifier-emulator ~verifier-model tokio",
                "~verifier ~verifier-aws ~verifier-emulator tokio",
                "~worker ~contract tokio",
            ]),
            [""; 0]
        );
    }

    #[test]
    fn the_core_is_pure_also_at_a_distance() {
        assert_eq!(
            found(&["~verifier-core helper", "helper tokio-util", "tokio-util"]),
            ["verifier-core must do without tokio-util: verifier-core → helper → tokio-util"]
        );
        assert_eq!(
            found(&["~contract aws-types", "aws-types"]),
            ["contract must do without aws-types: contract → aws-types"]
        );
        assert_eq!(found(&["~verifier-core [tokio]"]), [""; 0], "tests may use it");
    }

    #[test]
    fn arrows_point_one_way() {
        assert_eq!(
            found(&["~contract ~verifier-core", "~verifier-core"]),
            ["contract may not be built from verifier-core"]
        );
        assert_eq!(
            found(&["~verifier-aws ~verifier-emulator", "~verifier-emulator"]),
            ["verifier-aws may not be built from verifier-emulator"]
        );
        assert_eq!(
            found(&["~worker ~verifier-core", "~verifier-core"]),
            ["worker may not be built from verifier-core"]
        );
        assert_eq!(
            found(&["~verifier-emulator ~verifier-core", "~verifier-core"]),
            ["verifier-emulator may not be built from verifier-core"]
        );
        assert_eq!(
            found(&["~verifier-core ~verifier-chaos", "~verifier-chaos"]),
            ["verifier-core may not be built from verifier-chaos"]
        );
        assert_eq!(found(&["~verifier-core [~verifier-testkit]", "~verifier-testkit"]), [""; 0]);
        assert_eq!(
            found(&["~new"]),
            ["new has no place among our packages; give it one in ARROWS"]
        );
    }

    #[test]
    fn packages_are_under_licences_that_are_allowed() {
        let mut metadata = metadata(&["fine", "closed", "unknown"]);
        let packages = metadata["packages"].as_array_mut().unwrap();
        packages[1]["license"] = "GPL-3.0-only".into();
        packages[2]["license"] = serde_json::Value::Null;
        let graph = Graph::parse(&metadata.to_string()).unwrap();
        assert_eq!(
            violations(&graph),
            [
                "closed 1.0.0 is under GPL-3.0-only, which deny.toml does not allow",
                "unknown 1.0.0 names no licence",
            ]
        );
        assert_eq!(summary(&graph), "3 packages: 1 none, 1 MIT, 1 GPL-3.0-only");
    }

    #[test]
    fn one_side_of_a_choice_is_enough_and_both_of_a_sum_are_needed() {
        for allowed in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "Apache-2.0 / MIT",
            "MIT OR GPL-3.0-only",
            "GPL-3.0-only OR MIT AND ISC",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
        ] {
            assert!(is_allowed(allowed), "{allowed}");
        }
        for other in [
            "",
            "GPL-3.0-only",
            "MPL-2.0",
            "mit",
            "MIT AND GPL-3.0-only",
            "(MIT OR Apache-2.0) AND GPL-3.0-only",
            "MIT WITH Classpath-exception-2.0",
        ] {
            assert!(!is_allowed(other), "{other}");
        }
    }
}
