//! Running steps, and saying what came of it.
//!
//! Steps run in two lanes. In the main lane is what needs cargo's target folder, one step after the other; its output
//! is printed at once. Beside it runs what waits for networks, browsers and Python, one after the other too, each in a
//! process of its own. What such a step printed follows when it has ended and the main lane is between two steps.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::command::program;
use crate::failure::Failure;
use crate::project::Project;

/// A step of the tests.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// What it makes sure of.
    pub(crate) title: &'static str,
    /// Where it runs when others do, too.
    pub(crate) lane: Lane,
    /// The steps that have to pass before. What they make, this one would make itself otherwise.
    pub(crate) after: &'static [&'static str],
    /// Does it.
    pub(crate) run: fn(&Project, &mut dyn Write) -> Result<(), Failure>,
}

/// Where a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// In this process.
    Main,
    /// In a process beside it.
    Beside,
}

/// How a step ended, and after how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed(Duration),
    Failed(Duration),
}

/// The steps, each in a line.
pub(crate) fn list(steps: &[Step]) -> String {
    steps.iter().fold(String::new(), |mut text, step| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:<14} {}", step.name, step.title);
        text
    })
}

/// The steps of those names, in the order of the suite; all of them when none is named.
pub(crate) fn choose(steps: &[Step], names: &[String]) -> Vec<Step> {
    let chosen = |step: &&Step| names.is_empty() || names.iter().any(|name| name == step.name);
    steps.iter().filter(chosen).copied().collect()
}

/// Runs steps until one fails; whether all passed. What runs in the other lane then is run to its end.
pub(crate) fn run(steps: &[Step], project: &Project, out: &mut dyn Write) -> io::Result<bool> {
    let this = std::env::current_exe()?;
    let beside = |step: &Step| {
        let mut command = program(&this, &project.root);
        command.args(["test", "--beside", step.name]);
        command
    };
    Course::of(steps).run(project, &beside, out)
}

/// A run of steps.
struct Course<'a> {
    steps: &'a [Step],
    so_far: Mutex<SoFar>,
    /// Whenever a step has ended.
    ended: Condvar,
}

/// What has come of the steps so far.
#[derive(Default)]
struct SoFar {
    outcomes: Vec<(&'static str, Outcome)>,
    problems: Vec<(&'static str, String)>,
    /// What was printed beside and is still to be shown.
    printed: Vec<u8>,
}

impl<'a> Course<'a> {
    fn of(steps: &'a [Step]) -> Self {
        Self { steps, so_far: Mutex::default(), ended: Condvar::new() }
    }

    fn run(
        &self,
        project: &Project,
        beside: &(dyn Fn(&Step) -> Command + Sync),
        out: &mut dyn Write,
    ) -> io::Result<bool> {
        let began = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for step in self.steps.iter().filter(|step| !self.is_here(step)) {
                    self.run_beside(step, beside);
                }
            });
            for step in self.steps.iter().filter(|step| self.is_here(step)) {
                self.run_here(step, project, out)?;
            }
            io::Result::Ok(())
        })?;
        let mut so_far = self.so_far();
        so_far.show(out)?;
        write!(out, "{}", so_far.closing(self.steps, began.elapsed()))?;
        out.flush()?;
        Ok(so_far.problems.is_empty())
    }

    /// A single step is run here in any case, so that one sees what it prints when it prints it.
    fn is_here(&self, step: &Step) -> bool {
        step.lane == Lane::Main || self.steps.len() == 1
    }

    fn run_here(&self, step: &Step, project: &Project, out: &mut dyn Write) -> io::Result<()> {
        let turn = self.wait_for_turn(step);
        self.so_far().show(out)?;
        if !turn {
            return Ok(());
        }
        write!(out, "{}", heading(step))?;
        // The step's own programs write to the same place, so this has to be there first.
        out.flush()?;
        let started = Instant::now();
        let result = (step.run)(project, out).map_err(|problem| problem.to_string());
        self.note(step, started.elapsed(), result, &[]);
        Ok(())
    }

    fn run_beside(&self, step: &Step, command: &dyn Fn(&Step) -> Command) {
        if !self.wait_for_turn(step) {
            return;
        }
        let started = Instant::now();
        let mut command = command(step);
        let (result, printed) = match command.stdin(Stdio::null()).output() {
            Ok(output) if output.status.success() => (Ok(()), output.stdout),
            Ok(output) => {
                let printed = [output.stdout, output.stderr].concat();
                (Err(format!("it ended with {}, as shown above", output.status)), printed)
            }
            Err(error) => (Err(format!("it did not start: {error}")), Vec::new()),
        };
        self.note(step, started.elapsed(), result, &printed);
    }

    /// Waits until everything has passed that has to come first; whether it has. What is no part of this run need not.
    fn wait_for_turn(&self, step: &Step) -> bool {
        let is_part = |name: &str| self.steps.iter().any(|step| step.name == name);
        let is_open = |so_far: &mut SoFar| {
            let waits = |name: &&str| is_part(name) && so_far.outcome(name).is_none();
            so_far.problems.is_empty() && step.after.iter().any(waits)
        };
        // A lane whose turn never comes is let go by the other lane's failure, since steps only wait for earlier ones.
        let so_far = self.ended.wait_while(self.so_far(), is_open);
        so_far.unwrap_or_else(PoisonError::into_inner).problems.is_empty()
    }

    fn note(&self, step: &Step, took: Duration, result: Result<(), String>, printed: &[u8]) {
        let mut so_far = self.so_far();
        if !printed.is_empty() || !self.is_here(step) {
            so_far.printed.extend_from_slice(heading(step).as_bytes());
            so_far.printed.extend_from_slice(printed);
        }
        let outcome = match result {
            Ok(()) => Outcome::Passed(took),
            Err(problem) => {
                so_far.problems.push((step.name, problem));
                Outcome::Failed(took)
            }
        };
        so_far.outcomes.push((step.name, outcome));
        self.ended.notify_all();
    }

    fn so_far(&self) -> MutexGuard<'_, SoFar> {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SoFar {
    fn outcome(&self, name: &str) -> Option<Outcome> {
        self.outcomes.iter().find(|(ended, _)| *ended == name).map(|(_, outcome)| *outcome)
    }

    fn show(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&std::mem::take(&mut self.printed))?;
        out.flush()
    }

    fn closing(&self, steps: &[Step], took: Duration) -> String {
        let mut text = format!("\n{}", self.table(steps, took));
        for (name, problem) in &self.problems {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "\n{name} failed: {problem}\nRun it again with: cargo xtask test {name}"
            );
        }
        let failed = self.problems.len();
        // A plain line, which programs read too.
        let _ = writeln!(text, "\n{} passed, {failed} failed", self.outcomes.len() - failed);
        text
    }

    fn table(&self, steps: &[Step], took: Duration) -> String {
        let mut text = format!("{:<14} {:<8} {:>8}\n", "step", "result", "seconds");
        let mut row = |name: &str, result: &str, duration: Option<Duration>| {
            let seconds = duration
                .map_or_else(|| "–".to_owned(), |each| format!("{:.1}", each.as_secs_f64()));
            let _ = writeln!(text, "{name:<14} {result:<8} {seconds:>8}");
        };
        for step in steps {
            match self.outcome(step.name) {
                Some(Outcome::Passed(duration)) => row(step.name, "passed", Some(duration)),
                Some(Outcome::Failed(duration)) => row(step.name, "failed", Some(duration)),
                None => row(step.name, "not run", None),
            }
        }
        // Less than the sum, since two steps run at a time.
        row("all", "", Some(took));
        text
    }
}

fn heading(step: &Step) -> String {
    format!("\n── {}: {}\n", step.name, step.title)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn passes(_: &Project, out: &mut dyn Write) -> Result<(), Failure> {
        Ok(writeln!(out, "fine")?)
    }

    fn fails(_: &Project, _: &mut dyn Write) -> Result<(), Failure> {
        Err(Failure::new("`tool --check` ended with exit status: 1"))
    }

    fn step(name: &'static str, lane: Lane, after: &'static [&'static str]) -> Step {
        Step { name, title: "a step", lane, after, run: passes }
    }

    fn suite() -> [Step; 3] {
        [
            step("one", Lane::Main, &[]),
            Step { run: fails, ..step("two", Lane::Main, &[]) },
            step("three", Lane::Main, &[]),
        ]
    }

    /// Whether steps passed, and what was printed; those beside run the script of their name.
    fn ran(steps: &[Step]) -> (bool, String) {
        let mut out = Vec::new();
        let beside = |step: &Step| {
            let mut command = Command::new("sh");
            command.arg("-c").arg(match step.name {
                "breaks" => "echo half; echo of it >&2; exit 3",
                _ => "echo a line",
            });
            command
        };
        let project = Project { root: PathBuf::new() };
        let passed = Course::of(steps).run(&project, &beside, &mut out).unwrap();
        (passed, String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_first_failure_ends_the_run_and_is_explained() {
        let (passed, text) = ran(&suite());
        assert!(!passed);
        assert_eq!(
            text,
            "
── one: a step
fine

── two: a step

step           result    seconds
one            passed        0.0
two            failed        0.0
three          not run         –
all                          0.0

two failed: `tool --check` ended with exit status: 1
Run it again with: cargo xtask test two

1 passed, 1 failed
"
        );
    }

    #[test]
    fn a_run_without_failures_closes_with_the_counts() {
        let (passed, text) = ran(&suite()[..1]);
        assert!(passed);
        assert!(text.ends_with("\n\n1 passed, 0 failed\n"), "{text}");
    }

    #[test]
    fn what_is_printed_beside_is_shown_between_two_steps() {
        let steps = [
            step("built", Lane::Main, &[]),
            step("browser", Lane::Beside, &["built"]),
            step("tested", Lane::Main, &["browser"]),
        ];
        let (passed, text) = ran(&steps);
        assert!(passed);
        let begin = "
── built: a step
fine

── browser: a step
a line

── tested: a step
fine

step ";
        assert!(text.starts_with(begin), "{text}");
    }

    #[test]
    fn a_failure_beside_is_shown_and_ends_the_main_lane() {
        let steps =
            [step("breaks", Lane::Beside, &[]), step("waits", Lane::Main, &["breaks"]), suite()[2]];
        let (passed, text) = ran(&steps);
        assert!(!passed);
        assert!(text.starts_with("\n── breaks: a step\nhalf\nof it\n"), "{text}");
        assert!(
            text.contains("breaks failed: it ended with exit status: 3, as shown above"),
            "{text}"
        );
        assert!(text.ends_with("\n0 passed, 1 failed\n"), "{text}");
    }

    #[test]
    fn a_step_waits_only_for_what_is_run() {
        let steps = [step("alone", Lane::Beside, &["built"]), step("one", Lane::Main, &["lint"])];
        assert!(ran(&steps).0);
        // One that is run by itself is run in this process, wherever it would be otherwise.
        let (passed, text) = ran(&steps[..1]);
        assert!(passed && text.contains("fine"), "{text}");
    }

    #[test]
    fn steps_are_chosen_by_name_in_the_order_of_the_suite() {
        let chosen = |wanted: &[&str]| -> Vec<&str> {
            let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
            choose(&suite(), &wanted).iter().map(|step| step.name).collect()
        };
        assert_eq!(chosen(&[]), ["one", "two", "three"]);
        assert_eq!(chosen(&["three", "one"]), ["one", "three"]);
    }

    #[test]
    fn the_list_has_a_line_for_each_step() {
        assert_eq!(list(&suite()[..2]), "one            a step\ntwo            a step\n");
    }
}
