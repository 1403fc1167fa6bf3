//! What became of each job of a run, in the order of time: what the views draw.

use std::time::Duration;

use contract::Outcome;
use verifier_model::time::Timestamp;

use crate::account::{Account, Expectation, Explained, MessageAccount};

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
    /// What is known of a message, by the account of its run. A receive of which the worker wrote nothing is there where a
    /// failed invocation explains it.
    pub fn of(account: &Account, message: &MessageAccount) -> Self {
        let written = message.attempts.iter().map(|attempt| {
            let whole = attempt.failed_whole();
            let reason = whole.map(|end| format!("its invocation ended with {}", end.as_str()));
            Step {
                at: attempt.line.at,
                what: StepKind::Attempt {
                    receive_count: attempt.receive_count,
                    outcome: if attempt.failed() { Outcome::Failed } else { Outcome::Succeeded },
                    reason: attempt.line.reason.clone().or(reason),
                },
            }
        });
        let inferred = account.unseen(message).into_iter().filter_map(|unseen| {
            let (request_id, how) = match unseen.explained {
                Explained::FailedInvocation { request_id, end } => {
                    (request_id, format!("ended with {}", end.as_str()))
                }
                Explained::CameAgain { request_id } => {
                    (request_id, "was handed the failing job".to_owned())
                }
                Explained::Unwritten { .. } | Explained::Nothing => return None,
            };
            let mut invocations = account.invocations.iter();
            let at = invocations.find(|each| each.request_id == request_id)?.ended_at;
            let reason = format!("inferred: invocation {request_id} {how}");
            let outcome = Outcome::Failed;
            let receive_count = unseen.receive_count;
            Some(Step {
                at,
                what: StepKind::Attempt { receive_count, outcome, reason: Some(reason) },
            })
        });
        let found = message.dead_lettered.iter();
        let arrival = found.map(|found| Step { at: found.seen_at, what: StepKind::DeadLettered });
        let mut steps: Vec<Step> = written.chain(inferred).chain(arrival).collect();
        steps.sort_by_key(|step| step.at);
        Self {
            job_id: message.job_id.clone(),
            message_id: message.message_id.clone(),
            fails: message.expectation == Expectation::Fails,
            submitted_at: message.submitted_at,
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
    use super::super::rules::job_success::tests::{account, attempt};
    use super::*;
    use crate::check::JobEvidence;

    fn traced(job: JobEvidence, dead: &[&str]) -> JobTrace {
        let account = account(&[job], dead);
        JobTrace::of(&account, &account.messages[0])
    }

    #[test]
    fn steps_are_in_the_order_of_time_whatever_the_order_of_the_log() {
        let attempts = vec![attempt(2, Outcome::Failed), attempt(1, Outcome::Failed)];
        let trace = traced(JobEvidence { attempts, ..job("p", true, Some("m")) }, &["m"]);
        let millis: Vec<u128> =
            trace.steps.iter().map(|step| trace.after(step).as_millis()).collect();
        assert_eq!(millis[..2], [1000, 2000]);
        assert_eq!(trace.last_seen().map(|step| &step.what), Some(&StepKind::DeadLettered));
    }

    #[test]
    fn a_success_and_the_dead_letter_queue_are_ends_and_a_failed_attempt_is_none() {
        let with = |outcome, dead: &[&str]| {
            let attempts = vec![attempt(1, outcome)];
            traced(JobEvidence { attempts, ..job("a", false, Some("m")) }, dead)
        };
        assert!(with(Outcome::Succeeded, &[]).has_ended());
        assert!(!with(Outcome::Failed, &[]).has_ended());
        assert!(with(Outcome::Failed, &["m"]).has_ended());
        let unseen = traced(job("a", false, Some("m")), &[]);
        assert!(!unseen.has_ended() && unseen.last_seen().is_none());
    }
}
