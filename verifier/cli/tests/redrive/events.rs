//! Dead letters that came from no queue: the events of asynchronous invocations go back to their function, and nothing else
//! does.

use std::process::Command;

use serde_json::json;
use verifier_core::dead_letters::{Attribute, Resend};
use verifier_testkit::{TemplateFile, run, template};

use crate::world::{Redriven, World, message};

const ARN: &str = "arn:aws:lambda:us-local-1:000000000000:function:charge";
/// An event that the worker takes: a batch without messages.
const FINE: &str = r#"{ "Records":[] }"#;
/// One that it cannot read, which ends the invocation with an error.
const BROKEN: &str = r#"{ "n": 12345678901234567890123, "a":1.0 }"#;

/// A worker whose failed events go to a queue. Other functions have none, or the same one.
fn stack(is_shared: bool) -> TemplateFile {
    template(|changes| {
        let dead = json!({"TargetArn": {"Fn::GetAtt": ["Events", "Arn"]}});
        changes.function("worker")["FunctionName"] = "charge".into();
        changes.function("worker")["DeadLetterConfig"] = dead.clone();
        if is_shared {
            changes.function("hello")["DeadLetterConfig"] = dead;
        }
        let queue = json!({"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "Events"}});
        changes.document()["Resources"]["Events"] = queue;
    })
}

fn world(is_shared: bool) -> World {
    let stack = stack(is_shared);
    World::start_with(&["--template", stack.path().to_str().expect("a path")])
}

fn redrive(world: &World, arguments: &[&str]) -> Redriven {
    let mut command = world.verifier();
    World::end(
        command.args(["--dlq", "Events", "--to-function", "charge", "--yes"]).args(arguments),
    )
}

/// A message with attributes, each a string but for `ErrorCode` of Lambda.
fn with(body: &str, attributes: &[(&str, &str)]) -> Resend {
    let attribute = |(name, value): &(&str, &str)| {
        let kind = if value.parse::<u32>().is_ok() { "Number" } else { "String" };
        ((*name).to_owned(), Attribute::text(kind, *value))
    };
    Resend { attributes: attributes.iter().map(attribute).collect(), ..message(body) }
}

/// An event that Lambda has given up, as it puts it into a queue.
fn dead_event(body: &str, request_id: &str) -> Resend {
    with(body, &[("RequestID", request_id), ("ErrorCode", "200"), ("ErrorMessage", "no")])
}

/// Invokes the function asynchronously.
fn invoke(world: &World, event: &str) {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail-with-body", "--data-binary", event]);
    curl.args(["--header", &world.authorization("lambda")]);
    curl.args(["--header", "x-amz-invocation-type: Event"]);
    let path = "2015-03-31/functions/charge/invocations";
    let output = run(curl.arg(format!("{}/{path}", world.endpoint())));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn events_go_back_to_their_function_and_all_others_stay_and_are_named() {
    let world = world(false);
    let record = |function: &str| {
        let context =
            json!({"requestId": "r", "functionArn": function, "condition": "RetriesExhausted"});
        let record =
            json!({"version": "1.0", "requestContext": context, "requestPayload": {"Records": []}});
        message(&record.to_string())
    };
    let mine =
        [dead_event(FINE, "r-1"), dead_event(FINE, "r-2"), record(&format!("{ARN}:$LATEST"))];
    let others = [
        record(&ARN.replace("charge", "refund")),
        with("{}", &[("RULE_ARN", "rule"), ("TARGET_ARN", ARN), ("ERROR_CODE", "NO_PERMISSIONS")]),
        with("raw", &[("RequestID", "r"), ("ErrorCode", "KMS.Denied"), ("ErrorMessage", "no")]),
        message(FINE),
    ];
    world.send("Events", &mine);
    world.send("Events", &others);
    let mut list = world.verifier_with(&["dlq", "list", "--dlq", "Events"]);
    let listed = World::end(&mut list).result;
    let services = json!([
        {"service": "async-invocation", "count": 2},
        {"service": "invocation-record", "count": 2},
        {"service": "subscription", "count": 1},
        {"service": "rule", "count": 1},
    ]);
    assert_eq!(listed["services"], services, "{listed:#}");
    let done = redrive(&world, &["--journal", "j.jsonl"]);
    done.assert(4, &[("replayed", 3), ("succeeded", 3), ("notSent", 4), ("left", 4)]);
    let why = done.result["notSent"].to_string();
    for part in [
        "function:refund",
        "of an EventBridge rule",
        "of an SNS subscription",
        "nothing on it says",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    world
        .resume(&world.path("j.jsonl"))
        .assert(4, &[("replayed", 3), ("succeeded", 3), ("notSent", 4), ("left", 4)]);
    // Without the option, it is said which one is meant.
    let mut command = world.verifier();
    let refused = World::end(command.args(["--dlq", "Events", "--yes"]));
    assert!(
        refused.code == Some(2) && refused.stderr.contains("--to-function"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_patch_is_of_the_event_and_the_plan_shows_it() {
    let world = world(false);
    let context = json!({"requestId": "r", "functionArn": ARN, "condition": "RetriesExhausted"});
    let record = json!({"requestContext": context, "requestPayload": {"n": 1}});
    world.send("Events", &[dead_event(BROKEN, "r-1"), message(&record.to_string())]);
    std::fs::write(world.path("patch.json"), r#"{"Records": []}"#).expect("the patch");
    let mut command = world.verifier();
    command.args(["--dlq", "Events", "--to-function", "charge", "--dry-run"]);
    let planned = World::end(command.args(["--patch", "patch.json"]));
    let after: Vec<&str> = planned.result["preview"]
        .as_array()
        .expect("a preview")
        .iter()
        .map(|preview| preview["after"].as_str().expect("a body"))
        .collect();
    assert_eq!(after.len(), 2, "{:#}", planned.result);
    assert!(
        after
            .iter()
            .all(|body| body.contains("\"Records\": []") || body.contains("\"Records\":[]")),
        "{after:?}"
    );
    assert!(after.iter().all(|body| !body.contains("requestContext")), "{after:?}");
    // Both are broken without it.
    let done = redrive(&world, &["--patch", "patch.json", "--journal", "j.jsonl"]);
    done.assert(0, &[("replayed", 2), ("succeeded", 2)]);
    let mut command = world.verifier_with(&["redrive", "undo", "j.jsonl"]);
    let undone = World::end(command.arg("--yes"));
    assert_eq!(undone.code, Some(2), "{}", undone.stderr);
    assert!(undone.stderr.contains("invoked a function"), "{}", undone.stderr);
}

#[test]
fn an_event_that_fails_again_is_a_bounce_and_is_not_sent_again() {
    let world = world(false);
    invoke(&world, BROKEN);
    invoke(&world, BROKEN);
    world.sleep(400);
    let stopped = redrive(&world, &["--journal", "j.jsonl"]);
    stopped.assert(4, &[("replayed", 1), ("bounced", 1), ("left", 2)]);
    let bounce = &stopped.result["bounced"][0];
    assert_eq!(bounce["failing"], "same-cause", "{:#}", stopped.result);
    // Going on sends the other one, and only if asked for, the one that has bounced.
    let journal = world.path("j.jsonl");
    let again = world.resume(&journal);
    again.assert(4, &[("replayed", 2), ("bounced", 2), ("left", 2)]);
    assert_eq!(world.resume(&journal).count("replayed"), 2);
    let retried = World::end(world.verifier().args(["--retry-bounced", "--resume"]).arg(&journal));
    assert_eq!(
        (retried.count("replayed"), retried.count("bounced")),
        (2, 2),
        "{:#}",
        retried.result
    );
    // The events are what they were, byte for byte.
    let bodies = world.bodies("Events");
    assert_eq!(bodies.into_iter().collect::<Vec<_>>(), [(BROKEN.to_owned(), 2)]);
}

#[test]
fn an_answer_that_is_lost_is_named_and_the_event_may_have_arrived_twice() {
    let world = world(false);
    world.send("Events", &[dead_event(FINE, "r-1"), dead_event(FINE, "r-2")]);
    let rule = json!([{"operation": "Invoke", "nth": 1, "fault": {"kind": "disconnect", "commit": "after"}}]);
    world.faults(&rule);
    let done = redrive(&world, &["--no-canary"]);
    done.assert(0, &[("replayed", 2), ("unknown", 2), ("ambiguous", 1)]);
    assert!(world.bodies("Events").is_empty());
}

#[test]
fn where_functions_share_the_queue_events_have_to_be_chosen() {
    let world = world(true);
    world.send("Events", &[dead_event(FINE, "r-1"), dead_event(r#"{"hello":1}"#, "r-2")]);
    let refused = redrive(&world, &["--no-canary"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("2 functions have") && refused.stderr.contains("--filter"));
    let done = redrive(&world, &["--filter", "body.Records != null", "--no-canary"]);
    done.assert(0, &[("replayed", 1), ("unknown", 1), ("left", 1)]);
}
