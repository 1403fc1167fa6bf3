//! Experiments: what holds before and after, what is done, what goes wrong meanwhile, and when it is broken off.
//!
//! An experiment is a file that people write, and one that [`super::explore()`]'s failures are kept in. It holds a
//! [`Schedule`] and what the schedule itself does not know: its name, its steady state, what it allows, and its limits.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use verifier_core::check::Selection;
use verifier_model::faults::{FaultPlanError, FaultRule};

use super::anomaly::{Anomaly, AnomalySet};
use super::change::Change;
use super::schedule::{Schedule, ScheduleError, StackTerms, Step};
use super::simulator::Limits;

/// The schema of the format.
pub const EXPERIMENT_SCHEMA: &str = "verifier.chaos.experiment/1";
/// The longest name, in characters.
const NAME_MAX: usize = 60;
/// The longest that an experiment may be allowed to take: a week, in seconds.
const DURATION_MAX_SECONDS: u64 = 604_800;

/// An experiment. Times are milliseconds from its beginning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Experiment {
    /// [`EXPERIMENT_SCHEMA`].
    pub schema: String,
    /// 1 to 60 characters of `[a-z0-9-]`.
    pub name: String,
    /// What it tries, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The random seed.
    #[serde(default)]
    pub seed: u64,
    /// The stack that it is made for.
    #[serde(default)]
    pub stack: StackTerms,
    /// What holds before it and has to hold after it.
    #[serde(default)]
    pub steady_state: SteadyState,
    /// What clients do.
    pub load: Vec<Step>,
    /// The names of submits and bursts that are left out where a stack's settings say no body of such jobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub optional: Vec<String>,
    /// What goes wrong until the undo: the first rule that matches decides.
    #[serde(default)]
    pub faults: Vec<FaultRule>,
    /// What is changed about the stack, until the undo at the latest.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// When the faults end, and what is changed is restored.
    pub undo_at_milliseconds: u64,
    /// The anomalies that it allows, besides those that faults and changes allow.
    #[serde(default)]
    pub allow: AnomalySet,
    /// What has to be seen for its result to count.
    #[serde(default, skip_serializing_if = "Expect::is_default")]
    pub expect: Expect,
    /// When it is broken off.
    #[serde(default)]
    pub abort: Abort,
    /// What was found by it, if a program wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Found>,
}

/// What holds before an experiment and has to hold after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SteadyState {
    /// The checks of `verifier check` that have to pass: ids, or areas such as `cfg.*`; all if there are none. The simulator,
    /// which has no page and no configuration, has a good job and a poison one instead.
    #[serde(default)]
    pub checks: Vec<String>,
}

/// What has to be seen for the result of an experiment to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Expect {
    /// How many jobs are accepted at least; 1 without it, where there is a job that can be accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<u32>,
    /// Whether each fault has to strike: each rule at least once, and of those that go by chance at least one. So do the changes
    /// of settings, and at least one of the redrives has to move something.
    pub every_fault: bool,
    /// The anomalies that have to be found, because the experiment is about them.
    pub anomalies: AnomalySet,
}

impl Default for Expect {
    fn default() -> Self {
        Self { accepted: None, every_fault: true, anomalies: AnomalySet::NONE }
    }
}

impl Expect {
    /// Whether it says no more than what follows without it.
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// When an experiment is broken off, everything being restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Abort {
    /// After this much simulated time; 1 s to a week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration_seconds: Option<u64>,
    /// When it would make more requests than that; 1 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_calls: Option<u64>,
}

/// What a program found by an experiment that it wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Found {
    /// Against what: `sim`, `local` or a stack.
    pub target: String,
    /// The anomalies that nothing allows.
    pub anomalies: AnomalySet,
    /// The seeded bug of the stack, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeded: Option<Anomaly>,
    /// The SHA-256 of the history, in hexadecimal: on a simulator it is the same again.
    pub history_sha256: String,
}

/// What is wrong with an experiment.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field}: {problem}")]
pub struct ExperimentError {
    /// The field, as it is found in the file: `load[2]`.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Experiment {
    /// An experiment of a schedule, with nothing allowed and no limits.
    pub fn of_schedule(name: &str, description: &str, schedule: Schedule) -> Self {
        let Schedule { seed, stack, steps, faults, changes, undo_at_milliseconds } = schedule;
        Self {
            schema: EXPERIMENT_SCHEMA.to_owned(),
            name: name.to_owned(),
            description: description.to_owned(),
            seed,
            stack,
            steady_state: SteadyState::default(),
            load: steps,
            optional: Vec::new(),
            faults,
            changes,
            undo_at_milliseconds,
            allow: AnomalySet::NONE,
            expect: Expect::default(),
            abort: Abort::default(),
            found: None,
        }
    }

    /// What is done and what goes wrong.
    pub fn schedule(&self) -> Schedule {
        Schedule {
            seed: self.seed,
            stack: self.stack.clone(),
            steps: self.load.clone(),
            faults: self.faults.clone(),
            changes: self.changes.clone(),
            undo_at_milliseconds: self.undo_at_milliseconds,
        }
    }

    /// When a run of it is ended before its time.
    pub fn limits(&self) -> Limits {
        let seconds = self.abort.max_duration_seconds;
        Limits {
            milliseconds: seconds.map(|seconds| seconds.saturating_mul(1_000)),
            client_calls: self.abort.max_cost_calls,
        }
    }

    /// Checks what its types do not say.
    pub fn check(&self) -> Result<(), ExperimentError> {
        let wrong = |field: &str, problem: String| {
            Err(ExperimentError { field: field.to_owned(), problem })
        };
        if self.schema != EXPERIMENT_SCHEMA {
            let problem = format!("{EXPERIMENT_SCHEMA} is expected, found {}", self.schema);
            return wrong("schema", problem);
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let name = &self.name;
        if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(allowed) {
            let problem = format!("a name has 1 to {NAME_MAX} characters of a-z, 0-9 and -");
            return wrong("name", problem);
        }
        if let Err(error) = Selection::new(self.steady_state.checks.clone(), Vec::new()) {
            return wrong("steadyState.checks", error.to_string());
        }
        if self.abort.max_duration_seconds.is_some_and(|s| !(1..=DURATION_MAX_SECONDS).contains(&s))
        {
            let problem = format!("from 1 to {DURATION_MAX_SECONDS} s");
            return wrong("abort.maxDurationSeconds", problem);
        }
        if self.abort.max_cost_calls == Some(0) {
            return wrong("abort.maxCostCalls", "at least 1".to_owned());
        }
        let is_step = |name: &&String| self.load.iter().any(|step| step.name() == Some(*name));
        if let Some(name) = self.optional.iter().find(|name| !is_step(name)) {
            return wrong("optional", format!("there is no step {name}"));
        }
        self.schedule().check().map_err(located)
    }
}

/// What is wrong with a schedule, where it is in an experiment.
fn located(error: ScheduleError) -> ExperimentError {
    let (field, problem) = match error {
        ScheduleError::Malformed(problem) => ("experiment".to_owned(), problem),
        ScheduleError::Step { number, problem } => (format!("load[{}]", number - 1), problem),
        ScheduleError::Change { number, problem } => (format!("changes[{}]", number - 1), problem),
        ScheduleError::Stack(problem) => ("stack".to_owned(), problem),
        ScheduleError::Undo(_) => ("undoAtMilliseconds".to_owned(), error.to_string()),
        ScheduleError::Jobs(_) => ("load".to_owned(), error.to_string()),
        ScheduleError::Faults(FaultPlanError::Rule { number, rule, problem }) => {
            (format!("faults[{}]", number - 1), format!("{rule}: {problem}"))
        }
        ScheduleError::Faults(FaultPlanError::Malformed(problem)) => ("faults".to_owned(), problem),
    };
    ExperimentError { field, problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Setting;
    use verifier_model::faults::{Fault, Nth};

    fn experiment() -> Experiment {
        Experiment::of_schedule("a-name", "", Schedule::generate(7))
    }

    fn refused(change: impl FnOnce(&mut Experiment)) -> String {
        let mut experiment = experiment();
        change(&mut experiment);
        experiment.check().unwrap_err().to_string()
    }

    #[test]
    fn a_schedule_is_what_its_experiment_does() {
        for seed in 0..200 {
            let schedule = Schedule::generate(seed);
            let experiment = Experiment::of_schedule("a", "b", schedule.clone());
            assert_eq!(experiment.check(), Ok(()));
            assert_eq!(experiment.schedule(), schedule);
            let text = serde_json::to_string(&experiment).unwrap();
            assert_eq!(serde_json::from_str::<Experiment>(&text).unwrap(), experiment);
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field() {
        for (said, expected) in [
            (refused(|e| e.schema = "x/1".to_owned()), "schema: verifier.chaos.experiment/1 is"),
            (refused(|e| e.name = "A name".to_owned()), "name: a name has 1 to 60"),
            (refused(|e| e.steady_state.checks = vec!["job.x".to_owned()]), "steadyState.checks: "),
            (
                refused(|e| e.abort.max_duration_seconds = Some(0)),
                "abort.maxDurationSeconds: from 1",
            ),
            (refused(|e| e.abort.max_cost_calls = Some(0)), "abort.maxCostCalls: at least 1"),
            (refused(|e| e.load.push(e.load[0].clone())), "another step has the same name"),
            (refused(|e| e.optional = vec!["x".to_owned()]), "optional: there is no step x"),
            (refused(|e| e.stack.batch_size = 0), "stack: "),
            (refused(|e| e.undo_at_milliseconds = u64::MAX), "undoAtMilliseconds: "),
            (
                refused(|e| {
                    e.faults = vec![FaultRule::always(Fault::Reorder)];
                    e.faults[0].nth = Some(Nth::Only(0));
                }),
                "faults[0]: reorder: nth counts from 1",
            ),
            (
                refused(|e| {
                    e.changes = vec![Change {
                        setting: Setting::MappingDisabled,
                        from_milliseconds: 1,
                        until_milliseconds: 1,
                    }];
                }),
                "changes[0]: untilMilliseconds must be above",
            ),
        ] {
            assert!(said.contains(expected), "{said}");
        }
    }
}
