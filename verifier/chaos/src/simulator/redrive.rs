//! Moving dead letters back: by SQS's own task, and by a client that receives, sends and deletes.

use verifier_model::faults::{Caller, Commit, Fault, Happening, Stage};
use verifier_model::sqs::{
    MoveTaskStatus, ReceiveFault, ReceiveMessage, ReceivedMessage, StartMoveTask,
};

use super::super::Id;
use super::super::history::{Event, Operation, Queue};
use super::super::schedule::RedriveBy;
use super::agenda::Task;
use super::core::{Core, DLQ, JOBS};
use super::parts::Redriver;

/// How often the client tries a request before it leaves the messages where they are.
const ATTEMPTS_MAX: u32 = 5;
/// How often the client looks for more, and the time between two looks, in milliseconds.
const ROUNDS: (u32, u64) = (20, 500);
/// How long the client waits for an answer, in milliseconds.
const CLIENT_TIMEOUT_MILLISECONDS: u64 = 30_000;

/// A redrive under way.
pub(super) enum Redrive {
    /// By a message move task. The client that started it may not have heard that it did.
    Moving { op: u64, confirmed: bool },
    /// By a client.
    Client(ClientRedrive),
}

/// How far a client is.
pub(super) struct ClientRedrive {
    op: u64,
    rounds: u32,
    moved: u64,
    /// What old counts show, and since when.
    old_counts: (u64, usize),
}

/// What becomes of a request on the wire.
#[derive(Clone, Copy)]
struct Wire {
    is_carried_out: bool,
    is_answered: bool,
}

impl Core {
    /// A redrive is to begin.
    pub(super) fn start_redrive(&mut self, by: RedriveBy) {
        let op = self.new_op();
        self.write(Event::Invoke { op, operation: Operation::Redrive });
        if self.redrive.is_some() {
            return self.write(Event::Fail { op, reason: "another redrive is under way".into() });
        }
        match by {
            RedriveBy::MoveTask => self.start_moving(op),
            RedriveBy::Client => {
                let before = self.count(DLQ);
                self.write(Event::RedriveStarted { op, before });
                let now = self.time();
                let counts = self.sqs.counts(DLQ, now).unwrap_or_default();
                let old_counts = (self.now, counts.visible);
                let client = ClientRedrive { op, rounds: 0, moved: 0, old_counts };
                self.redrive = Some(Redrive::Client(client));
                self.agenda.put(self.now, Task::RedriveRound);
            }
        }
    }

    fn start_moving(&mut self, op: u64) {
        let wire = self.on_the_wire("StartMessageMoveTask", DLQ);
        if !wire.is_carried_out {
            return self.write(Event::Info { op, reason: "no answer".into() });
        }
        let before = self.count(DLQ);
        let request = StartMoveTask { source_arn: self.sqs.arn(DLQ), ..StartMoveTask::default() };
        let now = self.time();
        if let Err(error) = self.sqs.start_move_task(request, now) {
            return self.write(Event::Fail { op, reason: error.to_string().into() });
        }
        self.write(Event::RedriveStarted { op, before });
        self.redrive = Some(Redrive::Moving { op, confirmed: wire.is_answered });
        self.settle_moves();
    }

    /// Lets message move tasks do what is due, and writes down what they did.
    ///
    /// Every operation on the queues does it unseen, so it has to be done first.
    pub(super) fn settle_moves(&mut self) {
        while self.sqs.next_due().is_some_and(|due| due <= self.time()) {
            let messages = |core: &Self| -> Vec<(Id, String)> {
                let messages = core.sqs.messages(DLQ);
                messages
                    .map(|message| (core.id_of(&message.message_id), message.body.clone()))
                    .collect()
            };
            let mut moved = messages(self);
            self.sqs.advance(self.time());
            // A duplicated message is there twice, so each that is left accounts for one.
            for left in messages(self) {
                if let Some(place) = moved.iter().position(|message| *message == left) {
                    moved.remove(place);
                }
            }
            for (from, body) in moved {
                self.write_move(&from, &body);
            }
            self.poll_at(self.now);
            if let Some(due) = self.sqs.next_due() {
                self.agenda.put(Self::milliseconds(due), Task::Move);
            } else {
                self.end_moving();
            }
        }
    }

    fn write_move(&mut self, from: &Id, body: &str) {
        let is_new = |id: &str| !self.messages.contains_key(id);
        let arrived = self
            .sqs
            .messages(JOBS)
            .find(|message| message.body == body && is_new(&message.message_id))
            .map(|message| message.message_id.clone());
        if let Some(id) = arrived {
            let expected = self.messages.get(from).copied();
            let to = self.remember(&id, body, expected);
            let job = self.job_id_of(&to);
            self.write(Event::Moved { from: from.clone(), to, job });
        }
        self.write(Event::Deleted { queue: Queue::DeadLetter, message: from.clone() });
    }

    fn end_moving(&mut self) {
        let Some(Redrive::Moving { op, confirmed }) = self.redrive.take() else {
            return;
        };
        let (arn, now) = (self.sqs.arn(DLQ), self.time());
        let tasks = self.sqs.move_tasks(&arn, Some(1), now).unwrap_or_default();
        let task = tasks.into_iter().next();
        let moved = task.as_ref().map_or(0, |task| task.approximate_number_of_messages_moved);
        let completed = task.is_some_and(|task| task.status == MoveTaskStatus::Completed);
        let remaining = self.count(DLQ);
        self.write(Event::RedriveEnded { op, moved, remaining });
        self.write(match (confirmed, completed) {
            (false, _) => Event::Info { op, reason: "the start was not confirmed".into() },
            (true, true) => Event::Ok { op, message: None },
            (true, false) => Event::Fail { op, reason: "the task did not complete".into() },
        });
    }

    /// The client looks for dead letters and moves those that it gets.
    pub(super) fn redrive_round(&mut self, redriver: &mut dyn Redriver) {
        let Some(Redrive::Client(mut client)) = self.redrive.take() else {
            return;
        };
        client.rounds += 1;
        let sees_more = self.visible_messages(&mut client).is_none_or(|visible| visible > 0);
        if !sees_more || client.rounds > ROUNDS.0 {
            let (op, moved, remaining) = (client.op, client.moved, self.count(DLQ));
            self.write(Event::RedriveEnded { op, moved, remaining });
            return self.write(Event::Ok { op, message: None });
        }
        let received = self.receive_messages();
        let copied = self.copy_messages(&received, redriver);
        client.moved += self.delete_messages(copied, redriver);
        self.redrive = Some(Redrive::Client(client));
        self.agenda.put(self.now + ROUNDS.1, Task::RedriveRound);
    }

    /// How many dead letters the queue says that there are, if it answers.
    fn visible_messages(&mut self, client: &mut ClientRedrive) -> Option<usize> {
        let operation = "GetQueueAttributes";
        if !self.on_the_wire(operation, DLQ).is_answered {
            return None;
        }
        let now = self.time();
        let visible = self.sqs.counts(DLQ, now).unwrap_or_default().visible;
        let happening = Happening::new(operation, Caller::Client).on_queue(DLQ);
        let fault = self.decide(Stage::Counts, operation, happening);
        let (since, old) = client.old_counts;
        match fault {
            Some(Fault::StaleCounts { milliseconds }) if self.now - since < milliseconds => {
                Some(old)
            }
            _ => {
                client.old_counts = (self.now, visible);
                Some(visible)
            }
        }
    }

    fn receive_messages(&mut self) -> Vec<ReceivedMessage> {
        let wire = self.on_the_wire("ReceiveMessage", DLQ);
        if !wire.is_carried_out {
            return Vec::new();
        }
        let request =
            ReceiveMessage { max_number_of_messages: Some(10), visibility_timeout_seconds: None };
        let at = Happening::new("ReceiveMessage", Caller::Client).on_queue(DLQ);
        let (received, _) = self.receive_with_faults(DLQ, at, request, |_| ReceiveFault::Regular);
        self.write_receives(Queue::DeadLetter, &received);
        if wire.is_answered { received } else { Vec::new() }
    }

    /// Sends copies to the jobs queue, again and again until each is confirmed. Returns those that were.
    fn copy_messages<'r>(
        &mut self,
        messages: &'r [ReceivedMessage],
        redriver: &mut dyn Redriver,
    ) -> Vec<&'r ReceivedMessage> {
        let operation = "SendMessageBatch";
        let mut open: Vec<&ReceivedMessage> = messages.iter().collect();
        let mut confirmed = Vec::new();
        for _ in 0..ATTEMPTS_MAX {
            if open.is_empty() {
                break;
            }
            let wire = self.on_the_wire(operation, JOBS);
            if !wire.is_carried_out {
                continue;
            }
            open.retain(|received: &&'r ReceivedMessage| {
                let copy = redriver.copy(&received.message);
                let happening =
                    Happening::new(operation, Caller::Client).on_queue(JOBS).with_text(&copy.body);
                let entry = self.entry(operation, happening);
                let from = self.id_of(&received.message.message_id);
                if entry.is_carried_out {
                    let expected = self.messages.get(&from).copied();
                    if let Some(to) = self.commit(Caller::Client, operation, copy, expected) {
                        let job = self.job_id_of(&from);
                        self.write(Event::Moved { from, to, job });
                    }
                }
                let is_confirmed = wire.is_answered && entry.is_answered;
                if is_confirmed {
                    confirmed.push(*received);
                }
                !is_confirmed
            });
        }
        confirmed
    }

    /// Deletes what was copied, and returns how many deletes were confirmed.
    fn delete_messages(
        &mut self,
        mut open: Vec<&ReceivedMessage>,
        redriver: &mut dyn Redriver,
    ) -> u64 {
        let operation = "DeleteMessageBatch";
        let mut confirmed = 0;
        for _ in 0..ATTEMPTS_MAX {
            if open.is_empty() {
                break;
            }
            let wire = self.on_the_wire(operation, DLQ);
            if !wire.is_carried_out {
                continue;
            }
            open.retain(|received| {
                let ReceivedMessage { message, receipt_handle, .. } = *received;
                let happening = Happening::new(operation, Caller::Client)
                    .on_queue(DLQ)
                    .with_message(&message.message_id, &message.body);
                let entry = self.entry(operation, happening);
                let is_lost = entry.is_carried_out
                    && self.decide(Stage::Delete, operation, happening).is_some();
                if entry.is_carried_out && !is_lost && redriver.deletes(message) {
                    self.delete(Queue::DeadLetter, message, receipt_handle);
                }
                let is_confirmed = wire.is_answered && entry.is_answered;
                confirmed += u64::from(is_confirmed);
                !is_confirmed
            });
        }
        confirmed
    }

    fn on_the_wire(&mut self, operation: &'static str, queue: &'static str) -> Wire {
        self.client_calls += 1;
        let happening = Happening::new(operation, Caller::Client).on_queue(queue);
        let (is_carried_out, is_answered) =
            match self.decide(Stage::Transport, operation, happening) {
                Some(Fault::Error { commit, .. } | Fault::Disconnect { commit }) => {
                    (commit == Commit::After, false)
                }
                Some(Fault::Latency { milliseconds }) => {
                    (true, milliseconds < CLIENT_TIMEOUT_MILLISECONDS)
                }
                _ => (true, true),
            };
        Wire { is_carried_out, is_answered }
    }

    fn entry(&mut self, operation: &'static str, happening: Happening<'_>) -> Wire {
        match self.decide(Stage::Entry, operation, happening) {
            Some(Fault::FailEntry { commit, .. }) => {
                Wire { is_carried_out: commit == Commit::After, is_answered: false }
            }
            _ => Wire { is_carried_out: true, is_answered: true },
        }
    }
}
