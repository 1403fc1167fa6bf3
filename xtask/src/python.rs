//! Programs from the Python package index, each with its packages in a virtual environment below the target folder.

use std::path::{Path, PathBuf};

use crate::command::{Run, program};
use crate::failure::Failure;
use crate::project::Project;
use crate::version::Prerequisite;

const PYTHON: Prerequisite = Prerequisite {
    program: "python3",
    oldest: (3, 10),
    needed_for: "the AWS CLI, with which the documentation's examples are run, moto, linters, and cargo-lambda",
    install: "install it with `apt-get install python3 python3-venv`",
};

/// A program and the packages that it needs.
struct Requirements {
    /// The file that names every package with its version, so that nothing changes unless it does.
    file: &'static str,
    /// The folder of the environment, below the target folder.
    environment: &'static str,
    /// The program in its `bin`.
    program: &'static str,
}

const AWSCLI: Requirements =
    Requirements { file: "xtask/awscli-requirements.txt", environment: "venv", program: "aws" };

const MOTO: Requirements = Requirements {
    file: "xtask/moto-requirements.txt",
    environment: "venv-moto",
    program: "moto_server",
};

const LINTERS: Requirements = Requirements {
    file: "xtask/lint-requirements.txt",
    environment: "venv-lint",
    program: "zizmor",
};

const CARGO_LAMBDA: Requirements = Requirements {
    file: "xtask/cargo-lambda-requirements.txt",
    environment: "venv-lambda",
    program: "cargo-lambda",
};

/// Installs cargo-lambda and its linker if they are not there yet, and returns its path.
pub(crate) fn cargo_lambda(project: &Project) -> Result<PathBuf, Failure> {
    install(project, &CARGO_LAMBDA)
}

/// Installs the AWS CLI if it is not there yet, and returns its path.
pub(crate) fn aws(project: &Project) -> Result<PathBuf, Failure> {
    install(project, &AWSCLI)
}

/// Installs the linters if they are not there yet, and returns the folder of their programs.
pub(crate) fn linters(project: &Project) -> Result<PathBuf, Failure> {
    let one = install(project, &LINTERS)?;
    Ok(one.parent().map(Path::to_path_buf).unwrap_or_default())
}

/// Installs moto's server if it is not there yet, and returns its path.
pub(crate) fn moto_server(project: &Project) -> Result<PathBuf, Failure> {
    install(project, &MOTO)
}

/// Installs moto if it is not there yet, and returns the Python that has it and the AWS SDK.
pub(crate) fn with_sdk(project: &Project) -> Result<PathBuf, Failure> {
    Ok(install(project, &MOTO)?.with_file_name("python"))
}

fn install(project: &Project, wanted: &Requirements) -> Result<PathBuf, Failure> {
    let environment = project.target()?.join(wanted.environment);
    let installed_program = environment.join("bin").join(wanted.program);
    let requirements = project.root.join(wanted.file);
    // The copy is made last, so it stands only where everything before it succeeded.
    let installed = environment.join("installed-requirements.txt");
    if installed_program.is_file() && same(&requirements, &installed) {
        return Ok(installed_program);
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
    let options = ["install", "--quiet", "--disable-pip-version-check", "--no-deps"];
    program(environment.join("bin/python"), &project.root)
        .args(["-m", "pip"])
        .args(options)
        .arg("--requirement")
        .arg(&requirements)
        .run()?;
    std::fs::copy(&requirements, &installed).map_err(|error| {
        Failure::new(format!("{} cannot be written: {error}", installed.display()))
    })?;
    Ok(installed_program)
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
        let root = Project::find().unwrap().root;
        for (wanted, package) in [
            (AWSCLI, "awscli=="),
            (MOTO, "moto=="),
            (LINTERS, "zizmor=="),
            (CARGO_LAMBDA, "cargo-lambda=="),
        ] {
            let requirements = std::fs::read_to_string(root.join(wanted.file)).unwrap();
            let lines: Vec<&str> =
                requirements.lines().filter(|line| !line.starts_with('#')).collect();
            assert!(lines.iter().any(|line| line.starts_with(package)));
            for line in lines {
                assert!(
                    line.split_once("==").is_some_and(|(_, version)| !version.is_empty()),
                    "{line}"
                );
            }
        }
    }

    #[test]
    fn environments_do_not_share_a_folder() {
        let folders = [AWSCLI, MOTO, LINTERS, CARGO_LAMBDA].map(|wanted| wanted.environment);
        assert_eq!(folders.iter().collect::<std::collections::BTreeSet<_>>().len(), folders.len());
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
