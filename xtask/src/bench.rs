//! `cargo xtask bench`: whole processes, timed from outside.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::{cargo, root, run};
use crate::say;

/// Times `verifier check --local` in release, after one run that is not counted.
pub(crate) fn check(times: usize) -> Result<(), String> {
    run(cargo().args(["build", "--release", "--locked"]))?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let folder = target.join("release");
    let once = || -> Result<Duration, String> {
        let started = Instant::now();
        let status = Command::new(folder.join("verifier"))
            .current_dir(root())
            .args(["check", "--local", "--functions"])
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(|error| format!("the verifier does not start: {error}"))?;
        if status.success() {
            Ok(started.elapsed())
        } else {
            Err(format!("a check ended with {status}"))
        }
    };
    once()?;
    let mut taken = (0..times).map(|_| once()).collect::<Result<Vec<_>, _>>()?;
    taken.sort();
    let at = |index: usize| taken.get(index).map_or(0.0, Duration::as_secs_f64);
    say(&format!(
        "verifier check --local, {times} runs: min {:.3} s, median {:.3} s, max {:.3} s\n",
        at(0),
        at(times / 2),
        at(times - 1)
    ));
    Ok(())
}
