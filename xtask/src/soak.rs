//! `cargo xtask soak`: the rare and long cases, which the tests try a few of.

use std::io::Write;

use crate::command::{Run, cargo};
use crate::failure::Failure;
use crate::project::Project;

/// How many sequences of operations are compared with the model.
pub(crate) const SEQUENCES: usize = 2_000;
/// How many malformed requests and templates of each kind are tried for each sequence.
const MALFORMED_PER_SEQUENCE: usize = 5;

/// How often a sound stack is checked.
pub(crate) const CHECKS: usize = 200;

/// A sound stack under whatever AWS may do within its bounds.
pub(crate) fn check(project: &Project, runs: usize) -> Result<(), Failure> {
    // The functions that the stack is made of.
    cargo(project).arg("build").run()?;
    cargo(project)
        .args(["test", "--package", "verifier", "--test", "check_sound"])
        .env("VERIFIER_SOUND_RUNS", runs.to_string())
        .run()
}

/// At how many points a redrive is killed.
pub(crate) const KILLS: usize = 1_000;

/// A redrive that is killed and taken up again.
pub(crate) fn redrive_kill(project: &Project, points: usize) -> Result<(), Failure> {
    cargo(project).arg("build").run()?;
    cargo(project)
        .args(["test", "--package", "verifier", "--test", "redrive", "kill::"])
        .env("VERIFIER_KILL_POINTS", points.to_string())
        .run()
}

/// The mutation matrix of `verifier check`, printed while it runs.
pub(crate) fn matrix(project: &Project) -> Result<(), Failure> {
    // The functions that the stacks are made of.
    cargo(project).arg("build").run()?;
    let test = ["test", "--package", "verifier", "--test", "matrix"];
    cargo(project).args(test).args(["--", "--nocapture", "every_mutant"]).run()
}

/// The emulator under random operations and malformed requests.
pub(crate) fn emulator(
    project: &Project,
    sequences: usize,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let malformed = sequences * MALFORMED_PER_SEQUENCE;
    writeln!(
        out,
        "{sequences} sequences of operations, {malformed} malformed requests of each kind"
    )?;
    out.flush()?;
    cargo(project)
        .args(["test", "--package", "verifier-emulator"])
        .args(["--test", "state_machine", "--test", "malformed"])
        .env("VERIFIER_STATE_MACHINE_CASES", sequences.to_string())
        .env("VERIFIER_MALFORMED_CASES", malformed.to_string())
        .run()
}
