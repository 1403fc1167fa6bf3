//! What happens when: at equal times in the order in which it was put down.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::Id;

/// What a client is told.
#[derive(Debug)]
pub(super) enum ClientResult {
    /// 202.
    Accepted(Option<Id>),
    /// It was certainly not accepted.
    Refused(Cow<'static, str>),
    /// Nobody can say.
    Unknown(Cow<'static, str>),
    /// Nothing: it no longer waits, and has been told so.
    Nothing,
}

/// Something that will happen.
#[derive(Debug)]
pub(super) enum Task {
    /// A client submits a job.
    Submit { job: usize },
    /// The submit function gets a request. `instead` is what the client will see whatever it answers.
    HandleSubmit { op: u64, job: usize, instead: Option<ClientResult> },
    /// The client gets its answer.
    AnswerSubmit { op: u64, result: ClientResult },
    /// The mapping looks for messages.
    Poll,
    /// The batch that is being gathered is full enough.
    CloseWindow { batch: usize },
    /// A batch is offered to the worker.
    Offer { batch: usize },
    /// The worker starts on a batch.
    Start { batch: usize },
    /// The worker's invocation with a batch ends.
    End { batch: usize },
    /// A log line becomes readable.
    ReadLog { line: usize },
    /// Dead letters are to be moved.
    Redrive { step: usize },
    /// Whatever is in the jobs queue is deleted.
    Purge,
    /// A message move task has something to do.
    Move,
    /// The redriving client goes on.
    RedriveRound,
    /// Whoever competes for the messages of the jobs queue receives.
    Compete,
    /// A setting is changed.
    Change { change: usize },
    /// A setting is restored.
    Restore { change: usize },
    /// The faults end, and what is still changed is restored.
    Undo,
}

/// The agenda.
#[derive(Default)]
pub(super) struct Agenda {
    entries: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
}

struct Entry {
    at: u64,
    sequence: u64,
    task: Task,
}

impl Agenda {
    pub(super) fn put(&mut self, at: u64, task: Task) {
        let sequence = self.sequence;
        self.sequence += 1;
        self.entries.push(Reverse(Entry { at, sequence, task }));
    }

    /// When the next thing happens.
    pub(super) fn next_at(&self) -> Option<u64> {
        self.entries.peek().map(|Reverse(entry)| entry.at)
    }

    pub(super) fn next(&mut self) -> Option<(u64, Task)> {
        self.entries.pop().map(|Reverse(entry)| (entry.at, entry.task))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}
