//! `iam.least`: what it lists can be taken out of the stack's roles, and nothing else can.
#![allow(clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::{Checked, check_local};
use verifier_testkit::template;

/// An action of a role's statement: the policy by its logical id, the statement by its place, and the action.
type Granted = (String, usize, String);

/// The policies of roles, each with its logical id and its statements, but for those of the roles that are named.
fn policies<'a>(document: &'a Value, but: &[String]) -> Vec<(&'a String, &'a Value)> {
    let resources = document["Resources"].as_object().expect("resources");
    let of_type = resources.iter().filter(|(_, each)| each["Type"] == "AWS::IAM::Policy");
    let is_wanted = |policy: &Value| {
        let role = policy["Properties"]["Roles"][0]["Ref"].as_str();
        !but.iter().any(|other| Some(other.as_str()) == role)
    };
    of_type
        .filter(|(_, each)| is_wanted(each))
        .map(|(id, each)| (id, &each["Properties"]["PolicyDocument"]["Statement"]))
        .collect()
}

fn texts(value: &Value) -> Vec<String> {
    let all = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Every action that the template's roles are granted which a check uses.
fn granted(checked: &Checked) -> Vec<Granted> {
    let idle = texts(&checked.find("iam.least")["evidence"]["rolesNotUsed"]);
    let mut all = Vec::new();
    template(|changes| {
        for (id, statements) in policies(changes.document(), &idle) {
            for (place, statement) in statements.as_array().expect("statements").iter().enumerate()
            {
                let actions = texts(&statement["Action"]);
                all.extend(actions.into_iter().map(|action| (id.clone(), place, action)));
            }
        }
    });
    all
}

/// A check of the stack without these.
fn check_without(taken: &[Granted]) -> Checked {
    let changed = template(|changes| {
        for (id, place, action) in taken {
            let statement = &mut changes.document()["Resources"][id]["Properties"]["PolicyDocument"]
                ["Statement"][place];
            let mut left = texts(&statement["Action"]);
            left.retain(|each| each != action);
            // A statement has at least one; this is no action of the functions'.
            left.push("sts:GetCallerIdentity".to_owned());
            statement["Action"] = left.into();
        }
    });
    check_local(&["--template", changed.path().to_str().expect("a path")])
}

fn unused(checked: &Checked) -> Vec<String> {
    let least = checked.find("iam.least");
    let unused = least["evidence"]["unused"].as_array().expect("grants");
    unused.iter().filter_map(|each| each["action"].as_str()).map(str::to_owned).collect()
}

#[test]
fn each_grant_is_listed_or_its_absence_is_denied_by_name() {
    let whole = check_without(&[]);
    let listed = unused(&whole);
    assert_eq!(listed, ["sqs:ChangeMessageVisibility", "sqs:GetQueueUrl"]);
    for grant in granted(&whole).into_iter().filter(|(_, _, action)| !listed.contains(action)) {
        let checked = check_without(std::slice::from_ref(&grant));
        let action = &grant.2;
        let told = format!("{}{}", checked.report["checks"], checked.stderr);
        assert_ne!(checked.code, Some(0), "{grant:?}: {told}");
        // CloudFormation says "to call ReceiveMessage on SQS".
        let (_, operation) = action.split_once(':').expect("a service and an operation");
        assert!(told.contains(operation), "{grant:?} is not named: {told}");
        // Without what its poller needs, a mapping is not made, and the stack does not come up.
        if checked.code == Some(1) {
            let summary = checked.find("iam.enough")["summary"].to_string();
            assert!(summary.contains(action.as_str()), "{grant:?}: {told}");
        }
    }
}

#[test]
fn what_is_listed_can_be_taken_out_and_nothing_is_listed_any_more() {
    let whole = check_without(&[]);
    let listed = unused(&whole);
    let taken: Vec<Granted> =
        granted(&whole).into_iter().filter(|(_, _, action)| listed.contains(action)).collect();
    assert_eq!(taken.len(), listed.len());
    let checked = check_without(&taken);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    // Those stand in for what was taken out.
    assert_eq!(unused(&checked), ["sts:GetCallerIdentity", "sts:GetCallerIdentity"]);
}

#[test]
fn without_jobs_or_without_iam_it_says_nothing() {
    for arguments in [["--only", "iam.least"].as_slice(), &["--no-iam"]] {
        let checked = check_local(arguments);
        assert_eq!(checked.find("iam.least")["verdict"], json!("not-run"), "{arguments:?}");
    }
}
