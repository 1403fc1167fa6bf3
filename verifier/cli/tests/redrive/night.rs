//! The runbook's night, from the alarm to the end: 500 messages of four causes from a worker in Python, two sources, a consumer
//! that holds some, and one cause that is not fixed.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};
use verifier_testkit::{run, template};

use crate::support::functions_with;
use crate::world::{Redriven, World, message};

const KINDS: [&str; 4] = ["locked", "declined", "slow", "refund"];
const OF_EACH: usize = 125;
const SETTINGS: &str = r#"[outcomes]
pattern = '^message (?<message_id>\S+), try (?<receive_count>\d+) of request (?<request_id>\S+): (?<outcome>done|failed)(?: \((?<reason>.+)\))?$'
success = ["done"]
failure = ["failed"]
"#;

struct Night {
    world: World,
    functions: tempfile::TempDir,
}

impl Night {
    /// A stack whose worker reads two queues with one dead-letter queue.
    fn start() -> Self {
        let functions = functions_with("worker", "night-worker.py");
        let truth = functions.path().join("truth");
        let stack = template(|changes| {
            let variables = json!({"Variables": {"FIXED": "none", "TRUTH": truth}});
            changes.function("worker")["FunctionName"] = "worker".into();
            changes.function("worker")["Environment"] = variables;
            changes.let_roles_use_queues_and_logs();
            let mut queue = changes.jobs_queue().clone();
            let mut mapping = changes.mapping().clone();
            queue["QueueName"] = "Refunds".into();
            mapping["EventSourceArn"] = json!({"Fn::GetAtt": ["Refunds", "Arn"]});
            let resources = &mut changes.document()["Resources"];
            resources["Refunds"] = json!({"Type": "AWS::SQS::Queue", "Properties": queue});
            let kind = "AWS::Lambda::EventSourceMapping";
            resources["RefundsMapping"] = json!({"Type": kind, "Properties": mapping});
        });
        let text = |path: &std::path::Path| path.to_str().expect("a path").to_owned();
        let (stack, folder) = (text(stack.path()), text(functions.path()));
        let world = World::start_with(&["--template", &stack, "--functions", &folder]);
        std::fs::write(world.path("verifier.toml"), SETTINGS).expect("the settings");
        Self { world, functions }
    }

    fn dead_letters(&self) -> String {
        self.world.text("/outputs/JobsDeadLetterQueueName").to_owned()
    }

    /// Sends the jobs, and lets them fail.
    fn fall(&self) {
        let jobs = self.world.text("/outputs/JobsQueueName").to_owned();
        for (at, kind) in KINDS.into_iter().enumerate() {
            let job = |number| message(&json!({"kind": kind, "number": number}).to_string());
            let messages: Vec<_> = (at * OF_EACH..(at + 1) * OF_EACH).map(job).collect();
            self.world.send(if kind == "refund" { "Refunds" } else { &jobs }, &messages);
        }
        self.world.sleep(600);
    }

    /// Deploys a worker that fails fewer jobs.
    fn fix(&self, kinds: &str) {
        let truth = self.functions.path().join("truth");
        let body = json!({"Environment": {"Variables": {"FIXED": kinds, "TRUTH": truth}}});
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail-with-body", "--request", "PUT"]);
        curl.args(["--header", &self.world.authorization("lambda"), "--data", &body.to_string()]);
        let path = "2015-03-31/functions/worker/configuration";
        let output = run(curl.arg(format!("{}/{path}", self.world.endpoint())));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    fn verifier(&self, arguments: &[&str]) -> Redriven {
        World::end(&mut self.world.verifier_with(arguments))
    }

    /// Which jobs the worker has done, and how often.
    fn done(&self) -> BTreeMap<usize, usize> {
        let text = std::fs::read_to_string(self.functions.path().join("truth")).unwrap_or_default();
        let mut counts = BTreeMap::new();
        for number in text.lines().filter_map(|line| line.parse().ok()) {
            *counts.entry(number).or_default() += 1;
        }
        counts
    }
}

fn groups(explained: &Value) -> BTreeMap<String, u64> {
    let groups = explained["groups"].as_array().expect("groups");
    let of = |group: &Value| {
        let reason = group["reason"].as_str().or(group["inferredReason"].as_str());
        let reason = reason.unwrap_or("unknown").to_owned();
        (reason, group["count"].as_u64().unwrap_or_default())
    };
    groups.iter().map(of).collect()
}

#[test]
fn five_hundred_messages_of_four_causes_are_looked_at_replayed_and_accounted_for() {
    let night = Night::start();
    let stack = night.world.text("/stackName");
    night.fall();
    // Which queue?
    let queues = night.verifier(&["dlq", "queues"]).result;
    let dead_letters = night.dead_letters();
    let is_it =
        |queue: &&Value| queue["queueArn"].as_str().is_some_and(|arn| arn.ends_with(&dead_letters));
    let queue = queues["queues"].as_array().unwrap().iter().find(is_it);
    let queue = queue.unwrap_or_else(|| panic!("{queues:#}"));
    assert_eq!(queue["visible"], 4 * OF_EACH, "{queue:#}");
    assert_eq!(queue["sources"].as_array().map(Vec::len), Some(2), "{queue:#}");
    // Another consumer holds some: it is not said that this is all.
    let receive = json!({"QueueUrl": night.world.queue(&dead_letters).url, "VisibilityTimeout": 300, "MaxNumberOfMessages": 10});
    let held = night.world.call("ReceiveMessage", &receive);
    let held = held["Messages"].as_array().map_or(0, Vec::len);
    let listed = night.verifier(&["dlq", "list", "--stack", stack]);
    assert_eq!((listed.code, listed.result["complete"].as_bool()), (Some(4), Some(false)));
    assert_eq!(listed.result["inFlight"], held, "{}", listed.stderr);
    // Why did they fail? Four causes are four groups.
    let explained = night.verifier(&["dlq", "explain", "--stack", stack, "--wait"]);
    assert_eq!(explained.code, Some(0), "{}", explained.stderr);
    let found = groups(&explained.result);
    assert_eq!(found.values().copied().collect::<Vec<_>>(), [OF_EACH as u64; 4], "{found:?}");
    assert!(found.keys().any(|reason| reason.contains("KeyError: 'price'")), "{found:?}");
    let inferred =
        night.verifier(&["dlq", "list", "--stack", stack, "--wait", "--reason", "KeyError"]);
    assert_eq!(inferred.result["messages"], json!([]));
    assert_eq!(inferred.result["leftOut"].as_array().map(Vec::len), Some(OF_EACH));
    // All but one are fixed. It stops by itself, and says that it is the same cause.
    night.fix("declined,slow,refund");
    let to_source = ["redrive", "--stack", stack, "--to-source", "--yes"];
    let all = night.verifier(&[&to_source[..], &["--stop-after", "1"]].concat());
    assert_eq!(all.code, Some(4), "{}", all.stderr);
    let bounced = all.result["bounced"].as_array().unwrap();
    assert!(!bounced.is_empty(), "{:#}", all.result);
    assert!(bounced.iter().all(|bounce| bounce["failing"] == "same-cause"), "{bounced:#?}");
    // Those of other reasons alone.
    for choice in [
        ["--reason", "declined"],
        ["--reason", "no answer within"],
        // What its runtime writes names no message: its reason is inferred, and selects nothing.
        ["--filter", "body.kind == 'refund'"],
    ] {
        let some = night.verifier(&[&to_source[..], &choice].concat());
        assert_eq!(some.count("bounced"), 0, "{choice:?}: {}", some.stderr);
        let is_over = some.code == Some(0) || some.count("replayed") == 0;
        assert!(is_over, "{choice:?}: {:#}", some.result);
    }
    // Each job of those is done once, and all others are where they were.
    let expected: BTreeMap<usize, usize> =
        (OF_EACH..4 * OF_EACH).map(|number| (number, 1)).collect();
    assert_eq!(night.done(), expected);
    let explained = night.verifier(&["dlq", "explain", "--stack", stack, "--wait"]);
    let found = groups(&explained.result);
    assert_eq!(found.values().copied().collect::<Vec<_>>(), [OF_EACH as u64], "{found:?}");
    // Keep what is not fixed.
    let kept = night.verifier(&["dlq", "export", "kept.jsonl", "--stack", stack]);
    assert_eq!(kept.code, Some(0), "{}", kept.stderr);
}
