//! The one build that all steps share.
//!
//! Cargo builds a package again for each set of features, and which features a library gets depends on what is built
//! with it. So everything is built in one go, with the bugs that are there on purpose, and the steps use what came of
//! it. Where a program is needed alone, it is chosen from the same workspace with the same features.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::command::Run;
use crate::failure::Failure;
use crate::project::Project;
use crate::project::cargo;

/// With the bugs that are there on purpose, README.md's tour of them is run by the tests, too.
const FEATURES: &str = "verifier/seeded-bugs";

/// What cargo compiles our own packages with, where it is set.
pub(crate) const COMPILER_VARIABLE: &str = "RUSTC_WORKSPACE_WRAPPER";
/// What `.ci/run` sets it to: it finds lints as it compiles, and what is wrong with the documentation.
const COMPILER: &str = ".ci/rustc";

/// A program that was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Executable {
    /// Its package.
    pub(crate) package: String,
    /// Its name in the package.
    pub(crate) name: String,
    /// Whether it holds tests, and runs them.
    pub(crate) is_test: bool,
    /// The folder of the package's manifest, in which tests run.
    pub(crate) folder: PathBuf,
    /// The program itself.
    pub(crate) path: PathBuf,
}

impl Executable {
    /// Both names, as its line in the table of the tests begins.
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.package, self.name)
    }
}

/// Builds everything: libraries, programs, tests and examples.
pub(crate) fn everything(project: &Project) -> Result<Vec<Executable>, Failure> {
    built(cargo(project).args(["build", "--workspace", "--all-targets"]))
}

/// Whether every build finds lints, and what is wrong with the documentation.
pub(crate) fn finds_lints(project: &Project) -> bool {
    is_finding_lints(project, std::env::var_os(COMPILER_VARIABLE).as_deref())
}

fn is_finding_lints(project: &Project, compiler: Option<&OsStr>) -> bool {
    compiler.is_some_and(|compiler| Path::new(compiler) == project.root.join(COMPILER))
}

/// Builds what is different without the bugs that are there on purpose: the program that users build, and a test.
pub(crate) fn without_bugs(project: &Project) -> Result<(), Failure> {
    cargo(project).args(["build", "--workspace", "--bin", "verifier", "--test", "chaos"]).run()
}

/// The folder of the stack's functions among what was built.
pub(crate) fn functions(executables: &[Executable]) -> Option<&Path> {
    let worker = executables.iter().find(|each| !each.is_test && each.name == "worker")?;
    worker.path.parent()
}

/// Builds a program, and returns where it is. After `everything`, nothing is left to do.
pub(crate) fn program(project: &Project, name: &str) -> Result<PathBuf, Failure> {
    let built = built(cargo(project).args(["build", "--quiet", "--workspace", "--bin", name]))?;
    let found = built.into_iter().find(|each| !each.is_test && each.name == name);
    found
        .map(|each| each.path)
        .ok_or_else(|| Failure::new(format!("cargo did not say where it put {name}")))
}

/// A command that runs the tests of the programs of those names, such as `matrix`, after it has built what they need.
pub(crate) fn tests(project: &Project, names: &[&str]) -> Result<Command, Failure> {
    built(cargo(project).args(["build", "--quiet", "--workspace", "--bins"]))?;
    let mut command = cargo(project);
    command.args(["test", "--workspace", "--features", FEATURES]);
    names.iter().fold(&mut command, |command, name| command.args(["--test", name]));
    Ok(command)
}

fn built(command: &mut Command) -> Result<Vec<Executable>, Failure> {
    command.args(["--features", FEATURES, "--message-format", "json-render-diagnostics"]);
    let messages = command.stdin(Stdio::null()).capture()?;
    Ok(messages.lines().filter_map(executable).collect())
}

/// What a message of cargo's says about a program; nothing in those about other things.
fn executable(message: &str) -> Option<Executable> {
    let message: Value = serde_json::from_str(message).ok()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let path = text(&message["executable"])?.into();
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?.to_path_buf();
    Some(Executable {
        package: package(message["package_id"].as_str()?)?.to_owned(),
        name: text(&message["target"]["name"])?,
        is_test: message["profile"]["test"].as_bool()?,
        folder,
        path,
    })
}

/// The name in a package's id, `path+file:///project/verifier/cli#verifier@0.1.0`. Where it is the folder's, it is left
/// out: `path+file:///project/xtask#0.1.0`.
///
/// Source: <https://doc.rust-lang.org/cargo/reference/pkgid-spec.html>.
fn package(id: &str) -> Option<&str> {
    let (place, version) = id.split_once('#')?;
    match version.split_once('@') {
        Some((name, _)) => Some(name),
        None => place.rsplit('/').next(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_name_of_a_package_is_in_its_id_or_its_folder() {
        for (id, expected) in [
            ("path+file:///p/verifier/cli#verifier@0.1.0", Some("verifier")),
            ("path+file:///p/xtask#0.1.0", Some("xtask")),
            ("registry+https://github.com/rust-lang/crates.io-index#regex@1.0.0", Some("regex")),
            ("xtask", None),
        ] {
            assert_eq!(package(id), expected, "{id}");
        }
    }

    #[test]
    fn only_the_compiler_of_the_ci_finds_lints() {
        let project = Project::find().unwrap();
        let ours = project.root.join(COMPILER);
        assert!(ours.is_file());
        assert!(is_finding_lints(&project, Some(ours.as_os_str())));
        for other in [None, Some(OsStr::new("sccache")), Some(OsStr::new(".ci/rustc"))] {
            assert!(!is_finding_lints(&project, other), "{other:?}");
        }
    }

    #[test]
    fn the_functions_lie_where_the_worker_does_and_not_its_tests() {
        let worker = |is_test: bool, path: &str| Executable {
            package: "worker".to_owned(),
            name: "worker".to_owned(),
            is_test,
            folder: "/p/lambdas/worker".into(),
            path: path.into(),
        };
        let tests = worker(true, "/t/debug/deps/worker-1");
        let both = [tests.clone(), worker(false, "/t/debug/worker")];
        assert_eq!(functions(&both), Some(Path::new("/t/debug")));
        assert_eq!(functions(&[tests]), None);
    }

    #[test]
    fn programs_are_found_among_cargo_s_messages() {
        let message = |executable: Value| {
            let message = json!({
                "reason": "compiler-artifact",
                "package_id": "path+file:///p/verifier/cli#verifier@0.1.0",
                "manifest_path": "/p/verifier/cli/Cargo.toml",
                "target": {"kind": ["test"], "name": "redrive"},
                "profile": {"test": true},
                "executable": executable,
            });
            message.to_string()
        };
        let found = executable(&message("/t/debug/deps/redrive-1".into())).unwrap();
        let expected = Executable {
            package: "verifier".to_owned(),
            name: "redrive".to_owned(),
            is_test: true,
            folder: "/p/verifier/cli".into(),
            path: "/t/debug/deps/redrive-1".into(),
        };
        assert_eq!(found, expected);
        assert_eq!(found.title(), "verifier redrive");
        // Libraries are none, and cargo tells other things, too.
        assert_eq!(executable(&message(Value::Null)), None);
        for other in [r#"{"reason":"build-finished","success":true}"#, "warning: …"] {
            assert_eq!(executable(other), None, "{other}");
        }
    }
}
