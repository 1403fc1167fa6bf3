//! A run: from the first step to the end of the drain.

use super::super::history::{Event, HISTORY_VERSION, Header, History, Observation};
use super::super::schedule::{JobKind, Schedule, Step};
use super::super::{AnomalySet, ScheduleError};
use super::agenda::Task;
use super::core::{Core, JOBS, SimulatedJob};
use super::mapping::Mapping;
use super::parts::Parts;
use crate::faults::FaultPlan;

/// How long a drain may take after the last step and the undo: an hour, in milliseconds.
pub const DRAIN_MILLISECONDS: u64 = 3_600_000;
/// The most things that happen in one run, so that every run ends: a duplicate for every receive would never.
const TASKS_MAX: u32 = 1_000_000;

/// Runs a schedule against a stack of these parts, and returns what happened.
///
/// The stack is drained at the end; if that takes longer than [`DRAIN_MILLISECONDS`], the history says that it is incomplete.
pub fn simulate(schedule: &Schedule, parts: &mut Parts<'_>) -> Result<History, ScheduleError> {
    schedule.check()?;
    let mut core = Core::new(schedule)?;
    let configuration = schedule.stack.mapping(&core.sqs.arn(JOBS))?;
    let mut mapping = Mapping::new(configuration, schedule.seed);
    let mut ends_by = schedule.undo_at_milliseconds;
    for (index, step) in schedule.steps.iter().enumerate() {
        ends_by = ends_by.max(plan_step(&mut core, index, step));
    }
    core.agenda.put(schedule.undo_at_milliseconds, Task::Undo);
    let limit = ends_by + DRAIN_MILLISECONDS;
    let mut tasks = 0;
    while core.agenda.next_at().is_some_and(|at| at <= limit) && tasks < TASKS_MAX {
        let Some((at, task)) = core.agenda.next() else {
            break;
        };
        core.now = at;
        tasks += 1;
        core.settle_moves();
        perform(schedule, &mut core, &mut mapping, parts, task);
    }
    finish(&mut core, &mapping, limit);
    Ok(History { header: header(schedule), lines: core.lines })
}

fn header(schedule: &Schedule) -> Header {
    Header {
        version: HISTORY_VERSION,
        seed: schedule.seed,
        target: "sim".into(),
        terms: schedule.stack.terms(),
        observes: Observation::ALL.into(),
        allows: AnomalySet::NONE,
    }
}

/// Puts a step on the agenda, and tells when it is over.
fn plan_step(core: &mut Core<'_>, index: usize, step: &Step) -> u64 {
    match step {
        Step::Submit { name, at_milliseconds, job } => {
            plan_job(core, name.as_str().into(), *at_milliseconds, *job);
            *at_milliseconds
        }
        Step::Burst { name, at_milliseconds, count, every_milliseconds, job } => {
            let mut at = *at_milliseconds;
            for number in 0..*count {
                at = at_milliseconds + u64::from(number) * every_milliseconds;
                plan_job(core, format!("{name}-{number}").into(), at, *job);
            }
            at
        }
        Step::Redrive { at_milliseconds, .. } => {
            core.agenda.put(*at_milliseconds, Task::Redrive { step: index });
            *at_milliseconds
        }
    }
}

fn plan_job(core: &mut Core<'_>, id: super::super::Id, at: u64, kind: JobKind) {
    let body = kind.body(&id);
    core.agenda.put(at, Task::Submit { job: core.jobs.len() });
    core.jobs.push(SimulatedJob { id, kind, body });
}

fn perform(
    schedule: &Schedule,
    core: &mut Core<'_>,
    mapping: &mut Mapping,
    parts: &mut Parts<'_>,
    task: Task,
) {
    match task {
        Task::Submit { job } => core.submit(job),
        Task::HandleSubmit { op, job, instead } => {
            core.handle_submit(parts.submit, op, job, instead);
        }
        Task::AnswerSubmit { op, result } => core.answer_submit(op, result),
        Task::Poll => {
            if core.takes_poll() {
                mapping.poll(core, parts.rules);
            }
        }
        Task::CloseWindow { batch } => mapping.close(core, batch),
        Task::Offer { batch } => mapping.offer(core, parts.rules, batch),
        Task::Start { batch } => mapping.start(core, parts.worker, batch),
        Task::End { batch } => mapping.end(core, parts.rules, batch),
        Task::ReadLog { line } => core.read_log(line),
        Task::Redrive { step } => {
            if let Some(Step::Redrive { by, .. }) = schedule.steps.get(step) {
                core.start_redrive(*by);
            }
        }
        // Whatever is due has been done before any task.
        Task::Move => {}
        Task::RedriveRound => core.redrive_round(parts.redriver),
        Task::Undo => {
            core.plan = FaultPlan::default();
            for rule in &schedule.faults {
                core.write(Event::Undo { what: rule.fault.kind().into() });
            }
        }
    }
}

/// Ends the drain. It is complete if nothing is left to happen and the jobs queue is empty.
fn finish(core: &mut Core<'_>, mapping: &Mapping, limit: u64) {
    let next_at = core.agenda.next_at();
    let nothing_left = next_at.is_none();
    // A run that was ended for its length ends where it is.
    if next_at.is_some_and(|at| at > limit) {
        core.now = limit;
    }
    let remaining = core.count(JOBS);
    let idle = mapping.in_hand == 0 && mapping.gathering.is_none() && core.redrive.is_none();
    core.write(Event::Drained { complete: nothing_left && idle && remaining == 0, remaining });
}
