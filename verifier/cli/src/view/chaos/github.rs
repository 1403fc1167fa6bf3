//! The view for GitHub Actions: the human view in the log, and an annotation for each violation.

use std::io::{self, Write};

use verifier_core::check::Overall;

use super::super::github::{ANNOTATIONS_MAX, Kind, annotate};
use super::{human, words};
use crate::chaos::Outcome;

/// Shows what came of it. Nobody else may know the token, which ends the stretch in which the log obeys no commands.
pub(super) fn write(outcome: &Outcome, token: &str, out: &mut dyn Write) -> io::Result<()> {
    // What a stack answers is shown below, and must not become a command of the workflow.
    writeln!(out, "::stop-commands::{token}")?;
    human::outcome(outcome, None, out)?;
    writeln!(out, "::{token}::")?;
    let groups = outcome.judged.iter().flat_map(|(_, report)| words::groups(report));
    let violated: Vec<_> = groups.filter(|group| group.allowance().is_none()).collect();
    let max = if violated.len() > ANNOTATIONS_MAX { ANNOTATIONS_MAX - 1 } else { violated.len() };
    let again = format!("\nagain: {}", outcome.again);
    for group in &violated[..max] {
        let message = format!("{}: {}{again}", group.anomaly.meaning(), group.jobs());
        annotate(Kind::Error, group.anomaly.as_str(), &message, out)?;
    }
    if violated.len() > max {
        let rest: Vec<&str> = violated[max..].iter().map(|group| group.anomaly.as_str()).collect();
        annotate(Kind::Error, &format!("{} more", rest.len()), &rest.join(", "), out)?;
    }
    if violated.is_empty() && outcome.overall() != Overall::Pass {
        let reason = format!("{}{again}", words::reason(outcome));
        annotate(Kind::Error, words::verdict(outcome), &reason, out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn shown(outcome: &Outcome) -> String {
        let mut out = Vec::new();
        write(outcome, "a-token", &mut out).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    #[test]
    fn violations_are_annotated_after_the_log() {
        insta::assert_snapshot!(shown(&sample::violating()));
    }

    #[test]
    fn a_good_run_is_not_annotated_and_a_stopped_one_says_why() {
        let text = shown(&sample::passing());
        assert!(text.ends_with("::a-token::\n"), "{text}");
        let text = shown(&sample::stopped());
        let (_, annotations) = text.split_once("::a-token::\n").unwrap();
        assert!(annotations.starts_with("::error title=STOPPED::broken off"), "{annotations}");
    }

    #[test]
    fn no_name_of_a_job_becomes_a_command() {
        let text = shown(&sample::hostile());
        let commands: Vec<&str> = text.lines().filter(|line| line.starts_with("::")).collect();
        assert_eq!(commands[..2], ["::stop-commands::a-token", "::a-token::"]);
        assert!(commands[2..].iter().all(|line| line.starts_with("::error title=")), "{text}");
    }
}
