//! How fast schedules are run and histories are evaluated; the limits are those of a release build on one core.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod chaos_support;

use std::time::{Duration, Instant};

use chaos_support::{history_of, text_of};
use contract::Outcome;
use verifier_chaos::{
    Content, Event, Expectation, History, Id, InvocationEnd, JobKind, Line, Operation, Queue,
    Schedule, Step, Verdict, evaluate,
};

/// A random schedule with ten jobs more, one of them poison.
fn whole_path(seed: u64) -> Schedule {
    let mut schedule = Schedule::generate(seed);
    let burst = |name: &str, count, job| Step::Burst {
        name: name.to_owned(),
        at_milliseconds: 0,
        count,
        every_milliseconds: 20,
        job,
    };
    schedule.steps.push(burst("poison", 1, JobKind::Poison));
    schedule.steps.push(burst("good", 9, JobKind::Good));
    schedule
}

#[test]
fn a_thousand_schedules_a_second() {
    let schedules: Vec<Schedule> =
        (0..if cfg!(debug_assertions) { 200 } else { 20_000 }).map(whole_path).collect();
    let (mut whole_paths, mut lines) = (0, 0);
    let began = Instant::now();
    for schedule in &schedules {
        let history = history_of(schedule);
        assert_eq!(evaluate(&history).verdict, Verdict::True);
        lines += history.lines.len();
        whole_paths += usize::from(history.lines.last().unwrap().at >= 180_000);
    }
    let took = began.elapsed();
    let each = took / u32::try_from(schedules.len()).unwrap();
    println!("{each:?} a schedule, {} lines on average", lines / schedules.len());
    assert!(whole_paths * 10 > schedules.len() * 9, "{whole_paths} of {}", schedules.len());
    assert!(cfg!(debug_assertions) || each < Duration::from_millis(1), "{each:?}");
}

/// A history of so many jobs that are done at the first attempt.
fn long_history(jobs: u64) -> History {
    let mut history = history_of(&Schedule::default());
    let drained = history.lines.pop().unwrap();
    let content = Content { md5_of_body: "d4".into(), md5_of_attributes: None };
    for op in 0..jobs {
        let [job, message, invocation] =
            ["j", "m", "i"].map(|kind| Id::from(format!("{kind}{op}")));
        let (nature, content) = (Expectation::Healthy, content.clone());
        let events = [
            Event::Invoke {
                op,
                operation: Operation::Submit {
                    job: job.clone(),
                    nature,
                    content,
                    fails: None,
                    ends_batch: false,
                },
            },
            Event::Sent { message: message.clone(), job: job.clone() },
            Event::Ok { op, message: None },
            Event::Received {
                queue: Queue::Jobs,
                message: message.clone(),
                job: job.clone(),
                receive_count: 1,
            },
            Event::Invoked { invocation: invocation.clone(), messages: vec![message.clone()] },
            Event::Effect {
                job: job.clone(),
                message: message.clone(),
                key: job.clone(),
                token: None,
            },
            Event::Attempt {
                invocation: invocation.clone(),
                message: message.clone(),
                job,
                outcome: Outcome::Succeeded,
                logged_at: 0,
            },
            Event::Ended { invocation, how: InvocationEnd::Responded, named: None },
            Event::Deleted { queue: Queue::Jobs, message },
        ];
        history.lines.extend(events.into_iter().map(|event| Line { at: op, event }));
    }
    history.lines.push(Line { at: jobs, event: drained.event });
    history
}

#[test]
fn a_million_lines_are_read_and_evaluated_in_five_seconds() {
    let jobs = if cfg!(debug_assertions) { 5_000 } else { 112_000 };
    let text = text_of(&long_history(jobs));
    let began = Instant::now();
    let history = History::read(text.as_bytes()).unwrap();
    let read = began.elapsed();
    let report = evaluate(&history);
    let took = began.elapsed();
    println!(
        "{} lines: {read:?} to read, {:?} to evaluate",
        history.lines.len(),
        took.saturating_sub(read)
    );
    assert_eq!((report.verdict, report.findings.len()), (Verdict::True, 0));
    assert!(took < Duration::from_secs(5), "{took:?}");
}
