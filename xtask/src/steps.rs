//! `cargo xtask test`: the steps, cheap ones first.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::dependencies;
use crate::process::{cargo, output, root, run};
use crate::say;

struct Step {
    name: &'static str,
    what: &'static str,
    run: fn() -> Result<(), String>,
}

const STEPS: [Step; 7] = [
    Step { name: "fmt", what: "the code is formatted", run: fmt },
    Step { name: "deps", what: "dependencies keep to the rules", run: deps },
    Step { name: "clippy", what: "no lint has anything to say", run: clippy },
    Step { name: "tools", what: "the AWS command line is there for the tests", run: tools },
    Step { name: "rust", what: "every Rust test passes", run: rust },
    Step { name: "doc", what: "the documentation builds without warnings", run: doc },
    Step { name: "stack", what: "the stack's tests pass and its template is fresh", run: stack },
];

/// The version of the AWS command line that the tests run: from PyPI, into a folder of the project.
const AWSCLI: &str = "awscli==1.45.11";

/// Runs every step; stops at the first that fails.
pub(crate) fn run_all() -> Result<(), String> {
    let mut taken: Vec<(&str, Duration)> = Vec::new();
    for step in &STEPS {
        say(&format!("\n== {}: {}\n", step.name, step.what));
        let started = Instant::now();
        if let Err(problem) = (step.run)() {
            say(&format!("\n{} passed, 1 failed\n", taken.len()));
            return Err(format!("{problem}; run `cargo xtask test {}` again", step.name));
        }
        taken.push((step.name, started.elapsed()));
    }
    say("\n");
    for (name, duration) in &taken {
        say(&format!("{name:<8} {:>7.1} s\n", duration.as_secs_f64()));
    }
    say(&format!("\n{} passed, 0 failed\n", taken.len()));
    Ok(())
}

/// Runs the step of that name.
pub(crate) fn run_one(name: &str) -> Result<(), String> {
    let step = STEPS.iter().find(|step| step.name == name);
    let step = step
        .ok_or_else(|| format!("there is no step {name}; `cargo xtask test --list` shows them"))?;
    (step.run)()
}

/// Lists the steps.
pub(crate) fn list() {
    for step in &STEPS {
        say(&format!("{:<8} {}\n", step.name, step.what));
    }
}

/// Synthesises the stack's template again.
pub(crate) fn synthesise() -> Result<(), String> {
    install_packages()?;
    run(npm().args(["run", "synth"]))
}

fn fmt() -> Result<(), String> {
    run(cargo().args(["fmt", "--all", "--check"]))
}

fn deps() -> Result<(), String> {
    let metadata = output(cargo().args(["metadata", "--format-version", "1", "--locked"]))?;
    let problems = dependencies::problems(&metadata)?;
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}

fn clippy() -> Result<(), String> {
    run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))
}

fn tools() -> Result<(), String> {
    let venv = venv();
    let stamp = venv.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == AWSCLI) {
        return Ok(());
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    let pip = venv.join("bin").join("pip");
    run(Command::new(pip).args(["install", "--quiet", "--disable-pip-version-check", AWSCLI]))?;
    fs::write(&stamp, AWSCLI)
        .map_err(|error| format!("{} cannot be written: {error}", stamp.display()))
}

fn rust() -> Result<(), String> {
    // The tests start the functions' binaries and the verifier, which `cargo test` alone would not build all of.
    run(cargo().args(["build", "--locked"]))?;
    let mut test = cargo();
    test.args(["test", "--workspace", "--locked"]);
    let aws = venv().join("bin").join("aws");
    if aws.is_file() {
        test.env("VERIFIER_TEST_AWS", aws);
    }
    run(&mut test)
}

fn doc() -> Result<(), String> {
    run(cargo()
        .args(["doc", "--workspace", "--no-deps", "--locked"])
        .env("RUSTDOCFLAGS", "-D warnings"))
}

fn stack() -> Result<(), String> {
    install_packages()?;
    run(npm().arg("test"))
}

/// `npm ci`, unless what is installed is what the lock file says.
fn install_packages() -> Result<(), String> {
    let folder = root().join("stack");
    let lock = fs::read(folder.join("package-lock.json"));
    let lock = lock.map_err(|error| format!("stack/package-lock.json cannot be read: {error}"))?;
    let stamp = folder.join("node_modules").join(".installed-lock.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    run(npm().args(["ci", "--no-audit", "--no-fund"]))?;
    fs::write(&stamp, lock)
        .map_err(|error| format!("{} cannot be written: {error}", stamp.display()))
}

fn npm() -> Command {
    let mut command = Command::new("npm");
    command.current_dir(root().join("stack"));
    command
}

fn venv() -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("venv")
}
