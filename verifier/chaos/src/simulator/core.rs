//! What every part of a simulation works on: time, queues, faults, names, and the history that is written.

use std::collections::HashMap;

use serde_json::Value;
use verifier_model::faults::{Caller, Commit, Fault, FaultPlan, FaultRules, Happening, Stage};
use verifier_model::sqs::{
    Message, QueueAttributes, ReceivedMessage, RedrivePolicy, SendMessage, Sqs, SqsError,
    md5_of_attributes, md5_of_body,
};
use verifier_model::time::Timestamp;

use super::super::history::{Content, Event, Line, Queue};
use super::super::schedule::{JobKind, Schedule};
use super::super::{Id, ScheduleError};
use super::agenda::{Agenda, Task};
use super::competing::Competing;
use super::redrive::Redrive;

/// The names that fault rules use.
pub(super) const JOBS: &str = "jobs";
pub(super) const DLQ: &str = "dlq";
pub(super) const WORKER: &str = "worker";
pub(super) const SUBMIT_JOB: &str = "submit-job";

/// When the simulation's time begins, for the queues.
const EPOCH: u64 = 1_700_000_000_000;
/// How often an SDK sends a request before it gives up.
const SDK_ATTEMPTS: u32 = 2;
/// How long an SDK waits for the answer to one attempt, in milliseconds.
const SDK_ATTEMPT_MILLISECONDS: u64 = 3_000;

/// A job of the schedule, or one that turned up.
pub(super) struct SimulatedJob {
    pub(super) id: Id,
    pub(super) kind: JobKind,
    pub(super) body: String,
}

/// See the module.
pub(super) struct Core {
    /// The random seed.
    pub(super) seed: u64,
    pub(super) now: u64,
    pub(super) agenda: Agenda,
    pub(super) sqs: Sqs,
    pub(super) plan: FaultPlan,
    pub(super) lines: Vec<Line>,
    pub(super) jobs: Vec<SimulatedJob>,
    /// The job of each message.
    pub(super) messages: HashMap<Id, usize>,
    /// When the mapping will look next.
    next_poll: Option<u64>,
    next_op: u64,
    /// Log lines that cannot be read yet.
    pub(super) late_logs: Vec<Option<Event>>,
    pub(super) redrive: Option<Redrive>,
    /// Whether the submit function has no concurrency at all.
    pub(super) submit_is_stopped: bool,
    /// `Timeout` of the worker.
    pub(super) function_timeout_seconds: u32,
    /// Somebody else who receives from the jobs queue, while there is somebody.
    pub(super) competing: Option<Competing>,
    /// How many requests clients have made.
    pub(super) client_calls: u64,
}

impl Core {
    pub(super) fn new(schedule: &Schedule) -> Result<Self, ScheduleError> {
        let rules = FaultRules { seed: schedule.seed, rules: schedule.faults.clone() };
        let now = Timestamp::from_millis(EPOCH);
        let mut sqs = Sqs::new("region", "000000000000", schedule.seed);
        let stack = &schedule.stack;
        let visibility_timeout_seconds = stack.visibility_timeout_seconds;
        let dlq = QueueAttributes { visibility_timeout_seconds, ..QueueAttributes::default() };
        let dead_letter_target_arn = sqs.arn(DLQ);
        let max_receive_count = stack.max_receive_count;
        let policy = RedrivePolicy { dead_letter_target_arn, max_receive_count };
        let jobs = QueueAttributes { redrive_policy: Some(policy), ..dlq.clone() };
        let into_stack = |error: SqsError| ScheduleError::Stack(error.to_string());
        sqs.create_queue(DLQ, dlq, now).map_err(into_stack)?;
        sqs.create_queue(JOBS, jobs, now).map_err(into_stack)?;
        Ok(Self {
            seed: schedule.seed,
            now: 0,
            agenda: Agenda::default(),
            sqs,
            plan: FaultPlan::new(rules)?,
            lines: Vec::with_capacity(256),
            jobs: Vec::new(),
            messages: HashMap::new(),
            next_poll: None,
            next_op: 0,
            late_logs: Vec::new(),
            redrive: None,
            submit_is_stopped: false,
            function_timeout_seconds: stack.function_timeout_seconds,
            competing: None,
            client_calls: 0,
        })
    }

    /// The time as the queues count it.
    pub(super) fn time(&self) -> Timestamp {
        Timestamp::from_millis(EPOCH + self.now)
    }

    /// The time as the simulation counts it.
    pub(super) fn milliseconds(at: Timestamp) -> u64 {
        at.as_millis().saturating_sub(EPOCH)
    }

    pub(super) fn write(&mut self, event: Event) {
        self.lines.push(Line { at: self.now, event });
    }

    pub(super) fn new_op(&mut self) -> u64 {
        self.next_op += 1;
        self.next_op - 1
    }

    /// Has the mapping look for messages at that time, or earlier.
    pub(super) fn poll_at(&mut self, at: u64) {
        if self.next_poll.is_none_or(|next| at < next) {
            self.next_poll = Some(at);
            self.agenda.put(at, Task::Poll);
        }
    }

    /// Has the mapping look when time makes a message available. What is available already waits for a free slot, and
    /// the mapping looks when there is one.
    pub(super) fn poll_when_available(&mut self) {
        let at = self.sqs.next_available_at(JOBS).map(Self::milliseconds);
        if let Some(at) = at.filter(|at| *at > self.now) {
            self.poll_at(at);
        }
    }

    /// Notes that the mapping looks now; `false` if it was put down earlier and an earlier look has done it.
    pub(super) fn takes_poll(&mut self) -> bool {
        let is_due = self.next_poll == Some(self.now);
        if is_due {
            self.next_poll = None;
        }
        is_due
    }

    /// What goes wrong with what is about to happen, if anything; it is written down.
    pub(super) fn decide(
        &mut self,
        stage: Stage,
        operation: &'static str,
        happening: Happening<'_>,
    ) -> Option<Fault> {
        if self.plan.is_empty() {
            return None;
        }
        let (rule, fault) = self.plan.decide_by_rule(stage, &happening, self.now)?;
        let messages = happening.message_id.map(|id| self.id_of(id)).into_iter().collect();
        let operation = operation.into();
        self.write(Event::Fault { fault: fault.clone(), operation, messages, rule });
        Some(fault)
    }

    /// The shared name of a message.
    pub(super) fn id_of(&self, message_id: &str) -> Id {
        self.messages
            .get_key_value(message_id)
            .map_or_else(|| message_id.into(), |(id, _)| id.clone())
    }

    /// The job of a message.
    pub(super) fn job_of(&self, message_id: &str) -> Option<&SimulatedJob> {
        self.messages.get(message_id).map(|job| &self.jobs[*job])
    }

    /// The id of a message's job.
    pub(super) fn job_id_of(&self, message_id: &str) -> Id {
        self.job_of(message_id).map_or_else(|| message_id.into(), |job| job.id.clone())
    }

    /// Remembers a message by the job in its body. `expected` is the job that it most probably is.
    pub(super) fn remember(&mut self, message_id: &str, body: &str, expected: Option<usize>) -> Id {
        let is_expected = |job: &usize| self.jobs[*job].body == body;
        let job = expected.filter(is_expected).unwrap_or_else(|| self.job_in(message_id, body));
        let id = Id::from(message_id);
        self.messages.insert(id.clone(), job);
        id
    }

    /// The job that a body names; one that nobody knows becomes a job, too.
    fn job_in(&mut self, message_id: &str, body: &str) -> usize {
        let value: Option<Value> = serde_json::from_str(body).ok();
        let named = value.as_ref().and_then(|value| value.get("jobId")?.as_str());
        let id = named.unwrap_or(message_id);
        if let Some(known) = self.jobs.iter().position(|job| job.id.as_str() == id) {
            return known;
        }
        self.jobs.push(SimulatedJob { id: id.into(), kind: JobKind::Good, body: body.to_owned() });
        self.jobs.len() - 1
    }

    /// Puts a message into the jobs queue as a function or a client does, with what may go wrong at that.
    pub(super) fn commit(
        &mut self,
        caller: Caller,
        operation: &'static str,
        mut message: SendMessage,
        expected: Option<usize>,
    ) -> Option<Id> {
        let happening = Happening::new(operation, caller).on_queue(JOBS).with_text(&message.body);
        if let Some(Fault::DelayedDelivery { milliseconds }) =
            self.decide(Stage::Send, operation, happening)
        {
            let seconds = u32::try_from(milliseconds.div_ceil(1_000)).unwrap_or(u32::MAX);
            // The longest delay that SQS takes.
            message.delay_seconds = Some(seconds.min(900));
        }
        let delay = message.delay_seconds.unwrap_or(0);
        let job = expected.filter(|job| self.jobs[*job].body == message.body);
        // The body is only needed later if it is not the expected one.
        let body = if job.is_none() { message.body.clone() } else { String::new() };
        let sent = self.sqs.send(JOBS, message, self.time()).ok()?;
        let id = match job {
            Some(job) => {
                let id = Id::from(sent.message_id);
                self.messages.insert(id.clone(), job);
                id
            }
            None => self.remember(&sent.message_id, &body, None),
        };
        let job = self.job_id_of(&id);
        self.write(Event::Sent { message: id.clone(), job });
        self.poll_at(self.now + u64::from(delay) * 1_000);
        Some(id)
    }

    /// Sends a message through an SDK, which repeats what was not answered: so one message may become two.
    pub(super) fn send(&mut self, body: &str, job: usize) -> Option<Id> {
        let operation = "SendMessage";
        for _ in 0..SDK_ATTEMPTS {
            let happening =
                Happening::new(operation, Caller::Function).on_queue(JOBS).with_text(body);
            let fault = self.decide(Stage::Transport, operation, happening);
            let (commits, again) = match &fault {
                Some(Fault::Error { commit, status, .. }) => {
                    (*commit == Commit::After, *status >= 500 || *status == 429)
                }
                Some(Fault::Disconnect { commit }) => (*commit == Commit::After, true),
                Some(Fault::Latency { milliseconds }) => {
                    (true, *milliseconds >= SDK_ATTEMPT_MILLISECONDS)
                }
                _ => (true, false),
            };
            let sent = if commits {
                let message = SendMessage::new(body);
                self.commit(Caller::Function, operation, message, Some(job))
            } else {
                None
            };
            let answered = matches!(fault, None | Some(Fault::Latency { .. }));
            match (again, answered) {
                (true, _) => {}
                (false, true) => return sent,
                (false, false) => return None,
            }
        }
        None
    }

    /// Writes down that messages were received.
    pub(super) fn write_receives(&mut self, queue: Queue, received: &[ReceivedMessage]) {
        for ReceivedMessage { message, .. } in received {
            let id = self.id_of(&message.message_id);
            let job = self.job_id_of(&id);
            let receive_count = message.receive_count;
            self.write(Event::Received { queue, message: id, job, receive_count });
        }
    }

    /// Writes down that messages came into the dead-letter queue.
    pub(super) fn write_dead_letters(&mut self, ids: &[Id]) {
        for id in ids {
            let copy = self.sqs.messages(DLQ).find(|message| message.message_id == id.as_str());
            let Some(content) = copy.map(content_of) else {
                continue;
            };
            let job = self.job_id_of(id);
            self.write(Event::DeadLettered { message: id.clone(), job, content });
        }
    }

    /// Deletes a message, if it is still there, and writes down what became of it.
    pub(super) fn delete(&mut self, queue: Queue, message: &Message, receipt_handle: &str) {
        let name = match queue {
            Queue::Jobs => JOBS,
            Queue::DeadLetter => DLQ,
        };
        let now = self.time();
        let deleted = self.sqs.delete(name, receipt_handle, now).is_ok()
            && self.sqs.message_of_receipt(name, receipt_handle).is_none();
        if deleted {
            let message = self.id_of(&message.message_id);
            self.write(Event::Deleted { queue, message });
        }
    }

    /// Whether a message is still where it was received from.
    pub(super) fn is_there(&self, queue: &str, receipt_handle: &str) -> bool {
        self.sqs.message_of_receipt(queue, receipt_handle).is_some()
    }

    /// How many messages a queue holds, wherever they are.
    pub(super) fn count(&mut self, queue: &str) -> u64 {
        let now = self.time();
        let counts = self.sqs.counts(queue, now).unwrap_or_default();
        (counts.visible + counts.not_visible + counts.delayed) as u64
    }
}

/// What a message holds, as histories have it.
pub(super) fn content_of(message: &Message) -> Content {
    Content {
        md5_of_body: md5_of_body(&message.body).into(),
        md5_of_attributes: md5_of_attributes(&message.attributes).map(Id::from),
    }
}
