//! Running the rows of the matrix, and printing what comes of them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use super::mutant::Mutant;

/// What is asked for.
#[derive(Default)]
pub(crate) struct Asked {
    /// The names of the rows; all when there is none.
    names: Vec<String>,
    /// Whether those are run, too, that are like others.
    all: bool,
    /// How often rows are run under jitter besides.
    runs: u64,
    /// Where the chance of the jitter begins.
    seed: u64,
}

/// When a row came out wrong.
enum Wrong {
    AsItIs,
    UnderJitter { seed: u64 },
}

/// What came of a row.
struct Outcome {
    /// How often it was run, and how often that came out right.
    runs: u64,
    right: u64,
    /// What was found: where it was wrong, the first that is, with the seed of its jitter.
    exit: i32,
    shown: String,
    wrong: Option<Wrong>,
}

impl Asked {
    pub(crate) fn of_environment() -> Self {
        let text = |name: &str| std::env::var(name).ok();
        let number = |name: &str| text(name).map(|text| text.parse().expect("a number"));
        let names = text("VERIFIER_MATRIX_NAMES").unwrap_or_default();
        Self {
            names: names.lines().map(str::to_owned).filter(|name| !name.is_empty()).collect(),
            all: text("VERIFIER_MATRIX_ALL").is_some(),
            runs: number("VERIFIER_MATRIX_RUNS").unwrap_or_default(),
            seed: number("VERIFIER_MATRIX_SEED").unwrap_or(1),
        }
    }

    fn has(&self, row: &Mutant) -> bool {
        (self.names.is_empty() && (self.all || !row.is_rare))
            || self.names.iter().any(|name| name == row.name)
    }
}

/// Runs rows, several at once, and prints each in their order; says what was wrong.
pub(crate) fn all(rows: &[Mutant], asked: &Asked) -> Vec<String> {
    let rows: Vec<&Mutant> = rows.iter().filter(|row| asked.has(row)).collect();
    let unknown = asked.names.iter().find(|name| rows.iter().all(|row| row.name != **name));
    assert_eq!(unknown, None, "the matrix has no such row");
    if asked.runs > 0 {
        println!("jitter from seed {}, {} runs", asked.seed, asked.runs);
    }
    println!("    {:<52} {:>5} {:>4}  checks that did not pass", "stack", "runs", "exit");
    let printed = Printed::default();
    let next = AtomicUsize::new(0);
    let threads = available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((number, row)) = take(&next, &rows) {
                    printed.add(number, row, evaluate(row, asked));
                }
            });
        }
    });
    let wrong = printed.wrong.into_inner().expect("no thread has panicked");
    let sound = rows.iter().filter(|row| row.is_sound()).count();
    println!(
        "{} stacks: {} broken, {sound} sound; {} as they must be, {} BAD",
        rows.len(),
        rows.len() - sound,
        rows.len() - wrong.len(),
        wrong.len()
    );
    wrong
}

fn take<'a>(next: &AtomicUsize, rows: &[&'a Mutant]) -> Option<(usize, &'a Mutant)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    Some((number, *rows.get(number)?))
}

/// Runs a row once, and under jitter as often as is asked for, until it comes out wrong.
fn evaluate(row: &Mutant, asked: &Asked) -> Outcome {
    let found = row.check(None);
    let is_right = row.is_caught_by(&found);
    let mut outcome = Outcome {
        runs: 1,
        right: u64::from(is_right),
        exit: found.code,
        shown: found.shown(),
        wrong: (!is_right).then_some(Wrong::AsItIs),
    };
    if !row.varies && !row.is_sound() {
        return outcome;
    }
    for seed in asked.seed..asked.seed + asked.runs {
        let found = row.check(Some(seed));
        outcome.runs += 1;
        if row.is_caught_under_jitter_by(&found) {
            outcome.right += 1;
        } else if outcome.wrong.is_none() {
            outcome.wrong = Some(Wrong::UnderJitter { seed });
            (outcome.exit, outcome.shown) = (found.code, found.shown());
        }
    }
    outcome
}

/// Prints rows in their order, whichever is ready first.
#[derive(Default)]
struct Printed {
    /// Lines that wait for those before them, and how many were printed.
    waiting: Mutex<(BTreeMap<usize, String>, usize)>,
    wrong: Mutex<Vec<String>>,
}

impl Printed {
    fn add(&self, number: usize, row: &Mutant, outcome: Outcome) {
        let Outcome { runs, right, exit, shown, wrong } = outcome;
        let mark = if wrong.is_none() { "ok" } else { "BAD" };
        let times = if runs == 1 { "1".to_owned() } else { format!("{right}/{runs}") };
        let line = format!("{mark:<3} {:<52} {times:>5} {exit:>4}  {shown}", row.name);
        if let Some(wrong) = wrong {
            let seed = match wrong {
                Wrong::AsItIs => String::new(),
                Wrong::UnderJitter { seed } => format!(" (jitter of seed {seed})"),
            };
            let expected = &row.expected;
            self.wrong.lock().expect("no thread has panicked").push(format!(
                "{}: exit {exit}, {shown}{seed}; expected exit {}, {}",
                row.name,
                expected.code,
                expected.shown()
            ));
        }
        let mut waiting = self.waiting.lock().expect("no thread has panicked");
        waiting.0.insert(number, line);
        while let Some(line) = {
            let due = waiting.1;
            waiting.0.remove(&due)
        } {
            println!("{line}");
            waiting.1 += 1;
        }
    }
}
