//! Which queue: its account and region count, and each message goes to the queue that it came from, or nowhere.

use serde_json::{Value, json};
use verifier_core::dead_letters::{Attribute, Resend, SOURCE_ATTRIBUTE};
use verifier_core::redrive::REDRIVES_ATTRIBUTE;

use crate::world::{Redriven, World, message, redrive_policy};

/// Sends messages to a queue and has them fail until they are in its dead-letter queue.
fn fail(world: &World, queue: &str, bodies: &[&str]) {
    let messages: Vec<Resend> = bodies.iter().map(|body| message(body)).collect();
    world.send(queue, &messages);
    let url = world.queue(queue).url;
    let receive = json!({"QueueUrl": url, "VisibilityTimeout": 0, "MaxNumberOfMessages": 10});
    for _ in 0..4 {
        world.call("ReceiveMessage", &receive);
    }
}

/// A dead-letter queue of two sources with messages of each, and one that says nothing of where it came from.
fn shared() -> World {
    let world = World::start();
    world.create("other", &redrive_policy("dead"));
    fail(&world, "source", &["s1", "s2"]);
    fail(&world, "other", &["o1", "o2", "o3"]);
    world.send("dead", &[message("unknown")]);
    world
}

fn redrive(world: &World, arguments: &[&str]) -> Redriven {
    let mut command = world.verifier();
    World::end(command.args(["--dlq", "dead", "--no-canary", "--yes"]).args(arguments))
}

fn bodies(world: &World, queue: &str) -> Vec<String> {
    world.bodies(queue).into_keys().collect()
}

#[test]
fn each_goes_to_the_queue_that_it_came_from_and_the_unknown_stays_and_is_named() {
    let world = shared();
    let journal = world.path("journal.jsonl");
    let done = redrive(&world, &["--to-source", "--journal", journal.to_str().unwrap()]);
    done.assert(4, &[("replayed", 5), ("unknown", 5), ("notSent", 1), ("left", 1)]);
    let why = done.result["notSent"].as_object().unwrap().values().next().unwrap();
    assert!(why.as_str().unwrap().contains("--to QUEUE"), "{why}");
    assert_eq!(done.result["toSources"].as_array().unwrap().len(), 2, "{:#}", done.result);
    assert_eq!(bodies(&world, "source"), ["s1", "s2"]);
    assert_eq!(bodies(&world, "other"), ["o1", "o2", "o3"]);
    // Going on with it changes nothing.
    world
        .resume(&journal)
        .assert(4, &[("replayed", 5), ("unknown", 5), ("notSent", 1), ("left", 1)]);
    assert_eq!(bodies(&world, "dead"), ["unknown"]);
}

#[test]
fn of_several_sources_one_has_to_be_named_and_only_its_messages_are_sent() {
    let world = shared();
    let unnamed = redrive(&world, &[]);
    assert_eq!(unnamed.code, Some(2), "{}", unnamed.stderr);
    for part in ["--queue", "--to-source", "us-local-1:000000000000:other"] {
        assert!(unnamed.stderr.contains(part), "{part}: {}", unnamed.stderr);
    }
    let done = redrive(&world, &["--queue", "source"]);
    done.assert(4, &[("replayed", 2), ("unknown", 2), ("notSent", 1), ("left", 4)]);
    assert_eq!(bodies(&world, "source"), ["s1", "s2"]);
    assert_eq!(bodies(&world, "dead"), ["o1", "o2", "o3", "unknown"]);
}

#[test]
fn all_can_be_sent_to_a_queue_that_is_named() {
    let world = shared();
    redrive(&world, &["--to", "target"]).assert(0, &[("replayed", 6), ("unknown", 6)]);
    assert_eq!(world.bodies("target").len(), 6);
    let world = shared();
    let done = redrive(&world, &["--to", "target", "--queue", "other"]);
    done.assert(4, &[("replayed", 3), ("unknown", 3), ("notSent", 1), ("left", 3)]);
    assert_eq!(bodies(&world, "target"), ["o1", "o2", "o3"]);
}

#[test]
fn a_message_of_a_queue_that_has_another_dead_letter_queue_now_is_not_sent_there() {
    let world = shared();
    let url = world.queue("other").url;
    world
        .call("SetQueueAttributes", &json!({"QueueUrl": url, "Attributes": {"RedrivePolicy": ""}}));
    let done = redrive(&world, &["--to-source"]);
    done.assert(4, &[("replayed", 2), ("unknown", 2), ("notSent", 4), ("left", 4)]);
    let why = done.result["notSent"].to_string();
    assert!(why.contains("does not name the dead-letter queue any more"), "{why}");
    // Nor to the only source that is left.
    let done = redrive(&world, &[]);
    assert_eq!((done.code, done.count("notSent"), done.count("replayed")), (Some(4), 3, 1));
    assert!(done.result["notSent"].to_string().contains("it came from"), "{:#}", done.result);
    assert!(world.bodies("other").is_empty());
}

#[test]
fn a_plan_says_where_messages_came_from_and_which_stay() {
    let world = shared();
    let mut command = world.verifier();
    command.args(["--dlq", "dead", "--to-source", "--no-canary", "--plan-only", "plan.json"]);
    let planned = World::end(&mut command);
    assert_eq!(planned.code, Some(4), "one stays: {}", planned.stderr);
    let messages = planned.result["messages"].as_array().unwrap();
    let of = |name: &str| {
        let is_of =
            |message: &&Value| message["sourceArn"].as_str().is_some_and(|arn| arn.ends_with(name));
        messages.iter().filter(is_of).count()
    };
    assert_eq!((messages.len(), of(":source"), of(":other")), (5, 2, 3));
    assert_eq!(planned.result["leftOut"].as_object().map(serde_json::Map::len), Some(1));
    let mut command = world.verifier();
    let done =
        World::end(command.args(["--execute", "plan.json", "--yes", "--journal", "j.jsonl"]));
    done.assert(4, &[("replayed", 5), ("unknown", 5), ("left", 1)]);
    assert_eq!(bodies(&world, "other"), ["o1", "o2", "o3"]);
}

#[test]
fn an_import_keeps_the_source_and_redrive_takes_the_attribute_away() {
    let world = shared();
    let mut command = world.verifier_with(&["dlq", "purge", "--dlq", "dead", "--yes"]);
    let purged = World::end(command.args(["--backup", "b.jsonl"]));
    assert_eq!((purged.code, &purged.result["deleted"]), (Some(0), &json!(6)));
    let mut command = world.verifier_with(&["dlq", "import", "b.jsonl", "--dlq", "dead"]);
    let imported = World::end(&mut command);
    assert_eq!(imported.code, Some(0), "{}", imported.stderr);
    let url = world.queue("dead").url;
    let receive = json!({"QueueUrl": url, "VisibilityTimeout": 0, "MaxNumberOfMessages": 10,
        "MessageAttributeNames": ["All"]});
    let received = world.call("ReceiveMessage", &receive);
    let kept = received["Messages"].as_array().unwrap();
    let kept = kept.iter().filter(|each| each["MessageAttributes"][SOURCE_ATTRIBUTE].is_object());
    assert_eq!(kept.count(), 5, "{received:#}");
    redrive(&world, &["--to-source"])
        .assert(4, &[("replayed", 5), ("unknown", 5), ("notSent", 1), ("left", 1)]);
    let back = world.drain("source");
    let names: Vec<_> = back.iter().flat_map(|message| message.attributes.keys()).collect();
    assert_eq!(names, [REDRIVES_ATTRIBUTE; 2], "{back:?}");
    assert_eq!(back.len(), 2);
    // Only those of one queue.
    let mut command = world.verifier_with(&["dlq", "import", "b.jsonl", "--dlq", "dead"]);
    let imported = World::end(command.args(["--queue", "other"]));
    assert_eq!(imported.result["sent"].as_array().map(Vec::len), Some(3), "{}", imported.stderr);
    // A queue that is no queue's dead-letter queue gets messages as they were.
    let to_work = ["dlq", "import", "b.jsonl", "--dlq", "dead", "--to", "target"];
    assert_eq!(World::end(&mut world.verifier_with(&to_work)).code, Some(0));
    let url = world.queue("target").url;
    let receive =
        json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]});
    let received = world.call("ReceiveMessage", &receive).to_string();
    assert!(received.contains("s1") && !received.contains(SOURCE_ATTRIBUTE), "{received}");
}

#[test]
fn an_import_sends_what_has_room_for_the_source_and_names_the_others() {
    let world = World::start();
    let attributes = (0..10).map(|n| (format!("a{n}"), Attribute::text("String", "v"))).collect();
    world.send("source", &[Resend { attributes, ..message("full") }, message("other")]);
    let url = world.queue("source").url;
    for _ in 0..4 {
        let receive = json!({"QueueUrl": url, "VisibilityTimeout": 0, "MaxNumberOfMessages": 10});
        world.call("ReceiveMessage", &receive);
    }
    let mut command = world.verifier_with(&["dlq", "purge", "--dlq", "dead", "--yes"]);
    assert_eq!(World::end(command.args(["--backup", "b.jsonl"])).code, Some(0));
    let mut command = world.verifier_with(&["dlq", "import", "b.jsonl", "--dlq", "dead"]);
    let partial = World::end(&mut command);
    assert_eq!(partial.code, Some(4), "{}", partial.stderr);
    let told = partial.result.to_string();
    for part in ["10 attributes", "redrive --from"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(world.bodies("dead").into_keys().collect::<Vec<_>>(), ["other"]);
    // The file itself can be replayed, and stays.
    let mut command = world.verifier();
    let done = World::end(command.args(["--from", "b.jsonl", "--yes", "--journal", "j.jsonl"]));
    done.assert(0, &[("replayed", 2), ("unknown", 2)]);
    let back = world.drain("source");
    let mut attributes: Vec<_> = back.iter().map(|message| message.attributes.len()).collect();
    attributes.sort_unstable();
    assert_eq!(attributes, [1, 10], "{back:?}");
    world.resume(&world.path("j.jsonl")).assert(0, &[("replayed", 2), ("unknown", 2)]);
    assert!(world.drain("source").is_empty(), "nothing is sent twice");
}

#[test]
fn a_file_is_replayed_to_the_sources_or_to_one_queue_and_goes_on_after_a_stop() {
    let world = shared();
    let mut command = world.verifier_with(&["dlq", "purge", "--dlq", "dead", "--yes"]);
    assert_eq!(World::end(command.args(["--backup", "b.jsonl"])).code, Some(0));
    let from = |arguments: &[&str]| {
        let mut command = world.verifier();
        World::end(command.args(["--from", "b.jsonl"]).args(arguments))
    };
    let planned = from(&["--dry-run"]);
    assert_eq!(planned.code, Some(0), "{}", planned.stderr);
    assert_eq!(planned.result["messages"].as_array().map(Vec::len), Some(5));
    assert!(planned.result["leftOut"].to_string().contains("--to QUEUE"), "{:#}", planned.result);
    let asked = from(&[]);
    assert!(asked.code == Some(2) && asked.stderr.contains("--yes"), "{}", asked.stderr);
    let stopped = from(&["--yes", "--rate", "1", "--deadline", "2s", "--journal", "j.jsonl"]);
    let replayed = stopped.count("replayed");
    assert!(stopped.code == Some(4) && replayed < 5, "{:#}", stopped.result);
    assert_eq!(stopped.count("left"), 5 - replayed, "{:#}", stopped.result);
    let done = world.resume(&world.path("j.jsonl"));
    assert_eq!(done.count("replayed"), 5, "{:#}", done.result);
    assert_eq!((bodies(&world, "source").len(), bodies(&world, "other").len()), (2, 3));
    let all = from(&["--yes", "--to", "target", "--journal", "k.jsonl"]);
    all.assert(0, &[("replayed", 6), ("unknown", 6)]);
    assert_eq!(world.bodies("target").len(), 6);
    let refused = from(&["--yes", "--to", "arn:aws:sqs:us-local-1:999999999999:target"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
}

#[test]
fn every_command_means_by_queue_the_messages_that_came_from_it() {
    let world = shared();
    let run = |arguments: &[&str], code: i32| {
        let mut command = world.verifier_with(&[&["dlq"], arguments].concat());
        let done = World::end(command.args(["--dlq", "dead", "--queue", "other"]));
        assert_eq!(done.code, Some(code), "{arguments:?}: {}", done.stderr);
        done.result
    };
    let listed = run(&["list"], 0);
    assert_eq!(listed["messages"].as_array().unwrap().len(), 3, "{listed:#}");
    assert_eq!(listed["queueArn"], "arn:aws:sqs:us-local-1:000000000000:dead");
    let counts: Vec<&Value> =
        listed["sources"].as_array().unwrap().iter().map(|each| &each["count"]).collect();
    assert_eq!(counts, [&json!(3), &json!(2), &json!(1)], "{listed:#}");
    assert!(listed["sources"][2]["arn"].is_null());
    assert_eq!(run(&["explain"], 0)["messageCount"], 3);
    assert_eq!(run(&["export", "e.jsonl"], 0)["written"], 3);
    assert_eq!(run(&["purge", "--yes", "--backup", "p.jsonl"], 0)["deleted"], 3);
    assert_eq!(bodies(&world, "dead"), ["s1", "s2", "unknown"]);
}

#[test]
fn a_filter_sees_the_source() {
    let world = shared();
    let mut command = world.verifier_with(&["dlq", "list", "--dlq", "dead"]);
    let filter = "sourceArn == 'arn:aws:sqs:us-local-1:000000000000:source'";
    let found = World::end(command.args(["--filter", filter]));
    assert_eq!(found.result["messages"].as_array().map(Vec::len), Some(2), "{}", found.stderr);
    assert!(found.result["messages"][0]["sourceArn"].as_str().unwrap().ends_with(":source"));
}

#[test]
fn a_queue_of_another_account_region_or_server_is_refused_by_every_command() {
    let world = World::start();
    world.fill("dead", 2);
    let endpoint = world.endpoint().to_owned();
    let other_port = "http://127.0.0.1:1/000000000000/dead".to_owned();
    for queue in [
        "arn:aws:sqs:us-local-1:999999999999:dead",
        "arn:aws:sqs:eu-west-1:000000000000:dead",
        "arn:aws:sns:us-local-1:000000000000:dead",
        "https://sqs.us-local-1.amazonaws.com/999999999999/dead",
        "https://sqs.eu-west-1.amazonaws.com/000000000000/dead",
        &format!("{endpoint}/999999999999/dead"),
        &other_port,
        "some/dead",
    ] {
        for command in [
            &["dlq", "list"][..],
            &["dlq", "export", "e.jsonl"],
            &["dlq", "purge", "--yes", "--backup", "p.jsonl"],
            &["redrive", "--to", "target", "--yes", "--no-canary"],
            &["redrive", "--native", "--to", "target", "--yes"],
        ] {
            let mut command = world.verifier_with(command);
            let refused = World::end(command.args(["--dlq", queue]));
            assert_eq!(refused.code, Some(2), "{queue}: {}", refused.stderr);
        }
    }
    // The same of where they are to be sent.
    for to in [
        "arn:aws:sqs:us-local-1:999999999999:target",
        "https://sqs.us-local-1.amazonaws.com/999999999999/target",
    ] {
        let refused = redrive(&world, &["--to", to]);
        assert_eq!(refused.code, Some(2), "{to}: {}", refused.stderr);
    }
    assert_eq!((world.bodies("target").len(), world.bodies("dead").len()), (0, 2));
    world.fill("dead", 2);
    for queue in
        ["arn:aws:sqs:us-local-1:000000000000:dead", &format!("{endpoint}/000000000000/dead")]
    {
        let mut command = world.verifier_with(&["dlq", "list"]);
        let listed = World::end(command.args(["--dlq", queue]));
        assert_eq!(listed.code, Some(0), "{queue}: {}", listed.stderr);
    }
}
