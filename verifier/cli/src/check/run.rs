//! One run: discover, evaluate the configuration, submit; then follow the jobs, and clean up.

mod answers;
mod clean_up;
mod configuration;
mod follow;
mod other_queues;
mod probes;
mod queues;
mod strays;
mod submit;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use verifier_aws::{Aws, AwsError, Http};
use verifier_core::account::{
    Account, Counted, Invocation, Observed, QueueCounts, Remark, Terms, surplus,
};
use verifier_core::check::{
    Addresses, CHECKS, Check, CheckEvent, Discovered, Evaluate, Evaluation, JobEvidence, JobTrace,
    Leftovers, LoggedOutcome, OurMessage, Overall, QueueEvidence, Rejection, RunId, Settled,
    StackEvidence, StackFacts, Subject, Submission, Verdict, Weight, absent, call_budget,
    explained, nameless, nothing_to_evaluate, observed, overall,
};
use verifier_core::resources::Resources;
use verifier_core::settings::OutcomeReader;
use verifier_model::time::Timestamp;

use super::dead_letters::DeadLetters;
use super::discovery::{Undiscovered, discover, other_queues};
use super::{Options, Report, environment};
use crate::resources::{self, FoundResources};
use crate::shell::clock::RunClock;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

/// A run, and all that it has found so far. It can be told to clean up at any point.
pub(crate) struct Run<'a> {
    aws: &'a Aws,
    http: &'a Http,
    clock: RunClock,
    options: Options,
    reader: OutcomeReader,
    run_id: RunId,
    emit: &'a mut dyn FnMut(CheckEvent),
    started_at: Timestamp,
    started: Instant,
    settled: BTreeMap<&'static str, Settled>,
    /// What was concluded of every check, also of those that are not to be reported.
    verdicts: BTreeMap<&'static str, Verdict>,
    discovery: Discovered,
    jobs: Vec<JobEvidence>,
    rejections: Vec<Rejection>,
    messages: DeadLetters,
    /// The resources that are known.
    resources: Resources,
    /// How many resources the stack has.
    stack_size: usize,
    /// How many of them are queues beside the jobs queue and its dead-letter queue, and are counted.
    other_queues: usize,
    left_behind: Vec<String>,
    /// Before how many returns of the failing jobs the jobs queue is counted.
    returns: usize,
    /// What the queue and the mapping allow, once that is known.
    terms: Option<Terms>,
    /// The ends of invocations during the run.
    invocations: Vec<Invocation>,
    /// Lines of the worker's that report a receive, and of neither success nor failure.
    remarks: Vec<Remark>,
    /// Outcome lines in the log of the run's time, the run's and those of others.
    outcomes: Vec<LoggedOutcome>,
    /// The jobs queue's counts, when nothing of the run should be there any more.
    counts_after: Option<QueueCounts>,
    /// What it holds when the failing jobs have left it, by a count just before that.
    without_failing: Option<QueueCounts>,
    /// When that was counted which was taken for what it holds.
    taken_at: Option<Timestamp>,
    /// Its counts while the run went on.
    counted: Vec<Counted>,
    /// The dead-letter queue's counts, after what was the run's own was deleted there.
    dead_letters_after: Option<QueueCounts>,
    /// What the run has deleted, and made visible again.
    leftovers: Leftovers,
    /// The run's messages that could not be deleted, each with the reason, by message id.
    undeleted: BTreeMap<String, String>,
    /// Messages of others that could not be made visible again, each with the reason, by message id.
    unreleased: BTreeMap<String, String>,
    /// Whether messages of other senders were seen.
    others_seen: bool,
    /// Of how many messages that are no jobs of the run lines tell, by request id, where that was asked for.
    written_of_others: BTreeMap<String, u32>,
    /// From when until when the bodies were posted that have to be refused and would fit the queue: with the jobs, and by themselves.
    refused: Vec<(Timestamp, Timestamp)>,
    /// The ids of dead letters that were sent in that time and name no run.
    suspects: Vec<String>,
    /// Whether those bodies are known to have been enqueued all the same, which explains messages of no known job.
    are_refused_enqueued: bool,
    /// The origin of the page that jobs are posted from.
    origin: Option<String>,
}

/// How jobs get to the queue.
enum Entrance {
    /// They are posted to this URL.
    Url(String),
    /// They are sent to the queue itself; where `is_one_group`, each waits for those before it.
    Queue { is_one_group: bool },
}

/// What the jobs of a run go through, when nothing stands against submitting them.
struct JobPlan {
    /// How jobs get to the queue.
    entrance: Entrance,
    jobs: QueueEvidence,
    dead_letters: QueueEvidence,
    log_group: String,
    /// The worker's name: several functions may write to one log group.
    function: String,
    max_receive_count: u32,
    visibility_timeout: Duration,
    /// The most messages in a batch.
    batch_size: u32,
    /// How long a batch is gathered.
    batching_window: Duration,
    /// How many batches Lambda works on at once, at first.
    first_batches: usize,
}

impl JobPlan {
    /// What the queue and the mapping allow.
    fn terms(&self) -> Terms {
        let Self { max_receive_count, visibility_timeout, batch_size, .. } = *self;
        Terms { max_receive_count, visibility_timeout, delay: self.jobs.delay(), batch_size }
    }

    /// How many good jobs go ahead of others that are to meet. Without a batching window a batch is what is there when a poll
    /// comes by, so messages meet only while all the batches are taken that Lambda works on at once.
    fn jobs_ahead(&self) -> usize {
        if self.is_one_group() {
            return 0;
        }
        if self.batch_size > 1 && self.batching_window.is_zero() { self.first_batches } else { 0 }
    }

    /// Whether each message waits for those before it.
    fn is_one_group(&self) -> bool {
        matches!(self.entrance, Entrance::Queue { is_one_group: true })
    }

    /// How long a failing job takes to the dead-letter queue: the queue's delay, and a visibility timeout for each receive.
    fn life(&self) -> Duration {
        self.jobs.delay() + self.visibility_timeout * self.max_receive_count
    }
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        aws: &'a Aws,
        http: &'a Http,
        clock: RunClock,
        options: Options,
        reader: OutcomeReader,
        emit: &'a mut dyn FnMut(CheckEvent),
    ) -> Self {
        let started_at = clock.now();
        let resources = options.wanted.resources();
        Self {
            aws,
            http,
            clock,
            options,
            reader,
            run_id: RunId::new(started_at, fastrand::u32(..)),
            emit,
            started_at,
            started: Instant::now(),
            settled: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            discovery: Discovered::default(),
            jobs: Vec::new(),
            rejections: Vec::new(),
            messages: DeadLetters::default(),
            resources,
            stack_size: 0,
            other_queues: 0,
            left_behind: Vec::new(),
            returns: 0,
            terms: None,
            invocations: Vec::new(),
            remarks: Vec::new(),
            outcomes: Vec::new(),
            counts_after: None,
            without_failing: None,
            taken_at: None,
            counted: Vec::new(),
            dead_letters_after: None,
            leftovers: Leftovers::default(),
            undeleted: BTreeMap::new(),
            unreleased: BTreeMap::new(),
            others_seen: false,
            written_of_others: BTreeMap::new(),
            refused: Vec::new(),
            suspects: Vec::new(),
            are_refused_enqueued: false,
            origin: None,
        }
    }

    /// Runs every check. A failure means that not all could be evaluated; what was settled until then stands.
    pub(crate) async fn proceed(&mut self) -> Result<(), Failure> {
        (self.emit)(CheckEvent::Started {
            stack: self.options.wanted.label(),
            run_id: self.run_id.to_string(),
            at: self.started_at,
        });
        // On the heap: it is large, and lives inside of several others.
        let ended = Box::pin(self.run()).await;
        self.settle_acceptance();
        match ended {
            Err(Stop::Aws(error)) => Err(environment::explain(self.aws, error).await),
            Err(Stop::Timeout) => Err(self.timed_out()),
            Err(Stop::Unreachable(failure)) => Err(failure),
            Ok(()) => Ok(()),
        }
    }

    /// Settles how jobs were accepted, where the run ended before it came to that and some were answered.
    fn settle_acceptance(&mut self) {
        if self.jobs.iter().any(|job| job.exchange.answer.is_ok()) {
            self.settle_submission(None);
        }
    }

    /// Settles the checks of how jobs were submitted that are not settled yet.
    fn settle_submission(&mut self, account: Option<&Account>) {
        for check in CHECKS {
            let Evaluate::Submission(evaluate) = check.evaluate else { continue };
            if !self.settled.contains_key(check.id) {
                let settings = &self.options.settings;
                let evaluation = evaluate(&Submission { jobs: &self.jobs, settings, account });
                self.settle(check, evaluation);
            }
        }
    }

    fn evaluate_stack(&mut self, stack: Option<&StackEvidence>) {
        for check in CHECKS {
            let Evaluate::Stack(evaluate) = check.evaluate else { continue };
            let evaluation = evaluate(&StackFacts { stack, resources: &self.resources });
            self.settle(check, evaluation);
        }
    }

    async fn run(&mut self) -> Result<(), Stop> {
        let FoundResources { stack, resources } =
            resources::find(self.aws, &self.options.wanted).await?;
        let stack = stack.as_ref();
        self.resources = resources;
        self.stack_size = stack.map_or(0, |stack| stack.resources.len());
        self.evaluate_stack(stack);
        let (resources, selection) = (&self.resources, &self.options.selection);
        self.discovery = Box::pin(discover(self.aws, stack, resources, selection)).await?;
        self.other_queues = stack.map_or(0, |stack| other_queues(stack, &self.discovery).len());
        self.evaluate_configuration(stack);
        let course = self.course();
        self.terms = course.as_ref().ok().map(JobPlan::terms);
        self.returns =
            course.as_ref().map_or(0, |course| submit::returns(course, self.started_at).len());
        let tags = stack.map(|stack| stack.tags.clone()).unwrap_or_default();
        let addresses = Addresses::of(&self.resources, tags, &self.options.settings);
        self.origin = addresses.origin().map(str::to_owned);
        let refused_from = self.clock.now();
        self.rejections = self.submit_rejects(&course, true).await;
        self.refused.push((refused_from, self.clock.now()));
        // Should the run be interrupted before the answers are there, these may be in the queue all the same.
        self.jobs = course.as_ref().map_or_else(|_| Vec::new(), |course| self.planned(course));
        let (jobs, oversize, probes) = tokio::join!(
            self.submit(&course),
            self.submit_rejects(&course, false),
            self.ask_all(&addresses)
        );
        self.jobs = jobs;
        self.rejections.extend(oversize);
        self.settle_probes(&addresses, probes).await?;
        match course {
            Ok(course) => self.follow(&course).await,
            Err(why) => {
                for check in CHECKS.iter().filter(|check| check.evaluate.needs_jobs()) {
                    self.settle(check, Evaluation::not_run(why.clone()));
                }
                Ok(())
            }
        }
    }

    /// How long the run has lasted. By this machine's clock where that is AWS's too: what is known of how far AWS's clock is from
    /// it changes with each answer, and the first one may move it by minutes.
    fn elapsed(&self) -> Duration {
        match self.clock {
            RunClock::Wall(_) => self.started.elapsed(),
            RunClock::Emulated(_) | RunClock::Remote(_) => self.clock.now().since(self.started_at),
        }
    }

    /// When the run began, by the clock that messages and log lines are compared with, as far as that is known by now.
    fn began_at(&self) -> Timestamp {
        match self.clock {
            RunClock::Wall(_) => self.clock.now() - self.elapsed(),
            RunClock::Emulated(_) | RunClock::Remote(_) => self.started_at,
        }
    }

    /// When the run has to be over, if it was given a time.
    fn deadline(&self) -> Option<Timestamp> {
        self.options.settings.expect.timeout().map(|timeout| self.began_at() + timeout)
    }

    /// A bound of a wait, or the run's own if that comes first.
    fn bounded(&self, bound_at: Timestamp) -> Timestamp {
        self.deadline().map_or(bound_at, |deadline| deadline.min(bound_at))
    }

    /// That the run has used its time up.
    pub(crate) fn timed_out(&self) -> Failure {
        let seconds = self.options.settings.expect.timeout().unwrap_or_default().as_secs();
        let mut failure = Failure::environment(format!(
            "the run was not over after {seconds} s (--timeout, or expect.timeout_seconds)"
        ));
        failure.next = Some(
            "allow it more time: maxReceiveCount visibility timeouts, and a minute".to_owned(),
        );
        failure
    }

    /// The dead letters that are the run's own, those that name it under an id of no job, and those that came since it began and
    /// may hold its jobs under no id of theirs.
    fn dead_of_run(&self) -> Vec<OurMessage> {
        let run = self.run_id.to_string();
        let began_at = self.jobs.iter().map(|job| job.submitted_at).min();
        let is_since = |message: &OurMessage| {
            message.sent_at.zip(began_at).is_some_and(|(sent, began)| sent >= began)
        };
        let others = self.messages.texts_of_others.values();
        let of_run = others.filter(|message| is_since(message) || message.names(&run));
        self.messages.seen.values().chain(of_run).cloned().collect()
    }

    /// The account of the run's messages, as far as they were observed by now.
    fn account(&self) -> Account {
        let terms = self.terms();
        let found = self.dead_of_run();
        let before = self.discovery.jobs.as_ref().and_then(QueueEvidence::counts);
        let counts = (before, self.counts_after);
        // Whoever else sends may be whom a count is of.
        let counted = if self.others_seen { Vec::new() } else { self.counted.clone() };
        let mut account = Account::of(&Observed {
            counted,
            strays: self.strays_at_most(surplus(counts.0, counts.1)),
            reads_others: !self.discovery.other_sources.is_empty(),
            ..observed(terms, &self.jobs, &found, &self.invocations, counts)
        });
        account = account.with_others(self.written_of_others.clone());
        account.remarks.clone_from(&self.remarks);
        let known = self.messages.seen.keys().map(String::as_str).collect();
        let within = terms.delay + submit::WITH_THE_WORKER_WITHIN;
        account.unknown = self.unknown_work(within, terms.delay);
        account.nameless = nameless(&self.outcomes, &self.jobs, &known, self.run_id);
        account
    }

    /// What the queue and the mapping allow; as little as may be, where that is not known.
    fn terms(&self) -> Terms {
        self.terms.unwrap_or(Terms {
            max_receive_count: 1,
            visibility_timeout: Duration::ZERO,
            delay: Duration::ZERO,
            batch_size: 1,
        })
    }

    /// How many bodies that were to be refused may have been in the jobs queue, at most: where anything shows that one was, all.
    fn strays_at_most(&self, surplus: Option<u64>) -> u64 {
        let shows = surplus.is_some_and(|surplus| surplus > 0)
            || !self.suspects.is_empty()
            || self.rejections.iter().any(clean_up::is_queued);
        // Each time that they were posted.
        let posted = self.rejections.len() * self.refused.len().max(1);
        if shows { posted as u64 } else { 0 }
    }

    /// What has become of the jobs by now.
    fn traces(&self) -> Vec<JobTrace> {
        let account = self.account();
        account.messages.iter().map(|message| JobTrace::of(&account, message)).collect()
    }

    fn settle(&mut self, check: &'static Check, evaluation: Evaluation) {
        self.verdicts.insert(check.id, evaluation.verdict);
        let evaluation = self.skipped(check).unwrap_or_else(|| self.explained(check, evaluation));
        let settled = Settled { check, evaluation, at: self.clock.now() };
        self.settled.insert(check.id, settled.clone());
        (self.emit)(CheckEvent::Settled(settled));
    }

    /// What the run is about.
    fn subject(&self) -> Subject<'_> {
        Subject { settings: &self.options.settings, resources: &self.resources }
    }

    /// An evaluation with what the settings have to say of it: why there is nothing to evaluate, or why its warning is allowed.
    fn explained(&self, check: &Check, evaluation: Evaluation) -> Evaluation {
        let settings = &self.options.settings;
        match absent(self.subject(), check) {
            Some(why) => nothing_to_evaluate(why),
            None => explained(&settings.expect, check, evaluation),
        }
    }

    /// What is reported of a check that was not asked for.
    fn skipped(&self, check: &Check) -> Option<Evaluation> {
        let why = self.options.selection.skipped(check)?;
        Some(Evaluation::not_run(why).with_evidence("skipped", true))
    }

    /// Closes the run. Checks that it did not come to are inconclusive, for the reason given.
    pub(crate) fn finish(mut self, stopped: Option<Failure>) -> Report {
        let why =
            stopped.as_ref().map_or_else(|| "the run ended before".to_owned(), ToString::to_string);
        for check in CHECKS {
            if !self.settled.contains_key(check.id) {
                let open = || Evaluation::inconclusive(why.clone());
                let evaluation = self.skipped(check).unwrap_or_else(open);
                self.settled.insert(check.id, Settled { check, evaluation, at: self.clock.now() });
            }
        }
        let checks: Vec<Settled> =
            CHECKS.iter().filter_map(|check| self.settled.remove(check.id)).collect();
        // What was left out on purpose is no omission; that anything is left is seen to by `overall`.
        let verdicts = checks.iter().map(|settled| {
            let omitted = self.options.selection.skipped(settled.check).is_some()
                || absent(self.subject(), settled.check).is_some();
            let weight = match settled.check.weight() {
                Weight::Required if omitted => Weight::Optional,
                weight => weight,
            };
            (settled.evaluation.counted(), weight)
        });
        let concluded = match &stopped {
            // An interruption says nothing of the stack, and neither does what it cut short.
            Some(Failure { exit: Exit::Interrupted, .. }) => Overall::Inconclusive,
            _ => overall(verdicts, self.options.strict),
        };
        Report {
            stack: self.options.wanted.label(),
            region: self.aws.region().map(str::to_owned),
            run_id: self.run_id.to_string(),
            overall: concluded,
            strict: self.options.strict,
            jobs: self.traces(),
            started_at: self.started_at,
            wall: self.started.elapsed(),
            stack_time: self.elapsed(),
            calls: self.aws.calls().counts(),
            call_budget: call_budget(self.stack_size, self.returns, self.other_queues),
            left_behind: self.left_behind,
            stopped,
            checks,
        }
    }
}

/// Why a run ends before all is evaluated.
enum Stop {
    /// AWS could not be asked.
    Aws(AwsError),
    /// Its time is used up.
    Timeout,
    /// What was named cannot be reached here.
    Unreachable(Failure),
}

impl From<AwsError> for Stop {
    fn from(error: AwsError) -> Self {
        Self::Aws(error)
    }
}

impl From<Undiscovered> for Stop {
    fn from(undiscovered: Undiscovered) -> Self {
        match undiscovered {
            Undiscovered::Aws(error) => Self::Aws(error),
            Undiscovered::Unreachable(failure) => Self::Unreachable(failure),
        }
    }
}
