//! The project's own tasks: `cargo xtask test`, `cargo xtask gen`, `cargo xtask bench`.

mod bench;
mod dependencies;
mod process;
mod steps;

use std::io::Write;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask test [STEP]      run every test, or one step of them
       cargo xtask test --list      list the steps
       cargo xtask gen              synthesise the stack's template again
       cargo xtask bench check [N]  time `verifier check --local`, N times (20 by default)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["test"] => steps::run_all(),
        ["test", "--list"] => {
            steps::list();
            Ok(())
        }
        ["test", step] => steps::run_one(step),
        ["gen"] => steps::synthesise(),
        ["bench", "check"] => bench::check(20),
        ["bench", "check", times] => match times.parse() {
            Ok(times @ 1..=1000) => bench::check(times),
            _ => Err("the number of runs must be from 1 to 1000".to_owned()),
        },
        _ => {
            say(USAGE);
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            say(&format!("\nxtask: {problem}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Prints to stdout. A reader that has closed the pipe wants no more, which is no error.
fn say(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
