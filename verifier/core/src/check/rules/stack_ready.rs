//! `stack.ready`.

use crate::check::{Check, Judgement, Severity, StackEvidence};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "stack.ready",
    asserts: "the stack is complete, was not rolled back, and has every output that the verifier reads",
    severity: Severity::Fail,
    why: "a stack that was rolled back may still show outputs, of an older deployment",
    fix: "look at the stack's events for the first failure, mend it and deploy again",
    source: "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html",
    must_be_exercised: true,
};

/// Judges a stack's status and outputs.
pub fn judge(stack: &StackEvidence, expected_outputs: &[&str]) -> Judgement {
    let is_ready = stack.status.ends_with("_COMPLETE") && !stack.status.contains("ROLLBACK");
    let missing: Vec<&str> = expected_outputs
        .iter()
        .filter(|output| !stack.outputs.contains_key(**output))
        .copied()
        .collect();
    let judgement = if !is_ready {
        let reason =
            stack.status_reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        Judgement::fail(
            format!("the stack is {}{reason}", stack.status),
            "CREATE_COMPLETE, UPDATE_COMPLETE or IMPORT_COMPLETE",
            stack.status.clone(),
        )
        .with_next(format!("aws cloudformation describe-stack-events --stack-name {}", stack.name))
    } else if missing.is_empty() {
        Judgement::pass(format!("{}, {} outputs", stack.status, stack.outputs.len()))
    } else {
        let found: Vec<&str> = stack.outputs.keys().map(String::as_str).collect();
        Judgement::fail(
            format!("the stack lacks the output {}", missing.join(", ")),
            format!("the outputs {}", expected_outputs.join(", ")),
            if found.is_empty() { "no outputs".to_owned() } else { found.join(", ") },
        )
        .with_next(format!("add the output {} to the stack and deploy it", missing.join(", ")))
    };
    judgement
        .with_evidence("status", stack.status.clone())
        .with_evidence("outputs", serde_json::json!(stack.outputs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;

    fn stack(status: &str) -> StackEvidence {
        StackEvidence {
            status: status.to_owned(),
            outputs: [("ApiUrl".to_owned(), "u".to_owned())].into(),
            ..StackEvidence::default()
        }
    }

    #[test]
    fn complete_stacks_with_their_outputs_pass() {
        for status in ["CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"] {
            assert_eq!(judge(&stack(status), &["ApiUrl"]).verdict, Verdict::Pass);
        }
    }

    #[test]
    fn other_statuses_fail() {
        for status in [
            "CREATE_IN_PROGRESS",
            "ROLLBACK_COMPLETE",
            "UPDATE_ROLLBACK_COMPLETE",
            "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            "DELETE_FAILED",
            "",
        ] {
            assert_eq!(judge(&stack(status), &["ApiUrl"]).verdict, Verdict::Fail, "{status}");
        }
    }

    #[test]
    fn a_missing_output_is_named() {
        let judgement = judge(&stack("CREATE_COMPLETE"), &["ApiUrl", "JobUrl"]);
        assert_eq!(judgement.verdict, Verdict::Fail);
        assert!(judgement.summary.contains("JobUrl") && !judgement.summary.contains("ApiUrl"));
    }
}
