//! A run: from the first step to the end of the drain.

use verifier_model::faults::FaultPlan;

use super::super::ScheduleError;
use super::super::anomaly::AnomalySet;
use super::super::change::Change;
use super::super::history::{Event, HISTORY_VERSION, Header, History};
use super::super::observation::Observation;
use super::super::schedule::{JobKind, Schedule, Step};
use super::agenda::Task;
use super::changes::Changed;
use super::core::{Core, JOBS, SimulatedJob};
use super::mapping::Mapping;
use super::parts::Parts;

/// How long a drain may take after the last step and the undo: an hour, in milliseconds.
pub const DRAIN_MILLISECONDS: u64 = 3_600_000;
/// The most things that happen in one run, so that every run ends: a duplicate for every receive would never.
const TASKS_MAX: u32 = 1_000_000;

/// When a run is ended before its time. What has no limit is not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// At that time, in milliseconds from the beginning.
    pub milliseconds: Option<u64>,
    /// When clients would make more requests than that: submits, those of redrives, and those that change settings and put
    /// them back.
    pub client_calls: Option<u64>,
}

impl Limits {
    /// Which of them does not let the run go on at that time, if any, as abort conditions are called.
    pub fn met(&self, at: u64, client_calls: u64) -> Option<&'static str> {
        if self.milliseconds.is_some_and(|limit| at > limit) {
            Some("max-duration")
        } else if self.client_calls.is_some_and(|limit| client_calls > limit) {
            Some("max-cost-calls")
        } else {
            None
        }
    }
}

/// Runs a schedule against a stack of these parts, and returns what happened.
///
/// The stack is drained at the end; if that takes longer than [`DRAIN_MILLISECONDS`], the history says that it is incomplete.
pub fn simulate(schedule: &Schedule, parts: &mut Parts<'_>) -> Result<History, ScheduleError> {
    simulate_within(schedule, Limits::default(), parts)
}

/// The same within limits: at the first that is met everything is restored, the history says so, and the drain is
/// incomplete.
pub fn simulate_within(
    schedule: &Schedule,
    limits: Limits,
    parts: &mut Parts<'_>,
) -> Result<History, ScheduleError> {
    schedule.check()?;
    let mut core = Core::new(schedule)?;
    let configuration = schedule.stack.mapping(&core.sqs.arn(JOBS))?;
    let mut mapping = Mapping::new(configuration, schedule.seed);
    let mut ends_by = schedule.undo_at_milliseconds;
    for (index, step) in schedule.steps.iter().enumerate() {
        ends_by = ends_by.max(plan_step(&mut core, index, step));
    }
    plan_changes(&mut core, schedule);
    core.agenda.put(schedule.undo_at_milliseconds, Task::Undo);
    let mut changed = Changed::default();
    let limit = ends_by + DRAIN_MILLISECONDS;
    let mut tasks = 0;
    while core.agenda.next_at().is_some_and(|at| at <= limit) && tasks < TASKS_MAX {
        let Some((at, task)) = core.agenda.next() else {
            break;
        };
        if let Some(condition) = limits.met(at, core.client_calls) {
            core.write(Event::Aborted { condition: condition.into() });
            undo(schedule, &mut core, &mut mapping, &mut changed);
            let remaining = core.count(JOBS);
            core.write(Event::Drained { complete: false, remaining });
            return Ok(History { header: header(schedule), lines: core.lines });
        }
        core.now = at;
        tasks += 1;
        core.settle_moves();
        perform(schedule, &mut core, &mut mapping, &mut changed, parts, task);
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
        not_seen: Vec::new(),
    }
}

/// Puts a step on the agenda, and tells when it is over.
fn plan_step(core: &mut Core, index: usize, step: &Step) -> u64 {
    match step {
        Step::Submit { name, at_milliseconds, job, times } => {
            let planned = plan_job(core, name.as_str().into(), *at_milliseconds, *job);
            for _ in 1..*times {
                core.agenda.put(*at_milliseconds, Task::Submit { job: planned });
            }
            *at_milliseconds
        }
        Step::Burst { name, at_milliseconds, count, every_milliseconds, job } => {
            let mut at = *at_milliseconds;
            for number in 0..*count {
                at = at_milliseconds + u64::from(number) * every_milliseconds;
                let _ = plan_job(core, Step::name_in_burst(name, number).into(), at, *job);
            }
            at
        }
        Step::Purge { at_milliseconds } => {
            core.agenda.put(*at_milliseconds, Task::Purge);
            *at_milliseconds
        }
        Step::Redrive { at_milliseconds, .. } => {
            core.agenda.put(*at_milliseconds, Task::Redrive { step: index });
            *at_milliseconds
        }
    }
}

/// Puts changes on the agenda that begin before the undo.
fn plan_changes(core: &mut Core, schedule: &Schedule) {
    let undo_at = schedule.undo_at_milliseconds;
    for (change, Change { from_milliseconds: from, until_milliseconds: until, .. }) in
        schedule.changes.iter().enumerate()
    {
        if *from < undo_at {
            core.agenda.put(*from, Task::Change { change });
            core.agenda.put((*until).min(undo_at), Task::Restore { change });
        }
    }
}

/// Puts a submit on the agenda; says of which job.
fn plan_job(core: &mut Core, id: super::super::Id, at: u64, kind: JobKind) -> usize {
    let (job, body) = (core.jobs.len(), kind.body(&id));
    core.agenda.put(at, Task::Submit { job });
    core.jobs.push(SimulatedJob { id, kind, body });
    job
}

fn perform(
    schedule: &Schedule,
    core: &mut Core,
    mapping: &mut Mapping,
    changed: &mut Changed,
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
                core.compete_with_the_mapping();
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
        Task::Purge => core.purge(),
        // Whatever is due has been done before any task.
        Task::Move => {}
        Task::RedriveRound => core.redrive_round(parts.redriver),
        Task::Compete => core.compete(),
        Task::Change { change } => {
            changed.change(core, mapping, change, schedule.changes[change]);
        }
        Task::Restore { change } => {
            changed.restore_saved(core, mapping, change, schedule.changes[change]);
        }
        Task::Undo => undo(schedule, core, mapping, changed),
    }
}

/// Ends the faults and restores what is changed, the last first.
fn undo(schedule: &Schedule, core: &mut Core, mapping: &mut Mapping, changed: &mut Changed) {
    core.plan = FaultPlan::default();
    for rule in &schedule.faults {
        core.write(Event::Undo { what: rule.fault.kind().into() });
    }
    changed.put_all_back(core, mapping, &schedule.changes);
}

/// Ends the drain. It is complete if nothing is left to happen and the jobs queue is empty.
fn finish(core: &mut Core, mapping: &Mapping, limit: u64) {
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
