//! `stack.ready`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::check::{Check, Evaluate, Evaluation, Severity, StackEvidence};
use crate::command::aws;

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "stack.ready",
    asserts: "the stack is complete, was not rolled back, and has every output that the verifier reads",
    severity: Severity::Fail,
    why: "a stack that was rolled back may still show outputs, of an older deployment",
    fix: "look at the stack's events for the first failure, fix it and deploy again",
    source: "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html",
    must_run: true,
    needs: &[],
    absent: Some(|subject| (!subject.resources.is_of_stack()).then_some(NO_STACK)),
    evaluate: Evaluate::Stack(|facts| match facts.stack {
        Some(stack) => {
            let known = facts.resources.known().into_iter();
            let known = known.map(|(what, (value, by))| (what, json!({"value": value, "by": by})));
            let known: BTreeMap<&str, Value> = known.collect();
            let evaluation = evaluate(stack, &facts.resources.expected_outputs())
                .with_evidence("resources", json!(known));
            match facts.resources.remark() {
                Some(remark) => evaluation.with_remark(&remark),
                None => evaluation,
            }
        }
        None => Evaluation::not_run(NO_STACK),
    }),
};

/// Why there is nothing to evaluate of a stack.
pub(super) const NO_STACK: &str =
    "there is no stack of CloudFormation: the resources are named without one";

/// The statuses of a stack whose last deployment has come to its end and was kept.
///
/// While it cleans up, an update is over, and what it replaced is deleted.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html>, stack status codes.
const READY: [&str; 4] = [
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    "IMPORT_COMPLETE",
];

/// Evaluates a stack's status and outputs. An output without a value is none.
pub fn evaluate(stack: &StackEvidence, expected_outputs: &[&str]) -> Evaluation {
    let is_ready = READY.contains(&stack.status.as_str());
    let missing: Vec<&str> = expected_outputs
        .iter()
        .filter(|output| stack.outputs.get(**output).is_none_or(|value| value.trim().is_empty()))
        .copied()
        .collect();
    let evaluation = if !is_ready {
        let reason =
            stack.status_reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        Evaluation::fail(
            format!("the stack is {}{reason}", stack.status),
            READY.join(", "),
            stack.status.clone(),
        )
        .with_next(next(stack))
    } else if missing.is_empty() {
        Evaluation::pass(format!("{}, {} outputs", stack.status, stack.outputs.len()))
    } else {
        let found: Vec<&str> = stack.outputs.keys().map(String::as_str).collect();
        Evaluation::fail(
            format!("the stack lacks the output {}", missing.join(", ")),
            format!("the outputs {}", expected_outputs.join(", ")),
            if found.is_empty() { "no outputs".to_owned() } else { found.join(", ") },
        )
        .with_next(unnamed(&missing.join(", "), stack, expected_outputs))
    };
    evaluation
        .with_evidence("status", stack.status.clone())
        .with_evidence("outputs", json!(stack.outputs))
}

/// What to do where outputs are missing: a stack of other names has them, and says so in its settings.
pub fn unnamed(missing: &str, stack: &StackEvidence, expected_outputs: &[&str]) -> String {
    let names = stack.outputs.keys().map(String::as_str);
    let found: Vec<&str> = names.filter(|name| !expected_outputs.contains(name)).collect();
    let queues = stack.resources.iter().filter(|one| one.resource_type == "AWS::SQS::Queue");
    let queues: Vec<&str> = queues.map(|one| one.logical_id.as_str()).collect();
    let by_id = match queues.as_slice() {
        [] => String::new(),
        queues => format!(", or name queues by their logical ids there: {}", queues.join(", ")),
    };
    let add = format!("add the output {missing} to the stack and deploy it");
    match (found.as_slice(), queues.is_empty()) {
        ([], true) => format!(
            "{add}; for a stack of your own, `verifier init` proposes a verifier.toml without it"
        ),
        ([], false) => format!(
            "`verifier init` proposes a verifier.toml for this stack; or say below [outputs] there which outputs the stack has, false for none{by_id} (docs/your-own-stack.md). Otherwise {add}"
        ),
        (found, _) => format!(
            "`verifier init` proposes a verifier.toml for this stack; or name the outputs that hold it below [outputs] there, or the resources themselves below [resources] (docs/your-own-stack.md); the stack has {}{by_id}. Otherwise {add}",
            found.join(", ")
        ),
    }
}

/// What tells why a stack is not ready, or waits until it is.
fn next(stack: &StackEvidence) -> String {
    let wait = |event: &str| {
        aws(&stack.id, &["cloudformation", "wait", event, "--stack-name", &stack.name])
    };
    match stack.status.as_str() {
        "CREATE_IN_PROGRESS" => wait("stack-create-complete"),
        "UPDATE_IN_PROGRESS" => wait("stack-update-complete"),
        "IMPORT_IN_PROGRESS" => wait("stack-import-complete"),
        // Only a change set is there, which nobody has executed.
        "REVIEW_IN_PROGRESS" => {
            aws(&stack.id, &["cloudformation", "list-change-sets", "--stack-name", &stack.name])
        }
        "DELETE_COMPLETE" | "DELETE_IN_PROGRESS" => "deploy the stack again".to_owned(),
        _ => {
            let events = ["cloudformation", "describe-stack-events", "--stack-name", &stack.name];
            let failed = "StackEvents[?contains(ResourceStatus, 'FAILED')].[Timestamp, LogicalResourceId, ResourceStatusReason]";
            let bounded = ["--max-items", "200", "--output", "text", "--query", failed];
            aws(&stack.id, &[&events[..], &bounded].concat())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{StackResource, Verdict};

    fn stack(status: &str) -> StackEvidence {
        StackEvidence {
            status: status.to_owned(),
            outputs: [("ApiUrl".to_owned(), "u".to_owned())].into(),
            ..StackEvidence::default()
        }
    }

    #[test]
    fn complete_stacks_with_their_outputs_pass() {
        for status in READY {
            assert_eq!(evaluate(&stack(status), &["ApiUrl"]).verdict, Verdict::Pass);
        }
    }

    #[test]
    fn other_statuses_fail() {
        for status in [
            "CREATE_IN_PROGRESS",
            "ROLLBACK_COMPLETE",
            "UPDATE_ROLLBACK_COMPLETE",
            "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
            "IMPORT_ROLLBACK_COMPLETE",
            "DELETE_COMPLETE",
            "DELETE_IN_PROGRESS",
            "DELETE_FAILED",
            "CREATE_FAILED",
            "UPDATE_FAILED",
            "UPDATE_IN_PROGRESS",
            "REVIEW_IN_PROGRESS",
            "",
        ] {
            let evaluation = evaluate(&stack(status), &["ApiUrl"]);
            assert_eq!(evaluation.verdict, Verdict::Fail, "{status}");
            assert!(evaluation.next.is_some_and(|next| !next.is_empty()), "{status}");
        }
    }

    #[test]
    fn an_output_without_a_value_is_missing() {
        let mut stack = stack("CREATE_COMPLETE");
        stack.outputs.insert("JobUrl".to_owned(), " ".to_owned());
        assert_eq!(evaluate(&stack, &["JobUrl"]).verdict, Verdict::Fail);
        stack.outputs.insert("JobUrl".to_owned(), "u".to_owned());
        assert_eq!(evaluate(&stack, &["JobUrl"]).verdict, Verdict::Pass);
    }

    #[test]
    fn a_missing_output_is_named() {
        let evaluation = evaluate(&stack("CREATE_COMPLETE"), &["ApiUrl", "JobUrl"]);
        assert_eq!(evaluation.verdict, Verdict::Fail);
        assert!(evaluation.summary.contains("JobUrl") && !evaluation.summary.contains("ApiUrl"));
    }

    #[test]
    fn a_stack_with_other_outputs_is_told_where_to_name_them() {
        let next = |stack: &StackEvidence| {
            evaluate(stack, &["ApiUrl", "JobUrl"]).next.expect("something to do next")
        };
        let mut stack = stack("CREATE_COMPLETE");
        stack.outputs.insert("TicketsUrl".to_owned(), "u".to_owned());
        let of_others = next(&stack);
        assert!(of_others.contains("verifier.toml"), "{of_others}");
        assert!(of_others.contains("the stack has TicketsUrl."), "{of_others}");
        stack.outputs.remove("TicketsUrl");
        assert!(next(&stack).starts_with("add the output JobUrl to the stack and deploy it; "));
        assert!(next(&stack).contains("`verifier init`"));
        stack.resources.push(StackResource {
            logical_id: "Orders4F2A9C01".to_owned(),
            physical_id: "https://sqs.eu.amazonaws.com/1/orders".to_owned(),
            resource_type: "AWS::SQS::Queue".to_owned(),
        });
        assert!(next(&stack).contains("by their logical ids there: Orders4F2A9C01"));
    }
}
