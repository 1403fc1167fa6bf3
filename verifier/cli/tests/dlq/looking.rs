//! `list`, `explain` and `show`: what is seen, and that nobody's place is lost.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::queues::{
    Done, bodies, create, dead_letters, dlq, dlq_human, fail_jobs, send, sqs, text, texts, url,
    visible,
};
use crate::support::{Local, STACK, fault_file};

#[test]
fn jobs_that_failed_are_listed_explained_and_shown() {
    let local = Local::start(&[]);
    fail_jobs(&local, 12);
    let listed = dlq(&local, &["list", "--stack", STACK]);
    let document = listed.assert_code(0).json();
    assert_eq!(document["schema"], "verifier.dlq.list/1");
    assert_eq!(listed.ids().iter().collect::<BTreeSet<_>>().len(), 12, "{document:#}");
    assert_eq!((&document["complete"], &document["log"]["state"]), (&json!(true), &json!("read")));
    assert!(document["receives"].as_u64() >= Some(2));
    for message in document["messages"].as_array().unwrap() {
        assert_eq!(message["receiveCount"], 4, "{message}");
        assert_eq!(message["reason"], "the job asked to fail", "{message}");
        assert!(message["expiresInSeconds"].as_u64() > Some(13 * 86_400), "{message}");
    }
    assert!(!listed.stdout.contains("\"fail 3\""), "bodies are nobody's business");
    assert_eq!(visible(&local, dead_letters(&local)), 12);

    let explained = dlq(&local, &["explain", "--stack", STACK]);
    let document = explained.assert_code(0).json();
    let [group] = document["groups"].as_array().unwrap().as_slice() else {
        panic!("{document:#}");
    };
    assert_eq!((&group["count"], &group["reason"]), (&json!(12), &json!("the job asked to fail")));
    assert!(listed.ids().contains(&group["sampleMessageId"].as_str().unwrap().to_owned()));

    let id = &listed.ids()[7];
    let shown = dlq(&local, &["show", id, "--stack", STACK]);
    let document = shown.assert_code(0).json();
    assert_eq!(document["message"]["messageId"], json!(id));
    assert!(document["message"]["body"].as_str().unwrap().contains("fail "));
    let attempts = document["attempts"].as_array().unwrap();
    let numbers: Vec<&Value> = attempts.iter().map(|attempt| &attempt["number"]).collect();
    assert_eq!(numbers, [1, 2, 3], "{document:#}");
    for attempt in attempts {
        assert!(attempt["requestId"].is_string() && attempt["outcome"] == "failed", "{attempt}");
        assert!(attempt["lines"].to_string().contains("job.outcome"), "{attempt:#}");
    }
    let shown = dlq_human(&local, &["show", id, "--stack", STACK]);
    for part in ["submitted", "attempt 3", "moved", "expires    in 13 d", "\"fail\""] {
        assert!(shown.assert_code(0).stdout.contains(part), "{part}: {}", shown.stdout);
    }
    let missing = dlq(&local, &["show", "none", "--stack", STACK]);
    assert!(
        missing.assert_code(2).stderr.contains("no message none is among the 12"),
        "{}",
        missing.stderr
    );
}

#[test]
fn every_message_is_seen_once_and_can_be_received_afterwards() {
    let local = Local::start(&[]);
    create(&local, "DeadLetters", &json!({}));
    let sent: BTreeSet<String> = send(&local, "DeadLetters", &bodies(57)).into_iter().collect();
    for receive_count in 1..=2 {
        let listed = dlq(&local, &["list", "--dlq", "DeadLetters"]);
        let ids = listed.assert_code(0).ids();
        assert_eq!(ids.len(), 57);
        assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), sent);
        let document = listed.json();
        assert_eq!(document["messages"][0]["receiveCount"], receive_count);
        assert_eq!(document["messages"][0]["reason"], Value::Null);
        assert_eq!(document["log"]["state"], "none");
        assert_eq!(visible(&local, "DeadLetters"), 57, "they were made visible again");
    }
    let human = dlq_human(&local, &["list", "--dlq", "DeadLetters", "--max", "3"]);
    assert!(human.assert_code(0).stdout.contains("DeadLetters: 3 messages"), "{}", human.stdout);
    assert!(
        human.stdout.contains("there may be more: 3 messages were asked for"),
        "{}",
        human.stdout
    );
    assert!(
        human.stdout.contains("read with 1 ReceiveMessage call; receive counts rose by "),
        "{}",
        human.stdout
    );
}

#[test]
fn filters_say_which_are_meant() {
    let local = Local::start(&[]);
    create(&local, "DeadLetters", &json!({"MessageRetentionPeriod": "7200"}));
    let sent =
        send(&local, "DeadLetters", &[r#"{"n": 1}"#.into(), r#"{"n": 2}"#.into(), "3".into()]);
    let found = |arguments: &[&str]| {
        let all = [&["list", "--dlq", "DeadLetters"], arguments].concat();
        dlq(&local, &all).assert_code(0).ids()
    };
    assert_eq!(found(&["--filter", "body.n == `2`"]), [sent[1].clone()]);
    assert_eq!(found(&["--older-than", "1h"]), [""; 0]);
    assert_eq!(found(&["--newer-than", "1h"]).len(), 3);
    assert_eq!(found(&["--receives", "2-3", "--max", "2"]).len(), 0);
    // The look itself is a receive, and so were the four before.
    assert_eq!(found(&["--receives", "5", "--max", "2"]).len(), 2);
    let refused = dlq(&local, &["list", "--dlq", "DeadLetters", "--filter", "body."]);
    assert!(refused.assert_code(2).stderr.contains("cannot be read"), "{}", refused.stderr);
    let deep = format!("{}body{}", "(".repeat(20_000), ")".repeat(20_000));
    let refused = dlq(&local, &["list", "--dlq", "DeadLetters", "--filter", &deep]);
    assert!(refused.assert_code(2).stderr.contains("the limit is 100"), "{}", refused.stderr);
    for wrong in [["--older-than", "soon"], ["--receives", "5-4"], ["--max", "0"]] {
        dlq(&local, &[&["list", "--dlq", "DeadLetters"], &wrong[..]].concat()).assert_code(2);
    }
    let human = dlq_human(&local, &["list", "--dlq", "DeadLetters"]);
    assert!(human.stdout.contains("3 of them will be gone within 24 h"), "{}", human.stdout);
    assert!(human.stdout.contains(" h 5"), "{}", human.stdout);
}

#[test]
fn receives_that_bring_nothing_end_nothing() {
    let rules = json!([{"operation": "ReceiveMessage", "queue": "DeadLetters", "nth": 1,
        "count_by": "message", "fault": {"kind": "empty-receive", "milliseconds": 1_500}}]);
    let faults = fault_file(&rules);
    let local = Local::start(&["--faults", text(faults.path())]);
    create(&local, "DeadLetters", &json!({}));
    let sent = send(&local, "DeadLetters", &bodies(25));
    let listed = dlq(&local, &["list", "--dlq", "DeadLetters"]);
    assert_eq!(listed.assert_code(0).ids().len(), sent.len(), "{}", listed.stdout);
}

#[test]
fn a_log_that_cannot_be_read_makes_reasons_unknown_and_nothing_else() {
    let rules = json!([{"operation": "FilterLogEvents",
        "fault": {"kind": "error", "status": 400, "code": "AccessDeniedException", "commit": "before"}}]);
    let faults = fault_file(&rules);
    let local = Local::start(&["--faults", text(faults.path())]);
    fail_jobs(&local, 3);
    let listed = dlq(&local, &["list", "--stack", STACK]);
    let document = listed.assert_code(0).json();
    assert_eq!(document["log"]["state"], "unreadable", "{document:#}");
    assert_eq!(document["messages"].as_array().unwrap().len(), 3);
    assert!(document["messages"].as_array().unwrap().iter().all(|each| each["reason"].is_null()));
    let explained = dlq_human(&local, &["explain", "--stack", STACK]);
    let text = &explained.assert_code(0).stdout;
    assert!(text.contains("3  reason unknown") && text.contains("could not be read"), "{text}");
    // What needs a reason is not met, so nothing is deleted for one that is not known.
    let met = dlq(&local, &["list", "--stack", STACK, "--reason", "asked"]);
    assert_eq!(met.assert_code(0).ids(), [""; 0]);
    let shown = dlq(&local, &["show", &listed.ids()[0], "--stack", STACK]);
    assert_eq!(shown.assert_code(0).json()["attempts"], json!([]));
}

#[test]
fn a_queue_by_whose_policy_a_look_moves_messages_is_refused() {
    let local = Local::start(&[]);
    create(&local, "Last", &json!({}));
    let policy = json!({"deadLetterTargetArn": "arn:aws:sqs:us-local-1:000000000000:Last", "maxReceiveCount": 2});
    create(&local, "DeadLetters", &json!({"RedrivePolicy": policy.to_string()}));
    send(&local, "DeadLetters", &bodies(1));
    let refused = dlq(&local, &["list", "--dlq", "DeadLetters"]);
    let error = &refused.assert_code(2).stderr;
    assert!(
        error.contains("redrive policy of its own") && error.contains("--allow-moves"),
        "{error}"
    );
    assert_eq!(
        dlq(&local, &["list", "--dlq", "DeadLetters", "--allow-moves"]).assert_code(0).ids().len(),
        1
    );
}

#[test]
fn messages_that_are_not_released_are_named() {
    let rules = json!([{"operation": "ChangeMessageVisibilityBatch", "contains": "stuck",
        "fault": {"kind": "fail-entry", "code": "InternalError", "commit": "before"}}]);
    let faults = fault_file(&rules);
    let local = Local::start(&["--faults", text(faults.path())]);
    create(&local, "DeadLetters", &json!({}));
    let sent = send(&local, "DeadLetters", &["one".into(), "stuck".into()]);
    let listed = dlq(&local, &["list", "--dlq", "DeadLetters"]);
    let document = listed.assert_code(4).json();
    assert_eq!(texts(&document["notReleased"], "messageId"), [sent[1].clone()]);
    assert_eq!(visible(&local, "DeadLetters"), 1);
}

#[test]
fn of_fifo_queues_it_is_told_that_groups_hide_messages() {
    let local = Local::start(&[]);
    create(
        &local,
        "DeadLetters.fifo",
        &json!({"FifoQueue": "true", "ContentBasedDeduplication": "true"}),
    );
    for number in 0..12 {
        let request = json!({"QueueUrl": url(&local, "DeadLetters.fifo"), "MessageGroupId": "g",
            "MessageBody": format!("body {number}")});
        sqs(&local, "SendMessage", &request);
    }
    let listed = dlq(&local, &["list", "--dlq", "DeadLetters.fifo"]);
    // One receive brings ten of a group, which hide the others.
    let document = listed.assert_code(4).json();
    let seen = document["messages"].as_array().unwrap().len();
    assert_eq!((seen, &document["complete"]), (10, &json!(false)), "{document:#}");
    assert_eq!(visible(&local, "DeadLetters.fifo"), 12);
}

/// A file of the print shop's stack.
fn of_print_shop(name: &str) -> String {
    format!("{}/tests/second_stack/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The print shop with three tickets in its dead-letter queue: its press logs tickets, and no message.
fn print_shop(flaw: &str) -> Local {
    let template = std::fs::read_to_string(of_print_shop("print-shop.template.json")).unwrap();
    let mut template: Value = serde_json::from_str(&template).unwrap();
    template["Resources"]["Press"]["Properties"]["Environment"]["Variables"]["PRESS_FLAW"] =
        flaw.into();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("template.json");
    std::fs::write(&path, template.to_string()).unwrap();
    let functions = of_print_shop("functions");
    let local = Local::start(&["--template", text(&path), "--functions", &functions]);
    let queue = local.text("/outputs/TicketsQueue").rsplit('/').next().unwrap().to_owned();
    let ticket = |number: u64| json!({"ref": format!("ticket-{number}7"), "kind": "jam"});
    let of = |number| json!({"version": 2, "ticket": ticket(number)}).to_string();
    let tickets: Vec<String> = (0..3).map(of).collect();
    send(&local, &queue, &tickets);
    of_shop(&local, &["watch", "--for", "10m", "--interval", "1m"]).assert_code(0);
    local
}

/// A command on the print shop.
fn of_shop(local: &Local, arguments: &[&str]) -> Done {
    let (stack, settings) = (local.text("/stackName"), of_print_shop("verifier.toml"));
    dlq(local, &[arguments, &["--stack", stack, "--config", &settings]].concat())
}

/// The reasons in the print shop's dead-letter queue, with their counts.
fn reasons_of_print_shop(flaw: &str) -> Vec<(String, u64)> {
    let local = print_shop(flaw);
    // What its runtime writes names no ticket, so that the reason is inferred.
    let field = if flaw == "throws" { "inferredReason" } else { "reason" };
    let document = of_shop(&local, &["explain"]).assert_code(0).json();
    let groups = document["groups"].as_array().unwrap().iter();
    let group = |group: &Value| {
        (group[field].as_str().unwrap_or("unknown").to_owned(), group["count"].as_u64().unwrap())
    };
    groups.map(group).collect()
}

#[test]
fn a_reason_that_is_known_by_the_job_selects_the_same_messages_in_every_command() {
    let local = print_shop("none");
    let listed = of_shop(&local, &["list", "--reason", "jams"]).assert_code(0).json();
    let messages = listed["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 3, "{listed:#}");
    let id = messages[0]["messageId"].as_str().unwrap();
    let shown = of_shop(&local, &["show", id]).assert_code(0).json();
    assert!(shown["attempts"].to_string().contains("the paper jams"), "{shown:#}");
    let folder = tempfile::tempdir().unwrap();
    let purge = |reason: &str| {
        let backup = folder.path().join(reason);
        let purge = ["purge", "--yes", "--backup", text(&backup), "--reason", reason];
        of_shop(&local, &purge).assert_code(0).json()["deleted"].clone()
    };
    assert_eq!((purge("burns"), purge("jams")), (json!(0), json!(3)));
}

#[test]
fn reasons_are_found_by_the_jobs_id_where_lines_name_no_message() {
    assert_eq!(reasons_of_print_shop("none"), [("the paper jams".to_owned(), 3)]);
}

#[test]
fn the_reason_of_what_a_worker_throws_at_is_what_its_runtime_writes() {
    let reasons = reasons_of_print_shop("throws");
    let [(reason, 3)] = reasons.as_slice() else { panic!("{reasons:?}") };
    assert!(
        reason.starts_with("JamError: the paper jams (File \"/var/task/press.py\""),
        "{reason}"
    );
}

#[test]
fn a_worker_that_throws_and_writes_nothing_has_no_reasons() {
    assert_eq!(reasons_of_print_shop("throws-silently"), [("unknown".to_owned(), 3)]);
}
