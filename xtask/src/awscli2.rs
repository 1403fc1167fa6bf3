//! Version 2 of the AWS CLI, which the tutorial's commands are for: the machine's own, or Debian's. The Python package
//! index has version 1 alone.

use std::io::Write;
use std::path::PathBuf;

use crate::command::program;
use crate::debian;
use crate::failure::Failure;
use crate::project::Project;

/// Where it may be: version 1 comes first on the PATH of some machines.
const PLACES: [&str; 3] = ["aws", "/usr/local/bin/aws", "/usr/bin/aws"];

/// Finds it, or installs it from Debian where this process may; none, which is said, on other systems.
pub(crate) fn find_or_install(
    project: &Project,
    out: &mut dyn Write,
) -> Result<Option<PathBuf>, Failure> {
    if let Some(found) = found(project) {
        return Ok(Some(found));
    }
    if !debian::is_here() {
        writeln!(out, "skipped: there is no AWS CLI 2, for which the tutorial's commands are")?;
        return Ok(None);
    }
    let needed = "the AWS CLI 2 is needed for the tutorial's commands";
    debian::install(project, &["awscli"], needed, out)?;
    // Releases of before 2023 have version 1 in the same package.
    let found = found(project);
    if found.is_none() {
        writeln!(out, "skipped: this system's package awscli is not version 2")?;
    }
    Ok(found)
}

fn found(project: &Project) -> Option<PathBuf> {
    let is_version_2 = |place: &&str| {
        let version = program(place, &project.root).arg("--version").output();
        version.is_ok_and(|output| is_it(&String::from_utf8_lossy(&output.stdout)))
    };
    PLACES.into_iter().find(is_version_2).map(PathBuf::from)
}

fn is_it(version: &str) -> bool {
    version.starts_with("aws-cli/2.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_version_2_is_taken() {
        assert!(is_it("aws-cli/2.9.19 Python/3.11.2 Linux/6.1 source/x86_64.debian.12 prompt/off"));
        assert!(!is_it("aws-cli/1.46.2 Python/3.11.7 Linux/6.1 botocore/1.43.2"));
        assert!(!is_it(""));
    }
}
