//! Redrives of every kind that are killed and taken up again: FIFO queues, patches, shared queues, a full disk, and answers that
//! are lost. Every message is accounted for, and each that is there twice was named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::{Value, json};
use verifier_core::dead_letters::Resend;
use verifier_testkit::{Background, is_running, scrubbed};

use crate::support::VERIFIER;
use crate::world::{World, message, redrive_policy};

/// How many messages are redriven.
const MESSAGES: usize = 40;
/// In how many groups they are, where the queue has groups.
const GROUPS: usize = 4;
/// How many lines a journal has at most when the redrive is killed: some more than a whole one.
const LINES: u32 = 20;

/// How many points there are of each kind: more by `cargo xtask soak redrive-kill`.
fn points() -> usize {
    let points = std::env::var("VERIFIER_KILL_POINTS").ok().and_then(|text| text.parse().ok());
    points.map_or(2, |points: usize| points.div_ceil(5))
}

/// Who knows how many messages were sent before a redrive is taken up again.
#[derive(Clone, Copy)]
enum Known {
    /// The journal does.
    ByJournal,
    /// The redrive has said it at its end: what it sent and deleted when the disk was full is in no journal.
    Told(u64),
    /// Nothing does: it was killed on a full disk.
    Nowhere,
}

/// What is redriven, and how.
struct Kind {
    world: World,
    /// The dead-letter queue.
    from: &'static str,
    /// The queues where its messages have to be at last.
    to: &'static [&'static str],
    /// What the command line says of that.
    arguments: &'static [&'static str],
    /// What is added to a body on the way.
    patched: &'static str,
    is_fifo: bool,
}

fn body(number: usize, patched: &str) -> String {
    format!("{{\"number\": {number}{patched}}}")
}

impl Kind {
    /// From one queue to another.
    fn plain() -> Self {
        let (world, arguments) = (World::start(), &["--to", "target"]);
        Self { world, from: "dead", to: &["target"], arguments, patched: "", is_fifo: false }
    }

    fn fifo() -> Self {
        let kind = Self {
            from: "dead.fifo",
            to: &["target.fifo"],
            arguments: &["--to", "target.fifo"],
            is_fifo: true,
            ..Self::plain()
        };
        for name in ["dead.fifo", "target.fifo"] {
            kind.world.create(name, &json!({"FifoQueue": "true"}));
        }
        kind
    }

    fn patched() -> Self {
        let arguments = &["--to", "target", "--patch", "patch.json"];
        let kind = Self { arguments, patched: ", \"note\": \"again\"", ..Self::plain() };
        let patch = kind.world.path("patch.json");
        std::fs::write(patch, r#"{"note":"again"}"#).expect("the patch");
        kind
    }

    fn shared() -> Self {
        let kind = Self { to: &["source", "other"], arguments: &["--to-source"], ..Self::plain() };
        kind.world.create("other", &redrive_policy("dead"));
        kind
    }

    /// Puts the messages into the dead-letter queue, for the n-th time; gives their bodies by their ids.
    fn fill(&self, round: usize) -> BTreeMap<String, String> {
        let one = |number: usize| Resend {
            group_id: self.is_fifo.then(|| format!("g-{}", number % GROUPS)),
            deduplication_id: self.is_fifo.then(|| format!("{round}-{number}")),
            ..message(&body(number, ""))
        };
        let messages: Vec<Resend> = (0..MESSAGES).map(one).collect();
        if self.to.len() == 1 {
            self.world.send(self.from, &messages);
        } else {
            for (queue, messages) in self.to.iter().zip(messages.chunks(MESSAGES / self.to.len())) {
                self.world.send(queue, messages);
                self.fail_all(queue);
            }
        }
        self.ids()
    }

    /// Receives the messages of a queue until they are in its dead-letter queue.
    fn fail_all(&self, queue: &str) {
        let url = self.world.queue(queue).url;
        let receive = json!({"QueueUrl": url, "VisibilityTimeout": 0, "MaxNumberOfMessages": 10});
        while self.world.queue(queue).number("ApproximateNumberOfMessages") != Some(0) {
            self.world.call("ReceiveMessage", &receive);
        }
    }

    /// The messages of the dead-letter queue, which stay there.
    fn ids(&self) -> BTreeMap<String, String> {
        let export = ["dlq", "export", "ids.jsonl", "--dlq", self.from];
        // One receive brings ten of a group at most, and no group has more.
        let exported = World::end(&mut self.world.verifier_with(&export));
        assert_eq!(exported.code, Some(0), "{}", exported.stderr);
        let path = self.world.path("ids.jsonl");
        let text = std::fs::read_to_string(&path).expect("the messages");
        std::fs::remove_file(path).expect("it is there");
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let messages = lines.filter_map(|line| line.get("message").cloned());
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        let ids = messages.map(|message| (text(&message["messageId"]), text(&message["body"])));
        let ids: BTreeMap<String, String> = ids.collect();
        assert_eq!(ids.len(), MESSAGES);
        ids
    }

    fn arguments(&self, journal: &Path) -> Vec<String> {
        let own = ["--dlq", self.from, "--no-canary", "--yes", "--concurrency", "2", "--journal"];
        let journal = journal.to_str().expect("a path");
        let all = own.into_iter().chain([journal]).chain(self.arguments.iter().copied());
        all.map(str::to_owned).collect()
    }

    fn command(&self, journal: &Path) -> Command {
        let mut command = self.world.verifier();
        command.args(self.arguments(journal));
        command
    }

    /// The same where a file cannot grow beyond so many blocks: what a full disk answers.
    fn command_on_a_full_disk(&self, journal: &Path, blocks: u32) -> Command {
        let whole = self.command(journal);
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, VERIFIER]).args(whole.get_args());
        command.env_clear();
        for (name, value) in whole.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.current_dir(self.world.folder.path());
        command
    }

    /// Every message that is not in the dead-letter queue any more is named: by the journal, or by the result.
    fn assert_deletions_told(&self, result: &Value, journal: &Path) {
        let text = std::fs::read_to_string(journal).unwrap_or_default();
        assert!(text.is_empty() || text.ends_with('\n'), "half a line: {text}");
        let entries = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let deleted = entries.filter(|entry| entry["event"] == "deleted");
        let ids = deleted.flat_map(|entry| entry["ids"].as_array().cloned().unwrap_or_default());
        let ids = ids.filter_map(|id| id.as_str().map(str::to_owned));
        let told = result["notInJournal"].as_object().cloned().unwrap_or_default();
        let told = told.into_iter().filter(|(_, done)| done["isDeleted"] == true);
        let told: BTreeSet<String> = ids.chain(told.map(|(id, _)| id)).collect();
        let queue = self.world.queue(self.from);
        let count = |name| queue.number(name).unwrap_or_default();
        let there =
            count("ApproximateNumberOfMessages") + count("ApproximateNumberOfMessagesNotVisible");
        assert_eq!(told.len() as u64 + there, MESSAGES as u64, "{result:#}\n{text}");
    }

    /// Takes what was killed up again, and accounts for all messages.
    fn take_up(&self, journal: &Path, ids: &BTreeMap<String, String>, known: Known) {
        let is_begun = std::fs::read_to_string(journal).is_ok_and(|text| text.contains('\n'));
        let mut by_journal = 0;
        let redriven = if is_begun {
            let mut status = scrubbed(VERIFIER);
            let status = status.args(["redrive", "status", "--format", "json"]).arg(journal);
            by_journal = World::end(status).count("replayed");
            self.world.resume(journal)
        } else {
            // Nothing can have been sent before the first line of the journal is whole.
            let _ = std::fs::remove_file(journal);
            World::end(&mut self.command(journal))
        };
        let shown = format!("{:#}\n{}", redriven.result, redriven.stderr);
        assert_eq!(redriven.code, Some(0), "{shown}");
        let figures = ["notSent", "unconfirmed", "notDeleted", "missing", "changed", "left"];
        for name in figures {
            assert_eq!(redriven.count(name), 0, "{name}: {shown}");
        }
        let sent = match known {
            Known::ByJournal => Some(redriven.count("replayed")),
            Known::Told(before) => Some(before + redriven.count("replayed") - by_journal),
            Known::Nowhere => None,
        };
        assert!(sent.is_none_or(|sent| sent == MESSAGES as u64), "{sent:?} {by_journal}: {shown}");
        let named = redriven.result["ambiguous"].as_array().cloned().unwrap_or_default();
        let named: BTreeSet<&str> = named.iter().filter_map(Value::as_str).collect();
        assert_eq!(redriven.count("ambiguous"), named.len() as u64, "{shown}");
        let duplicable: BTreeSet<&String> = ids
            .iter()
            .filter(|(id, _)| named.contains(id.as_str()))
            .map(|(_, body)| body)
            .collect();
        self.assert_arrived(&duplicable, &shown);
        let _ = std::fs::remove_file(journal);
    }

    /// Each message is where it belongs, once unless it was named, in its order and changed as was asked for; and none is left.
    fn assert_arrived(&self, duplicable: &BTreeSet<&String>, shown: &str) {
        let per_queue = MESSAGES / self.to.len();
        for (number, queue) in self.to.iter().enumerate() {
            let there = self.world.drain(queue);
            let expected = number * per_queue..(number + 1) * per_queue;
            for number in expected.clone() {
                let whole = body(number, self.patched);
                let count = there.iter().filter(|message| message.body == whole).count();
                let most = if duplicable.contains(&body(number, "")) { usize::MAX } else { 1 };
                assert!(
                    (1..=most).contains(&count),
                    "{queue}: {count} of {whole}, for example {:?}\n{shown}",
                    there.first()
                );
            }
            let others = there.iter().filter(|message| {
                !expected.clone().any(|number| message.body == body(number, self.patched))
            });
            assert_eq!(others.count(), 0, "{queue} has messages of others: {shown}");
            if self.is_fifo {
                assert_eq!(there.len(), MESSAGES, "SQS keeps a second send out: {shown}");
                assert_in_order(&there.iter().map(|each| each.body.clone()).collect::<Vec<_>>());
            }
        }
        assert!(self.world.bodies(self.from).is_empty(), "{shown}");
    }
}

/// The messages of each group are in the order in which they were sent.
fn assert_in_order(bodies: &[String]) {
    let numbers: Vec<usize> = bodies
        .iter()
        .map(|body| {
            let value: Value = serde_json::from_str(body).expect("JSON");
            usize::try_from(value["number"].as_u64().expect("a number")).expect("a small one")
        })
        .collect();
    for group in 0..GROUPS {
        let of_group: Vec<usize> =
            numbers.iter().copied().filter(|number| number % GROUPS == group).collect();
        assert!(of_group.is_sorted(), "group {group}: {of_group:?}");
    }
}

fn lines(journal: &Path) -> usize {
    std::fs::read_to_string(journal).unwrap_or_default().matches('\n').count()
}

/// Runs a redrive until its journal has so many lines and a moment more, if it does not end before; then it is killed.
fn run_until(command: &mut Command, journal: &Path, count: usize, moment: Duration) {
    let process = Background::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    while is_running(process.id()) && lines(journal) < count {
        thread::sleep(Duration::from_micros(100));
    }
    thread::sleep(moment);
    // Which kills with a signal that cannot be caught.
    drop(process);
}

fn chance(name: &str) -> TestRng {
    let mut seed = [0; 32];
    for (byte, of_name) in seed.iter_mut().zip(name.bytes()) {
        *byte = of_name;
    }
    TestRng::from_seed(RngAlgorithm::ChaCha, &seed)
}

/// A redrive of a kind is killed at moments that are drawn.
fn killed(name: &str, kind: &Kind, faults: &Value) {
    let mut chance = chance(name);
    for point in 0..points() {
        let ids = kind.fill(point);
        kind.world.faults(faults);
        let journal = kind.world.path(&format!("{point}.jsonl"));
        let count = usize::try_from(chance.next_u32() % LINES).expect("a small number");
        let moment = Duration::from_micros(u64::from(chance.next_u32() % 4000));
        run_until(&mut kind.command(&journal), &journal, count, moment);
        kind.world.faults(&json!([]));
        kind.take_up(&journal, &ids, Known::ByJournal);
    }
}

#[test]
fn killed_at_any_moment_groups_keep_their_order() {
    killed("fifo", &Kind::fifo(), &json!([]));
}

#[test]
fn killed_at_any_moment_every_body_is_patched_once() {
    killed("patch", &Kind::patched(), &json!([]));
}

#[test]
fn killed_at_any_moment_each_message_of_a_shared_queue_is_in_its_own() {
    killed("shared", &Kind::shared(), &json!([]));
}

#[test]
fn killed_at_any_moment_while_answers_are_lost_every_duplicate_was_named() {
    let lost = |operation: &str| {
        json!({"operation": operation, "probability": 0.3,
            "fault": {"kind": "disconnect", "commit": "after"}})
    };
    let faults = json!([lost("SendMessageBatch"), lost("DeleteMessageBatch")]);
    killed("answers", &Kind::plain(), &faults);
}

#[test]
fn a_disk_that_is_full_at_any_moment_loses_nothing() {
    let kind = Kind::plain();
    let mut chance = chance("disk");
    for point in 0..points() {
        let ids = kind.fill(point);
        let journal = kind.world.path(&format!("{point}.jsonl"));
        let blocks = 1 + chance.next_u32() % 24;
        let mut command = kind.command_on_a_full_disk(&journal, blocks);
        let known = if chance.next_u32().is_multiple_of(2) {
            run_until(&mut command, &journal, 3, Duration::ZERO);
            Known::Nowhere
        } else {
            let ended = World::end(&mut command);
            kind.assert_deletions_told(&ended.result, &journal);
            // Where not even its first line has room, nothing was sent.
            Known::Told(ended.result["accounting"]["replayed"].as_u64().unwrap_or_default())
        };
        kind.take_up(&journal, &ids, known);
    }
}
