//! One run: discover, judge the configuration, submit; then follow the jobs, and clean up.

mod clean_up;
mod follow;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use contract::{Job, SubmitResponse};
use futures::future::join_all;
use verifier_aws::{Aws, AwsError, Http};
use verifier_core::check::rules::{
    api_hello, cfg_consumer, cfg_redrive, cfg_visibility, dlq_arrival, dlq_attempts, job_accept,
    job_success, stack_owns, stack_ready,
};
use verifier_core::check::{
    CHECKS, Check, CheckEvent, Exchange, JobEvidence, JobTrace, Judgement, QueueEvidence, Settled,
    StackEvidence, Verdict, overall,
};
use verifier_core::time::Timestamp;

use super::Report;
use super::discovery::{API_URL, Discovery, EXPECTED_OUTPUTS, JOB_URL, discover};
use super::letters::Letters;
use crate::clock::RunClock;
use crate::failure::Failure;

/// How many good jobs go with the poison one.
const GOOD_JOBS: usize = 2;
/// What a run is asked to do.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) stack: String,
    pub(crate) receives: Option<u32>,
    pub(crate) strict: bool,
}

/// A run, and all that it has found so far. It can be told to clean up at any point.
pub(crate) struct Run<'a> {
    aws: &'a Aws,
    http: &'a Http,
    clock: RunClock,
    options: Options,
    run_id: String,
    emit: &'a mut dyn FnMut(CheckEvent),
    started_at: Timestamp,
    started: Instant,
    settled: BTreeMap<&'static str, Settled>,
    discovery: Discovery,
    jobs: Vec<JobEvidence>,
    letters: Letters,
    left_behind: Vec<String>,
    /// Whether the jobs queue was seen to hold nothing any more.
    queue_is_empty: bool,
}

/// What the jobs of a run go through, when nothing stands against submitting them.
struct Course {
    job_url: String,
    jobs: QueueEvidence,
    dead_letters: QueueEvidence,
    log_group: String,
    max_receive_count: u32,
    visibility_timeout: Duration,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        aws: &'a Aws,
        http: &'a Http,
        clock: RunClock,
        options: Options,
        emit: &'a mut dyn FnMut(CheckEvent),
    ) -> Self {
        let started_at = clock.now();
        let run_id = format!("vrf-{:x}-{:08x}", started_at.as_seconds(), fastrand::u32(..));
        Self {
            aws,
            http,
            clock,
            options,
            run_id,
            emit,
            started_at,
            started: Instant::now(),
            settled: BTreeMap::new(),
            discovery: Discovery::default(),
            jobs: Vec::new(),
            letters: Letters::default(),
            left_behind: Vec::new(),
            queue_is_empty: false,
        }
    }

    /// Runs every check. An error means that AWS could not be asked; what was settled until then stands.
    pub(crate) async fn proceed(&mut self) -> Result<(), AwsError> {
        (self.emit)(CheckEvent::Started {
            stack: self.options.stack.clone(),
            run_id: self.run_id.clone(),
            at: self.started_at,
        });
        let stack = self.aws.stack(&self.options.stack).await?;
        self.settle(&stack_ready::CHECK, stack_ready::judge(&stack, &EXPECTED_OUTPUTS));
        self.discovery = discover(self.aws, &stack).await?;
        self.judge_configuration(&stack);
        let course = self.course(&stack);
        let hello_url =
            stack.outputs.get(API_URL).map(|url| format!("{}/hello", url.trim_end_matches('/')));
        // Should the run be interrupted before the answers are there, these may be in the queue all the same.
        self.jobs =
            course.as_ref().map_or_else(|_| Vec::new(), |course| self.planned(&course.job_url));
        let (hello, jobs) = tokio::join!(self.hello(hello_url), self.submit(&course));
        self.jobs = jobs;
        let hello = hello.map_or_else(
            || Judgement::not_exercised(format!("the stack has no output {API_URL}")),
            |exchange| api_hello::judge(&exchange, stack.tags.get("pr").map(String::as_str)),
        );
        self.settle(&api_hello::CHECK, hello);
        match course {
            Ok(course) => self.follow(&course).await,
            Err(why) => {
                for check in
                    [job_accept::CHECK, job_success::CHECK, dlq_attempts::CHECK, dlq_arrival::CHECK]
                {
                    self.settle(find(check.id), Judgement::not_exercised(why.clone()));
                }
                Ok(())
            }
        }
    }

    fn judge_configuration(&mut self, stack: &StackEvidence) {
        let discovery = self.discovery.clone();
        let outputs = [super::discovery::JOBS_QUEUE, super::discovery::DEAD_LETTER_QUEUE];
        let names: Vec<&str> = outputs
            .iter()
            .filter_map(|output| stack.outputs.get(*output))
            .map(String::as_str)
            .collect();
        let owns = if names.is_empty() {
            Judgement::not_exercised("no output names a queue")
        } else {
            stack_owns::judge(stack, &names, &discovery.mappings)
        };
        self.settle(&stack_owns::CHECK, owns);
        let missing = || {
            Judgement::not_exercised("the outputs lead to no jobs queue or no dead-letter queue")
        };
        let redrive = match (&discovery.jobs, &discovery.dead_letters) {
            (Some(jobs), Some(letters)) => cfg_redrive::judge(jobs, letters, self.options.receives),
            _ => missing(),
        };
        self.settle(&cfg_redrive::CHECK, redrive);
        let visibility = match (&discovery.jobs, discovery.mappings.as_slice(), &discovery.worker) {
            (Some(jobs), [mapping], Some(worker)) => cfg_visibility::judge(jobs, mapping, worker),
            _ => Judgement::not_exercised("the jobs queue has not exactly one consumer"),
        };
        self.settle(&cfg_visibility::CHECK, visibility);
        let consumer = match &discovery.jobs {
            Some(jobs) => cfg_consumer::judge(jobs, &discovery.mappings),
            None => missing(),
        };
        self.settle(&cfg_consumer::CHECK, consumer);
    }

    /// What the jobs will go through; or why none may be submitted.
    ///
    /// A stack that is not ready, not its own or not configured to dead-letter would keep what is put into it, or put
    /// it into somebody else's queue.
    fn course(&self, stack: &StackEvidence) -> Result<Course, String> {
        for check in [stack_ready::CHECK, stack_owns::CHECK, cfg_consumer::CHECK] {
            let verdict = self.settled.get(check.id).map(|settled| settled.judgement.verdict);
            if verdict != Some(Verdict::Pass) {
                return Err(format!("no job was submitted, since {} did not pass", check.id));
            }
        }
        let gone = || "no job was submitted, since the stack could not be resolved".to_owned();
        let discovery = &self.discovery;
        let (jobs, dead_letters) =
            discovery.jobs.clone().zip(discovery.dead_letters.clone()).ok_or_else(gone)?;
        // A receive count other than the expected one fails its check, and endangers nobody.
        let policy = jobs
            .redrive_policy()
            .filter(|policy| policy.dead_letter_target_arn == dead_letters.arn())
            .ok_or_else(|| {
                format!("no job was submitted, since {} did not pass", cfg_redrive::CHECK.id)
            })?;
        Ok(Course {
            job_url: stack.outputs.get(JOB_URL).cloned().ok_or_else(gone)?,
            log_group: discovery
                .worker
                .as_ref()
                .map(|worker| worker.log_group.clone())
                .ok_or_else(gone)?,
            max_receive_count: policy.max_receive_count,
            visibility_timeout: jobs.visibility_timeout().ok_or_else(gone)?,
            jobs,
            dead_letters,
        })
    }

    async fn hello(&self, url: Option<String>) -> Option<Exchange> {
        match url {
            Some(url) => Some(self.http.get(&url).await),
            None => None,
        }
    }

    /// Submits the good jobs and the poison one together, so that they may share a batch.
    async fn submit(&self, course: &Result<Course, String>) -> Vec<JobEvidence> {
        let Ok(course) = course else {
            return Vec::new();
        };
        let jobs = (0..=GOOD_JOBS).map(|number| self.job(number));
        join_all(jobs.map(|job| self.submit_one(&course.job_url, job))).await
    }

    /// The run's jobs, as if none of them had been answered.
    fn planned(&self, url: &str) -> Vec<JobEvidence> {
        let job = |number: usize| {
            let job = self.job(number);
            JobEvidence {
                job_id: job.job_id.unwrap_or_default(),
                fails: job.fail,
                submitted_at: self.clock.now(),
                exchange: Exchange {
                    method: "POST",
                    url: url.to_owned(),
                    latency: Duration::ZERO,
                    answer: Err("interrupted before the answer".to_owned()),
                },
                message_id: None,
                attempts: Vec::new(),
            }
        };
        (0..=GOOD_JOBS).map(job).collect()
    }

    /// The run's job of that number; the last one is the poison.
    fn job(&self, number: usize) -> Job {
        let fail = number == GOOD_JOBS;
        let name = if fail { "poison".to_owned() } else { format!("good-{}", number + 1) };
        Job {
            fail,
            job_id: Some(format!("{}-{name}", self.run_id)),
            run_id: Some(self.run_id.clone()),
            ..Job::new(format!("verifier: {name}"))
        }
    }

    async fn submit_one(&self, url: &str, job: Job) -> JobEvidence {
        let submitted_at = self.clock.now();
        let body = serde_json::to_vec(&job).unwrap_or_default();
        let exchange = self.http.post_json(url, body).await;
        let job_id = job.job_id.unwrap_or_default();
        let accepted = exchange.answer.as_ref().ok().filter(|answer| answer.status == 202);
        let accepted: Option<SubmitResponse> =
            accepted.and_then(|answer| serde_json::from_str(&answer.body).ok());
        let message_id = accepted
            .filter(|response| response.job_id == job_id && !response.message_id.is_empty())
            .map(|response| response.message_id);
        JobEvidence {
            job_id,
            fails: job.fail,
            submitted_at,
            exchange,
            message_id,
            attempts: Vec::new(),
        }
    }

    /// What has become of the jobs by now.
    fn traces(&self) -> Vec<JobTrace> {
        let seen_at =
            |job: &JobEvidence| self.letters.seen_at.get(job.message_id.as_deref()?).copied();
        self.jobs.iter().map(|job| JobTrace::new(job, seen_at(job))).collect()
    }

    fn settle(&mut self, check: &Check, judgement: Judgement) {
        let settled = Settled { check: find(check.id), judgement, at: self.clock.now() };
        self.settled.insert(settled.check.id, settled.clone());
        (self.emit)(CheckEvent::Settled(settled));
    }

    /// Closes the run. Checks that it did not come to are inconclusive, for the reason given.
    pub(crate) fn finish(mut self, stopped: Option<Failure>) -> Report {
        let why =
            stopped.as_ref().map_or_else(|| "the run ended before".to_owned(), ToString::to_string);
        for check in &CHECKS {
            if !self.settled.contains_key(check.id) {
                let judgement = Judgement::inconclusive(why.clone());
                self.settled.insert(check.id, Settled { check, judgement, at: self.clock.now() });
            }
        }
        let checks: Vec<Settled> =
            CHECKS.iter().filter_map(|check| self.settled.remove(check.id)).collect();
        let verdicts = checks
            .iter()
            .map(|settled| (settled.judgement.verdict, settled.check.must_be_exercised));
        Report {
            stack: self.options.stack.clone(),
            region: self.aws.region().map(str::to_owned),
            run_id: self.run_id.clone(),
            overall: overall(verdicts, self.options.strict),
            strict: self.options.strict,
            checks,
            jobs: self.traces(),
            started_at: self.started_at,
            wall: self.started.elapsed(),
            stack_time: self.clock.now().since(self.started_at),
            calls: self.aws.calls().counts(),
            left_behind: self.left_behind,
            stopped,
        }
    }
}

/// The catalogue's own entry, which lives as long as the program.
fn find(id: &str) -> &'static Check {
    CHECKS.iter().find(|check| check.id == id).unwrap_or(&CHECKS[0])
}
