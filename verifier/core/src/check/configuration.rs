//! What is known of a stack's configuration.

use std::time::Duration;

use verifier_model::time::Timestamp;

use super::verdict::Evaluation;
use crate::evidence::{
    AlarmEvidence, FunctionEvidence, LogGroupEvidence, MappingEvidence, QueueEvidence,
    StackEvidence,
};
use crate::resources::Resources;
use crate::settings::Settings;

/// What a run is about, as it is known before anything is evaluated.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The settings in force.
    pub settings: &'a Settings,
    /// The resources that are known.
    pub resources: &'a Resources,
}

impl Subject<'_> {
    /// Why an API has nothing to show, where jobs do not come by one.
    pub(super) fn without_api(&self) -> Option<&'static str> {
        let why = "jobs are sent to the queue itself (jobs.submit), and not by an API";
        self.settings.jobs.are_sent().then_some(why)
    }
}

/// A stack as CloudFormation describes it, and what is expected of it.
#[derive(Clone, Copy, Debug)]
pub struct StackFacts<'a> {
    /// The stack; `None` where there is none.
    pub stack: Option<&'a StackEvidence>,
    /// The resources that it leads to.
    pub resources: &'a Resources,
}

/// How a stack's resources are configured, and what is expected of them.
#[derive(Clone, Copy, Debug)]
pub struct Configuration<'a> {
    /// The stack; `None` where there is none.
    pub stack: Option<&'a StackEvidence>,
    /// The resources that are known.
    pub resources: &'a Resources,
    /// The settings in force.
    pub settings: &'a Settings,
    /// What those resources lead to.
    pub discovered: &'a Discovered,
    /// The time, by the stack's clock.
    pub now: Timestamp,
}

/// What the resources lead to that are known.
#[derive(Clone, Debug, Default)]
pub struct Discovered {
    /// The jobs queue; `None` where nothing leads to one.
    pub jobs: Option<QueueEvidence>,
    /// The dead-letter queue; `None` where nothing leads to one.
    pub dead_letters: Option<QueueEvidence>,
    /// The mappings that read the jobs queue; where a function is named that does, those of it.
    pub mappings: Vec<MappingEvidence>,
    /// Those that read it, too, and invoke another function than the named one.
    pub rivals: Vec<MappingEvidence>,
    /// The mappings that read the dead-letter queue.
    pub dead_letter_mappings: Vec<MappingEvidence>,
    /// What the function of those that read the jobs queue reads beside it, by name, as far as that was seen.
    pub other_sources: Vec<String>,
    /// The stack's queues beside those two that nothing is seen to read, before the run.
    pub unread: Vec<QueueEvidence>,
    /// The function of the only mapping.
    pub worker: Option<FunctionEvidence>,
    /// The worker's log group, if there is one.
    pub log_group: Asked<Option<LogGroupEvidence>>,
    /// The alarms on the dead-letter queue.
    pub alarms: Asked<Vec<AlarmEvidence>>,
    /// The tag by which an experiment says that it is under way.
    pub experiment_lock: Asked<Option<String>>,
}

/// What only some checks are about: AWS's answer, or why there was none; `None` when it was not asked for.
pub type Asked<T> = Option<Result<T, Unanswered>>;

/// Why AWS did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// What happened, to which resource.
    pub what: String,
    /// The one thing to do next.
    pub next: String,
}

impl Unanswered {
    /// The evaluation of a check that is about what was asked for.
    pub fn evaluation(&self) -> Evaluation {
        Evaluation::inconclusive(self.what.clone()).with_next(self.next.clone())
    }
}

impl<'a> Configuration<'a> {
    /// Evaluates the jobs queue, where there is one.
    pub fn of_jobs(&self, evaluate: impl FnOnce(&'a QueueEvidence) -> Evaluation) -> Evaluation {
        self.discovered.jobs.as_ref().map_or_else(no_queues, evaluate)
    }

    /// Evaluates the jobs queue and the dead-letter queue, where there are both.
    pub fn of_queues(
        &self,
        evaluate: impl FnOnce(&'a QueueEvidence, &'a QueueEvidence) -> Evaluation,
    ) -> Evaluation {
        self.queues().map_or_else(no_queues, |(jobs, dead_letters)| evaluate(jobs, dead_letters))
    }

    /// Evaluates the worker of the jobs queue and its mapping, where it has exactly one consumer.
    pub fn of_consumer(
        &self,
        evaluate: impl FnOnce(&'a MappingEvidence, &'a FunctionEvidence) -> Evaluation,
    ) -> Evaluation {
        match (self.discovered.mappings.as_slice(), &self.discovered.worker) {
            ([mapping], Some(worker)) => evaluate(mapping, worker),
            _ => no_consumer(),
        }
    }

    /// The same evaluation, unless the two queues are swapped, or are one: what is said of either is
    /// about another queue then.
    pub fn unless_mistaken(&self, evaluate: impl FnOnce() -> Evaluation) -> Evaluation {
        let are_mistaken = self.queues().is_some_and(|(jobs, dead_letters)| {
            are_swapped(jobs, dead_letters) || are_one(jobs, dead_letters)
        });
        if are_mistaken {
            return Evaluation::not_run("the two queues are not told apart, as cfg.redrive says");
        }
        evaluate()
    }

    /// How long the only mapping gathers a batch; no time where there is none.
    pub fn batching_window(&self) -> Duration {
        match self.discovered.mappings.as_slice() {
            [mapping] => mapping.batching_window,
            _ => Duration::ZERO,
        }
    }

    fn queues(&self) -> Option<(&'a QueueEvidence, &'a QueueEvidence)> {
        self.discovered.jobs.as_ref().zip(self.discovered.dead_letters.as_ref())
    }
}

/// Whether both names are of one queue. Then nobody can say which of the two it is, and no command would help.
pub(super) fn are_one(jobs: &QueueEvidence, dead_letters: &QueueEvidence) -> bool {
    jobs.arn() == dead_letters.arn() && !jobs.arn().is_empty()
}

/// Whether what is called the dead-letter queue dead-letters to what is called the jobs queue, and not the other way.
/// Then nothing that is said of either is about that queue, and no command would help.
pub(super) fn are_swapped(jobs: &QueueEvidence, dead_letters: &QueueEvidence) -> bool {
    let leads = |from: &QueueEvidence, to: &QueueEvidence| {
        from.redrive_policy().is_some_and(|policy| policy.dead_letter_target_arn == to.arn())
    };
    leads(dead_letters, jobs) && !leads(jobs, dead_letters)
}

/// That there is no queue to evaluate.
pub(super) fn no_queues() -> Evaluation {
    Evaluation::not_run("no jobs queue or no dead-letter queue is known")
}

/// That there is no consumer to evaluate.
pub(super) fn no_consumer() -> Evaluation {
    Evaluation::not_run("the jobs queue has not exactly one consumer")
}
