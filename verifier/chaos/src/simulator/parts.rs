//! The parts of a stack that a simulation is run with: whoever wants to see a wrong one fail puts it in here.

use contract::{Outcome, OutcomeLine};
use verifier_model::sqs::{Message, ReceiveFault, ReceivedMessage, SendMessage};

use super::super::Id;

/// The parts.
pub struct Parts<'p> {
    /// The function behind `POST /jobs`.
    pub submit: &'p mut dyn Submit,
    /// The function behind the jobs queue.
    pub worker: &'p mut dyn Worker,
    /// Deviations of the queue and of the mapping.
    pub rules: &'p mut dyn Rules,
    /// The client that moves dead letters back.
    pub redriver: &'p mut dyn Redriver,
}

/// Answers `POST /jobs`.
pub trait Submit {
    /// Answers a request with this body. `send` puts a message into the jobs queue and tells its id, or nothing if
    /// the queue did not confirm it.
    fn submit(&mut self, body: &str, send: &mut dyn FnMut(String) -> Option<Id>) -> Answer;
}

/// An answer of `POST /jobs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The message's id, if it was accepted.
    pub message_id: Option<Id>,
}

/// Works batches off.
pub trait Worker {
    /// Works a batch off; the request id is Lambda's, of this invocation.
    fn work(&mut self, records: &[Record<'_>], request_id: &str) -> Work;
}

/// A message of a batch, as far as workers look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The message's id.
    pub message_id: &'a str,
    /// The body.
    pub body: &'a str,
    /// `ApproximateReceiveCount`.
    pub receive_count: u32,
}

/// What a worker did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The response's payload, or the error that it reported instead.
    pub response: Result<Vec<u8>, String>,
    /// Its outcome lines, in the order of the records that they are about.
    pub lines: Vec<OutcomeLine>,
    /// Its side effects, in the order of their records.
    pub effects: Vec<WorkEffect>,
    /// Whether its process ended before it responded.
    pub exited: bool,
}

impl Work {
    /// What a worker did that has no effects but its outcomes: each success is one effect, by its job or, without one, by
    /// its message. The lines are those of the records that it came to, in their order.
    pub fn of_outcomes(response: Vec<u8>, lines: Vec<OutcomeLine>) -> Self {
        let done = lines.iter().enumerate().filter(|(_, line)| line.outcome == Outcome::Succeeded);
        let effects = done.map(|(record, line)| WorkEffect {
            record,
            key: line.job_id.as_ref().unwrap_or(&line.message_id).clone(),
        });
        Self { response: Ok(response), effects: effects.collect(), lines, exited: false }
    }
}

/// A side effect of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkEffect {
    /// For which record of the batch, counted from 0.
    pub record: usize,
    /// What a store knows it again by: the same for every attempt at a job, where the worker is right.
    pub key: String,
}

/// What a queue and a mapping do with messages beyond what the models say. The defaults deviate in nothing.
pub trait Rules {
    /// What becomes of a message whose turn it is in a receive of the mapping, unless a fault decides it.
    fn delivery(&mut self, _message: &Message) -> ReceiveFault {
        ReceiveFault::Regular
    }

    /// The visibility timeout of the mapping's receives; that of the queue if absent.
    fn visibility_timeout_seconds(&mut self) -> Option<u32> {
        None
    }

    /// Another visibility timeout for a message that the mapping has just received.
    fn visibility_after_receive(&mut self, _message: &Message) -> Option<u32> {
        None
    }

    /// Whether the queue carries a delete out.
    fn deletes(&mut self, _message: &Message) -> bool {
        true
    }

    /// Whether the mapping lets a batch lie until its messages are visible again, as if it had been throttled all the time.
    fn gives_up(&mut self, _batch: &[ReceivedMessage]) -> bool {
        false
    }
}

/// A client that receives dead letters, sends copies of them and deletes them.
pub trait Redriver {
    /// The copy of a dead letter that is sent.
    fn copy(&mut self, message: &Message) -> SendMessage;

    /// Whether it deletes a dead letter that it has copied.
    fn deletes(&mut self, message: &Message) -> bool;
}
