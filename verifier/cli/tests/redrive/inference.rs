//! Why messages failed that no line names: what other invocations of that time say of them, and what is done for it.

use serde_json::{Value, json};
use verifier_testkit::{run, scrubbed, template};

use crate::support::{TOKEN_VARIABLE, VERIFIER, assert_valid, functions_with};
use crate::world::{Redriven, World, message};

/// A stack whose worker names no message, and whose second queue `Silent` shares the dead-letter queue. It has a worker of its
/// own, which is the same program with another log.
struct Quiet {
    world: World,
    _functions: tempfile::TempDir,
}

impl Quiet {
    /// Whether its mappings take partial batch responses, and how many messages a batch has at most.
    fn start(has_partial_responses: bool, batch_size: u32) -> Self {
        let functions = functions_with("worker", "quiet-worker.py");
        let stack = template(|changes| {
            changes.let_roles_use_queues_and_logs();
            let mut queue = changes.jobs_queue().clone();
            queue["QueueName"] = "Silent".into();
            let mapping = changes.mapping();
            mapping["BatchSize"] = batch_size.into();
            if !has_partial_responses {
                mapping.as_object_mut().expect("properties").remove("FunctionResponseTypes");
            }
            let mut mapping = mapping.clone();
            mapping["EventSourceArn"] = json!({"Fn::GetAtt": ["Silent", "Arn"]});
            let function = changes.function("worker");
            function["FunctionName"] = "worker".into();
            let mut function = function.clone();
            function["FunctionName"] = "other-worker".into();
            function["LoggingConfig"]["LogGroup"] = "/other-worker".into();
            mapping["FunctionName"] = json!({"Ref": "OtherWorker"});
            let resources = &mut changes.document()["Resources"];
            resources["Silent"] = json!({"Type": "AWS::SQS::Queue", "Properties": queue});
            let (kind, binary) = ("AWS::Lambda::Function", json!({"verifier:binary": "worker"}));
            resources["OtherWorker"] =
                json!({"Type": kind, "Properties": function, "Metadata": binary});
            resources["OtherLog"] = json!({"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/other-worker"}});
            let kind = "AWS::Lambda::EventSourceMapping";
            resources["SilentMapping"] = json!({"Type": kind, "Properties": mapping});
        });
        let text = |path: &std::path::Path| path.to_str().expect("a path").to_owned();
        let (stack, folder) = (text(stack.path()), text(functions.path()));
        let world = World::start_with(&["--template", &stack, "--functions", &folder]);
        Self { world, _functions: functions }
    }

    /// Sends jobs of these kinds, to the queue of that name or else to the stack's, and lets them fail.
    fn fail(&self, jobs: &[(Option<&str>, &str)]) {
        let own = self.world.text("/outputs/JobsQueueName").to_owned();
        for (queue, kind) in jobs {
            self.world.send(queue.unwrap_or(&own), &[message(&json!({"kind": kind}).to_string())]);
        }
        self.world.sleep(600);
    }

    fn verifier(&self, arguments: &[&str]) -> Redriven {
        World::end(&mut self.world.verifier_with(arguments))
    }

    fn dead_letters(&self) -> String {
        self.world.text("/outputs/JobsDeadLetterQueueName").to_owned()
    }

    /// What `list` says of each message, by its kind: its reason, the one that is inferred, and those that are possible.
    fn listed(&self, arguments: &[&str]) -> Vec<(String, Value, Value, Value)> {
        let name = self.dead_letters();
        let listed = self.verifier(&[&["dlq", "list", "--dlq", &name], arguments].concat());
        assert_eq!(listed.code, Some(0), "{}", listed.stderr);
        assert_valid("dlq.1", &listed.result);
        let messages = listed.result["messages"].as_array().expect("messages");
        let mut found = Vec::new();
        for message in messages {
            let id = message["messageId"].as_str().expect("an id");
            let shown = self.verifier(&["dlq", "show", id, "--dlq", &name]);
            assert_valid("dlq.1", &shown.result);
            let body = shown.result["message"]["body"].as_str().expect("a body");
            let kind = serde_json::from_str::<Value>(body).expect("JSON")["kind"].clone();
            let kind = kind.as_str().expect("a kind").to_owned();
            let of = |name: &str| message[name].clone();
            found.push((kind, of("reason"), of("inferredReason"), of("possibleReasons")));
        }
        found.sort_by(|one, other| one.0.cmp(&other.0));
        found
    }
}

fn is_key_error(value: &Value) -> bool {
    value.as_str().is_some_and(|reason| reason.starts_with("KeyError: 'throws'"))
}

#[test]
fn a_message_that_failed_silently_gets_no_reason_of_others_and_is_not_purged_for_it() {
    let quiet = Quiet::start(true, 1);
    quiet.fail(&[(None, "throws"), (None, "silent")]);
    for (kind, reason, inferred, possible) in quiet.listed(&[]) {
        assert!(reason.is_null() && inferred.is_null(), "{kind}: {reason} {inferred}");
        let possible = possible.as_array().expect("reasons");
        assert!(matches!(possible.as_slice(), [one] if is_key_error(one)), "{kind}: {possible:?}");
    }
    let name = quiet.dead_letters();
    let purge = ["dlq", "purge", "--dlq", &name, "--yes", "--reason", "KeyError"];
    let purged = quiet.verifier(&[&purge[..], &["--backup", "b.jsonl"]].concat());
    assert_eq!(purged.result["deleted"], 0, "{:#}", purged.result);
    assert_eq!(purged.result["notMeant"], 2, "{:#}", purged.result);
}

#[test]
fn where_every_invocation_of_that_time_threw_the_reason_is_inferred_and_selects_nothing() {
    let quiet = Quiet::start(true, 1);
    quiet.fail(&[(None, "throws"), (None, "throws")]);
    let name = quiet.dead_letters();
    for (kind, reason, inferred, possible) in quiet.listed(&[]) {
        assert!(reason.is_null() && is_key_error(&inferred), "{kind}: {reason} {inferred}");
        assert_eq!(possible, json!([]));
    }
    let explained = quiet.verifier(&["dlq", "explain", "--dlq", &name]).result;
    assert_valid("dlq.1", &explained);
    assert_eq!(explained["groups"].as_array().map(Vec::len), Some(1), "{explained:#}");
    assert!(is_key_error(&explained["groups"][0]["inferredReason"]), "{explained:#}");
    let listed = quiet.verifier(&["dlq", "list", "--dlq", &name, "--reason", "KeyError"]);
    assert_eq!(listed.result["messages"], json!([]));
    assert_eq!(listed.result["leftOut"].as_array().map(Vec::len), Some(2), "{:#}", listed.result);
    // By name in the plan.
    let redrive = ["redrive", "--dlq", &name, "--to-source", "--reason", "KeyError", "--dry-run"];
    let planned = quiet.verifier(&redrive);
    assert_eq!(planned.code, Some(4), "{}", planned.stderr);
    assert_valid("redrive-plan.1", &planned.result);
    assert_eq!(planned.result["leftOut"].as_object().map(serde_json::Map::len), Some(2));
    let purge = ["dlq", "purge", "--dlq", &name, "--yes", "--reason", "KeyError"];
    let purged = quiet.verifier(&[&purge[..], &["--backup", "b.jsonl"]].concat());
    assert_valid("dlq.1", &purged.result);
    assert_eq!((purged.code, &purged.result["deleted"]), (Some(4), &json!(0)));
    assert_eq!(purged.result["leftOut"].as_array().map(Vec::len), Some(2), "{:#}", purged.result);
}

#[test]
fn without_partial_responses_an_invocation_that_succeeded_held_none_that_is_dead() {
    let quiet = Quiet::start(false, 1);
    quiet.fail(&[(None, "throws"), (None, "silent")]);
    let found = quiet.listed(&[]);
    let [(kind, reason, inferred, _)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(kind, "throws");
    assert!(reason.is_null() && is_key_error(inferred), "{reason} {inferred}");
}

#[test]
fn several_causes_of_one_time_are_named() {
    let quiet = Quiet::start(true, 1);
    quiet.fail(&[(None, "throws"), (None, "throws-otherwise")]);
    for (kind, reason, inferred, possible) in quiet.listed(&[]) {
        assert!(reason.is_null() && inferred.is_null(), "{kind}: {reason} {inferred}");
        assert_eq!(possible.as_array().map(Vec::len), Some(2), "{kind}: {possible}");
    }
    let name = quiet.dead_letters();
    let mut command = scrubbed(VERIFIER);
    command.args(["dlq", "explain", "--dlq", &name, "--region", "us-local-1"]);
    command.args(["--endpoint-url", quiet.world.endpoint()]);
    let output = run(command.env(TOKEN_VARIABLE, quiet.world.token()));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("reason unknown: one of KeyError: 'throws"), "{text}");
    assert!(text.contains("sent between"), "{text}");
}

#[test]
fn of_a_shared_queue_each_sources_own_functions_count() {
    let quiet = Quiet::start(true, 1);
    quiet.fail(&[(None, "throws"), (Some("Silent"), "silent")]);
    let expected = |found: &[(String, Value, Value, Value)]| {
        let [silent, throws] = found else { panic!("{found:?}") };
        assert!(silent.1.is_null() && silent.2.is_null(), "{silent:?}");
        assert_eq!(silent.3, json!([]), "nothing of the other queue's function: {silent:?}");
        assert!(throws.1.is_null() && is_key_error(&throws.2), "{throws:?}");
    };
    // Each source's own log, and that of one of them by name.
    expected(&quiet.listed(&[]));
    let name = quiet.dead_letters();
    let functions = quiet.verifier(&["dlq", "list", "--dlq", &name]).result;
    let groups = functions["log"]["groups"].as_array().expect("groups").clone();
    assert_eq!(groups.len(), 2, "{functions:#}");
    let own = groups.iter().filter_map(Value::as_str).find(|name| *name != "/other-worker");
    expected(&quiet.listed(&["--log-group", own.expect("its log")]));
}
