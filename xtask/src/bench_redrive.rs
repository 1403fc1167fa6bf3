//! `cargo xtask bench redrive`.

use std::io::Write;

use crate::bench_gate;
use crate::command::{Run, program};
use crate::failure::Failure;
use crate::project::Project;
use crate::project::cargo;
use crate::python;

/// Builds in release, brings an emulator up with the wall's clock, and times a redrive beside what people do instead.
pub(crate) fn run(project: &Project, many: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let python = python::with_sdk(project)?;
    cargo(project).args(["build", "--release"]).run()?;
    let target = project.target()?;
    let verifier = target.join("release/verifier");
    let local = bench_gate::start(project, &verifier, &target.join("bench"))?;
    out.flush()?;
    let mut command = program(&python, &project.root);
    command.arg("verifier/bench/redrive.py").arg(&verifier);
    for (name, value) in local.environment() {
        command.env(name, value);
    }
    for (name, value) in local.outputs() {
        command.env(name, value);
    }
    if many {
        command.arg("--many");
    }
    command.run()
}
