//! `watch`, and Ctrl-C.

use std::process::Stdio;

use rustix::process::Signal;
use serde_json::{Value, json};
use verifier_testkit::{Background, wait_until};

use crate::queues::{bodies, command, create, dlq, dlq_human, send, visible};
use crate::support::{Local, fault_file};

#[test]
fn changes_of_the_count_are_told() {
    let local = Local::start(&[]);
    create(&local, "DeadLetters", &json!({}));
    // The delay ends while it watches.
    crate::queues::sqs(
        &local,
        "SendMessage",
        &json!({"QueueUrl": crate::queues::url(&local, "DeadLetters"),
        "MessageBody": "late", "DelaySeconds": 300}),
    );
    let watched =
        dlq(&local, &["watch", "--dlq", "DeadLetters", "--for", "20m", "--interval", "30s"]);
    let lines: Vec<Value> = watched
        .assert_code(0)
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let counts: Vec<(&Value, &Value)> =
        lines.iter().map(|line| (&line["visible"], &line["change"])).collect();
    assert_eq!(counts, [(&json!(0), &json!(0)), (&json!(1), &json!(1))], "{}", watched.stdout);
    assert_eq!(lines[0]["schema"], "verifier.dlq.watch/1");
    // An empty queue has no oldest message.
    assert_eq!(lines[0]["oldestAgeSeconds"], Value::Null, "{}", watched.stdout);
    let human = dlq_human(&local, &["watch", "--dlq", "DeadLetters", "--for", "1m"]);
    assert!(human.assert_code(0).stdout.contains("1 visible, 0 in flight"), "{}", human.stdout);
    dlq(&local, &["watch", "--dlq", "DeadLetters", "--interval", "0s"]).assert_code(2);
}

#[test]
fn how_old_the_oldest_is_is_told_and_watching_goes_on_where_it_is_not_answered() {
    let local = Local::start(&[]);
    create(&local, "DeadLetters", &json!({}));
    send(&local, "DeadLetters", &bodies(1));
    // Stack time passes while it is watched.
    let watch = ["watch", "--dlq", "DeadLetters", "--for", "20m", "--interval", "1m"];
    dlq(&local, &watch).assert_code(0);
    let watched = dlq(&local, &watch);
    let line = watched.assert_code(0).stdout.lines().next().map(serde_json::from_str::<Value>);
    let line = line.unwrap().unwrap();
    let age = line["oldestAgeSeconds"].as_u64();
    assert!(age.is_some_and(|age| (1080..=1260).contains(&age)), "{line}");
    let human = dlq_human(&local, &watch);
    assert!(human.assert_code(0).stdout.contains(", the oldest for "), "{}", human.stdout);
    let fault = json!([{"operation": "GetMetricStatistics",
        "fault": {"kind": "error", "status": 403, "code": "AccessDenied", "commit": "before"}}]);
    let denied = fault_file(&fault);
    let local = Local::start(&["--faults", denied.path().to_str().unwrap()]);
    create(&local, "DeadLetters", &json!({}));
    send(&local, "DeadLetters", &bodies(1));
    let watched = dlq(&local, &watch);
    let told = &watched.assert_code(0).stderr;
    assert_eq!(told.matches("cloudwatch:GetMetricStatistics").count(), 1, "{told}");
    assert!(watched.stdout.contains("\"visible\":1"), "{}", watched.stdout);
}

#[test]
fn watching_ends_well_at_ctrl_c() {
    let local = Local::start(&["--clock", "real"]);
    create(&local, "DeadLetters", &json!({}));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let out = std::fs::File::create(&path).unwrap();
    let mut command = command(&local, &["watch", "--dlq", "DeadLetters"]);
    let mut watch = Background::start(command.stdout(out).stderr(Stdio::null()));
    wait_until("the first line", || {
        std::fs::read_to_string(&path).unwrap().contains("0 visible").then_some(())
    });
    watch.signal(Signal::INT);
    assert_eq!(watch.wait().code(), Some(0));
}

#[test]
fn a_look_that_is_interrupted_hands_everything_back() {
    let local = Local::start(&["--clock", "real"]);
    create(&local, "DeadLetters", &json!({}));
    send(&local, "DeadLetters", &bodies(5));
    let mut command = command(&local, &["list", "--dlq", "DeadLetters"]);
    let mut list = Background::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    // By then it holds them all, and polls for more for two seconds.
    wait_until("the messages to be in hand", || {
        (visible(&local, "DeadLetters") == 0).then_some(())
    });
    list.signal(Signal::INT);
    assert_eq!(list.wait().code(), Some(130));
    assert_eq!(visible(&local, "DeadLetters"), 5);
}

#[test]
fn a_look_releases_also_what_was_under_way_when_it_was_interrupted() {
    let slow = json!([{"operation": "ReceiveMessage",
        "fault": {"kind": "latency", "milliseconds": 2_000}}]);
    let faults = fault_file(&slow);
    let path = faults.path().to_str().unwrap();
    let local = Local::start(&["--clock", "real", "--faults", path]);
    create(&local, "DeadLetters", &json!({}));
    send(&local, "DeadLetters", &bodies(5));
    let mut command = command(&local, &["list", "--dlq", "DeadLetters"]);
    let mut list = Background::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    // They are taken long before the answer is there.
    wait_until("the messages to be taken", || (visible(&local, "DeadLetters") == 0).then_some(()));
    list.signal(Signal::INT);
    assert_eq!(list.wait().code(), Some(130));
    assert_eq!(visible(&local, "DeadLetters"), 5);
}
