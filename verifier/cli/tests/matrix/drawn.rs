//! Workers that are drawn from what a worker can do to a message, as real processes: a check is never green when a message
//! ended elsewhere than it belongs, and never red when all ended where they do.
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
    is_copied: bool,
    receives: BTreeMap<u32, Receive>,
}

impl Message {
    fn is_dead(&self) -> bool {
        self.receives.get(&RECEIVES).is_some_and(|last| !last.is_done && !last.is_deleted)
    }

    /// Whether it ended where its kind does not.
    fn is_elsewhere(&self) -> bool {
        self.is_dead() != self.fails || self.is_copied
    }

    /// Whether it was received again although nothing but an invocation that broke off failed it.
    fn came_again(&self) -> bool {
        let broke_off = |receive: &Receive| !receive.has_ended && !receive.is_deleted;
        !self.fails && self.receives.len() > 1 && self.receives.values().any(broke_off)
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

/// What is done to a message at a receive: mostly what is right.
fn deed(random: &mut Rng, fails: bool) -> Value {
    let outcome = if fails { "failed" } else { "succeeded" };
    if random.u8(..5) > 0 {
        return json!({"logs": outcome, "reports": fails, "copies": null, "deletes": false, "ends": null});
    }
    let rarely = |random: &mut Rng, what: [&str; 2]| {
        (random.u8(..8) == 0).then(|| what[random.usize(..2)].to_owned())
    };
    let logs = [None, Some("succeeded"), Some("failed")][random.usize(..3)];
    let (copies, ends) = (rarely(random, ["dead", "jobs"]), rarely(random, ["throws", "exits"]));
    json!({"logs": logs, "reports": random.bool(), "copies": copies, "deletes": random.u8(..8) == 0, "ends": ends})
}

fn drawn(seed: u64, truth: &Path) -> (Value, Mutant) {
    let mut random = Rng::with_seed(seed);
    let mut deeds = |fails| (0..RECEIVES).map(|_| deed(&mut random, fails)).collect::<Vec<_>>();
    let (good, failing) = (deeds(false), deeds(true));
    let order = [None, Some("failing-first"), Some("failing-last")][random.usize(..3)];
    let worker = json!({
        "truth": truth, "good": good, "failing": failing, "order": order,
        "isBrief": random.u8(..4) == 0, "isPython": random.bool(),
    });
    let batches = [1, 2, 10][random.usize(..3)];
    let is_text = random.u8(..3) == 0;
    let mutant = Mutant::new("drawn")
        .with_function("worker", "drawn-worker.py", &worker.to_string())
        .with_batches_of(batches);
    let logs_text = |changes: &mut Changes| {
        changes.function("worker")["LoggingConfig"]["LogFormat"] = "Text".into();
    };
    (worker, if is_text { mutant.with_change(logs_text) } else { mutant })
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
    let is_sound = !messages.is_empty() && messages.values().all(Message::is_sound);
    let evaluated = match found.code {
        0 if is_elsewhere => Err("green, though a message ended elsewhere"),
        0 if messages.values().any(Message::came_again) => {
            Err("green, though a good job was received again")
        }
        0 => Ok(Evaluated::Green),
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
