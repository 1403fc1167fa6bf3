//! How AWS evaluates policies: what its documentation says of many requests, documents that it refuses, and the decision
//! beside one that is written another way.

#![allow(clippy::unwrap_used, clippy::panic)]

mod naive;
mod refused;

use serde::Deserialize;
use serde_json::Value;
use verifier_model::iam::{
    Attached, Caller, Decision, Denial, Keys, Policies, Policy, PolicyKind, Request, ResourceRule,
    decide,
};

const CASES: &str = include_str!("cases.json");
const ACCOUNT: &str = "123456789012";

/// Requests under the same policies, and the page that says what becomes of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    page: String,
    about: String,
    #[serde(default)]
    identity: Vec<Value>,
    boundary: Option<Value>,
    session: Option<Vec<Value>>,
    resource: Option<Value>,
    trust: Option<Value>,
    rule: Option<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    expect: String,
    action: String,
    resource: String,
    caller: Option<Value>,
    #[serde(default)]
    keys: serde_json::Map<String, Value>,
}

fn caller(value: Option<&Value>) -> Caller {
    let user = Value::from("arn:aws:iam::123456789012:user/bob");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    match value {
        None => Caller::User(text(&user)),
        Some(Value::String(_)) => Caller::Anonymous,
        Some(value) => {
            let at = |name: &str| value.get(name).map(text);
            let session = |role| Caller::Session { role, session: at("session").unwrap() };
            let user = at("user").map(Caller::User);
            user.or_else(|| at("root").map(Caller::Root))
                .or_else(|| at("service").map(Caller::Service))
                .or_else(|| at("role").map(session))
                .unwrap()
        }
    }
}

fn keys(values: &serde_json::Map<String, Value>) -> Keys {
    values.iter().fold(Keys::default(), |keys, (name, value)| match value {
        Value::Array(values) => {
            keys.with_all(name, values.iter().map(|value| value.as_str().unwrap().to_owned()))
        }
        value => keys.with(name, value.as_str().unwrap()),
    })
}

fn attached(policy: Policy) -> Attached {
    Attached { name: "policy".to_owned(), policy }
}

/// What came of a request: `allowed`, `explicit`, or of which kind a policy is missing.
fn shown(decision: &Decision) -> String {
    match decision {
        Decision::Allowed(_) => "allowed".to_owned(),
        Decision::Denied(Denial::Explicit(_)) => "explicit".to_owned(),
        Decision::Denied(Denial::Implicit(kind)) => {
            let kind = match kind {
                PolicyKind::Identity => "identity",
                PolicyKind::Boundary => "boundary",
                PolicyKind::Session => "session",
                PolicyKind::Resource => "resource",
            };
            format!("implicit by {kind}")
        }
    }
}

impl Group {
    /// What comes of each of its requests.
    fn decided(&self) -> Vec<String> {
        let identity = |value: &Value| attached(Policy::of_identity(value).unwrap());
        let all = |values: &[Value]| values.iter().map(identity).collect::<Vec<_>>();
        let own = all(&self.identity);
        let boundary = self.boundary.as_ref().map(identity);
        let session = self.session.as_deref().map(all);
        let resource = self.resource.as_ref().map(|value| Policy::of_resource(value).unwrap());
        let trust = self.trust.as_ref().map(|value| Policy::of_trust(value).unwrap());
        let resource = resource.or(trust).map(attached);
        let is_needed = self.rule.as_deref() == Some("resource");
        let policies = Policies {
            identity: &own,
            boundary: boundary.as_ref(),
            session: session.as_deref(),
            resource: resource.as_ref(),
            resource_account: ACCOUNT,
            rule: if is_needed { ResourceRule::Resource } else { ResourceRule::Either },
        };
        let decided = |case: &Case| {
            let request = Request {
                caller: caller(case.caller.as_ref()),
                action: case.action.clone(),
                resource: case.resource.clone(),
                keys: keys(&case.keys),
            };
            shown(&decide(&request, &policies))
        };
        self.cases.iter().map(decided).collect()
    }
}

#[test]
fn what_the_documentation_says_of_requests() {
    let groups: Vec<Group> = serde_json::from_str(CASES).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for group in &groups {
        assert!(group.page.starts_with("https://docs.aws.amazon.com/"), "{}", group.page);
        for (index, (case, decided)) in group.cases.iter().zip(group.decided()).enumerate() {
            count += 1;
            // Where no policy of its own is in the way, which kind is missing is not the point.
            let expected =
                if case.expect == "implicit" { "implicit by identity" } else { &case.expect };
            if decided != expected {
                wrong.push(format!(
                    "{}, request {}: {decided}, not {expected}",
                    group.about,
                    index + 1
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count >= 150, "{count} requests");
}

#[test]
fn a_denial_says_as_aws_does_who_may_not_do_what_and_why() {
    let role = "arn:aws:iam::123456789012:role/submit";
    let request = Request {
        caller: Caller::Session {
            role: role.to_owned(),
            session: "arn:aws:sts::123456789012:assumed-role/submit/function".to_owned(),
        },
        action: "sqs:SendMessage".to_owned(),
        resource: "arn:aws:sqs:eu-west-1:123456789012:jobs".to_owned(),
        keys: Keys::default(),
    };
    let deny = serde_json::json!({"Statement": {"Sid": "NoJobs", "Effect": "Deny", "Action": "sqs:*", "Resource": "*"}});
    let deny = [attached(Policy::of_identity(&deny).unwrap())];
    let sentence = |identity: &[Attached]| {
        let policies = Policies {
            identity,
            boundary: None,
            session: None,
            resource: None,
            resource_account: ACCOUNT,
            rule: ResourceRule::Either,
        };
        match decide(&request, &policies) {
            Decision::Denied(denial) => denial.sentence(&request, "sqs:sendmessage"),
            Decision::Allowed(_) => panic!("it is allowed"),
        }
    };
    let begin = "User: arn:aws:sts::123456789012:assumed-role/submit/function is not authorized to perform: sqs:sendmessage \
                 on resource: arn:aws:sqs:eu-west-1:123456789012:jobs ";
    assert_eq!(
        sentence(&[]),
        format!("{begin}because no identity-based policy allows the sqs:sendmessage action")
    );
    assert_eq!(
        sentence(&deny),
        format!("{begin}with an explicit deny in an identity-based policy")
    );
}
