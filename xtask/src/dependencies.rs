//! The rules for dependencies.
//!
//! cargo-deny knows most of them, but not the arrows between our own packages, and it would be one more program to
//! install.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::{Graph, Package};
use crate::licence;

/// Packages of which exactly one version may be there: a second one means a second HTTP, TLS or async stack.
const SINGLE: [&str; 4] = ["h2", "hyper", "rustls", "tokio"];

/// Packages that may not be there at all. TLS is rustls on ring: what needs a C toolchain beyond a compiler, or the
/// system's libraries, does not link into a small Lambda. A trailing `*` stands for anything.
const BANNED: [&str; 4] = ["openssl", "openssl-sys", "aws-lc*", "native-tls"];

/// Packages without I/O, and what they may not need, directly or not.
const PURE: [&str; 2] = ["contract", "verifier-core"];
const IMPURE: [&str; 7] = ["tokio", "tokio-*", "reqwest", "axum", "hyper", "aws-*", "aws_*"];

/// The arrows between our own packages: which may be built from which. Tests may use any.
const ARROWS: [(&str, &[&str]); 12] = [
    ("contract", &[]),
    ("verifier-core", &["contract"]),
    ("verifier-aws", &["contract", "verifier-core"]),
    ("verifier-emulator", &["contract", "verifier-core"]),
    ("verifier-conformance", &["contract", "verifier-core", "verifier-emulator"]),
    ("verifier-simulator", &["contract", "verifier-core", "submit-job", "worker"]),
    (
        "verifier",
        &["contract", "verifier-core", "verifier-aws", "verifier-emulator", "verifier-simulator"],
    ),
    ("verifier-testkit", &["contract", "verifier-core"]),
    ("hello", &["contract"]),
    ("submit-job", &["contract"]),
    ("worker", &["contract"]),
    ("xtask", &[]),
];

/// Where packages may come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Every rule that is broken, each in a line that says by what.
pub(crate) fn violations(graph: &Graph) -> Vec<String> {
    [versions(graph), banned(graph), purity(graph), arrows(graph), origins(graph), licences(graph)]
        .concat()
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

fn versions(graph: &Graph) -> Vec<String> {
    let problem = |name: &&str| {
        let versions: BTreeSet<&str> = graph
            .packages()
            .filter(|package| package.name == **name)
            .map(|package| package.version.as_str())
            .collect();
        match versions.len() {
            1 => None,
            // A rule about a package that is gone guards nothing, and should go too.
            0 => Some(format!("{name} is not there at all")),
            _ => Some(format!(
                "{name} is there in {} versions: {}",
                versions.len(),
                versions.into_iter().collect::<Vec<_>>().join(", ")
            )),
        }
    };
    SINGLE.iter().filter_map(problem).collect()
}

fn banned(graph: &Graph) -> Vec<String> {
    let found = graph.packages().filter(|package| matches_any(&BANNED, &package.name));
    found.map(|package| format!("{} {} is banned", package.name, package.version)).collect()
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

fn origins(graph: &Graph) -> Vec<String> {
    let elsewhere = graph
        .packages()
        .filter_map(|package| Some((package, package.source.as_deref()?)))
        .filter(|(_, source)| *source != REGISTRY);
    elsewhere
        .map(|(package, source)| {
            format!("{} comes from {source}, not from crates.io", package.name)
        })
        .collect()
}

fn licences(graph: &Graph) -> Vec<String> {
    let problem = |package: &Package| {
        let Package { name, version, licence, .. } = package;
        match licence {
            None => Some(format!("{name} {version} names no licence")),
            Some(licence) if licence::is_permissive(licence) => None,
            Some(licence) => {
                Some(format!("{name} {version} is under {licence}, which is not permissive"))
            }
        }
    };
    graph.packages().filter_map(problem).collect()
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

    /// What every graph needs for `SINGLE` to hold.
    const STACKS: [&str; 4] = ["h2", "hyper", "rustls", "tokio"];

    fn found(lines: &[&str]) -> Vec<String> {
        violations(&graph(&[&STACKS, lines].concat()))
    }

    #[test]
    fn a_graph_like_ours_breaks_no_rule() {
        assert_eq!(
            found(&[
                "serde",
                "~contract serde",
                "~verifier-core ~contract serde",
                "~verifier-aws ~verifier-core rustls",
                "~verifier-emulator ~verifier-core tokio",
                "~verifier ~verifier-aws ~verifier-emulator tokio",
                "~worker ~contract tokio",
            ]),
            [""; 0]
        );
    }

    #[test]
    fn there_is_one_version_of_each_stack() {
        assert_eq!(found(&["hyper@0.14.0"]), ["hyper is there in 2 versions: 0.14.0, 1.0.0"]);
        let without = graph(&["h2", "hyper", "rustls"]);
        assert_eq!(violations(&without), ["tokio is not there at all"]);
    }

    #[test]
    fn other_tls_stacks_are_banned() {
        for name in ["openssl", "openssl-sys", "aws-lc-rs", "aws-lc-sys", "native-tls"] {
            assert_eq!(found(&[name]), [format!("{name} 1.0.0 is banned")]);
        }
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
        assert_eq!(found(&["~verifier-core [~verifier-testkit]", "~verifier-testkit"]), [""; 0]);
        assert_eq!(
            found(&["~new"]),
            ["new has no place among our packages; give it one in ARROWS"]
        );
    }

    #[test]
    fn packages_come_from_one_registry_under_permissive_licences() {
        let mut metadata = metadata(&[&STACKS, ["far", "closed", "unknown"].as_slice()].concat());
        let packages = metadata["packages"].as_array_mut().unwrap();
        packages[4]["source"] = "git+https://example.com/far".into();
        packages[5]["license"] = "GPL-3.0-only".into();
        packages[6]["license"] = serde_json::Value::Null;
        let graph = Graph::parse(&metadata.to_string()).unwrap();
        assert_eq!(
            violations(&graph),
            [
                "far comes from git+https://example.com/far, not from crates.io",
                "closed 1.0.0 is under GPL-3.0-only, which is not permissive",
                "unknown 1.0.0 names no licence",
            ]
        );
        assert_eq!(summary(&graph), "7 packages: 5 MIT, 1 none, 1 GPL-3.0-only");
    }
}
