//! What policies allow, as it is written in them, and what of it a request needs.
//!
//! A grant is the least that can be taken out of a policy: one action on one resource, of one statement.

use super::decision::Attached;
use super::policy::{Effect, Statement};
use super::request::Request;

/// One action on one resource that a statement allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The policy's name.
    pub policy: String,
    /// The statement's `Sid`, or its place.
    pub statement: String,
    /// The action as it is written, or `all but` those that are excepted.
    pub action: String,
    /// The resource likewise.
    pub resource: String,
}

/// All that policies grant, in their order. What only a request shows, such as a condition, is not looked at.
pub fn grants(policies: &[Attached]) -> Vec<Grant> {
    let of = |attached, statement: &Statement| {
        let (actions, resources) = statement.written();
        each(attached, statement, &actions, &resources)
    };
    allowing(policies).flat_map(|(attached, statement)| of(attached, statement)).collect()
}

/// Those by which policies allow a request; several where it is granted more than once.
pub fn granting(policies: &[Attached], request: &Request) -> Vec<Grant> {
    let about = allowing(policies).filter(|(_, each)| each.is_about(request).is_some());
    about
        .flat_map(|(attached, statement)| {
            let (actions, resources) = statement.matching(request);
            each(attached, statement, &actions, &resources)
        })
        .collect()
}

fn allowing(policies: &[Attached]) -> impl Iterator<Item = (&Attached, &Statement)> {
    let statements = policies
        .iter()
        .flat_map(|attached| attached.policy.statements().iter().map(move |each| (attached, each)));
    statements.filter(|(_, statement)| statement.effect == Effect::Allow)
}

fn each(
    attached: &Attached,
    statement: &Statement,
    actions: &[String],
    resources: &[String],
) -> Vec<Grant> {
    let grant = |action: &String, resource: &String| Grant {
        policy: attached.name.clone(),
        statement: statement.name.clone(),
        action: action.clone(),
        resource: resource.clone(),
    };
    let of = |action| resources.iter().map(move |resource| grant(action, resource));
    actions.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{Caller, Keys, Policy};
    use super::*;

    fn attached(statements: &Value) -> Vec<Attached> {
        let document = json!({"Version": "2012-10-17", "Statement": statements});
        vec![Attached { name: "p".to_owned(), policy: Policy::of_identity(&document).unwrap() }]
    }

    fn request(action: &str, resource: &str) -> Request {
        Request {
            caller: Caller::Root("1".to_owned()),
            action: action.to_owned(),
            resource: resource.to_owned(),
            keys: Keys::default().with("aws:PrincipalTag/team", "a"),
        }
    }

    fn shown(grants: &[Grant]) -> Vec<String> {
        let shown =
            |each: &Grant| format!("{}: {} on {}", each.statement, each.action, each.resource);
        grants.iter().map(shown).collect()
    }

    #[test]
    fn each_action_on_each_resource_of_a_statement_is_a_grant_of_its_own() {
        let policies = attached(&json!([
            {"Sid": "Read", "Effect": "Allow", "Action": ["sqs:Receive*", "sqs:DeleteMessage"], "Resource": ["q?", "${aws:PrincipalTag/team, 'x'}"]},
            {"Effect": "Deny", "Action": "*", "Resource": "*"},
            {"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "NotResource": "z"},
        ]));
        let all = [
            "Read: sqs:Receive* on q?",
            "Read: sqs:Receive* on ${aws:PrincipalTag/team, 'x'}",
            "Read: sqs:DeleteMessage on q?",
            "Read: sqs:DeleteMessage on ${aws:PrincipalTag/team, 'x'}",
            "statement 3: all but iam:*, sts:* on all but z",
        ];
        assert_eq!(shown(&grants(&policies)), all);
        let of = |action, resource| shown(&granting(&policies, &request(action, resource)));
        assert_eq!(of("sqs:ReceiveMessage", "q1"), [all[0], all[4]]);
        assert_eq!(of("SQS:receivemessage", "a"), [all[1], all[4]]);
        assert_eq!(of("sqs:SendMessage", "q1"), [all[4]]);
        assert_eq!(of("sts:AssumeRole", "q1"), <[&str; 0]>::default());
        assert_eq!(of("sqs:ReceiveMessage", "z"), <[&str; 0]>::default());
    }

    #[test]
    fn a_statement_whose_condition_is_not_met_grants_nothing() {
        let policies = attached(&json!([
            {"Effect": "Allow", "Action": "sqs:*", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "b"}}},
        ]));
        assert_eq!(granting(&policies, &request("sqs:SendMessage", "q")), []);
        assert_eq!(grants(&policies).len(), 1);
    }
}
