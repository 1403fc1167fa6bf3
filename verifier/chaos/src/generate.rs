//! Random schedules: equal seeds give equal ones.
//!
//! Each purpose draws from a stream of its own, so that what one of them draws does not change the others.

use std::ops::RangeInclusive;

use verifier_model::faults::{Caller, Commit, CountBy, CrashPoint, Fault, FaultRule, Nth};

use super::change::{Change, Setting};
use super::schedule::{ExitAt, JobKind, RedriveBy, Schedule, StackTerms, Step};

/// How many steps submit jobs.
const SUBMITTING_STEPS: RangeInclusive<usize> = 1..=8;
/// How many jobs a burst has.
const BURST: RangeInclusive<u32> = 2..=8;
/// The most rules, not counting one for a redrive.
const RULES_MAX: usize = 3;
/// Until when jobs are submitted, in milliseconds.
const LOAD_MILLISECONDS: u64 = 20_000;
/// When redrives begin: some of them before and some after the first dead letters are due.
const REDRIVES_MILLISECONDS: RangeInclusive<u64> = 100_000..=420_000;
/// How long a redrive may well take, in milliseconds.
const REDRIVE_TAKES: u64 = 30_000;
/// When the faults end.
const UNDO_MILLISECONDS: RangeInclusive<u64> = 30_000..=400_000;
/// The slowest job: five of them in a batch are done before the worker's timeout.
const SLOW_MILLISECONDS: RangeInclusive<u64> = 200..=1_500;

/// What a purpose draws from.
fn stream(seed: u64, purpose: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(seed ^ purpose.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

impl Schedule {
    /// The schedule of this seed, for a stack of this project's template.
    pub fn generate(seed: u64) -> Self {
        let (mut times, mut jobs) = (stream(seed, 1), stream(seed, 2));
        let (mut redrives, mut faults) = (stream(seed, 3), stream(seed, 4));
        let count = jobs.usize(SUBMITTING_STEPS);
        let mut repeats = stream(seed, 6);
        let mut steps: Vec<Step> = (0..count)
            .map(|number| submitting_step(number, &mut jobs, &mut times, &mut repeats))
            .collect();
        let rule_count = faults.usize(0..=RULES_MAX);
        let mut rules: Vec<FaultRule> =
            (0..rule_count).map(|_| rule(&SITES, &mut faults)).collect();
        let mut undo_at_milliseconds = times.u64(UNDO_MILLISECONDS);
        if redrives.u8(..100) < 40 {
            let by = if redrives.bool() { RedriveBy::MoveTask } else { RedriveBy::Client };
            let at_milliseconds = redrives.u64(REDRIVES_MILLISECONDS);
            steps.push(Step::Redrive { at_milliseconds, by });
            // Few rules would meet a redrive by chance.
            if faults.u8(..4) > 0 {
                rules.push(rule(&SITES[FIRST_REDRIVING_SITE..], &mut faults));
                undo_at_milliseconds = undo_at_milliseconds.max(at_milliseconds + REDRIVE_TAKES);
            }
        }
        let changes = changes(&mut stream(seed, 5));
        let stack = StackTerms::default();
        Self { seed, stack, steps, faults: rules, changes, undo_at_milliseconds }
    }
}

fn submitting_step(
    number: usize,
    jobs: &mut fastrand::Rng,
    times: &mut fastrand::Rng,
    repeats: &mut fastrand::Rng,
) -> Step {
    let name = format!("j{number}");
    // Half of the jobs come together, so that they share batches.
    let at_milliseconds = if times.bool() { 0 } else { times.u64(0..LOAD_MILLISECONDS) };
    let job = match jobs.u8(..100) {
        0..40 => JobKind::Good,
        40..52 => JobKind::Slow { milliseconds: jobs.u64(SLOW_MILLISECONDS) },
        52..72 => JobKind::Flaky { fails: jobs.u32(1..=3) },
        72..91 => JobKind::Poison,
        // Rarely: a job of a mebibyte takes as long as the rest of twenty schedules.
        95 if jobs.u8(..10) == 0 => JobKind::Oversize,
        91..=95 => JobKind::Malformed,
        96 => JobKind::CutOff,
        97 => JobKind::Garbling,
        98 => JobKind::Exiting { at: ExitAt::Before },
        _ => JobKind::Exiting { at: ExitAt::After },
    };
    if jobs.u8(..100) < 80 {
        let times = if repeats.u8(..100) < REPEATED_PERCENT { repeats.u32(2..=3) } else { 1 };
        return Step::Submit { name, at_milliseconds, job, times };
    }
    let (count, every_milliseconds) = (jobs.u32(BURST), times.u64(0..300));
    Step::Burst { name, at_milliseconds, count, every_milliseconds, job }
}

/// How many single jobs in a hundred are submitted more than once.
const REPEATED_PERCENT: u8 = 5;
/// How many schedules in a hundred change a setting.
const CHANGING_PERCENT: u8 = 15;
/// How long a setting stays changed, in milliseconds.
const CHANGED_MILLISECONDS: RangeInclusive<u64> = 1_000..=180_000;

fn changes(random: &mut fastrand::Rng) -> Vec<Change> {
    if random.u8(..100) >= CHANGING_PERCENT {
        return Vec::new();
    }
    let setting = match Setting::EACH[random.usize(..Setting::EACH.len())] {
        // Larger batches than the template's would not be done before the worker's timeout.
        Setting::BatchSize { .. } => Setting::BatchSize { size: random.u32(1..=4) },
        Setting::WorkerConcurrency { .. } => {
            Setting::WorkerConcurrency { limit: random.u32(0..=1) }
        }
        Setting::BatchingWindow { .. } => Setting::BatchingWindow { seconds: random.u32(0..=10) },
        Setting::MaximumConcurrency { .. } => {
            Setting::MaximumConcurrency { limit: random.u32(2..=4) }
        }
        Setting::VisibilityTimeout { .. } => {
            Setting::VisibilityTimeout { seconds: random.u32(5..=200) }
        }
        Setting::MaxReceiveCount { .. } => Setting::MaxReceiveCount { count: random.u32(1..=6) },
        Setting::WorkerTimeout { .. } => Setting::WorkerTimeout { seconds: random.u32(1..=4) },
        Setting::CompetingReceiver { .. } => {
            Setting::CompetingReceiver { seconds: random.u32(0..=90) }
        }
        other => other,
    };
    let from_milliseconds = if random.bool() { 0 } else { random.u64(0..LOAD_MILLISECONDS * 4) };
    let until_milliseconds = from_milliseconds + random.u64(CHANGED_MILLISECONDS);
    vec![Change { setting, from_milliseconds, until_milliseconds }]
}

/// A place where faults strike: an operation of a stack, and who does it on what.
struct Site {
    operation: &'static str,
    caller: Caller,
    queue: Option<&'static str>,
    function: Option<&'static str>,
    faults: &'static [Make],
}

/// Makes a fault of a kind.
type Make = fn(&mut fastrand::Rng) -> Fault;

/// Which of the sites is the first that redrives come to.
const FIRST_REDRIVING_SITE: usize = 7;

const SITES: [Site; 12] = [
    Site::client("POST /jobs", None, &[error, disconnect, latency]),
    Site {
        caller: Caller::Function,
        ..Site::client("SendMessage", Some("jobs"), &[error, disconnect, latency, delayed_delivery])
    },
    Site {
        caller: Caller::Mapping,
        ..Site::client(
            "ReceiveMessage",
            Some("jobs"),
            &[
                empty_receive,
                |_| Fault::Reorder,
                |_| Fault::DuplicateDelivery,
                visibility_expires,
                |random| Fault::ReceiveCountDrift { by: random.u32(1..=2) },
                |_| Fault::EarlyMove,
                |_| Fault::LateMove,
                clock_skew,
            ],
        )
    },
    Site {
        caller: Caller::Mapping,
        ..Site::client("DeleteMessage", Some("jobs"), &[|_| Fault::DeleteLost])
    },
    Site { caller: Caller::Mapping, ..Site::function("worker") },
    Site::function("submit-job"),
    Site {
        operation: "PutLogEvents",
        caller: Caller::Function,
        queue: None,
        function: Some("worker"),
        faults: &[
            |random| Fault::LogLate { milliseconds: random.u64(1_000..200_000) },
            |_| Fault::LogLost,
            |_| Fault::LogDoubled,
            |random| Fault::LogTruncated { bytes: random.usize(0..300) },
            clock_skew,
        ],
    },
    Site::client(
        "GetQueueAttributes",
        Some("dlq"),
        &[error, disconnect, latency, |random| Fault::StaleCounts {
            milliseconds: random.u64(1_000..60_000),
        }],
    ),
    Site::client(
        "ReceiveMessage",
        Some("dlq"),
        &[
            error,
            disconnect,
            latency,
            empty_receive,
            |_| Fault::Reorder,
            |_| Fault::DuplicateDelivery,
            visibility_expires,
            clock_skew,
        ],
    ),
    Site::client(
        "SendMessageBatch",
        Some("jobs"),
        &[error, disconnect, latency, fail_entry, delayed_delivery],
    ),
    Site::client(
        "DeleteMessageBatch",
        Some("dlq"),
        &[error, disconnect, latency, fail_entry, |_| Fault::DeleteLost],
    ),
    Site::client("StartMessageMoveTask", Some("dlq"), &[error, disconnect, latency]),
];

impl Site {
    const fn client(
        operation: &'static str,
        queue: Option<&'static str>,
        faults: &'static [Make],
    ) -> Self {
        Self { operation, caller: Caller::Client, queue, function: None, faults }
    }

    const fn function(function: &'static str) -> Self {
        Self {
            operation: "Invoke",
            caller: Caller::Client,
            queue: None,
            function: Some(function),
            faults: &[
                |_| Fault::Throttle,
                |_| Fault::Crash { at: CrashPoint::BeforeEffect },
                |_| Fault::Crash { at: CrashPoint::AfterEffect },
                |_| Fault::Crash { at: CrashPoint::AfterResponse },
                |random| Fault::Freeze { milliseconds: random.u64(100..20_000) },
                |random| Fault::ColdStart { milliseconds: random.u64(100..90_000) },
                answer,
            ],
        }
    }
}

/// A rule with a fault at one of the places where it can strike.
fn rule(sites: &[Site], random: &mut fastrand::Rng) -> FaultRule {
    let site = &sites[random.usize(..sites.len())];
    let fault = site.faults[random.usize(..site.faults.len())](random);
    let mut rule = FaultRule::always(fault);
    rule.operation = Some(site.operation.to_owned());
    rule.caller = Some(site.caller);
    rule.queue = site.queue.map(str::to_owned);
    rule.function = site.function.map(str::to_owned);
    // What puts a message back at once would be asked for it again and again.
    let only_once = matches!(rule.fault, Fault::DuplicateDelivery | Fault::Reorder);
    match random.u8(..100) {
        0..50 => rule.nth = Some(Nth::Only(random.u64(1..=4))),
        _ if only_once => rule.nth = Some(Nth::Only(1)),
        50..70 => {
            let from = random.u64(1..=3);
            rule.nth =
                Some(Nth::Range { from, to: random.bool().then(|| from + random.u64(0..3)) });
        }
        70..90 => rule.probability = f64::from(random.u8(1..=9)) / 10.0,
        _ => {}
    }
    if rule.nth.is_some() && site.queue.is_some() && random.u8(..100) < 20 {
        rule.count_by = CountBy::Message;
    }
    if random.u8(..100) < 30 {
        let from = random.u64(0..200_000);
        rule.from_milliseconds = Some(from);
        rule.until_milliseconds = Some(from + random.u64(1_000..200_000));
    }
    rule
}

fn commit(random: &mut fastrand::Rng) -> Commit {
    if random.bool() { Commit::Before } else { Commit::After }
}

fn error(random: &mut fastrand::Rng) -> Fault {
    let (status, code) = [
        (400, "InvalidParameterValue"),
        (403, "AccessDenied"),
        (429, "RequestThrottled"),
        (500, "InternalFailure"),
        (503, "ServiceUnavailable"),
    ][random.usize(..5)];
    Fault::Error { status, code: code.to_owned(), message: String::new(), commit: commit(random) }
}

fn disconnect(random: &mut fastrand::Rng) -> Fault {
    Fault::Disconnect { commit: commit(random) }
}

fn latency(random: &mut fastrand::Rng) -> Fault {
    Fault::Latency { milliseconds: [50, 2_000, 5_000, 40_000][random.usize(..4)] }
}

fn delayed_delivery(random: &mut fastrand::Rng) -> Fault {
    Fault::DelayedDelivery { milliseconds: random.u64(1_000..300_000) }
}

fn empty_receive(random: &mut fastrand::Rng) -> Fault {
    Fault::EmptyReceive { milliseconds: random.u64(1_000..100_000) }
}

fn visibility_expires(random: &mut fastrand::Rng) -> Fault {
    Fault::VisibilityExpires { milliseconds: random.u64(0..20_000) }
}

fn clock_skew(random: &mut fastrand::Rng) -> Fault {
    Fault::ClockSkew { milliseconds: random.i64(-600_000..600_000) }
}

fn fail_entry(random: &mut fastrand::Rng) -> Fault {
    Fault::FailEntry {
        code: "InternalError".to_owned(),
        commit: commit(random),
        sender_fault: false,
    }
}

fn answer(random: &mut fastrand::Rng) -> Fault {
    let payloads = [
        "",
        "null",
        "oops",
        r#"{"batchItemFailures":[]}"#,
        r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
    ];
    Fault::Answer { payload: payloads[random.usize(..payloads.len())].to_owned() }
}

/// Every kind of fault with every operation at which random schedules let it strike, and every kind of setting that they
/// change with the operation that changes it.
pub fn fault_operations() -> Vec<(&'static str, &'static str)> {
    let mut random = fastrand::Rng::with_seed(0);
    let at_site = |site: &Site| -> Vec<(&'static str, &'static str)> {
        site.faults.iter().map(|make| (make(&mut random).kind(), site.operation)).collect()
    };
    let changes = Setting::EACH.iter().map(|setting| (setting.kind(), setting.operation()));
    let mut pairs: Vec<_> = SITES.iter().flat_map(at_site).chain(changes).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_schedules_can_be_run_and_depend_on_nothing_but_their_seed() {
        let mut different = 0;
        for seed in 0..2_000 {
            let schedule = Schedule::generate(seed);
            assert_eq!(schedule.check(), Ok(()), "{schedule:?}");
            assert_eq!(Schedule::generate(seed), schedule);
            let text = serde_json::to_vec(&schedule).unwrap();
            assert_eq!(Schedule::parse(&text).unwrap(), schedule);
            different += u64::from(Schedule::generate(seed + 1).steps != schedule.steps);
        }
        assert!(different > 1_900, "{different}");
    }

    #[test]
    fn redrives_come_to_the_last_sites() {
        // Only who redrives works on queues as a client.
        let redriving = |site: &Site| site.caller == Caller::Client && site.queue.is_some();
        assert_eq!(SITES.iter().position(redriving), Some(FIRST_REDRIVING_SITE));
        assert!(SITES[FIRST_REDRIVING_SITE..].iter().all(redriving));
    }

    #[test]
    fn every_kind_of_fault_has_a_place_to_strike() {
        let kinds: std::collections::BTreeSet<&str> =
            fault_operations().into_iter().map(|(kind, _)| kind).collect();
        assert!(Fault::KINDS.iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
        assert_eq!(kinds.len(), Fault::KINDS.len() + Setting::EACH.len(), "{kinds:?}");
    }
}
