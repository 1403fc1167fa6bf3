//! The view for GitHub Actions: the human view in the log, and an annotation for each violation.

use std::io::{self, Write};

use verifier_core::check::Overall;

use super::{human, words};
use crate::chaos::Outcome;
use crate::report::github::{Note, annotate_all, log};

/// Shows what came of it. Nobody else may know the token, which ends the stretch in which the log obeys no commands.
pub(super) fn write(outcome: &Outcome, token: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut text = Vec::new();
    human::outcome(outcome, None, &mut text)?;
    log(token, &text, out)?;
    annotate_all(&notes(outcome), 0, out)
}

/// Each violation; or else why the run did not pass.
fn notes(outcome: &Outcome) -> Vec<Note> {
    let again = format!("\nagain: {}", outcome.again);
    let groups = outcome.evaluated.iter().flat_map(|(_, report)| words::groups(report));
    let violated = groups.filter(|group| group.allowance().is_none()).map(|group| {
        let message = format!("{}: {}{again}", group.anomaly.meaning(), group.jobs());
        Note::error(group.anomaly.as_str(), &message)
    });
    let mut notes: Vec<Note> = violated.collect();
    if notes.is_empty() && outcome.overall() != Overall::Pass {
        let reason = format!("{}{again}", words::reason(outcome));
        notes.push(Note::error(words::verdict(outcome), &reason));
    }
    notes
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
        assert!(!text.contains("##["), "{text}");
        crate::shell::clean::tests::assert_clean(&text);
    }
}
