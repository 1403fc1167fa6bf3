//! What clients do to a live stack.

use std::time::Duration;

use verifier_chaos::{Event, Experiment, Id, JobKind, Operation, RedriveBy, Step};
use verifier_core::check::rules::job_accept::message_id;
use verifier_core::check::{Exchange, SentJob};
use verifier_core::settings::{Filling, Jobs, Refused};
use verifier_emulator::CLIENT_HEADER;
use verifier_model::time::Timestamp;

use super::recorder::Recorder;
use super::stack::Live;
use crate::shell::failure::Failure;
use crate::shell::progress::Progress;

/// How long the padding of a body is that has to be refused for its size: the most that any queue takes.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>.
const PADDING_BYTES: usize = 1_048_576;

/// One thing that a client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Submits a job.
    Submit { name: String, job: JobKind },
    /// Moves dead letters back.
    Redrive(RedriveBy),
    /// Deletes whatever is in the jobs queue.
    Purge,
}

/// What clients do, each with when, in the order of their times.
pub(super) fn actions(steps: &[Step]) -> Vec<(Duration, Action)> {
    let mut actions: Vec<(Duration, Action)> = steps.iter().flat_map(of_step).collect();
    actions.sort_by_key(|(at, _)| *at);
    actions
}

fn of_step(step: &Step) -> Vec<(Duration, Action)> {
    let at = |milliseconds: u64| Duration::from_millis(milliseconds);
    match step {
        Step::Submit { name, at_milliseconds, job, times } => {
            let submit = Action::Submit { name: name.clone(), job: *job };
            vec![(at(*at_milliseconds), submit); *times as usize]
        }
        Step::Burst { name, at_milliseconds, count, every_milliseconds, job } => (0..*count)
            .map(|number| {
                let when = at_milliseconds + u64::from(number) * every_milliseconds;
                let name = Step::name_in_burst(name, number);
                (at(when), Action::Submit { name, job: *job })
            })
            .collect(),
        Step::Purge { at_milliseconds } => vec![(at(*at_milliseconds), Action::Purge)],
        Step::Redrive { at_milliseconds, by } => {
            vec![(at(*at_milliseconds), Action::Redrive(*by))]
        }
    }
}

/// How a submit ended, by what its client was told.
pub(super) enum Submitted {
    Accepted,
    /// It provably was not.
    Refused,
    /// Nobody can say.
    Unknown,
}

impl Live {
    /// Submits a job, and writes down what its client was told.
    pub(super) async fn submit(&self, recorder: &Recorder, name: &str, job: JobKind) -> Submitted {
        let job_id = format!("{}{name}", recorder.watch.prefix);
        let body = self.body(&job_id, name, job);
        let op = recorder.new_op();
        let operation = Operation::Submit {
            job: Id::from(name),
            nature: job.nature(),
            content: recorder.watch.content_of(&body),
            fails: job.fails(),
            ends_batch: job.ends_batch(),
        };
        recorder.write(self.place.clock.now(), Event::Invoke { op, operation });
        let exchange = match self.exchange(&job_id, name, job, body).await {
            Ok(exchange) => exchange,
            Err(failure) => {
                let reason = failure.to_string().into();
                recorder.write(self.place.clock.now(), Event::Fail { op, reason });
                return Submitted::Refused;
            }
        };
        let now: Timestamp = self.place.clock.now();
        if let Some(message) = message_id(&exchange, &job_id, &self.settings) {
            // Where the answer has none, messages are known by their jobs.
            let message = (message != job_id).then(|| Id::from(message));
            recorder.write(now, Event::Ok { op, message });
            return Submitted::Accepted;
        }
        match &exchange.answer {
            Ok(answer) if (400..500).contains(&answer.status) => {
                let reason = format!("status {}", answer.status).into();
                recorder.write(now, Event::Fail { op, reason });
                Submitted::Refused
            }
            Ok(answer) => {
                let reason = format!("status {}", answer.status).into();
                recorder.write(now, Event::Info { op, reason });
                Submitted::Unknown
            }
            Err(problem) => {
                recorder.write(now, Event::Info { op, reason: problem.clone().into() });
                Submitted::Unknown
            }
        }
    }

    /// Posts a job, or sends it to the queue itself.
    async fn exchange(
        &self,
        job_id: &str,
        name: &str,
        job: JobKind,
        body: String,
    ) -> Result<Exchange, Failure> {
        let jobs = &self.settings.jobs;
        let Some(url) = &self.job_url else {
            let queue = self.place.needed_source()?;
            let run_id = self.run.to_string();
            let filling = Filling { job_id, run_id: &run_id, name, padding_bytes: 0 };
            let message = SentJob::of(jobs, &filling, body, queue.is_fifo());
            return Ok(self.place.aws.send_job(queue, &message).await);
        };
        let mut headers = jobs.headers.clone();
        if let Some(client) = self.place.clock.client() {
            headers.insert(CLIENT_HEADER.to_owned(), client.to_owned());
        }
        let body = body.into_bytes();
        Ok(match job {
            JobKind::CutOff => self.http.post_half(url, &headers, body).await,
            _ => self.http.post(url, &headers, body).await,
        })
    }

    /// Deletes whatever is in the jobs queue.
    pub(super) async fn purge_jobs(&self, recorder: &Recorder) -> Result<(), Failure> {
        let jobs = self.place.needed_source()?;
        let op = recorder.new_op();
        let clock = &self.place.clock;
        recorder.write(clock.now(), Event::Invoke { op, operation: Operation::Purge });
        let purged = self.place.aws.purge(jobs).await;
        // Whoever is refused, as who purges twice in a minute is, has purged nothing.
        recorder.write(
            clock.now(),
            match purged {
                Ok(()) => Event::Ok { op, message: None },
                Err(error) => Event::Info { op, reason: error.to_string().into() },
            },
        );
        Ok(())
    }

    /// The body of a job: by the stack's settings, where those have jobs of their own.
    fn body(&self, job_id: &str, name: &str, job: JobKind) -> String {
        let run_id = self.run.to_string();
        // Longer than any queue takes.
        let filling = Filling { job_id, run_id: &run_id, name, padding_bytes: PADDING_BYTES };
        match template(&self.settings.jobs, job) {
            Some(template) => filling.fill(&template),
            None => job.body(job_id),
        }
    }

    /// The experiment with the jobs alone of which there are bodies: optional ones of which the settings of another stack say none
    /// are left out, and so are those that are about an API where none takes jobs; both are reported.
    ///
    /// # Errors
    ///
    /// Where the experiment is about such a job.
    pub(crate) fn with_known_jobs(
        &self,
        mut experiment: Experiment,
        progress: &Progress,
    ) -> Result<Experiment, Failure> {
        let jobs = &self.settings.jobs;
        let is_unknown = |job: JobKind| {
            is_of_api(job) && jobs.are_sent()
                || !jobs.are_of_contract() && template(jobs, job).is_none()
        };
        let optional = std::mem::take(&mut experiment.optional);
        let (unknown, known): (Vec<Step>, Vec<Step>) =
            experiment.load.into_iter().partition(|step| step.job().is_some_and(is_unknown));
        for step in &unknown {
            let (Some(job), Some(name)) = (step.job(), step.name()) else { continue };
            let is_optional = optional.iter().any(|optional| optional == name);
            let is_of_api = is_of_api(job) && jobs.are_sent();
            if is_of_api && known.is_empty() {
                return Err(no_api(job, &self.name));
            }
            if !is_of_api && !is_optional {
                return Err(no_body(job, &self.name));
            }
            let why = if is_of_api {
                "jobs are sent to the queue itself, and only an API refuses one that is"
            } else {
                "the settings say no body of a job that is"
            };
            progress.say(&format!("{name} is left out: {why} {}", job.told().0));
        }
        experiment.load = known;
        experiment.optional = optional;
        experiment
            .optional
            .retain(|name| experiment.load.iter().any(|step| step.name() == Some(name.as_str())));
        Ok(experiment)
    }
}

/// Whether a job is about what an API does with it: it refuses the body, or gets half of it.
fn is_of_api(job: JobKind) -> bool {
    matches!(job, JobKind::Malformed | JobKind::Oversize | JobKind::CutOff)
}

fn no_api(job: JobKind, stack: &str) -> Failure {
    Failure {
        next: Some("take an experiment without one: `verifier chaos list`".to_owned()),
        ..Failure::usage(format!(
            "the experiment submits a job that is {}, and jobs of {stack} are sent to the queue itself (jobs.submit), not by an API",
            job.told().0
        ))
    }
}

fn no_body(job: JobKind, stack: &str) -> Failure {
    let (kind, value) = job.told();
    let value = value.map(|(name, _)| format!(" with {{{name}}}")).unwrap_or_default();
    let key = if job.can_be_accepted() { "jobs.kinds" } else { "jobs.refused" };
    Failure {
        next: Some(format!(
            "say its body in {key} of verifier.toml{value}, or take an experiment without one: `verifier chaos list`"
        )),
        ..Failure::usage(format!(
            "the experiment submits a job that is {kind}, and the settings of {stack} say no body of one"
        ))
    }
}

/// The body of a job in the settings, with its placeholders, but for those that only its kind has; `None` where it is the one of
/// this project's contract, or none is known.
fn template(jobs: &Jobs, job: JobKind) -> Option<String> {
    let padded = |refused: &&Refused| refused.body.contains("{padding}");
    let is_own = jobs.are_of_contract();
    let (kind, value) = job.told();
    let template = match job {
        _ if is_own => None,
        JobKind::Good | JobKind::CutOff => Some(&jobs.good),
        JobKind::Poison => Some(&jobs.failing),
        JobKind::Malformed => {
            jobs.refused.iter().find(|refused| !padded(refused)).map(|refused| &refused.body)
        }
        JobKind::Oversize => jobs.refused.iter().find(padded).map(|refused| &refused.body),
        JobKind::Slow { .. }
        | JobKind::Flaky { .. }
        | JobKind::Exiting { .. }
        | JobKind::Garbling => jobs.kinds.get(kind),
    }?;
    Some(match value {
        Some((name, value)) => template.replace(&format!("{{{name}}}"), &value),
        None => template.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bodies_of_another_stack_are_those_of_its_settings() {
        let mut jobs = Jobs { good: r#"{"ref":"{job_id}"}"#.to_owned(), ..Jobs::default() };
        assert_eq!(template(&Jobs::default(), JobKind::Good), None, "the contract's own");
        assert_eq!(template(&jobs, JobKind::Good).as_deref(), Some(r#"{"ref":"{job_id}"}"#));
        assert_eq!(template(&jobs, JobKind::CutOff), template(&jobs, JobKind::Good));
        assert!(template(&jobs, JobKind::Oversize).unwrap().contains("{padding}"));
        assert!(!template(&jobs, JobKind::Malformed).unwrap().contains("{padding}"));
        let flaky = JobKind::Flaky { fails: 2 };
        assert_eq!(template(&jobs, flaky), None);
        let body = r#"{"ref":"{job_id}","fails":{fails}}"#.to_owned();
        jobs.kinds.insert("flaky".to_owned(), body);
        assert_eq!(template(&jobs, flaky).as_deref(), Some(r#"{"ref":"{job_id}","fails":2}"#));
    }

    #[test]
    fn a_burst_is_that_many_jobs_and_all_come_in_their_order() {
        let burst = Step::Burst {
            name: "b".to_owned(),
            at_milliseconds: 10,
            count: 3,
            every_milliseconds: 10,
            job: JobKind::Good,
        };
        let redrive = Step::Redrive { at_milliseconds: 20, by: RedriveBy::MoveTask };
        let found = actions(&[redrive, burst]);
        let times: Vec<u128> = found.iter().map(|(at, _)| at.as_millis()).collect();
        assert_eq!(times, [10, 20, 20, 30]);
    }
}
