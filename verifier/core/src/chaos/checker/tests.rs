use super::*;
use crate::chaos::{Content, Event, Header, Id, Line, Nature, Observation, Operation, Queue};
use crate::faults::Fault;

/// One accepted job that is received and deleted, and never done.
fn lost_job() -> History {
    let id = |text: &str| Id::from(text);
    let content = Content { md5_of_body: id("d4"), md5_of_attributes: None };
    let submit = Operation::Submit { job: id("a"), nature: Nature::Healthy, content };
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
    let report = judge(&lost_job());
    assert_eq!(report.verdict, Verdict::False);
    assert_eq!(report.violations(), AnomalySet::of(&[Anomaly::Lost]));
    assert!(report.unknown.is_empty());
    let found = &report.findings[0];
    assert_eq!((found.job.as_deref(), &*found.lines), (Some("a"), &[3, 4, 5, 6, 7][..]));
    assert_eq!((found.allowance, &*found.allowed_by), (None, &["answer"][..]));
}

#[test]
fn without_a_complete_drain_nothing_is_lost_and_nothing_is_certain() {
    let mut history = lost_job();
    history.lines.pop();
    let report = judge(&history);
    assert_eq!(report.verdict, Verdict::Unknown);
    assert_eq!(report.findings, []);
    assert_eq!(report.unknown.iter().count(), Anomaly::ALL.len());
}

#[test]
fn a_fault_that_struck_allows_what_it_declares() {
    let mut history = lost_job();
    let fault = Fault::Answer { payload: String::new() };
    let struck = Event::Fault { fault, operation: "Invoke".into(), message: None };
    history.lines.insert(4, Line { at: 0, event: struck });
    let report = judge(&history);
    assert_eq!(report.verdict, Verdict::True);
    let allowance = Allowance::Fault { kind: "answer", line: 6 };
    assert_eq!(report.findings[0].allowance, Some(allowance));
    assert!(report.violations().is_empty());

    let mut history = lost_job();
    let struck = Event::Fault { fault: Fault::Reorder, operation: "Invoke".into(), message: None };
    history.lines.insert(4, Line { at: 0, event: struck });
    assert_eq!(judge(&history).verdict, Verdict::False);
}

#[test]
fn an_experiment_may_allow_an_anomaly() {
    let mut history = lost_job();
    history.header.allows = AnomalySet::of(&[Anomaly::Lost]);
    let report = judge(&history);
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
    assert_eq!(judge(&history).violations(), AnomalySet::of(&[Anomaly::AckedNotEnqueued]));
    history.header.observes = vec![Observation::Receives].into();
    let report = judge(&history);
    assert_eq!(report.violations(), AnomalySet::of(&[Anomaly::Lost]));
    let unknown: AnomalySet = [
        Anomaly::AckedNotEnqueued,
        Anomaly::DuplicatedEffect,
        Anomaly::PrematureDlq,
        Anomaly::BatchPoisoned,
        Anomaly::StuckInFlight,
    ]
    .into_iter()
    .collect();
    assert_eq!(report.unknown, unknown);
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
        *nature = Nature::Flaky;
        let effect = Event::Effect { job: id("a"), message: id("m"), key: id("a") };
        let dead = Event::DeadLettered { message: id("n"), job: id("a"), content: content() };
        let struck = |fault: &Fault| Event::Fault {
            fault: fault.clone(),
            operation: "ReceiveMessage".into(),
            message: None,
        };
        let events = faults.iter().map(struck).chain([effect, dead]);
        let lines: Vec<Line> = events.map(|event| Line { at: 0, event }).collect();
        history.lines.splice(4..4, lines);
        let report = judge(&history);
        let both = report.findings.into_iter().find(|found| found.anomaly == Anomaly::EffectAndDlq);
        both.unwrap().allowance
    };
    let duplicate = Fault::DuplicateDelivery;
    assert_eq!(job_done_and_dead_lettered(std::slice::from_ref(&duplicate)), None);
    assert_eq!(job_done_and_dead_lettered(&[Fault::LateMove]), None);
    let both = job_done_and_dead_lettered(&[duplicate, Fault::LateMove]);
    assert_eq!(both, Some(Allowance::Fault { kind: "late-move", line: 7 }));
}
