//! Whether a pass was earned: what an experiment set out to do took place.
//!
//! An experiment of which no job was accepted, or whose fault never struck, finds nothing wrong with any stack. So what has to
//! be seen is declared, or follows from what the experiment does; where it was not seen, nothing is concluded.

use std::collections::BTreeSet;

use super::anomaly::AnomalySet;
use super::change::Setting;
use super::checker::ChaosReport;
use super::experiment::Experiment;
use super::history::{Event, History, Operation, Queue};
use super::schedule::{JobKind, Step};

/// What was not seen that has to be, each in a clause; nothing where the result counts.
pub fn missing(experiment: &Experiment, history: &History, report: &ChaosReport) -> Vec<String> {
    let mut missing = Vec::new();
    missing.extend(missing_jobs(experiment, history));
    if experiment.expect.every_fault {
        missing.extend(missing_strikes(experiment, history));
        missing.extend(missing_changes(experiment, history));
        missing.extend(missing_redrive(experiment, history));
    }
    let found: AnomalySet = report.findings.iter().map(|finding| finding.anomaly).collect();
    let not_found = experiment.expect.anomalies.iter().filter(|anomaly| !found.contains(*anomaly));
    missing.extend(not_found.map(|anomaly| format!("{anomaly} was not found, which it is about")));
    missing
}

/// The same of a history alone: what its run had not seen, and whether any job was accepted.
pub fn missing_in(history: &History) -> Vec<String> {
    let mut missing = history.header.not_seen.clone();
    let nothing = NO_JOB.to_owned();
    if accepted(history) == 0 && !missing.contains(&nothing) {
        missing.push(nothing);
    }
    missing
}

const NO_JOB: &str = "no job was accepted";

fn missing_jobs(experiment: &Experiment, history: &History) -> Option<String> {
    let jobs = experiment.load.iter().filter_map(Step::job);
    let least = match experiment.expect.accepted {
        Some(least) => least as usize,
        None => usize::from(jobs.into_iter().any(JobKind::can_be_accepted)),
    };
    let accepted = accepted(history);
    (accepted < least).then(|| match accepted {
        0 => NO_JOB.to_owned(),
        _ => format!("{accepted} jobs were accepted, and {least} have to be"),
    })
}

/// How many submits were accepted.
fn accepted(history: &History) -> usize {
    let (mut submits, mut accepted) = (BTreeSet::new(), 0);
    for line in &history.lines {
        match &line.event {
            Event::Invoke { op, operation: Operation::Submit { .. } } => {
                submits.insert(*op);
            }
            Event::Ok { op, .. } => accepted += usize::from(submits.contains(op)),
            _ => {}
        }
    }
    accepted
}

fn missing_strikes(experiment: &Experiment, history: &History) -> Vec<String> {
    let struck: BTreeSet<u32> = history
        .lines
        .iter()
        .filter_map(|line| match line.event {
            Event::Fault { rule, .. } => Some(rule),
            _ => None,
        })
        .collect();
    let has_struck =
        |index: usize| u32::try_from(index + 1).is_ok_and(|rule| struck.contains(&rule));
    let rules = || experiment.faults.iter().enumerate();
    let certain = rules().filter(|(_, rule)| rule.probability >= 1.0);
    let mut missing: Vec<String> = certain
        .filter(|(index, _)| !has_struck(*index))
        .map(|(_, rule)| format!("the fault never struck: {}", rule.in_words()))
        .collect();
    let mut by_chance = rules().filter(|(_, rule)| rule.probability < 1.0).peekable();
    let there_are = by_chance.peek().is_some();
    if there_are && !by_chance.any(|(index, _)| has_struck(index)) {
        missing.push("no fault struck of those that go by chance: take another --seed".to_owned());
    }
    missing
}

/// A change to what was so before is not among a history's lines, and neither is one that came too late.
fn missing_changes(experiment: &Experiment, history: &History) -> Vec<String> {
    let done = |setting: Setting| {
        let lines = history.lines.iter();
        let is_it =
            |event: &Event| matches!(event, Event::Changed { setting: one } if *one == setting);
        lines.filter(|line| is_it(&line.event)).count()
    };
    let settings = || experiment.changes.iter().map(|change| change.setting);
    let is_missing =
        |setting: &Setting| done(*setting) < settings().filter(|one| one == setting).count();
    let kinds: BTreeSet<&str> = settings().filter(is_missing).map(Setting::kind).collect();
    kinds.into_iter().map(|kind| format!("the setting was never changed: {kind}")).collect()
}

fn missing_redrive(experiment: &Experiment, history: &History) -> Option<String> {
    let redrives = experiment.load.iter().any(|step| matches!(step, Step::Redrive { .. }));
    // A task whose answer was lost says nothing of what it moved.
    let moves = |event: &Event| {
        let queue = Queue::DeadLetter;
        matches!(event, Event::Moved { .. } | Event::RedriveEnded { moved: 1.., .. })
            || matches!(event, Event::Deleted { queue: from, .. } if *from == queue)
    };
    let has_moved = history.lines.iter().any(|line| moves(&line.event));
    (redrives && !has_moved).then(|| "no redrive moved a message".to_owned())
}

#[cfg(test)]
mod tests {
    use verifier_model::faults::{Fault, FaultRule};

    use super::*;
    use crate::{
        Anomaly, Change, Header, Parts, RedriveBy, ReferenceRedriver, ReferenceRules,
        ReferenceSubmit, ReferenceWorker, Schedule, evaluate, simulate,
    };

    fn experiment(load: Vec<Step>, faults: Vec<FaultRule>) -> Experiment {
        let undo_at_milliseconds = 30_000;
        let schedule =
            Schedule { steps: load, faults, undo_at_milliseconds, ..Schedule::default() };
        Experiment::of_schedule("case", "", schedule)
    }

    fn submit(job: JobKind) -> Step {
        Step::Submit { name: "a".to_owned(), at_milliseconds: 0, job, times: 1 }
    }

    fn missed(experiment: &Experiment) -> Vec<String> {
        let mut parts = Parts {
            submit: &mut ReferenceSubmit,
            worker: &mut ReferenceWorker,
            rules: &mut ReferenceRules,
            redriver: &mut ReferenceRedriver,
        };
        let history = simulate(&experiment.schedule(), &mut parts).unwrap();
        missing(experiment, &history, &evaluate(&history))
    }

    fn at(operation: &str, fault: Fault) -> FaultRule {
        let function = (operation == "Invoke").then(|| "worker".to_owned());
        FaultRule { operation: Some(operation.to_owned()), function, ..FaultRule::always(fault) }
    }

    #[test]
    fn a_load_of_which_nothing_is_accepted_proves_nothing() {
        assert_eq!(missed(&experiment(vec![submit(JobKind::Good)], Vec::new())), [""; 0]);
        let refuse = at(
            "POST /jobs",
            Fault::Error {
                status: 400,
                code: "Bad".to_owned(),
                message: "no".to_owned(),
                commit: verifier_model::faults::Commit::Before,
            },
        );
        let refused = experiment(vec![submit(JobKind::Good)], vec![refuse]);
        assert_eq!(missed(&refused), ["no job was accepted"]);
        // What has to be refused was refused.
        assert_eq!(missed(&experiment(vec![submit(JobKind::Malformed)], Vec::new())), [""; 0]);
        let mut more = experiment(vec![submit(JobKind::Good)], Vec::new());
        more.expect.accepted = Some(2);
        assert_eq!(missed(&more), ["1 jobs were accepted, and 2 have to be"]);
    }

    #[test]
    fn a_history_of_nothing_and_one_whose_run_did_not_count_prove_nothing() {
        let mut history = History { header: Header::sample(), lines: Vec::new() };
        assert_eq!(missing_in(&history), ["no job was accepted"]);
        history.header.not_seen = vec!["no redrive moved a message".to_owned()];
        assert_eq!(missing_in(&history), ["no redrive moved a message", "no job was accepted"]);
        let mut parts = Parts {
            submit: &mut ReferenceSubmit,
            worker: &mut ReferenceWorker,
            rules: &mut ReferenceRules,
            redriver: &mut ReferenceRedriver,
        };
        let schedule = experiment(vec![submit(JobKind::Good)], Vec::new()).schedule();
        let mut history = simulate(&schedule, &mut parts).unwrap();
        assert_eq!(missing_in(&history), [""; 0]);
        history.header.not_seen = vec!["x".to_owned()];
        assert_eq!(missing_in(&history), ["x"]);
    }

    #[test]
    fn a_fault_that_never_strikes_proves_nothing_unless_it_may_not() {
        let rule = |nth| FaultRule {
            nth: Some(verifier_model::faults::Nth::Only(nth)),
            ..at("Invoke", Fault::Throttle)
        };
        let with = |rules| experiment(vec![submit(JobKind::Good)], rules);
        assert_eq!(missed(&with(vec![rule(1)])), [""; 0]);
        let twice = [rule(1), rule(500)];
        let expected = ["the fault never struck: throttle at Invoke of worker, number 500"];
        assert_eq!(missed(&with(twice.to_vec())), expected, "the other one does not stand for it");
        let mut may_not = with(vec![rule(500)]);
        may_not.expect.every_fault = false;
        assert_eq!(missed(&may_not), [""; 0]);
        let chance = FaultRule { probability: 0.0, ..at("Invoke", Fault::Throttle) };
        assert_eq!(missed(&with(vec![chance.clone(), rule(1)])).len(), 1);
        let sure = FaultRule { probability: 0.999_999, ..at("Invoke", Fault::Throttle) };
        assert_eq!(missed(&with(vec![chance, sure])), [""; 0]);
    }

    #[test]
    fn a_change_that_comes_too_late_and_a_redrive_of_nothing_prove_nothing() {
        let mut late = experiment(vec![submit(JobKind::Good)], Vec::new());
        late.changes = vec![Change {
            setting: Setting::MappingDisabled,
            from_milliseconds: 30_000,
            until_milliseconds: 40_000,
        }];
        assert_eq!(missed(&late), ["the setting was never changed: mapping-disabled"]);
        late.changes[0].from_milliseconds = 0;
        assert_eq!(missed(&late), [""; 0]);
        let redrive = Step::Redrive { at_milliseconds: 400_000, by: RedriveBy::Client };
        let of = |job| experiment(vec![submit(job), redrive.clone()], Vec::new());
        assert_eq!(missed(&of(JobKind::Good)), ["no redrive moved a message"]);
        assert_eq!(missed(&of(JobKind::Poison)), [""; 0]);
    }

    #[test]
    fn a_change_to_what_was_so_before_proves_nothing_and_excuses_nothing() {
        let terms = Schedule::default().stack;
        let is_missed = |setting| {
            let mut same = experiment(vec![submit(JobKind::Good)], Vec::new());
            let change = Change { setting, from_milliseconds: 0, until_milliseconds: 20_000 };
            same.changes = vec![change];
            let missed = missed(&same);
            assert!(missed.is_empty() || missed[0].contains(setting.kind()), "{missed:?}");
            !missed.is_empty()
        };
        let seconds = terms.visibility_timeout_seconds;
        assert!(is_missed(Setting::VisibilityTimeout { seconds }));
        assert!(!is_missed(Setting::VisibilityTimeout { seconds: seconds + 1 }));
        let count = terms.max_receive_count;
        assert!(is_missed(Setting::MaxReceiveCount { count }));
        assert!(!is_missed(Setting::MaxReceiveCount { count: count + 1 }));
        // One of two that have another value is not stood for by the other.
        let mut two = experiment(vec![submit(JobKind::Good)], Vec::new());
        let change = |seconds, from_milliseconds| Change {
            setting: Setting::VisibilityTimeout { seconds },
            from_milliseconds,
            until_milliseconds: from_milliseconds + 1_000,
        };
        two.changes = vec![change(seconds + 1, 0), change(seconds, 2_000)];
        assert_eq!(missed(&two), ["the setting was never changed: visibility-timeout"]);
    }

    #[test]
    fn an_anomaly_that_it_is_about_has_to_be_found() {
        let mut about =
            experiment(vec![submit(JobKind::Good)], vec![at("Invoke", Fault::Throttle)]);
        about.undo_at_milliseconds = 400_000;
        about.expect.anomalies = AnomalySet::of(&[Anomaly::ThrottleDlq]);
        assert_eq!(missed(&about), [""; 0]);
        about.faults.clear();
        assert_eq!(missed(&about), ["throttle-dlq was not found, which it is about"]);
    }
}
