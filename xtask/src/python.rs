//! The AWS CLI, in a virtual environment below the target folder.

use std::path::{Path, PathBuf};

use crate::command::{Run, program};
use crate::failure::Failure;
use crate::project::Project;
use crate::version::Prerequisite;

const PYTHON: Prerequisite = Prerequisite {
    program: "python3",
    oldest: (3, 10),
    needed_for: "the AWS CLI, with which the documentation's examples are run",
    install: "install it with `apt-get install python3 python3-venv`",
};

/// What is installed: every package with its version, so that nothing changes unless this file does.
const REQUIREMENTS: &str = "xtask/awscli-requirements.txt";

/// Installs the AWS CLI if it is not there yet, and returns its path.
pub(crate) fn aws(project: &Project) -> Result<PathBuf, Failure> {
    let environment = project.target()?.join("venv");
    let aws = environment.join("bin/aws");
    let requirements = project.root.join(REQUIREMENTS);
    // The copy is made last, so it stands only where everything before it succeeded.
    let installed = environment.join("installed-requirements.txt");
    if aws.is_file() && same(&requirements, &installed) {
        return Ok(aws);
    }
    PYTHON.require()?;
    program("python3", &project.root)
        .args(["-m", "venv", "--clear"])
        .arg(&environment)
        .run()
        .map_err(|failure| {
            Failure::new(format!(
                "{failure}; on Debian, the module venv is had with `apt-get install python3-venv`"
            ))
        })?;
    program(environment.join("bin/python"), &project.root)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--requirement",
        ])
        .arg(&requirements)
        .run()?;
    std::fs::copy(&requirements, &installed).map_err(|error| {
        Failure::new(format!("{} cannot be written: {error}", installed.display()))
    })?;
    Ok(aws)
}

fn same(one: &Path, other: &Path) -> bool {
    match (std::fs::read(one), std::fs::read(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_is_pinned() {
        let requirements =
            std::fs::read_to_string(Project::find().unwrap().root.join(REQUIREMENTS)).unwrap();
        let lines: Vec<&str> = requirements.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.iter().any(|line| line.starts_with("awscli==")));
        for line in lines {
            assert!(
                line.split_once("==").is_some_and(|(_, version)| !version.is_empty()),
                "{line}"
            );
        }
    }

    #[test]
    fn files_are_the_same_when_they_have_the_same_bytes() {
        let root = Project::find().unwrap().root;
        let (one, other) = (root.join("Cargo.toml"), root.join("Cargo.lock"));
        assert!(same(&one, &one));
        assert!(!same(&one, &other));
        assert!(!same(&one, &root.join("no-such-file")));
    }
}
