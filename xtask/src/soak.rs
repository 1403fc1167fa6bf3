//! `cargo xtask soak`: the rare and long cases, which the tests try a few of.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::args::Matrix;
use crate::build;
use crate::command::Run;
use crate::failure::Failure;
use crate::project::Project;

/// How many malformed requests and templates of each kind are tried for each sequence.
const MALFORMED_PER_SEQUENCE: usize = 5;

/// How many seeds the matrix begins with.
const SEEDS: u64 = 1_000_000;

/// A sound stack under whatever AWS may do within its bounds.
pub(crate) fn check(project: &Project, runs: usize) -> Result<(), Failure> {
    build::tests(project, &["check_sound"])?.env("VERIFIER_SOUND_RUNS", runs.to_string()).run()
}

/// How many workers are drawn for the simulator for each that is run as a process.
const DRAWN_PER_PROCESS: usize = 500;

/// Workers that are drawn, and the account of what they did.
pub(crate) fn workers(project: &Project, cases: usize) -> Result<(), Failure> {
    build::tests(project, &["account_properties"])?
        .env("PROPTEST_CASES", cases.to_string())
        .run()?;
    build::tests(project, &["matrix"])?
        .args(["--quiet", "--", "--nocapture", "drawn::"])
        .env("VERIFIER_DRAWS", cases.div_ceil(DRAWN_PER_PROCESS).to_string())
        .run()
}

/// A redrive that is killed and taken up again.
pub(crate) fn redrive_kill(project: &Project, points: usize) -> Result<(), Failure> {
    build::tests(project, &["redrive"])?
        .args(["--", "kill::", "kill_kinds::"])
        .env("VERIFIER_KILL_POINTS", points.to_string())
        .run()
}

/// The mutation matrix of `verifier check`, printed while it runs.
pub(crate) fn matrix(project: &Project, asked: &Matrix) -> Result<(), Failure> {
    let seed = asked.seed.unwrap_or_else(seed_of_now);
    build::tests(project, &["matrix"])?
        .args(["--quiet", "--", "--nocapture", "every_row"])
        .env("VERIFIER_MATRIX_ALL", "1")
        .env("VERIFIER_MATRIX_RUNS", asked.runs.unwrap_or_default().to_string())
        .env("VERIFIER_MATRIX_SEED", seed.to_string())
        .env("VERIFIER_MATRIX_NAMES", asked.names.join("\n"))
        .run()
}

/// Another seed each second: it is printed, so that a run can be repeated.
fn seed_of_now() -> usize {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    usize::try_from(since.as_secs() % SEEDS).unwrap_or_default()
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
    build::tests(project, &["state_machine", "malformed"])?
        .env("VERIFIER_STATE_MACHINE_CASES", sequences.to_string())
        .env("VERIFIER_MALFORMED_CASES", malformed.to_string())
        .run()
}
