//! What clients do to a live stack.

use std::time::Duration;

use verifier_chaos::{Event, Id, JobKind, Operation, RedriveBy, Step, content_of_body};
use verifier_core::check::rules::job_accept::accepted_message_id;
use verifier_core::settings::{Filling, Jobs};
use verifier_emulator::CLIENT_HEADER;
use verifier_model::time::Timestamp;

use super::recorder::Recorder;
use super::stack::Live;
use crate::shell::failure::Failure;

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
            content: content_of_body(&body),
            ends_batch: job.ends_batch(),
        };
        recorder.write(self.place.clock.now(), Event::Invoke { op, operation });
        let mut headers = self.settings.jobs.headers.clone();
        if let Some(client) = self.place.clock.client() {
            headers.insert(CLIENT_HEADER.to_owned(), client.to_owned());
        }
        let body = body.into_bytes();
        let exchange = match job {
            JobKind::CutOff => self.http.post_half(&self.job_url, &headers, body).await,
            _ => self.http.post(&self.job_url, &headers, body).await,
        };
        let now: Timestamp = self.place.clock.now();
        if let Some(message) = accepted_message_id(&exchange, &job_id, &self.settings.api) {
            recorder.write(now, Event::Ok { op, message: Some(Id::from(message)) });
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

    /// The body of a job: by the stack's settings, where they have jobs of their own and know such jobs.
    fn body(&self, job_id: &str, name: &str, job: JobKind) -> String {
        let run_id = self.run.to_string();
        if self.settings.jobs == Jobs::default() {
            return job.body(job_id);
        }
        let filling = Filling { job_id, run_id: &run_id, name, padding_bytes: 0 };
        match job {
            JobKind::Good => filling.fill(&self.settings.jobs.good),
            JobKind::Poison => filling.fill(&self.settings.jobs.failing),
            other => other.body(job_id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
