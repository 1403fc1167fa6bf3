//! Parts that do what they should. The functions behave as those of this project do.

use contract::{Directives, ExitAt, Job, Outcome, OutcomeLine};
use serde::Serialize;
use verifier_model::sqs::{Message, SendMessage};

use super::super::Id;
use super::parts::{Answer, Record, Redriver, Rules, Submit, Work, Worker};

/// The largest message that SQS takes, in bytes.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>.
const MESSAGE_BYTES_MAX: usize = 1_048_576;

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
        let message = serde_json::to_string(&job).ok();
        if message.as_ref().is_some_and(|message| message.len() > MESSAGE_BYTES_MAX) {
            return Answer { status: 413, message_id: None };
        }
        let message_id = message.and_then(send);
        Answer { status: if message_id.is_some() { 202 } else { 503 }, message_id }
    }
}

impl Worker for ReferenceWorker {
    fn work(&mut self, records: &[Record<'_>], request_id: &str) -> Work {
        let batch_size = u32::try_from(records.len()).unwrap_or(u32::MAX);
        let lines: Vec<OutcomeLine> =
            records.iter().map(|record| attempt(record, batch_size, request_id)).collect();
        let asked = records.iter().map(asked);
        let asked: Vec<Directives> = asked.collect();
        let failed = lines.iter().filter(|line| line.outcome == Outcome::Failed);
        let failed = failed.map(|line| line.message_id.as_str());
        // No message has that id.
        let garbled = asked.iter().any(|asked| asked.malformed_response).then_some("");
        let response = batch_response(failed.chain(garbled));
        let exits_after = asked.iter().enumerate().find_map(|(index, asked)| {
            asked.exit.map(|at| index + usize::from(at == ExitAt::After))
        });
        let come_to = lines.into_iter().take(exits_after.unwrap_or(usize::MAX)).collect();
        Work { exited: exits_after.is_some(), ..Work::of_outcomes(response, come_to) }
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

/// What a record's job asks of its worker.
fn asked(record: &Record<'_>) -> Directives {
    Job::parse(record.body.as_bytes()).map(|job| Directives::of(&job)).unwrap_or_default()
}

/// Attempts a record, and tells how that ended.
fn attempt(record: &Record<'_>, batch_size: u32, request_id: &str) -> OutcomeLine {
    let (run_id, job_id, reason) = match Job::parse(record.body.as_bytes()) {
        Ok(job) => {
            let fails = job.fail || Directives::of(&job).fails_at(record.receive_count);
            (job.run_id, job.job_id, fails.then(|| "the job asked to fail".to_owned()))
        }
        Err(error) => (None, None, Some(format!("not a job: {}", error.error.message))),
    };
    OutcomeLine {
        run_id,
        job_id,
        message_id: record.message_id.to_owned(),
        receive_count: record.receive_count,
        outcome: if reason.is_some() { Outcome::Failed } else { Outcome::Succeeded },
        reason,
        request_id: request_id.to_owned(),
        batch_size,
    }
}

/// A partial batch response with these failures.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.
pub(crate) fn batch_response<'a>(failed: impl Iterator<Item = &'a str>) -> Vec<u8> {
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
