//! The decision beside one that reads the documents as they stand: of few actions, resources and keys, without patterns.

use proptest::prelude::*;
use serde_json::{Value, json};
use verifier_model::iam::{
    Attached, Caller, Keys, Policies, Policy, Request, ResourceRule, decide,
};

use super::{ACCOUNT, shown};

const USER: &str = "arn:aws:iam::123456789012:user/bob";
const ROLE: &str = "arn:aws:iam::123456789012:role/worker";
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/worker/function";
const ELSEWHERE: &str = "arn:aws:iam::999999999999:user/eve";
const ACTIONS: [&str; 2] = ["sqs:SendMessage", "sqs:ReceiveMessage"];
const KEY: &str = "aws:PrincipalTag/team";

fn statement() -> impl Strategy<Value = Value> {
    let effect = prop_oneof![3 => Just("Allow"), 1 => Just("Deny")];
    let actions = prop_oneof![Just(json!("*")), Just(json!(ACTIONS[0])), Just(json!(ACTIONS[1]))];
    let condition = prop_oneof![
        3 => Just(None),
        1 => Just(Some(json!({"StringEquals": {KEY: "red"}}))),
        1 => Just(Some(json!({"StringNotEquals": {KEY: "red"}}))),
        1 => Just(Some(json!({"StringEqualsIfExists": {KEY: "red"}}))),
        1 => Just(Some(json!({"Null": {KEY: "true"}}))),
    ];
    (effect, any::<bool>(), actions, condition).prop_map(|(effect, is_not, action, condition)| {
        let mut statement = json!({"Effect": effect, "Resource": "*"});
        statement[if is_not { "NotAction" } else { "Action" }] = action;
        if let Some(condition) = condition {
            statement["Condition"] = condition;
        }
        statement
    })
}

fn policy() -> impl Strategy<Value = Value> {
    prop::collection::vec(statement(), 0..3)
        .prop_map(|statements| json!({"Version": "2012-10-17", "Statement": statements}))
}

fn resource_policy() -> impl Strategy<Value = Value> {
    let principals = [
        json!("*"),
        json!({"AWS": ACCOUNT}),
        json!({"AWS": USER}),
        json!({"AWS": ROLE}),
        json!({"AWS": [SESSION, "999999999999"]}),
        json!({"Service": "sns.amazonaws.com"}),
    ];
    let named = (statement(), prop::sample::select(principals.to_vec())).prop_map(
        |(mut statement, principal)| {
            statement["Principal"] = principal;
            statement
        },
    );
    prop::collection::vec(named, 0..3)
        .prop_map(|statements| json!({"Version": "2012-10-17", "Statement": statements}))
}

fn callers() -> [Caller; 6] {
    [
        Caller::Anonymous,
        Caller::Root(ACCOUNT.to_owned()),
        Caller::User(USER.to_owned()),
        Caller::Session { role: ROLE.to_owned(), session: SESSION.to_owned() },
        Caller::User(ELSEWHERE.to_owned()),
        Caller::Service("sns.amazonaws.com".to_owned()),
    ]
}

/// The statements of a document with that effect that are about an action and a team.
fn about<'a>(policy: &'a Value, effect: &str, action: &str, team: Option<&str>) -> Vec<&'a Value> {
    let is_about = |statement: &&Value| {
        let named = |name: &str| statement.get(name).map(|value| value == "*" || value == action);
        let is_action = named("Action").unwrap_or_else(|| !named("NotAction").unwrap());
        let is_met = match statement.get("Condition").map(Value::to_string) {
            None => true,
            Some(text) if text.contains("StringNotEquals") => team != Some("red"),
            Some(text) if text.contains("IfExists") => team.is_none_or(|team| team == "red"),
            Some(text) if text.contains("Null") => team.is_none(),
            Some(_) => team == Some("red"),
        };
        statement["Effect"] == effect && is_action && is_met
    };
    policy["Statement"].as_array().unwrap().iter().filter(is_about).collect()
}

/// All that a caller is, as a principal.
fn names(caller: &Caller) -> Vec<&str> {
    match caller {
        Caller::Anonymous => vec!["*"],
        Caller::Root(_) | Caller::User(_) if *caller != Caller::User(ELSEWHERE.to_owned()) => {
            let own = if matches!(caller, Caller::User(_)) { USER } else { ACCOUNT };
            vec!["*", ACCOUNT, own]
        }
        Caller::Session { .. } => vec!["*", ACCOUNT, ROLE, SESSION],
        Caller::Service(service) => vec!["*", service],
        _ => vec!["*", "999999999999"],
    }
}

fn names_in(statement: &Value) -> String {
    statement["Principal"].to_string()
}

/// As AWS's flow chart, read from its top to its end.
fn naively(
    caller: &Caller,
    action: &str,
    team: Option<&str>,
    [own, boundary, resource]: [&Value; 3],
) -> bool {
    let is_named =
        |statement: &&Value, name: &str| names_in(statement).contains(&format!("\"{name}\""));
    let at_resource = |effect: &str| -> Vec<&Value> {
        let all = about(resource, effect, action, team);
        all.into_iter()
            .filter(|each| names(caller).iter().any(|name| is_named(each, name)))
            .collect()
    };
    let is_ours = !matches!(caller, Caller::Anonymous | Caller::Service(_));
    let says = |policy: &Value, effect: &str| !about(policy, effect, action, team).is_empty();
    if !at_resource("Deny").is_empty() || is_ours && (says(own, "Deny") || says(boundary, "Deny")) {
        return false;
    }
    let allowed = at_resource("Allow");
    let names_it = |name: &str| allowed.iter().any(|each| is_named(each, name));
    let by_itself = says(own, "Allow") && says(boundary, "Allow");
    match caller {
        Caller::Anonymous | Caller::Service(_) => !allowed.is_empty(),
        Caller::Root(_) => true,
        Caller::User(user) if user == ELSEWHERE => by_itself && !allowed.is_empty(),
        Caller::User(_) => names_it("*") || names_it(USER) || by_itself,
        Caller::Session { .. } => {
            let itself = names_it("*") || names_it(SESSION);
            itself || names_it(ROLE) && says(boundary, "Allow") || by_itself
        }
    }
}

fn attached(policy: Policy) -> Attached {
    Attached { name: "policy".to_owned(), policy }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn it_decides_as_the_flow_chart_does(
        own in policy(),
        boundary in policy(),
        resource in resource_policy(),
        caller in prop::sample::select(callers().to_vec()),
        action in prop::sample::select(ACTIONS.to_vec()),
        team in prop::sample::select(vec![None, Some("red"), Some("blue")]),
    ) {
        let is_ours = !matches!(caller, Caller::Anonymous | Caller::Service(_));
        let identity = [attached(Policy::of_identity(&own).unwrap())];
        let limit = attached(Policy::of_identity(&boundary).unwrap());
        let of_resource = attached(Policy::of_resource(&resource).unwrap());
        let policies = Policies {
            identity: if is_ours { &identity } else { &[] },
            boundary: is_ours.then_some(&limit),
            session: None,
            resource: Some(&of_resource),
            resource_account: ACCOUNT,
            rule: ResourceRule::Either,
        };
        let keys = team.map_or(Keys::default(), |team| Keys::default().with(KEY, team));
        let request = Request {
            caller: caller.clone(),
            action: action.to_owned(),
            resource: "arn:aws:sqs:eu-west-1:123456789012:jobs".to_owned(),
            keys,
        };
        let expected = naively(&caller, action, team, [&own, &boundary, &resource]);
        prop_assert_eq!(shown(&decide(&request, &policies)) == "allowed", expected);
    }
}
