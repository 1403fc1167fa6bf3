//! What holds for every schedule on a sound stack.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod chaos_support;

use std::collections::BTreeSet;

use chaos_support::{calm_schedules, history_of, schedules, text_of};
use proptest::prelude::*;
use verifier_chaos::{
    Anomaly, Event, Exploration, History, Operation, Schedule, ScheduleError, Verdict, evaluate,
    explore, fault_operations,
};

#[test]
fn a_sound_stack_has_no_anomaly_beyond_what_its_faults_allow() {
    let run = &mut |schedule: &Schedule| Ok::<_, ScheduleError>(history_of(schedule));
    let Exploration { schedules, unknown, failure, coverage } = explore(0, 2_000, run).unwrap();
    let failure = failure.map(|failure| (failure.violations, failure.shrunk));
    assert_eq!((schedules, unknown, failure), (2_000, 0, None));
    // Every fault struck at every operation that random schedules name.
    let struck: BTreeSet<(&str, &str)> =
        coverage.keys().map(|(kind, operation)| (*kind, operation.as_str())).collect();
    let missed: Vec<_> =
        fault_operations().into_iter().filter(|pair| !struck.contains(pair)).collect();
    assert_eq!(missed, []);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let mut histories = BTreeSet::new();
    for seed in 0..1_000 {
        let [first, second] = [0, 1].map(|_| text_of(&history_of(&Schedule::generate(seed))));
        assert_eq!(first, second, "seed {seed}");
        histories.insert(first);
    }
    assert_eq!(histories.len(), 1_000);
}

/// Which jobs were accepted, and which were done or are in the dead-letter queue.
fn accepted_and_settled(history: &History) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let mut submits = Vec::new();
    let (mut accepted, mut settled) = (BTreeSet::new(), BTreeSet::new());
    for line in &history.lines {
        match &line.event {
            Event::Invoke { op, operation: Operation::Submit { job, .. } } => {
                submits.push((*op, job.as_str()));
            }
            Event::Ok { op, .. } => {
                accepted
                    .extend(submits.iter().find(|(submit, _)| submit == op).map(|(_, job)| *job));
            }
            Event::Effect { job, .. } | Event::DeadLettered { job, .. } => {
                settled.insert(job.as_str());
            }
            _ => {}
        }
    }
    (accepted, settled)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn without_faults_there_is_no_anomaly_at_all(schedule in calm_schedules()) {
        let history = history_of(&schedule);
        let report = evaluate(&history);
        prop_assert_eq!(&report.findings, &vec![], "{}", text_of(&history));
        prop_assert_eq!(report.verdict, Verdict::True);
        prop_assert!(report.unknown.is_empty());
        let (accepted, settled) = accepted_and_settled(&history);
        prop_assert_eq!(accepted, settled);
    }

    #[test]
    fn what_runs_twice_happens_twice_and_survives_being_written(schedule in schedules()) {
        let history = history_of(&schedule);
        let text = text_of(&history);
        prop_assert_eq!(&text_of(&history_of(&schedule)), &text);
        prop_assert!(history.lines.is_sorted_by_key(|line| line.at));
        let read = History::read(text.as_bytes()).unwrap();
        prop_assert_eq!(evaluate(&read), evaluate(&history));
        prop_assert_eq!(read, history);
    }

    #[test]
    fn faults_excuse_no_more_than_they_allow(schedule in schedules()) {
        let history = history_of(&schedule);
        let report = evaluate(&history);
        prop_assert!(report.violations().is_empty(), "{:?}\n{}", report, text_of(&history));
    }

    #[test]
    fn nothing_is_lost_or_certain_before_the_drain(
        schedule in schedules(),
        end in any::<prop::sample::Index>(),
    ) {
        let mut history = history_of(&schedule);
        history.lines.truncate(end.index(history.lines.len()));
        let report = evaluate(&history);
        prop_assert!(report.verdict != Verdict::True);
        prop_assert!(report.findings.iter().all(|finding| finding.anomaly != Anomaly::Lost));
        prop_assert!(report.unknown.contains(Anomaly::Lost));
    }
}
