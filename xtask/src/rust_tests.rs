//! Running the Rust tests.
//!
//! `cargo test` runs one program after the other. Many of ours wait most of the time, for processes and for clocks, so
//! several run at once here, the longest first; a processor that waits for one works for another.

use std::collections::VecDeque;
use std::io::{self, Read, Seek, Write};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use crate::build::Executable;
use crate::command::program;
use crate::failure::Failure;
use crate::project::Project;

/// What takes longest, and therefore has to begin first. The others follow in cargo's order.
const LONGEST: [&str; 13] = [
    "verifier redrive",
    "verifier chaos_undo",
    "verifier docs",
    "verifier matrix",
    "verifier chaos_live",
    "verifier check_configuration",
    "verifier tutorial",
    "verifier chaos_targets",
    "verifier-simulator real_functions",
    "verifier-conformance altered",
    "verifier-emulator services",
    "verifier-emulator awscli",
    "verifier dlq",
];

/// What compares with the time in real time, and therefore runs when nothing else does, as by `cargo test`.
const ALONE: [&str; 2] = ["verifier-emulator clock", "verifier-emulator lambda"];

/// How long a program may take. On two slow processors, which have everything else to do beside it, the longest takes a third of
/// this.
const BOUND: Duration = Duration::from_mins(30);

/// How often to look whether one has ended.
const LOOK: Duration = Duration::from_millis(20);

/// How a program's tests ended.
struct Ended {
    title: String,
    took: Duration,
    result: io::Result<Outcome>,
}

/// What came of a program.
struct Outcome {
    how: How,
    /// What it printed, errors too, in the order in which it did.
    printed: String,
}

enum How {
    /// By itself.
    Ended(ExitStatus),
    /// It took longer than it may, and was ended; these tests had not ended then, the first of them in the order in which
    /// they begin.
    TookTooLong(Vec<String>),
}

/// Runs the tests of every program, with more environment variables; fails if any of them does.
pub(crate) fn run(
    project: &Project,
    executables: Vec<Executable>,
    environment: &[(&str, String)],
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let tests = executables.into_iter().filter(|each| each.is_test);
    let (alone, together) = tests.partition(|each| ALONE.contains(&each.title().as_str()));
    let mut passed = 0;
    let mut failed = Vec::new();
    let mut note = |ended: Ended| -> io::Result<()> {
        match tell(&ended, out)? {
            Some(count) => passed += count,
            None => failed.push(ended.title),
        }
        Ok(())
    };
    let run = |executable: &Executable| ended(project, executable, environment, BOUND);
    // One more than there are processors: each runs several tests at a time, and the steps of the other lane run besides.
    at_once(1 + processors(), longest_first(together), &run, &mut note)?;
    at_once(1, alone, &run, &mut note)?;
    if failed.is_empty() {
        return Ok(writeln!(out, "{passed} tests passed")?);
    }
    Err(Failure::new(format!("tests failed in {}, as shown above", failed.join(", "))))
}

/// Runs so many programs at once, and says of each how it ended.
fn at_once(
    most: usize,
    executables: Vec<Executable>,
    run: &(dyn Fn(&Executable) -> Ended + Sync),
    note: &mut dyn FnMut(Ended) -> io::Result<()>,
) -> io::Result<()> {
    let open = Mutex::new(VecDeque::from(executables));
    let next = || open.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..most {
            let sender = sender.clone();
            scope.spawn(|| {
                let sender = sender;
                while let Some(executable) = next() {
                    // Whoever receives has gone only if its output cannot be written.
                    let _ = sender.send(run(&executable));
                }
            });
        }
        drop(sender);
        receiver.into_iter().try_for_each(note)
    })
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn longest_first(mut executables: Vec<Executable>) -> Vec<Executable> {
    let place = |each: &Executable| LONGEST.iter().position(|title| *title == each.title());
    executables.sort_by_key(|each| place(each).unwrap_or(LONGEST.len()));
    executables
}

/// Runs a program as `cargo test` would.
fn ended(
    project: &Project,
    executable: &Executable,
    environment: &[(&str, String)],
    bound: Duration,
) -> Ended {
    let started = Instant::now();
    let result = outcome(|| command(project, executable, environment), bound);
    Ended { title: executable.title(), took: started.elapsed(), result }
}

fn command(project: &Project, executable: &Executable, environment: &[(&str, String)]) -> Command {
    let mut command = program(&executable.path, &project.root);
    command.current_dir(&executable.folder);
    command.env("CARGO_MANIFEST_DIR", &executable.folder);
    command.env("CARGO_PKG_NAME", &executable.package);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

/// Runs a program to its end, or to the bound.
///
/// It prints into a file: a pipe would be open for as long as any process that a test has left behind.
fn outcome(command: impl Fn() -> Command, bound: Duration) -> io::Result<Outcome> {
    let mut file = tempfile::tempfile()?;
    let mut command_to_run = command();
    command_to_run.stdout(file.try_clone()?).stderr(file.try_clone()?);
    let mut process = command_to_run.spawn()?;
    let status = ended_within(&mut process, bound)?;
    let mut printed = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut printed)?;
    let printed = String::from_utf8_lossy(&printed).into_owned();
    let how = match status {
        Some(status) => How::Ended(status),
        None => How::TookTooLong(not_ended(&listed(command())?, &printed)),
    };
    Ok(Outcome { how, printed })
}

/// Its status, or none if it has not ended within the bound; then it is killed.
fn ended_within(process: &mut Child, bound: Duration) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    while started.elapsed() < bound {
        if let Some(status) = process.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(LOOK);
    }
    process.kill()?;
    process.wait()?;
    Ok(None)
}

/// What a program says of its tests without running them.
fn listed(mut command: Command) -> io::Result<String> {
    let output = command.args(["--list", "--format", "terse"]).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The tests of a list, `name: test` each, of which nothing was printed: `test name ... ok`.
fn not_ended(list: &str, printed: &str) -> Vec<String> {
    let names = list.lines().filter_map(|line| line.strip_suffix(": test"));
    let has_ended =
        |name: &&str| printed.lines().any(|line| line.starts_with(&format!("test {name} ... ")));
    names.filter(|name| !has_ended(name)).map(ToOwned::to_owned).collect()
}

/// Prints a line about a program, and everything that it printed where a test failed; how many tests passed if all did.
fn tell(ended: &Ended, out: &mut dyn Write) -> io::Result<Option<usize>> {
    let Ended { title, took, result } = ended;
    let seconds = took.as_secs_f64();
    let passed = match result {
        Err(error) => {
            writeln!(out, "{title}: did not run: {error}")?;
            None
        }
        Ok(Outcome { how: How::TookTooLong(tests), printed }) => {
            let tests = tests.join(", ");
            writeln!(out, "{title}: ended after {seconds:.0} s, without: {tests}\n{printed}")?;
            None
        }
        Ok(Outcome { how: How::Ended(status), printed }) => {
            let passed = passed(printed).filter(|_| status.success());
            match passed {
                Some(count) => writeln!(out, "{title}: {count} passed in {seconds:.1} s")?,
                None => writeln!(out, "{title}: {status} after {seconds:.1} s\n{printed}")?,
            }
            passed
        }
    };
    out.flush()?;
    Ok(passed)
}

/// How many tests passed, from libtest's last line: `test result: ok. 3 passed; 0 failed; 0 ignored; …`. A test that is
/// ignored is none that passed.
fn passed(printed: &str) -> Option<usize> {
    let line = printed.lines().rev().find_map(|line| line.strip_prefix("test result: ok. "))?;
    let (passed, rest) = line.split_once(" passed; 0 failed; ")?;
    rest.starts_with("0 ignored; ").then(|| passed.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn executable(name: &str, path: &str) -> Executable {
        Executable {
            package: "verifier".to_owned(),
            name: name.to_owned(),
            is_test: true,
            folder: std::env::temp_dir(),
            path: path.into(),
        }
    }

    #[test]
    fn the_last_line_tells_how_many_tests_passed() {
        let line = "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(passed(&format!("running 12 tests\n\n{line}; finished in 0.1s\n")), Some(12));
        for other in [
            "",
            "running 1 test",
            "test result: FAILED. 11 passed; 1 failed; 0 ignored; 0 measured",
            "test result: ok. 11 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out",
        ] {
            assert_eq!(passed(other), None, "{other}");
        }
    }

    #[test]
    fn a_program_that_does_not_end_is_ended_and_what_it_waits_for_is_named() {
        let script = "if [ \"$1\" = --list ]; then echo 'a: test'; echo 'b: test'; exit; fi\n\
            echo 'test a ... ok'; exec sleep 600";
        let command = || {
            let mut command = Command::new("sh");
            command.args(["-c", script, "sh"]);
            command
        };
        // Long enough for a shell to print a line, which is not waited for on a slow machine: then `a` is named, too.
        let took = Duration::from_millis(500);
        let result = outcome(command, took);
        let mut out = Vec::new();
        let ended = Ended { title: "verifier hangs".to_owned(), took, result };
        assert_eq!(tell(&ended, &mut out).unwrap(), None);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("verifier hangs: ended after 0 s, without: "), "{text}");
        assert!(text.contains("b\n"), "{text}");
    }

    #[test]
    fn what_has_not_ended_is_what_nothing_was_printed_of() {
        let list = "a: test\na::b: test\nc: benchmark\n\nd: test\n";
        let printed = "\nrunning 3 tests\ntest a::b ... ok\ntest d ... FAILED\n";
        assert_eq!(not_ended(list, printed), ["a"]);
    }

    #[test]
    fn what_takes_longest_begins_first() {
        let order = longest_first(vec![
            executable("manual", ""),
            executable("chaos_live", ""),
            executable("formats", ""),
            executable("redrive", ""),
        ]);
        let names: Vec<&str> = order.iter().map(|each| each.name.as_str()).collect();
        assert_eq!(names, ["redrive", "chaos_live", "manual", "formats"]);
    }

    #[test]
    fn one_failure_fails_and_is_shown_with_all_that_was_printed() {
        let project = Project::find().unwrap();
        // `env` prints this as libtest would print it, and the environment of tests besides.
        let line = "\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured".to_owned();
        let environment = [("RESULT", line)];
        let (good, bad) = (executable("good", "/usr/bin/env"), executable("bad", "/bin/false"));
        let quiet = executable("quiet", "/bin/true");
        let run = |executables: &[&Executable]| {
            let mut out = Vec::new();
            let executables = executables.iter().copied().cloned().collect();
            let result = super::run(&project, executables, &environment, &mut out);
            (result, String::from_utf8(out).unwrap())
        };
        let (result, text) = run(&[&good, &good]);
        assert_eq!(result, Ok(()), "{text}");
        assert!(text.ends_with("\n4 tests passed\n"), "{text}");
        // A program that says nothing of tests has run none.
        for other in [&bad, &quiet] {
            let (result, text) = run(&[&good, other]);
            let failure = result.unwrap_err().to_string();
            let title = other.title();
            assert_eq!(failure, format!("tests failed in {title}, as shown above"), "{text}");
            assert!(text.contains("verifier good: 2 passed in "), "{text}");
            assert!(text.contains(&format!("{title}: exit status: ")), "{text}");
        }
    }
}
