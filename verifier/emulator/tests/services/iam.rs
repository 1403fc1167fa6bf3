//! What functions may do, by the roles and policies of the template.

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use serde_json::{Value, json};
use verifier_emulator::{Emulator, EmulatorConfig};

use crate::support::{Stand, config, mapping, permission, probe, queues, resources, role};

const JOBS: &str = "arn:aws:sqs:us-local-1:000000000000:jobs";

/// A stack of the queues and of the function `probe`, with more, whose role has these statements.
fn document(statements: &Value, more: Value) -> Value {
    let own = json!({"Role": {"Fn::GetAtt": ["Role", "Arn"]}});
    let mut all =
        resources(queues().into_iter().chain([("Probe", probe(own)), ("Role", role(statements))]));
    let Value::Object(more) = more else { return json!({}) };
    all.as_object_mut().expect("resources").extend(more);
    json!({"Resources": all})
}

fn allow(action: &str, resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": resource})
}

/// What AWS answers the function.
async fn asked(stand: &Stand, target: &str, body: Value) -> (u64, Value) {
    let event = json!({"ask": {"target": target, "body": body}}).to_string();
    let invoke = stand.lambda.invoke().function_name("probe").payload(Blob::new(event));
    let invoked = invoke.send().await.expect("an answer");
    let answer: Value =
        serde_json::from_slice(invoked.payload.expect("a payload").as_ref()).expect("JSON");
    (answer["status"].as_u64().unwrap_or_default(), answer["answer"].clone())
}

async fn sends(stand: &Stand, queue: &str) -> (u64, Value) {
    let body = json!({"QueueUrl": stand.queue_url(queue), "MessageBody": "a"});
    asked(stand, "AmazonSQS.SendMessage", body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_may_do_what_its_role_allows_and_nothing_else() {
    let stand =
        Stand::of(config(&document(&json!([allow("sqs:SendMessage", JOBS)]), json!({})))).await;
    assert_eq!(sends(&stand, "jobs").await.0, 200);
    let body =
        json!({"QueueUrl": stand.queue_url("jobs"), "Entries": [{"Id": "a", "MessageBody": "b"}]});
    assert_eq!(
        asked(&stand, "AmazonSQS.SendMessageBatch", body).await.0,
        200,
        "a batch needs no other"
    );
    let (status, refusal) = sends(&stand, "dead").await;
    assert_eq!(status, 403);
    assert_eq!(refusal["__type"], "com.amazon.coral.service#AccessDeniedException");
    let says = "User: arn:aws:sts::000000000000:assumed-role/";
    let why = "is not authorized to perform: sqs:sendmessage on resource: arn:aws:sqs:us-local-1:000000000000:dead \
               because no identity-based policy allows the sqs:sendmessage action";
    let message =
        refusal["message"].as_str().or_else(|| refusal["Message"].as_str()).expect("a message");
    assert!(message.starts_with(says) && message.ends_with(why), "{message}");
    assert_eq!(stand.counts("dead").await, (0, 0));
    // Who is no function is an administrator.
    stand.send("dead", "b").await;
    let log = json!({"logGroupName": "probe"});
    assert_eq!(asked(&stand, "Logs_20140328.FilterLogEvents", log).await.0, 403);
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_iam_a_function_may_do_everything() {
    let config = EmulatorConfig { iam: false, ..config(&document(&json!([]), json!({}))) };
    let stand = Stand::of(config).await;
    assert_eq!(sends(&stand, "dead").await.0, 200);
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_s_policy_allows_and_denies() {
    let policy = |statement: Value| {
        json!({"Type": "AWS::SQS::QueuePolicy", "Properties": {
            "Queues": [{"Ref": "Jobs"}],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        }})
    };
    let by_role = policy(json!({
        "Effect": "Allow", "Principal": {"AWS": {"Fn::GetAtt": ["Role", "Arn"]}}, "Action": "sqs:SendMessage", "Resource": "*",
    }));
    let stand = Stand::of(config(&document(&json!([]), json!({"Policy": by_role})))).await;
    assert_eq!(sends(&stand, "jobs").await.0, 200);
    assert_eq!(sends(&stand, "dead").await.0, 403);
    stand.emulator.shut_down().await;

    // The loopback counts as TLS; a denial is for administrators, too.
    let deny = |condition: Value| {
        policy(
            json!({"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*", "Condition": condition}),
        )
    };
    for (condition, is_denied) in [
        (json!({"Bool": {"aws:SecureTransport": "false"}}), false),
        (json!({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}), true),
    ] {
        let stand =
            Stand::of(config(&document(&json!([]), json!({"Policy": deny(condition)})))).await;
        let sent = stand.sqs.send_message().queue_url(stand.queue_url("jobs")).message_body("a");
        let error = sent.send().await.err();
        let code = error.as_ref().and_then(|error| error.code().map(str::to_owned));
        assert_eq!(code.is_some(), is_denied, "{error:?}");
        assert!(code.is_none_or(|code| code.contains("AccessDenied")));
        stand.emulator.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_permission_to_write_its_log_a_function_leaves_none() {
    for (action, lines) in [("logs:*", true), ("logs:PutLogEvents", false), ("sqs:*", false)] {
        let stand = Stand::of(config(&document(&json!([allow(action, "*")]), json!({})))).await;
        let event = Blob::new(json!({"wish": "print"}).to_string());
        let invoked = stand.lambda.invoke().function_name("probe").payload(event).send().await;
        assert_eq!(invoked.expect("an answer").status_code, 200, "it runs all the same");
        let logs = aws_sdk_cloudwatchlogs::Client::new(&stand.sdk);
        let found = logs.filter_log_events().log_group_name("probe").send().await;
        assert_eq!(found.is_ok_and(|found| !found.events().is_empty()), lines, "{action}");
        stand.emulator.shut_down().await;
    }
}

/// What a stack of that document is refused with, if it is.
async fn refused(document: &Value) -> Option<String> {
    match Emulator::start(config(document)).await {
        Ok(emulator) => {
            emulator.shut_down().await;
            None
        }
        Err(error) => Some(error.to_string()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_needs_a_role_that_reads_the_queue() {
    let reading = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
    let with = |actions: &[&str]| {
        let statement = json!([{"Effect": "Allow", "Action": actions, "Resource": JOBS}]);
        document(&statement, json!({"Mapping": mapping(json!({}))}))
    };
    assert_eq!(refused(&with(&reading)).await, None);
    for missing in reading {
        let others: Vec<&str> = reading.into_iter().filter(|action| *action != missing).collect();
        let error = refused(&with(&others)).await.expect("it is refused");
        let name = missing.trim_start_matches("sqs:");
        let sentence =
            format!("The function execution role does not have permissions to call {name} on SQS");
        assert!(error.starts_with("Mapping ") && error.contains(&sentence), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_has_to_be_one_that_lambda_may_assume_and_its_policies_have_to_be_policies() {
    let mut document = document(&json!([allow("sqs:*", "*")]), json!({}));
    assert_eq!(refused(&document).await, None);
    let trust = &mut document["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"];
    trust["Statement"][0]["Principal"] = json!({"Service": "ec2.amazonaws.com"});
    let error = refused(&document).await.expect("it is refused");
    assert!(
        error.contains("The role defined for the function cannot be assumed by Lambda."),
        "{error}"
    );
    for (condition, is_refused) in [
        (json!({"StringEquals": {"aws:SourceAccount": "000000000000"}}), false),
        // The account that a template names is the one that it is deployed to.
        (json!({"StringEquals": {"aws:SourceAccount": "111111111111"}}), false),
        (json!({"StringNotEquals": {"aws:SourceAccount": "111111111111"}}), true),
        (json!({"ArnLike": {"aws:SourceArn": "arn:aws:lambda:*:*:function:probe"}}), false),
        (json!({"ArnLike": {"aws:SourceArn": "arn:aws:lambda:*:*:function:other"}}), true),
    ] {
        let mut document = self::document(&json!([]), json!({}));
        let trust = &mut document["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"];
        trust["Statement"][0]["Condition"] = condition.clone();
        assert_eq!(refused(&document).await.is_some(), is_refused, "{condition}");
    }
    let wrong = json!([{"Effect": "Allow", "Action": "sqs:*", "Resource": "*", "Condition": {"StringIs": {"aws:userid": "a"}}}]);
    let error = refused(&self::document(&wrong, json!({}))).await.expect("it is refused");
    for part in ["Role (AWS::IAM::Role)", "MalformedPolicyDocument", "StringIs is no operator"] {
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn managed_policies_and_those_of_their_own_are_a_role_s_too() {
    let attached = |kind: &str, properties: Value| {
        let mut resource = json!({"Type": kind, "Properties": {
            "PolicyName": "more",
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [allow("sqs:SendMessage", "*")]},
        }});
        let all = resource["Properties"].as_object_mut().expect("properties");
        all.extend(properties.as_object().expect("properties").clone());
        json!({"More": resource})
    };
    let role = json!({"Ref": "Role"});
    for more in [
        attached("AWS::IAM::Policy", json!({"Roles": [role.clone()]})),
        attached("AWS::IAM::RolePolicy", json!({"RoleName": role.clone()})),
        attached("AWS::IAM::ManagedPolicy", json!({"Roles": [role]})),
    ] {
        let stand = Stand::of(config(&document(&json!([]), more.clone()))).await;
        assert_eq!(sends(&stand, "jobs").await.0, 200, "{more}");
        stand.emulator.shut_down().await;
    }
    for (policy, status) in [("AmazonSQSFullAccess", 200), ("AmazonSQSReadOnlyAccess", 403)] {
        let mut document = document(&json!([]), json!({}));
        let arns = json!([format!("arn:aws:iam::aws:policy/{policy}")]);
        document["Resources"]["Role"]["Properties"]["ManagedPolicyArns"] = arns;
        let stand = Stand::of(config(&document)).await;
        assert_eq!(sends(&stand, "jobs").await.0, status, "{policy}");
        stand.emulator.shut_down().await;
    }
    let mut limited = document(&json!([allow("sqs:*", "*")]), json!({}));
    limited["Resources"]["Role"]["Properties"]["PermissionsBoundary"] =
        json!("arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess");
    let stand = Stand::of(config(&limited)).await;
    let (status, refusal) = sends(&stand, "jobs").await;
    assert_eq!(status, 403);
    assert!(refusal.to_string().contains("because no permissions boundary allows"), "{refusal}");
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_of_the_role_and_of_the_queue_are_keys() {
    let condition = json!({"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}});
    let mut statement = allow("sqs:SendMessage", "*");
    statement["Condition"] = condition;
    let mut document = document(&json!([statement]), json!({}));
    let tag = |team: &str| json!([{"Key": "team", "Value": team}]);
    document["Resources"]["Role"]["Properties"]["Tags"] = tag("red");
    document["Resources"]["Jobs"]["Properties"]["Tags"] = tag("red");
    document["Resources"]["Dead"]["Properties"]["Tags"] = tag("blue");
    let stand = Stand::of(config(&document)).await;
    assert_eq!(sends(&stand, "jobs").await.0, 200);
    assert_eq!(sends(&stand, "dead").await.0, 403);
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_needs_a_permission_of_the_function_that_fits_the_route() {
    let api = |permission: Option<Value>| {
        let target = json!({"Fn::Join": ["/", ["integrations", {"Ref": "ToProbe"}]]});
        let mut more = json!({
            "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "api", "ProtocolType": "HTTP"}},
            "Stage": {"Type": "AWS::ApiGatewayV2::Stage", "Properties": {"ApiId": {"Ref": "Api"}, "StageName": "$default", "AutoDeploy": true}},
            "ToProbe": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": {
                "ApiId": {"Ref": "Api"}, "IntegrationType": "AWS_PROXY", "IntegrationUri": {"Fn::GetAtt": ["Probe", "Arn"]}, "PayloadFormatVersion": "2.0",
            }},
            "Route": {"Type": "AWS::ApiGatewayV2::Route", "Properties": {"ApiId": {"Ref": "Api"}, "RouteKey": "GET /probe", "Target": target}},
        });
        if let Some(permission) = permission {
            more["May"] = permission;
        }
        document(&json!([allow("logs:*", "*")]), more)
    };
    let of_route = |route: &str| {
        let mut permission = permission("Probe");
        permission["Properties"]["SourceArn"] = json!({"Fn::Sub": format!(
            "arn:aws:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{Api}}/{route}"
        )});
        permission
    };
    for (permission, status) in [
        (None, 500),
        (Some(permission("Probe")), 200),
        (Some(of_route("*/*/probe")), 200),
        (Some(of_route("$default/GET/probe")), 200),
        (Some(of_route("*/POST/probe")), 500),
        (Some(of_route("*/*/other")), 500),
    ] {
        let stand = Stand::of(config(&api(permission.clone()))).await;
        let id = &stand.emulator.stack().apis[0].id;
        let url = format!("{}/execute-api/{id}/probe", stand.emulator.endpoint());
        let http = verifier_aws::plain_http_client().expect("a client");
        let response = http.get(url).send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), status, "{permission:?}");
        if status == 500 {
            assert_eq!(
                response.text().await.expect("a body"),
                r#"{"message":"Internal Server Error"}"#
            );
        }
        stand.emulator.shut_down().await;
    }
}
