//! Exploring a stack with a wrong part, and shrinking what is found.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod chaos_support;

use chaos_support::history_of;
use verifier_chaos::{
    Anomaly, AnomalySet, History, Parts, Record, ReferenceRedriver, ReferenceRules,
    ReferenceSubmit, ReferenceWorker, Schedule, ScheduleError, Step, Work, Worker, evaluate,
    explore, shrink, simulate,
};

/// A worker that does not report failures of batches of two or more: the mapping deletes them.
struct ForgetfulWorker;

impl Worker for ForgetfulWorker {
    fn work(&mut self, records: &[Record<'_>], request_id: &str) -> Work {
        let work = ReferenceWorker.work(records, request_id);
        if records.len() > 1 { Work { response: Ok(Vec::new()), ..work } } else { work }
    }
}

fn forgetful(schedule: &Schedule) -> Result<History, ScheduleError> {
    let mut parts = Parts {
        submit: &mut ReferenceSubmit,
        worker: &mut ForgetfulWorker,
        rules: &mut ReferenceRules,
        redriver: &mut ReferenceRedriver,
    };
    simulate(schedule, &mut parts)
}

#[test]
fn a_failure_is_found_and_shrunk_to_what_it_needs() {
    let exploration = explore(0, 1_000, &mut forgetful).unwrap();
    let failure = exploration.failure.unwrap();
    let shrunk = failure.shrunk.unwrap();
    // A batch of two, of which one fails.
    assert_eq!(shrunk.schedule.job_count(), 2, "{:?}", shrunk.schedule);
    assert!(shrunk.schedule.faults.is_empty());
    assert!(shrunk.report.violations().is_subset(failure.violations));
    assert_eq!(evaluate(&forgetful(&shrunk.schedule).unwrap()), shrunk.report);
    assert_eq!(shrunk.schedule.check(), Ok(()));
    // The undo, the seed and the stack are those of the failure.
    let kept = Schedule {
        steps: failure.schedule.steps.clone(),
        faults: failure.schedule.faults.clone(),
        changes: failure.schedule.changes.clone(),
        ..shrunk.schedule.clone()
    };
    assert_eq!(kept, failure.schedule);
    let same_seed = explore(failure.schedule.seed, 1, &mut forgetful).unwrap();
    assert_eq!(same_seed.failure.unwrap().schedule, failure.schedule);
}

#[test]
fn a_fault_that_a_failure_needs_is_kept() {
    let schedule = chaos_support::schedule(
        r#"{"steps":[
          {"submit":{"name":"a","atMilliseconds":0,"job":"good"}},
          {"submit":{"name":"b","atMilliseconds":0,"job":"poison"}},
          {"redrive":{"atMilliseconds":300000,"by":"client"}}],
          "faults":[
            {"fault":{"kind":"latency","milliseconds":5}},
            {"contains":"\"a\"","fault":{"kind":"early-move"},"probability":0.99,"from_milliseconds":1},
            {"fault":{"kind":"log-lost"}}],
          "undoAtMilliseconds":400000}"#,
    );
    // An experiment that allows less than the fault does.
    let run = &mut |schedule: &Schedule| {
        let mut history = history_of(schedule);
        history.lines.retain(|line| !matches!(line.event, verifier_chaos::Event::Fault { .. }));
        Ok::<_, ScheduleError>(history)
    };
    let violations = evaluate(&run(&schedule).unwrap()).violations();
    assert_eq!(violations, AnomalySet::of(&[Anomaly::PrematureDlq, Anomaly::InnocentDlq]));
    let shrunk = shrink(&schedule, violations, run).unwrap().unwrap();
    assert_eq!(shrunk.schedule.operations(), 2, "{:?}", shrunk.schedule);
    let rule = &shrunk.schedule.faults[0];
    assert_eq!(rule.fault.kind(), "early-move");
    assert_eq!((rule.probability, rule.from_milliseconds), (1.0, None));
    assert_eq!(shrunk.schedule.steps[0].name(), Some("a"));
}

#[test]
fn a_failure_that_does_not_happen_again_is_reported_unshrunk() {
    let mut runs = 0;
    let run = &mut |schedule: &Schedule| {
        runs += 1;
        if runs == 1 { forgetful(schedule) } else { Ok(history_of(schedule)) }
    };
    let seed = explore(0, 1_000, &mut forgetful).unwrap().failure.unwrap().schedule.seed;
    let failure = explore(seed, 1, run).unwrap().failure.unwrap();
    assert_eq!(failure.shrunk, None);
    assert!(!failure.violations.is_empty());
    assert_eq!(runs, 2);
}

#[test]
fn a_schedule_that_cannot_be_run_ends_the_exploration() {
    let run = &mut |_: &Schedule| Err::<History, _>(ScheduleError::Undo(0));
    assert_eq!(explore(0, 10, run), Err(ScheduleError::Undo(0)));
    let two_of_a_name = Schedule {
        steps: vec![
            Step::Submit {
                name: "a".to_owned(),
                at_milliseconds: 0,
                job: verifier_chaos::JobKind::Good,
                times: 1,
            };
            2
        ],
        ..Schedule::default()
    };
    assert!(matches!(forgetful(&two_of_a_name), Err(ScheduleError::Step { number: 2, .. })));
}
