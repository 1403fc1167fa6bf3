//! Whether cargo would build anything twice: the features that libraries get by themselves and with the tests.

use std::collections::BTreeSet;

use crate::command::Run;
use crate::failure::Failure;
use crate::project::Project;
use crate::project::cargo;

/// The libraries that get other features from `cargo build` than from the build of the tests, each in a line.
pub(crate) fn differences(project: &Project) -> Result<Vec<String>, Failure> {
    let alone = tree(project, &["--edges", "normal,build"])?;
    let with_tests = tree(project, &["--workspace", "--edges", "normal,build,dev"])?;
    Ok(found(&alone, &with_tests))
}

/// Each package that is built, with its features; one that is built twice is there twice.
fn tree(project: &Project, arguments: &[&str]) -> Result<BTreeSet<String>, Failure> {
    let mut command = cargo(project);
    command.args(["tree", "--locked", "--prefix", "none", "--format", "{p} with {f}"]);
    let tree = command.args(arguments).capture()?;
    // What was there already ends with this.
    Ok(tree.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect())
}

fn found(alone: &BTreeSet<String>, with_tests: &BTreeSet<String>) -> Vec<String> {
    let problem = |line: &&String| {
        format!(
            "`cargo build` builds {line}, and the tests with other features; add those to xtask/Cargo.toml"
        )
    };
    alone.difference(with_tests).map(|line| problem(&line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_with_other_features_is_named() {
        let set = |lines: &[&str]| lines.iter().map(ToString::to_string).collect();
        let tests =
            set(&["regex v1.0.0 with perf,std", "syn v2.0.0 with full", "boon v0.6.1 with "]);
        assert_eq!(found(&set(&["syn v2.0.0 with full"]), &tests), [""; 0]);
        assert_eq!(
            found(&set(&["regex v1.0.0 with std", "syn v2.0.0 with full"]), &tests),
            [
                "`cargo build` builds regex v1.0.0 with std, and the tests with other features; add those to \
                 xtask/Cargo.toml"
            ]
        );
    }
}
