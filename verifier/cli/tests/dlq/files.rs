//! `export`, `import` and `purge`: what is in files is what was in queues, and nothing else is deleted.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use verifier_core::dead_letters::record::Reader;
use verifier_testkit::{Background, wait_until};

use crate::queues::{
    bodies, command, create, dlq, dlq_human, fail_jobs, send, sqs, text, texts, url, visible,
};
use crate::support::{Local, STACK, fault_file, on_terminal};

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("messages.jsonl");
    (folder, file)
}

/// Everything of the one message in a queue that a resend has to carry along.
fn content(local: &Local, queue: &str) -> Value {
    let request = json!({"QueueUrl": url(local, queue), "WaitTimeSeconds": 1, "VisibilityTimeout": 0,
        "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"]});
    let answer = sqs(local, "ReceiveMessage", &request);
    let message = &answer["Messages"][0];
    json!([
        message["Body"],
        message["MessageAttributes"],
        message["Attributes"]["AWSTraceHeader"],
        message["Attributes"]["MessageGroupId"]
    ])
}

fn send_with_everything(local: &Local, queue: &str, group: bool) {
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";
    let mut request = json!({
        "QueueUrl": url(local, queue),
        "MessageBody": "{\"n\": 1, \"text\": \"ü\\n\u{2028}\"}",
        "MessageAttributes": {
            "tenant": {"DataType": "String", "StringValue": "a"},
            "size": {"DataType": "Number.int", "StringValue": "7"},
            "raw": {"DataType": "Binary", "BinaryValue": "AP8="},
        },
        "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": header}},
    });
    if group {
        request["MessageGroupId"] = "g-1".into();
    }
    sqs(local, "SendMessage", &request);
}

#[test]
fn everything_survives_a_file() {
    let local = Local::start(&[]);
    let fifo = json!({"FifoQueue": "true", "ContentBasedDeduplication": "true"});
    for (queue, attributes, group) in [
        ("DeadLetters", json!({}), true),
        ("DeadLetters.fifo", fifo, true),
        ("Plain", json!({}), false),
    ] {
        let (_folder, file) = folder();
        let backup = file.with_extension("backup");
        create(&local, queue, &attributes);
        send_with_everything(&local, queue, group);
        let before = content(&local, queue);
        assert!(before[1]["raw"]["BinaryValue"] == "AP8=" && before[2].is_string(), "{before:#}");
        let exported = dlq(&local, &["export", text(&file), "--dlq", queue]);
        assert_eq!(exported.assert_code(0).json()["written"], 1);
        assert_eq!(visible(&local, queue), 1, "nothing is deleted");
        let purged = dlq(&local, &["purge", "--yes", "--backup", text(&backup), "--dlq", queue]);
        assert_eq!(purged.assert_code(0).json()["deleted"], 1, "{}", purged.stdout);
        assert_eq!(visible(&local, queue), 0);
        // Twice in a row: no deduplication swallows what was purged in between.
        for from in [&file, &backup] {
            let imported = dlq(&local, &["import", text(from), "--dlq", queue]);
            let document = imported.assert_code(0).json();
            assert_eq!(texts(&document["sent"], "messageId").len(), 1);
            assert_eq!(content(&local, queue), before, "{queue}");
            let again = from.with_added_extension("again");
            dlq(&local, &["purge", "--yes", "--backup", text(&again), "--dlq", queue])
                .assert_code(0);
        }
    }
}

#[test]
fn a_dead_job_can_be_restore_into_its_queue() {
    let (_folder, file) = folder();
    let local = Local::start(&[]);
    fail_jobs(&local, 2);
    dlq(&local, &["export", text(&file), "--stack", STACK]).assert_code(0);
    let jobs = local.text("/outputs/JobsQueueName");
    let imported = dlq_human(&local, &["import", text(&file), "--to", jobs, "--stack", STACK]);
    let said = &imported.assert_code(0).stdout;
    assert!(said.contains(" sent as ") && said.contains("2 messages sent to"), "{said}");
}

#[test]
fn messages_can_go_through_a_pipe() {
    let local = Local::start(&[]);
    create(&local, "DeadLetters", &json!({}));
    send(&local, "DeadLetters", &bodies(23));
    let exported = dlq_human(&local, &["export", "-", "--dlq", "DeadLetters"]);
    assert_eq!(exported.assert_code(0).stdout.lines().count(), 24);
    assert!(
        exported.stderr.contains("23 messages of DeadLetters written to stdout"),
        "{}",
        exported.stderr
    );
    create(&local, "Copies", &json!({}));
    let (_folder, file) = folder();
    fs::write(&file, &exported.stdout).unwrap();
    dlq(&local, &["import", text(&file), "--dlq", "DeadLetters", "--to", "Copies"]).assert_code(0);
    assert_eq!((visible(&local, "DeadLetters"), visible(&local, "Copies")), (23, 23));
}

#[test]
fn a_file_that_was_changed_or_cut_off_is_refused_and_nothing_is_sent() {
    let (_folder, file) = folder();
    let local = Local::start(&[]);
    create(&local, "DeadLetters", &json!({}));
    create(&local, "Copies", &json!({}));
    send(&local, "DeadLetters", &bodies(12));
    dlq(&local, &["export", text(&file), "--dlq", "DeadLetters"]).assert_code(0);
    let whole = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let without_end = lines[..lines.len() - 1].join("\n");
    let without_one = lines[1..].join("\n");
    for (text_of_file, problem) in [
        (whole.replace("body 7", "body 8"), "was changed"),
        (without_end.clone(), "is cut off after 12 messages"),
        (without_end[..without_end.len() - 9].to_owned(), "is no dead letter"),
        (without_one, "holds 11 messages, and was written with 12"),
        (String::new(), "is cut off after 0 messages"),
    ] {
        fs::write(&file, text_of_file).unwrap();
        let refused =
            dlq(&local, &["import", text(&file), "--dlq", "DeadLetters", "--to", "Copies"]);
        assert!(refused.assert_code(2).stderr.contains(problem), "{problem}: {}", refused.stderr);
        assert!(refused.stderr.contains("nothing was sent"), "{}", refused.stderr);
        assert_eq!(visible(&local, "Copies"), 0);
    }
    // A file that is there may hold what is nowhere else.
    let refused = dlq(&local, &["export", text(&file), "--dlq", "DeadLetters"]);
    assert!(refused.assert_code(2).stderr.contains("is there already"), "{}", refused.stderr);
}

#[test]
fn nothing_is_deleted_without_a_backup_or_without_being_asked() {
    let (_folder, file) = folder();
    let local = Local::start(&[]);
    create(&local, "DeadLetters", &json!({}));
    send(&local, "DeadLetters", &bodies(2));
    let refused = dlq(&local, &["purge", "--yes", "--dlq", "DeadLetters"]);
    assert!(refused.assert_code(2).stderr.contains("--backup"), "{}", refused.stderr);
    let refused = dlq(&local, &["purge", "--backup", text(&file), "--dlq", "DeadLetters"]);
    assert!(refused.assert_code(2).stderr.contains("--yes"), "{}", refused.stderr);
    assert!(!file.exists());
    fs::write(&file, "a backup of before").unwrap();
    let refused = dlq(&local, &["purge", "--yes", "--backup", text(&file), "--dlq", "DeadLetters"]);
    assert!(refused.assert_code(2).stderr.contains("is there already"), "{}", refused.stderr);
    assert_eq!(visible(&local, "DeadLetters"), 2);
}

#[test]
fn only_messages_that_are_meant_are_deleted_and_the_others_released() {
    let (_folder, file) = folder();
    let local = Local::start(&[]);
    create(&local, "DeadLetters", &json!({}));
    send(&local, "DeadLetters", &bodies(40));
    let purge = ["purge", "--yes", "--backup", text(&file), "--dlq", "DeadLetters"];
    let filter = ["--filter", "starts_with(body, 'body 1')"];
    let purged = dlq(&local, &[&purge[..], &filter[..]].concat());
    let document = purged.assert_code(0).json();
    // 1, and 10 to 19.
    assert_eq!((&document["deleted"], &document["notMeant"]), (&json!(11), &json!(29)));
    assert_eq!(document["inBackup"], 11);
    assert_eq!(visible(&local, "DeadLetters"), 29);
    let more = file.with_extension("more");
    let purge = ["purge", "--yes", "--backup", text(&more), "--dlq", "DeadLetters", "--max", "4"];
    assert_eq!(dlq(&local, &purge).assert_code(0).json()["deleted"], 4);
    assert_eq!(visible(&local, "DeadLetters"), 25);
}

#[test]
fn a_purge_goes_on_over_many_portions_with_one_file() {
    let (_folder, file) = folder();
    let local = Local::start(&[]);
    create(&local, "DeadLetters", &json!({}));
    let sent = send(&local, "DeadLetters", &bodies(1_230));
    let purge = ["purge", "--yes", "--backup", text(&file), "--dlq", "DeadLetters"];
    assert_eq!(dlq(&local, &purge).assert_code(0).json()["deleted"], 1_230);
    assert_eq!(visible(&local, "DeadLetters"), 0);
    let imported = dlq(&local, &["import", text(&file), "--dlq", "DeadLetters"]);
    let from = texts(&imported.assert_code(0).json()["sent"], "from");
    assert_eq!(from.into_iter().collect::<BTreeSet<_>>(), sent.into_iter().collect());
    assert_eq!(visible(&local, "DeadLetters"), 1_230);
}

#[test]
fn what_a_batch_leaves_is_named() {
    let entry = json!({"kind": "fail-entry", "code": "InternalError", "commit": "before", "sender_fault": true});
    let rules = json!([
        {"operation": "DeleteMessageBatch", "queue": "DeadLetters", "contains": "stuck", "fault": entry},
        {"operation": "SendMessageBatch", "queue": "Copies", "contains": "stuck", "fault": entry},
    ]);
    let faults = fault_file(&rules);
    let (_folder, file) = folder();
    let local = Local::start(&["--faults", text(faults.path())]);
    create(&local, "DeadLetters", &json!({}));
    create(&local, "Copies", &json!({}));
    let mut all = bodies(14);
    all[3] = "stuck".to_owned();
    let stuck = send(&local, "DeadLetters", &all)[3].clone();
    let purge = ["purge", "--yes", "--backup", text(&file), "--dlq", "DeadLetters"];
    let purged = dlq(&local, &purge);
    let document = purged.assert_code(4).json();
    assert_eq!(document["deleted"], 13);
    assert_eq!(texts(&document["notDeleted"], "messageId"), [stuck.as_str()], "{document:#}");
    assert_eq!(visible(&local, "DeadLetters"), 1);
    let import = ["import", text(&file), "--dlq", "DeadLetters", "--to", "Copies"];
    let imported = dlq(&local, &import);
    let document = imported.assert_code(4).json();
    assert_eq!(texts(&document["notSent"], "messageId"), [stuck.as_str()], "{document:#}");
    assert_eq!(document["sent"].as_array().unwrap().len(), 13);
    assert_eq!(visible(&local, "Copies"), 13);
    let said = dlq_human(&local, &import);
    assert!(
        said.assert_code(4).stdout.contains(&format!("{stuck} not sent: InternalError")),
        "{}",
        said.stdout
    );
}

#[test]
fn what_was_sent_and_not_confirmed_is_told_apart() {
    let rules = json!([{"operation": "SendMessageBatch", "queue": "Copies",
        "fault": {"kind": "disconnect", "commit": "after"}}]);
    let faults = fault_file(&rules);
    let (_folder, file) = folder();
    let local = Local::start(&["--faults", text(faults.path())]);
    create(&local, "DeadLetters", &json!({}));
    create(&local, "Copies", &json!({}));
    send(&local, "DeadLetters", &bodies(3));
    dlq(&local, &["export", text(&file), "--dlq", "DeadLetters"]).assert_code(0);
    let imported = dlq(&local, &["import", text(&file), "--dlq", "DeadLetters", "--to", "Copies"]);
    let document = imported.assert_code(4).json();
    assert_eq!(document["unknown"].as_array().unwrap().len(), 3, "{document:#}");
    assert_eq!(visible(&local, "Copies"), 3, "each was sent once");
}

#[test]
fn nothing_is_sent_after_a_message_of_a_fifo_queue_that_was_not() {
    let rules = json!([{"operation": "SendMessageBatch", "contains": "body 12",
        "fault": {"kind": "fail-entry", "code": "Refused", "commit": "before", "sender_fault": true}}]);
    let faults = fault_file(&rules);
    let (_folder, file) = folder();
    let local = Local::start(&["--faults", text(faults.path())]);
    create(&local, "DeadLetters", &json!({}));
    create(&local, "Copies.fifo", &json!({"FifoQueue": "true"}));
    // Sent one by one, since the fault strikes batches.
    for body in bodies(35) {
        sqs(
            &local,
            "SendMessage",
            &json!({"QueueUrl": url(&local, "DeadLetters"), "MessageBody": body}),
        );
    }
    dlq(&local, &["export", text(&file), "--dlq", "DeadLetters"]).assert_code(0);
    let imported =
        dlq(&local, &["import", text(&file), "--dlq", "DeadLetters", "--to", "Copies.fifo"]);
    let document = imported.assert_code(4).json();
    let left = document["notSent"].as_array().unwrap();
    assert!(
        left.iter().any(|each| each["why"] == "a message before it was not sent"),
        "{document:#}"
    );
    assert_eq!(visible(&local, "Copies.fifo"), 35 - left.len() as u64);
}

#[test]
fn a_group_of_a_fifo_queue_is_purged_to_its_end_and_comes_back_in_order() {
    let (_folder, file) = folder();
    let local = Local::start(&[]);
    create(
        &local,
        "DeadLetters.fifo",
        &json!({"FifoQueue": "true", "ContentBasedDeduplication": "true"}),
    );
    for body in bodies(25) {
        let request = json!({"QueueUrl": url(&local, "DeadLetters.fifo"), "MessageGroupId": "g",
            "MessageBody": body});
        sqs(&local, "SendMessage", &request);
    }
    let purge = ["purge", "--yes", "--backup", text(&file), "--dlq", "DeadLetters.fifo"];
    let document = dlq(&local, &purge).assert_code(0).json();
    assert_eq!((&document["deleted"], &document["complete"]), (&json!(25), &json!(true)));
    dlq(&local, &["import", text(&file), "--dlq", "DeadLetters.fifo"]).assert_code(0);
    let request = json!({"QueueUrl": url(&local, "DeadLetters.fifo"), "MaxNumberOfMessages": 10,
        "WaitTimeSeconds": 1});
    let received = sqs(&local, "ReceiveMessage", &request);
    assert_eq!(texts(&received["Messages"], "Body"), bodies(10));
}

#[test]
fn on_a_terminal_the_queues_name_has_to_be_typed() {
    let (_folder, file) = folder();
    let local = Local::start(&[]);
    create(&local, "DeadLetters", &json!({}));
    send(&local, "DeadLetters", &bodies(2));
    for (typed, code, left) in [("yes\n", 2, 2), ("\n", 2, 2), ("DeadLetters\n", 0, 0)] {
        let arguments = ["purge", "--backup", text(&file), "--dlq", "DeadLetters"];
        let (exit, _) = on_terminal(&mut command(&local, &arguments), typed);
        assert_eq!(exit, Some(code), "{typed}");
        assert_eq!(visible(&local, "DeadLetters"), left, "{typed}");
    }
    assert!(file.exists());
}

#[test]
fn a_purge_that_is_killed_has_deleted_only_what_is_in_its_file() {
    let (_folder, file) = folder();
    let local = Local::start(&[]);
    create(&local, "DeadLetters", &json!({}));
    let sent = send(&local, "DeadLetters", &bodies(1_400));
    let mut command =
        command(&local, &["purge", "--yes", "--backup", text(&file), "--dlq", "DeadLetters"]);
    let mut purge = Background::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    wait_until("the first portion to be in the file", || file.exists().then_some(()));
    purge.signal(Signal::KILL);
    purge.wait();
    let mut reader = Reader::default();
    let whole = fs::read_to_string(&file).unwrap();
    let kept = whole.lines().filter_map(|line| reader.read(line).unwrap());
    let kept: BTreeSet<String> = kept.map(|message| message.message_id).collect();
    reader.finish().unwrap();
    // What was in hand comes back by itself.
    dlq(&local, &["watch", "--dlq", "DeadLetters", "--for", "3m", "--interval", "1m"])
        .assert_code(0);
    let left: BTreeSet<String> =
        dlq(&local, &["list", "--dlq", "DeadLetters"]).assert_code(0).ids().into_iter().collect();
    let all: BTreeSet<String> = kept.union(&left).cloned().collect();
    assert_eq!(all, sent.into_iter().collect());
}

#[test]
fn an_import_needs_no_other_queue_than_the_one_it_sends_to() {
    let local = Local::start(&[]);
    let (_folder, file) = folder();
    create(&local, "Dead", &json!({}));
    create(&local, "Copies", &json!({}));
    send(&local, "Dead", &bodies(1));
    dlq(&local, &["export", text(&file), "--dlq", "Dead"]).assert_code(0);
    let document = dlq(&local, &["import", text(&file), "--to", "Copies"]).assert_code(0).json();
    assert_eq!(document["sent"].as_array().map(Vec::len), Some(1), "{document:#}");
    assert_eq!(visible(&local, "Copies"), 1);
    // Without any queue there is nothing to send to.
    dlq(&local, &["import", text(&file)]).assert_code(2);
}
