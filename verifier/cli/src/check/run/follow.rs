//! Following the jobs of a run to their ends.

use std::collections::BTreeSet;
use std::time::Duration;

use verifier_aws::{Aws, AwsError};
use verifier_core::account::{Account, Expectation, MessageAccount, Remark};
use verifier_core::check::rules::cfg_logs;
use verifier_core::check::{
    CHECKS, CheckEvent, Evaluate, Evaluation, FailingJob, Followed, HeldMessage, Hidden,
    JobEvidence, LogEvidence, LogLines, LoggedOutcome, RunId, Strays, Wait, adopt, job_of_id,
    lines_of, of_the_run, on_time,
};
use verifier_core::settings::Settings;
use verifier_model::time::Timestamp;

use super::super::dead_letters::Search;
use super::{JobPlan, Run, Stop};
use crate::shell::clock::RunClock;

/// How much sooner than the message is due the dead-letter queue is looked at.
const EARLY: Duration = Duration::from_secs(5);
/// How long after they are due failing jobs are looked for that are surely not there sooner: each moves when it was polled for.
const MOVED_WITHIN: Duration = Duration::from_millis(50);
/// How long after an answer without all lines the log is asked again: they come within seconds, sometimes later.
pub(super) const LOG_PAUSE: Duration = Duration::from_secs(2);
/// How much longer at most the failing job is waited for where the worker lengthens its visibility timeout.
const LENGTHENED_MAX: Duration = Duration::from_mins(15);
/// How much before the first submission log lines are looked for: clocks differ.
pub(super) const CLOCK_SKEW: Duration = Duration::from_mins(1);
/// The same for lines of the run itself: a client that gives its lines their time may have a clock of its own.
pub(super) const LINES_EARLY: Duration = Duration::from_mins(10);

/// What was found behind the API once the jobs had come to their ends.
struct Found {
    /// Until when the failing jobs were waited for.
    waited_until: Timestamp,
    /// What reports refused bodies that were put on the queue all the same.
    strays: Strays,
}

/// The ids of the messages that are copies of a run's jobs.
pub(super) fn copies_of(account: &Account) -> BTreeSet<&str> {
    account.messages.iter().flat_map(|job| &job.copies).map(String::as_str).collect()
}

impl JobPlan {
    /// The worker's log group, and its name.
    pub(super) fn log(&self) -> (&str, &str) {
        (&self.log_group, &self.function)
    }

    /// A search of the dead-letter queue.
    fn search<'a>(
        &'a self,
        aws: &'a Aws,
        clock: &'a RunClock,
        run_id: RunId,
        own_message_ids: &'a [String],
        settings: &'a Settings,
    ) -> Search<'a> {
        let (queue, ids) = (&self.dead_letters, settings.jobs.message_ids());
        let longest_wait = settings.expect.longest_wait(self.life());
        Search { aws, clock, queue, run_id, own_message_ids, ids, longest_wait }
    }
}

impl Run<'_> {
    /// Follows the jobs to their ends and concludes what became of them.
    pub(super) async fn follow(&mut self, course: &JobPlan) -> Result<(), Stop> {
        let waited_until = self.await_failing(course).await?;
        let log = self.settle_queues(course).await?;
        self.note_rejects_in_the_dead_letter_queue();
        let strays = self.strays(course, &log).await?;
        let traces = self.traces();
        (self.emit)(CheckEvent::Traced(traces));
        let account = self.account();
        self.settle_submission(Some(&account));
        let found = Found { waited_until, strays };
        for check in CHECKS {
            let Evaluate::Jobs(evaluate) = check.evaluate else { continue };
            let evaluation = self.evaluate_jobs(evaluate, course, &account, &log, &found);
            self.settle(check, evaluation);
        }
        Ok(())
    }

    fn evaluate_jobs(
        &self,
        evaluate: fn(&Followed<'_>) -> Evaluation,
        course: &JobPlan,
        account: &Account,
        log: &LogEvidence,
        found: &Found,
    ) -> Evaluation {
        let failing = self.failing_jobs(course);
        let copies = copies_of(account);
        let others = self.messages.others.iter().filter(|(id, _)| !copies.contains(id.as_str()));
        let others: Vec<HeldMessage> = others.map(|(_, held)| held.clone()).collect();
        let of_this_run =
            of_the_run(&self.dead_of_run(), &self.jobs, &self.rejections, self.run_id);
        let reported =
            self.settled.iter().map(|(id, settled)| (*id, settled.evaluation.verdict)).collect();
        evaluate(&Followed {
            settings: &self.options.settings,
            strict: self.options.strict,
            jobs: &self.jobs,
            failing: &failing,
            rejections: &self.rejections,
            account,
            log,
            strays: &found.strays,
            jobs_queue: &course.jobs,
            dead_letter_queue: &course.dead_letters,
            max_receive_count: course.max_receive_count,
            visibility_timeout: course.visibility_timeout,
            batching_window: course.batching_window,
            waited_until: found.waited_until,
            hidden: Hidden {
                messages: self.hidden_dead_letters(),
                unanswered: self.messages.unanswered,
                delayed: self.delayed_dead_letters(),
            },
            others: &others,
            of_this_run: &of_this_run,
            of_runs: self.messages.passed_on.len(),
            searched_at: self.messages.searched_at,
            verdicts: &self.verdicts,
            reported: &reported,
        })
    }

    /// The failing jobs that were submitted.
    fn failing_jobs(&self, course: &JobPlan) -> Vec<FailingJob<'_>> {
        let of = |job: &JobEvidence| self.messages.first_own(job.message_id.as_ref()?);
        let failing = self.jobs.iter().filter(|job| job.fails);
        let failing = failing.map(|job| FailingJob {
            job,
            submitted_body: self.failing_body(&job.job_id, course).unwrap_or_default(),
            message: of(job),
        });
        failing.collect()
    }

    /// The ids of the failing jobs' messages.
    fn failing_message_ids(&self) -> Vec<String> {
        let failing = self.jobs.iter().filter(|job| job.fails);
        failing.filter_map(|job| job.message_id.clone()).collect()
    }

    /// Whether each failing job that was accepted was seen in the dead-letter queue.
    pub(super) fn has_all_failing(&self) -> bool {
        let failing = self.failing_message_ids();
        !failing.is_empty() && failing.iter().all(|id| self.messages.has_seen(id))
    }

    /// Waits for the failing jobs in the dead-letter queue; says until when.
    async fn await_failing(&mut self, course: &JobPlan) -> Result<Timestamp, Stop> {
        let accepted = self.jobs.iter().filter(|job| job.fails && job.message_id.is_some());
        let submitted: Vec<Timestamp> = accepted.map(|job| job.submitted_at).collect();
        let (Some(submitted_at), Some(last_at)) = (submitted.iter().min(), submitted.iter().max())
        else {
            return Ok(self.clock.now());
        };
        let (submitted_at, last_at) = (*submitted_at, *last_at);
        let due_at = last_at + course.life();
        let given_up_at = due_at + self.slack();
        let bound_at = self.bounded(given_up_at);
        let wait = self.wait(course, due_at, bound_at);
        (self.emit)(CheckEvent::Waiting(wait));
        self.post_rejects_apart(course, last_at, bound_at).await;
        self.submit_at_returns(course, submitted_at, bound_at).await;
        // Looking sooner cannot find them, and would cost receives of other messages.
        let look_at = due_at - EARLY.min(course.visibility_timeout);
        self.clock.sleep_until(look_at.min(bound_at)).await;
        if let Some(due_at) = self.due_together(course).await {
            self.clock.sleep_until(due_at.min(bound_at)).await;
        }
        let own = self.own_message_ids();
        let settings = &self.options.settings;
        let search = course.search(self.aws, &self.clock, self.run_id, &own, settings);
        let deadline = self.deadline();
        let failing = self.failing_message_ids();
        let awaited = self.messages.await_messages(&search, &failing, bound_at, deadline).await;
        self.adopt(&[]);
        awaited?;
        let failing = self.failing_message_ids();
        let given_up_at = self.await_longer(course, &failing, given_up_at).await?;
        let patient_until = self.messages.patient_until(given_up_at);
        if !self.has_all_failing() && self.bounded(patient_until) < patient_until {
            return Err(Stop::Timeout);
        }
        Ok(self.clock.now())
    }

    /// When several failing jobs are all in the dead-letter queue, so that one receive finds them; `None` where they may be there
    /// sooner, or one of them never: they are not while the jobs queue holds them, and nothing else of the run.
    async fn due_together(&mut self, course: &JobPlan) -> Option<Timestamp> {
        let failing = self.jobs.iter().filter(|job| job.fails && job.message_id.is_some());
        let answered = failing.map(|job| job.submitted_at + job.exchange.latency);
        let last = answered.max()?;
        let counted = self.count_before_due(course).await;
        counted.then_some(last + course.life() + MOVED_WITHIN)
    }

    /// Waits on for the failing jobs where the log tells that the worker lengthens their visibility timeout, by the pace of their
    /// receives until then; says when they are given up.
    async fn await_longer(
        &mut self,
        course: &JobPlan,
        failing_ids: &[String],
        given_up_at: Timestamp,
    ) -> Result<Timestamp, Stop> {
        let mut until = given_up_at;
        while !self.has_all_failing() {
            let mut log = self.empty_log(course);
            self.read_log_again(course, &mut log).await;
            let account = self.account();
            let failing = account.that(Expectation::Fails);
            let failing = failing.filter(|job| job.dead_lettered.is_none());
            let due_at = failing.filter_map(|job| account.lengthened_until(job)).max();
            let longest = given_up_at + LENGTHENED_MAX;
            let next = due_at.map_or(until, |due_at| (due_at + self.slack()).min(longest));
            let bound_at = self.bounded(next);
            if next <= until || bound_at <= self.clock.now() {
                break;
            }
            until = next;
            let due_at = due_at.unwrap_or(until);
            let why = "the worker lengthens the visibility timeout, by the pace of the receives that were seen".to_owned();
            let wait = Wait { why, ..self.wait(course, due_at, bound_at) };
            (self.emit)(CheckEvent::Waiting(wait));
            let own = self.own_message_ids();
            let settings = &self.options.settings;
            let search = course.search(self.aws, &self.clock, self.run_id, &own, settings);
            let deadline = self.deadline();
            self.messages.await_messages(&search, failing_ids, bound_at, deadline).await?;
            self.adopt(&[]);
        }
        Ok(until)
    }

    /// How much later than it is due the message is given up.
    fn slack(&self) -> Duration {
        Duration::from_secs(self.options.settings.expect.arrival_slack_seconds)
    }

    /// What is waited for: the failing jobs, or the one of them that there is.
    fn failing_in_words(&self) -> String {
        match self.failing_message_ids().len() {
            1 => "the failing job".to_owned(),
            several => format!("the {several} failing jobs"),
        }
    }

    fn wait(&self, course: &JobPlan, due_at: Timestamp, bound_at: Timestamp) -> Wait {
        let delay = match course.jobs.delay().as_secs() {
            0 => String::new(),
            seconds => format!("{seconds} s delay + "),
        };
        Wait {
            what: format!("{} in {}", self.failing_in_words(), course.dead_letters.name),
            due_at,
            bound_at,
            why: format!(
                "{delay}{} receives × {} s visibility timeout, + {} s",
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
    /// queue is looked at once more, for what came with the failing jobs.
    ///
    /// Lines that are missing because the run's own time ended sooner prove nothing, so that is no result.
    pub(super) async fn read_log(&mut self, course: &JobPlan) -> Result<LogEvidence, Stop> {
        let mut log = self.empty_log(course);
        let (since, run_id) = (log.since, log.run_id.clone());
        let patience = Duration::from_secs(self.options.settings.expect.log_seconds);
        let patient_until = self.clock.now() + patience;
        let give_up_at = self.bounded(patient_until);
        let mut lines = {
            let own = self.own_message_ids();
            let settings = &self.options.settings;
            let search = course.search(self.aws, &self.clock, self.run_id, &own, settings);
            // The counts that were just read tell whether anything came that was not seen.
            let is_open = self.unexplained_dead_letters() != Some(0);
            let is_searched = self.messages.searched_at.is_some();
            let again = is_open && is_searched && !self.rejections.is_empty();
            let messages = &mut self.messages;
            let look = async { if again { messages.look_again(&search).await } else { Ok(()) } };
            let (lines, looked) =
                tokio::join!(self.aws.outcomes(course.log(), &run_id, since, &self.reader), look);
            looked?;
            lines
        };
        loop {
            self.take_lines(&mut log, lines);
            if self.log_is_complete() {
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
            lines = self.aws.outcomes(course.log(), &run_id, since, &self.reader).await;
        }
    }

    /// What is known of the worker's log before it was read.
    fn empty_log(&self, course: &JobPlan) -> LogEvidence {
        let submitted = self.jobs.iter().map(|job| job.submitted_at);
        let first = submitted.min().unwrap_or_else(|| self.began_at());
        let worker = self.discovery.worker.as_ref();
        LogEvidence {
            log_group: course.log_group.clone(),
            run_id: self.run_id.to_string(),
            since: first - LINES_EARLY,
            submitted_at: first,
            region: self.aws.region().map(str::to_owned),
            hiding_level: worker.and_then(cfg_logs::hiding_level).map(str::to_owned),
            ..LogEvidence::default()
        }
    }

    /// Takes what the log holds of the run by now.
    pub(super) fn take_lines(&mut self, log: &mut LogEvidence, lines: Result<LogLines, AwsError>) {
        log.queries += 1;
        match lines {
            Ok(found) => {
                let own = self.own_message_ids();
                let own: BTreeSet<&str> = own.iter().map(String::as_str).collect();
                let found = on_time(found, &self.jobs);
                let found = found.of_run(&log.run_id, &own, log.submitted_at - CLOCK_SKEW);
                self.attribute(&found.outcomes);
                self.outcomes = [found.outcomes, found.others].concat();
                self.attribute_refused();
                self.invocations = found.invocations;
                self.remarks = found.remarks.into_iter().map(remark).collect();
                log.unread = found.unread;
                log.latest = found.latest;
                log.error = None;
            }
            Err(error) => log.error = Some(error.to_string()),
        }
    }

    /// Looks into the dead-letter queue for jobs of which the log tells nothing: they come there when the failing ones do.
    pub(super) async fn look_for_the_missing(&mut self, course: &JobPlan) -> Result<(), AwsError> {
        if self.messages.searched_at.is_none() {
            return Ok(());
        }
        let own = self.own_message_ids();
        let settings = &self.options.settings;
        let search = course.search(self.aws, &self.clock, self.run_id, &own, settings);
        let looked = self.messages.look_again(&search).await;
        self.adopt(&[]);
        looked
    }

    /// Gives jobs the ids of their messages, where the API did not say them and they are known by now.
    fn adopt(&mut self, outcomes: &[LoggedOutcome]) {
        adopt(&mut self.jobs, &self.messages.seen, outcomes);
    }

    /// Gives each job its attempts.
    pub(super) fn attribute(&mut self, outcomes: &[LoggedOutcome]) {
        self.adopt(outcomes);
        for job in &mut self.jobs {
            // Under another message, a job of that id was put on the queue more than once, or not as the API says.
            job.attempts = lines_of(outcomes, &job.job_id, job.message_id.as_deref()).0;
        }
    }

    /// Gives each body that was to be refused its attempts, whoever those lines seem to be of.
    pub(super) fn attribute_refused(&mut self) {
        for rejection in &mut self.rejections {
            // What has an id that is made of its own was made of it.
            let is_of = |id: &String| job_of_id(id, &[rejection.job_id.as_str()]).is_some();
            let own = |outcome: &&LoggedOutcome| outcome.line.job_id.as_ref().is_some_and(is_of);
            rejection.attempts = self.outcomes.iter().filter(own).cloned().collect();
        }
    }

    /// Tells each body that was to be refused whether it is among the run's dead letters.
    fn note_rejects_in_the_dead_letter_queue(&mut self) {
        for rejection in &mut self.rejections {
            let mut own = self.messages.seen.values();
            let found = own.find(|message| message.names(&rejection.job_id));
            rejection.dead_letter = found.map(|message| message.message_id.clone());
        }
    }

    /// Whether every line that is wanted is there, and Lambda's report of each invocation that a line is of.
    fn log_is_complete(&self) -> bool {
        let account = self.account();
        let reported = |message: &MessageAccount| {
            let any = !account.invocations.is_empty();
            message
                .attempts
                .iter()
                .all(|attempt| !any || attempt.end.is_some() || attempt.line.request_id.is_none())
        };
        account.messages.iter().filter(|message| message.message_id.is_some()).all(|message| {
            reported(message)
                && match message.expectation {
                    Expectation::Fails => account.has_all_receives(message),
                    Expectation::Succeeds => {
                        message.successes() > 0 || account.is_done_elsewhere(message)
                    }
                }
        })
    }
}

/// A line that is no outcome, as the account takes it.
fn remark((LoggedOutcome { at, line, .. }, word): (LoggedOutcome, String)) -> Remark {
    Remark {
        at,
        job_id: line.job_id,
        message_id: Some(line.message_id).filter(|id| !id.is_empty()),
        receive_count: Some(line.receive_count).filter(|count| *count > 0),
        request_id: Some(line.request_id).filter(|id| !id.is_empty()),
        word,
    }
}
