//! However jobs are copied under other ids, and however little lines tell of them, a run that had more messages than it accounts for
//! is never green; and where nothing is copied and no other sender is there, it is, also where the log stores lines twice.
#![allow(clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::time::Duration;

use contract::{Outcome, OutcomeLine};
use proptest::prelude::*;
use verifier_core::account::{Account, Invocation, InvocationEnd, QueueCounts, Terms};
use verifier_core::check::rules::job_success;
use verifier_core::check::{
    Exchange, JobEvidence, Known, LogEvidence, LoggedOutcome, RunId, Unknown, Verdict, observed,
    unknown_work,
};
use verifier_model::time::Timestamp;

const START: u64 = 2_000_000_000;

/// A job, and what becomes of it beside being done once.
#[derive(Clone, Debug)]
struct Drawn {
    /// In which submission it is: one each minute.
    round: u64,
    /// How many invocations there are between its own and the first of its submission.
    place: u64,
    /// How many invocations behind its own a copy of it is handed to the worker; in the same one where that is 0.
    copied: Option<u64>,
    /// Whether the worker sends itself further work when it is done.
    follows: bool,
    /// Whether the log stores its line twice.
    is_doubled: bool,
}

/// What lines tell.
#[derive(Clone, Copy, Debug)]
struct Lines {
    /// The message and its receive count.
    message: bool,
    /// What stands in for the id of a job that has none; each copy has an id of its own where that is `None`.
    placeholder: Option<&'static str>,
    /// Whether Lambda's reports are seen.
    is_reported: bool,
}

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let copied = prop_oneof![3 => Just(None), 1 => (0_u64..4).prop_map(Some)];
    let one = (0_u64..3, 0_u64..4, copied, prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    let one = one.prop_map(|(round, place, copied, follows, is_doubled)| Drawn {
        round,
        place,
        copied,
        follows,
        is_doubled,
    });
    prop::collection::vec(one, 1..8)
}

fn lines() -> impl Strategy<Value = Lines> {
    let placeholder = prop_oneof![Just(None), Just(Some("None")), Just(Some("-")), Just(Some(""))];
    (any::<bool>(), placeholder, any::<bool>())
        .prop_map(|(message, placeholder, is_reported)| Lines { message, placeholder, is_reported })
}

fn run_id() -> RunId {
    RunId::new(Timestamp::from_millis(START), 7)
}

/// When an invocation began: those of one submission are a tenth of a second apart.
fn begun_at(round: u64, place: u64) -> Timestamp {
    Timestamp::from_millis(START + round * 60_000 + 1_000 + place * 100)
}

/// The verdict on the jobs, and whether any was copied.
fn evaluate(drawn: &[Drawn], lines: Lines) -> (Verdict, bool) {
    let line = |job_id: &str, message_id: &str, round: u64, place: u64| LoggedOutcome {
        at: begun_at(round, place) + Duration::from_millis(10),
        line: OutcomeLine {
            run_id: None,
            job_id: Some(job_id.to_owned()),
            message_id: if lines.message { message_id.to_owned() } else { String::new() },
            receive_count: u32::from(lines.message),
            outcome: Outcome::Succeeded,
            reason: None,
            request_id: format!("q-{round}-{place}"),
            batch_size: 0,
        },
        is_placed: false,
    };
    let mut all = Vec::new();
    let mut places = BTreeSet::new();
    let mut jobs = Vec::new();
    for (number, each) in drawn.iter().enumerate() {
        let Drawn { round, place, copied, follows, is_doubled } = *each;
        let job_id = format!("{}-good-{number}", run_id());
        let own = line(&job_id, &format!("m-{number}"), round, place);
        let attempts = vec![own.clone(); 1 + usize::from(is_doubled && lines.message)];
        all.extend(attempts.clone());
        places.insert((round, place));
        if let Some(later) = copied {
            let name = format!("copy-{number}");
            let name = lines.placeholder.unwrap_or(&name);
            all.push(line(name, &format!("x-{number}"), round, place + later));
            places.insert((round, place + later));
        }
        if follows {
            let name = format!("follows-{job_id}");
            all.push(line(&name, &format!("f-{number}"), round, place + 10));
            places.insert((round, place + 10));
        }
        jobs.push(JobEvidence {
            job_id,
            body: String::new(),
            fails: false,
            submitted_at: Timestamp::from_millis(START + round * 60_000),
            exchange: Exchange {
                method: "POST",
                url: String::new(),
                latency: Duration::ZERO,
                answer: Err("not looked at".to_owned()),
                is_unsent: false,
            },
            message_id: Some(format!("m-{number}")),
            requests: 1,
            unavailable: 0,
            errors: 0,
            attempts,
        });
    }
    let invocations = places.into_iter().filter(|_| lines.is_reported);
    let invocations: Vec<Invocation> = invocations
        .map(|(round, place)| Invocation {
            request_id: format!("q-{round}-{place}"),
            ended_at: begun_at(round, place) + Duration::from_millis(20),
            duration: Duration::from_millis(20),
            end: InvocationEnd::Success,
        })
        .collect();
    let terms = Terms {
        max_receive_count: 3,
        visibility_timeout: Duration::from_mins(1),
        delay: Duration::ZERO,
        batch_size: 10,
    };
    let none = Some(QueueCounts::default());
    let mut account = Account::of(&observed(terms, &jobs, &[], &invocations, (none, none)));
    let own: BTreeSet<&str> = (jobs.iter())
        .flat_map(|job| [Some(job.job_id.as_str()), job.message_id.as_deref()])
        .flatten()
        .collect();
    let waiting = (0, Timestamp::from_millis(START));
    let known =
        Known { run_id: run_id(), jobs: &jobs, own, terms, invocations: &invocations, waiting };
    let unknown = Unknown::of(&all, &known);
    let until = Timestamp::from_millis(START + 300_000);
    account.unknown = unknown_work(&jobs, &unknown, Duration::from_secs(12), &[], until);
    let log = LogEvidence { latest: Some(until), ..LogEvidence::default() };
    let verdict = job_success::evaluate(&account, &log, &[]).verdict;
    (verdict, drawn.iter().any(|each| each.copied.is_some()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn copies_under_other_ids_are_never_green_and_nothing_else_is_doubted(drawn in drawn(), lines in lines()) {
        let (verdict, is_copied) = evaluate(&drawn, lines);
        prop_assert!(!is_copied || verdict != Verdict::Pass, "copies, and {verdict:?}");
        // Without a failing job to compare with, how often the worker writes a line is open.
        let is_doubled = lines.message && drawn.iter().any(|each| each.is_doubled);
        prop_assert!(is_copied || is_doubled || verdict == Verdict::Pass, "nothing is wrong, and {verdict:?}");
        prop_assert!(verdict != Verdict::Fail, "nothing is certain, and it fails");
    }
}
