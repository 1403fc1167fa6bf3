//! Which messages a redrive has changed, and what takes the place of one that has come back.

use std::collections::{BTreeMap, BTreeSet};

use super::Entry;
use crate::dead_letters::DeadLetter;

/// How many copies are named that were not undone.
const NAMED_MAX: usize = 10;

/// The changed copies that a redrive has sent, and which message each was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangedCopies {
    /// Messages of which something else is about to be sent.
    changed: BTreeSet<String>,
    /// The messages by the ids of their copies.
    originals: BTreeMap<String, String>,
    /// The newest copy of each message.
    newest: BTreeMap<String, String>,
    /// How many copies have succeeded, as their consumers told.
    succeeded: u64,
}

/// Changed copies whose originals were not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenCopies {
    /// The newest copy of each such message.
    pub copies: Vec<String>,
    /// How many more may have copies that are not known.
    pub unknown: usize,
    /// How many copies of the redrive have succeeded, and do not come back: no more than the copies.
    pub succeeded: usize,
    /// How many messages have changed copies.
    pub of: usize,
}

impl OpenCopies {
    /// What is not undone, where copies may still come to take effect; `None` where all others have succeeded.
    pub fn why(&self) -> Option<String> {
        let Self { copies, unknown, succeeded, of } = self;
        let known = (copies.len() > *succeeded).then(|| {
            let mut named = copies.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
            if let more @ 1.. = copies.len().saturating_sub(NAMED_MAX) {
                named = format!("{named} and {more} more");
            }
            let changed = match succeeded {
                0 => String::new(),
                count => format!(", of which {count} have succeeded as they were changed"),
            };
            format!(
                "{} of {of} changed copies are not undone{changed}: {named} (not seen in the dead-letter queue: they may still wait or be held, or were undone or deleted before; undo again when they have come back)",
                copies.len()
            )
        });
        let unknown = (*unknown > 0).then(|| {
            format!("{unknown} messages may have changed copies that no answer has named: those are not undone")
        });
        let all: Vec<String> = known.into_iter().chain(unknown).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

impl ChangedCopies {
    /// Takes what has happened, in its order. Gives the original of an intent's message that has to be kept.
    pub fn take<'a>(&mut self, entry: &'a Entry) -> Vec<&'a DeadLetter> {
        match entry {
            Entry::Intent { messages, .. } => {
                let is_copy = |id: &String| self.originals.contains_key(id);
                // A copy that came back and was sent again is changed twice; the first original counts.
                let originals: Vec<&DeadLetter> = messages
                    .iter()
                    .filter(|message| !is_copy(&message.id))
                    .filter_map(|message| message.original.as_ref())
                    .collect();
                self.changed.extend(originals.iter().map(|message| message.message_id.clone()));
                originals
            }
            // What was certainly not sent has no copy.
            Entry::NotSent { messages } => {
                for id in messages.keys() {
                    self.changed.remove(id);
                }
                Vec::new()
            }
            Entry::Sent { messages } => {
                for pair in messages {
                    let of_copy = self.originals.get(&pair.from).cloned();
                    let original = of_copy.or_else(|| self.changed.get(&pair.from).cloned());
                    if let Some(original) = original {
                        self.newest.insert(original.clone(), pair.to.clone());
                        self.originals.insert(pair.to.clone(), original);
                    }
                }
                Vec::new()
            }
            Entry::Evaluated { succeeded, by_absence, .. } => {
                let told = succeeded.saturating_sub(*by_absence);
                self.succeeded = self.succeeded.saturating_add(told);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// The id of the message that a copy was made of; `None` for all other messages.
    pub fn original_of(&self, id: &str) -> Option<&str> {
        self.originals.get(id).map(String::as_str)
    }

    /// How many messages were about to be sent changed of which no answer names the copy.
    pub fn unknown_count(&self) -> usize {
        let known: BTreeSet<&String> = self.originals.values().collect();
        self.changed.iter().filter(|id| !known.contains(id)).count()
    }

    /// The copies whose originals were not sent, by whether a copy's was.
    pub fn open(&self, is_undone: impl Fn(&str) -> bool) -> OpenCopies {
        let undone: BTreeSet<&String> = self
            .originals
            .iter()
            .filter(|(copy, _)| is_undone(copy))
            .map(|(_, original)| original)
            .collect();
        let open = self.newest.iter().filter(|(original, _)| !undone.contains(original));
        let copies: Vec<String> = open.map(|(_, copy)| copy.clone()).collect();
        let succeeded = usize::try_from(self.succeeded).unwrap_or(usize::MAX).min(copies.len());
        OpenCopies { copies, unknown: self.unknown_count(), succeeded, of: self.count() }
    }

    /// How many messages have changed copies.
    pub fn count(&self) -> usize {
        self.originals.values().collect::<BTreeSet<_>>().len()
    }
}

/// What is sent in the place of a copy that has come back: the original's content, under the copy's id.
#[must_use]
pub fn restored(copy: &DeadLetter, original: DeadLetter) -> DeadLetter {
    DeadLetter {
        message_id: copy.message_id.clone(),
        sent_at: copy.sent_at,
        first_received_at: copy.first_received_at,
        receive_count: copy.receive_count,
        source_arn: copy.source_arn.clone(),
        sequence_number: copy.sequence_number.clone(),
        ..original
    }
}

#[cfg(test)]
mod tests {
    use verifier_model::time::Timestamp;

    use super::*;
    use crate::redrive::{Intended, Pair};

    fn message(id: &str) -> DeadLetter {
        DeadLetter { message_id: id.to_owned(), body: format!("of {id}"), ..DeadLetter::default() }
    }

    fn intent(id: &str, original: Option<DeadLetter>) -> Entry {
        let messages = vec![Intended { id: id.to_owned(), original, redrives: None }];
        Entry::Intent { at: Timestamp::default(), messages }
    }

    fn sent(from: &str, to: &str) -> Entry {
        let (from, to) = (from.to_owned(), to.to_owned());
        Entry::Sent { messages: vec![Pair { from, to, queue: None }] }
    }

    #[test]
    fn a_copy_leads_to_the_message_that_it_was_made_of() {
        let mut copies = ChangedCopies::default();
        assert_eq!(copies.take(&intent("a", Some(message("a")))), [&message("a")]);
        copies.take(&sent("a", "a1"));
        // What was sent unchanged has no original.
        copies.take(&intent("b", None));
        copies.take(&sent("b", "b1"));
        // The copy came back, was changed again and sent again.
        assert_eq!(copies.take(&intent("a1", Some(message("a1")))), Vec::<&DeadLetter>::new());
        copies.take(&sent("a1", "a2"));
        assert_eq!(copies.original_of("a1"), Some("a"));
        assert_eq!(copies.original_of("a2"), Some("a"));
        assert_eq!((copies.original_of("a"), copies.original_of("b1")), (None, None));
        assert_eq!(copies.count(), 1);
    }

    #[test]
    fn copies_that_were_not_undone_are_named_and_counted() {
        let mut copies = ChangedCopies::default();
        for (id, copy) in [("a", "a1"), ("b", "b1")] {
            copies.take(&intent(id, Some(message(id))));
            copies.take(&sent(id, copy));
        }
        let why = copies.open(|id| id == "b1").why().unwrap();
        assert!(why.starts_with("1 of 2 changed copies are not undone: a1 ("), "{why}");
        let why = copies.open(|_| false).why().unwrap();
        assert!(why.starts_with("2 of 2 changed copies are not undone: a1, b1 ("), "{why}");
        // All have come back.
        assert_eq!(copies.open(|_| true).why(), None);
        let succeeded = |succeeded, by_absence| Entry::Evaluated {
            number: 1,
            succeeded,
            by_absence,
            bounced: Vec::new(),
            unknown: 0,
        };
        // Who was only not seen to come back may still do so.
        copies.take(&succeeded(1, 1));
        assert!(copies.open(|id| id == "b1").why().is_some());
        copies.take(&succeeded(1, 0));
        assert_eq!(copies.open(|id| id == "b1").why(), None);
        let why = copies.open(|_| false).why().unwrap();
        assert!(why.contains("of which 1 have succeeded"), "{why}");
        // Nor is known what became of this one.
        copies.take(&intent("c", Some(message("c"))));
        let why = copies.open(|_| true).why().unwrap();
        assert!(why.starts_with("1 messages may have changed copies"), "{why}");
    }

    #[test]
    fn of_many_copies_some_are_named() {
        let copies: Vec<String> = (0..12).map(|number| format!("c{number}")).collect();
        let why = OpenCopies { copies, of: 12, ..OpenCopies::default() }.why().unwrap();
        assert!(why.contains("c9 and 2 more") && !why.contains("c10"), "{why}");
    }

    #[test]
    fn what_was_about_to_be_sent_and_never_confirmed_has_no_copy_that_is_known() {
        let mut copies = ChangedCopies::default();
        copies.take(&intent("a", Some(message("a"))));
        assert_eq!((copies.count(), copies.unknown_count()), (0, 1));
        let not_sent = [("a".to_owned(), "refused".to_owned())].into();
        copies.take(&Entry::NotSent { messages: not_sent });
        assert_eq!((copies.count(), copies.unknown_count()), (0, 0));
    }

    #[test]
    fn the_content_is_the_originals_and_the_rest_is_that_of_the_copy() {
        let copy = DeadLetter {
            receive_count: Some(3),
            source_arn: Some("arn:jobs".to_owned()),
            group_id: Some("changed".to_owned()),
            ..message("copy")
        };
        let original = DeadLetter {
            receive_count: Some(9),
            trace_header: Some("Root=1".to_owned()),
            group_id: Some("g".to_owned()),
            ..message("original")
        };
        let restored = restored(&copy, original.clone());
        assert_eq!(restored.message_id, "copy");
        assert_eq!(restored.content_sha256(), original.content_sha256());
        assert_eq!((restored.receive_count, restored.source_arn), (Some(3), copy.source_arn));
        assert_eq!((restored.body, restored.group_id), (original.body, original.group_id));
    }
}
