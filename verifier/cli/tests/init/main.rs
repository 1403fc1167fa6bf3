//! `verifier init` on stacks that it has never seen: what it writes, and that the stack passes by it.
#![allow(clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;

use support::{Printed, VERIFIER};
use tempfile::TempDir;
use verifier_testkit::scrubbed;

/// Bodies of the laundry's, as examples.
const BODIES: [&str; 4] =
    ["--good", r#"{"bag": "{job_id}"}"#, "--failing", r#"{"bag": "{job_id}", "how": "hot"}"#];

/// Drums that each tell in their own way how it went: of JSON, in words, by throwing.
const OF_JSON: &str = "
exports.handler = async ({ Records }) => ({ batchItemFailures: Records.filter((record) => {
  const { bag, how } = JSON.parse(record.body);
  console.log(JSON.stringify({ kind: 'wash', bag: { id: bag }, state: how === 'hot' ? 'torn' : 'clean' }));
  return how === 'hot';
}).map(({ messageId }) => ({ itemIdentifier: messageId })) });";
const IN_WORDS: &str = "
exports.handler = async ({ Records }) => ({ batchItemFailures: Records.filter((record) => {
  const { bag, how } = JSON.parse(record.body);
  console.log(`washing ${bag}`);
  if (how === 'hot') console.error(`could not wash ${bag}: too hot`); else console.log(`washed ${bag}`);
  return how === 'hot';
}).map(({ messageId }) => ({ itemIdentifier: messageId })) });";
const SILENT: &str = "
exports.handler = async ({ Records }) => ({ batchItemFailures: Records.filter(
  (record) => JSON.parse(record.body).how === 'hot').map(({ messageId }) => ({ itemIdentifier: messageId })) });";

/// A folder with the laundry in it.
fn laundry(drum: &str) -> TempDir {
    changed(drum, |text| text)
}

/// The same, with another template.
fn changed(drum: &str, change: impl FnOnce(String) -> String) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/init/laundry.yaml");
    let text = fs::read_to_string(path).expect("the template");
    let drum = drum.trim().replace('\n', "\n          ");
    let text = change(text.replace("DRUM", &drum));
    fs::write(folder.path().join("template.yaml"), text).expect("it is written");
    folder
}

fn verifier(folder: &TempDir, args: &[&str]) -> Printed {
    Printed::of(scrubbed(VERIFIER).args(args).current_dir(folder.path()))
}

fn written(folder: &TempDir) -> String {
    fs::read_to_string(folder.path().join("verifier.toml")).expect("the settings")
}

#[test]
fn a_stack_that_was_never_seen_passes_by_what_init_writes() {
    for (drum, outcome) in [
        (OF_JSON, "outcome = \"state\"\nsuccess = [\"clean\"]\nfailure = [\"torn\"]"),
        (IN_WORDS, r#"success = ["washed"]"#),
    ] {
        let folder = laundry(drum);
        let init = verifier(&folder, &[&["init"], &BODIES[..]].concat());
        init.assert(0);
        let settings = written(&folder);
        for line in [
            "api_url = \"Url\"",
            "jobs_path = \"/bags\"",
            "hello_path = \"/open\"",
            "accepted_status = 200",
            "accepted_job_id = false",
            "accepted_message_id = \"id\"",
            "jobs_queue = \"ClothesQueue\"",
            "dead_letter_queue = \"TornQueue\"",
            "message_job_id = \"bag\"",
            "receives = 2",
            outcome,
        ] {
            assert!(settings.contains(line), "{line}\n{settings}");
        }
        verifier(&folder, &["check", "--local"]).assert(0);
    }
}

#[test]
fn what_could_not_be_learnt_is_named_with_its_line() {
    let folder = laundry(SILENT);
    let init = verifier(&folder, &[&["init", "--format", "json"], &BODIES[..]].concat());
    init.assert(3);
    let document = init.json();
    assert_eq!(document["schema"], "verifier.init/1");
    let unsure = document["unsure"].as_array().expect("a list");
    let keys: Vec<&str> = unsure.iter().filter_map(|each| each["key"].as_str()).collect();
    assert_eq!(keys, ["outcomes.pattern"]);
    let line = usize::try_from(unsure[0]["line"].as_u64().expect("a line")).expect("a number");
    let settings = written(&folder);
    assert!(settings.lines().nth(line - 1).is_some_and(|line| line.starts_with("pattern = ")));
    assert!(
        settings.lines().nth(line - 2).is_some_and(|line| line.starts_with("# ? no line was seen"))
    );
}

#[test]
fn a_job_that_is_refused_asks_for_another_body() {
    let folder = laundry(OF_JSON);
    let init = verifier(&folder, &["init"]);
    init.assert(3);
    assert!(init.stdout.contains("jobs.good: POST http"), "{}", init.stdout);
    assert!(init.stdout.contains(r#"answered 400: {"problem": "no bag"}"#), "{}", init.stdout);
    // Nothing but the configuration is checked by a guess.
    assert!(!init.stdout.contains("job.accept"), "{}", init.stdout);
    assert!(written(&folder).contains("# ? POST http"));
}

#[test]
fn a_file_that_is_there_is_kept_unless_it_may_be_replaced() {
    let folder = laundry(OF_JSON);
    fs::write(folder.path().join("verifier.toml"), "mine").expect("it is written");
    let refused = verifier(&folder, &["init"]);
    refused.assert(2);
    assert!(refused.stderr.contains("verifier.toml is there already"), "{}", refused.stderr);
    assert_eq!(written(&folder), "mine");
    verifier(&folder, &[&["init", "--force"], &BODIES[..]].concat()).assert(0);
    assert!(written(&folder).contains("ClothesQueue"));
}

#[test]
fn one_of_several_queues_has_to_be_named() {
    let folder = laundry(OF_JSON);
    let path = folder.path().join("template.yaml");
    let text = fs::read_to_string(&path).expect("the template");
    let redriven = "Lost: {Type: AWS::SQS::Queue, Properties: {RedrivePolicy: {deadLetterTargetArn: !GetAtt Torn.Arn, maxReceiveCount: 2}}}";
    let read = "  Finding:\n    Type: AWS::Lambda::EventSourceMapping\n    Properties: {EventSourceArn: !GetAtt Lost.Arn, FunctionName: !Ref Drum}\n  Washing:";
    let text = text.replace("Lost: {Type: AWS::SQS::Queue}", redriven).replace("  Washing:", read);
    fs::write(&path, text).expect("it is written");
    let refused = verifier(&folder, &["init"]);
    refused.assert(2);
    assert!(refused.stderr.contains("Clothes, Lost"), "{}", refused.stderr);
    assert!(!folder.path().join("verifier.toml").exists());
    verifier(&folder, &[&["init", "--queue", "Clothes"], &BODIES[..]].concat()).assert(0);
}

#[test]
fn a_body_without_the_jobs_id_is_refused_before_anything_is_submitted() {
    let folder = laundry(OF_JSON);
    let refused = verifier(&folder, &["init", "--good", r#"{"how": 7}"#]);
    refused.assert(2);
    assert!(refused.stderr.contains("{job_id}"), "{}", refused.stderr);
    assert!(!folder.path().join("verifier.toml").exists());
}

/// Neither the answer nor the worker's lines have the ids of messages.
#[test]
fn an_api_that_answers_with_nothing_will_do() {
    let folder = changed(OF_JSON, |text| {
        text.replace("return answer(200, id=sent)", "return answer(202, accepted=True)")
    });
    verifier(&folder, &[&["init"], &BODIES[..]].concat()).assert(0);
    let settings = written(&folder);
    assert!(settings.contains("accepted_message_id = false"), "{settings}");
    assert!(settings.contains("accepted_job_id = false"), "{settings}");
    let checked = verifier(&folder, &["check", "--local", "--format", "json"]);
    checked.assert(0);
    assert_eq!(checked.json()["leftBehind"], serde_json::json!([]));
}

/// A worker that is wrong is found under such an API, too: this drum throws, and all that is washed with it is torn.
#[test]
fn a_wrong_worker_behind_an_api_that_answers_with_nothing_is_found() {
    const THROWS: &str = "
exports.handler = async ({ Records }) => { for (const record of Records) {
  const { bag, how } = JSON.parse(record.body);
  if (how === 'hot') throw new Error('too hot');
  console.log(JSON.stringify({ kind: 'wash', bag: { id: bag }, state: 'clean' }));
} };";
    let folder = changed(THROWS, |text| {
        // What waits a second for others comes with them.
        let text = text.replace("BatchSize: 5", "BatchSize: 5, MaximumBatchingWindowInSeconds: 1");
        text.replace("return answer(200, id=sent)", "return answer(202, accepted=True)")
    });
    let init = verifier(&folder, &[&["init"], &BODIES[..]].concat());
    init.assert(1);
    assert!(init.stdout.contains("job.isolation"), "{}", init.stdout);
}
