//! The jobs of a run, and the bodies that the API has to refuse.

use std::ops::Range;
use std::time::Duration;

use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt};
use verifier_aws::SEND_MESSAGE;
use verifier_core::account::Account;
use verifier_core::check::SentJob;
use verifier_core::check::rules::{api_reject, job_accept};
use verifier_core::check::{Exchange, JobEvidence, Need, Rejection};
use verifier_core::settings::Filling;
use verifier_model::time::Timestamp;

use super::answers::{is_error, is_sent_again, is_unavailable, may_be_carried_out, pause};
use super::{Entrance, JobPlan, Run};

/// How many good jobs go with the failing ones at least, and how many again whenever those return.
const GOOD_JOBS_MIN: usize = 2;
/// How many jobs fail where a batch has room for them: a worker may name one alone of several that failed.
const FAILING_JOBS: usize = 2;
/// In batches of how many one more fails, which comes alone at first: the others then meet however slow the API is.
const ONE_MORE_FROM: usize = 4;
/// How much longer than its window a batch is waited for that is never full, and how long at most.
const BEHIND_WINDOW: Duration = Duration::from_secs(1);
const WINDOW_AWAITED_MAX: Duration = Duration::from_secs(20);
/// To how many jobs a batch is filled at most: a worker may fail only where there are many. As many come by one receive.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>.
const BATCH_MAX: usize = 10;
/// How many jobs fail where no window gathers batches: whether one meets a good job is luck then, each time that it comes.
const FAILING_JOBS_OF_STREAM: usize = 4;
/// How many good jobs are under way at a time where no window gathers batches, and how many of them come at most when the failing
/// ones return.
const STREAMS: usize = 6;
const JOBS_OF_STREAM_MAX: usize = 40;
/// How much longer than until the failing job is back good jobs are submitted: it may have waited to be received.
const STREAM_LONGER: Duration = Duration::from_millis(50);
/// How often at most good jobs are submitted when the failing one returns, and how often where that takes a stream of them.
const RETURNS_MAX: usize = 9;
const RETURNS_OF_STREAMS_MAX: usize = 3;
/// How much sooner than the failing job returns at most good jobs are submitted, to be gathered into one batch with it.
const LEAD_MAX: Duration = Duration::from_millis(500);
/// How much less than two batching windows good jobs are apart, and how much at most.
const SPREAD_MARGIN: Duration = Duration::from_millis(100);
const SPREAD_MAX: Duration = Duration::from_secs(2);
/// How long at most after the jobs were taken from the queue bodies that have to be refused are posted by themselves, and how long
/// before the failing jobs return: they are to be with the worker before anything of that.
const QUIET_BEFORE: Duration = Duration::from_secs(20);
const QUIET_BEHIND: Duration = Duration::from_secs(12);
/// How long after its submission a job is with the worker that is not busy, beside the queue's delay.
pub(super) const WITH_THE_WORKER_WITHIN: Duration = Duration::from_secs(12);
/// A job as it is submitted.
pub(super) struct Job {
    pub(super) job_id: String,
    /// What it is called in the run.
    pub(super) name: String,
    pub(super) fails: bool,
    pub(super) body: String,
}

/// What became of a body that was posted, and posted again where it was put off or not answered.
struct Posted {
    /// The last answer.
    exchange: Exchange,
    /// How many of the requests may have been carried out.
    requests: u32,
    /// How many of those were answered 503 and sent again.
    unavailable: u32,
    /// How many of those were answered otherwise by an error of the server's and sent again.
    errors: u32,
}

impl JobPlan {
    /// How many jobs fail.
    fn failing_jobs(&self) -> usize {
        if self.is_one_group() {
            return 1;
        }
        if self.jobs_ahead() > 0 {
            return FAILING_JOBS_OF_STREAM;
        }
        FAILING_JOBS.min(self.batch_size as usize) + usize::from(self.has_one_more())
    }

    /// Whether the one that comes alone at first is one more than otherwise.
    fn has_one_more(&self) -> bool {
        self.leaves_one_alone() && self.batch_size as usize >= ONE_MORE_FROM
    }

    /// How many of them are submitted with the first good jobs.
    fn first_failing_jobs(&self) -> usize {
        self.failing_jobs() - usize::from(self.leaves_one_alone())
    }

    /// How many good jobs are to meet the failing ones: as many as fill their batch.
    fn good_jobs(&self) -> usize {
        if self.is_one_group() {
            // The failing one is last, and not to begin a batch.
            let size = self.batch_size as usize;
            let begins_one = size > 1 && GOOD_JOBS_MIN.is_multiple_of(size);
            return GOOD_JOBS_MIN + usize::from(begins_one);
        }
        let batch = (self.batch_size as usize).min(BATCH_MAX);
        let one_more = usize::from(self.has_one_more());
        batch.saturating_sub(self.failing_jobs() - one_more).max(GOOD_JOBS_MIN)
    }

    /// Whether the last failing job comes to the worker alone at first: the batch of those before has gone without it. A worker may
    /// drop a batch of which every message failed. In small batches they meet when both return.
    fn leaves_one_alone(&self) -> bool {
        let returns = self.max_receive_count > 1 && !self.is_one_group();
        let is_gone = !self.is_large() || self.behind_window().is_some();
        returns && self.jobs_ahead() == 0 && self.batch_size > 1 && is_gone
    }

    /// Whether a batch may hold more than the run submits at a time, so that it is never full.
    fn is_large(&self) -> bool {
        self.batch_size as usize > BATCH_MAX
    }

    /// How long after the first jobs their batch has gone that is never full; `None` where that is too long to wait for.
    fn behind_window(&self) -> Option<Duration> {
        let window = self.batching_window;
        let is_short =
            window <= WINDOW_AWAITED_MAX && (window + BEHIND_WINDOW) * 2 <= self.visibility_timeout;
        (self.is_large() && is_short).then_some(window + BEHIND_WINDOW)
    }

    /// Whether no good job is submitted at a return, so that the failing ones are alone in a batch: at the first of several, where
    /// none of the failing jobs was alone before.
    fn is_left_to_failing(&self, number: u32) -> bool {
        let is_large = self.jobs_ahead() == 0 && self.is_large();
        is_large && !self.leaves_one_alone() && number == 1 && self.max_receive_count > 2
    }

    /// How many good jobs are to be in the failing job's first batch.
    fn first_good_jobs(&self) -> usize {
        if self.leaves_one_alone() && !self.is_large() {
            self.batch_size as usize - self.first_failing_jobs()
        } else {
            self.good_jobs()
        }
    }
}

/// When good jobs are submitted again, so that they are visible when the failing job returns, which is after each visibility
/// timeout. The queue delays both alike. Where a batch holds one message, never.
pub(super) fn returns(course: &JobPlan, submitted_at: Timestamp) -> Vec<Timestamp> {
    // What comes behind the failing job in its group would wait for it.
    if course.batch_size == 1 || course.is_one_group() {
        return Vec::new();
    }
    let lead = lead(course);
    let last = course.max_receive_count.saturating_sub(1);
    let most = if course.jobs_ahead() > 0 { RETURNS_OF_STREAMS_MAX } else { RETURNS_MAX };
    // The first ones, and the last: a worker may fail others only with the message that is dead-lettered next.
    let times = (1..last).take(most - 1).chain((last > 0).then_some(last));
    let return_at = |time| submitted_at + course.visibility_timeout * time;
    // The failing job heads its batch at every other return, from the first one on: a worker may heed the order.
    let heads = |time: u32| time % 2 == 1;
    times
        .map(|time| if heads(time) { return_at(time) + lead } else { return_at(time) - lead })
        .collect()
}

/// When nothing of the jobs is about to come to the worker, which has them and waits for the failing ones to return; `None` where
/// each message has an invocation of its own, or no time is left before the queue is counted and more jobs come.
fn quiet_at(course: &JobPlan, submitted_at: Timestamp) -> Option<Timestamp> {
    let JobPlan { visibility_timeout, batching_window, .. } = *course;
    let taken = batching_window + QUIET_BEFORE.min(visibility_timeout / 3);
    let is_quiet = taken + batching_window + QUIET_BEHIND <= visibility_timeout;
    (course.batch_size > 1 && is_quiet).then_some(submitted_at + taken)
}

/// How much sooner or later than the failing jobs return good jobs are submitted that are to be in a batch with one.
fn lead(course: &JobPlan) -> Duration {
    LEAD_MAX.min(course.batching_window / 2)
}

/// How much later than the first of them the last good job of a return is submitted, so that a failing job meets one also where
/// it returns later: it was delivered late, or SQS was polled late. Whichever comes first opens a batch for the window, so
/// two windows have no gap between them.
///
/// A batch of two is full when a good job and a failing one have met. So the last good job comes within the window that the second
/// failing one opens then: it is behind that, where the other was ahead.
fn spread(course: &JobPlan) -> Duration {
    if course.batch_size == 2 {
        return lead(course) * 2;
    }
    let two_windows = (course.batching_window * 2).saturating_sub(SPREAD_MARGIN);
    two_windows.min(SPREAD_MAX).min(course.visibility_timeout / 2)
}

impl Run<'_> {
    /// Submits the good jobs and the failing ones together, so that they may share a batch; after those that go ahead.
    ///
    /// Where a window gathers batches, one good job goes before the failing ones and the others behind them: a worker may fail
    /// what comes before, or what comes behind. The last failing one goes when that batch is full, where it can be.
    pub(super) async fn submit(&self, course: &Result<JobPlan, String>) -> Vec<JobEvidence> {
        let Ok(course) = course else {
            return Vec::new();
        };
        if course.is_one_group() {
            return self.submit_in_order(course).await;
        }
        if course.jobs_ahead() == 0 {
            let each = async |jobs: Vec<Job>| {
                join_all(jobs.into_iter().map(|job| self.submit_one(course, job))).await
            };
            let (together, all) = (course.first_failing_jobs(), course.failing_jobs());
            let failing = |numbers: Range<usize>| numbers.map(|number| self.failing_job(number));
            let behind = (1..course.first_good_jobs()).map(|number| self.good_job(number));
            let before = self.submit_one(course, self.good_job(0)).await;
            let first = each(failing(0..together).collect()).await;
            let behind = each(behind.collect()).await;
            if let Some(behind) = course.behind_window().filter(|_| together < all) {
                self.clock.sleep_until(self.bounded(self.clock.now() + behind)).await;
            }
            let alone = each(failing(together..all).collect()).await;
            return [vec![before], first, behind, alone].concat();
        }
        let ahead = (0..course.jobs_ahead()).map(|number| self.good_job(number));
        let mut ahead: FuturesUnordered<_> =
            ahead.map(|job| self.submit_one(course, job)).collect();
        // The first of them is at the worker by now, and the others are about to be.
        let mut jobs: Vec<JobEvidence> = ahead.next().await.into_iter().collect();
        let together = self.submit_together(course, self.jobs_together(course));
        let (rest, together) = tokio::join!(ahead.collect::<Vec<_>>(), together);
        jobs.extend(rest.into_iter().chain(together));
        jobs
    }

    /// Submits the jobs one after the other, the failing one last: in its group it holds back what is behind it.
    async fn submit_in_order(&self, course: &JobPlan) -> Vec<JobEvidence> {
        let (failing, good): (Vec<Job>, Vec<Job>) =
            self.first_jobs(course).partition(|job| job.fails);
        self.submit_together(course, good.into_iter().chain(failing).collect()).await
    }

    /// Submits jobs that are to meet. Those that are sent to the queue itself are there at one time and in their order by one
    /// request, so that one receive finds them.
    async fn submit_together(&self, course: &JobPlan, jobs: Vec<Job>) -> Vec<JobEvidence> {
        let Entrance::Queue { is_one_group } = course.entrance else {
            return join_all(jobs.into_iter().map(|job| self.submit_one(course, job))).await;
        };
        let submitted_at = self.clock.now();
        let messages: Vec<SentJob> = jobs.iter().map(|job| self.message(course, job)).collect();
        let Some(answers) = self.aws.send_jobs(&course.jobs, &messages).await else {
            return self.submit_each(course, jobs, is_one_group).await;
        };
        let mut submitted = Vec::new();
        for ((job, message), first) in jobs.into_iter().zip(messages).zip(answers) {
            let send = async || self.aws.send_job(&course.jobs, &message).await;
            let posted = self.repeated_after(Some(first), send).await;
            submitted.push(self.evidence(job, submitted_at, posted));
        }
        submitted
    }

    /// Submits jobs that are too many or too large for one request: each by its own, and where the order counts, after the one before.
    async fn submit_each(
        &self,
        course: &JobPlan,
        jobs: Vec<Job>,
        in_order: bool,
    ) -> Vec<JobEvidence> {
        let jobs = jobs.into_iter().map(|job| self.submit_one(course, job));
        if !in_order {
            return join_all(jobs).await;
        }
        let mut submitted = Vec::new();
        for job in jobs {
            submitted.push(job.await);
        }
        submitted
    }

    /// Submits good jobs whenever the failing one returns to the queue.
    pub(super) async fn submit_at_returns(
        &mut self,
        course: &JobPlan,
        submitted_at: Timestamp,
        bound_at: Timestamp,
    ) {
        for (number, at) in (1..).zip(returns(course, submitted_at)) {
            if at >= bound_at {
                return;
            }
            self.count_before_return(course, number, at).await;
            if course.is_left_to_failing(number) {
                continue;
            }
            if course.jobs_ahead() > 0 {
                self.submit_stream(course, at, bound_at).await;
                continue;
            }
            self.clock.sleep_until(at).await;
            self.submit_good_jobs(course, course.good_jobs() - 1).await;
            self.clock.sleep_until((at + spread(course)).min(bound_at)).await;
            self.submit_good_jobs(course, 1).await;
        }
    }

    /// How many good jobs were submitted.
    fn good_jobs(&self) -> usize {
        self.jobs.iter().filter(|job| !job.fails).count()
    }

    /// Submits so many more good jobs at once.
    async fn submit_good_jobs(&mut self, course: &JobPlan, count: usize) {
        let first = self.good_jobs();
        let jobs = (first..first + count).map(|number| self.good_job(number));
        let jobs = jobs.map(|job| self.submit_one(course, job));
        let jobs = join_all(jobs).await;
        self.jobs.extend(jobs);
    }

    /// Submits good jobs in a stream until the failing jobs have returned: when exactly that is is not known, and
    /// they meet those that come at the same moment, or wait for a batch then. `at` is when the first returns if it was received as
    /// soon as it was submitted; each was on the queue before its submission was answered.
    async fn submit_stream(&mut self, course: &JobPlan, at: Timestamp, bound_at: Timestamp) {
        let failing = self.jobs.iter().filter(|job| job.fails);
        let answered = failing.clone().map(|job| job.submitted_at + job.exchange.latency).max();
        let first = failing.map(|job| job.submitted_at).min();
        let within = answered.zip(first).map_or(Duration::ZERO, |(last, first)| last.since(first));
        let until = at + within + STREAM_LONGER;
        self.clock.sleep_until(at.min(bound_at)).await;
        let first = self.good_jobs();
        let mut numbers = first..first + JOBS_OF_STREAM_MAX;
        let (mut under_way, mut jobs) = (FuturesUnordered::new(), Vec::new());
        loop {
            let room = STREAMS - under_way.len();
            let is_over = self.clock.now() > until;
            let more = numbers.by_ref().take(if is_over { 0 } else { room });
            under_way.extend(more.map(|number| self.submit_one(course, self.good_job(number))));
            let Some(job) = under_way.next().await else { break };
            jobs.push(job);
        }
        drop(under_way);
        self.jobs.extend(jobs);
    }

    /// The jobs that are submitted first: the good ones, and the failing ones.
    fn first_jobs(&self, course: &JobPlan) -> impl Iterator<Item = Job> {
        let ahead = (0..course.jobs_ahead()).map(|number| self.good_job(number));
        ahead.chain(self.jobs_together(course))
    }

    /// Those of them that are to meet.
    fn jobs_together(&self, course: &JobPlan) -> Vec<Job> {
        let ahead = course.jobs_ahead();
        let count = if ahead > 0 { STREAMS } else { 0 }.max(course.first_good_jobs());
        let good = (ahead..ahead + count).map(|number| self.good_job(number));
        let failing = (0..course.failing_jobs()).map(|number| self.failing_job(number));
        if ahead > 0 {
            // Each with a good one before it, also in a batch of two.
            return alternating(good, failing);
        }
        // The failing ones side by side, so that a small batch holds both.
        failing.chain(good).collect()
    }

    /// Submits bodies that have to be refused: those that would fit the queue, or the one that would not.
    ///
    /// Those that would fit go before the jobs. Should they get to the queue, they are then dead-lettered before the failing job
    /// is, and the run finds them when it looks for that.
    pub(super) async fn submit_rejects(
        &self,
        course: &Result<JobPlan, String>,
        fitting: bool,
    ) -> Vec<Rejection> {
        let wanted = self.options.selection.needs(Need::RefusedBodies);
        match course.as_ref().ok().filter(|_| wanted) {
            Some(course) => self.post_rejects(course, fitting).await,
            None => Vec::new(),
        }
    }

    /// Posts the bodies that have to be refused: those that would fit the queue, or those that would not.
    pub(super) async fn post_rejects(&self, course: &JobPlan, fitting: bool) -> Vec<Rejection> {
        // A queue refuses no body for what is in it.
        let Entrance::Url(url) = &course.entrance else { return Vec::new() };
        let most = course.jobs.message_bytes_max();
        let jobs = &self.options.settings.jobs;
        let bodies = api_reject::bodies(self.run_id, &jobs.refused, most);
        let bodies = bodies.into_iter().filter(|body| body.fits_the_queue == fitting);
        let rejections = bodies.map(async |body| {
            let Posted { exchange, errors, .. } = self.post(url, &body.text).await;
            Rejection {
                defect: body.defect,
                job_id: body.job_id,
                exchange,
                errors,
                attempts: Vec::new(),
                dead_letter: None,
            }
        });
        join_all(rejections).await
    }

    /// Posts the bodies once more that have to be refused, when the jobs are with the worker: where they were enqueued, they come to it
    /// alone, in an invocation that is of nothing else. With jobs in one batch they leave no trace if it drops them in silence. An
    /// answer that is another one this time counts.
    pub(super) async fn post_rejects_apart(
        &mut self,
        course: &JobPlan,
        submitted_at: Timestamp,
        bound_at: Timestamp,
    ) {
        // What is put off, or not answered, would last until the failing jobs return.
        let are_refused = self.rejections.iter().all(api_reject::is_refused);
        let Some(at) = quiet_at(course, submitted_at).filter(|at| *at < bound_at) else { return };
        if self.rejections.is_empty() || !are_refused {
            return;
        }
        self.clock.sleep_until(at).await;
        let from = self.clock.now();
        let again = self.post_rejects(course, true).await;
        self.refused.push((from, self.clock.now()));
        for rejection in again.into_iter().filter(api_reject::is_accepted) {
            let mut first = self.rejections.iter_mut();
            if let Some(first) = first.find(|each| each.job_id == rejection.job_id) {
                first.exchange = rejection.exchange;
            }
        }
    }

    /// The run's jobs, as if none of them had been answered.
    pub(super) fn planned(&self, course: &JobPlan) -> Vec<JobEvidence> {
        let (method, url) = match &course.entrance {
            Entrance::Url(url) => ("POST", url),
            Entrance::Queue { .. } => (SEND_MESSAGE, &course.jobs.url),
        };
        let job = |job: Job| JobEvidence {
            job_id: job.job_id,
            body: job.body,
            fails: job.fails,
            submitted_at: self.clock.now(),
            exchange: Exchange {
                method,
                url: url.clone(),
                latency: Duration::ZERO,
                answer: Err("interrupted before the answer".to_owned()),
                is_unsent: false,
            },
            message_id: None,
            requests: 1,
            unavailable: 0,
            errors: 0,
            attempts: Vec::new(),
        };
        self.first_jobs(course).map(job).collect()
    }

    /// The run's good job of that number.
    fn good_job(&self, number: usize) -> Job {
        self.job(&format!("good-{}", number + 1), false)
    }

    /// The run's failing job of that number. Its id is none that further work of another job is likely to have, as `JOB-2` is, and
    /// holds that of no other but the first.
    fn failing_job(&self, number: usize) -> Job {
        match number {
            0 => self.job("failing", true),
            1 => self.job("failing-too", true),
            2 => self.job("failing-as-well", true),
            number => self.job(&format!("failing-besides-{number}"), true),
        }
    }

    /// The body of a failing job, by the job's id.
    pub(super) fn failing_body(&self, job_id: &str, course: &JobPlan) -> Option<String> {
        let mut jobs = (0..course.failing_jobs()).map(|number| self.failing_job(number));
        jobs.find(|job| job.job_id == job_id).map(|job| job.body)
    }

    fn job(&self, name: &str, fails: bool) -> Job {
        let run_id = self.run_id.to_string();
        let job_id = format!("{run_id}-{name}");
        let jobs = &self.options.settings.jobs;
        let template = if fails { &jobs.failing } else { &jobs.good };
        let filling = Filling { job_id: &job_id, run_id: &run_id, name, padding_bytes: 0 };
        let body = filling.fill(template);
        Job { job_id, name: name.to_owned(), fails, body }
    }

    async fn submit_one(&self, course: &JobPlan, job: Job) -> JobEvidence {
        let submitted_at = self.clock.now();
        let posted = match &course.entrance {
            Entrance::Url(url) => self.post(url, &job.body).await,
            Entrance::Queue { .. } => {
                let message = self.message(course, &job);
                let send = async || self.aws.send_job(&course.jobs, &message).await;
                self.repeated_after(None, send).await
            }
        };
        self.evidence(job, submitted_at, posted)
    }

    /// The message of a job that is sent to the queue itself.
    fn message(&self, course: &JobPlan, job: &Job) -> SentJob {
        let run_id = self.run_id.to_string();
        let Job { job_id, name, body, .. } = job;
        let filling = Filling { job_id, run_id: &run_id, name, padding_bytes: 0 };
        SentJob::of(&self.options.settings.jobs, &filling, body.clone(), course.jobs.is_fifo())
    }

    /// What is known of a job that was submitted.
    fn evidence(&self, job: Job, submitted_at: Timestamp, posted: Posted) -> JobEvidence {
        let Job { job_id, fails, body, .. } = job;
        let Posted { exchange, requests, unavailable, errors } = posted;
        let message_id = job_accept::message_id(&exchange, &job_id, &self.options.settings);
        let attempts = Vec::new();
        JobEvidence {
            job_id,
            body,
            fails,
            submitted_at,
            exchange,
            message_id,
            requests,
            unavailable,
            errors,
            attempts,
        }
    }

    /// How many copies the run's own repeated requests may have made at most: a request that got no answer may have been carried
    /// out.
    pub(super) fn copies_at_most(&self) -> usize {
        let repeated = self.jobs.iter().map(|job| job.requests.saturating_sub(1) as usize);
        repeated.sum()
    }

    /// How many of those may be there and are not in the account: each that is there explains no other message.
    pub(super) fn copies_unseen(&self, account: &Account) -> usize {
        let seen = account.messages.len().saturating_sub(self.jobs.len());
        self.copies_at_most().saturating_sub(seen)
    }

    /// Posts a body, and again where the answer says later or there is none.
    async fn post(&self, url: &str, body: &str) -> Posted {
        let mut headers = self.options.settings.jobs.headers.clone();
        // As a page sends it, so that its answer shows whether the page may read it.
        if let Some(origin) = &self.origin {
            headers.entry("origin".to_owned()).or_insert_with(|| origin.clone());
        }
        let post = async || self.http.post(url, &headers, body.as_bytes().to_vec()).await;
        self.repeated_after(None, post).await
    }

    /// Sends a request, and again where the answer says later or there is none; `first` is the answer to one that was sent already.
    async fn repeated_after(
        &self,
        mut first: Option<Exchange>,
        request: impl AsyncFn() -> Exchange,
    ) -> Posted {
        let (mut requests, mut unavailable, mut errors, mut repeats) = (0, 0, 0, 0);
        loop {
            let exchange = match first.take() {
                Some(exchange) => exchange,
                None => request().await,
            };
            requests += u32::from(may_be_carried_out(&exchange));
            if !is_sent_again(&exchange, repeats, errors) {
                return Posted { exchange, requests, unavailable, errors };
            }
            errors += u32::from(is_error(&exchange));
            unavailable += u32::from(is_unavailable(&exchange));
            repeats += 1;
            self.clock.sleep(pause(&exchange, repeats)).await;
        }
    }
}

/// One of the first and one of the second by turns, and then the rest.
fn alternating<T>(first: impl Iterator<Item = T>, second: impl Iterator<Item = T>) -> Vec<T> {
    let mut second = second.fuse();
    let mut all = Vec::new();
    for each in first {
        all.push(each);
        all.extend(second.next());
    }
    all.extend(second);
    all
}

#[cfg(test)]
mod tests;
