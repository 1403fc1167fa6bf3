//! Messages by why they failed.

use std::collections::BTreeMap;

use verifier_model::time::Timestamp;

use super::{AttemptLog, DeadLetter, shape};

/// Messages that died for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The shape of their reasons (see [`shape()`]); `None` for all those of which none is known.
    pub reason: Option<String>,
    /// How many they are.
    pub count: usize,
    /// When the first of them failed as far as the log tells, or else was sent.
    pub first_seen: Option<Timestamp>,
    /// When the last of them failed as far as the log tells, or else was sent.
    pub last_seen: Option<Timestamp>,
    /// The id of the one that was seen last.
    pub sample: String,
}

/// Messages by their reasons: the largest group first, and last the one without a reason.
pub fn groups<'a>(
    messages: impl IntoIterator<Item = &'a DeadLetter>,
    attempt_log: &AttemptLog,
) -> Vec<Group> {
    let mut groups: BTreeMap<Option<String>, Group> = BTreeMap::new();
    for message in messages {
        let reason = attempt_log.reason(&message.message_id).map(shape);
        let (first, last) = seen(message, attempt_log);
        let group = groups.entry(reason.clone()).or_insert_with(|| Group {
            reason,
            count: 0,
            first_seen: None,
            last_seen: None,
            sample: message.message_id.clone(),
        });
        group.count += 1;
        group.first_seen = group.first_seen.into_iter().chain(first).min();
        if last > group.last_seen {
            group.last_seen = last;
            group.sample.clone_from(&message.message_id);
        }
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_key(|group| (group.reason.is_none(), std::cmp::Reverse(group.count)));
    groups
}

/// When a message failed first and last, or else when it was sent.
fn seen(message: &DeadLetter, attempt_log: &AttemptLog) -> (Option<Timestamp>, Option<Timestamp>) {
    let failures = || {
        let attempts = attempt_log.attempts(&message.message_id).iter();
        attempts.filter(|attempt| attempt.reason.is_some()).map(|attempt| attempt.at)
    };
    (failures().min().or(message.sent_at), failures().max().or(message.sent_at))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::settings::{OutcomeReader, Settings};

    fn reader() -> OutcomeReader {
        Settings::default().outcomes.reader().unwrap()
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn message(number: usize) -> DeadLetter {
        let sent_at = Some(at(number as u64));
        DeadLetter { message_id: format!("m-{number}"), sent_at, ..DeadLetter::default() }
    }

    #[test]
    fn the_largest_comes_first_and_the_unknown_last() {
        let messages: Vec<DeadLetter> = (0..6).map(message).collect();
        let mut attempt_log =
            AttemptLog::of(messages.iter().map(|message| message.message_id.clone()));
        for (number, why) in [(0, "slow"), (1, "refused"), (2, "refused")] {
            let line = format!("error: m-{number} {why}");
            attempt_log.take(at(100 + number), &line, &reader());
        }
        let found = groups(&messages, &attempt_log);
        let shown: Vec<(Option<&str>, usize, &str)> = found
            .iter()
            .map(|group| (group.reason.as_deref(), group.count, group.sample.as_str()))
            .collect();
        let expected = [
            (Some("error: … refused"), 2, "m-2"),
            (Some("error: … slow"), 1, "m-0"),
            (None, 3, "m-5"),
        ];
        assert_eq!(shown, expected);
        assert_eq!((found[0].first_seen, found[0].last_seen), (Some(at(101)), Some(at(102))));
        assert_eq!((found[2].first_seen, found[2].last_seen), (Some(at(3)), Some(at(5))));
    }

    #[test]
    fn reasons_that_differ_in_numbers_and_ids_are_one_group() {
        let messages: Vec<DeadLetter> = (0..500).map(message).collect();
        let mut attempt_log =
            AttemptLog::of(messages.iter().map(|message| message.message_id.clone()));
        for number in 0..500_u64 {
            let cause = match number % 4 {
                0 => format!("order {number} has no customer"),
                1 => format!("error: timed out after {number}.5 s"),
                2 => format!("error: row {number:08x}-0000-4000-8000-{number:012x} is locked"),
                _ => "error: disk full".to_owned(),
            };
            let line = format!("failed m-{number}: {cause}");
            attempt_log.take(at(number), &line, &reader());
        }
        let found = groups(&messages, &attempt_log);
        let counts: Vec<usize> = found.iter().map(|group| group.count).collect();
        assert_eq!(counts, [125; 4], "{found:#?}");
    }

    proptest! {
        #[test]
        fn every_message_is_in_one_group(reasons in prop::collection::vec(prop::option::of(0_u64..4), 0..40)) {
            let messages: Vec<DeadLetter> = (0..reasons.len()).map(message).collect();
            let mut attempt_log = AttemptLog::of(messages.iter().map(|message| message.message_id.clone()));
            for (message, reason) in messages.iter().zip(&reasons) {
                if let Some(reason) = reason {
                    let words = ["slow", "refused", "gone", "full"];
                    let why = words[usize::try_from(*reason).unwrap_or_default()];
                    let line = format!("{} failed: {why}", message.message_id);
                    attempt_log.take(at(1000) + Duration::from_secs(*reason), &line, &reader());
                }
            }
            let found = groups(&messages, &attempt_log);
            prop_assert_eq!(found.iter().map(|group| group.count).sum::<usize>(), messages.len());
            let last = found.len().saturating_sub(1);
            for (index, group) in found.iter().enumerate() {
                prop_assert!(group.first_seen <= group.last_seen);
                prop_assert!(group.reason.is_some() || index == last);
                prop_assert_eq!(attempt_log.reason(&group.sample).map(shape), group.reason.clone());
            }
        }
    }
}
