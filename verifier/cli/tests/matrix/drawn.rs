//! Workers that are drawn from what a worker can do to a message, as real processes: a check is never green when a message
//! ended elsewhere than it belongs, and never red when all ended where they do.
//!
//! Besides that it may treat a batch by what else is in it, at one receive alone, remember what it did, write lines that lack
//! ids, are text or come with the next invocation, and send further work with ids of all kinds. Lines may come minutes late, and the stack
//! may have another queue.
//!
//! `verifier-core`'s property draws 4,096 and more against the account alone; here the whole gate runs, with queues, mapping
//! and log between. `VERIFIER_DRAWS` says how many are drawn, and `VERIFIER_DRAWS_SEED` the first seed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;

use fastrand::Rng;
use serde::Deserialize;
use serde_json::{Value, json};
use verifier_testkit::Changes;

use super::mutant::Mutant;

/// How many are drawn where nothing else is asked for.
const DRAWS: u64 = 12;
/// The stack's `maxReceiveCount`.
const RECEIVES: u32 = 3;

/// What a drawn worker says of what it did, a line each.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Truth {
    message: String,
    receive: u32,
    failing: Option<bool>,
    follows: bool,
    logged: Option<String>,
    copied: Option<String>,
    deleted: bool,
    /// Whether it was not reported, in an invocation that ended well.
    done: Option<bool>,
}

/// What really became of a receive.
#[derive(Debug, Default)]
struct Receive {
    logged: Vec<String>,
    is_deleted: bool,
    /// Whether its invocation came to its end.
    has_ended: bool,
    /// Whether besides that it was not reported.
    is_done: bool,
}

/// What really became of a message.
#[derive(Debug, Default)]
struct Message {
    fails: bool,
    /// Whether it is no job of the run: further work that the worker sends itself.
    follows: bool,
    is_copied: bool,
    receives: BTreeMap<u32, Receive>,
}

impl Message {
    fn is_dead(&self) -> bool {
        self.receives.get(&RECEIVES).is_some_and(|last| !last.is_done && !last.is_deleted)
    }

    /// Whether it ended where its kind does not.
    fn is_elsewhere(&self) -> bool {
        !self.follows && (self.is_dead() != self.fails || self.is_copied)
    }

    /// Whether it was received again although nothing but the worker failed it: its invocation broke off, or it was named.
    fn came_again(&self) -> bool {
        let was_failed = |receive: &Receive| !receive.is_done && !receive.is_deleted;
        let earlier = self.receives.values().rev().skip(1);
        !self.fails && !self.follows && earlier.into_iter().any(was_failed)
    }

    /// Whether it ended where it belongs after as many receives as it needs, and the log says just that.
    fn is_sound(&self) -> bool {
        let (receives, outcome) = if self.fails { (RECEIVES, "failed") } else { (1, "succeeded") };
        let is_told = |receive: &Receive| receive.logged == [outcome] && !receive.is_deleted;
        !self.is_elsewhere()
            && self.receives.len() == receives as usize
            && self.receives.values().all(is_told)
    }
}

fn read(truth: &Path) -> BTreeMap<String, Message> {
    let text = std::fs::read_to_string(truth).unwrap_or_default();
    let mut messages: BTreeMap<String, Message> = BTreeMap::new();
    for line in text.lines() {
        let line: Truth = serde_json::from_str(line).expect("a line of the worker's");
        let message = messages.entry(line.message).or_default();
        message.fails |= line.failing == Some(true);
        message.follows |= line.follows;
        message.is_copied |= line.copied.is_some();
        if line.receive > 0 {
            let receive = message.receives.entry(line.receive).or_default();
            receive.logged.extend(line.logged);
            receive.is_deleted |= line.deleted;
            receive.has_ended |= line.done.is_some();
            receive.is_done |= line.done == Some(true);
        }
    }
    messages
}

/// What is done to a message at a receive where all is right.
fn right(fails: bool) -> Value {
    let outcome = if fails { "failed" } else { "succeeded" };
    json!({"logs": outcome, "reports": fails, "copies": null, "deletes": false, "visibleAfter": null, "ends": null})
}

/// What is done to a message at a receive: mostly what is right.
fn deed(random: &mut Rng, fails: bool) -> Value {
    let mut deed = right(fails);
    if random.u8(..5) > 0 {
        return deed;
    }
    let rarely = |random: &mut Rng, what: &[&str]| {
        (random.u8(..8) == 0).then(|| what[random.usize(..what.len())].to_owned())
    };
    deed["logs"] = json!([None, Some("succeeded"), Some("failed")][random.usize(..3)]);
    deed["reports"] = random.bool().into();
    deed["copies"] = json!(rarely(random, &["dead", "jobs", "another"]));
    deed["ends"] = json!(rarely(random, &["throws", "exits"]));
    deed["deletes"] = (random.u8(..8) == 0).into();
    if random.u8(..4) == 0 {
        deed["visibleAfter"] = [0, 5, 90][random.usize(..3)].into();
    }
    deed
}

/// How the ids of further work are made of those of jobs; without one they are of nothing.
const FOLLOWS: [&str; 6] = ["follow-{}", "{}.mail", "{}-2", "{}/mail", "mail:{}:2", "{}_mail"];

/// Fields that lines may lack, together.
const WITHOUT: [&[&str]; 6] = [
    &[],
    &["batchSize"],
    &["batchSize", "receiveCount"],
    &["batchSize", "messageId", "receiveCount"],
    &["batchSize", "requestId"],
    &["batchSize", "messageId", "receiveCount", "requestId"],
];

/// Where lines are text, how they are read.
const TEXT: &str = r"
[outcomes]
pattern = '^job jobId=(?<job_id>\S+)(?: messageId=(?<message_id>\S+))?(?: receiveCount=(?<receive_count>\d+))? outcome=(?<outcome>succeeded|failed)(?: requestId=(?<request_id>\S+))?(?: batchSize=(?<batch_size>\d+))?$'
";

/// What a worker does to a batch where failing jobs are in it, at any receive or at one, or where it is large.
fn to_batches(random: &mut Rng) -> Value {
    let at = (random.u8(..3) > 0).then(|| random.u32(1..=RECEIVES));
    let answers = ["all", "neighbour", "first", "last"][random.usize(..4)];
    let throws = ["one", "two", "many"][random.usize(..3)];
    if random.u8(..3) > 0 {
        json!({"answers": answers, "answersAt": at, "throwsWhere": null})
    } else {
        json!({"answers": null, "answersAt": at, "throwsWhere": throws})
    }
}

/// A worker: to each message it does what is right, or whatever it may; and the same to batches, and to its log.
fn drawn(seed: u64, truth: &Path) -> (Value, Mutant) {
    let mut random = Rng::with_seed(seed);
    let is_right = random.bool();
    let mut deeds = |fails| -> Vec<Value> {
        let one = |_| if is_right { right(fails) } else { deed(&mut random, fails) };
        (0..RECEIVES).map(one).collect()
    };
    let (good, failing) = (deeds(false), deeds(true));
    let order = [None, Some("failing-first"), Some("failing-last")][random.usize(..3)];
    let lines_are_text = random.u8(..4) == 0;
    let mut worker = json!({
        "truth": truth, "good": good, "failing": failing, "order": order,
        "answers": null, "answersAt": null, "throwsWhere": null,
        "without": WITHOUT[random.usize(..WITHOUT.len())], "isText": lines_are_text,
        "remembers": random.u8(..3) == 0, "holdsLines": random.u8(..8) == 0, "isPython": random.bool(),
    });
    if random.u8(..2) == 0 {
        let of_batches = to_batches(&mut random);
        let fields = worker.as_object_mut().expect("an object");
        fields.extend(of_batches.as_object().expect("an object").clone());
    }
    worker["follows"] =
        json!((random.u8(..3) == 0).then(|| FOLLOWS[random.usize(..FOLLOWS.len())]));
    worker["followsAfter"] = [0, 7, 60][random.usize(..3)].into();
    worker["late"] = json!((random.u8(..4) == 0).then(|| [0.1, 0.5][random.usize(..2)]));
    let batches = [1, 2, 5, 10][random.usize(..4)];
    let mut mutant = Mutant::new("drawn")
        .with_function("worker", "drawn-worker.py", &worker.to_string())
        .with_batches_of(batches)
        .with_another_queue();
    if let Some(probability) = worker["late"].as_f64() {
        mutant = mutant.with_fault(json!({"operation": "PutLogEvents", "function": "*Worker*",
            "probability": probability, "fault": {"kind": "log-late", "milliseconds": 240_000}}));
    }
    if lines_are_text {
        mutant = mutant.with_settings(TEXT);
    }
    if random.u8(..3) == 0 {
        mutant = mutant.with_change(|changes: &mut Changes| {
            changes.function("worker")["LoggingConfig"]["LogFormat"] = "Text".into();
        });
    }
    (worker, mutant)
}

/// How a worker was evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Evaluated {
    Green,
    Red,
    Inconclusive,
}

/// How the worker of a seed was evaluated, and whether it is sound; or what is wrong with that.
fn evaluate(seed: u64) -> Result<(Evaluated, bool), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let truth = folder.path().join("truth");
    let (worker, mutant) = drawn(seed, &truth);
    let found = mutant.check(seed.is_multiple_of(2).then_some(seed));
    let messages = read(&truth);
    let is_elsewhere = messages.values().any(Message::is_elsewhere);
    let all_are_right = !messages.is_empty() && messages.values().all(Message::is_sound);
    // Lines that a worker holds back may never come, and late ones after the run.
    let is_told = worker["holdsLines"] == false && worker["late"].is_null();
    let is_sound = is_told && all_are_right;
    let is_hidden = worker["follows"].is_string() && worker["remembers"] == true;
    // What is in another queue may belong there.
    let is_doubted = found.has("job.success", "warn");
    let evaluated = match found.code {
        1 if all_are_right => Err("red, though all ended where they belong"),
        0 if is_elsewhere && !is_doubted => Err("green, though a message ended elsewhere"),
        // What is counted in the queue may be further work, where nothing else tells of what a worker that remembers hides.
        0 if messages.values().any(Message::came_again) && !is_hidden => {
            Err("green, though a good job was received again")
        }
        0 => Ok(Evaluated::Green),
        // Further work that is sent at once may come before the line of its job is written. Then it may as well be a copy that was
        // submitted with the jobs, and that is left open.
        3 if worker["follows"].is_string() && worker["followsAfter"] == 0 => {
            Ok(Evaluated::Inconclusive)
        }
        _ if is_sound => Err("not green, though all ended where they belong"),
        1 => Ok(Evaluated::Red),
        3 => Ok(Evaluated::Inconclusive),
        _ => Err("no verdict"),
    };
    let (code, shown) = (found.code, found.shown());
    evaluated.map(|evaluated| (evaluated, is_sound)).map_err(|what| {
        format!("seed {seed}: {what}: exit {code}, {shown}\n{worker}\n{messages:#?}")
    })
}

#[test]
fn no_worker_is_green_whose_messages_end_elsewhere_nor_red_whose_do_not() {
    let number = |name: &str| {
        std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a whole number"))
    };
    let first = number("VERIFIER_DRAWS_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    let last = first + number("VERIFIER_DRAWS").unwrap_or(DRAWS);
    println!("seeds {first} to {}", last - 1);
    let next = AtomicU64::new(first);
    let (problems, counts) = (Mutex::new(Vec::new()), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last {
                        break;
                    }
                    match evaluate(seed) {
                        Ok(evaluated) => {
                            let mut counts = counts.lock().expect("no thread has panicked");
                            *counts.entry(evaluated).or_insert(0) += 1;
                        }
                        Err(problem) => {
                            problems.lock().expect("no thread has panicked").push(problem);
                        }
                    }
                }
            });
        }
    });
    println!("evaluated, and whether the worker is sound: {counts:?}");
    let problems = problems.into_inner().expect("no thread has panicked");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
