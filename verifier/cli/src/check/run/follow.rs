//! Following the jobs of a run to their ends.

use std::time::Duration;

use contract::Outcome;
use verifier_aws::{Aws, AwsError};
use verifier_core::check::rules::{
    api_reject, dlq_arrival, dlq_attempts, dlq_foreign, job_accept, job_neighbours, job_success,
};
use verifier_core::check::{
    CheckEvent, DeadLetter, HeldLetter, Judgement, LogEvidence, LoggedOutcome, QueueEvidence,
    RunId, Wait,
};
use verifier_core::settings::Settings;
use verifier_core::time::Timestamp;

use super::super::letters::Search;
use super::submit::GOOD_JOBS;
use super::{Course, Run, Stop};
use crate::clock::RunClock;

/// How much sooner than the message is due the dead-letter queue is looked at.
const EARLY: Duration = Duration::from_secs(5);
/// How long after an answer without all lines the log is asked again: they come within seconds, sometimes later.
const LOG_PAUSE: Duration = Duration::from_secs(2);
/// How much before the first submission log lines are looked for: clocks differ.
pub(super) const CLOCK_SKEW: Duration = Duration::from_mins(1);

impl Course {
    /// A search of the dead-letter queue.
    fn search<'a>(
        &'a self,
        aws: &'a Aws,
        clock: &'a RunClock,
        run_id: RunId,
        own_message_ids: &'a [String],
        settings: &'a Settings,
    ) -> Search<'a> {
        let (queue, ids) = (&self.dead_letters, &settings.jobs.message_ids);
        let longest_wait = settings.expect.longest_wait(self.life());
        Search { aws, clock, queue, run_id, own_message_ids, ids, longest_wait }
    }
}

impl Run<'_> {
    /// Follows the jobs to their ends and judges them.
    pub(super) async fn follow(&mut self, course: &Course) -> Result<(), Stop> {
        self.settle(&job_accept::CHECK, job_accept::judge(&self.jobs, &self.options.settings));
        let waited_until = self.await_poison(course).await?;
        let log = self.read_log(course).await?;
        let found = self.poison_letter();
        if found.is_none() {
            self.queue_is_empty = self.is_empty(&course.jobs).await?;
        }
        let traces = self.traces();
        (self.emit)(CheckEvent::Traced(traces));
        self.judge_log(course, &log);
        let arrival = self.judge_arrival(course, found.as_ref(), waited_until);
        self.settle(&dlq_arrival::CHECK, arrival);
        let foreign = match self.letters.searched_at {
            Some(at) => {
                let held: Vec<HeldLetter> = self.letters.held.values().cloned().collect();
                dlq_foreign::judge(&held, &course.dead_letters, at)
            }
            None => Judgement::not_exercised("the dead-letter queue was not looked at"),
        };
        self.settle(&dlq_foreign::CHECK, foreign);
        Ok(())
    }

    /// Judges what the log tells.
    fn judge_log(&mut self, course: &Course, log: &LogEvidence) {
        self.note_rejects_in_the_dead_letter_queue();
        let searched = self.letters.searched_at.is_some();
        let reject = api_reject::judge(&self.rejections, log, searched);
        self.settle(&api_reject::CHECK, reject);
        self.settle(&job_success::CHECK, job_success::judge(&self.jobs, log));
        let neighbours = job_neighbours::judge(&self.jobs, course.visibility_timeout, log);
        self.settle(&job_neighbours::CHECK, neighbours);
        let attempts = match self.jobs.iter().find(|job| job.fails) {
            Some(poison) => dlq_attempts::judge(poison, course.max_receive_count, log),
            None => Judgement::not_exercised("no poison job was submitted"),
        };
        self.settle(&dlq_attempts::CHECK, attempts);
    }

    fn judge_arrival(
        &self,
        course: &Course,
        found: Option<&DeadLetter>,
        waited_until: Timestamp,
    ) -> Judgement {
        let Some(poison) = self.jobs.iter().find(|job| job.fails) else {
            return Judgement::not_exercised("no poison job was submitted");
        };
        let submitted = self.job(GOOD_JOBS).body;
        let jobs = &self.options.settings.jobs;
        let terms = dlq_arrival::Terms {
            max_receive_count: course.max_receive_count,
            visibility_timeout: course.visibility_timeout,
            source_arn: course.jobs.arn(),
            body: if jobs.message_is_body {
                dlq_arrival::Body::Submitted(&submitted)
            } else {
                dlq_arrival::Body::JobId(&jobs.message_ids)
            },
            waited_until,
            queue_holds_messages: !self.queue_is_empty,
        };
        dlq_arrival::judge(poison, found, &terms)
    }

    fn poison_letter(&self) -> Option<DeadLetter> {
        let poison = self.jobs.iter().find(|job| job.fails)?;
        self.letters.own.get(poison.message_id.as_ref()?).cloned()
    }

    /// Waits for the poison in the dead-letter queue; says until when.
    async fn await_poison(&mut self, course: &Course) -> Result<Timestamp, Stop> {
        let poison = self.jobs.iter().find(|job| job.fails);
        let Some((submitted_at, message_id)) =
            poison.and_then(|job| Some((job.submitted_at, job.message_id.clone()?)))
        else {
            return Ok(self.clock.now());
        };
        let due_at = submitted_at + course.life();
        let given_up_at = due_at + self.slack();
        let bound_at = self.bounded(given_up_at);
        let wait = self.wait(course, due_at, bound_at);
        (self.emit)(CheckEvent::Waiting(wait));
        // Looking sooner cannot find it, and would cost receives of other messages.
        let look_at = due_at - EARLY.min(course.visibility_timeout);
        self.clock.sleep_until(look_at.min(bound_at)).await;
        let own = self.own_message_ids();
        let settings = &self.options.settings;
        let search = course.search(self.aws, &self.clock, self.run_id, &own, settings);
        self.letters.await_letter(&search, &message_id, bound_at).await?;
        if self.poison_letter().is_none() && bound_at < given_up_at {
            return Err(Stop::Timeout);
        }
        Ok(self.clock.now())
    }

    /// How much later than it is due the message is given up.
    fn slack(&self) -> Duration {
        Duration::from_secs(self.options.settings.expect.arrival_slack_seconds)
    }

    fn wait(&self, course: &Course, due_at: Timestamp, bound_at: Timestamp) -> Wait {
        Wait {
            what: format!("the poison job in {}", course.dead_letters.name),
            due_at,
            bound_at,
            why: format!(
                "{} receives × {} s visibility timeout, + {} s",
                course.max_receive_count,
                course.visibility_timeout.as_secs(),
                self.slack().as_secs()
            ),
            since: self.clock.now(),
        }
    }

    pub(super) fn own_message_ids(&self) -> Vec<String> {
        self.jobs.iter().filter_map(|job| job.message_id.clone()).collect()
    }

    /// Reads the worker's log until it is complete, or for as long as lines may take to come. Meanwhile the dead-letter
    /// queue is looked at once more, for what came with the poison.
    ///
    /// Lines that are missing because the run's own time ended sooner prove nothing, so that is no result.
    async fn read_log(&mut self, course: &Course) -> Result<LogEvidence, Stop> {
        let mut log = LogEvidence { log_group: course.log_group.clone(), ..LogEvidence::default() };
        let first = self.jobs.iter().map(|job| job.submitted_at).min().unwrap_or(self.started_at);
        let (since, run_id) = (first - CLOCK_SKEW, self.run_id.to_string());
        let patience = Duration::from_secs(self.options.settings.expect.log_seconds);
        let patient_until = self.clock.now() + patience;
        let give_up_at = self.bounded(patient_until);
        let mut lines = {
            let own = self.own_message_ids();
            let settings = &self.options.settings;
            let search = course.search(self.aws, &self.clock, self.run_id, &own, settings);
            let again = self.letters.searched_at.is_some() && !self.rejections.is_empty();
            let letters = &mut self.letters;
            let look = async { if again { letters.look_again(&search).await } else { Ok(()) } };
            let (lines, looked) = tokio::join!(
                self.aws.outcomes(&course.log_group, &run_id, since, &self.reader),
                look
            );
            looked?;
            lines
        };
        loop {
            log.queries += 1;
            match lines {
                Ok(found) => {
                    self.attribute(&found.outcomes);
                    log.unread = found.unread;
                    log.error = None;
                }
                Err(error) => log.error = Some(error.to_string()),
            }
            if self.log_is_complete(course.max_receive_count) {
                return Ok(log);
            }
            if self.clock.now() >= give_up_at {
                if give_up_at < patient_until {
                    return Err(Stop::Timeout);
                }
                self.look_for_the_missing(course).await?;
                return Ok(log);
            }
            self.clock.sleep(LOG_PAUSE).await;
            lines = self.aws.outcomes(&course.log_group, &run_id, since, &self.reader).await;
        }
    }

    /// Looks into the dead-letter queue for jobs of which the log tells nothing: they come there when the poison does.
    async fn look_for_the_missing(&mut self, course: &Course) -> Result<(), AwsError> {
        if self.letters.searched_at.is_none() {
            return Ok(());
        }
        let own = self.own_message_ids();
        let settings = &self.options.settings;
        let search = course.search(self.aws, &self.clock, self.run_id, &own, settings);
        self.letters.look_again(&search).await
    }

    /// Gives each job and each body that was to be refused its attempts.
    pub(super) fn attribute(&mut self, outcomes: &[LoggedOutcome]) {
        for job in &mut self.jobs {
            // Under another message, a job of that id was put on the queue more than once, or not as the API says.
            let own = |outcome: &&LoggedOutcome| {
                Some(&outcome.line.message_id) == job.message_id.as_ref()
                    || outcome.line.job_id.as_ref() == Some(&job.job_id)
            };
            job.attempts = outcomes.iter().filter(own).cloned().collect();
        }
        for rejection in &mut self.rejections {
            let own =
                |outcome: &&LoggedOutcome| outcome.line.job_id.as_ref() == Some(&rejection.job_id);
            rejection.attempts = outcomes.iter().filter(own).cloned().collect();
        }
    }

    /// Tells each body that was to be refused whether it is among the run's dead letters.
    fn note_rejects_in_the_dead_letter_queue(&mut self) {
        for rejection in &mut self.rejections {
            let mut own = self.letters.own.values();
            let found = own.find(|letter| letter.body.contains(&rejection.job_id));
            rejection.dead_letter = found.map(|letter| letter.message_id.clone());
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
