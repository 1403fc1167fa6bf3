//! `cargo xtask conformance`: whether the emulator, and others, behave as AWS does.

use std::io::Write;
use std::process::Command;

use crate::build;
use crate::command::{Run, program};
use crate::failure::Failure;
use crate::moto;
use crate::project::Project;
use crate::server::Server;

/// What moto is known to do differently.
const KNOWN_MOTO: &str = "verifier/conformance/known/moto.json";

/// Runs every case on the emulator and on moto, and on the endpoint that the environment names, and prints what came of
/// them side by side. `options` are those of the program itself.
pub(crate) fn compare(
    project: &Project,
    options: &[String],
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let moto = moto::start(project)?;
    let mut command = command(project, &moto)?;
    out.flush()?;
    command.args(options).run()
}

/// The step of the tests: the emulator passes every case, and moto is as it is known to be.
pub(crate) fn check(project: &Project, out: &mut dyn Write) -> Result<(), Failure> {
    let moto = moto::start(project)?;
    let mut command = command(project, &moto)?;
    out.flush()?;
    command.arg("--known").arg(format!("moto={KNOWN_MOTO}")).arg("--quiet");
    // No test goes to an endpoint outside of this machine.
    command.env_remove("VERIFIER_CONFORMANCE_ENDPOINT").run()
}

fn command(project: &Project, moto: &Server) -> Result<Command, Failure> {
    let conformance = build::program(project, "verifier-conformance")?;
    let mut command = program(conformance, &project.root);
    command.arg("--local").arg(format!("moto={}", moto.url));
    Ok(command)
}
