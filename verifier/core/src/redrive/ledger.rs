//! What a journal says was done, and what that means for a message.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::{Accounting, Bounce, Climb, Decision, Entry, IdSet, Planned, SCHEMA};

/// What to do with a message that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Send it and delete it then.
    Send,
    /// Only delete it: a message has taken its place already, and the deletion was lost or never came.
    DeleteOnly,
    /// Leave it: it is a message of this redrive that has come back.
    Bounced,
    /// Leave it: it could not be sent before.
    Leave,
    /// Leave it: it is none of the plan's.
    NotPlanned,
    /// Leave it: it is not any more what was planned.
    Changed,
}

/// A journal that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LedgerError {
    /// A line is no entry.
    #[error("line {line} of the journal is no entry: {problem}")]
    Malformed {
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// It does not begin as a journal does.
    #[error("it is no journal of a redrive: it does not begin with the schema {SCHEMA}")]
    NoJournal,
}

/// Everything that was written down, as far as it still matters.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    lines: u64,
    started: Option<Entry>,
    planned: BTreeMap<String, String>,
    /// Why planned messages failed, where the plan says so.
    reasons: BTreeMap<String, String>,
    /// Messages that are about to be sent, or may have been.
    intended: BTreeSet<String>,
    /// Messages whose place a message has taken.
    sent: IdSet,
    /// Those of them that are not known to be deleted, and their messages.
    undeleted: BTreeMap<String, String>,
    /// The messages.
    messages: IdSet,
    /// Messages that may have arrived without an answer that says so, and how often.
    ambiguous: BTreeMap<String, u32>,
    /// Messages that may have arrived so often, and were never confirmed.
    unconfirmed: BTreeMap<String, u32>,
    /// Those of them that are not offered again before the redrive is taken up again.
    given_up: BTreeSet<String>,
    /// Messages that have bounced and are sent again.
    retried: BTreeSet<String>,
    /// How many bounces were made up for by sending the message again.
    made_up_for: u64,
    not_sent: BTreeMap<String, String>,
    changed: BTreeSet<String>,
    /// Messages of the plan that were looked for to the end, and not there.
    missing: BTreeSet<String>,
    /// Messages whose messages overtook one of their group.
    out_of_order: BTreeSet<String>,
    /// Messages whose messages have lost their trace header.
    trace_lost: BTreeSet<String>,
    /// By the message's id.
    bounced: BTreeMap<String, Bounce>,
    /// How many have bounced since the redrive was taken up again.
    bounces: u64,
    /// Messages in the step of a ramp that is not evaluated yet.
    unevaluated: BTreeMap<String, String>,
    /// The queues that those were sent to, where each goes to its own.
    queues: BTreeMap<String, String>,
    succeeded: u64,
    succeeded_by_absence: u64,
    steps: usize,
    climb: Climb,
    ended: bool,
    /// Why it went no further, and how many messages were left, when it ended the last time.
    stopped: Option<String>,
    left_at_end: Option<u64>,
}

impl Ledger {
    /// Takes a line of a journal.
    pub fn read(&mut self, line: &str) -> Result<(), LedgerError> {
        self.lines += 1;
        let malformed = |error: serde_json::Error| LedgerError::Malformed {
            line: self.lines,
            problem: error.to_string(),
        };
        let entry: Entry = match serde_json::from_str(line) {
            Ok(entry) => entry,
            Err(_) if self.started.is_none() => return Err(LedgerError::NoJournal),
            Err(error) => return Err(malformed(error)),
        };
        let begins = matches!(&entry, Entry::Started { schema, .. } if schema == SCHEMA);
        if self.started.is_some() == begins {
            return Err(LedgerError::NoJournal);
        }
        self.apply(&entry);
        Ok(())
    }

    /// Takes what has happened.
    pub fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Started { .. } => self.started = Some(entry.clone()),
            Entry::Planned { messages } => self.plan(messages),
            Entry::Resumed { retry_bounced, .. } => self.resume(*retry_bounced),
            Entry::Step { number, .. } => {
                self.steps = *number;
                self.climb.begin();
            }
            Entry::Intent { messages, .. } => {
                for message in messages {
                    // What could not be sent before is sent now, after all.
                    self.not_sent.remove(&message.id);
                    self.missing.remove(&message.id);
                    self.intended.insert(message.id.clone());
                }
            }
            Entry::Ambiguous { ids, .. } => self.offered_without_answer(ids.iter().cloned()),
            Entry::Unconfirmed { messages, .. } => {
                for (id, times) in messages {
                    self.intended.remove(id);
                    let all = self.unconfirmed.entry(id.clone()).or_default();
                    *all = all.saturating_add(*times);
                    self.given_up.insert(id.clone());
                }
            }
            Entry::Sent { messages } => {
                for pair in messages {
                    self.intended.remove(&pair.from);
                    self.unconfirmed.remove(&pair.from);
                    if self.retried.remove(&pair.from) && self.bounced.remove(&pair.from).is_some()
                    {
                        self.made_up_for += 1;
                    }
                    self.sent.insert(&pair.from);
                    self.messages.insert(&pair.to);
                    self.undeleted.insert(pair.from.clone(), pair.to.clone());
                    if self.steps > 0 {
                        self.unevaluated.insert(pair.to.clone(), pair.from.clone());
                        if let Some(queue) = &pair.queue {
                            self.queues.insert(pair.to.clone(), queue.clone());
                        }
                    }
                }
            }
            Entry::NotSent { messages } => {
                for (id, why) in messages {
                    self.intended.remove(id);
                    self.not_sent.insert(id.clone(), why.clone());
                }
            }
            Entry::TraceLost { ids } => self.trace_lost.extend(ids.iter().cloned()),
            Entry::OutOfOrder { ids } => self.out_of_order.extend(ids.iter().cloned()),
            Entry::Changed { ids } => self.changed.extend(ids.iter().cloned()),
            Entry::Missing { ids } => self.missing.extend(ids.iter().cloned()),
            Entry::CameBack { bounced } => {
                self.bounced.extend(bounced.iter().map(|each| (each.to.clone(), each.clone())));
            }
            Entry::Deleted { ids } => {
                for id in ids {
                    self.undeleted.remove(id);
                }
            }
            Entry::Evaluated { succeeded, by_absence, bounced, unknown, .. } => {
                let decision = self.decision(bounced.len() as u64, *unknown);
                self.climb.evaluated(*succeeded, &decision);
                // A journal may say anything.
                self.succeeded = self.succeeded.saturating_add(*succeeded);
                self.bounces += bounced.len() as u64;
                self.succeeded_by_absence = self.succeeded_by_absence.saturating_add(*by_absence);
                self.bounced.extend(bounced.iter().map(|each| (each.to.clone(), each.clone())));
                self.unevaluated.clear();
                self.queues.clear();
            }
            Entry::Ended { stopped, accounting, .. } => {
                self.ended = true;
                self.stopped.clone_from(stopped);
                self.left_at_end = Some(accounting.left);
            }
        }
    }

    fn plan(&mut self, messages: &[Planned]) {
        for message in messages {
            self.planned.insert(message.message_id.clone(), message.content_sha256.clone());
            if let Some(reason) = &message.reason {
                self.reasons.insert(message.message_id.clone(), reason.clone());
            }
        }
    }

    /// Whether the ramp goes on after a step of which so many messages bounced and of so many nothing is known.
    fn decision(&self, bounced: u64, unknown: u64) -> Decision {
        let stop_after = match &self.started {
            Some(Entry::Started { terms, .. }) => terms.stop_after,
            _ => 1,
        };
        Decision::after(self.bounces, bounced, unknown, stop_after)
    }

    /// What was about to be sent when the process ended may have been.
    fn resume(&mut self, retry_bounced: bool) {
        self.given_up.clear();
        self.climb.cut_off();
        if retry_bounced {
            self.retried.extend(self.bounced.keys().cloned());
        }
        let intended = std::mem::take(&mut self.intended);
        self.offered_without_answer(intended);
        // What could not be sent then may be sent now, and what was not there may be.
        self.not_sent.clear();
        self.missing.clear();
        // Whoever goes on has fixed what made messages fail.
        self.bounces = 0;
        self.ended = false;
        self.stopped = None;
        self.left_at_end = None;
    }

    fn offered_without_answer(&mut self, ids: impl IntoIterator<Item = String>) {
        for id in ids {
            let times = self.ambiguous.entry(id).or_default();
            *times = times.saturating_add(1);
        }
    }

    /// How the redrive began.
    pub fn started(&self) -> Option<&Entry> {
        self.started.as_ref()
    }

    /// Whether the journal says how the redrive ended.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Why it went no further, where it ended and was not done.
    pub fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    /// How many messages were in the dead-letter queue when it ended.
    pub fn left_at_end(&self) -> Option<u64> {
        self.left_at_end
    }

    /// Whether there may be something to go on with: it was cut off, was stopped, or has not done all that it was to do.
    pub fn may_go_on(&self) -> bool {
        !self.ended || self.stopped.is_some() || !self.accounting(0).is_clean()
    }

    /// How many steps of the ramp have begun.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The number of the next step's size in the ramp, from 0. It grows by success alone, whatever number the step has.
    pub fn rung(&self) -> usize {
        self.climb.rung()
    }

    /// Why planned messages failed, by their ids, where the plan says so.
    pub fn planned_reasons(&self) -> &BTreeMap<String, String> {
        &self.reasons
    }

    /// How many messages a plan names.
    pub fn planned(&self) -> usize {
        self.planned.len()
    }

    /// How many messages were sent, those in the place of bounced ones included.
    pub fn sends(&self) -> u64 {
        self.sent.len() as u64
    }

    /// How many messages were sent.
    pub fn replayed(&self) -> u64 {
        (self.sent.len() as u64).saturating_sub(self.made_up_for)
    }

    /// The messages that may have arrived up to that many times, and were never confirmed.
    pub fn unconfirmed(&self) -> &BTreeMap<String, u32> {
        &self.unconfirmed
    }

    /// How many messages that have bounced are going to be sent again.
    pub fn to_retry(&self) -> usize {
        self.retried.len()
    }

    /// The messages that may have been sent more than once, and how often at most: each time without an answer, and once more
    /// where an answer has confirmed it.
    pub fn ambiguous(&self) -> BTreeMap<&str, u32> {
        let offered = self.intended.iter().map(|id| (id, 1));
        let mut all: BTreeMap<&str, u32> = BTreeMap::new();
        for (id, times) in self.ambiguous.iter().map(|(id, times)| (id, *times)).chain(offered) {
            if !self.unconfirmed.contains_key(id) {
                let all = all.entry(id).or_default();
                *all = all.saturating_add(times);
            }
        }
        for (id, times) in &mut all {
            *times = times.saturating_add(u32::from(self.sent.contains(id)));
        }
        all
    }

    /// How many more messages may be sent in all, by the terms and the plan.
    pub fn allowed(&self) -> u64 {
        let Some(Entry::Started { terms, .. }) = &self.started else { return u64::MAX };
        let planned = terms.is_planned.then_some(self.planned.len() as u64);
        let most = [terms.max, planned].into_iter().flatten().min();
        // What is sent again takes the place of what has bounced.
        let retried = self.retried.len() as u64;
        most.map_or(u64::MAX, |most| most.saturating_sub(self.replayed()).saturating_add(retried))
    }

    /// Whether messages may have come back that nobody has looked for: of some that were sent nothing is known, and no step of a
    /// ramp is going to evaluate them.
    pub fn may_have_unseen_bounces(&self) -> bool {
        self.accounting(0).unknown > self.unevaluated.len() as u64
    }

    /// Whether a message that was found in the dead-letter queue has failed again without that being noted, or being about to be.
    pub fn is_unseen_bounce(&self, id: &str) -> bool {
        self.is_copy(id)
            && !self.is_sent(id)
            && !self.bounced.contains_key(id)
            && !self.unevaluated.contains_key(id)
    }

    /// The messages of the plan with which nothing was done, and that were not looked for to the end.
    pub fn not_reached(&self) -> impl Iterator<Item = &str> {
        let is_open = |id: &&String| {
            !self.sent.contains(id)
                && !self.not_sent.contains_key(*id)
                && !self.changed.contains(*id)
                && !self.unconfirmed.contains_key(*id)
                && !self.missing.contains(*id)
        };
        self.planned.keys().filter(is_open).map(String::as_str)
    }

    /// The messages that were sent and are not known to be deleted, each with its message's id.
    pub fn undeleted(&self) -> &BTreeMap<String, String> {
        &self.undeleted
    }

    /// The messages that could not be sent, each with the reason.
    pub fn not_sent(&self) -> &BTreeMap<String, String> {
        &self.not_sent
    }

    /// The messages of the plan that were not what it says.
    pub fn changed(&self) -> &BTreeSet<String> {
        &self.changed
    }

    /// The messages whose messages were sent with a trace header that SQS did not say to have.
    pub fn trace_lost(&self) -> &BTreeSet<String> {
        &self.trace_lost
    }

    /// The messages whose messages were sent though one before them of their group was not.
    pub fn out_of_order(&self) -> &BTreeSet<String> {
        &self.out_of_order
    }

    /// The messages that failed again, by their ids.
    pub fn bounced(&self) -> &BTreeMap<String, Bounce> {
        &self.bounced
    }

    /// How many messages have failed again since the redrive began, or was taken up again.
    pub fn bounces(&self) -> u64 {
        self.bounces
    }

    /// Whether a message was sent, and another one has its place.
    pub fn is_sent(&self, id: &str) -> bool {
        self.sent.contains(id)
    }

    /// Whether a message of that id was sent by this redrive.
    pub fn is_copy(&self, id: &str) -> bool {
        self.messages.contains(id)
    }

    /// The messages of which nothing is known yet, each with its message's id.
    pub fn unevaluated(&self) -> &BTreeMap<String, String> {
        &self.unevaluated
    }

    /// The ARN of the queue that such a message was sent to, where each goes to its own.
    pub fn queue_of(&self, message_id: &str) -> Option<&str> {
        self.queues.get(message_id).map(String::as_str)
    }

    /// What to do with a message of that id and content.
    pub fn treatment(&self, id: &str, content_sha256: impl FnOnce() -> String) -> Treatment {
        if self.given_up.contains(id) {
            Treatment::Leave
        } else if self.retried.contains(id) && !self.not_sent.contains_key(id) {
            Treatment::Send
        } else if self.messages.contains(id) && !self.sent.contains(id) {
            Treatment::Bounced
        } else if self.sent.contains(id) {
            Treatment::DeleteOnly
        } else if self.not_sent.contains_key(id) || self.changed.contains(id) {
            Treatment::Leave
        } else if self.planned.is_empty() {
            Treatment::Send
        } else {
            match self.planned.get(id) {
                None => Treatment::NotPlanned,
                Some(planned) if *planned == content_sha256() => Treatment::Send,
                Some(_) => Treatment::Changed,
            }
        }
    }

    /// What became of every message, with `left` in the dead-letter queue by its count.
    pub fn accounting(&self, left: u64) -> Accounting {
        let count = |count: usize| count as u64;
        Accounting {
            replayed: self.replayed(),
            succeeded: self.succeeded,
            succeeded_by_absence: self.succeeded_by_absence,
            bounced: count(self.bounced.len()),
            unknown: self
                .replayed()
                .saturating_sub(self.succeeded.saturating_add(count(self.bounced.len()))),
            ambiguous: count(self.ambiguous().len()),
            not_deleted: count(self.undeleted.len()),
            unconfirmed: count(self.unconfirmed.len()),
            not_sent: count(self.not_sent.len()),
            changed: count(self.changed.len()),
            out_of_order: count(self.out_of_order.len()),
            missing: count(self.missing.len()),
            not_reached: count(self.not_reached().count()),
            left,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redrive::{Intended, Pair, QueueName, Terms};
    use verifier_model::time::Timestamp;

    const AT: Timestamp = Timestamp::from_millis(7);

    fn of(entries: impl IntoIterator<Item = Entry>) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.apply(&Entry::Started {
            schema: SCHEMA.to_owned(),
            redrive: "r".to_owned(),
            at: AT,
            who: "w".to_owned(),
            why: None,
            from: QueueName::default(),
            to: QueueName::default(),
            terms: Box::new(Terms::default()),
        });
        for entry in entries {
            ledger.apply(&entry);
        }
        ledger
    }

    fn sent(from: &str, to: &str) -> Entry {
        Entry::Sent {
            messages: vec![Pair { from: from.to_owned(), to: to.to_owned(), queue: None }],
        }
    }

    fn bounced(from: &str, to: &str) -> Entry {
        let bounce = Bounce { from: from.to_owned(), to: to.to_owned(), ..Bounce::default() };
        Entry::Evaluated {
            number: 1,
            succeeded: 0,
            by_absence: 0,
            bounced: vec![bounce],
            unknown: 0,
        }
    }

    fn resumed(retry_bounced: bool) -> Entry {
        Entry::Resumed { at: AT, who: "w".to_owned(), retry_bounced }
    }

    fn treatment(ledger: &Ledger, id: &str) -> Treatment {
        ledger.treatment(id, String::new)
    }

    #[test]
    fn what_has_bounced_is_sent_again_only_where_that_is_asked_for() {
        let before =
            [sent("a", "m"), Entry::Deleted { ids: vec!["a".to_owned()] }, bounced("a", "m")];
        let without = of(before.iter().cloned().chain([resumed(false)]));
        assert_eq!(treatment(&without, "m"), Treatment::Bounced);
        let mut with = of(before.into_iter().chain([resumed(true)]));
        assert_eq!((treatment(&with, "m"), with.to_retry()), (Treatment::Send, 1));
        with.apply(&sent("m", "m2"));
        assert_eq!(
            treatment(&with, "m"),
            Treatment::DeleteOnly,
            "it is gone when it comes up again"
        );
        let accounting = with.accounting(0);
        assert_eq!((accounting.replayed, accounting.bounced, accounting.unknown), (1, 0, 1));
        // It may bounce once more, and be sent once more.
        with.apply(&bounced("m", "m2"));
        assert_eq!(treatment(&with, "m2"), Treatment::Bounced);
        assert_eq!((with.accounting(0).replayed, with.accounting(0).bounced), (1, 1));
    }

    #[test]
    fn a_step_without_success_leaves_the_size_also_where_it_is_taken_up_again() {
        let step = |number| Entry::Step { number, size: 1 };
        let succeeded = Entry::Evaluated {
            number: 1,
            succeeded: 1,
            by_absence: 0,
            bounced: Vec::new(),
            unknown: 0,
        };
        let mut ledger = of([step(1), sent("a", "m"), succeeded.clone()]);
        assert_eq!((ledger.steps(), ledger.rung()), (1, 1));
        for entry in [
            // Nothing was there to be sent.
            step(2),
            resumed(false),
            // What was sent bounced.
            step(3),
            sent("b", "n"),
            bounced("b", "n"),
            resumed(true),
            // It was killed while it sent.
            step(4),
            sent("n", "n2"),
            resumed(false),
            succeeded.clone(),
        ] {
            ledger.apply(&entry);
            assert_eq!(ledger.rung(), 1, "{entry:?}");
        }
        for entry in [step(5), sent("c", "o"), succeeded] {
            ledger.apply(&entry);
        }
        assert_eq!((ledger.steps(), ledger.rung()), (5, 2));
    }

    #[test]
    fn what_was_never_confirmed_may_have_arrived_and_is_not_called_not_sent() {
        let intent = Entry::Intent {
            at: AT,
            messages: vec![Intended { id: "a".to_owned(), original: None, redrives: None }],
        };
        let lost = Entry::Ambiguous { ids: vec!["a".to_owned()], why: "lost".to_owned() };
        let messages = BTreeMap::from([("a".to_owned(), 5)]);
        let given_up = Entry::Unconfirmed { messages, why: "lost".to_owned() };
        let mut ledger = of([intent, lost, given_up]);
        let accounting = ledger.accounting(1);
        assert_eq!((accounting.unconfirmed, accounting.not_sent, accounting.ambiguous), (1, 0, 0));
        assert!(!accounting.is_clean());
        assert_eq!(ledger.unconfirmed()["a"], 5);
        assert_eq!(treatment(&ledger, "a"), Treatment::Leave);
        ledger.apply(&resumed(false));
        assert_eq!(treatment(&ledger, "a"), Treatment::Send);
        ledger.apply(&sent("a", "m"));
        let accounting = ledger.accounting(0);
        assert_eq!((accounting.unconfirmed, accounting.ambiguous), (0, 1));
    }

    fn planned(ids: &[&str]) -> Entry {
        let of = |id: &&str| Planned { message_id: (*id).to_owned(), ..Planned::default() };
        Entry::Planned { messages: ids.iter().map(of).collect() }
    }

    #[test]
    fn only_what_was_looked_for_to_the_end_is_missing() {
        let mut ledger = of([planned(&["a", "b", "c"]), sent("a", "m"), bounced("a", "m")]);
        let counts = |ledger: &Ledger| {
            let accounting = ledger.accounting(3);
            (accounting.missing, accounting.not_reached)
        };
        assert_eq!(counts(&ledger), (0, 2));
        assert_eq!(ledger.not_reached().collect::<Vec<_>>(), ["b", "c"]);
        assert!(!ledger.accounting(0).is_clean());
        ledger.apply(&Entry::Missing { ids: vec!["b".to_owned()] });
        assert_eq!(counts(&ledger), (1, 1));
        // It is looked for once more, and may be found.
        ledger.apply(&resumed(false));
        assert_eq!(counts(&ledger), (0, 2));
        ledger.apply(&Entry::Missing { ids: vec!["b".to_owned(), "c".to_owned()] });
        ledger.apply(&Entry::Intent { at: AT, messages: vec![intended("b")] });
        ledger.apply(&sent("b", "n"));
        assert_eq!(counts(&ledger), (1, 0));
    }

    fn intended(id: &str) -> Intended {
        Intended { id: id.to_owned(), original: None, redrives: None }
    }

    #[test]
    fn how_often_a_message_may_have_arrived_is_counted_over_all_attempts() {
        let intent = || Entry::Intent { at: AT, messages: vec![intended("a")] };
        let lost = || Entry::Ambiguous { ids: vec!["a".to_owned()], why: "lost".to_owned() };
        let unconfirmed = Entry::Unconfirmed {
            messages: BTreeMap::from([("a".to_owned(), 5)]),
            why: "lost".to_owned(),
        };
        let given_up = [intent(), lost(), lost(), lost(), lost(), lost(), unconfirmed];
        let mut ledger = of(given_up.into_iter().chain([resumed(false), intent()]));
        ledger.apply(&sent("a", "m"));
        assert_eq!(ledger.ambiguous(), BTreeMap::from([("a", 6)]));
        // One that was under way when the process was killed counts, too.
        let mut killed = of([intent(), resumed(false), intent()]);
        killed.apply(&sent("a", "m"));
        assert_eq!(killed.ambiguous(), BTreeMap::from([("a", 2)]));
        let mut sure = of([intent()]);
        sure.apply(&sent("a", "m"));
        assert!(sure.ambiguous().is_empty());
    }

    #[test]
    fn what_came_back_without_a_ramp_is_a_bounce_and_may_be_sent_again() {
        let mut ledger = of([sent("a", "m"), sent("b", "n")]);
        assert!(ledger.may_have_unseen_bounces());
        assert!(ledger.is_unseen_bounce("m") && !ledger.is_unseen_bounce("a"));
        let bounce = Bounce { from: "a".to_owned(), to: "m".to_owned(), ..Bounce::default() };
        ledger.apply(&Entry::CameBack { bounced: vec![bounce] });
        assert!(!ledger.is_unseen_bounce("m"));
        let accounting = ledger.accounting(2);
        assert_eq!((accounting.bounced, accounting.unknown), (1, 1));
        ledger.apply(&resumed(true));
        assert_eq!(
            (treatment(&ledger, "m"), treatment(&ledger, "n")),
            (Treatment::Send, Treatment::Bounced)
        );
    }

    #[test]
    fn what_a_step_is_going_to_evaluate_is_not_looked_for_before() {
        let ledger = of([Entry::Step { number: 1, size: 1 }, sent("a", "m")]);
        assert!(!ledger.may_have_unseen_bounces() && !ledger.is_unseen_bounce("m"));
    }
}
