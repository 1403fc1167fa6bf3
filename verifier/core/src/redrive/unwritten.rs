//! What a journal lacks that could not be written any more, as on a full disk: it is told at the end instead.

use std::collections::BTreeMap;

use super::Entry;

/// What was done with messages and is not in the journal, by their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unwritten(BTreeMap<String, Done>);

/// What was done with a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// The id of the message that was sent for it, where the journal does not say so.
    pub sent_as: Option<String>,
    /// Whether it was deleted from the dead-letter queue, where the journal does not say so.
    pub is_deleted: bool,
}

impl Unwritten {
    /// By the lines that were to be written. What was only intended was not done: without its line nothing is sent.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut done: BTreeMap<String, Done> = BTreeMap::new();
        for entry in lines.into_iter().filter_map(|line| serde_json::from_str(line).ok()) {
            match entry {
                Entry::Sent { messages } => {
                    for pair in messages {
                        done.entry(pair.from).or_default().sent_as = Some(pair.to);
                    }
                }
                Entry::Deleted { ids } => {
                    for id in ids {
                        done.entry(id).or_default().is_deleted = true;
                    }
                }
                _ => {}
            }
        }
        Self(done)
    }

    /// Each message with what was done with it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Done)> {
        self.0.iter().map(|(id, done)| (id.as_str(), done))
    }
}

impl Done {
    /// In words.
    pub fn in_words(&self) -> String {
        let sent = self.sent_as.as_ref().map(|to| format!("sent as {to}"));
        let deleted = self.is_deleted.then(|| "deleted".to_owned());
        sent.into_iter().chain(deleted).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redrive::Pair;

    #[test]
    fn what_was_done_is_told_by_id() {
        let pair = Pair { from: "a".to_owned(), to: "new-a".to_owned(), queue: None };
        let entries = [
            Entry::Sent { messages: vec![pair] },
            Entry::Deleted { ids: vec!["a".to_owned(), "b".to_owned()] },
            Entry::Changed { ids: vec!["c".to_owned()] },
        ];
        let lines: Vec<String> =
            entries.iter().map(|entry| serde_json::to_string(entry).unwrap()).collect();
        let unwritten = Unwritten::of(lines.iter().map(String::as_str));
        let told: Vec<(&str, String)> =
            unwritten.iter().map(|(id, done)| (id, done.in_words())).collect();
        let expected = [("a", "sent as new-a, deleted".to_owned()), ("b", "deleted".to_owned())];
        assert_eq!(told, expected);
    }
}
