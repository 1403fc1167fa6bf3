//! The gate in real time's clock, beside the same done by hand with the AWS CLI.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::{Run, path_with, program};
use crate::failure::Failure;
use crate::project::Project;
use crate::python;

/// The visibility timeout of the stack that is timed: short, since time is real here.
const VISIBILITY_TIMEOUT_SECONDS: u64 = 2;
/// How often the script runs; it takes longer and varies less.
const SCRIPT_RUNS: usize = 3;
/// How long the stack may take to come up.
const READY_TIMEOUT: Duration = Duration::from_mins(1);
/// How long between two looks whether it is up.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
/// The kernel's unit of CPU time, which on Linux is the same everywhere.
const TICKS_PER_SECOND: f64 = 100.0;

/// A stack that is up for as long as this lives.
pub(crate) struct Local {
    process: Child,
    ready: Value,
}

impl Local {
    /// The variables by which programs find it.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&String, &str)> {
        let variables = self.ready["environment"].as_object().into_iter().flatten();
        variables.map(|(name, value)| (name, text(value)))
    }

    /// The stack's outputs by their names, and its own name as `STACK`.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = (&str, &str)> {
        let outputs = self.ready["outputs"].as_object().into_iter().flatten();
        let outputs = outputs.map(|(name, value)| (name.as_str(), text(value)));
        outputs.chain([("STACK", text(&self.ready["stackName"]))])
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // It reaps its functions when it ends, however that comes.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a run took.
struct Cost {
    wall: Duration,
    cpu_seconds: f64,
    calls: u64,
}

/// Times both, and prints a table.
pub(crate) fn compare(
    project: &Project,
    verifier: &Path,
    runs: usize,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let aws = python::aws(project)?;
    let folder = project.target()?.join("bench");
    let local = start(project, verifier, &folder)?;
    let limit = 3 * VISIBILITY_TIMEOUT_SECONDS;
    writeln!(
        out,
        "\nIn real time, 3 receives × {VISIBILITY_TIMEOUT_SECONDS} s, so {limit} s at least:\n{:<28} {:>5} {:>16} {:>8} {:>10}",
        "", "runs", "median wall, s", "CPU, s", "AWS calls"
    )?;
    let check = || check(project, verifier, &local);
    row("verifier check", &repeat(runs, check)?, out)?;
    let script = || script(project, &aws, &local);
    row("verifier/bench/verify.sh", &repeat(SCRIPT_RUNS, script)?, out)
}

fn repeat(runs: usize, run: impl Fn() -> Result<Cost, Failure>) -> Result<Vec<Cost>, Failure> {
    run()?;
    (0..runs).map(|_| run()).collect()
}

fn row(name: &str, costs: &[Cost], out: &mut dyn Write) -> Result<(), Failure> {
    let mut walls: Vec<Duration> = costs.iter().map(|cost| cost.wall).collect();
    walls.sort_unstable();
    let wall = median(&walls).as_secs_f64();
    let count = u32::try_from(costs.len()).unwrap_or(u32::MAX);
    let cpu = costs.iter().map(|cost| cost.cpu_seconds).sum::<f64>() / f64::from(count.max(1));
    let calls = costs.iter().map(|cost| cost.calls).max().unwrap_or_default();
    Ok(writeln!(out, "{name:<28} {:>5} {wall:>16.2} {cpu:>8.2} {calls:>10}", costs.len())?)
}

/// Brings the stack up with a short visibility timeout and the wall's clock.
pub(crate) fn start(project: &Project, verifier: &Path, folder: &Path) -> Result<Local, Failure> {
    fs::create_dir_all(folder)?;
    let template = short_template(project, folder)?;
    let ready_file = folder.join("ready.json");
    // One of an earlier run would be taken for this one's.
    let _ = fs::remove_file(&ready_file);
    let mut command = program(verifier, &project.root);
    command.args(["local", "--clock", "real", "--template"]).arg(&template);
    command.arg("--functions").arg(verifier.parent().unwrap_or(folder));
    command.arg("--ready-file").arg(&ready_file).stdout(Stdio::null());
    let process = command
        .spawn()
        .map_err(|error| Failure::new(format!("verifier local did not start: {error}")))?;
    let mut local = Local { process, ready: Value::Null };
    let give_up_at = Instant::now() + READY_TIMEOUT;
    while Instant::now() < give_up_at {
        let text = fs::read_to_string(&ready_file).unwrap_or_default();
        if let Ok(ready) = serde_json::from_str(&text) {
            local.ready = ready;
            return Ok(local);
        }
        if let Some(status) = local.process.try_wait()? {
            return Err(Failure::new(format!(
                "verifier local ended with {status} before it was up"
            )));
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    Err(Failure::new("verifier local was not up within a minute"))
}

fn short_template(project: &Project, folder: &Path) -> Result<PathBuf, Failure> {
    let name = "Stack-PR123.template.json";
    let text = fs::read_to_string(project.stack().join("template").join(name))?;
    let mut template: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::new(format!("the template is not JSON: {error}")))?;
    let resources = template["Resources"].as_object_mut().into_iter().flatten();
    for (_, resource) in resources {
        if !resource["Properties"]["RedrivePolicy"].is_null() {
            resource["Properties"]["VisibilityTimeout"] = VISIBILITY_TIMEOUT_SECONDS.into();
        }
        // Lambda refuses a worker that may outlive the visibility of its messages.
        if resource["Metadata"]["verifier:binary"] == "worker" {
            resource["Properties"]["Timeout"] = VISIBILITY_TIMEOUT_SECONDS.into();
        }
    }
    let path = folder.join(name);
    fs::write(&path, template.to_string())?;
    Ok(path)
}

fn check(project: &Project, verifier: &Path, local: &Local) -> Result<Cost, Failure> {
    let mut command = program(verifier, &project.root);
    command.args(["check", "--stack", text(&local.ready["stackName"]), "--format", "json"]);
    command.args(["--endpoint-url", text(&local.ready["endpoint"])]).stderr(Stdio::null());
    command.env("VERIFIER_EMULATOR_TOKEN", text(&local.ready["token"]));
    let (printed, cost) = timed(&mut command)?;
    let report: Value = serde_json::from_str(&printed)
        .map_err(|error| Failure::new(format!("the report is not JSON: {error}")))?;
    Ok(Cost { calls: calls_in(&report)?, ..cost })
}

/// How many calls of AWS a report counts. One that does not say is no report of a free check.
fn calls_in(report: &Value) -> Result<u64, Failure> {
    let calls = report["awsCalls"].as_object().into_iter();
    let counts: Option<Vec<u64>> =
        calls.flat_map(|calls| calls.values().map(Value::as_u64)).collect();
    let counts = counts.filter(|counts| !counts.is_empty());
    let counts = counts
        .ok_or_else(|| Failure::new("the report does not say how many AWS calls were made"))?;
    Ok(counts.into_iter().sum())
}

fn script(project: &Project, aws: &Path, local: &Local) -> Result<Cost, Failure> {
    let mut command = program("bash", &project.root);
    command.arg("verifier/bench/verify.sh").env("STACK", text(&local.ready["stackName"]));
    for (name, value) in local.environment() {
        command.env(name, value);
    }
    if let Some(folder) = aws.parent() {
        command.env("PATH", path_with(folder)?);
    }
    let (printed, cost) = timed(&mut command)?;
    let calls = printed.trim().parse();
    let calls = calls.map_err(|error| {
        Failure::new(format!("verify.sh did not say how many AWS calls it made: {error}"))
    })?;
    Ok(Cost { calls, ..cost })
}

fn timed(command: &mut Command) -> Result<(String, Cost), Failure> {
    let (started, before) = (Instant::now(), children_cpu_seconds());
    let printed = command.capture()?;
    let cpu_seconds = children_cpu_seconds() - before;
    Ok((printed, Cost { wall: started.elapsed(), cpu_seconds, calls: 0 }))
}

/// What the children that were waited for took, and theirs.
fn children_cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the program's name in parentheses, which may hold anything.
    let fields = text.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks = fields.split_whitespace().skip(13).take(2);
    ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The median of sorted times.
pub(crate) fn median(sorted: &[Duration]) -> Duration {
    let middle = sorted.len() / 2;
    match (sorted.len() % 2, middle) {
        (_, 0) => sorted.first().copied().unwrap_or_default(),
        (0, _) => (sorted[middle - 1] + sorted[middle]) / 2,
        _ => sorted[middle],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn calls_that_cannot_be_read_are_no_calls_for_nothing() {
        let report = json!({"awsCalls": {"SendMessage": 2, "ReceiveMessage": 3}});
        assert_eq!(calls_in(&report).unwrap(), 5);
        for report in
            [json!({}), json!({"awsCalls": {}}), json!({"awsCalls": {"SendMessage": "2"}})]
        {
            assert!(calls_in(&report).is_err(), "{report}");
        }
    }
}
