//! The rules that dependencies keep to, judged from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Of these there is one version: a second would bring a second HTTP or TLS stack, or a second runtime.
const SINGLE: [&str; 4] = ["hyper", "rustls", "tokio", "h2"];
/// TLS is rustls with ring; these would bring another, and minutes of C to compile.
const BANNED: [&str; 4] = ["aws-lc-sys", "openssl-sys", "native-tls", "s2n-tls"];
/// Permissive licences.
const LICENCES: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
];
/// The pure core does no I/O, so it depends on nothing that does.
const NOT_IN_CORE: [&str; 5] = ["axum", "hyper", "mio", "reqwest", "tokio"];
/// Which of the workspace's packages each may depend on.
const ARROWS: [(&str, &[&str]); 6] = [
    ("contract", &[]),
    ("verifier-core", &["contract"]),
    ("verifier-aws", &["contract", "verifier-core"]),
    ("verifier-emulator", &["contract", "verifier-core"]),
    ("worker", &["contract"]),
    ("submit-job", &["contract"]),
];

struct Package<'a> {
    name: &'a str,
    version: &'a str,
    licence: &'a str,
    local: bool,
}

/// What the output of `cargo metadata` shows against the rules; nothing, if all is well.
pub(crate) fn problems(metadata: &str) -> Result<Vec<String>, String> {
    let metadata: Value = serde_json::from_str(metadata)
        .map_err(|error| format!("cargo's metadata is no JSON: {error}"))?;
    let text = |value: &'_ Value, key: &str| {
        value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let listed = metadata.get("packages").and_then(Value::as_array);
    let listed = listed.ok_or("cargo's metadata lists no packages")?;
    let shown: Vec<(String, String, String, String, bool)> = listed
        .iter()
        .map(|package| {
            let local = package.get("source").is_none_or(Value::is_null);
            (
                text(package, "id"),
                text(package, "name"),
                text(package, "version"),
                text(package, "license"),
                local,
            )
        })
        .collect();
    let packages: BTreeMap<&str, Package<'_>> = shown
        .iter()
        .map(|(id, name, version, licence, local)| {
            (id.as_str(), Package { name, version, licence, local: *local })
        })
        .collect();
    let mut problems = Vec::new();
    check_versions(&packages, &mut problems);
    check_licences(&packages, &mut problems);
    let edges = normal_edges(&metadata);
    check_core(&packages, &edges, &mut problems);
    check_arrows(&packages, &edges, &mut problems);
    Ok(problems)
}

fn check_versions(packages: &BTreeMap<&str, Package<'_>>, problems: &mut Vec<String>) {
    for name in SINGLE {
        let versions: BTreeSet<&str> = packages
            .values()
            .filter(|package| package.name == name)
            .map(|package| package.version)
            .collect();
        if versions.len() > 1 {
            let versions: Vec<&str> = versions.into_iter().collect();
            problems.push(format!("{name} is there in the versions {}", versions.join(" and ")));
        }
    }
    for name in BANNED {
        if packages.values().any(|package| package.name == name) {
            problems.push(format!("{name} is there; `cargo tree -i {name}` shows who brings it"));
        }
    }
}

fn check_licences(packages: &BTreeMap<&str, Package<'_>>, problems: &mut Vec<String>) {
    for package in packages.values().filter(|package| !package.local) {
        if !is_permissive(package.licence) {
            problems.push(format!(
                "{} {} is licensed under {}",
                package.name, package.version, package.licence
            ));
        }
    }
}

/// Whether an SPDX expression can be satisfied with permissive licences: one of each `OR`, all of each `AND`.
fn is_permissive(expression: &str) -> bool {
    let alternatives = expression.replace('/', " OR ").replace(['(', ')'], "");
    // A parenthesised OR beside an AND is read as if the AND bound stronger, which is stricter or the same.
    alternatives.split(" OR ").any(|alternative| {
        alternative.split(" AND ").all(|licence| LICENCES.contains(&licence.trim()))
    })
}

/// Who depends on whom, leaving out development and build dependencies.
fn normal_edges(metadata: &Value) -> BTreeMap<&str, Vec<&str>> {
    let nodes = metadata.pointer("/resolve/nodes").and_then(Value::as_array);
    let is_normal = |dependency: &&Value| {
        let kinds = dependency.get("dep_kinds").and_then(Value::as_array);
        kinds.into_iter().flatten().any(|kind| kind.get("kind").is_none_or(Value::is_null))
    };
    nodes
        .into_iter()
        .flatten()
        .filter_map(|node| {
            let dependencies = node.get("deps").and_then(Value::as_array)?;
            let targets = dependencies
                .iter()
                .filter(is_normal)
                .filter_map(|dependency| dependency.get("pkg")?.as_str());
            Some((node.get("id")?.as_str()?, targets.collect()))
        })
        .collect()
}

fn check_core(
    packages: &BTreeMap<&str, Package<'_>>,
    edges: &BTreeMap<&str, Vec<&str>>,
    problems: &mut Vec<String>,
) {
    let Some(core) = id_of(packages, "verifier-core") else {
        problems.push("there is no package verifier-core".to_owned());
        return;
    };
    let (mut reached, mut open) = (BTreeSet::from([core]), vec![core]);
    while let Some(id) = open.pop() {
        for next in edges.get(id).into_iter().flatten() {
            if reached.insert(next) {
                open.push(next);
            }
        }
    }
    for package in reached.iter().filter_map(|id| packages.get(id)) {
        if NOT_IN_CORE.contains(&package.name) || package.name.starts_with("aws-") {
            problems.push(format!("the pure core depends on {}", package.name));
        }
    }
}

fn check_arrows(
    packages: &BTreeMap<&str, Package<'_>>,
    edges: &BTreeMap<&str, Vec<&str>>,
    problems: &mut Vec<String>,
) {
    for (name, allowed) in ARROWS {
        let targets = id_of(packages, name).and_then(|id| edges.get(id));
        let local = targets
            .into_iter()
            .flatten()
            .filter_map(|id| packages.get(id))
            .filter(|package| package.local);
        for target in local.filter(|target| !allowed.contains(&target.name)) {
            problems.push(format!("{name} must not depend on {}", target.name));
        }
    }
}

fn id_of<'a>(packages: &BTreeMap<&'a str, Package<'_>>, name: &str) -> Option<&'a str> {
    packages.iter().find(|(_, package)| package.local && package.name == name).map(|(id, _)| *id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(id: &str, name: &str, version: &str, licence: &str, local: bool) -> Value {
        let source = if local { Value::Null } else { json!("registry") };
        json!({"id": id, "name": name, "version": version, "license": licence, "source": source})
    }

    fn judge(packages: &[Value], edges: &[(&str, &str)]) -> String {
        let nodes: Vec<Value> = edges
            .iter()
            .map(|(from, to)| json!({"id": from, "deps": [{"pkg": to, "dep_kinds": [{"kind": null}]}]}))
            .collect();
        let metadata = json!({"packages": packages, "resolve": {"nodes": nodes}});
        problems(&metadata.to_string()).unwrap().join("; ")
    }

    fn core() -> Value {
        package("core", "verifier-core", "1", "MIT", true)
    }

    #[test]
    fn a_workspace_that_keeps_to_the_rules_has_no_problems() {
        let serde = package("s", "serde", "1", "MIT OR Apache-2.0", false);
        assert_eq!(judge(&[core(), serde], &[("core", "s")]), "");
    }

    #[test]
    fn each_breach_is_named() {
        let hyper = |version: &str| package(version, "hyper", version, "MIT", false);
        assert!(judge(&[core(), hyper("0.14"), hyper("1.0")], &[]).contains("0.14 and 1.0"));
        let banned = package("l", "aws-lc-sys", "1", "ISC", false);
        assert!(judge(&[core(), banned], &[]).contains("aws-lc-sys is there"));
        let copyleft = package("g", "gnu", "1", "AGPL-3.0", false);
        assert!(judge(&[core(), copyleft], &[]).contains("AGPL-3.0"));
        let (middle, tokio) =
            (package("m", "middle", "1", "MIT", false), package("t", "tokio", "1", "MIT", false));
        let found = judge(&[core(), middle, tokio], &[("core", "m"), ("m", "t")]);
        assert!(found.contains("the pure core depends on tokio"), "{found}");
        let emulator = package("e", "verifier-emulator", "1", "MIT", true);
        let aws = package("a", "verifier-aws", "1", "MIT", true);
        let found = judge(&[core(), emulator, aws], &[("a", "e")]);
        assert!(found.contains("verifier-aws must not depend on verifier-emulator"), "{found}");
    }

    #[test]
    fn development_dependencies_of_the_core_do_not_count() {
        let node = json!({"id": "core", "deps": [{"pkg": "t", "dep_kinds": [{"kind": "dev"}]}]});
        let tokio = package("t", "tokio", "1", "MIT", false);
        let metadata = json!({"packages": [core(), tokio], "resolve": {"nodes": [node]}});
        assert_eq!(problems(&metadata.to_string()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn licence_expressions_are_understood() {
        for licence in
            ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0"]
        {
            assert!(is_permissive(licence), "{licence}");
        }
        for licence in ["", "AGPL-3.0", "MIT AND GPL-2.0", "MPL-2.0"] {
            assert!(!is_permissive(licence), "{licence}");
        }
    }
}
