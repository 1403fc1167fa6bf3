//! What became of each job of a run, in the order of time: what the views draw.

use std::time::Duration;

use contract::Outcome;

use super::JobEvidence;
use crate::time::Timestamp;

/// A job's way through the stack, as far as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobTrace {
    /// The job's id.
    pub job_id: String,
    /// The message's id; `None` where the job was not accepted.
    pub message_id: Option<String>,
    /// Whether the worker was asked to fail it.
    pub fails: bool,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// What happened to it since, in the order of time.
    pub steps: Vec<Step>,
}

/// Something that was seen of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When, by the clock of whoever saw it.
    pub at: Timestamp,
    /// What.
    pub what: StepKind,
}

/// What was seen of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// The worker logged an attempt.
    Attempt {
        /// The message's receive count, as the worker was told.
        receive_count: u32,
        /// How it ended.
        outcome: Outcome,
        /// Why it failed, where the worker says.
        reason: Option<String>,
    },
    /// The message was found in the dead-letter queue.
    DeadLettered,
}

impl JobTrace {
    /// What is known of a job, and when its message was first seen in the dead-letter queue.
    pub fn new(job: &JobEvidence, dead_lettered_at: Option<Timestamp>) -> Self {
        let attempts = job.attempts.iter().map(|attempt| Step {
            at: attempt.at,
            what: StepKind::Attempt {
                receive_count: attempt.line.receive_count,
                outcome: attempt.line.outcome,
                reason: attempt.line.reason.clone(),
            },
        });
        let arrival = dead_lettered_at.map(|at| Step { at, what: StepKind::DeadLettered });
        let mut steps: Vec<Step> = attempts.chain(arrival).collect();
        steps.sort_by_key(|step| step.at);
        Self {
            job_id: job.job_id.clone(),
            message_id: job.message_id.clone(),
            fails: job.fails,
            submitted_at: job.submitted_at,
            steps,
        }
    }

    /// How long after the submission a step was seen; zero where clocks differ by more than that.
    pub fn after(&self, step: &Step) -> Duration {
        step.at.since(self.submitted_at)
    }

    /// The last that was seen of it; `None` when nothing was seen since it was submitted.
    pub fn last_seen(&self) -> Option<&Step> {
        self.steps.last()
    }

    /// Whether it came to one of its ends: a success or the dead-letter queue.
    pub fn has_ended(&self) -> bool {
        self.steps.iter().any(|step| match &step.what {
            StepKind::Attempt { outcome, .. } => *outcome == Outcome::Succeeded,
            StepKind::DeadLettered => true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::job_accept::tests::job;
    use super::super::rules::job_success::tests::attempt;
    use super::*;

    #[test]
    fn steps_are_in_the_order_of_time_whatever_the_order_of_the_log() {
        let attempts = vec![attempt(2, Outcome::Failed), attempt(1, Outcome::Failed)];
        let poison = JobEvidence { attempts, ..job("p", true, Some("m")) };
        let trace = JobTrace::new(&poison, Some(Timestamp::from_millis(1_003_000)));
        let millis: Vec<u128> =
            trace.steps.iter().map(|step| trace.after(step).as_millis()).collect();
        assert_eq!(millis, [1000, 2000, 3000]);
        assert_eq!(trace.last_seen().map(|step| &step.what), Some(&StepKind::DeadLettered));
    }

    #[test]
    fn a_success_and_the_dead_letter_queue_are_ends_and_a_failed_attempt_is_none() {
        let traced = |outcome, letter: Option<u64>| {
            let attempts = vec![attempt(1, outcome)];
            let job = JobEvidence { attempts, ..job("a", false, Some("m")) };
            JobTrace::new(&job, letter.map(Timestamp::from_millis))
        };
        assert!(traced(Outcome::Succeeded, None).has_ended());
        assert!(!traced(Outcome::Failed, None).has_ended());
        assert!(traced(Outcome::Failed, Some(1_009_000)).has_ended());
        let unseen = JobTrace::new(&job("a", false, Some("m")), None);
        assert!(!unseen.has_ended() && unseen.last_seen().is_none());
    }
}
