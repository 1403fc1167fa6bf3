//! An endpoint that nobody here wrote.
//!
//! `cargo xtask test` starts it and names it in `VERIFIER_TEST_MOTO`; without that there is nothing to ask.

use std::collections::BTreeMap;

use serde_json::json;
use verifier_core::dead_letters::{Attribute, Resend};

use crate::world::{World, body, message};

const LETTERS: usize = 1_000;

#[test]
fn a_thousand_letters_with_attributes_are_all_accounted_for() {
    let Ok(endpoint) = std::env::var("VERIFIER_TEST_MOTO") else {
        return;
    };
    let world = World::at(&endpoint, "us-east-1");
    world.create("moto-dead", &json!({}));
    let arn = world.queue("moto-dead").arn().to_owned();
    let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": 3}).to_string();
    world.create("moto-source", &json!({"RedrivePolicy": policy}));
    let letter = |number: usize| Resend {
        attributes: BTreeMap::from([
            ("number".to_owned(), Attribute::text("Number", number.to_string())),
            ("bytes".to_owned(), Attribute::binary("Binary", &[0, 255])),
        ]),
        ..message(&body(number))
    };
    world.send("moto-dead", &(0..LETTERS).map(letter).collect::<Vec<_>>());
    let mut command = world.verifier();
    command.args(["--dlq", "moto-dead", "--no-canary", "--yes", "--journal", "journal.jsonl"]);
    // It does one thing at a time, and a poll that waits keeps others waiting.
    command.args(["--concurrency", "2"]);
    let redriven = World::end(&mut command);
    redriven.assert(0, &[("replayed", 1_000), ("unknown", 1_000)]);
    let found = world.drain("moto-source");
    assert_eq!(found.len(), LETTERS);
    let by_body: BTreeMap<&str, &BTreeMap<String, Attribute>> =
        found.iter().map(|letter| (letter.body.as_str(), &letter.attributes)).collect();
    for number in 0..LETTERS {
        assert_eq!(by_body.get(body(number).as_str()), Some(&&letter(number).attributes));
    }
    assert!(world.drain("moto-dead").is_empty());
}
