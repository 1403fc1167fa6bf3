//! Reports for the views' tests. Times and ids are made up and never change.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::Outcome;
use verifier_core::check::{
    Check, CheckEvent, Evaluation, JobTrace, Settled, Step, StepKind, Verdict, Wait, call_budget,
    find_check, overall,
};
use verifier_model::time::Timestamp;

use crate::check::Report;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

const RUN_ID: &str = "vrf-1-2";
/// 2026-01-02T03:04:05Z.
const START: Timestamp = Timestamp::from_millis(1_767_323_045_000);

/// The command that every sample is made by.
pub(super) const AGAIN: &str = "verifier check --stack Stack-PR7 --region eu-central-1";

/// What is shown does not change with the catalogue.
const SHOWN: [&str; 11] = [
    "stack.ready",
    "stack.owns",
    "cfg.redrive",
    "cfg.visibility",
    "cfg.consumer",
    "api.hello",
    "job.accept",
    "job.success",
    "dlq.attempts",
    "dlq.arrival",
    "clean.leftovers",
];

fn shown() -> impl Iterator<Item = &'static Check> {
    SHOWN.into_iter().filter_map(find_check)
}

fn after(millis: u64) -> Timestamp {
    START + Duration::from_millis(millis)
}

fn attempt(millis: u64, receive_count: u32, outcome: Outcome) -> Step {
    let reason =
        (outcome == Outcome::Failed).then(|| "the job asks for it\u{1b}[31m; 100 %".to_owned());
    Step { at: after(millis), what: StepKind::Attempt { receive_count, outcome, reason } }
}

fn job(name: &str, fails: bool, steps: Vec<Step>) -> JobTrace {
    JobTrace {
        job_id: format!("{RUN_ID}-{name}"),
        message_id: Some(format!("message-{name}")),
        fails,
        submitted_at: after(200),
        steps,
    }
}

fn settled(check: &'static Check, evaluation: Evaluation) -> Settled {
    Settled { check, evaluation, at: after(180_500) }
}

fn passed() -> Vec<Settled> {
    let evaluation = |check: &'static Check| {
        let found = Evaluation::pass("as it should be").with_evidence("value", 60);
        settled(check, found)
    };
    shown().map(evaluation).collect()
}

fn of(checks: Vec<Settled>, jobs: Vec<JobTrace>) -> Report {
    let verdicts =
        checks.iter().map(|settled| (settled.evaluation.counted(), settled.check.weight()));
    Report {
        stack: "Stack-PR7".to_owned(),
        region: Some("eu-central-1".to_owned()),
        run_id: RUN_ID.to_owned(),
        overall: overall(verdicts, false),
        strict: false,
        checks,
        jobs,
        started_at: START,
        wall: Duration::from_millis(180_700),
        stack_time: Duration::from_millis(180_700),
        calls: BTreeMap::from([
            ("CloudFormation.DescribeStacks".to_owned(), 1),
            ("SQS.ReceiveMessage".to_owned(), 3),
        ]),
        call_budget: call_budget(20, 2, 0),
        left_behind: Vec::new(),
        stopped: None,
    }
}

fn good_jobs() -> Vec<JobTrace> {
    let done = |name: &str| job(name, false, vec![attempt(400, 1, Outcome::Succeeded)]);
    vec![done("good-1"), done("good-2")]
}

/// Everything passed.
pub(super) fn passing() -> Report {
    let attempts = [(400, 1), (60_400, 2), (120_400, 3)];
    let mut steps: Vec<Step> =
        attempts.map(|(millis, count)| attempt(millis, count, Outcome::Failed)).into();
    steps.push(Step { at: after(180_450), what: StepKind::DeadLettered });
    let jobs = [good_jobs(), vec![job("failing", true, steps)]].concat();
    of(passed(), jobs)
}

/// A report with one check settled otherwise.
pub(super) fn with(id: &str, evaluation: &Evaluation, strict: bool) -> Report {
    let mut report = Report { strict, ..passing() };
    for settled in report.checks.iter_mut().filter(|settled| settled.check.id == id) {
        settled.evaluation = evaluation.clone();
    }
    let verdicts =
        report.checks.iter().map(|settled| (settled.evaluation.verdict, settled.check.weight()));
    report.overall = overall(verdicts, report.strict);
    report
}

/// One check of every verdict, and texts that want to be escaped.
pub(super) fn failing() -> Report {
    let mut checks = passed();
    let mut change = |id: &str, evaluation: Evaluation| {
        for settled in checks.iter_mut().filter(|settled| settled.check.id == id) {
            settled.evaluation = evaluation.clone();
        }
    };
    change("stack.ready", Evaluation::new(Verdict::Info, "UPDATE_COMPLETE, 7 outputs"));
    change(
        "cfg.visibility",
        Evaluation::fail("30 s < 55 s", "at least 55 s", "30 s").with_verdict(Verdict::Warn),
    );
    change("api.hello", Evaluation::not_run("the stack has no output <ApiUrl>"));
    change(
        "job.success",
        Evaluation::fail(
            "1 of 2 good jobs has no success: vrf-1-2-good-2",
            "one succeeded line per good job",
            "no line of them\n::error::in <b>the log</b> after 3 queries, 100 %",
        )
        .with_next(
            "aws logs filter-log-events --log-group-name /aws/lambda/Stack-PR7-JobsWorkerFunction",
        ),
    );
    change(
        "dlq.arrival",
        Evaluation::inconclusive("still being retried at the bound")
            .with_next("verifier check again"),
    );
    let mut jobs = good_jobs();
    jobs[1].steps.clear();
    let steps = vec![attempt(400, 1, Outcome::Failed), attempt(60_400, 2, Outcome::Failed)];
    jobs.push(job("failing", true, steps));
    let mut report = of(checks, jobs);
    report.left_behind = vec!["message-failing (vrf-1-2-failing)".to_owned()];
    report
}

/// A run that AWS did not let begin.
pub(super) fn stopped() -> Report {
    let why = "AWS could not be asked";
    let checks = shown().map(|check| settled(check, Evaluation::inconclusive(why))).collect();
    let mut report = of(checks, Vec::new());
    report.stopped = Some(Failure {
        what: why.to_owned(),
        next: Some("aws sts get-caller-identity".to_owned()),
        exit: Exit::Inconclusive,
    });
    report
}

/// The events of the run that a report closes.
pub(super) fn events(report: &Report) -> Vec<CheckEvent> {
    let (stack, run_id) = (report.stack.clone(), report.run_id.clone());
    let wait = Wait {
        what: "the failing job in dead-letters".to_owned(),
        due_at: after(180_200),
        bound_at: after(240_200),
        why: "3 receives × 60 s visibility timeout, + 60 s".to_owned(),
        since: after(300),
    };
    let mut events = vec![
        CheckEvent::Started { stack, run_id, at: report.started_at },
        CheckEvent::Waiting(wait),
        CheckEvent::Traced(report.jobs.clone()),
    ];
    events.extend(report.checks.iter().cloned().map(CheckEvent::Settled));
    events
}
