//! Who is answered: the ways in which a web page, another name and another program have been let in, and each way in
//! which they may be. After what is refused, nothing is otherwise.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{self, SIGNED, Stand, config, probe, queues, resources};
use aws_sdk_cloudformation::types::StackStatus;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// No answer takes longer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
const FORM: &str = "content-type: application/x-www-form-urlencoded";
const ALLY: &str = "http://ally.example:5173";

async fn stand() -> Stand {
    let mut config = config(&json!({"Resources": resources(
        queues().into_iter().chain([("Probe", probe(json!({"Environment": {"Variables": {"LEVEL": "info"}}})))]),
    )}));
    config.allowed_origins = vec![ALLY.to_owned()];
    Stand::of(config).await
}

/// Sends a request as it is written; its Host is the emulator's unless the headers have one.
async fn ask(at: &str, request: &str, headers: &[&str], body: &str) -> (u16, String) {
    let host = format!("host: {at}");
    let has_host = headers.iter().any(|header| header.starts_with("host:"));
    let headers: Vec<&str> =
        headers.iter().copied().chain((!has_host).then_some(host.as_str())).collect();
    let text = format!(
        "{request} HTTP/1.1\r\n{}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        headers.join("\r\n"),
        body.len()
    );
    let exchange = async {
        let mut stream = TcpStream::connect(at).await.expect("it listens");
        let _ = stream.write_all(text.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    let answer = timeout(ANSWER_TIMEOUT, exchange).await.expect("an answer in time");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_default(), answer)
}

impl Stand {
    fn address(&self) -> String {
        self.emulator.endpoint().trim_start_matches("http://").to_owned()
    }

    async fn ask(&self, request: &str, headers: &[&str], body: &str) -> (u16, String) {
        ask(&self.address(), request, headers, body).await
    }

    /// Asserts that the only stack, its queues, and their messages are as they were, and that time can be skipped.
    async fn assert_untouched(&self) {
        let cloudformation = aws_sdk_cloudformation::Client::new(&self.sdk);
        let stacks = cloudformation.describe_stacks().send().await.expect("an answer");
        let names: Vec<_> = stacks.stacks().iter().filter_map(|stack| stack.stack_name()).collect();
        assert_eq!(names, ["Stack-Test"]);
        let queues = self.sqs.list_queues().send().await.expect("an answer");
        assert_eq!(queues.queue_urls().len(), 2);
        for queue in ["jobs", "dead"] {
            assert_eq!(self.counts(queue).await, (0, 0), "{queue}");
        }
        let wall = Instant::now();
        self.wait(3_600).await;
        assert!(wall.elapsed() < ANSWER_TIMEOUT, "the clock is held");
    }
}

fn authorization() -> String {
    format!("authorization: {SIGNED}")
}

fn form(action: &str) -> String {
    format!("Version=2010-05-15&Action={action}")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_can_send_unasked_changes_nothing() {
    let stand = stand().await;
    let create =
        format!("{}&StackName=evil&TemplateBody={{\"Resources\":{{}}}}", form("CreateStack"));
    let send = json!({"QueueUrl": "jobs", "MessageBody": "evil"}).to_string();
    let send_target = "x-amz-target: AmazonSQS.SendMessage";
    let authorization = authorization();
    let other = "origin: http://evil.example";
    let delete = format!("/?{}&StackName=Stack-Test", form("DeleteStack"));
    for (request, headers, body) in [
        ("POST /", vec![FORM, other], create.as_str()),
        ("POST /", vec!["content-type: text/plain", "origin: null"], &create),
        ("POST /", vec!["content-type: multipart/form-data; boundary=x"], &create),
        ("POST /", vec![FORM, &authorization, other], &create),
        ("POST /", vec![FORM, &authorization, "origin: null"], &create),
        ("POST /", vec![FORM, &authorization, "sec-fetch-site: cross-site"], &create),
        ("POST /", vec![FORM, "authorization: Basic dTpw"], &create),
        ("POST /?X-Amz-Signature=0&X-Amz-Credential=AKIA", vec![FORM], &create),
        ("POST /", vec!["content-type: text/plain", send_target], &send),
        ("POST /", vec![send_target, &authorization, "host: evil.example"], &send),
        ("POST /", vec![send_target, &authorization, "host: evil.example:80", other], &send),
        ("GET /", vec![send_target, &authorization], &send),
        (&format!("GET {delete}"), vec![], ""),
        (&format!("GET {delete}"), vec![&authorization], ""),
        (&format!("HEAD {delete}"), vec![&authorization], ""),
        (&format!("OPTIONS {delete}"), vec![&authorization], ""),
        (
            "GET /",
            vec![FORM, &authorization],
            &format!("{}&StackName=Stack-Test", form("DeleteStack")),
        ),
        ("DELETE /2015-03-31/functions/probe/concurrency", vec![], ""),
        ("POST /2015-03-31/functions/probe/invocations", vec!["content-type: text/plain"], "{}"),
        (
            "OPTIONS /",
            vec![
                other,
                "access-control-request-method: POST",
                "access-control-request-headers: authorization",
            ],
            "",
        ),
        (
            &format!("POST http://evil.example/?{}", form("CreateStack")),
            vec![FORM, &authorization],
            &create,
        ),
        ("GET /", vec!["upgrade: websocket", "connection: upgrade", other], ""),
    ] {
        let (status, answer) = stand.ask(request, &headers, body).await;
        assert!(matches!(status, 403 | 404 | 405 | 421), "{request} {headers:?}: {answer}");
        assert!(!answer.to_ascii_lowercase().contains("access-control-allow"), "{answer}");
    }
    stand.assert_untouched().await;
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_emulators_own_endpoint_is_for_whoever_has_the_token() {
    let stand = stand().await;
    let token = format!("x-verifier-token: {}", stand.emulator.token());
    let rules = r#"{"rules": [{"fault": {"kind": "throttle"}}]}"#;
    for (request, headers) in [
        ("GET /_emulator/client", vec![]),
        ("GET /_emulator/client", vec!["origin: http://evil.example"]),
        ("GET /_emulator/client", vec!["sec-fetch-site: cross-site", "sec-fetch-mode: no-cors"]),
        ("GET /_emulator/client", vec!["x-verifier-token: 0"]),
        ("GET /_emulator/client", vec![token.as_str(), "origin: http://localhost"]),
        ("GET /_emulator/client", vec![&token, "sec-fetch-site: same-origin"]),
        ("GET /_emulator/client", vec![&token, "host: localhost"]),
        ("GET /_emulator/client", vec![&token, "host: evil.example"]),
        ("PUT /_emulator/faults", vec![]),
        ("POST /_emulator/client/AKIAEMULATEDCLIENT1/tasks?by=9", vec!["content-type: text/plain"]),
        ("GET /_emulator", vec![]),
    ] {
        let (status, answer) = stand.ask(request, &headers, rules).await;
        assert!(matches!(status, 401 | 403 | 421), "{request} {headers:?}: {answer}");
    }
    assert!(stand.emulator.fault_report().is_empty());
    stand.assert_untouched().await;
    assert_eq!(stand.ask("GET /_emulator/clock", &[&token], "").await.0, 200);
    assert_eq!(stand.ask("PUT /_emulator/faults", &[&token], rules).await.0, 200);
    assert_eq!(stand.emulator.fault_report().len(), 1);
    let another = Stand::of(config(&json!({"Resources": resources(queues())}))).await;
    assert_ne!(another.emulator.token(), stand.emulator.token(), "equal seeds do not give it away");
    another.emulator.shut_down().await;
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_an_allowed_origin_uses_aws_and_still_signs() {
    let stand = stand().await;
    let origin = format!("origin: {ALLY}");
    let asked = [
        "access-control-request-method: POST",
        "access-control-request-headers: authorization,x-amz-target",
    ];
    let (status, answer) = stand.ask("OPTIONS /", &[&origin, asked[0], asked[1]], "").await;
    assert_eq!(status, 204, "{answer}");
    assert!(answer.contains(&format!("access-control-allow-origin: {ALLY}")), "{answer}");
    assert!(
        answer.contains("access-control-allow-headers: authorization,x-amz-target"),
        "{answer}"
    );
    let list = "x-amz-target: AmazonSQS.ListQueues";
    let (status, answer) = stand.ask("POST /", &[&origin, &authorization(), list], "{}").await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(&format!("access-control-allow-origin: {ALLY}")), "{answer}");
    assert_eq!(stand.ask("POST /", &[&origin, list], "{}").await.0, 403, "it has to sign");
    // What is no page's gets no such header.
    let (_, answer) = stand.ask("POST /", &[&authorization(), list], "{}").await;
    assert!(!answer.contains("access-control"), "{answer}");
    stand.emulator.shut_down().await;
}

/// Sends the beginning of a request, and leaves it at that.
async fn begin(at: &str, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(at).await.expect("it listens");
    stream.write_all(text.as_bytes()).await.expect("it is sent");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_not_whole_does_not_hold_the_clock() {
    let stand = stand().await;
    let at = stand.address();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {at}\r\nauthorization: {SIGNED}\r\nx-amz-target: AmazonSQS.SendMessage\r\ncontent-length: 1000\r\n\r\n"
    );
    let open = [
        begin(&at, "POST / HT").await,
        begin(&at, &format!("{head}{{\"Queue")).await,
        begin(&at, &head).await,
        begin(
            &at,
            &format!(
                "POST /execute-api/none/jobs HTTP/1.1\r\nhost: {at}\r\ncontent-length: 9\r\n\r\n1"
            ),
        )
        .await,
    ];
    // The emulator has read what there is of them when it has answered later ones.
    for _ in 0..3 {
        stand.assert_untouched().await;
    }
    drop(open);
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_a_size() {
    let stand = stand().await;
    let long = format!("x-long: {}", "x".repeat(400_000));
    let (status, answer) = stand.ask("POST /", &[&authorization(), &long], "{}").await;
    assert!(matches!(status, 431 | 0), "{answer}");
    let shorter = format!("x-long: {}", "x".repeat(10_000));
    let list = "x-amz-target: AmazonSQS.ListQueues";
    assert_eq!(stand.ask("POST /", &[&authorization(), &shorter, list], "{}").await.0, 200);
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_api_is_for_runtimes_only() {
    let stand = stand().await;
    let invoke =
        stand.lambda.invoke().function_name("probe").payload(
            aws_sdk_lambda::primitives::Blob::new(json!({"wish": "variables"}).to_string()),
        );
    let _ = invoke.send().await.expect("it runs");
    let api =
        runtime_api().expect("a function runs, and its environment says where its Runtime API is");
    let next = "GET /2018-06-01/runtime/invocation/next";
    for headers in [
        vec!["origin: http://evil.example"],
        vec!["sec-fetch-site: cross-site"],
        vec!["sec-fetch-mode: no-cors"],
        vec!["host: evil.example"],
    ] {
        for request in [next, "POST /2018-06-01/runtime/init/error"] {
            let (status, answer) = ask(&api, request, &headers, "").await;
            assert!(matches!(status, 403 | 421), "{headers:?}: {answer}");
        }
    }
    // Nothing of that took an invocation from the function, nor ended it.
    let again = stand.lambda.invoke().function_name("probe").send().await.expect("it runs");
    assert!(again.function_error().is_none());
    assert_eq!(
        ask(&api, "GET /2018-06-01/none", &[], "").await.0,
        404,
        "whoever is no browser is heard"
    );
    stand.emulator.shut_down().await;
}

/// The Runtime API of a function that is a child of this process.
fn runtime_api() -> Option<String> {
    let children = std::fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    let me = std::process::id().to_string();
    children
        .filter(|entry| {
            let status = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
            status.lines().any(|line| line.strip_prefix("PPid:").map(str::trim) == Some(&me))
        })
        .find_map(|entry| {
            let environment = std::fs::read(entry.path().join("environ")).ok()?;
            let environment = String::from_utf8_lossy(&environment).into_owned();
            let mut variables = environment.split('\0');
            variables.find_map(|variable| {
                variable.strip_prefix("AWS_LAMBDA_RUNTIME_API=").map(str::to_owned)
            })
        })
}

/// A template of one function.
fn function(binary: &str, variables: &Value) -> Value {
    let properties = json!({"FunctionName": "f", "Environment": {"Variables": variables}});
    json!({"Resources": {"F": support::function(binary, properties)}})
}

/// A folder of functions: a program, and links to it and out of it.
fn functions(folder: &Path) {
    let probe = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/functions/probe.py");
    std::fs::copy(&probe, folder.join("program")).expect("a copy");
    std::fs::set_permissions(folder.join("program"), PermissionsExt::from_mode(0o755))
        .expect("set");
    symlink("program", folder.join("alias")).expect("a link");
    symlink("/bin/sh", folder.join("escape")).expect("a link");
    symlink(probe, folder.join("probe.py")).expect("a link");
    std::fs::create_dir(folder.join("deep")).expect("a folder");
    symlink("/bin/sh", folder.join("deep/escape")).expect("a link");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_comes_by_a_request_names_functions_only() {
    let folder = tempfile::tempdir().expect("a folder");
    functions(folder.path());
    let known = json!({"Environment": {"Variables": {"LEVEL": "info"}}});
    let mut config = config(&json!({"Resources": resources([("Probe", probe(known))])}));
    config.functions = folder.path().to_path_buf();
    let stand = Stand::of(config).await;
    let cloudformation = aws_sdk_cloudformation::Client::new(&stand.sdk);
    let create = async |template: Value| {
        let create = cloudformation.create_stack().stack_name("Second");
        create.template_body(template.to_string()).send().await.expect("an answer");
        let described = cloudformation.describe_stacks().stack_name("Second").send().await;
        let described = described.expect("an answer").stacks()[0].clone();
        let reason = described.stack_status_reason().unwrap_or_default().to_owned();
        let there = stand.lambda.list_functions().send().await.expect("an answer");
        let is_there =
            there.functions().iter().any(|function| function.function_name() == Some("f"));
        cloudformation.delete_stack().stack_name("Second").send().await.expect("deleted");
        let status = described.stack_status().expect("a status").clone();
        assert_eq!(is_there, status == StackStatus::CreateComplete);
        (status, reason)
    };
    for binary in ["program", "alias", "probe.py"] {
        assert_eq!(
            create(function(binary, &json!({"LEVEL": "1"}))).await.0,
            StackStatus::CreateComplete,
            "{binary}"
        );
    }
    for binary in [
        "/bin/bash",
        "../../bin/sh",
        "a/../../x",
        "escape",
        "deep/escape",
        "deep/../program",
        "./program",
        "",
        "missing",
    ] {
        let (status, reason) = create(function(binary, &json!({}))).await;
        assert_eq!(status, StackStatus::RollbackComplete, "{binary}");
        assert!(reason.contains(&folder.path().display().to_string()), "{reason}");
    }
    for variable in [
        "LD_PRELOAD",
        "PATH",
        "PYTHONPATH",
        "NODE_OPTIONS",
        "AWS_LAMBDA_RUNTIME_API",
        // A name that hides another, and one of a version manager.
        "BASH_ENV=/tmp/x",
        "LEVEL=1",
        "PYENV_HOOK_PATH",
    ] {
        let (status, reason) = create(function("program", &json!({variable: "/tmp"}))).await;
        assert_eq!(status, StackStatus::RollbackComplete, "{variable}");
        assert!(reason.contains(variable), "{reason}");
    }
    for handler in ["function.eval", "/tmp/evil.handler", "../../x.h", "a\nb"] {
        let mut template = function("program", &json!({}));
        template["Resources"]["F"]["Properties"]["Handler"] = handler.into();
        let (status, reason) = create(template).await;
        assert_eq!(status, StackStatus::RollbackComplete, "{handler}");
        assert!(reason.contains("handler"), "{reason}");
    }
    let page = |directory: &str| {
        let origin =
            json!({"Id": "o", "DomainName": {"Fn::GetAtt": ["Bucket", "RegionalDomainName"]}});
        json!({"Resources": {
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "the-page"}},
            "Distribution": {"Type": "AWS::CloudFront::Distribution", "Properties": {"DistributionConfig": {"Origins": [origin]}}},
            "Files": {"Type": "Custom::CDKBucketDeployment", "Metadata": {"verifier:directory": directory}, "Properties": {"DestinationBucketName": {"Ref": "Bucket"}}},
        }})
    };
    for directory in ["site", "/etc", "../../.."] {
        assert_eq!(create(page(directory)).await.0, StackStatus::RollbackComplete, "{directory}");
    }
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_users_own_template_stays_below_its_folders_too() {
    let folder = tempfile::tempdir().expect("a folder");
    functions(folder.path());
    let start = async |document: Value| {
        let mut config = config(&document);
        config.functions = folder.path().to_path_buf();
        let started = verifier_emulator::Emulator::start(config).await;
        match started {
            Ok(emulator) => {
                emulator.shut_down().await;
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    };
    for binary in ["program", "alias", "probe.py", "escape"] {
        assert_eq!(start(function(binary, &json!({"PATH": "/bin"}))).await, Ok(()), "{binary}");
    }
    for binary in ["/bin/sh", "../escape", "deep/../../escape", "deep/escape", ""] {
        let refused = start(function(binary, &json!({}))).await.expect_err("a refusal");
        assert!(refused.contains("F names the binary"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_does_not_change_what_runs_in_a_function() {
    use aws_sdk_lambda::error::ProvideErrorMetadata;
    use aws_sdk_lambda::types::Environment;

    let stand = stand().await;
    let update = async |pairs: &[(&str, &str)]| {
        let environment =
            pairs.iter().fold(Environment::builder(), |environment, (name, value)| {
                environment.variables(*name, *value)
            });
        let update = stand.lambda.update_function_configuration().function_name("probe");
        update.environment(environment.build()).send().await.map(drop)
    };
    update(&[("LEVEL", "debug")]).await.expect("a setting");
    for variable in
        ["LD_PRELOAD", "PATH", "AWS_LAMBDA_RUNTIME_API", "PATH=/tmp:", "PYENV_HOOK_PATH", "OTHER"]
    {
        let refused = update(&[("LEVEL", "info"), (variable, "x")]).await.expect_err("a refusal");
        assert_eq!(refused.code(), Some("InvalidParameterValueException"), "{variable}");
    }
    let present = stand.lambda.get_function_configuration().function_name("probe").send().await;
    let variables = present.expect("an answer").environment.and_then(|all| all.variables);
    let variables = variables.expect("variables");
    assert_eq!(variables.len(), 1);
    assert_eq!(variables["LEVEL"], "debug");
    stand.emulator.shut_down().await;
}
