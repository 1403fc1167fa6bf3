//! What a redrive can do besides moving everything.
//!
//! Of each thing that no other tool does together with the rest there is a test: a look costs no place (`dlq::looking`), filters,
//! plan, dry run, patch, attributes, another queue or stack (here), another region or account (`moto`), the ramp, attribution and
//! old and new failures (`ramp`), rate, concurrency, deadline, being asked and Ctrl-C (`limits`), crashes (`kill`), faults
//! (`faults`), files and purging (`dlq::files`), SQS's own task (`redrive_native`), formats and records
//! (`dead_letter_formats`). The rate is `cargo xtask bench redrive`.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use verifier_core::dead_letters::{Attribute, Resend};
use verifier_core::redrive::REDRIVES_ATTRIBUTE;
use verifier_testkit::scrubbed;

use crate::support::{STACK, VERIFIER};
use crate::world::{World, assert_each_once, body, message};

#[test]
fn attributes_trace_header_and_group_are_kept() {
    let world = World::start();
    let sent = Resend {
        attributes: BTreeMap::from([
            ("text".to_owned(), Attribute::text("String", "ä")),
            ("number".to_owned(), Attribute::text("Number.int", "7")),
            ("bytes".to_owned(), Attribute::binary("Binary", &[0, 255, 10])),
        ]),
        trace_header: Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1".to_owned()),
        group_id: Some("tenant-1".to_owned()),
        ..message("no JSON, and a \u{1F600}")
    };
    world.send("dead", std::slice::from_ref(&sent));
    let redriven = world.redrive(&["--no-count"]);
    redriven.assert(0, &[("replayed", 1), ("unknown", 1)]);
    assert_eq!(redriven.result["traceLost"], json!([]));
    let found = world.drain("target");
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].body, &found[0].attributes), (&sent.body, &sent.attributes));
    assert_eq!((&found[0].trace_header, &found[0].group_id), (&sent.trace_header, &sent.group_id));
}

#[test]
fn a_message_says_how_often_it_was_redriven_and_stays_when_that_is_too_often() {
    let world = World::start();
    let of = |name: &str, redrives: Option<&str>| {
        let text = Attribute::text("String", "v");
        let count = redrives.map(|times| Attribute::text("Number", times));
        let count = count.map(|count| (REDRIVES_ATTRIBUTE.to_owned(), count));
        let attributes = BTreeMap::from([("a".to_owned(), text)]).into_iter().chain(count);
        Resend { attributes: attributes.collect(), ..message(name) }
    };
    let full = (0..10).map(|n| (format!("a{n}"), Attribute::text("String", "v"))).collect();
    let full = Resend { attributes: full, ..message("full") };
    world.send("dead", &[of("first", None), of("fifth", Some("4")), of("sixth", Some("5")), full]);
    let to = ["--dlq", "dead", "--to", "target", "--dry-run"];
    let planned = World::end(world.verifier().args(to));
    assert!(
        planned.result["leftOut"].to_string().contains("redriven 5 times"),
        "{:#}",
        planned.result
    );
    world.redrive(&[]).assert(4, &[("replayed", 3), ("unknown", 3), ("notSent", 1), ("left", 1)]);
    let found = world.drain("target");
    let count = |name: &str| {
        let message = found.iter().find(|message| message.body == name);
        let attributes = message.map(|message| message.attributes.clone()).unwrap_or_default();
        let count = attributes.get(REDRIVES_ATTRIBUTE).and_then(|count| count.string_value.clone());
        (attributes.len(), count)
    };
    assert_eq!(count("first"), (2, Some("1".to_owned())));
    assert_eq!(count("fifth"), (2, Some("5".to_owned())));
    assert_eq!(count("full"), (10, None), "no message has more than ten");
    let journal = std::fs::read_to_string(world.path("journal.jsonl")).unwrap();
    assert_eq!(journal.matches("\"redrives\":1").count(), 1, "{journal}");
    std::fs::remove_file(world.path("journal.jsonl")).unwrap();
    world.redrive(&["--redrives-max", "6"]).assert(0, &[("replayed", 1), ("unknown", 1)]);
    let found = world.drain("target");
    assert_eq!(found[0].attributes[REDRIVES_ATTRIBUTE].string_value.as_deref(), Some("6"));
}

#[test]
fn a_fifo_queue_keeps_its_order_and_a_used_deduplication_id_loses_nothing() {
    let world = World::start();
    let fifo = json!({"FifoQueue": "true", "ContentBasedDeduplication": "true"});
    world.create("dead.fifo", &fifo);
    world.create("target.fifo", &fifo);
    let messages: Vec<Resend> = (0..30)
        .map(|number| Resend {
            group_id: Some(format!("g-{}", number % 3)),
            deduplication_id: Some(format!("d-{number}")),
            ..message(&body(number))
        })
        .collect();
    // The same ids were used in the target a moment ago.
    world.send("target.fifo", &messages);
    assert_eq!(world.drain("target.fifo").len(), 30);
    world.send("dead.fifo", &messages);
    let mut command = world.verifier();
    command.args(["--dlq", "dead.fifo", "--to", "target.fifo", "--no-canary", "--yes"]);
    World::end(&mut command).assert(0, &[("replayed", 30), ("unknown", 30)]);
    let found = world.drain("target.fifo");
    for group in 0..3 {
        let name = format!("g-{group}");
        let of_group = found.iter().filter(|message| message.group_id.as_deref() == Some(&name));
        let bodies: Vec<&str> = of_group.map(|message| message.body.as_str()).collect();
        let expected: Vec<String> =
            (0..30).filter(|number| number % 3 == group).map(body).collect();
        assert_eq!(bodies, expected);
    }
}

#[test]
fn only_what_the_filter_means_is_sent_and_the_rest_is_released() {
    let world = World::start();
    world.fill("dead", 40);
    let redriven = world.redrive(&["--filter", "body.number < `15`"]);
    redriven.assert(0, &[("replayed", 15), ("unknown", 15), ("left", 25)]);
    assert_each_once(&world.bodies("target"), 15);
    // They can be received at once.
    assert_eq!(world.bodies("dead").len(), 25);
    let wrong = world.redrive(&["--filter", "body."]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
}

#[test]
fn no_more_than_the_most_are_sent() {
    let world = World::start();
    world.fill("dead", 40);
    world.redrive(&["--max", "13"]).assert(0, &[("replayed", 13), ("unknown", 13), ("left", 27)]);
    assert_eq!((world.bodies("target").len(), world.bodies("dead").len()), (13, 27));
}

#[test]
fn a_plan_is_carried_out_only_where_it_still_holds() {
    let world = World::start();
    world.fill("dead", 20);
    let plan = world.path("plan.json");
    let mut command = world.verifier();
    command.args(["--dlq", "dead", "--to", "target", "--no-canary", "--plan-only"]).arg(&plan);
    let planned = World::end(&mut command);
    assert_eq!(planned.code, Some(0), "{}", planned.stderr);
    assert!(world.bodies("target").is_empty(), "it was only planned");
    // Three messages are gone since, one is new, and one is not what the plan says.
    let url = world.queue("dead").url;
    let receive = json!({"QueueUrl": url, "MaxNumberOfMessages": 3});
    let taken = world.call("ReceiveMessage", &receive)["Messages"].as_array().cloned().unwrap();
    for taken in &taken {
        let delete = json!({"QueueUrl": url, "ReceiptHandle": taken["ReceiptHandle"]});
        world.call("DeleteMessage", &delete);
    }
    world.send("dead", &[message("a new one")]);
    let mut written: Value =
        serde_json::from_str(&std::fs::read_to_string(&plan).unwrap()).unwrap();
    let ids: Vec<Value> = taken.iter().map(|taken| taken["MessageId"].clone()).collect();
    let messages = written["messages"].as_array_mut().unwrap();
    assert_eq!(messages.len(), 20);
    let other = messages.iter_mut().find(|message| !ids.contains(&message["messageId"])).unwrap();
    other["contentSha256"] = "0".into();
    std::fs::write(&plan, written.to_string()).unwrap();
    let slower = World::end(world.verifier().args(["--rate", "1", "--execute"]).arg(&plan));
    assert_eq!(slower.code, Some(2), "the plan says how: {}", slower.stderr);
    let journal = world.path("journal.jsonl");
    let mut command = world.verifier();
    let done =
        World::end(command.args(["--yes", "--execute"]).arg(&plan).arg("--journal").arg(&journal));
    let figures = [("replayed", 16), ("unknown", 16), ("changed", 1), ("missing", 3), ("left", 2)];
    done.assert(4, &figures);
    let mut command = scrubbed(VERIFIER);
    let status = World::end(command.args(["redrive", "status", "--format", "json"]).arg(&journal));
    assert_eq!((status.count("changed"), status.count("missing")), (1, 3));
    assert_eq!((world.bodies("target").len(), world.bodies("dead").len()), (16, 2));
}

#[test]
fn a_dry_run_shows_the_plan_and_touches_nothing() {
    let world = World::start();
    world.fill("dead", 12);
    let mut command = world.verifier();
    let shown = World::end(command.args(["--dlq", "dead", "--to", "target", "--dry-run"]));
    assert_eq!(
        (shown.code, shown.result["schema"].as_str()),
        (Some(0), Some("verifier.redrive.plan/1"))
    );
    assert_eq!(shown.result["messages"].as_array().map(Vec::len), Some(12));
    assert_eq!((world.bodies("target").len(), world.bodies("dead").len()), (0, 12));
    // Nobody can be asked here.
    let refused = World::end(world.verifier().args(["--dlq", "dead", "--to", "target"]));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
}

#[test]
fn a_patch_changes_what_is_sent_and_the_journal_keeps_what_was() {
    let world = World::start();
    world.fill("dead", 3);
    world.send("dead", &[message("no JSON")]);
    let patch = world.path("patch.json");
    std::fs::write(&patch, r#"{"task": null, "fixed": true}"#).unwrap();
    let redriven = world.redrive(&["--patch", patch.to_str().unwrap()]);
    // What cannot be patched stays.
    redriven.assert(4, &[("replayed", 3), ("unknown", 3), ("notSent", 1), ("left", 1)]);
    let bodies = world.bodies("target");
    assert!(bodies.keys().all(|body| body.contains("\"fixed\":true") && !body.contains("task")));
    let journal = std::fs::read_to_string(world.path("journal.jsonl")).unwrap();
    assert!((0..3).all(|number| journal.contains(&body(number).replace('"', "\\\""))));
    assert_eq!(world.bodies("dead").keys().collect::<Vec<_>>(), ["no JSON"]);
}

#[test]
fn a_redrive_can_be_rehearsed_in_another_stack() {
    let local = crate::support::Local::start(&[]);
    local.create_stack(
        "Stack-Rehearsal",
        &json!({
            "Resources": {"Jobs": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "rehearsed"}}},
            "Outputs": {"JobsQueueName": {"Value": {"Fn::GetAtt": ["Jobs", "QueueName"]}}},
        }),
    );
    let mut world = World::at(local.text("/endpoint"), "us-local-1");
    local.token().clone_into(&mut world.token);
    let dead = local.text("/outputs/JobsDeadLetterQueueName");
    world.fill(dead, 12);
    let mut command = world.verifier();
    command.args(["--stack", STACK, "--to-stack", "Stack-Rehearsal", "--no-canary", "--yes"]);
    World::end(&mut command).assert(0, &[("replayed", 12), ("unknown", 12)]);
    assert_each_once(&world.bodies("rehearsed"), 12);
    assert!(world.bodies(dead).is_empty());
    let mut command = world.verifier();
    let both =
        World::end(command.args(["--stack", STACK, "--to", "a", "--to-stack", "b", "--yes"]));
    assert_eq!(both.code, Some(2), "{}", both.stderr);
    let mut command = world.verifier();
    let none = World::end(command.args(["--stack", STACK, "--to-stack", "Stack-None", "--yes"]));
    assert_eq!(none.code, Some(3), "{}", none.stderr);
}

#[test]
fn the_status_of_a_journal_is_told_without_aws() {
    let world = World::start();
    world.fill("dead", 12);
    let redriven = world.redrive(&["--reason-note", "INC-7"]);
    assert_eq!(redriven.result["why"], "INC-7");
    let who = redriven.result["who"].as_str().unwrap();
    assert!(who.starts_with("arn:aws:iam::000000000000:"), "{who}");
    assert!(redriven.result["startedAt"].as_str().unwrap().ends_with('Z'));
    let journal = world.path("journal.jsonl");
    let mut command = scrubbed(VERIFIER);
    let status = World::end(command.args(["redrive", "status", "--format", "json"]).arg(&journal));
    assert_eq!((status.code, status.result["hasEnded"].as_bool()), (Some(0), Some(true)));
    assert_eq!(status.count("replayed"), 12);
    let mut command = scrubbed(VERIFIER);
    let wrong = World::end(command.args(["redrive", "status", "Cargo.toml"]));
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
}

#[test]
fn a_journal_is_not_carried_on_into_another_queue() {
    let world = World::start();
    world.fill("dead", 3);
    world.redrive(&[]).assert(0, &[("replayed", 3), ("unknown", 3)]);
    let journal = world.path("journal.jsonl");
    world.create("other", &json!({}));
    for option in [["--to", "source"], ["--dlq", "other"]] {
        let mut command = world.verifier();
        let refused = World::end(command.arg("--resume").arg(&journal).args(option));
        assert_eq!(refused.code, Some(2), "{option:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("the file"), "{}", refused.stderr);
    }
    assert_eq!(world.bodies("source").len(), 0);
}
