//! `iam.enough`.

use serde_json::{Value, json};

use crate::check::{Check, Evaluate, Evaluation, Roles, Severity};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "iam.enough",
    asserts: "nothing was denied to the stack's roles during the run",
    severity: Severity::Fail,
    why: "what a role lacks is denied on AWS too: a log that is not written, a message that is not sent",
    fix: "grant the role what it was denied, on that resource alone, or take the call out of the function",
    source: "https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html",
    must_run: false,
    needs: &[],
    absent: None,
    evaluate: Evaluate::Roles(evaluate),
};

/// How many denials the summary names.
const NAMED: usize = 3;

/// What was denied to a role.
struct Denied<'a> {
    role: &'a str,
    action: &'a str,
    sentence: &'a str,
    times: u64,
}

/// Evaluates what was denied, where the endpoint tells. Without jobs a denial is one all the same.
fn evaluate(roles: &Roles<'_>) -> Evaluation {
    let Some(all) = roles.all else {
        return Evaluation::not_run("what is denied to roles shows with --local alone")
            .with_evidence("absent", true);
    };
    let denied: Vec<Denied<'_>> = all
        .iter()
        .flat_map(|role| {
            role.denied.iter().map(|(action, (sentence, times))| Denied {
                role: &role.role,
                action,
                sentence,
                times: *times,
            })
        })
        .collect();
    let Some(first) = denied.first() else {
        return match all.iter().filter(|role| role.is_used()).count() {
            0 => Evaluation::not_run("no role of the stack was used"),
            used => Evaluation::pass(format!("nothing was denied to the {used} roles in use")),
        };
    };
    let Denied { role, action, sentence, .. } = first;
    Evaluation::fail(
        summary(&denied),
        "every request of the stack's functions is allowed",
        *sentence,
    )
    .with_next(format!("grant {action} to {role}, on the resource that is named above"))
    .with_evidence("denied", denied.iter().map(shown).collect::<Vec<_>>())
}

fn summary(denied: &[Denied<'_>]) -> String {
    let named = denied.iter().take(NAMED);
    let named = named.map(|Denied { role, action, times, .. }| {
        format!("{action} was denied to {role}, {times}×")
    });
    let named = named.collect::<Vec<_>>().join("; ");
    match denied.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named}; and {more} more"),
    }
}

fn shown(Denied { role, action, sentence, times }: &Denied<'_>) -> Value {
    json!({"role": role, "action": action, "sentence": sentence, "times": times})
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use verifier_model::iam::Grant;

    use super::*;
    use crate::check::{RoleGrants, Verdict};

    fn role(denied: &[&str]) -> RoleGrants {
        let grant = Grant {
            policy: "Default".to_owned(),
            statement: "statement 1".to_owned(),
            action: "sqs:SendMessage".to_owned(),
            resource: "*".to_owned(),
        };
        let told = |action: &&str| ((*action).to_owned(), (format!("User: not {action}"), 2));
        RoleGrants {
            role: "Role".to_owned(),
            granted: vec![grant.clone()],
            used: [grant].into(),
            denied: denied.iter().map(told).collect::<BTreeMap<_, _>>(),
        }
    }

    fn evaluated(all: &[RoleGrants]) -> Evaluation {
        evaluate(&Roles { all: Some(all), jobs: 0 })
    }

    #[test]
    fn one_denial_fails_and_none_passes() {
        let evaluation = evaluated(&[role(&["logs:PutLogEvents"])]);
        assert_eq!(evaluation.verdict, Verdict::Fail);
        assert_eq!(evaluation.summary, "logs:PutLogEvents was denied to Role, 2×");
        assert_eq!(evaluation.actual.as_deref(), Some("User: not logs:PutLogEvents"));
        let next = "grant logs:PutLogEvents to Role, on the resource that is named above";
        assert_eq!(evaluation.next.as_deref(), Some(next));
        assert_eq!(evaluated(&[role(&[])]).verdict, Verdict::Pass);
    }

    #[test]
    fn three_are_named_and_the_others_counted() {
        let evaluation = evaluated(&[role(&["a:1", "a:2", "a:3", "a:4"])]);
        assert!(evaluation.summary.ends_with("a:3 was denied to Role, 2×; and 1 more"));
    }

    #[test]
    fn where_no_role_was_used_or_nothing_shows_it_is_not_run() {
        assert_eq!(evaluated(&[]).verdict, Verdict::NotRun);
        let unseen = RoleGrants { used: [].into(), ..role(&[]) };
        assert_eq!(evaluated(&[unseen]).verdict, Verdict::NotRun);
        assert_eq!(evaluate(&Roles { all: None, jobs: 1 }).verdict, Verdict::NotRun);
    }
}
