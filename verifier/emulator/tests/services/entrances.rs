//! What brings messages and requests into a stack and is not emulated: a template with it is refused by its name, and comes
//! up without it if the user leaves it out.

use serde_json::{Map, Value, json};
use verifier_emulator::{Emulator, EmulatorConfig, Template};

use crate::support::{config, function, mapping, permission, probe, queues, resources};

/// A stack with the queue `Jobs`, whose messages `Probe` works off, and more.
fn document(more: &Value) -> Value {
    let parts =
        queues().into_iter().chain([("Probe", probe(json!({}))), ("Map", mapping(json!({})))]);
    let mut all = resources(parts);
    if let (Some(all), Some(more)) = (all.as_object_mut(), more.as_object()) {
        all.extend(more.clone());
    }
    json!({"Resources": all})
}

async fn started(config: EmulatorConfig) -> Result<Vec<String>, String> {
    let emulator = Emulator::start(config).await.map_err(|error| error.to_string())?;
    let warnings = emulator.warnings();
    emulator.shut_down().await;
    Ok(warnings)
}

fn one(resource_type: &str, properties: &Value) -> Value {
    json!({"Way": {"Type": resource_type, "Properties": properties}})
}

/// Each with the words by which it is refused.
fn ways() -> Vec<(Value, &'static str)> {
    let queue = json!({"Fn::GetAtt": ["Jobs", "Arn"]});
    let worker = json!({"Fn::GetAtt": ["Probe", "Arn"]});
    let url = json!({"Ref": "Jobs"});
    let task =
        json!({"Fn::Sub": "{\"States\": {\"A\": {\"Parameters\": {\"QueueUrl\": \"${Jobs}\"}}}}"});
    vec![
        (
            one(
                "AWS::SNS::Subscription",
                &json!({"Protocol": "sqs", "TopicArn": "arn:aws:sns:r:1:t", "Endpoint": queue}),
            ),
            "Way (AWS::SNS::Subscription) delivers what is published to a topic to the queue Jobs (Endpoint)",
        ),
        (
            one(
                "AWS::SNS::Topic",
                &json!({"Subscription": [{"Protocol": "lambda", "Endpoint": worker}]}),
            ),
            "Way (AWS::SNS::Topic) delivers what is published to it to the function Probe (Subscription.0.Endpoint)",
        ),
        (
            one(
                "AWS::Events::Rule",
                &json!({"Targets": [{"Id": "a", "Arn": queue}, {"Id": "b", "Arn": worker}]}),
            ),
            "Way (AWS::Events::Rule) delivers events to the queue Jobs (Targets.0.Arn), the function Probe (Targets.1.Arn)",
        ),
        (
            one(
                "AWS::Scheduler::Schedule",
                &json!({"Target": {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": {"Fn::Sub": "{\"QueueUrl\": \"${Jobs}\"}"}}}),
            ),
            "Way (AWS::Scheduler::Schedule) delivers on a schedule to the queue Jobs (Target.Input)",
        ),
        (
            one("AWS::Pipes::Pipe", &json!({"Source": queue, "Target": "arn:aws:states:r:1:x"})),
            "Way (AWS::Pipes::Pipe) is a pipe from or to the queue Jobs (Source)",
        ),
        (
            one(
                "AWS::S3::Bucket",
                &json!({"NotificationConfiguration": {"QueueConfigurations": [{"Event": "s3:*", "Queue": queue}]}}),
            ),
            "Way (AWS::S3::Bucket) notifies of its objects the queue Jobs (NotificationConfiguration.QueueConfigurations.0.Queue)",
        ),
        (
            one("AWS::StepFunctions::StateMachine", &json!({"DefinitionString": task})),
            "Way (AWS::StepFunctions::StateMachine) has tasks that send to or invoke the queue Jobs (DefinitionString)",
        ),
        (
            one(
                "AWS::StepFunctions::StateMachine",
                &json!({"Definition": {"States": {"A": {"Parameters": {"FunctionName": {"Ref": "Probe"}}}}}}),
            ),
            "the function Probe (Definition.States.A.Parameters.FunctionName)",
        ),
        (
            one(
                "AWS::Lambda::EventInvokeConfig",
                &json!({"FunctionName": {"Ref": "Probe"}, "DestinationConfig": {"OnFailure": {"Destination": queue}}}),
            ),
            "Way (AWS::Lambda::EventInvokeConfig) delivers the results of asynchronous invocations to the queue Jobs",
        ),
        (
            one(
                "AWS::IoT::TopicRule",
                &json!({"TopicRulePayload": {"Actions": [{"Sqs": {"QueueUrl": url}}]}}),
            ),
            "Way (AWS::IoT::TopicRule) delivers what devices publish to the queue Jobs (TopicRulePayload.Actions.0.Sqs.QueueUrl)",
        ),
        (
            one(
                "AWS::CloudFormation::Stack",
                &json!({"TemplateURL": "https://s3.amazonaws.com/a/b.yaml"}),
            ),
            "Way (AWS::CloudFormation::Stack) is a nested stack (TemplateURL)",
        ),
        (
            one("AWS::ApiGateway::RestApi", &json!({"Name": "rest"})),
            "Way (AWS::ApiGateway::RestApi) is a REST API",
        ),
        (
            one("AWS::Lambda::Url", &json!({"TargetFunctionArn": worker, "AuthType": "NONE"})),
            "Way (AWS::Lambda::Url) is the URL of a function",
        ),
        (
            one("AWS::ApiGatewayV2::Api", &json!({"Name": "socket", "ProtocolType": "WEBSOCKET"})),
            "Way (AWS::ApiGatewayV2::Api) is a WebSocket API",
        ),
        (
            one(
                "AWS::Lambda::EventSourceMapping",
                &json!({"FunctionName": {"Ref": "Probe"}, "Topics": ["t"]}),
            ),
            "Way (AWS::Lambda::EventSourceMapping) reads another source than an SQS queue (it has no EventSourceArn)",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_into_the_stack_is_refused_by_name_or_left_out() {
    for (more, words) in ways() {
        let document = document(&more);
        let refused = started(config(&document)).await.expect_err(words);
        assert!(refused.contains(words), "{refused}");
        assert!(refused.contains("leave it out with --without Way,"), "{refused}");
        let mut config = config(&document);
        config.template.leave_out(["Way".to_owned()]).expect("one that there is");
        let warnings = started(config).await.unwrap_or_else(|error| panic!("{words}: {error}"));
        let told =
            warnings.iter().any(|told| told.starts_with("Way (") && told.contains("is left out"));
        assert!(told, "{words}: {warnings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_of_a_stream_is_refused_for_its_source() {
    let stream = json!({"Fn::GetAtt": ["Table", "StreamArn"]});
    let more = json!({
        "Table": {"Type": "AWS::DynamoDB::Table"},
        "Way": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {"FunctionName": {"Ref": "Probe"}, "EventSourceArn": stream}},
    });
    let refused = started(config(&document(&more))).await.expect_err("a stream");
    assert!(refused.contains("Way (AWS::Lambda::EventSourceMapping) reads another source than an SQS queue (EventSourceArn)"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_them_are_in_one_error() {
    let mut all = Map::new();
    for (index, (more, _)) in ways().into_iter().enumerate() {
        all.insert(format!("Way{index}"), more["Way"].clone());
    }
    let refused = started(config(&document(&Value::Object(all)))).await.expect_err("many");
    for index in 0..ways().len() {
        assert!(refused.contains(&format!("Way{index} (")), "{refused}");
        assert!(refused.contains(&format!("Way{index},")), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leads_elsewhere_and_what_names_a_queue_only_comes_up() {
    let queue = json!({"Fn::GetAtt": ["Jobs", "Arn"]});
    for (kind, properties, is_told) in [
        ("AWS::SNS::Subscription", json!({"Protocol": "email", "Endpoint": "a@b.example"}), false),
        ("AWS::SNS::Topic", json!({"TopicName": "t"}), false),
        (
            "AWS::Events::Rule",
            json!({"Targets": [{"Id": "a", "Arn": "arn:aws:sqs:r:1:other"}]}),
            false,
        ),
        ("AWS::CloudWatch::Dashboard", json!({"DashboardBody": {"Fn::Sub": "${Jobs.Arn}"}}), false),
        ("AWS::SSM::Parameter", json!({"Value": queue}), false),
        ("Custom::Own", json!({"Queue": queue}), false),
        (
            "AWS::ECS::TaskDefinition",
            json!({"ContainerDefinitions": [{"Environment": [{"Value": {"Ref": "Jobs"}}]}]}),
            true,
        ),
        (
            "AWS::EC2::Instance",
            json!({"UserData": {"Fn::Base64": "x"}, "Tags": [{"Key": "q", "Value": queue}]}),
            true,
        ),
    ] {
        let document = document(&one(kind, &properties));
        let warnings = started(config(&document)).await.unwrap_or_else(|error| panic!("{error}"));
        let told = warnings
            .iter()
            .any(|told| told.starts_with("Way (") && told.contains("names the queue Jobs"));
        assert_eq!(told, is_told, "{kind}: {warnings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_nothing_invokes_is_there_for_clients_or_missed_with_a_word() {
    let of = |runtime: &str| {
        json!({"Type": "AWS::Lambda::Function", "Properties": {
            "Code": {"ZipFile": "x"}, "Handler": "index.handler", "Role": "arn:aws:iam::000000000000:role/other", "Runtime": runtime,
        }})
    };
    let token = json!({"Fn::GetAtt": ["Alone", "Arn"]});
    for (runtime, more, is_told) in [
        ("python3.13", json!({}), false),
        ("ruby3.3", json!({}), true),
        (
            "ruby3.3",
            json!({"Use": {"Type": "Custom::Own", "Properties": {"ServiceToken": token}}}),
            false,
        ),
    ] {
        let mut alone = of(runtime);
        if runtime.starts_with("ruby") {
            alone["Properties"]["Code"] = json!({"S3Bucket": "b", "S3Key": "k"});
        }
        let mut more = more;
        more["Alone"] = alone;
        let emulator = Emulator::start(config(&document(&more))).await.expect("it is up");
        let is_there = emulator.stack().functions.iter().any(|each| each.logical_id == "Alone");
        let told = emulator.warnings().iter().any(|told| {
            told.starts_with("Alone (AWS::Lambda::Function) is invoked by nothing here")
        });
        let is_listed = emulator.stack().skipped.iter().any(|each| each.logical_id == "Alone");
        emulator.shut_down().await;
        let can_be_run = runtime.starts_with("python");
        assert_eq!((is_there, told, is_listed), (can_be_run, is_told, !can_be_run), "{runtime}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_in_a_bucket_code_is_need_not_be_known() {
    let key = json!({"Fn::Select": [1, {"Fn::Split": ["||", "x"]}]});
    let mut own = function(
        "probe.py",
        json!({"Code": {"S3Bucket": {"Fn::ImportValue": "assets"}, "S3Key": key}}),
    );
    own.as_object_mut().expect("a resource").remove("Metadata");
    let mut map = mapping(json!({"FunctionName": {"Ref": "Own"}, "BatchSize": 2}));
    map["Properties"]["EventSourceArn"] = json!({"Fn::GetAtt": ["Dead", "Arn"]});
    let more = json!({"Own": own, "MapOwn": map});
    let refused = started(config(&document(&more))).await.expect_err("code elsewhere");
    assert!(refused.contains("the function Own cannot be run"), "{refused}");
    assert!(refused.contains("--code Own=PATH"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_is_left_out_takes_its_parts_along() {
    let of = |kind: &str, more: Value| {
        let mut properties = json!({"ApiId": {"Ref": "Way"}});
        properties
            .as_object_mut()
            .expect("properties")
            .extend(more.as_object().expect("a map").clone());
        json!({"Type": format!("AWS::ApiGatewayV2::{kind}"), "Properties": properties})
    };
    let more = json!({
        "Way": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "s", "ProtocolType": "WEBSOCKET"}},
        "To": of("Integration", json!({"IntegrationType": "AWS_PROXY", "IntegrationUri": {"Fn::GetAtt": ["Talk", "Arn"]}})),
        "Route": of("Route", json!({"RouteKey": "$connect", "Target": {"Fn::Sub": "integrations/${To}"}})),
        "Stage": of("Stage", json!({"StageName": "live", "AutoDeploy": true})),
        "Talk": function("probe.py", json!({})),
        "May": permission("Talk"),
    });
    let mut config = config(&document(&more));
    config.template.leave_out(["Way".to_owned()]).expect("one that there is");
    let warnings = started(config).await.unwrap_or_else(|error| panic!("{error}"));
    for part in ["Way", "To", "Route", "Stage"] {
        assert!(warnings.iter().any(|told| told.starts_with(&format!("{part} ("))), "{warnings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_looked_up_elsewhere_is_asked_for_at_once() {
    let variables = json!({"A": "{{resolve:ssm:/a}}", "B": {"Fn::ImportValue": "b"}, "C": {"Fn::Sub": ["${x}", {"x": {"Fn::ImportValue": "c"}}]}});
    let more = json!({
        "Probe": probe(json!({"Environment": {"Variables": variables}, "VpcConfig": {"SubnetIds": [{"Fn::ImportValue": "subnet"}]}})),
        "Other": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": "{{resolve:ssm:/delay}}"}},
    });
    let refused = started(config(&document(&more))).await.expect_err("values");
    for name in ["/a", "/delay", "b", "c"] {
        assert!(refused.contains(&format!("--value '{name}=VALUE'")), "{refused}");
    }
    assert!(refused.contains("Probe.Environment.Variables.A needs /a"), "{refused}");
    assert!(!refused.contains("subnet"), "{refused}");
}

#[test]
fn only_what_there_is_can_be_left_out() {
    let mut template = Template::parse(&document(&json!({})).to_string()).expect("a template");
    let refused = template.leave_out(["Nope".to_owned()]).expect_err("nothing").to_string();
    assert!(refused.contains("no resource Nope"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_effect_here_may_refer_to_what_is_not_known() {
    let group = json!({"Fn::GetAtt": ["Group", "Endpoint.Address"]});
    let more = json!({
        "Group": {"Type": "AWS::RDS::DBInstance"},
        "Probe": probe(json!({"VpcConfig": {"SecurityGroupIds": [group]}})),
    });
    let warnings = started(config(&document(&more))).await;
    assert_eq!(warnings, Ok(Vec::new()));
    let more = json!({
        "Group": {"Type": "AWS::RDS::DBInstance"},
        "Probe": probe(json!({"Environment": {"Variables": {"GROUP": group}}})),
    });
    let refused = started(config(&document(&more))).await.expect_err("a variable");
    assert!(
        refused.contains("Probe.Environment.Variables.GROUP needs the attribute Endpoint.Address"),
        "{refused}"
    );
}
