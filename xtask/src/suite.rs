//! Running steps one after the other, and saying what came of it.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::project::Project;

/// A step of the tests.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// What it makes sure of.
    pub(crate) title: &'static str,
    /// Does it.
    pub(crate) run: fn(&Project, &mut dyn Write) -> Result<(), Failure>,
}

/// How a step ended, and after how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed(Duration),
    Failed(Duration),
    NotRun,
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
pub(crate) fn choose(steps: &[Step], names: &[String]) -> Result<Vec<Step>, Failure> {
    if let Some(unknown) = names.iter().find(|name| steps.iter().all(|step| step.name != **name)) {
        let known: Vec<&str> = steps.iter().map(|step| step.name).collect();
        return Err(Failure::usage(format!(
            "there is no step {unknown}; the steps are {}",
            known.join(", ")
        )));
    }
    let chosen = |step: &&Step| names.is_empty() || names.iter().any(|name| name == step.name);
    Ok(steps.iter().filter(chosen).copied().collect())
}

/// Runs steps until one fails; whether all passed.
pub(crate) fn run(steps: &[Step], project: &Project, out: &mut dyn Write) -> io::Result<bool> {
    let mut outcomes = Vec::new();
    let mut failure = None;
    for step in steps {
        if failure.is_some() {
            outcomes.push((step.name, Outcome::NotRun));
            continue;
        }
        writeln!(out, "\n── {}: {}", step.name, step.title)?;
        // The step's own programs write to the same place, so this has to be there first.
        out.flush()?;
        let started = Instant::now();
        match (step.run)(project, out) {
            Ok(()) => outcomes.push((step.name, Outcome::Passed(started.elapsed()))),
            Err(problem) => {
                outcomes.push((step.name, Outcome::Failed(started.elapsed())));
                failure = Some((step.name, problem));
            }
        }
    }
    write!(out, "\n{}", table(&outcomes))?;
    if let Some((name, problem)) = &failure {
        writeln!(out, "\n{name} failed: {problem}\nRun it again with: cargo xtask test {name}")?;
    }
    writeln!(out, "\n{}", closing_line(&outcomes))?;
    out.flush()?;
    Ok(failure.is_none())
}

fn table(outcomes: &[(&str, Outcome)]) -> String {
    let mut text = format!("{:<14} {:<8} {:>8}\n", "step", "result", "seconds");
    let mut total = Duration::ZERO;
    for (name, outcome) in outcomes {
        let (result, duration) = match outcome {
            Outcome::Passed(duration) => ("passed", Some(duration)),
            Outcome::Failed(duration) => ("failed", Some(duration)),
            Outcome::NotRun => ("not run", None),
        };
        total += duration.copied().unwrap_or_default();
        let seconds = duration.map_or_else(|| "–".to_owned(), |duration| seconds(*duration));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<14} {result:<8} {seconds:>8}");
    }
    let _ = writeln!(text, "{:<14} {:<8} {:>8}", "total", "", seconds(total));
    text
}

fn seconds(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64())
}

/// The plain closing line, which programs read too.
fn closing_line(outcomes: &[(&str, Outcome)]) -> String {
    let count = |wanted: fn(&Outcome) -> bool| {
        outcomes.iter().filter(|(_, outcome)| wanted(outcome)).count()
    };
    let passed = count(|outcome| matches!(outcome, Outcome::Passed(_)));
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    format!("{passed} passed, {failed} failed")
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

    fn suite() -> [Step; 3] {
        [
            Step { name: "one", title: "the first", run: passes },
            Step { name: "two", title: "the second", run: fails },
            Step { name: "three", title: "the third", run: passes },
        ]
    }

    fn run_to_text(steps: &[Step]) -> (bool, String) {
        let mut out = Vec::new();
        let passed = run(steps, &Project { root: PathBuf::new() }, &mut out).unwrap();
        (passed, String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_first_failure_ends_the_run_and_is_explained() {
        let (passed, text) = run_to_text(&suite());
        assert!(!passed);
        assert_eq!(
            text,
            "
── one: the first
fine

── two: the second

step           result    seconds
one            passed        0.0
two            failed        0.0
three          not run         –
total                        0.0

two failed: `tool --check` ended with exit status: 1
Run it again with: cargo xtask test two

1 passed, 1 failed
"
        );
    }

    #[test]
    fn a_run_without_failures_closes_with_the_counts() {
        let (passed, text) = run_to_text(&suite()[..1]);
        assert!(passed);
        assert!(text.ends_with("\n\n1 passed, 0 failed\n"), "{text}");
    }

    #[test]
    fn steps_are_chosen_by_name_in_the_order_of_the_suite() {
        let names =
            |names: &[&str]| -> Vec<String> { names.iter().map(ToString::to_string).collect() };
        let chosen = |wanted: &[&str]| -> Vec<&str> {
            choose(&suite(), &names(wanted)).unwrap().iter().map(|step| step.name).collect()
        };
        assert_eq!(chosen(&[]), ["one", "two", "three"]);
        assert_eq!(chosen(&["three", "one"]), ["one", "three"]);
        let failure = choose(&suite(), &names(&["one", "four"])).err().unwrap();
        assert_eq!(failure.exit, 2);
        assert_eq!(failure.to_string(), "there is no step four; the steps are one, two, three");
    }

    #[test]
    fn the_list_has_a_line_for_each_step() {
        assert_eq!(list(&suite()[..2]), "one            the first\ntwo            the second\n");
    }
}
