//! `queues`: every dead-letter queue, what is in it, and what is known of when that expires.

use std::process::Command;

use serde_json::{Value, json};
use verifier_testkit::{run, scrubbed, template};

use crate::queues::{bodies, create, dlq, dlq_human, send, text, visible};
use crate::support::{Local, assert_valid, fault_file};

fn policy(dead_letters: &str) -> Value {
    let arn = format!("arn:aws:sqs:us-local-1:000000000000:{dead_letters}");
    json!({"RedrivePolicy": json!({"deadLetterTargetArn": arn, "maxReceiveCount": 3}).to_string()})
}

fn row<'a>(document: &'a Value, name: &str) -> &'a Value {
    let rows = document["queues"].as_array().expect("queues");
    let is_it = |row: &&Value| row["queueArn"].as_str().is_some_and(|arn| arn.ends_with(name));
    rows.iter().find(is_it).unwrap_or_else(|| panic!("no {name} in {document:#}"))
}

#[test]
fn every_dead_letter_queue_is_shown_with_its_sources_and_what_is_known() {
    let local = Local::start(&[]);
    create(&local, "shared", &json!({"MessageRetentionPeriod": "7200"}));
    for name in ["first", "second"] {
        create(&local, name, &policy("shared"));
    }
    create(&local, "empty-one", &json!({}));
    create(&local, "third", &policy("empty-one"));
    send(&local, "shared", &bodies(12));
    let document = dlq(&local, &["queues"]).assert_code(0).json();
    assert_valid("dlq.1", &document);
    assert_eq!(
        (&document["account"], &document["region"]),
        (&json!("000000000000"), &json!("us-local-1"))
    );
    let shared = row(&document, ":shared");
    assert_eq!((&shared["visible"], &shared["inFlight"]), (&json!(12), &json!(0)));
    assert_eq!(shared["sources"].as_array().map(Vec::len), Some(2), "{shared:#}");
    assert_eq!(shared["expiry"], "unknown", "nobody has looked");
    assert!(shared["expiresNotLaterThan"].is_string() && shared["oldestAgeSeconds"].is_null());
    assert_eq!(shared["alarms"], json!([]));
    assert_eq!(row(&document, ":empty-one")["expiry"], "empty");
    // The stack's own has an alarm.
    let own = row(&document, local.text("/outputs/JobsDeadLetterQueueName"));
    assert_eq!(own["alarms"].as_array().map(Vec::len), Some(1), "{own:#}");
    assert_eq!(document["queues"][0], *shared, "the fullest first");
    let looked = dlq(&local, &["queues", "--look"]).assert_code(0).json();
    assert_valid("dlq.1", &looked);
    let shared = row(&looked, ":shared");
    assert_eq!((&shared["expiry"], &shared["expiresSoonCount"]), (&json!("known"), &json!(12)));
    assert_eq!(visible(&local, "shared"), 12, "they were made visible again");
    let human = dlq_human(&local, &["queues"]);
    for part in
        ["account 000000000000, us-local-1", "from first, second", "not later than", "none!"]
    {
        assert!(human.assert_code(0).stdout.contains(part), "{part}: {}", human.stdout);
    }
}

#[test]
fn a_queue_that_only_a_function_has_is_shown_with_it() {
    let stack = template(|changes| {
        let resources = &mut changes.document()["Resources"];
        resources["EventsDlq"] =
            json!({"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "events-dlq"}});
        let function = changes.function("worker");
        function["FunctionName"] = "charge".into();
        function["DeadLetterConfig"] = json!({"TargetArn": {"Fn::GetAtt": ["EventsDlq", "Arn"]}});
    });
    let local = Local::start(&["--template", stack.path().to_str().unwrap()]);
    let document = dlq(&local, &["queues"]).assert_code(0).json();
    assert_valid("dlq.1", &document);
    let events = row(&document, ":events-dlq");
    assert_eq!((&events["functions"], &events["sources"]), (&json!(["charge"]), &json!([])));
    assert!(document["functionsNotAsked"].is_null());
    let own = row(&document, local.text("/outputs/JobsDeadLetterQueueName"));
    assert_eq!(own["functions"], json!([]));
    let human = dlq_human(&local, &["queues"]);
    assert!(human.stdout.contains("from asynchronous invocations of charge"), "{}", human.stdout);
}

#[test]
fn where_functions_cannot_be_asked_queues_may_be_missing() {
    let rules = json!([{"operation": "ListFunctions",
        "fault": {"kind": "error", "status": 403, "code": "AccessDeniedException", "commit": "before"}}]);
    let faults = fault_file(&rules);
    let local = Local::start(&["--faults", text(faults.path())]);
    let document = dlq(&local, &["queues"]).assert_code(4).json();
    assert!(document["functionsNotAsked"].is_string(), "{document:#}");
    assert!(document["queues"].as_array().is_some_and(|rows| !rows.is_empty()), "{document:#}");
}

#[test]
fn without_an_endpoint_that_answers_it_says_so() {
    let mut command: Command = scrubbed(crate::support::VERIFIER);
    command.args([
        "dlq",
        "queues",
        "--endpoint-url",
        "http://127.0.0.1:1",
        "--region",
        "us-east-1",
    ]);
    let output = run(&mut command);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
}
