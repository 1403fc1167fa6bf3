//! An HTTP API's stages: where requests are served, what functions see of it, and what is served nowhere.

use std::time::Duration;

use crate::support::{Stand, config, permission, probe, role};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use verifier_emulator::Emulator;

/// An API of the function `Probe` with these stages and deployments.
fn document(routes: &[&str], more: &Value) -> Value {
    let mut resources = json!({
        "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {
            "Name": "api", "ProtocolType": "HTTP",
            "CorsConfiguration": {"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"]},
        }},
        "Probe": probe(json!({})),
        "MayProbe": permission("Probe"),
        "ToProbe": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": {
            "ApiId": {"Ref": "Api"}, "IntegrationType": "AWS_PROXY", "IntegrationUri": {"Fn::GetAtt": ["Probe", "Arn"]}, "PayloadFormatVersion": "2.0",
        }},
    });
    let all = resources.as_object_mut().expect("resources");
    for (index, key) in routes.iter().enumerate() {
        let target = json!({"Fn::Join": ["/", ["integrations", {"Ref": "ToProbe"}]]});
        let properties = json!({"ApiId": {"Ref": "Api"}, "RouteKey": key, "Target": target});
        let route = json!({"Type": "AWS::ApiGatewayV2::Route", "Properties": properties});
        all.insert(format!("Route{index}"), route);
    }
    all.extend(more.as_object().expect("resources").clone());
    let join = |parts: Value| json!({"Value": {"Fn::Join": ["", parts]}});
    let domain = json!([
        "https://", {"Ref": "Api"}, ".execute-api.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}, "/prod"
    ]);
    json!({
        "Resources": resources,
        "Outputs": {
            "Base": {"Value": {"Fn::GetAtt": ["Api", "ApiEndpoint"]}},
            "Prod": join(domain),
        },
    })
}

fn stage(name: &str, more: &Value) -> Value {
    let mut stage = json!({
        "Type": "AWS::ApiGatewayV2::Stage",
        "Properties": {"ApiId": {"Ref": "Api"}, "StageName": name},
    });
    let properties = stage["Properties"].as_object_mut().expect("properties");
    properties.extend(more.as_object().expect("properties").clone());
    stage
}

fn auto(name: &str) -> Value {
    stage(name, &json!({"AutoDeploy": true}))
}

fn deployment(properties: &Value) -> Value {
    let mut deployment = json!({
        "Type": "AWS::ApiGatewayV2::Deployment",
        "Properties": {"ApiId": {"Ref": "Api"}},
    });
    let all = deployment["Properties"].as_object_mut().expect("properties");
    all.extend(properties.as_object().expect("properties").clone());
    deployment
}

struct Api {
    stand: Stand,
    http: reqwest::Client,
}

impl Api {
    async fn start(routes: &[&str], more: Value) -> Self {
        let stand = Stand::of(config(&document(routes, &more))).await;
        Self { stand, http: verifier_aws::plain_http_client().expect("a client") }
    }

    fn output(&self, key: &str) -> &str {
        let outputs = &self.stand.emulator.stack().outputs;
        &outputs.iter().find(|output| output.key == key).expect("an output").value
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let url = format!("{}{path}", self.output("Base"));
        let response = self.http.get(url).send().await.expect("an answer");
        let status = response.status().as_u16();
        (status, response.json().await.expect("JSON"))
    }

    /// The event that a function gets.
    async fn event(&self, path: &str) -> Value {
        let (status, event) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {event}");
        event
    }

    async fn assert_not_found(&self, path: &str) {
        assert_eq!(self.get(path).await, (404, json!({"message": "Not Found"})), "{path}");
    }
}

const ROUTES: [&str; 1] = ["GET /probe/{wish}"];

#[tokio::test(flavor = "multi_thread")]
async fn the_default_stage_is_served_from_the_base() {
    let api = Api::start(&ROUTES, json!({"Stage": auto("$default")})).await;
    let event = api.event("/probe/event?k=v").await;
    assert_eq!(event["rawPath"], "/probe/event");
    assert_eq!(event["requestContext"]["http"]["path"], "/probe/event");
    assert_eq!(event["requestContext"]["stage"], "$default");
    for path in ["/$default/probe/event", "/prod/probe/event"] {
        api.assert_not_found(path).await;
    }
    api.stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_stage_is_served_below_its_name_only_and_functions_see_it_in_the_path() {
    let api = Api::start(&ROUTES, json!({"Stage": auto("prod")})).await;
    let event = api.event("/prod/probe/event?k=v").await;
    assert_eq!(event["rawPath"], "/prod/probe/event");
    assert_eq!(event["requestContext"]["http"]["path"], "/prod/probe/event");
    assert_eq!(event["requestContext"]["stage"], "prod");
    assert_eq!(event["requestContext"]["routeKey"], "GET /probe/{wish}");
    assert_eq!(event["routeKey"], "GET /probe/{wish}");
    assert_eq!(event["pathParameters"], json!({"wish": "event"}));
    assert_eq!(api.output("Prod"), format!("{}/prod", api.output("Base")));
    for path in ["/probe/event", "/", "", "/Prod/probe/event", "/prod2/probe/event", "/prod"] {
        api.assert_not_found(path).await;
    }
    api.stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_several_stages_is_served_at_its_path_and_catches_all_there() {
    let routes = ["$default", "GET /a/{proxy+}"];
    let stages = json!({"Base": auto("$default"), "Prod": auto("prod"), "Test": auto("test-1_x")});
    let api = Api::start(&routes, stages).await;
    for (path, stage, key, proxy) in [
        ("/a/b/event", "$default", "GET /a/{proxy+}", json!("b/event")),
        ("/prod/a/b/event", "prod", "GET /a/{proxy+}", json!("b/event")),
        ("/test-1_x/a/event", "test-1_x", "GET /a/{proxy+}", json!("event")),
        ("/test-1_x/event", "test-1_x", "$default", Value::Null),
        ("/other/event", "$default", "$default", Value::Null),
    ] {
        let event = api.event(path).await;
        assert_eq!(event["requestContext"]["stage"], stage, "{path}");
        assert_eq!((&event["rawPath"], &event["routeKey"]), (&path.into(), &key.into()));
        assert_eq!(event["pathParameters"]["proxy"], proxy, "{path}");
    }
    api.stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_deployed_is_not_found() {
    let later = json!({"AutoDeploy": false});
    for (more, path) in [
        (json!({}), "/probe/event"),
        (json!({"Stage": stage("$default", &later)}), "/probe/event"),
        (json!({"Stage": stage("$default", &json!({}))}), "/probe/event"),
        (json!({"Stage": stage("prod", &json!({}))}), "/prod/probe/event"),
        // It is of the API, but of no stage.
        (
            json!({"Stage": stage("prod", &later), "Deployment": deployment(&json!({}))}),
            "/prod/probe/event",
        ),
        // The other stage's.
        (
            json!({
                "Stage": stage("prod", &later),
                "Other": stage("test", &later),
                "Deployment": deployment(&json!({"StageName": {"Ref": "Other"}})),
            }),
            "/prod/probe/event",
        ),
    ] {
        let api = Api::start(&ROUTES, more).await;
        api.assert_not_found(path).await;
        api.stand.emulator.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_a_stage_names_or_that_names_a_stage_is_served_there() {
    let of_it = json!({"DeploymentId": {"Ref": "Deployment"}});
    let attribute = json!({"DeploymentId": {"Fn::GetAtt": ["Deployment", "DeploymentId"]}});
    for (stage, deployment) in [
        (stage("prod", &of_it), deployment(&json!({}))),
        (stage("prod", &attribute), deployment(&json!({}))),
        (stage("prod", &json!({})), deployment(&json!({"StageName": {"Ref": "Stage"}}))),
    ] {
        let api = Api::start(&ROUTES, json!({"Stage": stage, "Deployment": deployment})).await;
        assert_eq!(api.event("/prod/probe/event").await["requestContext"]["stage"], "prod");
        let skipped = &api.stand.emulator.stack().skipped;
        assert!(skipped.iter().all(|skipped| skipped.logical_id != "Deployment"), "{skipped:?}");
        api.stand.emulator.shut_down().await;
    }
}

/// An API that is made by its `Target`, and what it answers at a path.
async fn quick(properties: Value, more: Value, path: &str) -> (u16, String) {
    let mut all = json!({"Name": "quick", "ProtocolType": "HTTP"});
    let target = json!({"Target": {"Fn::GetAtt": ["Probe", "Arn"]}});
    for part in [target, properties] {
        let all = all.as_object_mut().expect("properties");
        all.extend(part.as_object().expect("properties").clone());
    }
    let mut resources = json!({
        "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": all},
        "Probe": probe(json!({})),
    });
    let all = resources.as_object_mut().expect("resources");
    all.extend(more.as_object().expect("resources").clone());
    let outputs = json!({"Base": {"Value": {"Fn::GetAtt": ["Api", "ApiEndpoint"]}}});
    let stand = Stand::of(config(&json!({"Resources": resources, "Outputs": outputs}))).await;
    let http = verifier_aws::plain_http_client().expect("a client");
    let url = format!("{}{path}", stand.emulator.stack().outputs[0].value);
    let response = http.get(url).send().await.expect("an answer");
    let answer = (response.status().as_u16(), response.text().await.expect("a text"));
    stand.emulator.shut_down().await;
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn quick_create_brings_an_integration_a_route_and_a_stage() {
    let may = || json!({"MayProbe": permission("Probe")});
    let (status, event) = quick(json!({}), may(), "/any/event?k=v").await;
    assert_eq!(status, 200, "{event}");
    let event: Value = serde_json::from_str(&event).expect("JSON");
    assert_eq!((&event["version"], &event["routeKey"]), (&"2.0".into(), &"$default".into()));
    assert_eq!(event["requestContext"]["stage"], "$default");
    assert_eq!(event["rawPath"], "/any/event");
    let one = json!({"RouteKey": "GET /probe/{wish}"});
    assert_eq!(quick(one.clone(), may(), "/probe/small").await.0, 200);
    assert_eq!(quick(one, may(), "/other").await.0, 404);
    assert_eq!(quick(json!({}), json!({}), "/probe/small").await.0, 500, "nothing permits it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_may_invoke_with_a_role_that_it_may_assume() {
    let allowed = json!([{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}]);
    for (service, statements, status) in [
        ("apigateway.amazonaws.com", &allowed, 200),
        ("lambda.amazonaws.com", &allowed, 500),
        (
            "apigateway.amazonaws.com",
            &json!([{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]),
            500,
        ),
    ] {
        let mut role = role(statements);
        let trust = &mut role["Properties"]["AssumeRolePolicyDocument"]["Statement"][0];
        trust["Principal"]["Service"] = service.into();
        let credentials = json!({"CredentialsArn": {"Fn::GetAtt": ["Invoker", "Arn"]}});
        let answered = quick(credentials, json!({"Invoker": role}), "/probe/small").await;
        assert_eq!(answered.0, status, "{service} {statements}: {}", answered.1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_api_has_that_is_not_served_is_refused_by_name() {
    for (properties, said) in [
        (json!({"Target": "https://example.com/jobs"}), "https://example.com/jobs"),
        (json!({"RouteKey": "GET /jobs"}), "RouteKey"),
        (json!({"CredentialsArn": "arn:aws:iam::000000000000:role/r"}), "CredentialsArn"),
        (json!({"Body": {"openapi": "3.0.1"}}), "Body"),
        (json!({"BodyS3Location": {"Bucket": "b", "Key": "k"}}), "BodyS3Location"),
        (
            json!({"Target": {"Fn::GetAtt": ["Probe", "Arn"]}, "CredentialsArn": "arn:aws:iam::*:user/*"}),
            "credentials",
        ),
    ] {
        let mut document = document(&ROUTES, &json!({}));
        let all = document["Resources"]["Api"]["Properties"].as_object_mut().expect("properties");
        all.extend(properties.as_object().expect("properties").clone());
        let started = Emulator::start(config(&document)).await;
        let error = started.err().expect("a refusal").to_string();
        assert!(error.contains("Api (AWS::ApiGatewayV2::Api)") && error.contains(said), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_is_answered_where_a_stage_is() {
    let api = Api::start(&ROUTES, json!({"Stage": auto("prod")})).await;
    let preflight = async |path: &str| {
        let url = format!("{}{path}", api.output("Base"));
        let request = api.http.request(Method::OPTIONS, url);
        let request = request.header("origin", "https://a.example");
        let request = request.header("access-control-request-method", "GET");
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(preflight("/prod/probe/event").await, 204);
    assert_eq!(preflight("/probe/event").await, 404);
    api.stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stages_and_deployments_that_aws_refuses_are_refused_by_name() {
    for (more, said) in [
        (json!({"S": auto("v1/x")}), ["S.StageName", "v1/x"]),
        (json!({"S": auto("")}), ["S.StageName", "letters"]),
        (json!({"S": auto("$latest")}), ["S.StageName", "$latest"]),
        (json!({"S": auto(&"x".repeat(129))}), ["S.StageName", "128"]),
        (json!({"S": auto("prod"), "T": auto("prod")}), ["T (AWS::ApiGatewayV2::Stage)", "prod"]),
        (
            json!({"S": stage("prod", &json!({"DeploymentId": "abc123"}))}),
            ["S (AWS::ApiGatewayV2::Stage)", "abc123"],
        ),
        (
            json!({"S": auto("prod"), "D": deployment(&json!({"StageName": "test"}))}),
            ["D (AWS::ApiGatewayV2::Deployment)", "test"],
        ),
    ] {
        let started = Emulator::start(config(&document(&ROUTES, &more))).await;
        let error = started.err().expect("a refusal").to_string();
        assert!(said.iter().all(|said| error.contains(said)), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_asks_for_authorization_is_refused_by_name_and_one_that_asks_for_none_is_not()
{
    for (kind, refused) in [("AWS_IAM", true), ("JWT", true), ("CUSTOM", true), ("NONE", false)] {
        let mut document = document(&ROUTES, &json!({"Stage": auto("$default")}));
        document["Resources"]["Route0"]["Properties"]["AuthorizationType"] = json!(kind);
        let started = Emulator::start(config(&document)).await;
        match started {
            Ok(emulator) => {
                assert!(!refused, "{kind} would let every caller in");
                emulator.shut_down().await;
            }
            Err(error) => {
                let error = error.to_string();
                let says = error.contains("Route0 (AWS::ApiGatewayV2::Route)");
                assert!(refused && says && error.contains(kind), "{error}");
            }
        }
    }
}

/// Begins a request whose body does not come, and returns what is answered nevertheless.
async fn without_its_body(api: &Api, path: &str, length: usize) -> String {
    exchange(api, path, &format!("content-length: {length}\r\n\r\n")).await
}

/// The answer to a POST with this at the end of its head, and behind it.
async fn exchange(api: &Api, path: &str, end: &str) -> String {
    let address = api.stand.emulator.endpoint().trim_start_matches("http://").to_owned();
    let base = api.output("Base").split_once(&address).expect("its own address").1.to_owned();
    let head =
        format!("POST {base}{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{end}");
    let mut stream = TcpStream::connect(&address).await.expect("it listens");
    stream.write_all(head.as_bytes()).await.expect("it is read");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_route_takes_is_answered_before_its_body_is_read() {
    let api = Api::start(&["POST /probe"], json!({"Stage": auto("$default")})).await;
    for path in ["/other", "/../unknown/probe", "x/probe"] {
        let answer = timeout(Duration::from_secs(20), without_its_body(&api, path, 100)).await;
        let answer = answer.unwrap_or_else(|_| panic!("{path}: it waits for the body"));
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
        assert!(answer.ends_with(r#"{"message":"Not Found"}"#), "{path}: {answer}");
    }
    api.stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_chunks_are_the_clients_mistake() {
    let api = Api::start(&["POST /probe"], json!({"Stage": auto("$default")})).await;
    let end = "transfer-encoding: chunked\r\n\r\nno size\r\n";
    let answer = timeout(Duration::from_secs(20), exchange(&api, "/probe", end)).await;
    let answer = answer.expect("it is answered");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.ends_with(r#"{"message":"Bad Request"}"#), "{answer}");
    api.stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_has_the_size_that_api_gateway_takes_and_an_event_the_size_that_lambda_takes() {
    const MIB: usize = 1024 * 1024;
    let api = Api::start(&["POST /probe/{wish}"], json!({"Stage": auto("$default")})).await;
    let post = async |kind: &str, length: usize| {
        let url = format!("{}/probe/small", api.output("Base"));
        let body = vec![b'x'; length];
        let request = api.http.post(url).header("content-type", kind).body(body);
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        (status, response.json::<Value>().await.expect("JSON")["message"].clone())
    };
    assert_eq!(post("text/plain", 5 * MIB).await.0, 200);
    // Base64 makes four bytes of three.
    assert_eq!(post("application/octet-stream", 4 * MIB).await.0, 200);
    let refused_by_lambda = (500, json!("Internal Server Error"));
    assert_eq!(post("text/plain", 6 * MIB).await, refused_by_lambda);
    assert_eq!(post("application/octet-stream", 5 * MIB).await, refused_by_lambda);
    assert_eq!(post("text/plain", 10 * MIB).await, refused_by_lambda);
    let answer = without_its_body(&api, "/probe/small", 10 * MIB + 1).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.ends_with(r#"{"message":"Request Entity Too Large"}"#), "{answer}");
    api.stand.emulator.shut_down().await;
}
