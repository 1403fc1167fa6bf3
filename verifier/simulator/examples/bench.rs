//! How fast schedules are run and histories are evaluated, on one core: `cargo xtask bench sim`.
#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use std::error::Error;
use std::time::{Duration, Instant};

use contract::Outcome;
use verifier_chaos::{
    Content, Event, Expectation, History, Id, InvocationEnd, JobKind, Limits, Line, Operation,
    Queue, Schedule, Step, Verdict, evaluate,
};
use verifier_simulator::simulate;

/// How many schedules are run.
const SCHEDULES: u64 = 50_000;
/// How many operations the long history has.
const OPERATIONS: u64 = 1_000_000;
/// The least that is asked for: schedules a second, and seconds to evaluate the long history.
const LEAST: (f64, Duration) = (1_000.0, Duration::from_secs(5));

fn main() -> Result<(), Box<dyn Error>> {
    let rate = schedules()?;
    let took = long_history()?;
    println!("peak memory: {}", peak_memory()?);
    if rate < LEAST.0 || took > LEAST.1 {
        return Err(format!("less than {} schedules/s and {:?}", LEAST.0, LEAST.1).into());
    }
    Ok(())
}

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

fn schedules() -> Result<f64, Box<dyn Error>> {
    let (mut whole, mut jobs, mut lines) = (0_u64, 0_u64, 0_usize);
    let began = Instant::now();
    for seed in 0..SCHEDULES {
        let schedule = whole_path(seed);
        let history = simulate(&schedule, Limits::default())?;
        if evaluate(&history).verdict != Verdict::True {
            return Err(format!("seed {seed} is not sound").into());
        }
        jobs += u64::from(schedule.job_count());
        lines += history.lines.len();
        whole += u64::from(history.lines.last().is_some_and(|line| line.at >= 180_000));
    }
    let took = began.elapsed();
    #[allow(clippy::cast_precision_loss, reason = "far below where a float loses any")]
    let rate = SCHEDULES as f64 / took.as_secs_f64();
    println!(
        "{SCHEDULES} schedules, drawn, run and evaluated: {rate:.0}/s; {} jobs and {} lines each, {whole} with 180 s or more",
        jobs / SCHEDULES,
        lines as u64 / SCHEDULES
    );
    Ok(rate)
}

fn long_history() -> Result<Duration, Box<dyn Error>> {
    let history = history_of(OPERATIONS)?;
    let began = Instant::now();
    let report = evaluate(&history);
    let took = began.elapsed();
    println!(
        "{OPERATIONS} operations, {} lines: evaluated in {:.2} s; {:?}, {} findings",
        history.lines.len(),
        took.as_secs_f64(),
        report.verdict,
        report.findings.len()
    );
    Ok(took)
}

/// A history of so many jobs that are done at the first attempt.
fn history_of(jobs: u64) -> Result<History, Box<dyn Error>> {
    let mut history = simulate(&Schedule::default(), Limits::default())?;
    let end = history.lines.pop().ok_or("a history has an end")?;
    let content = Content { md5_of_body: "d4".into(), md5_of_attributes: None };
    for op in 0..jobs {
        let [job, message, invocation] =
            ["j", "m", "i"].map(|kind| Id::from(format!("{kind}{op}")));
        let submit = Operation::Submit {
            job: job.clone(),
            nature: Expectation::Healthy,
            content: content.clone(),
            fails: None,
            ends_batch: false,
        };
        let received = Event::Received {
            queue: Queue::Jobs,
            message: message.clone(),
            job: job.clone(),
            receive_count: 1,
        };
        let attempt = Event::Attempt {
            invocation: invocation.clone(),
            message: message.clone(),
            job: job.clone(),
            outcome: Outcome::Succeeded,
            logged_at: 0,
        };
        let events = [
            Event::Invoke { op, operation: submit },
            Event::Sent { message: message.clone(), job: job.clone() },
            Event::Ok { op, message: None },
            received,
            Event::Invoked { invocation: invocation.clone(), messages: vec![message.clone()] },
            Event::Effect { job: job.clone(), message: message.clone(), key: job, token: None },
            attempt,
            Event::Ended { invocation, how: InvocationEnd::Responded, named: None },
            Event::Deleted { queue: Queue::Jobs, message },
        ];
        history.lines.extend(events.into_iter().map(|event| Line { at: op, event }));
    }
    history.lines.push(Line { at: jobs, event: end.event });
    Ok(history)
}

/// What the process held at most, as Linux counts it.
fn peak_memory() -> Result<String, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.map_or_else(|| "unknown".to_owned(), |peak| peak.trim().to_owned()))
}
