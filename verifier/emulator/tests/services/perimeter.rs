//! Policies that let in only what is of an organisation, and those of which nothing is known here.

use serde_json::{Value, json};
use verifier_emulator::{Emulator, Stack};

use crate::support::{Stand, config, mapping, probe, queues, resources, role};

const OURS: &str = "o-a1b2c3d4e5";

/// A stack of the queues, and of a mapping to a function whose role may do all; with conditions on who may read the queue,
/// send to it, and assume the role.
fn document(of_queue: &Value, of_trust: &Value) -> Value {
    let own = json!({"Role": {"Fn::GetAtt": ["Role", "Arn"]}});
    let statements = json!([
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "sqs:*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:ResourceOrgID": OURS}}},
    ]);
    let mut role = role(&statements);
    role["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Condition"] = of_trust.clone();
    let perimeter = json!({"Type": "AWS::SQS::QueuePolicy", "Properties": {
        "Queues": [{"Ref": "Jobs"}],
        "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
            "Sid": "Perimeter", "Effect": "Deny", "Principal": "*", "Action": "sqs:*",
            "Resource": {"Fn::GetAtt": ["Jobs", "Arn"]}, "Condition": of_queue,
        }]},
    }});
    json!({"Resources": resources(queues().into_iter().chain([
        ("Probe", probe(own)),
        ("Role", role),
        ("Mapping", mapping(json!({}))),
        ("Perimeter", perimeter),
    ]))})
}

fn noted(stack: &Stack) -> String {
    stack.notes().join("\n")
}

/// Whether messages may be sent to the queue, and are worked off.
async fn works(document: &Value) -> (bool, String) {
    let stand = match Emulator::start(config(document)).await {
        Ok(emulator) => {
            emulator.shut_down().await;
            Stand::of(config(document)).await
        }
        Err(error) => return (false, error.to_string()),
    };
    let sent = stand.sqs.send_message().queue_url(stand.queue_url("jobs")).message_body("small");
    let sent = sent.send().await.is_ok();
    stand.wait(5).await;
    let is_gone = stand.counts("dead").await == (0, 0);
    let notes = noted(stand.emulator.stack());
    stand.emulator.shut_down().await;
    (sent && is_gone, notes)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_is_in_the_organisation_that_the_policies_name() {
    let of_source = json!({"StringEquals": {"aws:SourceOrgID": OURS}});
    for of_queue in [
        json!({"StringNotEquals": {"aws:PrincipalOrgID": OURS}}),
        json!({"StringNotEqualsIfExists": {"aws:PrincipalOrgID": [OURS]}}),
        json!({"StringNotEquals": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}}),
        json!({"ForAllValues:StringNotLike": {"aws:PrincipalOrgPaths": format!("{OURS}/r-ab12/ou-ab12-11111111/*")}}),
    ] {
        let (works, noted) = works(&document(&of_queue, &of_source)).await;
        assert!(works, "{of_queue}: {noted}");
        assert!(noted.contains(&format!("in the organisation {OURS}")), "{noted}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_organisations_none_is_guessed_and_that_is_said() {
    let of_queue = json!({"StringNotEquals": {"aws:PrincipalOrgID": [OURS, "o-f1b2c3d4e5"]}});
    let mut document = document(&of_queue, &json!({}));
    document["Resources"].as_object_mut().expect("resources").remove("Mapping");
    let stand = Stand::of(config(&document)).await;
    let noted = noted(stand.emulator.stack());
    for part in [OURS, "o-f1b2c3d4e5", "in none of them", "--no-iam"] {
        assert!(noted.contains(part), "{noted}");
    }
    let sent = stand.sqs.send_message().queue_url(stand.queue_url("jobs")).message_body("small");
    assert!(sent.send().await.is_err(), "it is of none that the queue lets in");
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_not_known_is_told_and_one_of_the_template_limits_by_whatever_account() {
    let boundary = |arn: Value| {
        let mut document = document(&json!({"Null": {"aws:SourceIp": "true"}}), &json!({}));
        document["Resources"]["Role"]["Properties"]["PermissionsBoundary"] = arn;
        document
    };
    let arn = "arn:aws:iam::111122223333:policy/team/boundary";
    let (works_with_unknown, noted) = works(&boundary(json!(arn))).await;
    assert!(works_with_unknown, "{noted}");
    let says =
        format!("Role (AWS::IAM::Role) has a permissions boundary that limits nothing here: {arn}");
    assert!(noted.contains(&says), "{noted}");

    let mut own = boundary(json!("arn:aws:iam::111122223333:policy/boundary"));
    own["Resources"]["Boundary"] = json!({"Type": "AWS::IAM::ManagedPolicy", "Properties": {
        "ManagedPolicyName": "boundary",
        "PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]},
    }});
    let (works_with_own, refused) = works(&own).await;
    assert!(!works_with_own && refused.contains("does not have permissions to call"), "{refused}");

    let mut granted = document(&json!({"Null": {"aws:SourceIp": "true"}}), &json!({}));
    granted["Resources"]["Role"]["Properties"]["ManagedPolicyArns"] = json!([
        "arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess",
        "arn:aws:iam::111122223333:policy/AmazonSQSFullAccess"
    ]);
    let (_, noted) = works(&granted).await;
    for name in [
        "grant nothing here",
        "AmazonDynamoDBFullAccess",
        "111122223333:policy/AmazonSQSFullAccess",
    ] {
        assert!(noted.contains(name), "{noted}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_managed_policy_is_refused_by_the_role_s_name() {
    for (property, value, says) in [
        ("PermissionsBoundary", json!("boundary"), "ARN boundary is not valid."),
        ("ManagedPolicyArns", json!(["AWSLambdaRole"]), "ARN AWSLambdaRole is not valid."),
        (
            "ManagedPolicyArns",
            json!(["arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole"]),
            "does not exist or is not attachable.",
        ),
    ] {
        let mut document = document(&json!({"Null": {"aws:SourceIp": "true"}}), &json!({}));
        document["Resources"]["Role"]["Properties"][property] = value;
        let error = Emulator::start(config(&document)).await.err().expect("a refusal").to_string();
        assert!(error.contains("Role (AWS::IAM::Role)") && error.contains(says), "{error}");
    }
}
