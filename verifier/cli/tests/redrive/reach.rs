//! All of them: what others hold, what is behind others of its group, and what nobody reads is told, and is no success.

use serde_json::json;
use verifier_core::dead_letters::Resend;

use crate::world::{Redriven, World, message};

fn run(world: &World, arguments: &[&str]) -> Redriven {
    World::end(&mut world.verifier_with(arguments))
}

/// Takes messages in hand as another consumer does.
fn hold(world: &World, queue: &str, seconds: u64) {
    let url = world.queue(queue).url;
    let receive = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": seconds});
    let received = world.call("ReceiveMessage", &receive);
    assert_eq!(received["Messages"].as_array().map(Vec::len), Some(10));
}

#[test]
fn messages_that_another_consumer_holds_are_counted_and_make_it_incomplete() {
    let world = World::start();
    world.fill("dead", 25);
    hold(&world, "dead", 43_200);
    for arguments in [
        &["dlq", "list", "--dlq", "dead"][..],
        &["dlq", "explain", "--dlq", "dead"],
        &["dlq", "export", "e.jsonl", "--dlq", "dead"],
        &["dlq", "purge", "--yes", "--backup", "p.jsonl", "--dlq", "dead"],
    ] {
        let done = run(&world, arguments);
        assert_eq!(done.code, Some(4), "{arguments:?}: {}", done.stderr);
        assert_eq!(
            (&done.result["complete"], &done.result["inFlight"]),
            (&json!(false), &json!(10))
        );
        let why = done.result["incompleteBecause"].as_str().unwrap();
        let expected = "10 in flight; visible again within the queue's timeout (30 s) unless extended, 12 h at most";
        assert_eq!(why, expected);
    }
}

#[test]
fn nobody_holding_any_a_look_is_complete() {
    let world = World::start();
    world.fill("dead", 25);
    let done = run(&world, &["dlq", "list", "--dlq", "dead"]);
    assert_eq!((done.code, &done.result["complete"]), (Some(0), &json!(true)), "{}", done.stderr);
    // As many as were asked for is all that was asked for.
    hold(&world, "dead", 43_200);
    let done = run(&world, &["dlq", "list", "--dlq", "dead", "--max", "5"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
}

#[test]
fn they_are_waited_for_when_that_is_asked_for() {
    let world = World::start();
    world.fill("dead", 25);
    hold(&world, "dead", 300);
    let done = run(&world, &["dlq", "list", "--dlq", "dead", "--wait"]);
    assert_eq!((done.code, &done.result["complete"]), (Some(0), &json!(true)), "{}", done.stderr);
    assert_eq!(done.result["messages"].as_array().map(Vec::len), Some(25));
    assert!(
        done.stderr.contains("waiting, for") && done.stderr.contains("10 in flight"),
        "{}",
        done.stderr
    );
    hold(&world, "dead", 3_000);
    let done = run(&world, &["dlq", "list", "--dlq", "dead", "--wait=5m"]);
    assert_eq!((done.code, &done.result["inFlight"]), (Some(4), &json!(10)), "{}", done.stderr);
    let done = run(&world, &["dlq", "purge", "--dlq", "dead", "--wait", "--yes", "--backup", "p"]);
    assert_eq!((done.code, &done.result["deleted"]), (Some(0), &json!(25)), "{}", done.stderr);
}

#[test]
fn a_redrive_that_did_not_reach_all_is_not_done() {
    let world = World::start();
    world.fill("dead", 25);
    hold(&world, "dead", 43_200);
    let done = world.redrive(&[]);
    done.assert(4, &[("replayed", 15), ("unknown", 15), ("left", 10)]);
    assert!(
        done.result["stopped"].as_str().unwrap().starts_with("10 in flight"),
        "{:#}",
        done.result
    );
    let world = World::start();
    world.fill("dead", 25);
    hold(&world, "dead", 900);
    world.redrive(&["--wait=1h"]).assert(0, &[("replayed", 25), ("unknown", 25)]);
}

#[test]
fn a_dry_run_says_what_it_did_not_see() {
    let world = World::start();
    world.fill("dead", 25);
    hold(&world, "dead", 43_200);
    let planned = run(&world, &["redrive", "--dlq", "dead", "--to", "target", "--dry-run"]);
    assert_eq!(
        (planned.code, &planned.result["inFlight"]),
        (Some(4), &json!(10)),
        "{}",
        planned.stderr
    );
    assert!(planned.result["incompleteBecause"].as_str().unwrap().contains("10 in flight"));
}

#[test]
fn those_behind_others_of_their_group_are_counted_and_the_others_named() {
    let world = World::start();
    let fifo = json!({"FifoQueue": "true", "ContentBasedDeduplication": "true"});
    world.create("dead.fifo", &fifo);
    world.create("target.fifo", &fifo);
    let messages: Vec<Resend> = (0..30)
        .map(|number| Resend {
            group_id: Some("one".to_owned()),
            deduplication_id: Some(format!("d-{number}")),
            ..message(&json!({"number": number, "bad": number < 12}).to_string())
        })
        .collect();
    world.send("dead.fifo", &messages);
    let place = ["redrive", "--dlq", "dead.fifo", "--to", "target.fifo", "--no-canary"];
    let filter = ["--filter", "body.bad == `false`"];
    let done = run(&world, &[&place[..], &filter, &["--yes"]].concat());
    assert_eq!((done.code, done.count("replayed")), (Some(4), 0), "{}", done.stderr);
    let why = done.result["stopped"].as_str().unwrap();
    assert!(why.contains("20 more") && why.contains("and 9 more (group one)"), "{why}");
    let planned = run(&world, &[&place[..], &filter, &["--dry-run"]].concat());
    assert_eq!((planned.code, &planned.result["notReachable"]), (Some(4), &json!(20)));
    let listed = run(&world, &["dlq", "list", "--dlq", "dead.fifo"]);
    assert_eq!(listed.result["notReachable"], 20);
    assert_eq!(listed.result["blockedBy"][0]["groupId"], "one", "{:#}", listed.result);
    // Without a filter nothing is in the way.
    let done = run(&world, &[&place[..], &["--yes"]].concat());
    done.assert(0, &[("replayed", 30), ("unknown", 30)]);
}

#[test]
fn of_groups_that_were_shown_whole_no_message_is_named_as_blocking() {
    let world = World::start();
    let fifo = json!({"FifoQueue": "true", "ContentBasedDeduplication": "true"});
    world.create("dead.fifo", &fifo);
    let of = |group: &str, number: u64| Resend {
        group_id: Some(group.to_owned()),
        deduplication_id: Some(format!("{group}-{number}")),
        ..message(&json!({"number": number}).to_string())
    };
    let held: Vec<Resend> = (0..3).map(|number| of("held", number)).collect();
    world.send("dead.fifo", &held);
    // Another consumer holds the first of a group, and two are behind it.
    let url = world.queue("dead.fifo").url;
    let one = json!({"QueueUrl": url, "VisibilityTimeout": 600, "MaxNumberOfMessages": 1});
    world.call("ReceiveMessage", &one);
    let shown: Vec<Resend> = ["a", "b", "c"].map(|group| of(group, 0)).into();
    world.send("dead.fifo", &shown);
    let listed = run(&world, &["dlq", "list", "--dlq", "dead.fifo"]);
    assert_eq!(
        (&listed.result["notReachable"], &listed.result["inFlight"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(listed.result["messages"].as_array().map(Vec::len), Some(3));
    assert_eq!(listed.result["blockedBy"], json!([]), "{:#}", listed.result);
    let why = listed.result["incompleteBecause"].as_str().unwrap();
    assert!(why.ends_with("behind those in flight"), "{why}");
    // The same exit code, whatever looks at them.
    for what in ["list", "explain"] {
        let looked = run(&world, &["dlq", what, "--dlq", "dead.fifo"]);
        assert_eq!((looked.code, &looked.result["complete"]), (Some(4), &json!(false)), "{what}");
    }
    let exported = run(&world, &["dlq", "export", "e.jsonl", "--dlq", "dead.fifo"]);
    assert_eq!((exported.code, &exported.result["complete"]), (Some(4), &json!(false)));
    // As many as were asked for are all that were.
    let few = run(&world, &["dlq", "list", "--dlq", "dead.fifo", "--max", "2"]);
    assert_eq!((few.code, &few.result["complete"]), (Some(0), &json!(false)));
}

#[test]
fn a_fifo_look_that_does_not_reach_all_is_incomplete_for_every_command() {
    let world = World::start();
    let fifo = json!({"FifoQueue": "true", "ContentBasedDeduplication": "true"});
    world.create("dead.fifo", &fifo);
    let of = |group: &str, number: u64| Resend {
        group_id: Some(group.to_owned()),
        deduplication_id: Some(format!("{group}-{number}")),
        ..message(&json!({"number": number}).to_string())
    };
    let mut messages: Vec<Resend> = (0..13).map(|number| of("long", number)).collect();
    messages.push(of("short", 0));
    world.send("dead.fifo", &messages);
    for what in [&["list"][..], &["explain"], &["export", "e.jsonl"]] {
        let looked = run(&world, &[&["dlq"][..], what, &["--dlq", "dead.fifo"]].concat());
        assert_eq!((looked.code, &looked.result["complete"]), (Some(4), &json!(false)), "{what:?}");
        let groups = looked.result["blockedBy"].as_array().unwrap();
        let [only] = groups.as_slice() else { panic!("{groups:?}") };
        assert_eq!(only["groupId"], "long", "{what:?}");
    }
}

#[test]
fn a_redrive_that_moved_nothing_it_was_asked_to_is_no_success() {
    let world = World::start();
    let empty = world.redrive(&[]);
    empty.assert(0, &[]);
    world.fill("dead", 3);
    let none =
        World::end(world.command(&world.path("j2")).args(["--filter", "body.number > `99`"]));
    none.assert(4, &[("left", 3)]);
    assert!(
        none.result["stopped"].as_str().unwrap().contains("none of the messages"),
        "{:#}",
        none.result
    );
}

#[test]
fn a_ramp_stops_where_nobody_reads_the_destination() {
    let world = World::start();
    world.fill("dead", 40);
    let mut command = world.verifier();
    let stopped = World::end(command.args(["--dlq", "dead", "--yes", "--journal", "j.jsonl"]));
    stopped.assert(4, &[("replayed", 1), ("unknown", 1), ("left", 39)]);
    assert!(stopped.result["stopped"].as_str().unwrap().contains("unread"), "{:#}", stopped.result);
}

#[test]
fn a_filter_that_cannot_be_evaluated_sends_nothing() {
    let world = World::start();
    world.fill("dead", 12);
    world.send("dead", &[message(r#"{"task": 7, "number": 99}"#)]);
    for (filter, part) in [
        ("start_with(body.task, 't')", "did you mean starts_with"),
        ("contains(body.task)", "takes 2 arguments"),
        ("starts_with(body.task, 't')", "cannot be evaluated on the message"),
    ] {
        let refused = world.redrive(&["--filter", filter]);
        assert_eq!(refused.code, Some(2), "{filter}: {}", refused.stderr);
        assert!(refused.stderr.contains(part), "{filter}: {}", refused.stderr);
        let listed = run(&world, &["dlq", "list", "--dlq", "dead", "--filter", filter]);
        assert_eq!(listed.code, Some(2), "{filter}: {}", listed.stderr);
    }
    let purge = [
        "dlq",
        "purge",
        "--dlq",
        "dead",
        "--yes",
        "--backup",
        "p",
        "--filter",
        "starts_with(body.task, 't')",
    ];
    assert_eq!(run(&world, &purge).code, Some(2));
    assert!(world.bodies("target").is_empty());
    let guarded = "type(body.task) == 'string' && starts_with(body.task, 't')";
    let done = world.redrive(&["--filter", guarded]);
    done.assert(0, &[("replayed", 12), ("unknown", 12), ("left", 1)]);
}

#[test]
fn the_status_says_why_it_stopped_what_is_left_and_how_to_go_on() {
    let world = World::start();
    world.fill("dead", 40);
    let stopped = world.redrive(&["--rate", "5", "--deadline", "3s"]);
    let left = stopped.count("left");
    assert!(stopped.code == Some(4) && left > 0, "{}", stopped.stderr);
    let status = run(&world, &["redrive", "status", "journal.jsonl"]);
    assert_eq!(status.result["left"], serde_json::Value::Null, "nobody was asked");
    assert_eq!(status.result["leftAtEnd"], left);
    assert!(status.result["stopped"].as_str().unwrap().contains("--deadline"));
    assert_eq!(status.result["resume"], "verifier redrive --resume journal.jsonl");
    let status = run(&world, &["redrive", "status", "journal.jsonl", "--live"]);
    assert_eq!(status.result["left"], left, "{}", status.stderr);
    world.resume(&world.path("journal.jsonl")).assert(0, &[("replayed", 40), ("unknown", 40)]);
    let status = run(&world, &["redrive", "status", "journal.jsonl"]);
    assert!(status.result["resume"].is_null(), "{:#}", status.result);
}

#[test]
fn a_file_that_is_no_journal_is_left_as_it_is() {
    let world = World::start();
    for text in ["{\"some\": \"json\"}", "line 1\nline 2", "{\"some\": \"json\"}\ntorn"] {
        let path = world.path("notes");
        std::fs::write(&path, text).unwrap();
        assert_eq!(world.resume(&path).code, Some(2));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_group_goes_many_a_request_and_what_overtook_a_failed_one_is_named() {
    let world = World::start();
    let fifo = json!({"FifoQueue": "true"});
    world.create("dead.fifo", &fifo);
    world.create("target.fifo", &fifo);
    let messages: Vec<Resend> = (0..25)
        .map(|number| Resend {
            group_id: Some("one".to_owned()),
            deduplication_id: Some(format!("d-{number}")),
            ..message(&format!("body {number:02}"))
        })
        .collect();
    world.send("dead.fifo", &messages);
    let place = ["redrive", "--dlq", "dead.fifo", "--to", "target.fifo", "--no-canary", "--yes"];
    world.faults(&json!([{"operation": "SendMessageBatch", "contains": "body 03",
        "fault": {"kind": "fail-entry", "code": "Refused", "commit": "before", "sender_fault": true}}]));
    let done = run(&world, &[&place[..], &["--journal", "j.jsonl"]].concat());
    let overtook = done.result["outOfOrder"].as_array().unwrap().len() as u64;
    // Those of its request were sent, and those of later ones were not.
    let (replayed, not_sent) = (done.count("replayed"), done.count("notSent"));
    assert_eq!((replayed, overtook), (9, 6), "{:#}", done.result);
    assert!(done.code == Some(4) && not_sent >= 1, "{:#}", done.result);
    assert_eq!(done.count("left"), 25 - replayed);
    world.faults(&json!([]));
    let rest = world.resume(&world.path("j.jsonl"));
    assert_eq!((rest.code, rest.count("replayed")), (Some(4), 25), "{:#}", rest.result);
    assert!(
        rest.result["awsCalls"]["SQS.SendMessageBatch"].as_u64() <= Some(4),
        "{:#}",
        rest.result
    );
    assert_eq!(world.bodies("target.fifo").len(), 25);
}
