//! `cargo xtask notices`: the licences of everything that is linked into the verifier.
//!
//! A release holds other people's code, most of it under licences that ask for their text to be kept. Whatever a package
//! holds of such texts is kept here, each text once, so that the same lock file gives the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::command::{Run, program};
use crate::failure::Failure;
use crate::graph::Graph;
use crate::project::Project;
use crate::project::cargo;

/// The package whose program is released.
const RELEASED: &str = "verifier";
/// How deep below a package its licence texts are looked for; some keep code of others in a folder of its own.
const DEPTH_MAX: usize = 3;
/// Folders whose content is not built.
const UNBUILT: [&str; 4] = ["benches", "examples", "target", "tests"];
/// How the names of files with licences and notices begin, in lower case.
const NAMES: [&str; 6] = ["copying", "copyright", "licence", "license", "notice", "unlicense"];

/// The texts of licences, for packages that name one and hold none.
const APACHE: &str = include_str!("../../LICENSE-APACHE");
const MIT: &str = include_str!("../../LICENSE-MIT");

/// A package that is linked, with the licence texts that it holds.
#[derive(Debug)]
struct Linked {
    name: String,
    version: String,
    licence: String,
    source: String,
    texts: Vec<String>,
}

/// The notices of what the released program holds for this machine's kind.
pub(crate) fn notices(project: &Project) -> Result<String, Failure> {
    let mut packages = linked(project)?;
    packages.push(standard_library(project)?);
    packages.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
    Ok(rendered(&packages))
}

/// What `rustc` links into every program.
fn standard_library(project: &Project) -> Result<Linked, Failure> {
    let version = program("rustc", &project.root).arg("--version").capture()?;
    Ok(Linked {
        name: "Rust's standard library".to_owned(),
        version: version.split_whitespace().nth(1).unwrap_or_default().to_owned(),
        licence: "MIT OR Apache-2.0".to_owned(),
        source: "https://github.com/rust-lang/rust".to_owned(),
        texts: vec![APACHE.to_owned()],
    })
}

fn linked(project: &Project) -> Result<Vec<Linked>, Failure> {
    let target = target(project)?;
    let mut metadata = cargo(project);
    metadata.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &target]);
    let graph = Graph::parse(&metadata.capture()?)?;
    let released = graph.members().find(|package| package.name == RELEASED);
    let released = released.ok_or_else(|| Failure::new(format!("there is no {RELEASED}")))?;
    let mut packages = Vec::new();
    for package in graph.linked_all(released) {
        if package.source.is_none() {
            continue;
        }
        let licence = package.licence.clone().unwrap_or_default();
        let mut texts = texts_below(&package.folder)?;
        if texts.is_empty() {
            texts.push(text_of(&licence, &package.name, &package.authors)?);
        }
        packages.push(Linked {
            name: package.name.clone(),
            version: package.version.clone(),
            licence,
            source: format!("https://crates.io/crates/{}", package.name),
            texts,
        });
    }
    Ok(packages)
}

/// What this machine's programs are built for.
fn target(project: &Project) -> Result<String, Failure> {
    let about = program("rustc", &project.root).arg("-vV").capture()?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::new("`rustc -vV` names no host"))
}

/// The text of a licence that a package names without holding it.
fn text_of(licence: &str, name: &str, authors: &[String]) -> Result<String, Failure> {
    let names: BTreeSet<&str> =
        licence.split(|c: char| c.is_whitespace() || "/()".contains(c)).collect();
    let offers = |wanted: &str| names.contains(wanted) && !names.contains("AND");
    if offers("Apache-2.0") {
        return Ok(APACHE.to_owned());
    }
    if !offers("MIT") {
        return Err(Failure::new(format!(
            "{name} is under {licence} and holds no text of it; add the text to xtask/src/notices.rs"
        )));
    }
    let by = if authors.is_empty() { String::new() } else { format!(": {}", authors.join(", ")) };
    let (_, terms) = MIT.split_once("\n\n").unwrap_or_default();
    Ok(format!("Copyright (c) the authors of {name}{by}\n\n{terms}"))
}

/// The licence texts in a package's folder, in the order of their paths.
fn texts_below(folder: &Path) -> Result<Vec<String>, Failure> {
    let mut files = Vec::new();
    find(folder, 0, &mut files).map_err(|error| cannot_be_read(folder, &error))?;
    files.sort();
    let read = |file: &PathBuf| {
        let bytes = std::fs::read(file).map_err(|error| cannot_be_read(file, &error))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    files.iter().map(read).collect()
}

fn find(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < DEPTH_MAX && !UNBUILT.contains(&name.as_str()) {
            find(&entry.path(), depth + 1, files)?;
        } else if kind.is_file() && holds_a_licence(&name) {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Whether a file of that name, in lower case, holds a licence or a notice; code may be called so, too.
fn holds_a_licence(name: &str) -> bool {
    let is_code = [".rs", ".py", ".c", ".h"].iter().any(|end| name.ends_with(end));
    !is_code && NAMES.iter().any(|begin| name.starts_with(begin))
}

fn cannot_be_read(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be read: {error}", path.display()))
}

/// The list of the packages, and each text once with the packages that it is of.
fn rendered(packages: &[Linked]) -> String {
    let mut out = String::from(
        "Third-party notices\n\nThe program `verifier` holds the code of the packages below, under the licences beside \
         them. The texts follow.\n\n",
    );
    let mut owners = BTreeMap::<String, Vec<String>>::new();
    let mut order = Vec::new();
    for Linked { name, version, licence, source, texts } in packages {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{name} {version}: {licence} ({source})");
        for text in texts {
            let text = trimmed(text);
            let of = owners.entry(text.clone()).or_default();
            if of.is_empty() {
                order.push(text);
            }
            let owner = format!("{name} {version}");
            if of.last() != Some(&owner) {
                of.push(owner);
            }
        }
    }
    for text in order {
        let of = owners.remove(&text).unwrap_or_default().join(", ");
        let _ = write!(out, "\n{}\n{of}\n\n{text}\n", "=".repeat(80));
    }
    out
}

/// A text with the line ends and margins of one file, so that copies of it are found to be the same.
fn trimmed(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, texts: &[&str]) -> Linked {
        Linked {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: "MIT".to_owned(),
            source: "there".to_owned(),
            texts: texts.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn each_text_is_there_once_with_all_that_it_is_of() {
        let text = rendered(&[
            package("a", &["terms\n"]),
            package("b", &["others", "terms  \r\n"]),
            package("c", &["\nterms"]),
        ]);
        for name in ["a", "b", "c"] {
            assert!(text.contains(&format!("\n{name} 1.0.0: MIT (there)\n")), "{text}");
        }
        assert_eq!(text.matches("\nterms\n").count(), 1, "{text}");
        assert!(text.contains("\na 1.0.0, b 1.0.0, c 1.0.0\n\nterms\n"), "{text}");
        assert!(text.contains("\nb 1.0.0\n\nothers\n"), "{text}");
    }

    #[test]
    fn a_package_without_a_text_gets_that_of_the_licence_it_names() {
        let authors = ["A. Uthor".to_owned()];
        let mit = text_of("MIT", "simd", &authors).unwrap();
        assert!(
            mit.starts_with("Copyright (c) the authors of simd: A. Uthor\n\nPermission"),
            "{mit}"
        );
        assert!(!mit.contains("The verifier authors"), "{mit}");
        for either in ["Apache-2.0", "MIT OR Apache-2.0", "MIT/Apache-2.0"] {
            assert_eq!(text_of(either, "simd", &authors).unwrap(), APACHE);
        }
        // What asks for both, or for one that is not here, is not answered with half of it.
        for other in ["BSD-3-Clause", "MIT AND BSD-3-Clause", ""] {
            let failure = text_of(other, "simd", &authors).unwrap_err();
            assert!(failure.to_string().contains("simd"), "{failure}");
        }
    }

    #[test]
    fn licences_and_notices_are_found_by_name_and_code_is_not() {
        for name in ["license", "license-mit", "licence.txt", "copying", "notice", "copyright.md"] {
            assert!(holds_a_licence(name), "{name}");
        }
        for name in ["licenses.rs", "readme.md", "notice.c", "lib.rs", "relicense"] {
            assert!(!holds_a_licence(name), "{name}");
        }
    }

    #[test]
    fn every_package_that_is_linked_is_listed_with_a_text_and_always_alike() {
        let project = Project::find().unwrap();
        let text = notices(&project).unwrap();
        assert_eq!(text, notices(&project).unwrap());
        let tree = cargo(&project)
            .args(["tree", "--locked", "--package", RELEASED, "--edges", "normal"])
            .args(["--prefix", "none", "--format", "{p}|{l}"])
            .capture()
            .unwrap();
        let mut looked_at = 0;
        for line in tree.lines() {
            let (package, licence) = line.split_once('|').unwrap();
            let mut words = package.split_whitespace();
            let (name, version) = (words.next().unwrap(), words.next().unwrap());
            // Our own packages have a folder behind their versions.
            if words.any(|word| word.starts_with("(/")) {
                continue;
            }
            let version = version.trim_start_matches('v');
            let licence = licence.trim_end_matches(" (*)");
            let listed =
                format!("\n{name} {version}: {licence} (https://crates.io/crates/{name})\n");
            assert!(text.contains(&listed), "{name} {version} is not listed");
            let owner = format!("{name} {version}");
            let has_text = text.split(&"=".repeat(80)).skip(1).any(|part| {
                let owners = part.trim_start().lines().next().unwrap_or_default();
                owners.split(", ").any(|each| each == owner)
            });
            assert!(has_text, "{owner} has no licence text");
            looked_at += 1;
        }
        assert!(looked_at > 100, "{looked_at}");
    }
}
