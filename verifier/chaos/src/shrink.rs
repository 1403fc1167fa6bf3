//! The smallest schedule that still fails.
//!
//! The failure is run again first, so that one which does not happen again is not shrunk into nonsense. Then the mildest
//! parts are taken away first, since the harshest are most probably to blame, and what is left is made simpler. The undo
//! and the drain stay.

use verifier_model::faults::{CountBy, FaultRule};

use super::anomaly::AnomalySet;
use super::checker::{ChaosReport, evaluate};
use super::history::History;
use super::schedule::{JobKind, Schedule, Step};

/// How often a failure is run at most while it is shrunk.
const RUNS_MAX: u32 = 2_000;

/// A failure that was made small.
#[derive(Clone, Debug, PartialEq)]
pub struct Shrunk {
    /// The schedule.
    pub schedule: Schedule,
    /// What happens.
    pub history: History,
    /// What is wrong with that.
    pub report: ChaosReport,
    /// How often schedules were run for it.
    pub runs: u32,
}

/// Shrinks a failing schedule. What it shrinks to has some of the given violations and no others.
///
/// Returns `None` if the schedule does not fail again.
pub fn shrink<E>(
    schedule: &Schedule,
    violations: AnomalySet,
    run: &mut dyn FnMut(&Schedule) -> Result<History, E>,
) -> Result<Option<Shrunk>, E> {
    let mut shrinking = Shrinking { violations, run, runs: 0, best: None };
    if !shrinking.accepts(schedule.clone())? {
        return Ok(None);
    }
    loop {
        let before = shrinking.schedule();
        shrinking.take_away()?;
        shrinking.simplify()?;
        if shrinking.schedule() == before || shrinking.runs >= RUNS_MAX {
            break;
        }
    }
    let runs = shrinking.runs;
    Ok(shrinking.best.map(|(schedule, history, report)| Shrunk { schedule, history, report, runs }))
}

struct Shrinking<'r, E> {
    violations: AnomalySet,
    run: &'r mut dyn FnMut(&Schedule) -> Result<History, E>,
    runs: u32,
    /// The smallest schedule so far, with its history and what is wrong with it.
    best: Option<(Schedule, History, ChaosReport)>,
}

/// A part that can be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Step(usize),
    Fault(usize),
    Change(usize),
}

impl<E> Shrinking<'_, E> {
    /// Runs a schedule, and keeps it if it still fails.
    fn accepts(&mut self, schedule: Schedule) -> Result<bool, E> {
        if self.runs >= RUNS_MAX {
            return Ok(false);
        }
        self.runs += 1;
        let history = (self.run)(&schedule)?;
        let report = evaluate(&history);
        let violations = report.violations();
        let fails = !violations.is_empty() && violations.is_subset(self.violations);
        if fails {
            self.best = Some((schedule, history, report));
        }
        Ok(fails)
    }

    fn schedule(&self) -> Schedule {
        self.best.as_ref().map(|(schedule, ..)| schedule.clone()).unwrap_or_default()
    }

    /// Takes parts away, the mildest first: many at a time, then one by one.
    fn take_away(&mut self) -> Result<(), E> {
        let mut size = parts(&self.schedule()).len().div_ceil(2);
        while size > 0 {
            let mut from = 0;
            loop {
                let schedule = self.schedule();
                let parts = parts(&schedule);
                if from >= parts.len() {
                    break;
                }
                let chunk = &parts[from..parts.len().min(from + size)];
                if !self.accepts(without(schedule, chunk))? {
                    from += size;
                }
            }
            size /= 2;
        }
        Ok(())
    }

    /// Makes each part that is left simpler, as long as that is possible.
    fn simplify(&mut self) -> Result<(), E> {
        let mut index = 0;
        while index < self.schedule().steps.len() {
            let mut schedule = self.schedule();
            let step = schedule.steps[index].clone();
            let mut accepted = false;
            for simpler in simpler_steps(&step) {
                schedule.steps[index] = simpler;
                if self.accepts(schedule.clone())? {
                    accepted = true;
                    break;
                }
            }
            index += usize::from(!accepted);
        }
        for index in 0..self.schedule().faults.len() {
            for simplify in SIMPLER_RULES {
                let mut schedule = self.schedule();
                simplify(&mut schedule.faults[index]);
                if schedule != self.schedule() {
                    self.accepts(schedule)?;
                }
            }
        }
        Ok(())
    }
}

/// What can be taken away, the mildest first.
fn parts(schedule: &Schedule) -> Vec<Part> {
    let mut parts: Vec<(u32, Part)> = Vec::new();
    for (index, step) in schedule.steps.iter().enumerate() {
        parts.push((step_harshness(step), Part::Step(index)));
    }
    for (index, rule) in schedule.faults.iter().enumerate() {
        parts.push((rule_harshness(rule), Part::Fault(index)));
    }
    for (index, change) in schedule.changes.iter().enumerate() {
        parts.push((harshness(change.setting.allows()), Part::Change(index)));
    }
    parts.sort_by_key(|(harshness, _)| *harshness);
    parts.into_iter().map(|(_, part)| part).collect()
}

fn step_harshness(step: &Step) -> u32 {
    match step.job() {
        Some(JobKind::Good) => 0,
        Some(JobKind::Slow { .. } | JobKind::CutOff) => 1,
        Some(JobKind::Malformed | JobKind::Oversize) => 2,
        Some(JobKind::Flaky { .. }) => 3,
        Some(JobKind::Poison) => 4,
        Some(JobKind::Exiting { .. } | JobKind::Garbling) => 5,
        None => 6,
    }
}

/// A fault is the harsher, the more it allows; and so is a change.
fn rule_harshness(rule: &FaultRule) -> u32 {
    harshness(AnomalySet::allowed_by(&rule.fault))
}

fn harshness(allowed: AnomalySet) -> u32 {
    7 + u32::try_from(allowed.iter().count()).unwrap_or(u32::MAX - 7)
}

fn without(mut schedule: Schedule, taken: &[Part]) -> Schedule {
    let mut index = 0;
    schedule.steps.retain(|_| {
        index += 1;
        !taken.contains(&Part::Step(index - 1))
    });
    let mut index = 0;
    schedule.faults.retain(|_| {
        index += 1;
        !taken.contains(&Part::Fault(index - 1))
    });
    let mut index = 0;
    schedule.changes.retain(|_| {
        index += 1;
        !taken.contains(&Part::Change(index - 1))
    });
    schedule
}

/// Simpler forms of a step, the simplest first; none of them is the step itself.
fn simpler_steps(step: &Step) -> Vec<Step> {
    let mut simpler = Vec::new();
    match step {
        Step::Submit { name, at_milliseconds, job, times } => {
            let submit = |at_milliseconds, job, times| Step::Submit {
                name: name.clone(),
                at_milliseconds,
                job,
                times,
            };
            let (at, job, times) = (*at_milliseconds, *job, *times);
            simpler.extend((times > 1).then(|| submit(at, job, 1)));
            simpler.extend(simpler_jobs(job).into_iter().map(|job| submit(at, job, times)));
            simpler.extend(earlier(at).map(|at| submit(at, job, times)));
        }
        Step::Burst { name, at_milliseconds, count, every_milliseconds, job } => {
            let (name, at_milliseconds, job) = (name.clone(), *at_milliseconds, *job);
            simpler.push(Step::Submit { name: name.clone(), at_milliseconds, job, times: 1 });
            let fewer = [(*count / 2).max(2), *count - 1];
            let smaller = |count, every_milliseconds| {
                let name = name.clone();
                Step::Burst { name, at_milliseconds, count, every_milliseconds, job }
            };
            let fewer = fewer.into_iter().filter(|fewer| (2..*count).contains(fewer));
            simpler.extend(fewer.map(|count| smaller(count, *every_milliseconds)));
            simpler.extend((*every_milliseconds > 0).then(|| smaller(*count, 0)));
        }
        Step::Purge { at_milliseconds } => {
            let purge = |at_milliseconds| Step::Purge { at_milliseconds };
            simpler.extend(earlier(*at_milliseconds).map(purge));
        }
        Step::Redrive { at_milliseconds, by } => {
            simpler.extend(
                earlier(*at_milliseconds).map(|at| Step::Redrive { at_milliseconds: at, by: *by }),
            );
        }
    }
    simpler
}

fn simpler_jobs(job: JobKind) -> Vec<JobKind> {
    match job {
        JobKind::Good => Vec::new(),
        JobKind::Slow { milliseconds } if milliseconds > 200 => {
            vec![JobKind::Good, JobKind::Slow { milliseconds: 200 }]
        }
        JobKind::Flaky { fails } if fails > 1 => {
            vec![JobKind::Good, JobKind::Flaky { fails: fails - 1 }]
        }
        // Either comes to the dead-letter queue, and a poison takes no other with it.
        JobKind::Exiting { .. } | JobKind::Garbling => vec![JobKind::Good, JobKind::Poison],
        JobKind::Oversize => vec![JobKind::Good, JobKind::Malformed],
        _ => vec![JobKind::Good],
    }
}

/// At the beginning, or at the full second or minute before.
fn earlier(at: u64) -> impl Iterator<Item = u64> {
    [0, at / 60_000 * 60_000, at / 1_000 * 1_000].into_iter().filter(move |earlier| *earlier < at)
}

/// What makes a rule simpler.
const SIMPLER_RULES: [fn(&mut FaultRule); 5] = [
    |rule| (rule.from_milliseconds, rule.until_milliseconds) = (None, None),
    |rule| rule.probability = 1.0,
    |rule| rule.count_by = CountBy::Rule,
    |rule| rule.nth = None,
    |rule| rule.caller = None,
];
