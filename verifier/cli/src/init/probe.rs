//! Submits jobs to see what the stack makes of them: how the API answers, what the queue's messages are, what the worker logs.
//!
//! Nothing stays: those that succeed are gone, and those that fail are taken out of the dead-letter queue.

use std::time::Duration;

use verifier_aws::{Aws, AwsError, Http};
use verifier_core::check::rules::job_accept;
use verifier_core::check::{Answer, DeadLetter, Exchange, RunId, SentJob};
use verifier_core::init::{Draft, Pair, Probe};
use verifier_core::settings::{Filling, Settings};
use verifier_model::time::Timestamp;

use crate::check::{DeadLetters, Search};
use crate::shell::clock::RunClock;
use crate::shell::failure::Failure;
use crate::shell::progress::Progress;

/// How many jobs of each end are submitted: what they have in common is no accident.
const JOBS: usize = 2;
/// How often the log is read for lines that are late, and how long is waited before each.
const READS: u32 = 15;
const PAUSE: Duration = Duration::from_secs(2);
/// How much is shown of the answer to a job that was refused, in characters.
const SHOWN: usize = 200;

/// With what is probed.
pub(super) struct Prober<'a> {
    pub(super) aws: &'a Aws,
    pub(super) http: &'a Http,
    pub(super) clock: &'a RunClock,
    pub(super) progress: &'a Progress,
    /// Where jobs are posted to, unless they are sent to the queue itself.
    pub(super) url: Option<String>,
    pub(super) pair: Pair<'a>,
    /// The worker's log group, where one function reads the queue.
    pub(super) log_group: Option<String>,
}

/// A job that was submitted.
struct Submitted {
    probe: Probe,
    body: String,
    /// The answer's status and body.
    answer: (u16, String),
}

/// What is under way: what was submitted, and what is in hand of the dead-letter queue.
#[derive(Default)]
pub(super) struct Course {
    run_id: Option<RunId>,
    submitted: Vec<Submitted>,
    messages: DeadLetters,
}

impl Prober<'_> {
    /// Submits jobs, and has the draft take what is seen of them. Says whether they were accepted.
    pub(super) async fn probe(
        &self,
        draft: &mut Draft,
        course: &mut Course,
    ) -> Result<bool, Failure> {
        let started_at = self.clock.now();
        course.run_id = Some(RunId::new(started_at, fastrand::u32(..)));
        if let Err(refused) = self.submit(draft, course).await {
            draft.take_refused(&refused);
            return Ok(false);
        }
        self.await_dead_letters(draft, course).await?;
        for at in 0..course.submitted.len() {
            let job_id = course.submitted[at].probe.job_id.clone();
            let found = course
                .dead_letter(&job_id)
                .map(|found| (found.message_id.clone(), found.body.clone()));
            let Submitted { probe, body, answer: (status, answer) } = &mut course.submitted[at];
            if let Some((message_id, message)) = found {
                draft.take_message(body, &message, &job_id, &probe.run_id);
                if self.url.is_some() {
                    draft.take_accepted(*status, answer, &job_id, Some(&message_id));
                }
                probe.message_id = Some(message_id);
            }
        }
        for Submitted { probe, answer: (_, answer), .. } in &mut course.submitted {
            let told = || draft.message_id_in(answer);
            probe.message_id = probe.message_id.take().or_else(told);
        }
        let probes: Vec<Probe> = course.submitted.iter().map(|each| each.probe.clone()).collect();
        match &self.log_group {
            Some(log_group) => {
                let lines = self.lines(log_group, &probes, started_at).await?;
                draft.take_lines(&probes, &lines);
            }
            None => draft.take_no_worker(),
        }
        Ok(true)
    }

    /// Submits the jobs, and posts a body that is no JSON. An error says that a job was not accepted.
    async fn submit(&self, draft: &mut Draft, course: &mut Course) -> Result<(), String> {
        self.progress.say("submitting jobs");
        let run_id = course.run_id.map(|run| run.to_string()).unwrap_or_default();
        let settings = draft.settings.clone();
        for (kind, template) in [("good", &settings.jobs.good), ("failing", &settings.jobs.failing)]
        {
            for number in 1..=JOBS {
                let name = format!("{kind}-{number}");
                let probe = Probe {
                    job_id: format!("{run_id}-{name}"),
                    run_id: run_id.clone(),
                    message_id: None,
                    succeeds: kind == "good",
                };
                let exchange = self.submit_one(&settings, &probe, &name, template, course).await?;
                let answer = accepted(&exchange)?;
                if self.url.is_some() {
                    draft.take_accepted(answer.status, &answer.body, &probe.job_id, None);
                }
                if let Some(last) = course.submitted.last_mut() {
                    last.answer = (answer.status, answer.body.clone());
                    let told = job_accept::message_id(&exchange, &probe.job_id, &settings);
                    last.probe.message_id = told.filter(|_| settings.jobs.are_sent());
                }
            }
        }
        self.submit_torn(draft, &settings, &run_id).await;
        Ok(())
    }

    async fn submit_one(
        &self,
        settings: &Settings,
        probe: &Probe,
        name: &str,
        template: &str,
        course: &mut Course,
    ) -> Result<Exchange, String> {
        let Probe { job_id, run_id, .. } = probe;
        let filling = Filling { job_id, run_id, name, padding_bytes: 0 };
        let body = filling.fill(template);
        let answer = (0, String::new());
        course.submitted.push(Submitted { probe: probe.clone(), body: body.clone(), answer });
        let queue = &self.pair.jobs.queue;
        match &self.url {
            Some(url) => Ok(self.http.post(url, &settings.jobs.headers, body.into_bytes()).await),
            None if settings.jobs.are_sent() => {
                let message = SentJob::of(&settings.jobs, &filling, body, queue.is_fifo());
                Ok(self.aws.send_job(queue, &message).await)
            }
            None => Err("it is not known where jobs are posted to".to_owned()),
        }
    }

    async fn submit_torn(&self, draft: &mut Draft, settings: &Settings, run_id: &str) {
        let (Some(url), Some(template)) = (&self.url, draft.torn_body()) else { return };
        let job_id = format!("{run_id}-torn");
        let filling = Filling { job_id: &job_id, run_id, name: "torn", padding_bytes: 0 };
        let body = filling.fill(&template).into_bytes();
        if let Ok(answer) = self.http.post(url, &settings.jobs.headers, body).await.answer {
            draft.take_torn(answer.status);
        }
    }

    /// Waits until the jobs that fail are in the dead-letter queue.
    async fn await_dead_letters(&self, draft: &Draft, course: &mut Course) -> Result<(), Failure> {
        let Some(run_id) = course.run_id else { return Ok(()) };
        let jobs = &self.pair.jobs.queue;
        let receives = jobs.redrive_policy().map_or(1, |policy| policy.max_receive_count);
        let life = jobs.delay() + jobs.visibility_timeout().unwrap_or_default() * receives;
        let due_at = self.clock.now() + life;
        let longest_wait = draft.settings.expect.longest_wait(life);
        let bound_at = due_at + Duration::from_secs(draft.settings.expect.arrival_slack_seconds);
        self.progress.say(&format!(
            "waiting for the jobs that fail to come to {}: about {} s",
            self.pair.dead_letters.queue.name,
            life.as_secs()
        ));
        self.clock.sleep_until(due_at).await;
        let search = Search {
            aws: self.aws,
            clock: self.clock,
            queue: &self.pair.dead_letters.queue,
            run_id,
            own_message_ids: &[],
            ids: draft.settings.jobs.message_ids(),
            longest_wait,
        };
        loop {
            course.messages.look_again(&search).await?;
            if course.missing() == 0 || self.clock.now() >= bound_at {
                return Ok(());
            }
            self.clock.sleep(PAUSE).await;
        }
    }

    /// The worker's lines since the jobs were submitted, as soon as each job is named in one, or after a while.
    async fn lines(
        &self,
        log_group: &str,
        probes: &[Probe],
        since: Timestamp,
    ) -> Result<Vec<String>, AwsError> {
        self.progress.say(&format!("reading what the worker wrote to {log_group}"));
        let mut lines = Vec::new();
        for read in 0..READS {
            if read > 0 {
                self.clock.sleep(PAUSE).await;
            }
            let mut found = Vec::new();
            let read = self.aws.log_lines(log_group, None, since, |_, at, line| {
                found.push((at, line.to_owned()));
            });
            read.await?;
            found.sort_by_key(|(at, _)| *at);
            lines = found.into_iter().map(|(_, line)| line).collect();
            let is_named = |probe: &Probe| lines.iter().any(|line| line.contains(&probe.job_id));
            if probes.iter().all(is_named) {
                break;
            }
        }
        Ok(lines)
    }

    /// Takes the jobs out of the dead-letter queue, and makes visible again what is of others. Says what is left.
    pub(super) async fn clean_up(&self, course: &mut Course) -> Vec<String> {
        let queue = &self.pair.dead_letters.queue;
        course.messages.end_search(self.clock, &[]).await;
        let is_own = |body: &str| course.run_id.is_some_and(|run| body.contains(&run.to_string()));
        let own = course.messages.own.values().chain(
            course
                .messages
                .held
                .values()
                .map(|held| &held.message)
                .filter(|message| is_own(&message.body)),
        );
        let own: Vec<String> = own.map(|message| message.receipt_handle.clone()).collect();
        let others = course.messages.held.values().map(|held| &held.message);
        let others = others
            .chain(course.messages.leftovers.values())
            .filter(|message| !is_own(&message.body));
        let mut others: Vec<(String, u32)> =
            others.map(|message| (message.receipt_handle.clone(), 0)).collect();
        others.extend(course.messages.handles_to_pass_on());
        let undeleted = self.aws.delete(queue, &own).await;
        self.aws.change_visibility(queue, &others).await;
        let mut left: Vec<String> = undeleted.into_iter().map(|(_, why)| why).collect();
        if course.missing() > 0 {
            left.push(format!(
                "up to {} jobs that fail, which will come to {}",
                course.missing(),
                queue.name
            ));
        }
        left
    }
}

impl Course {
    /// How many of the jobs that fail were not seen in the dead-letter queue.
    fn missing(&self) -> usize {
        let failing = self.submitted.iter().filter(|each| !each.probe.succeeds);
        failing.filter(|each| self.dead_letter(&each.probe.job_id).is_none()).count()
    }

    /// The message in the dead-letter queue that holds a job's id.
    fn dead_letter(&self, job_id: &str) -> Option<&DeadLetter> {
        let others = self.messages.others.values().map(|held| &held.message);
        let mut all = self.messages.own.values().chain(others);
        all.find(|message| message.body.contains(job_id))
    }
}

/// The answer to a job that was accepted, or what happened instead.
fn accepted(exchange: &Exchange) -> Result<&Answer, String> {
    match &exchange.answer {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(answer),
        Ok(answer) => {
            let body: String = answer.body.trim().chars().take(SHOWN).collect();
            Err(format!("POST {} answered {}: {body}", exchange.url, answer.status))
        }
        Err(error) => Err(format!("POST {} was not answered: {error}", exchange.url)),
    }
}
