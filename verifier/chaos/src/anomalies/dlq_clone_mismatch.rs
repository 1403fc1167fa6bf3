//! Clone mismatch: what is in the dead-letter queue differs from what was submitted, in its body or its attributes.

use super::super::facts::Facts;
use super::super::finding::Findings;
use super::Anomaly;

/// A dead letter is evidence, and what a redrive will run again. It has to equal one of the job's submits.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    for job in &facts.jobs {
        let Some(submit) = job.submits.first() else {
            continue;
        };
        if !job.submits.iter().all(|submit| submit.content.is_known()) {
            continue;
        }
        let was_submitted = |content| job.submits.iter().any(|submit| submit.content == content);
        let other = facts.dead_letters(job).find(|dead| !was_submitted(dead.content));
        if let Some(dead) = other {
            findings.job(Anomaly::DlqCloneMismatch, job, [Some(submit.line), Some(dead.line)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::Script;
    use super::*;
    use crate::history::Expectation;

    #[test]
    fn another_body_or_other_attributes_are_found() {
        for (body, attributes) in [("other", None), ("body of a", Some("more"))] {
            let mut script = Script::that_fails_to_the_end(Expectation::Poison);
            script.dead_letter_with("a", body, attributes);
            assert_eq!(script.drained().found(), [Anomaly::DlqCloneMismatch]);
        }
    }

    #[test]
    fn the_submitted_body_is_fine() {
        let mut script = Script::that_fails_to_the_end(Expectation::Poison);
        script.dead_letter_with("a", "body of a", None);
        assert_eq!(script.drained().found(), []);
    }
}
