//! `iam.least`.

use serde_json::{Value, json};
use verifier_model::iam::Grant;

use crate::check::{Check, Evaluate, Evaluation, Roles, Severity, Verdict};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "iam.least",
    asserts: "the roles that the run used grant nothing that it did not use",
    severity: Severity::Info,
    why: "what a role may do beyond its work, an attacker who takes the function over may do, too",
    fix: "take out what no other path of the function needs: a run does not take them all",
    source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",
    must_run: false,
    needs: &[],
    absent: None,
    evaluate: Evaluate::Roles(evaluate),
};

/// How many grants the summary names.
const NAMED: usize = 3;

/// Evaluates the stack's roles, where the endpoint tells what they were used for. Roles that nothing was asked with are named
/// alone: that a function was not called says nothing of what it needs.
fn evaluate(roles: &Roles<'_>) -> Evaluation {
    let Some(all) = roles.all else {
        return Evaluation::not_run("what roles are used for shows with --local alone")
            .with_evidence("absent", true);
    };
    if roles.jobs == 0 {
        return Evaluation::not_run("this run sent no jobs, and hardly used the roles");
    }
    let (in_use, idle): (Vec<_>, Vec<_>) = all.iter().partition(|role| role.is_used());
    if in_use.is_empty() {
        return Evaluation::not_run("no role of the stack was used");
    }
    let unused: Vec<(&str, &Grant)> = in_use
        .iter()
        .flat_map(|role| role.unused().map(|grant| (role.role.as_str(), grant)))
        .collect();
    let granted: usize = in_use.iter().map(|role| role.granted.len()).sum();
    let evaluation = if unused.is_empty() {
        Evaluation::pass(format!("all {granted} grants of {} roles used", in_use.len()))
    } else {
        Evaluation::new(Verdict::Info, summary(&unused, granted))
    };
    let idle: Vec<Value> = idle.iter().map(|role| json!(role.role)).collect();
    let unused: Vec<Value> = unused.iter().map(|(role, grant)| shown(role, grant)).collect();
    evaluation
        .with_evidence("granted", granted)
        .with_evidence("unused", unused)
        .with_evidence("rolesNotUsed", idle)
}

fn summary(unused: &[(&str, &Grant)], granted: usize) -> String {
    let named = unused.iter().take(NAMED);
    let named = named.map(|(role, grant)| format!("{} of {role}", grant.action));
    let named = named.collect::<Vec<_>>().join(", ");
    let more = match unused.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} of {granted} grants not used: {named}{more}", unused.len())
}

fn shown(role: &str, grant: &Grant) -> Value {
    let Grant { policy, statement, action, resource } = grant;
    json!({
        "role": role,
        "policy": policy,
        "statement": statement,
        "action": action,
        "resource": resource,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::RoleGrants;

    fn evaluated(all: &[RoleGrants]) -> Evaluation {
        evaluate(&Roles { all: Some(all), jobs: 12 })
    }

    fn grant(action: &str) -> Grant {
        Grant {
            policy: "Default".to_owned(),
            statement: "statement 1".to_owned(),
            action: action.to_owned(),
            resource: "*".to_owned(),
        }
    }

    fn role(name: &str, granted: &[&str], used: &[&str]) -> RoleGrants {
        RoleGrants {
            role: name.to_owned(),
            granted: granted.iter().map(|action| grant(action)).collect(),
            used: used.iter().map(|action| grant(action)).collect(),
            ..RoleGrants::default()
        }
    }

    #[test]
    fn what_was_used_whole_passes_and_one_grant_more_is_told() {
        let used = ["sqs:SendMessage", "logs:PutLogEvents"];
        let evaluation = evaluated(&[role("R", &used, &used)]);
        assert_eq!(evaluation.verdict, Verdict::Pass, "{}", evaluation.summary);
        let evaluation = evaluated(&[role("R", &used, &used[..1])]);
        assert_eq!(evaluation.verdict, Verdict::Info);
        assert_eq!(evaluation.summary, "1 of 2 grants not used: logs:PutLogEvents of R");
        let shown = json!([{
            "role": "R",
            "policy": "Default",
            "statement": "statement 1",
            "action": "logs:PutLogEvents",
            "resource": "*",
        }]);
        assert_eq!(evaluation.evidence["unused"], shown);
    }

    #[test]
    fn the_summary_names_three_and_counts_the_others() {
        let evaluation = evaluated(&[role("R", &["a:1", "a:2", "a:3", "a:4", "a:5"], &["a:5"])]);
        assert_eq!(
            evaluation.summary,
            "4 of 5 grants not used: a:1 of R, a:2 of R, a:3 of R and 1 more"
        );
    }

    #[test]
    fn roles_that_nothing_was_asked_with_are_named_and_not_counted() {
        let idle = role("Idle", &["s3:*"], &[]);
        let evaluation = evaluated(&[role("R", &["a:1"], &["a:1"]), idle.clone()]);
        assert_eq!(evaluation.verdict, Verdict::Pass);
        assert_eq!(evaluation.evidence["rolesNotUsed"], json!(["Idle"]));
        assert_eq!(evaluated(&[idle]).verdict, Verdict::NotRun);
        assert_eq!(evaluated(&[]).verdict, Verdict::NotRun);
    }

    #[test]
    fn a_run_without_jobs_tells_nothing() {
        let all = [role("R", &["a:1"], &[])];
        assert_eq!(evaluate(&Roles { all: Some(&all), jobs: 0 }).verdict, Verdict::NotRun);
    }

    #[test]
    fn a_deployed_stack_does_not_tell() {
        let evaluation = evaluate(&Roles { all: None, jobs: 12 });
        assert_eq!(evaluation.verdict, Verdict::NotRun);
    }
}
