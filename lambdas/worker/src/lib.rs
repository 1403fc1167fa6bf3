//! The worker behind the jobs queue.
//!
//! It answers each batch with a partial batch response, so that a failed message is retried alone, and writes
//! one outcome line per message. [`handle`] decides everything and is pure: a simulator calls it in-process.
//! [`respond`] adds the log lines, and `main.rs` the runtime.

mod event;

use aws_lambda_events::sqs::SqsBatchResponse;
use contract::{Job, OUTCOME_EVENT, Outcome, OutcomeLine};

pub use event::{Batch, Record};

/// The reason of a job that was submitted with `"fail": true`.
pub const ASKED_TO_FAIL: &str = "the job asked to fail";

/// The reason of a record that carries no body, or none that is text.
pub const NO_BODY: &str = "the message has no body";

/// Works a batch off and writes its outcome lines; the request id is Lambda's, of this invocation.
pub fn respond(batch: &Batch, request_id: &str) -> SqsBatchResponse {
    let (response, outcomes) = handle(&batch.records, request_id);
    outcomes.iter().for_each(log);
    response
}

/// Works a batch off: which messages to retry, and one outcome line per record, in order.
///
/// A message fails alone. The one exception is a failed record without a message id, which SQS never sends:
/// nothing can name it in the response, and leaving it out would have Lambda delete it, so that the job was
/// lost without a trace. An empty identifier makes Lambda retry the whole batch instead
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>): jobs may run twice, as they
/// always may on a standard queue, and none is lost.
pub fn handle(records: &[Record], request_id: &str) -> (SqsBatchResponse, Vec<OutcomeLine>) {
    let batch_size = u32::try_from(records.len()).unwrap_or(u32::MAX);
    let mut response = SqsBatchResponse::default();
    let mut outcomes = Vec::with_capacity(records.len());
    for record in records {
        let attempt = attempt(record);
        let message_id = record.message_id.clone().unwrap_or_default();
        if attempt.result.is_err() {
            response.add_failure(message_id.as_str());
        }
        outcomes.push(OutcomeLine {
            run_id: attempt.run_id,
            job_id: attempt.job_id,
            message_id,
            receive_count: record.receive_count,
            outcome: if attempt.result.is_ok() { Outcome::Succeeded } else { Outcome::Failed },
            reason: attempt.result.err(),
            request_id: request_id.to_owned(),
            batch_size,
        });
    }
    (response, outcomes)
}

/// One attempt at one message: whose it was, and how it ended.
struct Attempt {
    run_id: Option<String>,
    job_id: Option<String>,
    /// The reason, where the attempt failed.
    result: Result<(), String>,
}

fn attempt(record: &Record) -> Attempt {
    match read_job(record) {
        Ok(job) => Attempt { result: run(&job), run_id: job.run_id, job_id: job.job_id },
        Err(reason) => Attempt { run_id: None, job_id: None, result: Err(reason) },
    }
}

/// Reads the job. The reason for a refusal never quotes the body, because it is logged.
fn read_job(record: &Record) -> Result<Job, String> {
    let body = record.body.as_deref().ok_or(NO_BODY)?;
    Job::parse(body.as_bytes()).map_err(|error| format!("not a job: {}", error.error.message))
}

/// Does the job's work.
fn run(job: &Job) -> Result<(), String> {
    if job.fail { Err(ASKED_TO_FAIL.to_owned()) } else { Ok(()) }
}

/// Writes an outcome line, in the shape that [`OutcomeLine::from_log_message`] reads.
///
/// Failures have the same level as successes, because a log level that kept one and dropped the other would
/// turn missing lines into false evidence. `None` writes no field at all.
fn log(line: &OutcomeLine) {
    tracing::info!(
        event = OUTCOME_EVENT,
        runId = line.run_id.as_deref(),
        jobId = line.job_id.as_deref(),
        messageId = line.message_id,
        receiveCount = line.receive_count,
        outcome = line.outcome.as_str(),
        reason = line.reason.as_deref(),
        requestId = line.request_id,
        batchSize = line.batch_size,
        "job {}",
        line.outcome.as_str()
    );
}

#[cfg(test)]
mod tests;
