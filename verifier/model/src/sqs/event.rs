//! What becomes of messages, for those who look on: each event as it happens, in its order.

use super::{Message, Sqs};

/// Something that became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueEvent {
    /// The name of the queue that it happened in.
    pub queue: String,
    /// The message's id.
    pub message_id: String,
    /// What happened.
    pub kind: QueueEventKind,
}

/// What may become of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueEventKind {
    /// A sender put it there.
    Sent {
        /// What it holds.
        body: String,
    },
    /// It was received.
    Received {
        /// `ApproximateReceiveCount`, this receive included.
        receive_count: u32,
    },
    /// It was deleted.
    Deleted,
    /// It was purged, with all others of its queue.
    Purged,
    /// A redrive policy put it there.
    DeadLettered {
        /// What it holds.
        body: String,
    },
    /// A message move task put it there, as a new message.
    MovedBack {
        /// The id that it had.
        from: String,
        /// What it holds.
        body: String,
    },
}

impl Sqs {
    /// Begins or ends to keep what happens, for [`Sqs::take_events`]. What was kept is forgotten.
    pub fn observe(&mut self, is_on: bool) {
        self.events = is_on.then(Vec::new);
    }

    /// What happened since this was last asked, in its order; nothing where nobody looks on.
    pub fn take_events(&mut self) -> Vec<QueueEvent> {
        self.events.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Keeps what happens to a message, if somebody looks on.
    pub(super) fn note(
        &mut self,
        queue: &str,
        message_id: &str,
        kind: impl FnOnce() -> QueueEventKind,
    ) {
        if let Some(events) = &mut self.events {
            let (queue, message_id) = (queue.to_owned(), message_id.to_owned());
            events.push(QueueEvent { queue, message_id, kind: kind() });
        }
    }

    /// What a message holds, if somebody looks on; nothing is copied otherwise.
    pub(super) fn noted_body(&self, message: &Message) -> String {
        if self.events.is_some() { message.body.clone() } else { String::new() }
    }

    /// The ids of a queue's messages, if somebody looks on.
    pub(super) fn noted_ids(&self, queue: &str) -> Vec<String> {
        match &self.events {
            Some(_) => {
                self.messages(queue).map(|Message { message_id, .. }| message_id.clone()).collect()
            }
            None => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqs::{QueueAttributes, ReceiveMessage, RedrivePolicy, SendMessage, StartMoveTask};
    use crate::time::Timestamp;

    fn queues() -> Sqs {
        let mut sqs = Sqs::new("eu-west-1", "000000000000", 1);
        let now = Timestamp::from_millis(0);
        sqs.create_queue("dead", QueueAttributes::default(), now).unwrap();
        let dead_letter_target_arn = sqs.arn("dead");
        let redrive_policy = Some(RedrivePolicy { dead_letter_target_arn, max_receive_count: 1 });
        let jobs = QueueAttributes { redrive_policy, ..QueueAttributes::default() };
        sqs.create_queue("jobs", jobs, now).unwrap();
        sqs
    }

    #[test]
    fn a_message_is_followed_from_its_send_to_its_dead_letter_queue_and_back() {
        let mut sqs = queues();
        let at = |seconds: u64| Timestamp::from_millis(seconds * 1_000);
        sqs.observe(true);
        let id = sqs.send("jobs", SendMessage::new("a"), at(0)).unwrap().message_id;
        sqs.receive("jobs", ReceiveMessage::default(), at(1)).unwrap();
        sqs.receive("jobs", ReceiveMessage::default(), at(60)).unwrap();
        let source_arn = sqs.arn("dead");
        let task = StartMoveTask {
            source_arn,
            destination_arn: None,
            max_number_of_messages_per_second: None,
        };
        sqs.start_move_task(task, at(61)).unwrap();
        sqs.advance(at(62));
        let events = sqs.take_events();
        let kinds: Vec<(&str, &QueueEventKind)> =
            events.iter().map(|event| (event.queue.as_str(), &event.kind)).collect();
        let body = "a".to_owned();
        assert_eq!(
            kinds,
            [
                ("jobs", &QueueEventKind::Sent { body: body.clone() }),
                ("jobs", &QueueEventKind::Received { receive_count: 1 }),
                ("dead", &QueueEventKind::DeadLettered { body: body.clone() }),
                ("jobs", &QueueEventKind::MovedBack { from: id, body }),
            ]
        );
        let again = sqs.receive("jobs", ReceiveMessage::default(), at(63)).unwrap();
        sqs.delete("jobs", &again[0].receipt_handle, at(64)).unwrap();
        // The handle is good, and there is nothing to delete any more.
        let _ = sqs.delete("jobs", &again[0].receipt_handle, at(65));
        let kinds: Vec<QueueEventKind> =
            sqs.take_events().into_iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [QueueEventKind::Received { receive_count: 1 }, QueueEventKind::Deleted]);
    }

    #[test]
    fn a_purge_takes_each_and_nothing_is_kept_where_nobody_looks_on() {
        let mut sqs = queues();
        let now = Timestamp::from_millis(0);
        sqs.send("jobs", SendMessage::new("a"), now).unwrap();
        assert_eq!(sqs.take_events(), []);
        sqs.observe(true);
        sqs.purge("jobs", now).unwrap();
        let kinds: Vec<QueueEventKind> =
            sqs.take_events().into_iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [QueueEventKind::Purged]);
        sqs.observe(false);
        sqs.send("jobs", SendMessage::new("a"), now).unwrap();
        assert_eq!(sqs.take_events(), []);
    }
}
