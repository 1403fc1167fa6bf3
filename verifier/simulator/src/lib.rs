//! The chaos's simulator with this project's own functions in it.
//!
//! The core knows no function, only what it asks of one ([`Submit`], [`Worker`]). Here the libraries of `submit-job` and
//! `worker` answer in-process: what is explored is the code that is deployed. Their `main.rs`, Lambda's runtime and the
//! real queue are left out, and with them everything that waits.

use std::cell::RefCell;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body;
use contract::SubmitResponse;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use submit_job::{DEFAULT_MAX_MESSAGE_BYTES, JobsQueue, MessageId, SendError, handle};
use tracing::subscriber::NoSubscriber;
use verifier_chaos::{
    Answer, History, Id, Limits, Parts, Record, ReferenceRedriver, ReferenceRules, Schedule,
    ScheduleError, Submit, Work, Worker, simulate_within,
};
use worker::{Handled, Stage};

/// `submit-job`, as it is deployed.
#[derive(Clone, Copy, Debug, Default)]
pub struct SubmitJob;

/// `worker`, as it is deployed in a preview.
#[derive(Clone, Copy, Debug, Default)]
pub struct PreviewWorker;

/// Runs a schedule on a stack with this project's functions, within limits.
pub fn simulate(schedule: &Schedule, limits: Limits) -> Result<History, ScheduleError> {
    let mut parts = Parts {
        submit: &mut SubmitJob,
        worker: &mut PreviewWorker,
        rules: &mut ReferenceRules,
        redriver: &mut ReferenceRedriver,
    };
    // What the functions log for Lambda is nobody's business here: their outcome lines are returned.
    tracing::subscriber::with_default(NoSubscriber::new(), || {
        simulate_within(schedule, limits, &mut parts)
    })
}

/// A queue that answers at once.
struct Queue<'s>(RefCell<&'s mut dyn FnMut(String) -> Option<Id>>);

impl JobsQueue for Queue<'_> {
    fn send(&self, body: String) -> impl Future<Output = Result<MessageId, SendError>> + Send {
        let id = (*self.0.borrow_mut())(body);
        let sent = id.map(|id| MessageId(id.as_str().to_owned()));
        std::future::ready(sent.ok_or(SendError::Unconfirmed))
    }
}

impl Submit for SubmitJob {
    fn submit(&mut self, body: &str, send: &mut dyn FnMut(String) -> Option<Id>) -> Answer {
        let mut request = ApiGatewayV2httpRequest::default();
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.body = Some(body.to_owned());
        let queue = Queue(RefCell::new(send));
        // Schedules name every job; an id by chance would make two runs differ.
        let unnamed = || "unnamed".to_owned();
        let answered = pin!(handle(&queue, DEFAULT_MAX_MESSAGE_BYTES, unnamed, &request));
        // Nothing in it waits, since the queue does not. Something that did would be no answer.
        match answered.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(response)) => answer(&response),
            Poll::Ready(Err(_)) | Poll::Pending => Answer { status: 500, message_id: None },
        }
    }
}

fn answer(response: &ApiGatewayV2httpResponse) -> Answer {
    let status = u16::try_from(response.status_code).unwrap_or(500);
    let accepted = match &response.body {
        Some(Body::Text(text)) if status == 202 => serde_json::from_str(text).ok(),
        _ => None,
    };
    let message_id = accepted.map(|accepted: SubmitResponse| Id::from(accepted.message_id));
    Answer { status, message_id }
}

impl Worker for PreviewWorker {
    fn work(&mut self, records: &[Record<'_>], request_id: &str) -> Work {
        let records: Vec<worker::Record> = records.iter().map(record).collect();
        let handled = worker::handle(&records, request_id, Stage::Preview);
        let exits_after = handled.exits_after();
        let Handled { response, mut outcomes, .. } = handled;
        outcomes.truncate(exits_after.unwrap_or(usize::MAX));
        let response = serde_json::to_vec(&response).map_err(|error| error.to_string());
        Work { response, exited: exits_after.is_some(), ..Work::of_outcomes(Vec::new(), outcomes) }
    }
}

fn record(record: &Record<'_>) -> worker::Record {
    worker::Record {
        message_id: Some(record.message_id.to_owned()),
        body: Some(record.body.to_owned()),
        receive_count: record.receive_count,
    }
}
