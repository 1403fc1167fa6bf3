//! `verifier iam-policy check`, compared with the operations that real checks call.
#![allow(clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};
use support::{Local, VERIFIER};
use verifier_core::iam::{CHECK, Permission};
use verifier_testkit::{run, scrubbed, template};

/// The operations that a check called, by its own count.
fn called(command: &mut Command) -> BTreeSet<String> {
    let output = run(command.args(["--format", "json"]));
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    let calls = report["awsCalls"].as_object().expect("calls");
    assert!(!calls.is_empty(), "{report:#}");
    calls.keys().cloned().collect()
}

fn local_check() -> Command {
    let mut command = scrubbed(VERIFIER);
    command.args(["check", "--local"]);
    command
}

fn operations(only: impl Fn(&Permission) -> bool) -> BTreeSet<String> {
    CHECK.iter().filter(|entry| only(entry)).map(|entry| entry.operation.to_owned()).collect()
}

/// The operations of a check that finds somebody else's message in the dead-letter queue.
fn called_with_a_other_message(local: &Local) -> BTreeSet<String> {
    let endpoint = local.text("/endpoint");
    let body = json!({
        "QueueUrl": format!("{endpoint}/000000000000/{}", local.text("/outputs/JobsDeadLetterQueueName")),
        "MessageBody": "somebody else's",
    });
    let sent = run(Command::new("curl").args(["--fail", "--silent", "--show-error"]).args([
        "--header",
        support::SIGNED,
        "--header",
        "content-type: application/x-amz-json-1.0",
        "--header",
        "x-amz-target: AmazonSQS.SendMessage",
        "--data",
        &body.to_string(),
        endpoint,
    ]));
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    let mut command = scrubbed(VERIFIER);
    command.args(["check", "--stack", local.text("/stackName"), "--endpoint-url", endpoint]);
    command.env(support::TOKEN_VARIABLE, local.token());
    called(&mut command)
}

#[test]
fn a_good_run_calls_what_is_always_needed_and_nothing_else() {
    assert_eq!(called(&mut local_check()), operations(|entry| entry.only_when.is_none()));
}

#[test]
fn the_other_permissions_are_needed_when_the_list_says_so() {
    let elsewhere = template(|changes| {
        changes.document()["Outputs"]["JobsQueueName"]["Value"] = "Somebody-Elses".into();
    });
    let mut called = called(local_check().arg("--template").arg(elsewhere.path()));
    assert!(called.contains("SQS.GetQueueUrl"), "{called:?}");
    let with_a_other_message = called_with_a_other_message(&Local::start(&[]));
    assert!(with_a_other_message.contains("SQS.ChangeMessageVisibilityBatch"));
    called.extend(with_a_other_message);
    assert_eq!(called, operations(|_| true));
}

fn policy(arguments: &[&str]) -> (Option<i32>, Value, String) {
    policy_with_token("", arguments)
}

fn policy_with_token(token: &str, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let mut command = scrubbed(VERIFIER);
    command.arg("iam-policy").args(arguments).env(support::TOKEN_VARIABLE, token);
    let output = run(&mut command);
    let policy = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), policy, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn without_a_stack_placeholders_stand_for_its_resources() {
    let (code, policy, stderr) = self::policy(&["check"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(policy.to_string().contains("arn:aws:sqs:REGION:ACCOUNT:DEAD_LETTER_QUEUE"));
    assert!(stderr.contains("sqs:GetQueueUrl is only called when"), "{stderr}");
    assert!(stderr.contains("need kms:Decrypt on it; --stack NAME names the keys"), "{stderr}");
}

#[test]
fn what_finds_dead_letter_queues_may_read_every_queue_of_the_account_and_region() {
    let (code, policy, stderr) = self::policy(&["dlq-queues"]);
    assert_eq!(code, Some(0), "{stderr}");
    let statements = policy["Statement"].as_array().expect("statements");
    let queues = statements.iter().find(|statement| statement["Sid"] == "AllQueues");
    let queues = queues.expect("a statement on all queues");
    assert_eq!(queues["Resource"], json!(["arn:aws:sqs:REGION:ACCOUNT:*"]));
    assert!(stderr.contains("sqs:ReceiveMessage is only called when"), "{stderr}");
}

#[test]
fn with_a_stack_its_own_resources_are_named() {
    let local = Local::start(&[]);
    let (endpoint, stack) = (local.text("/endpoint"), local.text("/stackName"));
    let arguments = ["check", "--stack", stack, "--endpoint-url", endpoint];
    let (code, policy, stderr) = policy_with_token(local.token(), &arguments);
    assert_eq!(code, Some(0), "{stderr}");
    let statements = policy["Statement"].as_array().expect("statements");
    let messages = statements.iter().find(|statement| statement["Sid"] == "DeadLetterQueue");
    let messages = messages.expect("a statement on the dead-letter queue");
    let arn = format!(
        "arn:aws:sqs:us-local-1:000000000000:{}",
        local.text("/outputs/JobsDeadLetterQueueName")
    );
    assert_eq!(messages["Resource"], json!([arn]));
    assert_eq!(
        messages["Action"],
        json!(["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"])
    );
    assert!(!policy.to_string().contains("ACCOUNT"), "{policy:#}");
}

#[test]
fn with_a_stack_its_functions_and_its_keys_are_named_one_by_one() {
    let encrypted = template(|changes| {
        let resources = changes.document()["Resources"].as_object_mut().expect("resources");
        let queues = resources.values_mut().filter(|one| one["Type"] == "AWS::SQS::Queue");
        for queue in queues {
            let properties = queue["Properties"].as_object_mut().expect("properties");
            properties.remove("SqsManagedSseEnabled");
            properties.insert("KmsMasterKeyId".to_owned(), "alias/previews".into());
        }
    });
    let local = Local::start(&["--template", &encrypted.path().display().to_string()]);
    let (endpoint, stack) = (local.text("/endpoint"), local.text("/stackName"));
    let of = |command: &str| {
        let arguments = [command, "--stack", stack, "--endpoint-url", endpoint];
        let (code, policy, stderr) = policy_with_token(local.token(), &arguments);
        assert_eq!(code, Some(0), "{stderr}");
        (policy, stderr)
    };
    let (policy, stderr) = of("chaos");
    let statement = |sid: &str| {
        let statements = policy["Statement"].as_array().expect("statements");
        let found = statements.iter().find(|statement| statement["Sid"] == sid);
        found.unwrap_or_else(|| panic!("no statement {sid}: {policy:#}")).clone()
    };
    let functions = statement("Functions")["Resource"].as_array().expect("functions").clone();
    assert!(functions.len() >= 3, "{functions:?}");
    let changed = statement("WorkerSettings")["Resource"].to_string();
    assert!(changed.contains("WorkerFunction") && !changed.contains(','), "{changed}");
    let stopped = statement("Concurrencies")["Resource"].to_string();
    assert!(stopped.contains("WorkerFunction") && stopped.contains("SubmitJob"), "{stopped}");
    for function in &functions {
        assert!(!function.to_string().contains('*'), "{function}");
    }
    let leads_to = &statement("Mappings")["Condition"]["ArnLike"]["lambda:FunctionArn"];
    assert_eq!(leads_to.as_array().map(Vec::len), Some(2), "{leads_to}");
    let key = statement("QueuesKey");
    assert_eq!(key["Action"], json!(["kms:Decrypt", "kms:GenerateDataKey"]));
    assert_eq!(key["Resource"], json!(["arn:aws:kms:us-local-1:000000000000:key/*"]));
    assert!(key["Condition"].to_string().contains("alias/previews"), "{key}");
    assert!(!stderr.contains("KMS"), "{stderr}");
    // The keys of an account's other queues are not known.
    assert!(
        of("dlq-queues").1.contains("queues with a KMS key of your own need kms:Decrypt on it")
    );
}

#[test]
fn a_queue_that_is_not_the_stacks_has_no_policy_and_is_not_looked_at() {
    for (output, queue) in
        [("JobsQueueName", "Prod-Jobs"), ("JobsDeadLetterQueueName", "Prod-Dead")]
    {
        let elsewhere = template(|changes| {
            changes.document()["Outputs"][output]["Value"] = queue.into();
        });
        let local = Local::start(&["--template", &elsewhere.path().display().to_string()]);
        let (endpoint, stack) = (local.text("/endpoint"), local.text("/stackName"));
        for command in ["chaos", "redrive", "dlq-purge", "check"] {
            let arguments = [command, "--stack", stack, "--endpoint-url", endpoint];
            let (code, policy, stderr) = policy_with_token(local.token(), &arguments);
            assert_eq!((code, policy), (Some(2), Value::Null), "{stderr}");
            assert!(
                stderr.contains(queue) && stderr.contains("no resource of the stack"),
                "{stderr}"
            );
        }
        for command in [["dlq", "list"].as_slice(), &["redrive", "--yes"]] {
            let mut verifier = scrubbed(VERIFIER);
            verifier.args(command).args(["--stack", stack, "--endpoint-url", endpoint]);
            let output = run(verifier.env(support::TOKEN_VARIABLE, local.token()));
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{stderr}");
            assert!(stderr.contains(queue) && stderr.contains("--dlq"), "{stderr}");
        }
    }
}

#[test]
fn a_stack_that_is_not_there_has_no_policy() {
    let local = Local::start(&[]);
    let arguments = ["--stack", "Stack-None", "--endpoint-url", local.text("/endpoint")];
    let (code, policy, stderr) = policy_with_token(local.token(), &arguments);
    assert_eq!((code, policy), (Some(3), Value::Null), "{stderr}");
}

#[test]
fn a_stack_whose_outputs_have_other_names_is_told_where_to_name_them() {
    let local = Local::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("verifier.toml");
    std::fs::write(&settings, "[outputs]\njobs_queue = \"Tickets\"\n").expect("it is written");
    let settings = settings.to_str().expect("a path");
    let (endpoint, stack) = (local.text("/endpoint"), local.text("/stackName"));
    let arguments = ["check", "--stack", stack, "--endpoint-url", endpoint, "--config", settings];
    let (code, policy, stderr) = policy_with_token(local.token(), &arguments);
    assert_eq!((code, policy), (Some(3), Value::Null), "{stderr}");
    for expected in ["has no output Tickets", "verifier.toml", "JobsQueueName"] {
        assert!(stderr.contains(expected), "{expected} is not in {stderr}");
    }
}

/// The statements of the role that breaks previews, as the account's template has them, with AWS's own values in angle
/// brackets.
fn chaos_role() -> Vec<Value> {
    let template = include_str!("../../../stack/template/account/PreviewAccount.template.json");
    let template: Value = serde_json::from_str(template).expect("a template");
    let resources = template["Resources"].as_object().expect("resources");
    let (_, role) = resources.iter().find(|(id, _)| id.starts_with("ChaosRole")).expect("a role");
    let statements = role.pointer("/Properties/Policies/0/PolicyDocument/Statement");
    let statements = statements.and_then(Value::as_array).expect("statements");
    statements.iter().map(joined).collect()
}

/// A value of a template, with `Fn::Join` and `Fn::Sub` performed.
fn joined(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(joined).collect(),
        Value::Object(fields) => {
            if let Some(name) = fields.get("Ref").and_then(Value::as_str) {
                return json!(format!("<{name}>"));
            }
            if let Some(text) = fields.get("Fn::Sub").and_then(Value::as_str) {
                return json!(text.replace("${", "<").replace('}', ">"));
            }
            if let Some(parts) = value.pointer("/Fn::Join/1").and_then(Value::as_array) {
                let parts: Vec<Value> = parts.iter().map(joined).collect();
                return json!(parts.iter().filter_map(Value::as_str).collect::<String>());
            }
            fields.iter().map(|(name, field)| (name.clone(), joined(field))).collect()
        }
        other => other.clone(),
    }
}

/// Lists in one form: sorted, without repetitions, and a single item as a list.
fn normal(value: &Value) -> Value {
    match value {
        Value::String(text) => json!([text]),
        Value::Array(items) => {
            let texts: BTreeSet<&str> = items.iter().filter_map(Value::as_str).collect();
            json!(texts)
        }
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| (name.clone(), normal(field))).collect()
        }
        other => other.clone(),
    }
}

#[test]
fn the_role_of_the_nightly_chaos_is_what_iam_policy_chaos_prints() {
    let (code, policy, stderr) = self::policy(&["chaos"]);
    assert_eq!(code, Some(0), "{stderr}");
    let stack = "Stack-PR999999999";
    let mut printed = policy["Statement"].to_string();
    for (placeholder, ours) in [
        ("arn:aws:", "arn:<AWS::Partition>:"),
        ("REGION:ACCOUNT", "<AWS::Region>:<AWS::AccountId>"),
        ("stack/STACK/", "stack/Stack-PR999999999/"),
        ("DEAD_LETTER_QUEUE", "Stack-PR999999999-JobsDeadLetterQueue*"),
        ("JOBS_QUEUE", "Stack-PR999999999-JobsQueue*"),
        ("log-group:WORKER_LOG_GROUP:*", "log-group:Stack-PR999999999-*"),
        ("function:STACK-*", "function:Stack-PR999999999-*"),
        ("function:WORKER", "function:Stack-PR999999999-JobsWorkerFunction*"),
        ("function:SUBMIT", "function:Stack-PR999999999-ApiSubmitJobFunction*"),
    ] {
        assert!(printed.contains(placeholder), "{placeholder} is not printed: {printed}");
        printed = printed.replace(placeholder, ours);
    }
    // The role's pattern ends in a star, which stands for versions and aliases, too.
    let printed = printed.replace(
        &format!(",\"arn:<AWS::Partition>:lambda:<AWS::Region>:<AWS::AccountId>:function:{stack}-JobsWorkerFunction*:*\""),
        "",
    );
    let printed: Value = serde_json::from_str(&printed).expect("statements");
    let mut role = chaos_role();
    for statement in &mut role {
        // The worker's log group has one of two names.
        if statement["Sid"] == "WorkerLogGroup" {
            statement["Resource"]
                .as_array_mut()
                .expect("resources")
                .retain(|group| !group.to_string().contains(&format!("/aws/lambda/{stack}-*")));
        }
    }
    let by_id = |statements: &[Value]| -> Vec<(String, Value)> {
        let mut all: Vec<(String, Value)> =
            statements.iter().map(|each| (each["Sid"].to_string(), normal(each))).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    };
    assert_eq!(by_id(&role), by_id(printed.as_array().expect("statements")));
}
