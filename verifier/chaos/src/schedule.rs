//! Schedules: what is done to a stack and when, as a file and as a value.
//!
//! ```json
//! {"seed": 7, "undoAtMilliseconds": 120000,
//!  "steps": [
//!    {"submit": {"name": "good", "atMilliseconds": 0, "job": "good"}},
//!    {"burst": {"name": "crowd", "atMilliseconds": 500, "count": 8, "everyMilliseconds": 10, "job": {"flaky": {"fails": 1}}}},
//!    {"redrive": {"atMilliseconds": 300000, "by": "move-task"}}],
//!  "faults": [{"operation": "Invoke", "nth": 1, "fault": {"kind": "crash", "at": "after-effect"}}]}
//! ```
//!
//! Whatever a schedule says, its faults end at the undo, and everything is drained afterwards.

use std::collections::HashSet;
use std::fmt::Write as _;

use contract::Job;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;
use verifier_model::event_source_mapping::{MappingChanges, MappingConfiguration};
use verifier_model::faults::{FaultPlanError, FaultRule, FaultRules};

use super::anomaly::{Anomaly, AnomalySet};
use super::change::{Change, Setting};
use super::history::{Expectation, Terms};

/// The most jobs of one schedule.
pub const JOBS_MAX: u32 = 10_000;
/// The latest time of a step or of the undo: a day, in milliseconds.
pub const TIME_MAX_MILLISECONDS: u64 = 86_400_000;
/// How often one job is submitted at most.
const TIMES_MAX: u32 = 10;
/// How large an oversize job is, in bytes: no message may have more than 1 MiB.
const OVERSIZE_BYTES: usize = 1_048_576 + 1;
/// The longest name of a step, in characters, so that names with a number are still ids of jobs.
const NAME_MAX: usize = 40;

/// What a job is called that ends the batches which it is in, and what it may do to the others of them, although nothing is
/// wrong with the stack: whatever of them was done, they are received again, and at last dead-lettered.
pub(super) const ENDS_BATCH: (&str, AnomalySet) = (
    "job that ends its batch",
    AnomalySet::of(&[
        Anomaly::BatchPoisoned,
        Anomaly::ContradictedOutcome,
        Anomaly::InnocentDlq,
        Anomaly::EffectAndDlq,
    ]),
);
/// What a purge is called, and what it may do: whatever is in the queue is gone, a job that was accepted and one that failed
/// alike.
pub(super) const PURGE: (&str, AnomalySet) =
    ("purge", AnomalySet::of(&[Anomaly::Lost, Anomaly::PoisonAsSuccess]));

/// What is done to a stack, and when. Times are milliseconds from the beginning.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Schedule {
    /// The random seed.
    #[serde(default)]
    pub seed: u64,
    /// The stack that it is done to.
    #[serde(default)]
    pub stack: StackTerms,
    /// What clients do.
    pub steps: Vec<Step>,
    /// What goes wrong until the undo: the first rule that matches decides.
    #[serde(default)]
    pub faults: Vec<FaultRule>,
    /// What is changed about the stack, until the undo at the latest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// When the faults end, and what is changed is restored.
    pub undo_at_milliseconds: u64,
}

/// What a schedule has to know of its stack. The default is the stack of this project's template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct StackTerms {
    /// `maxReceiveCount` of the jobs queue; 1 to 1,000.
    pub max_receive_count: u32,
    /// `VisibilityTimeout` of both queues; 1 to 43,200 s.
    pub visibility_timeout_seconds: u32,
    /// `Timeout` of the worker; 1 to 900 s.
    pub function_timeout_seconds: u32,
    /// `BatchSize` of the mapping; 1 to 10,000.
    pub batch_size: u32,
    /// `MaximumBatchingWindowInSeconds` of the mapping; 0 to 300 s.
    pub maximum_batching_window_seconds: u32,
    /// `MaximumConcurrency` of the mapping; 2 to 1,000.
    pub maximum_concurrency: Option<u32>,
    /// Whether the mapping has `ReportBatchItemFailures`.
    pub report_batch_item_failures: bool,
    /// How much later than it is due something may happen.
    pub slack_seconds: u32,
}

/// What a client does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Step {
    /// Submits a job.
    Submit {
        /// The job's id: 1 to 40 characters of `[A-Za-z0-9_-]`.
        name: String,
        /// When.
        at_milliseconds: u64,
        /// What job.
        job: JobKind,
        /// How often it is submitted, as by a client that does not know whether it was; 1 to 10.
        #[serde(default = "once", skip_serializing_if = "is_once")]
        times: u32,
    },
    /// Submits several jobs of a kind.
    Burst {
        /// What the jobs' ids begin with; a hyphen and a number follow.
        name: String,
        /// When the first is submitted.
        at_milliseconds: u64,
        /// How many.
        count: u32,
        /// The time between two.
        every_milliseconds: u64,
        /// What jobs.
        job: JobKind,
    },
    /// Moves what is in the dead-letter queue back to the jobs queue.
    Redrive {
        /// When.
        at_milliseconds: u64,
        /// How.
        by: RedriveBy,
    },
    /// Deletes whatever is in the jobs queue. A deployed stack is only purged where somebody has said so.
    Purge {
        /// When.
        at_milliseconds: u64,
    },
}

fn once() -> u32 {
    1
}

// What serde asks takes a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_once(times: &u32) -> bool {
    *times == 1
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum JobKind {
    /// It succeeds.
    Good,
    /// It succeeds, and takes this many milliseconds.
    Slow {
        /// How long.
        milliseconds: u64,
    },
    /// It fails at its first receives, and succeeds at the others.
    Flaky {
        /// At how many.
        fails: u32,
    },
    /// It fails.
    Poison,
    /// It is no job, and has to be refused.
    Malformed,
    /// It is larger than a message may be, and has to be refused.
    Oversize,
    /// Its client is cut off in the middle of the request.
    CutOff,
    /// The worker's process ends at every attempt, and with it the whole batch fails.
    Exiting {
        /// When it ends.
        at: ExitAt,
    },
    /// The worker's response to its batch is none that Lambda understands.
    Garbling,
}

/// When a worker's process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExitAt {
    /// Before the job's work.
    Before,
    /// After the job's work, and before the response.
    After,
}

impl ExitAt {
    /// As the job says it to the worker.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// How dead letters are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RedriveBy {
    /// By SQS itself: `StartMessageMoveTask`.
    MoveTask,
    /// By a client that receives, sends and deletes.
    Client,
}

/// What cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// Not of the format.
    #[error("the schedule cannot be read: {0}")]
    Malformed(String),
    /// A step that says something impossible.
    #[error("step {number} of the schedule: {problem}")]
    Step {
        /// Which, counted from 1.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A change that cannot be made.
    #[error("change {number} of the schedule: {problem}")]
    Change {
        /// Which, counted from 1.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A stack that cannot exist.
    #[error("the schedule's stack: {0}")]
    Stack(String),
    /// The undo is too late.
    #[error("the undo may be at {TIME_MAX_MILLISECONDS} ms at the latest, found {0}")]
    Undo(u64),
    /// There are too many jobs.
    #[error("a schedule has at most {JOBS_MAX} jobs, found {0}")]
    Jobs(u64),
    /// A fault rule that cannot work.
    #[error(transparent)]
    Faults(#[from] FaultPlanError),
}

impl Default for StackTerms {
    fn default() -> Self {
        Self {
            max_receive_count: 3,
            visibility_timeout_seconds: 60,
            function_timeout_seconds: 9,
            batch_size: 5,
            maximum_batching_window_seconds: 1,
            maximum_concurrency: Some(5),
            report_batch_item_failures: true,
            slack_seconds: 30,
        }
    }
}

impl StackTerms {
    /// What a history's header says of it.
    pub fn terms(&self) -> Terms {
        Terms {
            max_receive_count: self.max_receive_count,
            visibility_timeout_milliseconds: u64::from(self.visibility_timeout_seconds) * 1_000,
            slack_milliseconds: u64::from(self.slack_seconds) * 1_000,
            told_late_milliseconds: 0,
            changed_late_milliseconds: 0,
        }
    }

    /// The mapping's configuration, if Lambda accepts it.
    pub(super) fn mapping(&self, queue_arn: &str) -> Result<MappingConfiguration, ScheduleError> {
        let changes = MappingChanges {
            batch_size: Some(self.batch_size),
            maximum_batching_window_seconds: Some(self.maximum_batching_window_seconds),
            report_batch_item_failures: Some(self.report_batch_item_failures),
            maximum_concurrency: Some(self.maximum_concurrency),
            ..MappingChanges::default()
        };
        MappingConfiguration::new(queue_arn, "worker")
            .changed_by(&changes)
            .map_err(|error| ScheduleError::Stack(error.to_string()))
    }

    fn check(&self) -> Result<(), ScheduleError> {
        let bounds = [
            ("maxReceiveCount", self.max_receive_count, 1, 1_000),
            ("visibilityTimeoutSeconds", self.visibility_timeout_seconds, 1, 43_200),
            ("functionTimeoutSeconds", self.function_timeout_seconds, 1, 900),
            ("slackSeconds", self.slack_seconds, 1, 86_400),
        ];
        for (name, value, min, max) in bounds {
            if !(min..=max).contains(&value) {
                let problem = format!("{name} is from {min} to {max}, found {value}");
                return Err(ScheduleError::Stack(problem));
            }
        }
        self.mapping("arn:aws:sqs:region:000000000000:jobs").map(|_| ())
    }
}

impl Schedule {
    /// Reads a schedule in JSON and checks it.
    pub fn parse(text: &[u8]) -> Result<Self, ScheduleError> {
        let schedule: Self = serde_json::from_slice(text)
            .map_err(|error| ScheduleError::Malformed(error.to_string()))?;
        schedule.check()?;
        Ok(schedule)
    }

    /// Checks a schedule that was made otherwise.
    pub fn check(&self) -> Result<(), ScheduleError> {
        self.stack.check()?;
        if self.undo_at_milliseconds > TIME_MAX_MILLISECONDS {
            return Err(ScheduleError::Undo(self.undo_at_milliseconds));
        }
        let mut names = HashSet::with_capacity(self.steps.len());
        for (index, step) in self.steps.iter().enumerate() {
            let is_repeated = step.name().is_some_and(|name| !names.insert(name));
            let repeated = || "another step has the same name".to_owned();
            let problem = step.problem().or_else(|| is_repeated.then(repeated));
            if let Some(problem) = problem {
                return Err(ScheduleError::Step { number: index + 1, problem });
            }
        }
        for (index, change) in self.changes.iter().enumerate() {
            let problem = change.problem(&self.changes[..index], TIME_MAX_MILLISECONDS);
            if let Some(problem) = problem {
                return Err(ScheduleError::Change { number: index + 1, problem });
            }
        }
        let jobs: u64 = self.steps.iter().map(|step| u64::from(step.job_count())).sum();
        if jobs > u64::from(JOBS_MAX) {
            return Err(ScheduleError::Jobs(jobs));
        }
        FaultRules { seed: self.seed, rules: self.faults.clone() }.check()?;
        Ok(())
    }

    /// How many things are done: steps, faults and changes. The undo and the drain are always done and do not count.
    pub fn operations(&self) -> usize {
        self.steps.len() + self.faults.len() + self.changes.len()
    }

    /// Whether it deletes what is in the jobs queue.
    pub fn purges(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Purge { .. }))
    }

    /// What it does by which messages of anybody are deleted, if anything: nothing restores them.
    pub fn deletes(&self) -> Option<&'static str> {
        let ignores = |change: &Change| change.setting == Setting::BatchItemFailuresIgnored;
        if self.purges() {
            Some("purges the jobs queue")
        } else if self.changes.iter().any(ignores) {
            Some("has messages deleted that the worker fails (batch-item-failures-ignored)")
        } else {
            None
        }
    }

    /// How many submits there are.
    pub fn job_count(&self) -> u32 {
        self.steps.iter().map(Step::job_count).sum()
    }
}

impl Step {
    /// What its jobs are called.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Submit { name, .. } | Self::Burst { name, .. } => Some(name),
            Self::Redrive { .. } | Self::Purge { .. } => None,
        }
    }

    /// What a job of a burst is called; they are counted from 0.
    pub fn name_in_burst(name: &str, number: u32) -> String {
        format!("{name}-{number}")
    }

    /// When it begins.
    pub fn at_milliseconds(&self) -> u64 {
        match self {
            Self::Submit { at_milliseconds, .. }
            | Self::Burst { at_milliseconds, .. }
            | Self::Redrive { at_milliseconds, .. }
            | Self::Purge { at_milliseconds } => *at_milliseconds,
        }
    }

    /// What its jobs do.
    pub fn job(&self) -> Option<JobKind> {
        match self {
            Self::Submit { job, .. } | Self::Burst { job, .. } => Some(*job),
            Self::Redrive { .. } | Self::Purge { .. } => None,
        }
    }

    fn job_count(&self) -> u32 {
        match self {
            Self::Submit { times, .. } => *times,
            Self::Burst { count, .. } => *count,
            Self::Redrive { .. } | Self::Purge { .. } => 0,
        }
    }

    fn problem(&self) -> Option<String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if let Some(name) = self.name()
            && (name.is_empty() || name.len() > NAME_MAX || !name.chars().all(allowed))
        {
            return Some(format!(
                "a name has 1 to {NAME_MAX} characters of A-Z, a-z, 0-9, _ and -"
            ));
        }
        let ends_at = match self {
            Self::Submit { times, .. } if !(1..=TIMES_MAX).contains(times) => {
                return Some(format!("a job is submitted 1 to {TIMES_MAX} times, found {times}"));
            }
            Self::Burst { count, .. } if !(1..=JOBS_MAX).contains(count) => {
                return Some(format!("a burst has 1 to {JOBS_MAX} jobs, found {count}"));
            }
            Self::Burst { at_milliseconds, count, every_milliseconds, .. } => {
                at_milliseconds.saturating_add(every_milliseconds.saturating_mul((*count).into()))
            }
            _ => self.at_milliseconds(),
        };
        (ends_at > TIME_MAX_MILLISECONDS).then(|| {
            format!("it ends at {TIME_MAX_MILLISECONDS} ms at the latest, found {ends_at}")
        })
    }
}

impl JobKind {
    /// What is to be expected of such a job on a queue that receives so often.
    pub const fn nature(self) -> Expectation {
        match self {
            Self::Good | Self::Slow { .. } | Self::Flaky { fails: 0 } | Self::CutOff => {
                Expectation::Healthy
            }
            Self::Flaky { .. } => Expectation::Flaky,
            Self::Poison
            | Self::Malformed
            | Self::Oversize
            | Self::Exiting { .. }
            | Self::Garbling => Expectation::Poison,
        }
    }

    /// At how many of its first receives a flaky one fails.
    pub const fn fails(self) -> Option<u32> {
        match self {
            Self::Flaky { fails } => Some(fails),
            _ => None,
        }
    }

    /// What it is called in files, and the value that says how much it is that, with its name.
    pub fn told(self) -> (&'static str, Option<(&'static str, String)>) {
        match self {
            Self::Good => ("good", None),
            Self::Slow { milliseconds } => {
                ("slow", Some(("milliseconds", milliseconds.to_string())))
            }
            Self::Flaky { fails } => ("flaky", Some(("fails", fails.to_string()))),
            Self::Poison => ("poison", None),
            Self::Malformed => ("malformed", None),
            Self::Oversize => ("oversize", None),
            Self::CutOff => ("cut-off", None),
            Self::Exiting { at } => ("exiting", Some(("at", at.as_str().to_owned()))),
            Self::Garbling => ("garbling", None),
        }
    }

    /// Whether an API may accept it.
    pub const fn can_be_accepted(self) -> bool {
        !matches!(self, Self::Malformed | Self::Oversize | Self::CutOff)
    }

    /// Whether it may end the invocation that it is attempted in, and with it the others of its batch.
    pub const fn ends_batch(self) -> bool {
        matches!(self, Self::Exiting { .. } | Self::Garbling)
    }

    /// How long the worker takes for it beyond what it takes for any job, in milliseconds.
    pub const fn takes_milliseconds(self) -> u64 {
        match self {
            Self::Slow { milliseconds } => milliseconds,
            _ => 0,
        }
    }

    /// The body of its request.
    ///
    /// What a worker of a preview is asked to do beyond the contract stands in the job's field `chaos`.
    pub fn body(self, job_id: &str) -> String {
        let mut job = Job::new("chaos");
        let mut ask = |directives: Value| job.extra.insert("chaos".to_owned(), directives);
        match self {
            Self::Malformed => {
                let mut body = String::new();
                // Writing to a string does not fail.
                let _ = write!(body, r#"{{"jobId":"{job_id}"}}"#);
                return body;
            }
            Self::Good | Self::CutOff => {}
            Self::Poison => job.fail = true,
            Self::Oversize => {
                job.extra.insert("padding".to_owned(), "x".repeat(OVERSIZE_BYTES).into());
            }
            Self::Flaky { fails } => drop(ask(json!({ "failTimes": fails }))),
            Self::Slow { milliseconds } => drop(ask(json!({ "sleepMs": milliseconds }))),
            Self::Exiting { at } => drop(ask(json!({ "exit": at.as_str() }))),
            Self::Garbling => drop(ask(json!({ "malformedResponse": true }))),
        }
        job.job_id = Some(job_id.to_owned());
        serde_json::to_string(&job).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
