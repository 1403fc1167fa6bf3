//! Random schedules on the simulator, on as many threads as are asked for.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use verifier_chaos::{Experiment, Exploration, Found, Limits, Schedule, Shrunk, Survey, survey};

use super::outcome::{Explored, Failing, Outcome, digest};
use super::sim::Sim;
use crate::shell::failure::Failure;
use crate::shell::progress::Progress;

/// How many schedules a thread takes at a time: a few hundredths of a second.
const STRETCH: u64 = 64;
/// How often the progress is told.
const BETWEEN_WORDS: Duration = Duration::from_secs(1);

/// How much is explored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// The seed of the first schedule.
    pub(crate) seed: u64,
    /// How many at most.
    pub(crate) schedules: u64,
    /// How many threads.
    pub(crate) jobs: u16,
    /// Until when in real time's clock.
    pub(crate) duration: Option<Duration>,
}

/// Explores, and shrinks the first failure. The first is the one of the lowest seed, however many threads there are.
pub(crate) fn explore(
    sim: Sim,
    budget: Budget,
    is_stopped: &(dyn Fn() -> bool + Sync),
    progress: &Progress,
) -> Result<Outcome, Failure> {
    let began = Instant::now();
    let survey = survey_all(sim, budget, is_stopped, progress)?;
    let took = began.elapsed();
    if let Some((schedule, _)) = &survey.failing {
        progress.say(&format!("shrinking the failure of seed {}", schedule.seed));
    }
    let mut run = |schedule: &Schedule| sim.simulate(schedule, Limits::default());
    let Exploration { schedules, unknown, coverage, failure } = survey.conclude(&mut run)?;
    let mut outcome = Outcome::of("sim", String::new());
    let mut explored =
        Explored { seed: budget.seed, schedules, unknown, took, coverage, failing: None };
    if let Some(failure) = failure {
        explored.failing = Some(Failing {
            seed: failure.schedule.seed,
            violations: failure.violations,
            operations: failure.schedule.operations(),
            shrinking_runs: failure.shrunk.as_ref().map(|shrunk| shrunk.runs),
        });
        // One that did not fail again is shown as it was drawn.
        let (schedule, evaluated) = match failure.shrunk {
            Some(Shrunk { schedule, history, report, .. }) => (schedule, Some((history, report))),
            None => (failure.schedule, None),
        };
        outcome.experiment = Some(found(sim, schedule, evaluated.as_ref())?);
        outcome.evaluated = evaluated;
    }
    outcome.explored = Some(explored);
    outcome.wall = began.elapsed();
    Ok(outcome)
}

/// The experiment that fails, as it is kept in a file.
fn found(
    sim: Sim,
    schedule: Schedule,
    evaluated: Option<&(verifier_chaos::History, verifier_chaos::ChaosReport)>,
) -> Result<Experiment, Failure> {
    let name = format!("explored-{}", schedule.seed);
    let Some((history, report)) = evaluated else {
        return Ok(Experiment::of_schedule(&name, "Failed once, and not again.", schedule));
    };
    let violations = report.violations();
    let description = format!("The smallest schedule that was found to give {violations}.");
    let mut experiment = Experiment::of_schedule(&name, &description, schedule);
    experiment.found = Some(Found {
        target: "sim".to_owned(),
        anomalies: violations,
        seeded: sim.seeded(),
        history_sha256: digest(history)?,
    });
    Ok(experiment)
}

/// What the threads share.
struct Shared<'s> {
    sim: Sim,
    budget: Budget,
    until: Option<Instant>,
    is_stopped: &'s (dyn Fn() -> bool + Sync),
    /// The number of the next stretch that nobody has taken.
    next: AtomicU64,
    /// Whether no more stretches are taken: those behind a failure are not needed.
    is_over: AtomicBool,
    done: AtomicU64,
    /// What stretches came to, each with its number.
    surveys: Mutex<Vec<(u64, Result<Survey, Failure>)>>,
}

fn survey_all(
    sim: Sim,
    budget: Budget,
    is_stopped: &(dyn Fn() -> bool + Sync),
    progress: &Progress,
) -> Result<Survey, Failure> {
    let shared = Shared {
        sim,
        budget,
        until: budget.duration.and_then(|duration| Instant::now().checked_add(duration)),
        is_stopped,
        next: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
        done: AtomicU64::new(0),
        surveys: Mutex::new(Vec::new()),
    };
    std::thread::scope(|scope| {
        let others: Vec<_> =
            (1..budget.jobs).map(|_| scope.spawn(|| shared.work(&mut || {}))).collect();
        let (began, mut told) = (Instant::now(), Instant::now());
        shared.work(&mut || {
            if told.elapsed() >= BETWEEN_WORDS {
                told = Instant::now();
                let done = shared.done.load(Ordering::Relaxed);
                let rate = rate(done, began.elapsed());
                progress.measure(done, budget.schedules, &format!("schedules, {rate:.0}/s"));
            }
        });
        for other in others {
            // A thread that panicked has ended the scope's caller, too.
            let _ = other.join();
        }
    });
    let mut surveys = shared.surveys.into_inner().unwrap_or_else(PoisonError::into_inner);
    surveys.sort_unstable_by_key(|(number, _)| *number);
    let mut whole = Survey::default();
    for (_, survey) in surveys {
        whole.append(survey?);
    }
    Ok(whole)
}

impl Shared<'_> {
    /// Takes stretches until there are no more. A stretch that was taken is finished, so that none before a failure is
    /// missing.
    fn work(&self, between: &mut dyn FnMut()) {
        loop {
            let is_late = self.until.is_some_and(|until| Instant::now() >= until);
            if is_late || (self.is_stopped)() || self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let from = number.saturating_mul(STRETCH);
            let to = from.saturating_add(STRETCH).min(self.budget.schedules);
            if from >= to {
                return;
            }
            let mut run = |schedule: &Schedule| self.sim.simulate(schedule, Limits::default());
            let survey = survey(self.budget.seed, from..to, &mut run);
            let goes_on = survey.as_ref().is_ok_and(|survey| survey.failing.is_none());
            if !goes_on {
                self.is_over.store(true, Ordering::Relaxed);
            }
            let ran = survey.as_ref().map_or(0, |survey| survey.schedules);
            self.done.fetch_add(ran, Ordering::Relaxed);
            self.surveys.lock().unwrap_or_else(PoisonError::into_inner).push((number, survey));
            between();
        }
    }
}

/// How many a second.
pub(crate) fn rate(count: u64, took: Duration) -> f64 {
    // Counts of schedules are far below where a float loses any.
    #[allow(clippy::cast_precision_loss)]
    let count = count as f64;
    count / took.as_secs_f64().max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explored(jobs: u16, schedules: u64, sim: Sim) -> Outcome {
        let budget = Budget { seed: 1, schedules, jobs, duration: None };
        explore(sim, budget, &|| false, &Progress::silent()).unwrap()
    }

    #[test]
    fn what_is_found_does_not_depend_on_the_number_of_threads() {
        let [one, three] = [1, 3].map(|jobs| explored(jobs, 300, Sim::sound()).explored.unwrap());
        assert_eq!((one.schedules, one.unknown, one.failing.is_none()), (300, 0, true));
        assert_eq!((one.schedules, &one.coverage), (three.schedules, &three.coverage));
    }

    #[cfg(feature = "seeded-bugs")]
    #[test]
    fn the_first_failure_is_that_of_the_lowest_seed() {
        use verifier_chaos::Anomaly;
        let sim = Sim::with(Some(Anomaly::RedriveLeak)).unwrap();
        let [one, four] = [1, 4].map(|jobs| explored(jobs, 5_000, sim));
        assert_eq!(one.experiment, four.experiment);
        let [one, four] = [one, four].map(|outcome| outcome.explored.unwrap());
        assert_eq!((one.schedules, &one.coverage), (four.schedules, &four.coverage));
        assert_eq!(one.failing.unwrap().seed, four.failing.unwrap().seed);
    }

    #[test]
    fn whoever_is_stopped_tells_what_was_done() {
        let budget = Budget { seed: 1, schedules: 1_000_000, jobs: 2, duration: None };
        let outcome = explore(Sim::sound(), budget, &|| true, &Progress::silent()).unwrap();
        assert_eq!(outcome.explored.unwrap().schedules, 0);
        let none = Budget { duration: Some(Duration::ZERO), ..budget };
        let outcome = explore(Sim::sound(), none, &|| false, &Progress::silent()).unwrap();
        assert_eq!(outcome.explored.unwrap().schedules, 0);
    }
}
