//! Each command runs under exactly the policy that `verifier iam-policy` prints for it; without one of the actions that it
//! always needs it fails, and names it.
#![allow(clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::{Local, TOKEN_VARIABLE, VERIFIER, functions_of};
use tempfile::{NamedTempFile, TempDir};
use verifier_core::iam::{CHECK, DLQ_PURGE, Permission, REDRIVE};
use verifier_testkit::{run, scrubbed, template};

/// A command of the verifier's: what `iam-policy` calls it, and how it is run.
type Command = (&'static str, &'static [&'static str]);

const PURGE: Command = ("dlq-purge", &["dlq", "purge", "--yes"]);
const REPLAY: Command = ("redrive", &["redrive", "--yes"]);
const COMMANDS: [Command; 6] = [
    ("dlq-queues", &["dlq", "queues"]),
    ("dlq-look", &["dlq", "list"]),
    ("dlq-look", &["dlq", "explain"]),
    PURGE,
    REPLAY,
    ("redrive-native", &["redrive", "--native", "--yes"]),
];

/// A stack, and the folder that its functions are started from.
struct Stand {
    local: Local,
    _functions: TempDir,
}

/// A stack, brought up with these arguments, with one message in its dead-letter queue.
fn stand(arguments: &[&str]) -> Stand {
    let stack = template(|changes| {
        changes.let_roles_use_queues_and_logs();
        let resources = changes.document()["Resources"].as_object().expect("resources").clone();
        let queue = |is_source: bool| {
            let found = resources.iter().find(|(_, resource)| {
                resource["Type"] == "AWS::SQS::Queue"
                    && resource["Properties"].get("RedrivePolicy").is_some() == is_source
            });
            found.map(|(id, _)| json!({"Ref": id})).expect("a queue")
        };
        let variables = &mut changes.function("submit-job")["Environment"]["Variables"];
        variables["JOBS"] = queue(true);
        variables["DEAD_LETTERS"] = queue(false);
        variables["MUTANT"] = "dead".into();
    });
    let functions = functions_of(&[("submit-job", "submit-kinds.py")]);
    let path = |path: &Path| path.to_str().expect("a path").to_owned();
    let of_stack = ["--template", &path(stack.path()), "--functions", &path(functions.path())];
    let local = Local::start(&[&of_stack, arguments].concat());
    local.submit(&json!({"task": "a good one", "jobId": "good-1", "fail": false}));
    Stand { local, _functions: functions }
}

/// What a command comes to: its exit code, and all that it prints.
fn outcome(local: &Local, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = scrubbed(VERIFIER);
    command.args(arguments).args(["--endpoint-url", local.text("/endpoint")]);
    if arguments.contains(&"--native") {
        // SQS does not know where a message came from that was sent here.
        command.args(["--to", local.text("/outputs/JobsQueueName")]);
    }
    if !arguments.contains(&"queues") {
        command.args(["--stack", local.text("/stackName")]);
    }
    // Where a journal is written.
    let folder = tempfile::tempdir().expect("a folder");
    command.current_dir(folder.path());
    if arguments.contains(&"purge") {
        command.arg("--backup").arg(folder.path().join("backup.jsonl"));
    }
    let output = run(command.env(TOKEN_VARIABLE, local.token()));
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// What is printed for a command, with the resources of the stack.
fn printed(local: &Local, command: &str) -> Value {
    let mut verifier = scrubbed(VERIFIER);
    verifier.args(["iam-policy", command, "--stack", local.text("/stackName")]);
    verifier.args(["--endpoint-url", local.text("/endpoint")]);
    let output = run(verifier.env(TOKEN_VARIABLE, local.token()));
    serde_json::from_slice(&output.stdout).expect("a policy")
}

fn file(policy: &Value) -> NamedTempFile {
    let file = NamedTempFile::with_suffix(".json").expect("a file");
    std::fs::write(file.path(), policy.to_string()).expect("it is written");
    file
}

/// The policy without an action.
fn without(policy: &Value, action: &str) -> Value {
    let mut policy = policy.clone();
    for statement in policy["Statement"].as_array_mut().expect("statements") {
        let actions = statement["Action"].as_array_mut().expect("actions");
        actions.retain(|each| each != action);
        // A statement without any would be refused.
        actions.push("sts:GetCallerIdentity".into());
    }
    policy
}

fn under(policy: &Value, arguments: &[&str]) -> (Option<i32>, String) {
    let file = file(policy);
    let stand = stand(&["--as", file.path().to_str().expect("a path")]);
    outcome(&stand.local, arguments)
}

fn needed(permissions: &[Permission]) -> impl Iterator<Item = &Permission> {
    permissions.iter().filter(|permission| permission.only_when.is_none())
}

#[test]
fn each_command_runs_under_what_is_printed_for_it() {
    let stand = stand(&[]);
    for (name, arguments) in COMMANDS {
        let (code, text) = under(&printed(&stand.local, name), arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {text}");
    }
}

#[test]
fn a_check_names_the_action_that_its_policy_lacks() {
    let policy = printed(&Local::start(&[]), "check");
    let check = |policy: &Value| {
        let file = file(policy);
        let arguments = ["check", "--local", "--as", file.path().to_str().expect("a path")];
        let output = run(scrubbed(VERIFIER).args(arguments));
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    };
    let (code, text) = check(&policy);
    assert_eq!(code, Some(0), "{text}");
    for Permission { action, .. } in needed(&CHECK) {
        let (code, text) = check(&without(&policy, action));
        // What it could not delete is left, which is a warning.
        let expected = if *action == "sqs:DeleteMessage" { Some(0) } else { Some(3) };
        assert_eq!(code, expected, "{action}: {text}");
        assert!(text.contains(action), "{action} is not named: {text}");
    }
}

#[test]
fn a_redrive_and_a_purge_name_the_action_that_their_policies_lack() {
    let stand = stand(&[]);
    for ((name, arguments), permissions) in [(PURGE, &DLQ_PURGE[..]), (REPLAY, &REDRIVE[..])] {
        let policy = printed(&stand.local, name);
        // Who may not ask which function reads the queue does without its log.
        let of_queues = needed(permissions).filter(|each| !each.action.starts_with("lambda:"));
        for Permission { action, .. } in of_queues {
            let (code, text) = under(&without(&policy, action), arguments);
            assert_ne!(code, Some(0), "{arguments:?} without {action}: {text}");
            assert!(text.contains(action), "{action} is not named: {text}");
        }
    }
}

#[test]
fn a_role_of_the_template_may_be_asked_as_and_another_is_named_with_those_that_there_are() {
    let check = |name: &str| {
        let output = run(scrubbed(VERIFIER).args(["check", "--local", "--as", name]));
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    };
    let (code, text) = check("JobsWorkerRole266EAEAE");
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("cloudformation:DescribeStacks"), "{text}");
    let (code, text) = check("NoRole");
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("has no role NoRole; it has ") && text.contains("JobsWorkerRole"),
        "{text}"
    );
    let bad = file(&json!({"Statement": [{"Effect": "Allow", "Action": "sqs:*"}]}));
    let (code, text) = check(bad.path().to_str().expect("a path"));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("has neither Resource nor NotResource"), "{text}");
}
