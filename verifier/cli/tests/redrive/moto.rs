//! An endpoint that nobody here wrote, which has regions and accounts.
//!
//! `cargo xtask test` starts it and names it in `VERIFIER_TEST_MOTO`; without that there is nothing to ask.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};
use verifier_core::dead_letters::{Attribute, DeadLetter, Resend};
use verifier_core::redrive::REDRIVES_ATTRIBUTE;
use verifier_testkit::run;

use crate::world::{World, body, message};

const MESSAGES: usize = 1_000;
/// It does one thing at a time, and a poll that waits keeps others waiting.
const CONCURRENCY: [&str; 2] = ["--concurrency", "2"];

fn endpoint() -> Option<String> {
    std::env::var("VERIFIER_TEST_MOTO").ok()
}

/// A message with attributes of each kind.
fn resend(number: usize) -> Resend {
    Resend {
        attributes: BTreeMap::from([
            ("number".to_owned(), Attribute::text("Number", number.to_string())),
            ("bytes".to_owned(), Attribute::binary("Binary", &[0, 255])),
        ]),
        ..message(&body(number))
    }
}

/// Makes a dead-letter queue with so many messages, and the queue that they come from.
fn fill(world: &World, name: &str, count: usize) {
    let dead = format!("{name}-dead");
    world.create(&dead, &json!({}));
    let arn = world.queue(&dead).arn().to_owned();
    let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": 3}).to_string();
    world.create(&format!("{name}-source"), &json!({"RedrivePolicy": policy}));
    world.send(&dead, &(0..count).map(resend).collect::<Vec<_>>());
}

/// Asserts that each of so many messages is there once, with all that it had and the count of its redrives, where it was.
fn assert_all(found: &[DeadLetter], count: usize, redrives: Option<&str>) {
    assert_eq!(found.len(), count);
    let by_body: BTreeMap<&str, &BTreeMap<String, Attribute>> =
        found.iter().map(|message| (message.body.as_str(), &message.attributes)).collect();
    for number in 0..count {
        let mut expected = resend(number).attributes;
        let redrives = redrives.map(|times| Attribute::text("Number", times));
        expected.extend(redrives.map(|times| (REDRIVES_ATTRIBUTE.to_owned(), times)));
        assert_eq!(by_body.get(body(number).as_str()), Some(&&expected));
    }
}

#[test]
fn a_thousand_messages_with_attributes_are_all_accounted_for() {
    let Some(endpoint) = endpoint() else { return };
    let world = World::at(&endpoint, "us-east-1");
    fill(&world, "moto", MESSAGES);
    let mut command = world.verifier();
    command.args(["--dlq", "moto-dead", "--no-canary", "--yes", "--journal", "journal.jsonl"]);
    let redriven = World::end(command.args(CONCURRENCY));
    redriven.assert(0, &[("replayed", 1_000), ("unknown", 1_000)]);
    assert_all(&world.drain("moto-source"), MESSAGES, Some("1"));
    assert!(world.drain("moto-dead").is_empty());
}

#[test]
fn messages_are_listed_and_go_through_a_file_with_all_that_they_have() {
    let Some(endpoint) = endpoint() else { return };
    let world = World::at(&endpoint, "us-east-1");
    fill(&world, "filed", 60);
    world.create("filed-copy", &json!({}));
    let dlq = |arguments: &[&str]| -> Value {
        let mut command = world.verifier_with(&[&["dlq"], arguments].concat());
        let output = run(command.args(["--dlq", "filed-dead"]));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let listed = dlq(&["list"]);
    assert_eq!(
        (listed["messages"].as_array().unwrap().len(), &listed["complete"]),
        (60, &json!(true))
    );
    assert_eq!(dlq(&["export", "messages.jsonl"])["written"], 60);
    let imported = dlq(&["import", "messages.jsonl", "--to", "filed-copy"]);
    assert_eq!(imported["sent"].as_array().unwrap().len(), 60);
    assert_all(&world.drain("filed-copy"), 60, None);
    // They were only looked at.
    assert_all(&world.drain("filed-dead"), 60, None);
}

/// Redrives the messages of a queue to `rehearsal`, somewhere else.
fn rehearse(world: &World, name: &str, arguments: &[&str], environment: &[(&str, String)]) {
    let mut command = world.verifier();
    command.args(["--dlq", &format!("{name}-dead"), "--to", "rehearsal", "--no-canary", "--yes"]);
    command.args(CONCURRENCY).args(arguments).args(["--journal", "journal.jsonl"]);
    for (name, value) in environment {
        command.env(name, value);
    }
    World::end(&mut command).assert(0, &[("replayed", 20), ("unknown", 20)]);
    assert!(world.drain(&format!("{name}-dead")).is_empty());
    assert!(world.drain(&format!("{name}-source")).is_empty());
}

#[test]
fn a_redrive_can_be_rehearsed_in_another_region() {
    let Some(endpoint) = endpoint() else { return };
    let (world, elsewhere) = (World::at(&endpoint, "us-east-1"), World::at(&endpoint, "eu-west-1"));
    fill(&world, "region", 20);
    elsewhere.create("rehearsal", &json!({}));
    rehearse(&world, "region", &["--to-region", "eu-west-1"], &[]);
    assert_all(&elsewhere.drain("rehearsal"), 20, Some("1"));
}

/// Credentials of a role in another account: what the names of the answer's elements stand for.
fn assume_role(world: &World, account: &str) -> BTreeMap<String, String> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail-with-body"]);
    curl.args(["--header", &world.authorization("sts")]);
    let role = format!("RoleArn=arn:aws:iam::{account}:role/rehearsal&RoleSessionName=test");
    curl.args(["--data", &format!("Action=AssumeRole&Version=2011-06-15&{role}")]);
    let answer = String::from_utf8(run(curl.arg(world.endpoint())).stdout).expect("text");
    let value = |name: &str| {
        let (_, rest) = answer.split_once(&format!("<{name}>")).expect("an element");
        rest.split_once('<').expect("its end").0.to_owned()
    };
    ["AccessKeyId", "SecretAccessKey", "SessionToken"]
        .map(|name| (name.to_owned(), value(name)))
        .into()
}

#[test]
fn a_redrive_can_be_rehearsed_in_another_account() {
    let Some(endpoint) = endpoint() else { return };
    let world = World::at(&endpoint, "us-east-1");
    fill(&world, "account", 20);
    let credentials = assume_role(&world, "111122223333");
    let elsewhere = World::of(&endpoint, "us-east-1", &credentials["AccessKeyId"]);
    elsewhere.create("rehearsal", &json!({}));
    assert!(elsewhere.queue("rehearsal").arn().contains(":111122223333:"));
    let text = format!(
        "[rehearsal]\naws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}\n",
        credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]
    );
    std::fs::write(world.path("credentials"), text).expect("it is written");
    let file = world.path("credentials").to_str().expect("a path").to_owned();
    let environment = [("AWS_SHARED_CREDENTIALS_FILE", file)];
    rehearse(&world, "account", &["--to-profile", "rehearsal"], &environment);
    assert_all(&elsewhere.drain("rehearsal"), 20, Some("1"));
}
