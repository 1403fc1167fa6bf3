//! Messages by why they failed.

use std::collections::BTreeMap;

use verifier_model::time::Timestamp;

use super::{AttemptLog, Cause, DeadLetter};

/// Messages that died for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Why, with the shape of their reasons.
    pub cause: Cause,
    /// How many they are.
    pub count: usize,
    /// Whether the log tells when each of them failed. The times are those, or else when they were sent.
    pub has_failures: bool,
    /// The first of those times.
    pub first_seen: Option<Timestamp>,
    /// The last of them.
    pub last_seen: Option<Timestamp>,
    /// The id of the one that was seen last.
    pub sample: String,
}

/// Messages by their reasons: the largest group first, and last those without a reason.
pub fn groups<'a>(
    messages: impl IntoIterator<Item = &'a DeadLetter>,
    attempt_log: &AttemptLog,
) -> Vec<Group> {
    let mut by_cause: BTreeMap<Cause, Vec<&DeadLetter>> = BTreeMap::new();
    for message in messages {
        let cause = attempt_log.cause(&message.message_id).shape();
        by_cause.entry(cause).or_default().push(message);
    }
    let mut groups: Vec<Group> = by_cause
        .into_iter()
        .map(|(cause, messages)| group(cause, &messages, attempt_log))
        .collect();
    groups.sort_by_key(|group| {
        let is_unknown = group.cause.reason().is_none();
        (is_unknown, group.cause == Cause::Unknown, std::cmp::Reverse(group.count))
    });
    groups
}

fn group(cause: Cause, messages: &[&DeadLetter], attempt_log: &AttemptLog) -> Group {
    let failed = |message: &&DeadLetter| {
        let attempts = attempt_log.attempts(&message.message_id).iter();
        let failures = attempts.filter(|attempt| attempt.reason.is_some());
        let times: Vec<Timestamp> = failures.map(|attempt| attempt.at).collect();
        Some((*times.iter().min()?, *times.iter().max()?))
    };
    let failures: Option<Vec<_>> = messages.iter().map(failed).collect();
    let has_failures = failures.is_some();
    let sent = |message: &&DeadLetter| (message.sent_at, message.sent_at);
    let seen: Vec<(Option<Timestamp>, Option<Timestamp>)> = match failures {
        Some(failures) => {
            failures.into_iter().map(|(first, last)| (Some(first), Some(last))).collect()
        }
        None => messages.iter().map(sent).collect(),
    };
    // Of several that were seen last it is the first.
    let latest = seen.iter().enumerate().rev().max_by_key(|(_, (_, last))| *last);
    let sample = latest.and_then(|(at, _)| messages.get(at)).or(messages.first());
    Group {
        cause,
        count: messages.len(),
        has_failures,
        first_seen: seen.iter().filter_map(|(first, _)| *first).min(),
        last_seen: seen.iter().filter_map(|(_, last)| *last).max(),
        sample: sample.map(|message| message.message_id.clone()).unwrap_or_default(),
    }
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
            let line = format!(r#"{{"level":"ERROR","message":"{why}","messageId":"m-{number}"}}"#);
            attempt_log.take(at(100 + number), &line, &reader());
        }
        let found = groups(&messages, &attempt_log);
        let shown: Vec<(Option<&str>, usize, &str)> = found
            .iter()
            .map(|group| (group.cause.told(), group.count, group.sample.as_str()))
            .collect();
        let expected = [(Some("refused"), 2, "m-2"), (Some("slow"), 1, "m-0"), (None, 3, "m-5")];
        assert_eq!(shown, expected);
        assert_eq!((found[0].first_seen, found[0].last_seen), (Some(at(101)), Some(at(102))));
        assert_eq!((found[2].first_seen, found[2].last_seen), (Some(at(3)), Some(at(5))));
        let has_failures: Vec<bool> = found.iter().map(|group| group.has_failures).collect();
        assert_eq!(has_failures, [true, true, false], "of the unknown it is when they were sent");
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
                prop_assert!(group.cause.reason().is_some() || index == last);
                prop_assert_eq!(&attempt_log.cause(&group.sample).shape(), &group.cause);
            }
        }
    }
}
