//! What holds of a redrive's journal wherever it is cut off.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use verifier_core::redrive::{
    Accounting, Entry, Intended, Ledger, Pair, QueueName, SCHEMA, Terms, Treatment, whole_lines,
};
use verifier_model::time::Timestamp;

const AT: Timestamp = Timestamp::from_millis(7);

fn started() -> Entry {
    Entry::Started {
        schema: SCHEMA.to_owned(),
        redrive: "r-1".to_owned(),
        at: AT,
        who: "somebody".to_owned(),
        why: None,
        from: QueueName::default(),
        to: QueueName::default(),
        terms: Box::new(Terms::default()),
    }
}

/// How a message ends in a redrive that is not cut off.
#[derive(Clone, Copy, Debug)]
enum Course {
    Moved,
    SentTwice,
    NotSent,
    NotDeleted,
}

fn entries(number: usize, course: Course) -> Vec<Entry> {
    let (from, to) = (format!("old-{number}"), format!("new-{number}"));
    let intent = Entry::Intent {
        at: AT,
        messages: vec![Intended { id: from.clone(), original: None, redrives: None }],
    };
    let sent = Entry::Sent { messages: vec![Pair { from: from.clone(), to, queue: None }] };
    let deleted = Entry::Deleted { ids: vec![from.clone()] };
    let ambiguous = Entry::Ambiguous { ids: vec![from.clone()], why: "late".to_owned() };
    let not_sent = Entry::NotSent { messages: BTreeMap::from([(from, "refused".to_owned())]) };
    match course {
        Course::Moved => vec![intent, sent, deleted],
        Course::SentTwice => vec![intent, ambiguous, sent, deleted],
        Course::NotSent => vec![intent, not_sent],
        Course::NotDeleted => vec![intent, sent],
    }
}

fn course() -> impl Strategy<Value = Course> {
    prop_oneof![
        Just(Course::Moved),
        Just(Course::SentTwice),
        Just(Course::NotSent),
        Just(Course::NotDeleted)
    ]
}

/// The entries of several messages in an order in which they may be written: each message's own in theirs.
fn interleaved(courses: &[Course], order: &[usize]) -> Vec<(usize, Entry)> {
    let mut queues: Vec<_> = courses
        .iter()
        .enumerate()
        .map(|(number, course)| entries(number, *course).into_iter())
        .collect();
    let mut result = Vec::new();
    let mut turn = order.iter().cycle();
    while queues.iter().any(|queue| queue.len() > 0) {
        let number = turn.next().copied().unwrap_or_default() % queues.len();
        let number = (number..number + queues.len())
            .map(|n| n % queues.len())
            .find(|n| queues[*n].len() > 0);
        let number = number.unwrap();
        result.push((number, queues[number].next().unwrap()));
    }
    result
}

proptest! {
    #[test]
    fn wherever_it_ends_no_message_is_lost_and_none_is_sent_twice_unnamed(
        courses in prop::collection::vec(course(), 1..8),
        order in prop::collection::vec(0..8_usize, 1..20),
        cut in any::<prop::sample::Index>(),
        torn in 0..40_usize,
    ) {
        let all = interleaved(&courses, &order);
        let kept = cut.index(all.len() + 1);
        let line = |entry: &Entry| serde_json::to_string(entry).unwrap() + "\n";
        let mut text = line(&started());
        text.extend(all[..kept].iter().map(|(_, entry)| line(entry)));
        if let Some((_, entry)) = all.get(kept) {
            // The process ends while it writes the next line.
            let next = line(entry);
            text.push_str(&next[..torn.min(next.len() - 1)]);
        }
        let whole = &text[..whole_lines(text.as_bytes())];
        let mut ledger = Ledger::default();
        for line in whole.lines() {
            ledger.read(line).unwrap();
        }
        ledger.apply(&Entry::Resumed { at: AT, who: "somebody".to_owned(), retry_bounced: false });
        let named: Vec<&str> = ledger.ambiguous().into_keys().collect();
        for number in 0..courses.len() {
            let id = format!("old-{number}");
            let mut written = all[..kept].iter().filter(|(n, _)| *n == number).map(|(_, entry)| entry);
            let intended = written.clone().any(|entry| matches!(entry, Entry::Intent { .. }));
            let sent = written.clone().any(|entry| matches!(entry, Entry::Sent { .. }));
            let refused = written.any(|entry| matches!(entry, Entry::NotSent { .. }));
            let treatment = ledger.treatment(&id, String::new);
            // What was confirmed is never sent again, and everything else is.
            prop_assert_eq!(treatment, if sent { Treatment::DeleteOnly } else { Treatment::Send });
            // What may have arrived is named before it is sent again.
            if intended && !sent && !refused {
                prop_assert!(named.contains(&id.as_str()), "{} of {:?}", id, named);
            }
            let message = format!("new-{number}");
            let of_message = ledger.treatment(&message, String::new);
            prop_assert_eq!(of_message, if sent { Treatment::Bounced } else { Treatment::Send });
        }
    }

    #[test]
    fn every_message_is_accounted_for_once(
        courses in prop::collection::vec(course(), 1..8),
        order in prop::collection::vec(0..8_usize, 1..20),
    ) {
        let mut ledger = Ledger::default();
        ledger.apply(&started());
        for (_, entry) in interleaved(&courses, &order) {
            ledger.apply(&entry);
        }
        let Accounting { replayed, not_sent, not_deleted, ambiguous, unknown, .. } = ledger.accounting(0);
        let count = |is: fn(&Course) -> bool| courses.iter().filter(|course| is(course)).count() as u64;
        prop_assert_eq!(replayed + not_sent, courses.len() as u64);
        prop_assert_eq!(not_sent, count(|course| matches!(course, Course::NotSent)));
        prop_assert_eq!(not_deleted, count(|course| matches!(course, Course::NotDeleted)));
        prop_assert_eq!(ambiguous, count(|course| matches!(course, Course::SentTwice)));
        prop_assert_eq!(unknown, replayed);
    }
}

#[test]
fn a_file_of_another_kind_is_no_journal() {
    for text in ["", "{}", "{\"event\":\"sent\",\"messages\":[]}", "no JSON"] {
        assert!(Ledger::default().read(text).is_err(), "{text}");
    }
    let mut ledger = Ledger::default();
    let line = serde_json::to_string(&started()).unwrap();
    ledger.read(&line).unwrap();
    assert!(ledger.read(&line).is_err(), "it begins once");
    assert!(ledger.read("{\"event\":\"other\"}").is_err());
}
