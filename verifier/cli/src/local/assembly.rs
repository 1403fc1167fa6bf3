//! What CDK synthesises: a folder with several stacks.
//!
//! Source: <https://docs.aws.amazon.com/cdk/v2/guide/deploy.html>, "cloud assembly"; the format is that of
//! `@aws-cdk/cloud-assembly-schema`.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;
use verifier_emulator::{OfAnother, Trust};

use crate::shell::failure::Failure;
use crate::shell::files;

/// What CDK writes of what is in the folder.
const MANIFEST: &str = "manifest.json";
/// How deep assemblies may be in others: a stage of a pipeline is one.
const DEPTH_MAX: usize = 5;

/// A stack in such a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Synthesised {
    /// The stack's name on AWS.
    name: String,
    /// By what else CDK calls it: its path in the app, and its id.
    others: Vec<String>,
    template: PathBuf,
}

/// The template that is meant by a file or a folder, and the name of the stack where that says it.
pub(crate) fn template(
    path: &Path,
    stack: Option<&str>,
) -> Result<(PathBuf, Option<String>), Failure> {
    if !path.is_dir() {
        return match stack {
            None => Ok((path.to_owned(), None)),
            Some(_) => Err(Failure {
                next: Some("leave --stack out, or name the folder with --template".to_owned()),
                ..Failure::usage(
                    "with --local, --stack chooses among the stacks of CDK's folder, and the template is a file",
                )
            }),
        };
    }
    let stacks = stacks(path, 0, &Trust::of(&[path]))?;
    let chosen = choose(&stacks, stack).map_err(|problem| {
        let names: Vec<&str> = stacks.iter().map(|stack| stack.name.as_str()).collect();
        Failure {
            next: Some(match names.as_slice() {
                [] => "synthesise it again with `cdk synth`".to_owned(),
                names => format!("name one with --stack: {}", names.join(", ")),
            }),
            ..Failure::usage(format!("{} {problem}", path.display()))
        }
    })?;
    Trust::of(&[path])
        .check(&chosen.template, path)
        .map_err(|of_another| not_counted(&of_another))?;
    Ok((chosen.template.clone(), Some(chosen.name.clone())))
}

/// That something in a folder that was named is another user's.
fn not_counted(of_another: &OfAnother) -> Failure {
    Failure {
        next: Some(
            "have CDK synthesise into a folder that others cannot put anything into".to_owned(),
        ),
        ..Failure::usage(of_another.to_string())
    }
}

/// The stack that is meant: the one of that name, or the only one.
fn choose<'s>(stacks: &'s [Synthesised], name: Option<&str>) -> Result<&'s Synthesised, String> {
    let is_it = |stack: &&Synthesised| {
        name.is_none_or(|name| stack.name == name || stack.others.iter().any(|other| other == name))
    };
    let mut found = stacks.iter().filter(is_it);
    match (found.next(), found.next(), name) {
        (Some(only), None, _) => Ok(only),
        (None, _, None) => Err("has no stack".to_owned()),
        (None, _, Some(name)) => Err(format!("has no stack {name}")),
        (Some(_), Some(_), None) => Err(format!("has {} stacks", stacks.len())),
        (Some(_), Some(_), Some(name)) => Err(format!("has more than one stack {name}")),
    }
}

/// The stacks of a folder, those of its stages included.
fn stacks(folder: &Path, depth: usize, trust: &Trust) -> Result<Vec<Synthesised>, Failure> {
    let path = folder.join(MANIFEST);
    trust.check(&path, folder).map_err(|of_another| not_counted(&of_another))?;
    let bad = |problem: String| {
        Failure::usage(format!(
            "{} is no folder of CDK's, whose {MANIFEST} says what is in it: {problem}",
            folder.display()
        ))
    };
    let text = files::read_text(&path).map_err(|error| bad(error.to_string()))?;
    let manifest: Value = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
    let mut found = of_manifest(folder, &manifest);
    if depth < DEPTH_MAX {
        for inner in assemblies_of(&manifest) {
            let inner = folder.join(inner);
            trust.check(&inner, folder).map_err(|of_another| not_counted(&of_another))?;
            found.extend(stacks(&inner, depth + 1, trust)?);
        }
    }
    Ok(found)
}

fn artifacts<'m>(
    manifest: &'m Value,
    kind: &'m str,
) -> impl Iterator<Item = (&'m String, &'m Value)> {
    let all = manifest.get("artifacts").and_then(Value::as_object);
    all.into_iter().flatten().filter(move |(_, artifact)| artifact["type"] == kind)
}

fn of_manifest(folder: &Path, manifest: &Value) -> Vec<Synthesised> {
    let stacks = artifacts(manifest, "aws:cloudformation:stack").filter_map(|(id, artifact)| {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let properties = &artifact["properties"];
        let template = folder.join(properties["templateFile"].as_str().filter(is_inside)?);
        let name = text(&properties["stackName"]).unwrap_or_else(|| id.clone());
        let others = text(&artifact["displayName"]).into_iter().chain([id.clone()]).collect();
        Some(Synthesised { name, others, template })
    });
    stacks.collect()
}

/// Whether a path leads to nothing outside of its folder, by its parts.
fn is_inside(path: &&str) -> bool {
    Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

fn assemblies_of(manifest: &Value) -> impl Iterator<Item = &str> {
    artifacts(manifest, "cdk:cloud-assembly")
        .filter_map(|(_, artifact)| artifact["properties"]["directoryName"].as_str())
        .filter(is_inside)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stack(file: &str, name: Option<&str>, display: &str) -> Value {
        let mut properties = json!({"templateFile": file});
        if let Some(name) = name {
            properties["stackName"] = json!(name);
        }
        json!({"type": "aws:cloudformation:stack", "properties": properties, "displayName": display})
    }

    /// A folder with a stack, and a stage with another.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let manifest = json!({"artifacts": {
            "Api": stack("Api.template.json", None, "Api"),
            "Api.assets": {"type": "cdk:asset-manifest", "properties": {"file": "Api.assets.json"}},
            "assembly-Test": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Test"}},
        }});
        std::fs::write(folder.path().join(MANIFEST), manifest.to_string()).unwrap();
        let inner = folder.path().join("assembly-Test");
        std::fs::create_dir(&inner).unwrap();
        let manifest = json!({"artifacts": {
            "TestJobs1234": stack("TestJobs1234.template.json", Some("Test-Jobs"), "Test/Jobs"),
        }});
        std::fs::write(inner.join(MANIFEST), manifest.to_string()).unwrap();
        folder
    }

    #[test]
    fn a_stack_is_found_by_each_of_its_names_in_stages_too() {
        let folder = folder();
        for (name, file) in [
            ("Api", "Api.template.json"),
            ("Test-Jobs", "assembly-Test/TestJobs1234.template.json"),
            ("Test/Jobs", "assembly-Test/TestJobs1234.template.json"),
            ("TestJobs1234", "assembly-Test/TestJobs1234.template.json"),
        ] {
            let (path, _) = template(folder.path(), Some(name)).unwrap();
            assert_eq!(path, folder.path().join(file), "{name}");
        }
        let (_, name) = template(folder.path(), Some("Test/Jobs")).unwrap();
        assert_eq!(name.as_deref(), Some("Test-Jobs"));
    }

    #[test]
    fn what_is_not_clear_is_asked_for() {
        let folder = folder();
        for (name, words) in [(None, "has 2 stacks"), (Some("Nope"), "has no stack Nope")] {
            let refused = template(folder.path(), name).unwrap_err();
            assert!(refused.to_string().contains(words), "{refused}");
            assert!(refused.next.unwrap().contains("Api, Test-Jobs"));
        }
        let empty = tempfile::tempdir().unwrap();
        assert!(template(empty.path(), None).unwrap_err().to_string().contains("is no folder of"));
        let file = folder.path().join("Api.template.json");
        assert_eq!(template(&file, None).unwrap(), (file.clone(), None));
        assert!(template(&file, Some("Api")).is_err());
    }
}
