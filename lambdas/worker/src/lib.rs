//! The worker behind the jobs queue.
//!
//! It answers each batch with a partial batch response, so that a failed message is retried alone, and writes
//! one outcome line per message. [`handle`] decides everything and is pure: a simulator calls it in-process.
//! [`respond`] adds the log lines, and `main.rs` the runtime.

mod event;

use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use contract::{Directives, ExitAt, Job, OUTCOME_EVENT, Outcome, OutcomeLine};

pub use event::{Batch, Record};

/// The reason of a job that was submitted with `"fail": true`, or that asked a preview to fail it at this receive.
pub const ASKED_TO_FAIL: &str = "the job asked to fail";

/// The reason of a record that carries no body, or none that is text.
pub const NO_BODY: &str = "the message has no body";

/// The environment variable that holds the number of the pull request of a preview; absent anywhere else.
pub const PR_NUMBER: &str = "PR_NUMBER";

/// What kind of stack the worker is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A preview, in which jobs may ask for trouble: [`Directives`] are honoured.
    Preview,
    /// Any other.
    Other,
}

impl Stage {
    /// Reads it from the environment, which `variable` looks up. An empty variable counts as missing.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        match variable(PR_NUMBER) {
            Some(pr) if !pr.trim().is_empty() => Self::Preview,
            _ => Self::Other,
        }
    }
}

/// A batch that was processed.
#[derive(Clone, Debug, PartialEq)]
pub struct Handled {
    /// Which messages to retry.
    pub response: SqsBatchResponse,
    /// How each attempt ended, one line per record, in order.
    pub outcomes: Vec<OutcomeLine>,
    /// What each job asks for beyond its work, in the same order; nothing outside of previews.
    pub directives: Vec<Directives>,
}

impl Handled {
    /// How many outcome lines are written before the process ends, if a job of a preview asks for that.
    pub fn exits_after(&self) -> Option<usize> {
        self.directives.iter().enumerate().find_map(|(index, asked)| {
            asked.exit.map(|at| index + usize::from(at == ExitAt::After))
        })
    }
}

/// How an invocation ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// With this response.
    Responded(SqsBatchResponse),
    /// The process ends without one, since a job of a preview asked for it.
    Exited,
}

/// Works a batch off, writes its outcome lines and does what its jobs ask for; the request id is Lambda's, of this
/// invocation.
pub fn respond(
    batch: &Batch,
    request_id: &str,
    stage: Stage,
    mut sleep: impl FnMut(Duration),
) -> Ended {
    let handled = handle(&batch.records, request_id, stage);
    let exits_after = handled.exits_after();
    let Handled { response, outcomes, directives } = handled;
    for (line, asked) in outcomes.iter().zip(directives).take(exits_after.unwrap_or(usize::MAX)) {
        if !asked.sleep.is_zero() {
            sleep(asked.sleep);
        }
        log(line);
    }
    if exits_after.is_some() { Ended::Exited } else { Ended::Responded(response) }
}

/// Works a batch off: which messages to retry, and one outcome line per record, in order.
///
/// A message fails alone. The one exception is a failed record without a message id, which SQS never sends:
/// nothing can name it in the response, and leaving it out would have Lambda delete it, so that the job was
/// lost without a trace. An empty identifier makes Lambda retry the whole batch instead
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>): jobs may run twice, as they
/// always may on a standard queue, and none is lost. A job of a preview may ask for the same.
pub fn handle(records: &[Record], request_id: &str, stage: Stage) -> Handled {
    let batch_size = u32::try_from(records.len()).unwrap_or(u32::MAX);
    let mut response = SqsBatchResponse::default();
    let mut outcomes = Vec::with_capacity(records.len());
    let mut directives = Vec::with_capacity(records.len());
    for record in records {
        let attempt = attempt(record, stage);
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
        directives.push(attempt.directives);
    }
    if directives.iter().any(|asked| asked.malformed_response) {
        response.add_failure("");
    }
    Handled { response, outcomes, directives }
}

/// One attempt at one message: whose it was, and how it ended.
struct Attempt {
    run_id: Option<String>,
    job_id: Option<String>,
    /// The reason, where the attempt failed.
    result: Result<(), String>,
    directives: Directives,
}

fn attempt(record: &Record, stage: Stage) -> Attempt {
    match read_job(record) {
        Ok(job) => {
            let directives = match stage {
                Stage::Preview => Directives::of(&job),
                Stage::Other => Directives::default(),
            };
            let result = run(&job, &directives, record.receive_count);
            Attempt { result, run_id: job.run_id, job_id: job.job_id, directives }
        }
        Err(reason) => Attempt {
            run_id: None,
            job_id: None,
            result: Err(reason),
            directives: Directives::default(),
        },
    }
}

/// Reads the job. The reason for a refusal never quotes the body, because it is logged.
fn read_job(record: &Record) -> Result<Job, String> {
    let body = record.body.as_deref().ok_or(NO_BODY)?;
    Job::parse(body.as_bytes()).map_err(|error| format!("not a job: {}", error.error.message))
}

/// Does the job's work.
fn run(job: &Job, directives: &Directives, receive_count: u32) -> Result<(), String> {
    let fails = job.fail || directives.fails_at(receive_count);
    if fails { Err(ASKED_TO_FAIL.to_owned()) } else { Ok(()) }
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
