//! What a redrive says of messages that it has not reached, that came back, that may not be deleted, and that went elsewhere.

use serde_json::json;
use verifier_testkit::wait_until;

use crate::support::STACK;
use crate::world::{World, message};

#[test]
fn what_a_plan_has_not_reached_is_not_called_missing() {
    let world = World::start_with(&[]);
    let queue = world.text("/outputs/JobsDeadLetterQueueName").to_owned();
    let job = |number: usize| {
        message(&json!({"task": "t", "jobId": format!("j-{number}"), "fail": true}).to_string())
    };
    world.send(&queue, &(0..6).map(job).collect::<Vec<_>>());
    let planned = World::end(&mut world.verifier_with(&[
        "redrive",
        "--stack",
        STACK,
        "--plan-only",
        "plan.json",
    ]));
    assert_eq!(planned.code, Some(0), "{}", planned.stderr);
    let mut command = world.verifier();
    command.args(["--execute", "plan.json", "--yes", "--journal", "journal.jsonl"]);
    let stopped = World::end(&mut command);
    stopped.assert(4, &[("replayed", 1), ("bounced", 1), ("notReached", 5), ("left", 6)]);
    let status = ["redrive", "status", "journal.jsonl"];
    let status = World::end(&mut world.verifier_with(&status));
    assert_eq!((status.count("missing"), status.count("notReached")), (0, 5));
    // What is gone is missing once all that is there has come.
    assert_eq!(world.drain(&queue).len(), 6);
    let resumed = world.resume(&world.path("journal.jsonl"));
    assert_eq!((resumed.count("missing"), resumed.count("notReached")), (5, 0));
}

#[test]
fn what_comes_back_without_a_ramp_is_counted_and_sent_again_where_that_is_asked_for() {
    let world = World::start_with(&[]);
    let queue = world.text("/outputs/JobsDeadLetterQueueName").to_owned();
    let job = json!({"task": "t", "jobId": "j-1", "fail": true}).to_string();
    world.send(&queue, &[message(&job)]);
    let mut command = world.verifier();
    command.args(["--stack", STACK, "--yes", "--no-canary", "--journal", "journal.jsonl"]);
    World::end(&mut command);
    let visible = || world.queue(&queue).number("ApproximateNumberOfMessages");
    wait_until("it to fail again", || (visible() == Some(1)).then_some(()));
    let journal = world.path("journal.jsonl");
    world.resume(&journal).assert(4, &[("replayed", 1), ("bounced", 1), ("left", 1)]);
    let again = ["redrive", "--resume", "journal.jsonl", "--yes", "--retry-bounced"];
    let again = World::end(&mut world.verifier_with(&again));
    assert_eq!(again.count("replayed"), 1, "{}", again.stderr);
    let journal = std::fs::read_to_string(journal).unwrap_or_default();
    assert_eq!(journal.matches("\"event\":\"sent\"").count(), 2, "{}", again.stderr);
}

#[test]
fn where_nothing_may_be_deleted_one_batch_is_sent_and_no_more() {
    let world = World::start();
    world.fill("dead", 60);
    world.faults(&json!([{"operation": "DeleteMessageBatch",
        "fault": {"kind": "error", "status": 403, "code": "AccessDenied", "commit": "before"}}]));
    let stopped = world.redrive(&[]);
    assert_eq!(stopped.code, Some(4), "{}", stopped.stderr);
    let sent = stopped.count("replayed");
    assert!((1..=10).contains(&sent), "{sent}");
    let why = stopped.result["stopped"].as_str().unwrap_or_default();
    assert!(why.contains("cannot be deleted"), "{why}");
}

#[test]
fn what_a_chained_queue_takes_is_said() {
    let world = World::start();
    world.create("grave", &json!({}));
    let policy = json!({"deadLetterTargetArn": "arn:aws:sqs:us-local-1:000000000000:grave", "maxReceiveCount": 1});
    let url = world.queue("dead").url;
    let attributes = json!({"QueueUrl": url, "Attributes": {"RedrivePolicy": policy.to_string()}});
    world.call("SetQueueAttributes", &attributes);
    let list = || {
        let arguments = ["dlq", "list", "--dlq", "dead", "--allow-moves"];
        World::end(&mut world.verifier_with(&arguments))
    };
    let empty = list();
    assert_eq!(empty.code, Some(0), "{}", empty.stderr);
    world.fill("dead", 6);
    // The first receive is the last that the policy allows.
    let receive = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0});
    assert_eq!(
        world.call("ReceiveMessage", &receive)["Messages"].as_array().map(Vec::len),
        Some(6)
    );
    let moved = list();
    assert_eq!(moved.code, Some(4), "{}", moved.stderr);
    let told = "about 6 messages were moved to arn:aws:sqs:us-local-1:000000000000:grave";
    assert!(moved.stderr.contains(told), "{}", moved.stderr);
    assert_eq!(world.queue("grave").number("ApproximateNumberOfMessages"), Some(6));
}
