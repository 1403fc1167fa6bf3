//! The packages that the workspace is made of, as `cargo metadata` tells.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::Failure;

/// Every package, and which needs which.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    packages: BTreeMap<String, Package>,
}

/// A package.
#[derive(Debug, Default)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its licence, as an SPDX expression.
    pub(crate) licence: Option<String>,
    /// Where it comes from; nowhere for a package of this workspace.
    pub(crate) source: Option<String>,
    /// Who wrote it, where its manifest says so.
    pub(crate) authors: Vec<String>,
    /// The folder of its manifest.
    pub(crate) folder: PathBuf,
    /// The ids of the packages that its programs hold: its normal dependencies.
    links: BTreeSet<String>,
    /// The ids of the packages that it is built from: its normal and build dependencies.
    needs: BTreeSet<String>,
}

impl Graph {
    /// Reads what `cargo metadata --format-version 1` prints.
    pub(crate) fn parse(metadata: &str) -> Result<Self, Failure> {
        let unreadable =
            || Failure::new("cargo metadata cannot be read: it has another format than 1");
        let metadata: Value = serde_json::from_str(metadata)
            .map_err(|error| Failure::new(format!("cargo metadata cannot be read: {error}")))?;
        let mut packages: BTreeMap<String, Package> = array(&metadata["packages"])
            .map(|package| Some((text(&package["id"])?, package_from(package)?)))
            .collect::<Option<_>>()
            .ok_or_else(unreadable)?;
        for node in array(&metadata["resolve"]["nodes"]) {
            let package =
                text(&node["id"]).and_then(|id| packages.get_mut(&id)).ok_or_else(unreadable)?;
            let of_kind = |wanted: fn(&Value) -> bool| -> Option<BTreeSet<String>> {
                array(&node["deps"])
                    .filter(|each| array(&each["dep_kinds"]).any(|kind| wanted(&kind["kind"])))
                    .map(|each| text(&each["pkg"]))
                    .collect()
            };
            package.needs = of_kind(|kind| kind != "dev").ok_or_else(unreadable)?;
            package.links = of_kind(Value::is_null).ok_or_else(unreadable)?;
        }
        if packages.is_empty() { Err(unreadable()) } else { Ok(Self { packages }) }
    }

    /// All packages.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &Package> {
        self.packages.values()
    }

    /// The packages of the workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages().filter(|package| package.source.is_none())
    }

    /// What a package needs directly.
    pub(crate) fn needs(&self, package: &Package) -> impl Iterator<Item = &Package> {
        package.needs.iter().filter_map(|id| self.packages.get(id))
    }

    /// What a package needs, directly or not, each with the names on the way to it.
    pub(crate) fn needs_all<'a>(
        &'a self,
        package: &'a Package,
    ) -> Vec<(&'a Package, Vec<&'a str>)> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![(package, vec![package.name.as_str()])];
        while let Some((package, path)) = open.pop() {
            for needed in self.needs(package) {
                if seen.insert((&needed.name, &needed.version)) {
                    let path: Vec<&str> =
                        path.iter().copied().chain([needed.name.as_str()]).collect();
                    found.push((needed, path.clone()));
                    open.push((needed, path));
                }
            }
        }
        found
    }

    /// What a package's programs hold, directly or not.
    pub(crate) fn linked_all<'a>(&'a self, package: &'a Package) -> Vec<&'a Package> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&String> = package.links.iter().collect();
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                open.extend(self.packages.get(id).into_iter().flat_map(|each| &each.links));
            }
        }
        seen.into_iter().filter_map(|id| self.packages.get(id)).collect()
    }
}

fn package_from(package: &Value) -> Option<Package> {
    Some(Package {
        name: text(&package["name"])?,
        version: text(&package["version"])?,
        licence: text(&package["license"]),
        source: text(&package["source"]),
        authors: array(&package["authors"]).filter_map(text).collect(),
        folder: text(&package["manifest_path"])
            .and_then(|manifest| Path::new(&manifest).parent().map(Path::to_path_buf))
            .unwrap_or_default(),
        links: BTreeSet::new(),
        needs: BTreeSet::new(),
    })
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// A graph from `name needed needed…` lines; names of the workspace begin with `~`, versions follow `@`, and a
    /// needed name in brackets is a dev-dependency.
    pub(crate) fn graph(lines: &[&str]) -> Graph {
        let metadata = metadata(lines);
        Graph::parse(&metadata.to_string()).unwrap()
    }

    pub(crate) fn metadata(lines: &[&str]) -> Value {
        let words =
            |line: &&str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
        let lines: Vec<Vec<String>> = lines.iter().map(words).collect();
        let packages: Vec<Value> = lines
            .iter()
            .map(|line| {
                let (name, version) = line[0].split_once('@').unwrap_or((&line[0], "1.0.0"));
                let registry = "registry+https://github.com/rust-lang/crates.io-index";
                let source = if name.starts_with('~') { Value::Null } else { registry.into() };
                json!({
                    "id": line[0], "name": name.trim_start_matches('~'), "version": version,
                    "license": "MIT", "source": source,
                })
            })
            .collect();
        let nodes: Vec<Value> = lines
            .iter()
            .map(|line| {
                let deps: Vec<Value> = line[1..]
                    .iter()
                    .map(|needed| match needed.strip_prefix('[') {
                        Some(dev) => json!({"pkg": dev.trim_end_matches(']'), "dep_kinds": [{"kind": "dev"}]}),
                        None => json!({"pkg": needed, "dep_kinds": [{"kind": null}, {"kind": "dev"}]}),
                    })
                    .collect();
                json!({"id": line[0], "deps": deps})
            })
            .collect();
        json!({"packages": packages, "resolve": {"nodes": nodes}})
    }

    #[test]
    fn needs_are_followed_to_the_end_and_dev_dependencies_are_not() {
        let graph = graph(&["~app a [test]", "a b", "b a", "test c", "c"]);
        let app = graph.members().next().unwrap();
        let needed: Vec<String> =
            graph.needs_all(app).iter().map(|(_, path)| path.join(">")).collect();
        assert_eq!(needed, ["app>a", "app>a>b"]);
    }

    #[test]
    fn what_only_builds_or_tests_is_not_linked() {
        let mut metadata = metadata(&["~app a build [test]", "a b", "b a", "build c", "test", "c"]);
        metadata["resolve"]["nodes"][0]["deps"][1]["dep_kinds"] = json!([{"kind": "build"}]);
        let graph = Graph::parse(&metadata.to_string()).unwrap();
        let app = graph.members().next().unwrap();
        let names: Vec<&str> =
            graph.linked_all(app).iter().map(|each| each.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn what_is_no_metadata_is_refused() {
        for text in ["", "{}", r#"{"packages":[{"id":1}]}"#, r#"{"packages":[],"resolve":null}"#] {
            assert!(Graph::parse(text).is_err(), "{text}");
        }
    }
}
