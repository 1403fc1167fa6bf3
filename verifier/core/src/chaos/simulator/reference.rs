//! Parts that do what they should. The functions behave as those of this project do.

use contract::{Job, Outcome, OutcomeLine};
use serde::Serialize;

use super::super::Id;
use super::parts::{Answer, Record, Redriver, Rules, Submit, Work, WorkEffect, Worker};
use crate::sqs::{Message, SendMessage};

/// A submit function that says 202 only for what the queue has confirmed.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReferenceSubmit;

/// A worker that fails messages alone, honours the directives of schedules and gives each effect its job's id as key.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReferenceWorker;

/// A queue and a mapping that are what the models say.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReferenceRules;

/// A client that deletes exactly what it has copied, and copies everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReferenceRedriver;

impl Submit for ReferenceSubmit {
    fn submit(&mut self, body: &str, send: &mut dyn FnMut(String) -> Option<Id>) -> Answer {
        let job = match Job::parse(body.as_bytes()) {
            Ok(job) => job,
            Err(error) => return Answer { status: error.status(), message_id: None },
        };
        let message_id = serde_json::to_string(&job).ok().and_then(send);
        Answer { status: if message_id.is_some() { 202 } else { 503 }, message_id }
    }
}

impl Worker for ReferenceWorker {
    fn work(&mut self, records: &[Record<'_>], request_id: &str) -> Work {
        let mut attempts: Vec<Attempted> = records.iter().map(attempt).collect();
        let failed = records.iter().zip(&attempts).filter(|(_, attempt)| attempt.reason.is_some());
        let response = batch_response(failed.map(|(record, _)| record.message_id));
        let done = attempts.iter().enumerate().filter(|(_, attempt)| attempt.reason.is_none());
        let effects = done.map(|(record, attempt)| WorkEffect {
            record,
            key: attempt.job_id.clone().unwrap_or_else(|| records[record].message_id.to_owned()),
        });
        let effects = effects.collect();
        let lines = records.iter().zip(attempts.drain(..));
        let lines = lines.map(|(record, attempt)| attempt.line(record, records.len(), request_id));
        Work { response: Ok(response), lines: lines.collect(), effects }
    }
}

impl Rules for ReferenceRules {}

impl Redriver for ReferenceRedriver {
    fn copy(&mut self, message: &Message) -> SendMessage {
        SendMessage {
            body: message.body.clone(),
            attributes: message.attributes.clone(),
            trace_header: message.trace_header.clone(),
            delay_seconds: None,
            group_id: message.group_id.clone(),
            deduplication_id: None,
        }
    }

    fn deletes(&mut self, _message: &Message) -> bool {
        true
    }
}

/// An attempt at a record.
struct Attempted {
    run_id: Option<String>,
    job_id: Option<String>,
    /// Why it failed, if it did.
    reason: Option<String>,
}

impl Attempted {
    fn line(self, record: &Record<'_>, batch_size: usize, request_id: &str) -> OutcomeLine {
        let outcome = if self.reason.is_some() { Outcome::Failed } else { Outcome::Succeeded };
        OutcomeLine {
            run_id: self.run_id,
            job_id: self.job_id,
            message_id: record.message_id.to_owned(),
            receive_count: record.receive_count,
            outcome,
            reason: self.reason,
            request_id: request_id.to_owned(),
            batch_size: u32::try_from(batch_size).unwrap_or(u32::MAX),
        }
    }
}

fn attempt(record: &Record<'_>) -> Attempted {
    let job = match Job::parse(record.body.as_bytes()) {
        Ok(job) => job,
        Err(error) => {
            let reason = Some(format!("not a job: {}", error.error.message));
            return Attempted { run_id: None, job_id: None, reason };
        }
    };
    let fails = job.fail || u64::from(record.receive_count) <= fail_times(&job);
    let reason = fails.then(|| "the job asked to fail".to_owned());
    Attempted { run_id: job.run_id, job_id: job.job_id, reason }
}

/// At how many receives a job asks to fail: `chaos.failTimes`.
fn fail_times(job: &Job) -> u64 {
    let directives = job.extra.get("chaos");
    let times = directives.and_then(|directives| directives.get("failTimes"));
    times.and_then(serde_json::Value::as_u64).unwrap_or(0)
}

/// A partial batch response with these failures.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.
pub(in crate::chaos) fn batch_response<'a>(failed: impl Iterator<Item = &'a str>) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Response<'a> {
        batch_item_failures: Vec<Failure<'a>>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Failure<'a> {
        item_identifier: &'a str,
    }
    let failures = failed.map(|item_identifier| Failure { item_identifier });
    let response = Response { batch_item_failures: failures.collect() };
    serde_json::to_vec(&response).unwrap_or_default()
}
