use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use verifier_model::faults::Fault;

use super::*;
use crate::{Content, Event, Expectation, Header, Id, Line, Operation, Queue, Schedule, SeededBug};

/// One accepted job that is received and deleted, and never done.
fn lost_job() -> History {
    let id = |text: &str| Id::from(text);
    let content = Content { md5_of_body: id("d4"), md5_of_attributes: None };
    let submit = Operation::Submit {
        job: id("a"),
        nature: Expectation::Healthy,
        content,
        fails: None,
        ends_batch: false,
    };
    let events = [
        Event::Invoke { op: 0, operation: submit },
        Event::Sent { message: id("m"), job: id("a") },
        Event::Ok { op: 0, message: Some(id("m")) },
        Event::Received { queue: Queue::Jobs, message: id("m"), job: id("a"), receive_count: 1 },
        Event::Deleted { queue: Queue::Jobs, message: id("m") },
        Event::Drained { complete: true, remaining: 0 },
    ];
    let lines = events.into_iter().map(|event| Line { at: 0, event }).collect();
    History { header: Header::sample(), lines }
}

#[test]
fn a_finding_names_the_job_and_the_lines() {
    let report = evaluate(&lost_job());
    assert_eq!(report.verdict, Verdict::False);
    assert_eq!(report.violations(), AnomalySet::of(&[Anomaly::Lost]));
    assert!(report.unknown.is_empty());
    let found = &report.findings[0];
    assert_eq!((found.job.as_deref(), &*found.lines), (Some("a"), &[3, 4, 5, 6, 7][..]));
    assert_eq!(
        (found.allowance, &*found.allowed_by),
        (None, &["answer", "batch-item-failures-ignored"][..])
    );
}

#[test]
fn without_a_complete_drain_nothing_is_lost_and_nothing_is_certain() {
    let mut history = lost_job();
    history.lines.pop();
    let report = evaluate(&history);
    assert_eq!(report.verdict, Verdict::Unknown);
    assert_eq!(report.findings, []);
    assert_eq!(report.unknown.iter().count(), Anomaly::ALL.len());
}

#[test]
fn a_fault_that_struck_allows_what_it_declares() {
    let mut history = lost_job();
    let fault = Fault::Answer { payload: String::new() };
    let struck = Event::Fault { fault, operation: "Invoke".into(), messages: Vec::new(), rule: 0 };
    history.lines.insert(4, Line { at: 0, event: struck });
    let report = evaluate(&history);
    assert_eq!(report.verdict, Verdict::True);
    let allowance = Allowance::Fault { kind: "answer", line: 6 };
    assert_eq!(report.findings[0].allowance, Some(allowance));
    assert!(report.violations().is_empty());

    let mut history = lost_job();
    let struck = Event::Fault {
        fault: Fault::Reorder,
        operation: "Invoke".into(),
        messages: Vec::new(),
        rule: 0,
    };
    history.lines.insert(4, Line { at: 0, event: struck });
    assert_eq!(evaluate(&history).verdict, Verdict::False);
}

/// A lost job that is submitted and last seen at these times, and a fault that may lose what it strikes.
fn lost_job_and_answer(
    submitted_at: u64,
    seen_at: u64,
    struck_at: u64,
    messages: &[&str],
) -> History {
    let mut history = lost_job();
    for (line, at) in
        history.lines.iter_mut().zip([submitted_at; 3].into_iter().chain([seen_at; 2]))
    {
        line.at = at;
    }
    history.lines[5].at = 1_000_000;
    let event = Event::Fault {
        fault: Fault::Answer { payload: String::new() },
        operation: "Invoke".into(),
        messages: messages.iter().map(|id| Id::from(*id)).collect(),
        rule: 0,
    };
    history.lines.push(Line { at: struck_at, event });
    history.lines.sort_by_key(|line| line.at);
    history
}

#[test]
fn a_fault_excuses_the_jobs_that_it_can_have_touched_and_no_others() {
    let verdict = |history: &History| evaluate(history).verdict;
    let at = |struck_at| verdict(&lost_job_and_answer(500, 900, struck_at, &[]));
    assert_eq!(
        [at(499), at(500), at(900), at(901)],
        [Verdict::False, Verdict::True, Verdict::True, Verdict::False]
    );
    let of = |message| verdict(&lost_job_and_answer(500, 900, 700, &[message]));
    assert_eq!([of("m"), of("n")], [Verdict::True, Verdict::True], "of nobody knows which");
    let mut other = lost_job_and_answer(500, 900, 700, &["n"]);
    let sent = Event::Sent { message: Id::from("n"), job: Id::from("b") };
    other.lines.insert(0, Line { at: 0, event: sent });
    assert_eq!(verdict(&other), Verdict::False, "it struck another job");
}

#[test]
fn a_changed_setting_excuses_what_is_there_until_it_is_restored() {
    let verdict = |submitted_at: u64, late: u64| {
        let mut history = lost_job_and_answer(submitted_at, submitted_at + 10, 0, &["x"]);
        history.lines.retain(|line| !matches!(line.event, Event::Fault { .. }));
        // A batch that names it as failed.
        let (invocation, m) = (Id::from("i"), || vec![Id::from("m")]);
        let invoked = Event::Invoked { invocation: invocation.clone(), messages: m() };
        let how = crate::InvocationEnd::Responded;
        let ended = Event::Ended { invocation, how, named: Some(m()) };
        for (at, event) in [(submitted_at, invoked), (submitted_at + 10, ended)] {
            history.lines.insert(4, Line { at, event });
        }
        history.lines.sort_by_key(|line| line.at);
        history.header.terms.changed_late_milliseconds = late;
        let setting = crate::Setting::BatchItemFailuresIgnored;
        history.lines.push(Line { at: 100, event: Event::Changed { setting } });
        let what = setting.kind().into();
        history.lines.push(Line { at: 200, event: Event::Undo { what } });
        history.lines.sort_by_key(|line| line.at);
        evaluate(&history).verdict
    };
    assert_eq!([verdict(89, 0), verdict(90, 0)], [Verdict::False, Verdict::True]);
    assert_eq!([verdict(200, 0), verdict(201, 0)], [Verdict::True, Verdict::False]);
    assert_eq!([verdict(700, 500), verdict(701, 500)], [Verdict::True, Verdict::False]);
}

/// What allows that a job is lost whose batch ended so while the mapping ignored answers.
fn allowed_of_ignored(named: Option<&[&str]>, outcome: Option<contract::Outcome>) -> bool {
    let id = |text: &str| Id::from(text);
    let mut history = lost_job();
    let setting = crate::Setting::BatchItemFailuresIgnored;
    let attempt = outcome.map(|outcome| Event::Attempt {
        invocation: id("i"),
        message: id("m"),
        job: id("a"),
        outcome,
        logged_at: 0,
    });
    let named = named.map(|named| named.iter().map(|message| id(message)).collect());
    let how = crate::InvocationEnd::Responded;
    let events = [
        Some(Event::Sent { message: id("n"), job: id("b") }),
        Some(Event::Changed { setting }),
        Some(Event::Invoked { invocation: id("i"), messages: vec![id("m"), id("n")] }),
        attempt,
        Some(Event::Ended { invocation: id("i"), how, named }),
    ];
    let lines = events.into_iter().flatten().map(|event| Line { at: 0, event });
    history.lines.splice(4..4, lines);
    is_lost_allowed(&history)
}

/// Whether something allows that the job is lost, which it is.
fn is_lost_allowed(history: &History) -> bool {
    let report = evaluate(history);
    let lost = report.findings.iter().find(|found| found.anomaly == Anomaly::Lost).unwrap();
    lost.allowance.is_some()
}

#[test]
fn an_ignored_answer_excuses_what_it_named_and_nothing_else() {
    use contract::Outcome::{Failed, Succeeded};
    assert!(allowed_of_ignored(Some(&["m"]), Some(Failed)));
    assert!(allowed_of_ignored(Some(&["n", "m"]), None), "it wrote no line");
    assert!(!allowed_of_ignored(Some(&[]), None), "its batch named nothing");
    assert!(!allowed_of_ignored(Some(&["n"]), Some(Failed)), "its batch named another");
    // What was named is not known: it is what had not succeeded.
    assert!(allowed_of_ignored(None, Some(Failed)) && allowed_of_ignored(None, None));
    assert!(!allowed_of_ignored(None, Some(Succeeded)));
}

#[test]
fn an_answer_that_is_replaced_excuses_no_job_that_had_succeeded() {
    let is_allowed = |outcome| {
        let mut history = lost_job_and_answer(500, 900, 700, &["m"]);
        let event = Event::Attempt {
            invocation: Id::from("i"),
            message: Id::from("m"),
            job: Id::from("a"),
            outcome,
            logged_at: 0,
        };
        let at = history.lines.iter().position(|line| line.at == 900).unwrap();
        history.lines.insert(at, Line { at: 800, event });
        is_lost_allowed(&history)
    };
    assert!(is_allowed(contract::Outcome::Failed));
    assert!(!is_allowed(contract::Outcome::Succeeded));
}

#[test]
fn a_job_that_ends_its_batch_excuses_its_mates_alone() {
    let verdict = |batch: &[&str], observes: &'static [Observation]| {
        let id = |text: &str| Id::from(text);
        let mut history = lost_job();
        let content = || Content { md5_of_body: id("d4"), md5_of_attributes: None };
        let nature = Expectation::Poison;
        let (job, content_of_ender) = (id("ender"), content());
        let operation = Operation::Submit {
            job,
            nature,
            content: content_of_ender,
            fails: None,
            ends_batch: true,
        };
        let dead = Event::DeadLettered { message: id("m"), job: id("a"), content: content() };
        history.lines.truncate(4);
        history.header.observes = observes.into();
        let messages = batch.iter().map(|message| id(message)).collect();
        let more = [
            Event::Invoke { op: 1, operation },
            Event::Sent { message: id("e"), job: id("ender") },
            Event::Invoked { invocation: id("i"), messages },
            Event::Invoked { invocation: id("j"), messages: vec![id("m")] },
            dead,
            Event::Drained { complete: true, remaining: 0 },
        ];
        history.lines.extend(more.into_iter().map(|event| Line { at: 0, event }));
        let report = evaluate(&history);
        let innocent = report.findings.iter().find(|found| found.anomaly == Anomaly::InnocentDlq);
        innocent.unwrap().allowance.is_some()
    };
    assert!(verdict(&["e", "m"], Observation::ALL));
    assert!(!verdict(&["e"], Observation::ALL), "they were never together");
    assert!(verdict(&["e"], &[Observation::Attempts]), "nobody knows who was together");
}

#[test]
fn an_experiment_may_allow_an_anomaly() {
    let mut history = lost_job();
    history.header.allows = AnomalySet::of(&[Anomaly::Lost]);
    let report = evaluate(&history);
    assert_eq!(report.verdict, Verdict::True);
    assert_eq!(report.findings[0].allowance, Some(Allowance::Experiment));
}

#[test]
fn what_a_target_does_not_observe_stays_unknown() {
    let mut history = lost_job();
    // A job that was never sent would be acked-not-enqueued; without that knowledge it is lost.
    history.lines.truncate(3);
    history.lines.remove(1);
    history.lines.push(Line { at: 0, event: Event::Drained { complete: true, remaining: 0 } });
    assert_eq!(evaluate(&history).violations(), AnomalySet::of(&[Anomaly::AckedNotEnqueued]));
    history.header.observes = vec![Observation::Attempts, Observation::Effects].into();
    let report = evaluate(&history);
    assert_eq!(report.violations(), AnomalySet::of(&[Anomaly::Lost]));
    let unknown = AnomalySet::of(&[
        Anomaly::AckedNotEnqueued,
        Anomaly::ContradictedOutcome,
        Anomaly::PrematureDlq,
        Anomaly::OverReceived,
        Anomaly::LateDlq,
        Anomaly::PoisonAsSuccess,
        Anomaly::BatchPoisoned,
        Anomaly::StuckInFlight,
    ]);
    assert_eq!(report.unknown, unknown);
    // Who sees no attempt knows only of the submits and of the dead-letter queue.
    history.header.observes = vec![Observation::Receives].into();
    let report = evaluate(&history);
    assert_eq!((report.verdict, report.findings), (Verdict::True, vec![]));
    let known: AnomalySet =
        Anomaly::ALL.into_iter().filter(|anomaly| !report.unknown.contains(*anomaly)).collect();
    let expected = [
        Anomaly::OverReceived,
        Anomaly::InnocentDlq,
        Anomaly::DlqCloneMismatch,
        Anomaly::RedriveLeak,
    ];
    assert_eq!(known, AnomalySet::of(&expected));
}

#[test]
fn the_job_of_an_attempt_may_be_told_after_it() {
    let id = |text: &str| Id::from(text);
    let mut history = lost_job();
    let invoked = |message: &str| Line {
        at: 0,
        event: Event::Invoked { invocation: id("i"), messages: vec![id(message)] },
    };
    let attempt = Event::Attempt {
        invocation: id("i"),
        message: id("m"),
        job: id("a"),
        outcome: contract::Outcome::Succeeded,
        logged_at: 0,
    };
    let submit_and_end = [history.lines[0].clone(), history.lines[2].clone()];
    let drained = history.lines[5].clone();
    history.header.observes = vec![Observation::Attempts, Observation::Batches].into();
    let attempt = Line { at: 0, event: attempt };
    let told = [invoked("m"), attempt.clone(), drained.clone()];
    history.lines = submit_and_end.iter().cloned().chain(told).collect();
    assert_eq!(evaluate(&history).findings, []);
    // An attempt at a message of which nobody tells the job may be one at any job, or at none.
    let untold = [invoked("n"), drained];
    history.lines = submit_and_end.into_iter().chain(untold).collect();
    let report = evaluate(&history);
    assert_eq!(report.findings, []);
    assert!(report.unknown.contains(Anomaly::Lost) && report.unknown.contains(Anomaly::Phantom));
}

/// What a target writes that sees no more than this.
fn thinned(history: &History, observes: &[Observation]) -> History {
    let sees = |observation| observes.contains(&observation);
    let is_seen = |event: &Event| match event {
        Event::Sent { .. } => sees(Observation::Sends),
        Event::Received { queue: Queue::Jobs, .. } => sees(Observation::Receives),
        Event::Deleted { queue: Queue::Jobs, .. } => sees(Observation::Deletes),
        Event::Effect { .. } => sees(Observation::Effects),
        Event::Invoked { .. }
        | Event::Attempt { .. }
        | Event::Kept { .. }
        | Event::Ended { .. } => sees(Observation::Attempts),
        _ => true,
    };
    let mut batches: BTreeMap<&str, &[Id]> = BTreeMap::new();
    let mut lines = Vec::new();
    for Line { at, event } in history.lines.iter().filter(|line| is_seen(&line.event)) {
        let events = if sees(Observation::Batches) {
            vec![event.clone()]
        } else {
            one_by_one(event, &mut batches)
        };
        lines.extend(events.into_iter().map(|event| Line { at: *at, event }));
    }
    let header = Header { observes: observes.to_vec().into(), ..history.header.clone() };
    History { header, lines }
}

/// An event as if each message of a batch had an invocation of its own.
fn one_by_one<'h>(event: &'h Event, batches: &mut BTreeMap<&'h str, &'h [Id]>) -> Vec<Event> {
    let own = |invocation: &Id, message: &Id| Id::from(format!("{invocation}/{message}"));
    match event {
        Event::Invoked { invocation, messages } => {
            batches.insert(invocation, messages);
            let alone = |message: &Id| Event::Invoked {
                invocation: own(invocation, message),
                messages: vec![message.clone()],
            };
            messages.iter().map(alone).collect()
        }
        Event::Ended { invocation, how, .. } => {
            let batch = batches.get(&**invocation).copied().unwrap_or_default();
            let alone = |message: &Id| Event::Ended {
                invocation: own(invocation, message),
                how: *how,
                named: None,
            };
            batch.iter().map(alone).collect()
        }
        Event::Attempt { invocation, message, .. } | Event::Kept { invocation, message } => {
            let alone = own(invocation, message);
            let mut event = event.clone();
            if let Event::Attempt { invocation, .. } | Event::Kept { invocation, .. } = &mut event {
                *invocation = alone;
            }
            vec![event]
        }
        other => vec![other.clone()],
    }
}

/// Some of the observations.
fn observations(bits: u8) -> Vec<Observation> {
    let all = Observation::ALL.iter().enumerate();
    all.filter(|(index, _)| bits >> index & 1 == 1).map(|(_, one)| *one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Stacks with a bug of every kind, since a sound one has little to be found.
    #[test]
    fn who_sees_less_excludes_nothing_that_is_there(
        seed in any::<u64>(),
        bug in select(SeededBug::all().collect::<Vec<_>>()),
        observed in 0..64_u8,
    ) {
        let history = bug.simulate(&Schedule::generate(seed)).unwrap();
        let observed = observations(observed);
        let found: AnomalySet =
            evaluate(&history).findings.iter().map(|finding| finding.anomaly).collect();
        let report = evaluate(&thinned(&history, &observed));
        let not_excluded = report
            .findings
            .iter()
            .map(|finding| finding.anomaly)
            .chain(report.unknown.iter())
            .collect();
        prop_assert!(
            found.is_subset(not_excluded),
            "{found:?} is there, and of {observed:?} follows {report:?}"
        );
    }
}

#[test]
fn faults_that_meet_allow_what_follows_from_both() {
    let job_done_and_dead_lettered = |faults: &[Fault]| {
        let id = |text: &str| Id::from(text);
        let content = || Content { md5_of_body: id("d4"), md5_of_attributes: None };
        let mut history = lost_job();
        let Event::Invoke { operation: Operation::Submit { nature, .. }, .. } =
            &mut history.lines[0].event
        else {
            panic!("the first line is the submit");
        };
        *nature = Expectation::Flaky;
        let effect =
            Event::Effect { job: id("a"), message: id("m"), key: id("a"), token: Some(id("a")) };
        let dead = Event::DeadLettered { message: id("n"), job: id("a"), content: content() };
        let struck = |fault: &Fault| Event::Fault {
            fault: fault.clone(),
            operation: "ReceiveMessage".into(),
            messages: Vec::new(),
            rule: 0,
        };
        let events = faults.iter().map(struck).chain([effect, dead]);
        let lines: Vec<Line> = events.map(|event| Line { at: 0, event }).collect();
        history.lines.splice(4..4, lines);
        let report = evaluate(&history);
        let both = report.findings.into_iter().find(|found| found.anomaly == Anomaly::EffectAndDlq);
        both.unwrap().allowance
    };
    let duplicate = Fault::DuplicateDelivery;
    assert_eq!(job_done_and_dead_lettered(std::slice::from_ref(&duplicate)), None);
    assert_eq!(job_done_and_dead_lettered(&[Fault::LateMove]), None);
    let both = job_done_and_dead_lettered(&[duplicate, Fault::LateMove]);
    assert_eq!(both, Some(Allowance::Fault { kind: "late-move", line: 7 }));
}
