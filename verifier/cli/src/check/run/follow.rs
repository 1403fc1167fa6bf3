//! Following the jobs of a run to their ends.

use std::time::Duration;

use contract::Outcome;
use verifier_aws::AwsError;
use verifier_core::check::rules::{dlq_arrival, dlq_attempts, job_accept, job_success};
use verifier_core::check::{
    CheckEvent, DeadLetter, LogEvidence, LoggedOutcome, QueueEvidence, Wait,
};
use verifier_core::time::Timestamp;

use super::{Course, GOOD_JOBS, Run};

/// How much sooner than the message is due the dead-letter queue is looked at.
const EARLY: Duration = Duration::from_secs(5);
/// How much later than it is due the message is given up.
const SLACK: Duration = Duration::from_mins(1);
/// Log lines come within seconds, sometimes later.
const LOG_PATIENCE: Duration = Duration::from_secs(30);
const LOG_PAUSE: Duration = Duration::from_secs(2);
/// How much before the first submission log lines are looked for: clocks differ.
pub(super) const CLOCK_SKEW: Duration = Duration::from_mins(1);

impl Run<'_> {
    /// Follows the jobs to their ends and judges them.
    pub(super) async fn follow(&mut self, course: &Course) -> Result<(), AwsError> {
        self.settle(&job_accept::CHECK, job_accept::judge(&self.jobs));
        let waited_until = self.await_poison(course).await?;
        let log = self.read_log(course).await;
        let found = self.poison_letter();
        if found.is_none() {
            self.queue_is_empty = self.is_empty(&course.jobs).await?;
        }
        let traces = self.traces();
        (self.emit)(CheckEvent::Traced(traces));
        self.settle(&job_success::CHECK, job_success::judge(&self.jobs, &log));
        let Some(poison) = self.jobs.iter().find(|job| job.fails).cloned() else {
            return Ok(());
        };
        let attempts = dlq_attempts::judge(&poison, course.max_receive_count, &log);
        self.settle(&dlq_attempts::CHECK, attempts);
        let job = self.job(GOOD_JOBS);
        let terms = dlq_arrival::Terms {
            max_receive_count: course.max_receive_count,
            visibility_timeout: course.visibility_timeout,
            source_arn: course.jobs.arn(),
            job: &job,
            waited_until,
            queue_holds_messages: !self.queue_is_empty,
        };
        let arrival = dlq_arrival::judge(&poison, found.as_ref(), &terms);
        self.settle(&dlq_arrival::CHECK, arrival);
        Ok(())
    }

    fn poison_letter(&self) -> Option<DeadLetter> {
        let poison = self.jobs.iter().find(|job| job.fails)?;
        self.letters.own.get(poison.message_id.as_ref()?).cloned()
    }

    /// Waits for the poison in the dead-letter queue; says until when.
    async fn await_poison(&mut self, course: &Course) -> Result<Timestamp, AwsError> {
        let poison = self.jobs.iter().find(|job| job.fails);
        let Some((submitted_at, message_id)) =
            poison.and_then(|job| Some((job.submitted_at, job.message_id.clone()?)))
        else {
            return Ok(self.clock.now());
        };
        let (count, visibility) = (course.max_receive_count, course.visibility_timeout);
        let due_at = submitted_at + visibility * count;
        let bound_at = due_at + SLACK;
        (self.emit)(CheckEvent::Waiting(Wait {
            what: format!("the poison job in {}", course.dead_letters.name),
            due_at,
            bound_at,
            why: format!(
                "{count} receives × {} s visibility timeout, + {} s",
                visibility.as_secs(),
                SLACK.as_secs()
            ),
            since: self.clock.now(),
        }));
        // Looking sooner cannot find it, and would cost receives of other messages.
        self.clock.sleep_until(due_at - EARLY.min(visibility)).await;
        self.letters
            .await_letter(
                self.aws,
                &self.clock,
                &course.dead_letters,
                &self.run_id,
                &message_id,
                bound_at,
            )
            .await?;
        Ok(self.clock.now())
    }

    /// Reads the worker's log until it is complete, or for as long as lines may take to come.
    async fn read_log(&mut self, course: &Course) -> LogEvidence {
        let mut log = LogEvidence { log_group: course.log_group.clone(), ..LogEvidence::default() };
        let since = self.jobs.iter().map(|job| job.submitted_at).min().unwrap_or(self.started_at);
        let give_up_at = self.clock.now() + LOG_PATIENCE;
        loop {
            log.queries += 1;
            match self.aws.outcomes(&course.log_group, &self.run_id, since - CLOCK_SKEW).await {
                Ok(outcomes) => {
                    self.attribute(&outcomes);
                    log.error = None;
                }
                Err(error) => log.error = Some(error.to_string()),
            }
            if self.log_is_complete(course.max_receive_count) || self.clock.now() >= give_up_at {
                return log;
            }
            self.clock.sleep(LOG_PAUSE).await;
        }
    }

    /// Gives each job its attempts.
    pub(super) fn attribute(&mut self, outcomes: &[LoggedOutcome]) {
        for job in &mut self.jobs {
            let own = |outcome: &&LoggedOutcome| {
                Some(&outcome.line.message_id) == job.message_id.as_ref()
            };
            job.attempts = outcomes.iter().filter(own).cloned().collect();
        }
    }

    fn log_is_complete(&self, max_receive_count: u32) -> bool {
        self.jobs.iter().filter(|job| job.message_id.is_some()).all(|job| {
            let seen = |number: u32| {
                job.attempts.iter().any(|attempt| attempt.line.receive_count == number)
            };
            if job.fails {
                (1..=max_receive_count).all(seen)
            } else {
                job.attempts_that(Outcome::Succeeded).next().is_some()
            }
        })
    }

    async fn is_empty(&self, queue: &QueueEvidence) -> Result<bool, AwsError> {
        let queue = self.aws.queue(&queue.name, &queue.url).await?;
        let count = |name| queue.number(name).unwrap_or(1);
        Ok(count("ApproximateNumberOfMessages") + count("ApproximateNumberOfMessagesNotVisible")
            == 0)
    }
}
