//! Whatever a worker does to the messages that it is handed, the account is never green when one of them ended elsewhere than
//! it belongs, and never red when all of them ended where they do.
//!
//! Workers are drawn from what a worker can do to a message: log it or not, truly or not, report it or not, end the
//! invocation with an error, copy it. The queue and the mapping around them are as small as they can be.
#![allow(clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::Outcome;
use proptest::prelude::*;
use verifier_core::account::{
    Account, Expectation, Found, Invocation, InvocationEnd, Line, Observed, QueueCounts, Submitted,
    Terms,
};
use verifier_core::check::rules::{dlq_attempts, job_isolation, job_success};
use verifier_core::check::{LogEvidence, Verdict};
use verifier_model::time::Timestamp;

const START: u64 = 1_000_000;
const TIMEOUT_SECONDS: u64 = 60;
const RECEIVES: u32 = 3;

/// What a worker does to one message that it is handed.
#[derive(Clone, Copy, Debug)]
struct Deed {
    /// What it logs; nothing, or an outcome that may be a lie.
    logs: Option<Outcome>,
    /// Whether it reports the message as failed.
    reports_failure: bool,
    /// Whether it sends a copy to the dead-letter queue.
    copies: bool,
}

/// A worker: what it does to good and to failing messages, at each receive, and whether it ends with an error when a failing
/// message is in its batch.
#[derive(Clone, Debug)]
struct Worker {
    good: [Deed; RECEIVES as usize],
    failing: [Deed; RECEIVES as usize],
    throws: bool,
    /// Whether Lambda's reports of invocations are seen.
    is_reported: bool,
}

struct Message {
    id: String,
    fails: bool,
    submitted_at: u64,
    receives: u32,
    is_gone: bool,
    is_dead: bool,
    copies: u32,
    lines: Vec<Line>,
}

/// What became of everything, and what was seen of it.
struct World {
    messages: Vec<Message>,
    invocations: Vec<Invocation>,
}

fn deed(sound: Deed) -> impl Strategy<Value = Deed> {
    let any = (
        prop_oneof![Just(None), Just(Some(Outcome::Succeeded)), Just(Some(Outcome::Failed))],
        any::<bool>(),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(logs, reports_failure, copies)| Deed { logs, reports_failure, copies });
    prop_oneof![4 => Just(sound), 1 => any]
}

const DOES: Deed = Deed { logs: Some(Outcome::Succeeded), reports_failure: false, copies: false };
const FAILS: Deed = Deed { logs: Some(Outcome::Failed), reports_failure: true, copies: false };

fn worker() -> impl Strategy<Value = Worker> {
    let deeds = |sound| [deed(sound), deed(sound), deed(sound)];
    (deeds(DOES), deeds(FAILS), prop::bool::weighted(0.2), any::<bool>()).prop_map(
        |(good, failing, throws, is_reported)| Worker { good, failing, throws, is_reported },
    )
}

/// Good jobs beside the failing one, each with the round in which it is submitted and whether it is handed over with it.
fn jobs() -> impl Strategy<Value = Vec<(u32, bool)>> {
    prop::collection::vec((0..RECEIVES, any::<bool>()), 1..5)
}

impl World {
    fn run(worker: &Worker, jobs: &[(u32, bool)]) -> Self {
        let message = |number: usize, round: u32, fails| Message {
            id: format!("m-{number}"),
            fails,
            submitted_at: START + u64::from(round) * TIMEOUT_SECONDS * 1000,
            receives: 0,
            is_gone: false,
            is_dead: false,
            copies: 0,
            lines: Vec::new(),
        };
        let mut messages = vec![message(0, 0, true)];
        messages
            .extend(jobs.iter().enumerate().map(|(at, (round, _))| message(at + 1, *round, false)));
        let mut world = Self { messages, invocations: Vec::new() };
        for round in 0..=RECEIVES * 2 {
            let together = |at: usize| at == 0 || jobs[at - 1].1;
            let due: Vec<usize> = (0..world.messages.len())
                .filter(|at| at.checked_sub(1).is_none_or(|job| jobs[job].0 <= round))
                .filter(|at| !world.messages[*at].is_gone && !world.messages[*at].is_dead)
                .collect();
            let (batch, apart): (Vec<usize>, Vec<usize>) =
                due.into_iter().partition(|at| together(*at));
            world.deliver(worker, round, &batch);
            for at in apart {
                world.deliver(worker, round, &[at]);
            }
        }
        world
    }

    fn deliver(&mut self, worker: &Worker, round: u32, batch: &[usize]) {
        let mut handed = Vec::new();
        for at in batch {
            let message = &mut self.messages[*at];
            if message.receives == RECEIVES {
                message.is_dead = true;
            } else {
                message.receives += 1;
                handed.push(*at);
            }
        }
        if handed.is_empty() {
            return;
        }
        let request = format!("r-{}", self.invocations.len());
        let at = Timestamp::from_millis(START + u64::from(round) * TIMEOUT_SECONDS * 1000 + 10);
        let fails = worker.throws && handed.iter().any(|at| self.messages[*at].fails);
        for at_message in &handed {
            let message = &mut self.messages[*at_message];
            let receive = message.receives as usize - 1;
            let deed = if message.fails { worker.failing[receive] } else { worker.good[receive] };
            message.copies += u32::from(deed.copies);
            if let Some(outcome) = deed.logs {
                message.lines.push(Line {
                    at,
                    message_id: Some(message.id.clone()),
                    receive_count: Some(message.receives),
                    outcome,
                    reason: None,
                    request_id: Some(request.clone()),
                    batch_size: u32::try_from(handed.len()).ok(),
                    is_placed: false,
                });
            }
            message.is_gone = !fails && !deed.reports_failure;
        }
        let end = if fails { InvocationEnd::Error } else { InvocationEnd::Success };
        let duration = Duration::from_millis(5);
        self.invocations.push(Invocation { request_id: request, ended_at: at, duration, end });
    }

    fn observed(&self, worker: &Worker) -> Observed {
        let jobs = self.messages.iter().map(|message| {
            let found = |id: String| Found {
                message_id: id,
                seen_at: Timestamp::from_millis(START + 400_000),
            };
            let own = message.is_dead.then(|| found(message.id.clone()));
            let copies =
                (0..message.copies).map(|copy| found(format!("copy-{copy}-of-{}", message.id)));
            Submitted {
                job_id: format!("job of {}", message.id),
                expectation: if message.fails { Expectation::Fails } else { Expectation::Succeeds },
                message_id: Some(message.id.clone()),
                submitted_at: Timestamp::from_millis(message.submitted_at),
                requests: 1,
                lines: message.lines.clone(),
                found: own.into_iter().chain(copies).collect(),
            }
        });
        let none = Some(QueueCounts::default());
        Observed {
            terms: Terms {
                max_receive_count: RECEIVES,
                visibility_timeout: Duration::from_secs(TIMEOUT_SECONDS),
                delay: Duration::ZERO,
                batch_size: 10,
            },
            jobs: jobs.collect(),
            invocations: if worker.is_reported { self.invocations.clone() } else { Vec::new() },
            before: none,
            after: none,
            counted: Vec::new(),
            strays: 0,
            reads_others: false,
        }
    }

    /// Whether each message ended where it belongs, and no other holds its job.
    fn is_right(&self) -> bool {
        self.messages.iter().all(|message| message.is_dead == message.fails && message.copies == 0)
    }

    /// Whether besides that each good job was received once, and the worker told the truth of every receive.
    fn is_sound(&self) -> bool {
        self.is_right()
            && self.messages.iter().all(|message| {
                let wanted = if message.fails { Outcome::Failed } else { Outcome::Succeeded };
                let receives = if message.fails { RECEIVES } else { 1 };
                message.receives == receives
                    && message.lines.len() == receives as usize
                    && message.lines.iter().all(|line| line.outcome == wanted)
            })
    }
}

fn verdicts(observed: &Observed) -> BTreeMap<&'static str, Verdict> {
    let account = Account::of(observed);
    let latest = Some(Timestamp::from_millis(START + 500_000));
    let log = LogEvidence { latest, ..LogEvidence::default() };
    BTreeMap::from([
        ("job.success", job_success::evaluate(&account, &log, &[]).verdict),
        (
            "job.isolation",
            job_isolation::evaluate(&account, &log, None, Duration::ZERO, &[], false).verdict,
        ),
        ("dlq.attempts", dlq_attempts::evaluate(&account, &log).verdict),
    ])
}

/// As many as `PROPTEST_CASES` says, and more than usual without it: workers are many.
fn cases() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases.max(4096), failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn no_worker_gets_a_green_account_for_messages_that_ended_elsewhere(worker in worker(), jobs in jobs()) {
        let world = World::run(&worker, &jobs);
        let verdicts = verdicts(&world.observed(&worker));
        let is_green = verdicts.values().all(|verdict| matches!(verdict, Verdict::Pass | Verdict::NotRun));
        let is_red = verdicts.values().any(|verdict| *verdict == Verdict::Fail);
        let lost = world.messages.iter().any(|message| !message.fails && (message.is_dead || message.copies > 0));
        // That the failing job is in the dead-letter queue is for `dlq.arrival`.
        prop_assert!(!lost || is_red, "a good job ended elsewhere: {verdicts:?}");
        // What a worker does in silence, in an invocation that succeeds, nothing reports.
        let is_again = |line: &Line| line.receive_count.is_some_and(|count| count > 1);
        let again = world.messages.iter().any(|message| !message.fails && message.lines.iter().any(is_again));
        prop_assert!(!again || !is_green, "a good job was received again: {verdicts:?}");
        prop_assert!(!world.is_sound() || worker.throws || is_green, "all is as it should be: {verdicts:?}");
    }

    #[test]
    fn lines_that_come_late_or_under_another_time_convict_no_sound_worker(jobs in jobs(), seed in any::<u64>(), rate in 1_u8..10, of_reports in any::<bool>()) {
        let worker = Worker { good: [DOES; 3], failing: [FAILS; 3], throws: false, is_reported: true };
        let mut observed = World::run(&worker, &jobs).observed(&worker);
        let mut random = fastrand::Rng::with_seed(seed);
        let mut strikes = || random.u8(..10) < rate;
        let early = |at: Timestamp| at - Duration::from_mins(5);
        let is_late = seed % 2 == 0;
        for job in &mut observed.jobs {
            if is_late {
                job.lines.retain(|_| !strikes());
            } else {
                job.lines.iter_mut().filter(|_| strikes()).for_each(|line| line.at = early(line.at));
            }
        }
        // Of an invocation of which nothing at all is there, nothing tells that anything is missing.
        let lines = observed.jobs.iter().flat_map(|job| &job.lines);
        let written: BTreeSet<String> = lines.filter_map(|line| line.request_id.clone()).collect();
        if of_reports && is_late {
            observed.invocations.retain(|each| !written.contains(&each.request_id) || !strikes());
        } else if of_reports {
            observed.invocations.iter_mut().filter(|_| strikes()).for_each(|each| each.ended_at = early(each.ended_at));
        }
        let verdicts = verdicts(&observed);
        let is_red = |verdict: &Verdict| matches!(verdict, Verdict::Fail | Verdict::Warn);
        prop_assert!(!verdicts.values().any(is_red), "all is as it should be: {verdicts:?}");
    }

    #[test]
    fn the_order_of_what_was_observed_does_not_matter(worker in worker(), jobs in jobs(), seed in any::<u64>()) {
        let observed = World::run(&worker, &jobs).observed(&worker);
        let mut shuffled = observed.clone();
        let mut random = fastrand::Rng::with_seed(seed);
        random.shuffle(&mut shuffled.jobs);
        random.shuffle(&mut shuffled.invocations);
        for job in &mut shuffled.jobs {
            random.shuffle(&mut job.lines);
            random.shuffle(&mut job.found);
        }
        prop_assert_eq!(verdicts(&observed), verdicts(&shuffled));
    }
}
