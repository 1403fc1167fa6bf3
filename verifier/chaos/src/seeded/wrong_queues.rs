//! Queues, mappings and redriving clients with a bug.

use verifier_model::sqs::{Message, ReceiveFault, ReceivedMessage, SendMessage};

use crate::Anomaly;
use crate::simulator::{Redriver, ReferenceRedriver, Rules};

/// How often messages are received before they are dead-lettered, on the stack that schedules are drawn for.
const MAX_RECEIVE_COUNT: u32 = 3;
/// Four receives take as long with it as three do with the queue's own visibility timeout of 60 s.
const SHORTER_SECONDS: u32 = 45;
/// Long enough for the third receive to be later than the slack allows.
const LONGER_SECONDS: u32 = 150;
/// The longest that SQS allows, and far longer than any drain.
const LONGEST_SECONDS: u32 = 43_200;

/// Rules with the bug for an anomaly, if there is one in them.
pub(super) struct WrongRules(pub(super) Anomaly);

/// A redriving client with the bug for an anomaly, if there is one in it.
pub(super) struct WrongRedriver(pub(super) Anomaly);

impl Rules for WrongRules {
    fn delivery(&mut self, message: &Message) -> ReceiveFault {
        match self.0 {
            Anomaly::PrematureDlq if message.receive_count == MAX_RECEIVE_COUNT - 1 => {
                ReceiveFault::MovedEarly
            }
            Anomaly::OverReceived if message.receive_count == MAX_RECEIVE_COUNT => {
                ReceiveFault::MovedLate
            }
            _ => ReceiveFault::Regular,
        }
    }

    fn visibility_timeout_seconds(&mut self) -> Option<u32> {
        (self.0 == Anomaly::OverReceived).then_some(SHORTER_SECONDS)
    }

    fn visibility_after_receive(&mut self, message: &Message) -> Option<u32> {
        match self.0 {
            Anomaly::LateDlq if message.receive_count == 2 => Some(LONGER_SECONDS),
            Anomaly::StuckInFlight if message.receive_count == 2 => Some(LONGEST_SECONDS),
            _ => None,
        }
    }

    fn deletes(&mut self, message: &Message) -> bool {
        self.0 != Anomaly::Redelivered || message.receive_count > 1
    }

    fn gives_up(&mut self, batch: &[ReceivedMessage]) -> bool {
        let on_last_receive =
            |received: &ReceivedMessage| received.message.receive_count == MAX_RECEIVE_COUNT;
        self.0 == Anomaly::ThrottleDlq && batch.iter().any(on_last_receive)
    }
}

impl Redriver for WrongRedriver {
    fn copy(&mut self, message: &Message) -> SendMessage {
        let mut copy = ReferenceRedriver.copy(message);
        if self.0 == Anomaly::DlqCloneMismatch {
            copy.body.push('\n');
        }
        copy
    }

    fn deletes(&mut self, _message: &Message) -> bool {
        self.0 != Anomaly::RedriveLeak
    }
}
