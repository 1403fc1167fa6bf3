//! What a redrive did, step by step and message by message, as its journal tells it.

use std::collections::BTreeMap;

use verifier_model::time::Timestamp;

use super::{Bounce, Entry};

/// A step of a ramp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepCourse {
    /// Its number, from 1.
    pub number: usize,
    /// How many messages it could take.
    pub size: u64,
    /// How many it sent.
    pub sent: u64,
    /// What became of them, where that was evaluated.
    pub evaluated: Option<StepFates>,
}

/// What became of the messages of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepFates {
    /// How many succeeded.
    pub succeeded: u64,
    /// How many failed again.
    pub bounced: u64,
    /// Of how many it is not known.
    pub unknown: u64,
}

/// One thing that happened to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageEvent {
    /// It was about to be sent.
    Offered(Timestamp),
    /// SQS or Lambda confirmed it by that id.
    Sent(String),
    /// It may have arrived, and was sent again.
    Ambiguous(String),
    /// It may have arrived up to so often, and stays.
    Unconfirmed(u32),
    /// It was not sent.
    NotSent(String),
    /// It was sent before one of its group that was not.
    OutOfOrder,
    /// It was sent without its trace header.
    TraceLost,
    /// It was not what was planned, and stays.
    Changed,
    /// It was looked for, and not there any more.
    Missing,
    /// It was deleted from the dead-letter queue.
    Deleted,
    /// It failed again.
    Bounced(Bounce),
}

/// What a redrive did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// The steps of its ramp.
    pub steps: Vec<StepCourse>,
    /// What happened to each message, by its id.
    pub messages: BTreeMap<String, Vec<MessageEvent>>,
    /// When messages were about to be sent, once for each.
    pub offered_at: Vec<Timestamp>,
}

impl Course {
    /// Takes what happened next.
    pub fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Step { number, size } => {
                let step = StepCourse { number: *number, size: *size, ..StepCourse::default() };
                self.steps.push(step);
            }
            Entry::Evaluated { number, succeeded, bounced, unknown, .. } => {
                for bounce in bounced {
                    self.add(&bounce.from, MessageEvent::Bounced(bounce.clone()));
                }
                let step = self.steps.iter_mut().rev().find(|step| step.number == *number);
                if let Some(step) = step {
                    let fates = step.evaluated.get_or_insert_default();
                    fates.succeeded += succeeded;
                    fates.bounced += bounced.len() as u64;
                    fates.unknown += unknown;
                }
            }
            Entry::CameBack { bounced } => {
                for bounce in bounced {
                    self.add(&bounce.from, MessageEvent::Bounced(bounce.clone()));
                }
            }
            Entry::Planned { messages } => {
                for message in messages {
                    self.messages.entry(message.message_id.clone()).or_default();
                }
            }
            Entry::Intent { at, messages } => {
                for message in messages {
                    self.offered_at.push(*at);
                    self.add(&message.id, MessageEvent::Offered(*at));
                }
            }
            Entry::Sent { messages } => {
                if let Some(step) = self.steps.last_mut() {
                    step.sent += messages.len() as u64;
                }
                for pair in messages {
                    self.add(&pair.from, MessageEvent::Sent(pair.to.clone()));
                }
            }
            entry => self.apply_to_each(entry),
        }
    }

    /// What is said of messages alone.
    fn apply_to_each(&mut self, entry: &Entry) {
        let (ids, event): (&[String], MessageEvent) = match entry {
            Entry::Ambiguous { ids, why } => (ids, MessageEvent::Ambiguous(why.clone())),
            Entry::OutOfOrder { ids } => (ids, MessageEvent::OutOfOrder),
            Entry::TraceLost { ids } => (ids, MessageEvent::TraceLost),
            Entry::Changed { ids } => (ids, MessageEvent::Changed),
            Entry::Missing { ids } => (ids, MessageEvent::Missing),
            Entry::Deleted { ids } => (ids, MessageEvent::Deleted),
            Entry::Unconfirmed { messages, .. } => {
                for (id, times) in messages {
                    self.add(id, MessageEvent::Unconfirmed(*times));
                }
                return;
            }
            Entry::NotSent { messages } => {
                for (id, why) in messages {
                    self.add(id, MessageEvent::NotSent(why.clone()));
                }
                return;
            }
            _ => return,
        };
        for id in ids {
            self.add(id, event.clone());
        }
    }

    fn add(&mut self, id: &str, event: MessageEvent) {
        self.messages.entry(id.to_owned()).or_default().push(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redrive::{Intended, Pair};

    #[test]
    fn steps_and_messages_are_told_in_their_order() {
        use MessageEvent::{Bounced, Deleted, NotSent, Offered, Sent};

        let at = Timestamp::from_millis(7);
        let intent = |id: &str| Entry::Intent {
            at,
            messages: vec![Intended { id: id.to_owned(), original: None, redrives: None }],
        };
        let sent = |from: &str, to: &str| Entry::Sent {
            messages: vec![Pair { from: from.to_owned(), to: to.to_owned(), queue: None }],
        };
        let bounce = Bounce { from: "b".to_owned(), to: "b2".to_owned(), ..Bounce::default() };
        let evaluated = |number, succeeded, bounced: &[Bounce]| Entry::Evaluated {
            number,
            succeeded,
            by_absence: 0,
            bounced: bounced.to_vec(),
            unknown: 0,
        };
        let mut course = Course::default();
        for entry in [
            Entry::Step { number: 1, size: 1 },
            intent("a"),
            sent("a", "a2"),
            Entry::Deleted { ids: vec!["a".to_owned()] },
            evaluated(1, 1, &[]),
            Entry::Step { number: 2, size: 2 },
            intent("b"),
            sent("b", "b2"),
            evaluated(2, 0, std::slice::from_ref(&bounce)),
            Entry::NotSent { messages: BTreeMap::from([("c".to_owned(), "why".to_owned())]) },
        ] {
            course.apply(&entry);
        }
        let figures: Vec<(u64, u64, Option<StepFates>)> =
            course.steps.iter().map(|step| (step.size, step.sent, step.evaluated)).collect();
        let fates = |succeeded, bounced| StepFates { succeeded, bounced, unknown: 0 };
        assert_eq!(figures, [(1, 1, Some(fates(1, 0))), (2, 1, Some(fates(0, 1)))]);
        assert_eq!(course.messages["a"], [Offered(at), Sent("a2".to_owned()), Deleted]);
        assert_eq!(course.messages["b"], [Offered(at), Sent("b2".to_owned()), Bounced(bounce)]);
        assert_eq!(course.messages["c"], [NotSent("why".to_owned())]);
        assert_eq!(course.offered_at, [at, at]);
    }
}
