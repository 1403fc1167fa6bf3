//! What reports messages that are no job of the run: refused bodies that were enqueued all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use verifier_aws::AwsError;
use verifier_core::account::{Account, Invocation, MessageEnd, QueueCounts, UnknownWork, Whose};
use verifier_core::check::{
    Known, LogEvidence, LoggedOutcome, Others, Own, QueueEvidence, Rewritten, Strays, Unknown,
    lines_of, on_time, unknown_work,
};
use verifier_model::time::Timestamp;

use super::clean_up::{self, may_be_queued};
use super::follow::{CLOCK_SKEW, LINES_EARLY, LOG_PAUSE};
use super::queues::{COUNTS_LAG, COUNTS_PAUSE};
use super::{JobPlan, Run};

/// How long a message may wait for a worker that is not busy, beside the queue's delay and the batching window.
const RECEIVED_WITHIN: Duration = Duration::from_secs(10);

/// How often the bodies are posted once more to see whether messages of no known job come of them.
const POSTED_AGAIN: usize = 2;

impl Run<'_> {
    /// Looks for messages that nothing of the run explains: more in the queue than before, dead letters that were sent while the
    /// refused bodies were posted, and invocations that wrote of fewer messages than they were handed. Only where there are
    /// any, the log is asked who else sends.
    pub(super) async fn strays(
        &mut self,
        course: &JobPlan,
        log: &LogEvidence,
    ) -> Result<Strays, AwsError> {
        let strays = self.strays_of_its_queues(course, log).await?;
        let other_queues = self.other_queues(course).await;
        Ok(Strays { other_queues, ..strays })
    }

    /// The same by what is known of the jobs queue, its dead-letter queue and the worker alone.
    async fn strays_of_its_queues(
        &mut self,
        course: &JobPlan,
        log: &LogEvidence,
    ) -> Result<Strays, AwsError> {
        self.written_of_others = self.written_of_refused();
        let account = self.account();
        let queued = account.surplus.map(|surplus| surplus.saturating_sub(self.waiting(&account)));
        self.suspects = self.suspects();
        let passed_on = !self.messages.passed_on.is_empty();
        let held = self.messages.others.keys().any(|id| !self.suspects.contains(id));
        let seen = held || passed_on;
        self.others_seen = seen;
        // What the queue holds may be of others where a worker deletes its messages itself and then fails.
        let is_doubtful = account.surplus.is_some_and(|surplus| surplus > 0)
            && account.messages.iter().any(|each| each.end_as_str() == "done-and-failed");
        let rewritten = self.rewritten(course, log).await;
        self.are_refused_enqueued = rewritten.as_ref().is_some_and(Rewritten::came_again)
            || !self.suspects.is_empty()
            || self.rejections.iter().any(clean_up::is_queued);
        let is_explained = queued.unwrap_or_default() == 0
            && !is_doubtful
            && self.suspects.is_empty()
            && account.explains_all_receives()
            && account.kept().is_none()
            && self.silent(&account).is_empty();
        if is_explained || log.error.is_some() {
            // Lines that are there tell which invocations Lambda has to report.
            self.add_written(&self.others_of(&self.outcomes));
            let other_sources = self.discovery.other_sources.clone();
            let found = Strays { queued, others_seen: seen, other_sources, ..Strays::default() };
            return Ok(Strays { rewritten, ..found });
        }
        let others = self.others_when_written(course, log).await?;
        let mut known = others.messages.iter().filter(|id| !self.suspects.contains(*id));
        self.others_seen = seen || known.next().is_some();
        let account = self.account();
        // Runs at the same time each have messages there, which are theirs to account for.
        let queued = queued.map(|queued| queued.saturating_sub(others.of_runs.len() as u64));
        let silent = self.silent(&account);
        let swallowed = account.swallowed(&silent);
        let whose =
            (!swallowed.is_empty()).then(|| account.whose(&silent, &self.refused_within(course)));
        let is_queued = queued.is_some_and(|queued| queued > 0);
        let is_open = !self.others_seen && (is_queued || !swallowed.is_empty());
        let since = self.clock.now();
        let posted = if is_open { self.post_rejects(course, true).await.len() } else { 0 };
        let grown = if is_queued && posted > 0 { self.grown(course, posted).await? } else { None };
        let is_told = posted > 0 && !swallowed.is_empty() && !self.invocations.is_empty();
        let swallowed_again =
            if is_told { Some(self.swallowed_since(course, log, since).await) } else { None };
        Ok(Strays {
            queued,
            grown,
            swallowed,
            swallowed_again,
            dead: self.suspects.clone(),
            others_seen: self.others_seen,
            rewritten,
            whose,
            other_sources: self.discovery.other_sources.clone(),
            other_queues: Vec::new(),
        })
    }

    /// Whether messages of no known job came when the bodies were posted that have to be refused, and again whenever those are posted
    /// once more; `None` where none came then, or too many to be those.
    async fn rewritten(&mut self, course: &JobPlan, log: &LogEvidence) -> Option<Rewritten> {
        let posted = self.rejections.iter().filter(|each| !clean_up::is_queued(each)).count();
        let within = self.refused_within(course);
        let unknown = self.unknown();
        let mut came = within.iter().map(|(from, until)| unknown.between(*from, *until));
        let first = came.next().unwrap_or_default();
        let ahead = within.first().map_or(0, |(from, until)| unknown.ahead_between(*from, *until));
        // Where they are in the dead-letter queue, that tells, and more of them would stay there.
        let is_open = self.suspects.is_empty() && log.error.is_none();
        if !is_open || !Rewritten::may_be(first, posted) {
            return None;
        }
        // They were posted by themselves already, where each batch holds several.
        let mut again: Vec<usize> = came.collect();
        let elsewhere = unknown.count().saturating_sub(first + again.iter().sum::<usize>());
        let mut before = 0;
        let is_over = again.iter().any(|count| *count < first);
        for round in (0..POSTED_AGAIN).take_while(|_| !is_over) {
            let since = self.clock.now();
            self.post_rejects(course, true).await;
            again.push(self.come_since(course, log, since).await);
            if round == 0 {
                let taken = self.clock.now().since(since);
                before = self.unknown().between(since - taken, since);
            }
            if again.last().is_none_or(|count| *count < first) {
                break;
            }
        }
        Some(Rewritten { first, ahead, again, before, elsewhere })
    }

    /// How many messages of no known job come to the worker since then, in the time that they and their lines may take. The log is
    /// read once: others may well have sent what came, and a sound stack is not asked over and over for that.
    async fn come_since(&mut self, course: &JobPlan, log: &LogEvidence, since: Timestamp) -> usize {
        let lines_take = Duration::from_secs(self.options.settings.expect.log_seconds);
        let patience = course.jobs.delay() + course.batching_window + lines_take;
        self.clock.sleep_until(self.bounded(since + patience)).await;
        self.read_log_again(course, &mut log.clone()).await;
        self.unknown().between(since, self.clock.now() + CLOCK_SKEW)
    }

    /// The messages of which the log tells and which are no jobs of the run, and of no other run.
    fn unknown(&self) -> Unknown {
        let jobs = self.jobs.iter();
        let ids = jobs.flat_map(|job| [Some(job.job_id.as_str()), job.message_id.as_deref()]);
        let refused = self.rejections.iter().flat_map(|each| {
            let made_of = each.attempts.iter().map(|attempt| attempt.line.job_id.as_deref());
            made_of.chain([Some(each.job_id.as_str())])
        });
        let own: BTreeSet<&str> = ids.chain(refused).flatten().collect();
        let before = self.discovery.jobs.as_ref().and_then(QueueEvidence::counts);
        let known = Known {
            run_id: self.run_id,
            jobs: &self.jobs,
            own,
            terms: self.terms(),
            invocations: &self.invocations,
            waiting: (before.map_or(0, QueueCounts::total), self.began_at()),
        };
        Unknown::of(&self.outcomes, &known)
    }

    /// What is known of those that came since jobs were submitted; nothing where they are the bodies that had to be refused.
    /// `within` is how long after its submission a job is with the worker, and `delay` for how long the queue hides it.
    pub(super) fn unknown_work(&self, within: Duration, delay: Duration) -> UnknownWork {
        let until = self.clock.now() + CLOCK_SKEW;
        let refused = self.refused.iter();
        let refused: Vec<_> =
            refused.map(|(from, until)| (*from + delay, *until + within)).collect();
        let found = unknown_work(&self.jobs, &self.unknown(), within, &refused, until);
        if self.are_refused_enqueued {
            return UnknownWork { accompanied: found.accompanied, ..UnknownWork::default() };
        }
        let other_sources = self.discovery.other_sources.clone();
        UnknownWork { other_sources, ..found }
    }

    /// From when until when refused bodies may have come to the worker first, if they were enqueued, whenever they were posted.
    fn refused_within(&self, course: &JobPlan) -> Vec<(Timestamp, Timestamp)> {
        let delay = course.jobs.delay();
        let longest = course.batching_window + RECEIVED_WITHIN;
        let refused = self.refused.iter();
        refused.map(|(from, until)| (*from + delay, *until + delay + longest)).collect()
    }

    /// Whether the worker was handed messages since then of which it wrote nothing: as many of the bodies as were posted again are
    /// there by now. The log is read until it tells, for as long as they and their lines may take.
    async fn swallowed_since(
        &mut self,
        course: &JobPlan,
        log: &LogEvidence,
        since: Timestamp,
    ) -> bool {
        let lines_take = Duration::from_secs(self.options.settings.expect.log_seconds);
        let patience = course.jobs.delay() + course.batching_window + lines_take;
        let patient_until = self.bounded(since + patience);
        let mut log = log.clone();
        loop {
            self.read_log_again(course, &mut log).await;
            let account = self.account();
            let mut unwritten = account.without_lines(since);
            unwritten.retain(|each| !each.end.fails_the_batch());
            // A good job may come again just then.
            let whose = account.whose(&unwritten, &[(since, since)]);
            if !unwritten.is_empty() && !matches!(whose, Whose::Returned { .. }) {
                return true;
            }
            if self.clock.now() >= patient_until {
                return false;
            }
            self.clock.sleep(LOG_PAUSE).await;
        }
    }

    /// How many of the run's own messages may be in the jobs queue, at most.
    fn waiting(&self, account: &Account) -> u64 {
        let unnamed =
            self.jobs.iter().zip(&account.messages).filter(|(job, message)| {
                message.end == MessageEnd::NotAccepted && may_be_queued(job)
            });
        account.own_queued_at_most() + unnamed.count() as u64 + self.copies_unseen(account) as u64
    }

    /// By how many messages the jobs queue grew since the bodies that have to be refused were posted once more, and how many those
    /// were. Counts lag, so they are read for a while.
    async fn grown(
        &mut self,
        course: &JobPlan,
        posted: usize,
    ) -> Result<Option<(u64, usize)>, AwsError> {
        let before = self.counts_after.map(QueueCounts::total).unwrap_or_default();
        let patient_until = self.bounded(self.clock.now() + COUNTS_LAG);
        loop {
            let queue = self.aws.queue(&course.jobs.name, &course.jobs.url).await?;
            self.counts_after = queue.counts();
            let now = self.counts_after.map(QueueCounts::total).unwrap_or_default();
            let grown = now.saturating_sub(before);
            if grown >= posted as u64 || self.clock.now() >= patient_until {
                return Ok(Some((grown, posted)));
            }
            self.clock.sleep(COUNTS_PAUSE).await;
        }
    }

    /// Of how many refused bodies lines tell, by request id; and of how many messages of jobs that are left out, being too many.
    fn written_of_refused(&self) -> BTreeMap<String, u32> {
        let mut written = BTreeMap::new();
        for job in &self.jobs {
            let (_, left) = lines_of(&self.outcomes, &job.job_id, job.message_id.as_deref());
            for logged in left {
                *written.entry(logged.line.request_id.clone()).or_default() += 1;
            }
        }
        for attempt in self.rejections.iter().flat_map(|rejection| &rejection.attempts) {
            *written.entry(attempt.line.request_id.clone()).or_default() += 1;
        }
        written
    }

    /// The ids of messages of nobody's in the dead-letter queue that were sent while the bodies were posted that have to be
    /// refused: whoever put those on the queue may have made anything of them.
    fn suspects(&self) -> Vec<String> {
        let is_meanwhile = |sent_at: Timestamp| {
            let mut refused = self.refused.iter();
            refused.any(|(from, until)| *from <= sent_at && sent_at <= *until)
        };
        let held = self.messages.others.values().map(|held| &held.message);
        let suspects = held.filter(|message| message.sent_at.is_some_and(is_meanwhile));
        suspects.map(|message| message.message_id.clone()).collect()
    }

    /// The invocations since the run began to submit that are not known to have failed, and of which there is no line. In text
    /// format, Lambda does not say that one succeeded.
    pub(super) fn silent(&self, account: &Account) -> Vec<Invocation> {
        let mut silent = account.without_lines(self.began_at());
        silent.retain(|each| !each.end.fails_the_batch());
        silent
    }

    /// Reads who else sends, until lines report whatever the worker seems not to have written of, or have had as long as they may take:
    /// those of an invocation may come later than Lambda's report of it. Each time it is waited for twice as long, so that it takes
    /// few calls.
    async fn others_when_written(
        &mut self,
        course: &JobPlan,
        log: &LogEvidence,
    ) -> Result<Others, AwsError> {
        let lines_take = Duration::from_secs(self.options.settings.expect.log_seconds);
        let mut pause = LOG_PAUSE;
        loop {
            let others = self.others(course).await?;
            self.written_of_others = self.written_of_refused();
            self.add_written(&others);
            let account = self.account();
            let until = account.lines_come_until(&self.silent(&account), lines_take);
            let until = self.bounded(until.unwrap_or_default());
            let now = self.clock.now();
            if now >= until {
                return Ok(others);
            }
            self.clock.sleep_until(until.min(now + pause)).await;
            pause *= 2;
            self.read_log_again(course, &mut log.clone()).await;
        }
    }

    /// Reads who else sends, from every outcome line of the time.
    async fn others(&self, course: &JobPlan) -> Result<Others, AwsError> {
        let since = self.began_at() - LINES_EARLY;
        let lines = self.aws.all_outcomes(course.log(), since, &self.reader).await?;
        let lines = on_time(lines, &self.jobs);
        Ok(self.others_of(&lines.outcomes))
    }

    /// Takes what lines tell of others.
    fn add_written(&mut self, others: &Others) {
        for (request, lines) in &others.requests {
            *self.written_of_others.entry(request.clone()).or_default() += lines;
        }
    }

    /// What those lines tell of others.
    fn others_of(&self, lines: &[LoggedOutcome]) -> Others {
        let jobs = || self.jobs.iter();
        let own = Own {
            run_id: self.run_id,
            job_ids: jobs().map(|job| job.job_id.as_str()).collect(),
            message_ids: jobs().filter_map(|job| job.message_id.as_deref()).collect(),
            refused: self.rejections.iter().map(|each| each.job_id.as_str()).collect(),
            from: self.began_at() - CLOCK_SKEW,
        };
        Others::of(lines, &own)
    }
}
