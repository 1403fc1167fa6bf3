//! `cargo xtask bench lambdas`.

use std::io::Write;

use crate::architecture::Architecture;
use crate::command::{Run, program};
use crate::failure::Failure;
use crate::npm::NODE;
use crate::package;
use crate::project::Project;
use crate::project::cargo;

/// Packs the functions for this machine, prints their sizes, and measures how they start beside the same in Node.
pub(crate) fn run(project: &Project, runs: usize, out: &mut dyn Write) -> Result<(), Failure> {
    NODE.require()?;
    let architecture = Architecture::of_this_machine().ok_or_else(|| {
        Failure::new(format!(
            "AWS Lambda has no {}, so nothing can be measured",
            std::env::consts::ARCH
        ))
    })?;
    let programs = package::run(project, architecture, out)?;
    cargo(project).args(["build", "--release", "--package", "verifier-conformance"]).run()?;
    writeln!(out)?;
    out.flush()?;
    program(project.target()?.join("release/verifier-bench"), &project.root)
        .args(["functions", "--native"])
        .arg(programs)
        .args(["--node", "verifier/bench/functions", "--runs", &runs.to_string()])
        .run()
}
