//! `cargo xtask bench`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::bench_gate::{self, median};
use crate::command::{Run, program};
use crate::failure::Failure;
use crate::project::Project;
use crate::project::cargo;

/// Builds in release and times whole processes of `verifier check --local`.
///
/// Once as people call it, when it has cargo make sure that the functions are built, and once with `--functions`, when
/// nothing but the check itself takes time.
pub(crate) fn check(project: &Project, runs: usize, out: &mut dyn Write) -> Result<(), Failure> {
    cargo(project).args(["build", "--release"]).run()?;
    let folder = project.target()?.join("release");
    let verifier = folder.join("verifier");
    let plain = || command(project, &verifier);
    let given = || {
        let mut command = command(project, &verifier);
        command.arg("--functions").arg(&folder);
        command
    };
    writeln!(
        out,
        "{:<46} {:>6} {:>10} {:>10} {:>10}",
        "wall time of a process, in ms", "runs", "median", "min", "max"
    )?;
    row("verifier check --local", times(plain, runs)?, out)?;
    row("verifier check --local --functions DIR", times(given, runs)?, out)?;
    let version = || {
        let mut command = program(&verifier, &project.root);
        command.arg("--version").stdout(Stdio::null());
        command
    };
    row("verifier --version", times(version, runs)?, out)?;
    bench_gate::compare(project, &verifier, runs, out)
}

fn command(project: &Project, verifier: &Path) -> Command {
    let mut command = program(verifier, &project.root);
    command.args(["check", "--local"]).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn times(command: impl Fn() -> Command, runs: usize) -> Result<Vec<Duration>, Failure> {
    // The first run reads binaries from the disk, which is not what is measured.
    command().run()?;
    (0..runs)
        .map(|_| {
            let started = Instant::now();
            command().run()?;
            Ok(started.elapsed())
        })
        .collect()
}

fn row(name: &str, mut times: Vec<Duration>, out: &mut dyn Write) -> Result<(), Failure> {
    times.sort_unstable();
    let (Some(min), Some(max)) = (times.first(), times.last()) else {
        return Err(Failure::new("nothing was timed"));
    };
    let millis = |duration: Duration| format!("{:.1}", duration.as_secs_f64() * 1000.0);
    let (median, min, max) = (millis(median(&times)), millis(*min), millis(*max));
    Ok(writeln!(out, "{name:<46} {:>6} {median:>10} {min:>10} {max:>10}", times.len())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(values: &[u64]) -> Vec<Duration> {
        values.iter().copied().map(Duration::from_millis).collect()
    }

    #[test]
    fn the_median_is_in_the_middle() {
        for (values, expected) in
            [(vec![7], 7), (vec![1, 3], 2), (vec![1, 2, 30], 2), (vec![1, 2, 4, 50], 3)]
        {
            assert_eq!(median(&millis(&values)), Duration::from_millis(expected), "{values:?}");
        }
        assert_eq!(median(&[]), Duration::ZERO);
    }

    #[test]
    fn a_row_has_count_median_min_and_max() {
        let mut out = Vec::new();
        row("it", millis(&[30, 10, 11]), &mut out).unwrap();
        let words: Vec<String> =
            String::from_utf8(out).unwrap().split_whitespace().map(str::to_owned).collect();
        assert_eq!(words, ["it", "3", "11.0", "10.0", "30.0"]);
    }

    #[test]
    fn every_run_is_timed_and_a_failure_ends_it() {
        let here = Path::new(".");
        assert_eq!(times(|| program("true", here), 3).unwrap().len(), 3);
        assert!(times(|| program("false", here), 3).is_err());
    }
}
