//! The queue's own settings, and somebody else who receives from it.

use std::collections::BTreeMap;

use verifier_model::faults::Caller;
use verifier_model::sqs::{ReceiveFault, ReceiveMessage, RedrivePolicy};

use super::agenda::Task;
use super::core::{Core, DLQ, JOBS};

/// How long whoever competes is busy with what they have received, and how long they poll, in milliseconds.
const BUSY_MILLISECONDS: u64 = 1_000;
/// How many messages a receive brings at most.
const RECEIVED_MAX: u32 = 10;

/// Somebody else who receives from the jobs queue.
pub(super) struct Competing {
    /// For how long what they receive is hidden.
    hides_seconds: u32,
    /// Until when they are busy with what they have received.
    busy_until: u64,
    /// When they poll again.
    next_at: u64,
    /// Decides who gets a message for which the mapping waits, too.
    random: fastrand::Rng,
}

impl Core {
    /// Gives the jobs queue another `VisibilityTimeout`, in seconds; says which it had.
    pub(super) fn set_visibility_timeout(&mut self, seconds: u32) -> u32 {
        let before = self.sqs.configuration(JOBS).map(|queue| queue.visibility_timeout_seconds);
        self.set_jobs_attribute("VisibilityTimeout", seconds.to_string());
        before.unwrap_or_default()
    }

    /// Gives the jobs queue's redrive policy another `maxReceiveCount`; says which it had.
    pub(super) fn set_max_receive_count(&mut self, max_receive_count: u32) -> u32 {
        let before = self.sqs.configuration(JOBS).ok();
        let before = before.and_then(|queue| queue.redrive_policy.as_ref());
        let before = before.map(|policy| policy.max_receive_count);
        let dead_letter_target_arn = self.sqs.arn(DLQ);
        let policy = RedrivePolicy { dead_letter_target_arn, max_receive_count };
        self.set_jobs_attribute("RedrivePolicy", policy.to_json());
        // A message that has been received as often may be given up at its next turn.
        self.poll_when_available();
        before.unwrap_or_default()
    }

    fn set_jobs_attribute(&mut self, name: &str, value: String) {
        let now = self.time();
        let changes = BTreeMap::from([(name.to_owned(), value)]);
        // Its bounds were checked with the schedule.
        let _ = self.sqs.set_attributes(JOBS, &changes, now);
    }

    /// Somebody else begins to receive from the jobs queue.
    pub(super) fn begin_to_compete(&mut self, hides_seconds: u32) {
        let random = fastrand::Rng::with_seed(self.seed ^ self.now ^ 0x6F74_6865_7273_2121);
        let (busy_until, next_at) = (0, self.now);
        self.competing = Some(Competing { hides_seconds, busy_until, next_at, random });
        self.agenda.put(self.now, Task::Compete);
    }

    /// They poll again, and find what nobody has taken.
    pub(super) fn compete(&mut self) {
        let now = self.now;
        let Some(competing) = self.competing.as_mut().filter(|it| it.next_at == now) else {
            return;
        };
        competing.next_at += BUSY_MILLISECONDS;
        let next_at = competing.next_at;
        self.agenda.put(next_at, Task::Compete);
        self.receive_as_other();
    }

    /// When messages may have come for which the mapping waits: half of the times they are first.
    pub(super) fn compete_with_the_mapping(&mut self) {
        if self.competing.as_mut().is_some_and(|competing| competing.random.bool()) {
            self.receive_as_other();
        }
    }

    /// Up to ten messages, of which they delete none.
    fn receive_as_other(&mut self) {
        let now = self.now;
        let Some(competing) = self.competing.as_mut().filter(|it| it.busy_until <= now) else {
            return;
        };
        let request = ReceiveMessage {
            max_number_of_messages: Some(RECEIVED_MAX),
            visibility_timeout_seconds: Some(competing.hides_seconds),
        };
        self.client_calls += 1;
        let received = self.receive_jobs(Caller::Client, request, |_| ReceiveFault::Regular);
        if let Some(competing) = self.competing.as_mut().filter(|_| !received.is_empty()) {
            competing.busy_until = now + BUSY_MILLISECONDS;
        }
        self.poll_when_available();
    }
}
