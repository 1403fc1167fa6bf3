//! Proving what `verifier chaos` is proved by: `cargo xtask mutants`, `bench sim` and `soak chaos`.

use crate::build;
use crate::command::Run;
use crate::failure::Failure;
use crate::project::Project;
use crate::project::cargo;

/// A seeded bug for each anomaly: how many schedules it takes to find it, and how small it gets.
pub(crate) fn mutants(project: &Project) -> Result<(), Failure> {
    cargo(project)
        .args(["test", "--quiet", "--package", "verifier-chaos", "--lib", "every_seeded_bug"])
        .args(["--", "--nocapture"])
        .run()
}

/// Schedules a second, and histories of a million operations.
pub(crate) fn bench(project: &Project) -> Result<(), Failure> {
    cargo(project)
        .args(["run", "--quiet", "--release", "--package", "verifier-simulator"])
        .args(["--example", "bench"])
        .run()
}

/// Sound code under random schedules.
pub(crate) fn soak(project: &Project, seeds: usize) -> Result<(), Failure> {
    cargo(project)
        .args(["test", "--release", "--package", "verifier-simulator", "--test", "real_functions"])
        .args(["sound_code", "--", "--nocapture"])
        .env("VERIFIER_CHAOS_SEEDS", seeds.to_string())
        .run()
}

/// The same schedules in the simulator and on the stack on this machine.
pub(crate) fn targets(project: &Project, schedules: usize) -> Result<(), Failure> {
    build::tests(project, &["chaos_targets"])?
        .args(["end_every_job_alike", "--", "--nocapture"])
        .env("VERIFIER_CHAOS_SCHEDULES", schedules.to_string())
        .run()
}
