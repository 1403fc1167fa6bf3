//! What a redrive came to, as one page: the causes, the ramp, and what became of each message.

use std::collections::BTreeMap;

use verifier_core::dead_letters::{histogram, queue_label, shape};
use verifier_core::redrive::{Course, Entry, MessageEvent, StepCourse};
use verifier_core::settings::queue_name;

use super::result::{bounce_in_words, destination};
use crate::redrive::ended::Ended;
use crate::report::story_page::{BARS_MAX, GroupRow, MESSAGES_MAX, MessageRow, StepRow, StoryPage};
use crate::report::words::iso;
use crate::shell::clean;

/// The page of a redrive that is over, by what its journal tells.
pub(super) fn page(ended: &Ended, course: &Course) -> StoryPage {
    let accounting = &ended.accounting;
    let is_once = accounting.ambiguous == 0;
    let is_done = is_once && accounting.is_clean() && accounting.bounced == 0;
    let (verdict, class) = match (&ended.stopped, is_done) {
        (Some(_), _) => ("stopped", "fail"),
        (None, true) => ("done", "pass"),
        (None, false) => ("done, with exceptions", "warn"),
    };
    let (mut title, mut facts) = ("Redrive".to_owned(), Vec::new());
    if let Some(Entry::Started { from, to, who, why, at, redrive, .. }) = ended.ledger.started() {
        title = format!("Redrive of {}", queue_name(&from.arn));
        facts.push(("from", queue_label(&from.arn)));
        facts.push(("to", destination(&to.arn)));
        facts.push(("redrive", redrive.clone()));
        facts.push(("begun", format!("{} by {who}", iso(*at))));
        facts.extend(why.clone().map(|why| ("because", why)));
    }
    facts.extend(figures(ended));
    facts.push(("journal", ended.journal.clone()));
    let rows = course.messages.iter().take(MESSAGES_MAX);
    let ambiguous = ended.ledger.ambiguous();
    let row = |(id, events): (&String, &Vec<MessageEvent>)| {
        row(ended, id, events, ambiguous.contains_key(id.as_str()))
    };
    StoryPage {
        title: clean::line(&title),
        verdict: verdict.to_owned(),
        class,
        reason: clean::line(&reason(ended)),
        facts: facts
            .into_iter()
            .map(|(name, value)| (name.to_owned(), clean::line(&value)))
            .collect(),
        groups: groups(ended),
        times_of: "When they were sent".to_owned(),
        buckets: histogram(&course.offered_at, BARS_MAX),
        steps: course.steps.iter().map(step).collect(),
        messages: rows.map(row).collect(),
        more: course.messages.len().saturating_sub(MESSAGES_MAX),
        notes: ended
            .unwritten
            .iter()
            .map(|(id, done)| {
                clean::line(&format!(
                    "not in the journal, which could not be written: {id}: {}",
                    done.in_words()
                ))
            })
            .collect(),
    }
}

/// Why it went no further, and what may have been sent more than once.
fn reason(ended: &Ended) -> String {
    let stopped = ended.stopped.as_deref().unwrap_or("nothing has stopped it");
    match ended.accounting.ambiguous {
        0 => stopped.to_owned(),
        count => format!("{stopped}; {count} may have been sent more than once"),
    }
}

fn figures(ended: &Ended) -> Vec<(&'static str, String)> {
    let accounting = &ended.accounting;
    let all = [
        ("replayed", accounting.replayed),
        ("succeeded", accounting.succeeded),
        ("failed again", accounting.bounced),
        ("unknown", accounting.unknown),
        ("may have been sent more than once", accounting.ambiguous),
        ("not sent", accounting.not_sent),
        ("not reached", accounting.not_reached),
        ("missing", accounting.missing),
        ("left", accounting.left),
    ];
    all.into_iter().map(|(name, count)| (name, count.to_string())).collect()
}

/// The causes before the redrive, where they are known, and with how many of each that failed again.
fn groups(ended: &Ended) -> Vec<GroupRow> {
    let bounced = ended.ledger.bounced();
    let mut reasons: BTreeMap<&str, &str> = BTreeMap::new();
    for bounce in bounced.values() {
        reasons.extend(bounce.old_reason.as_deref().map(|reason| (bounce.from.as_str(), reason)));
    }
    let planned = ended.ledger.planned_reasons().iter();
    reasons.extend(planned.map(|(id, reason)| (id.as_str(), reason.as_str())));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for reason in reasons.into_values() {
        *counts.entry(shape(reason)).or_default() += 1;
    }
    let again = |cause: &str| {
        let is_of = |old: &Option<String>| old.as_deref().map(shape).as_deref() == Some(cause);
        bounced.values().filter(|bounce| is_of(&bounce.old_reason)).count()
    };
    let mut rows: Vec<GroupRow> = counts
        .into_iter()
        .map(|(cause, count)| GroupRow {
            count,
            when: format!("{} failed again", again(&cause)),
            cause: clean::line(&cause),
            sample: String::new(),
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    rows
}

fn step(step: &StepCourse) -> StepRow {
    let figure = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
    let fates = step.evaluated;
    StepRow {
        number: step.number,
        size: step.size,
        sent: step.sent,
        succeeded: figure(fates.map(|fates| fates.succeeded)),
        bounced: figure(fates.map(|fates| fates.bounced)),
        unknown: figure(fates.map(|fates| fates.unknown)),
        class: match fates {
            Some(fates) if fates.bounced > 0 => "fail",
            Some(fates) if fates.unknown > 0 => "inconclusive",
            Some(_) => "pass",
            None => "soft",
        },
    }
}

fn row(ended: &Ended, id: &str, events: &[MessageEvent], is_ambiguous: bool) -> MessageRow {
    let reason = ended.ledger.planned_reasons().get(id);
    let before = reason.map(|reason| ("before".to_owned(), reason.clone()));
    let told = before.into_iter().chain(events.iter().map(in_words));
    let (summary, class) = summary(events, is_ambiguous);
    MessageRow {
        id: clean::line(id),
        summary: summary.to_owned(),
        class,
        events: told.map(|(when, what)| (when, clean::line(&what))).collect(),
    }
}

/// How it ended for a message, by the worst that is told of it. It is ambiguous also where the process ended while it was sent,
/// of which there is no entry.
fn summary(events: &[MessageEvent], is_ambiguous: bool) -> (&'static str, &'static str) {
    let has = |is_it: fn(&MessageEvent) -> bool| events.iter().any(is_it);
    if has(|event| matches!(event, MessageEvent::Bounced(_))) {
        ("failed again", "fail")
    } else if has(|event| matches!(event, MessageEvent::NotSent(_) | MessageEvent::Changed)) {
        ("stays", "warn")
    } else if has(|event| matches!(event, MessageEvent::Unconfirmed(_))) {
        ("may have arrived, and stays", "warn")
    } else if is_ambiguous || has(|event| matches!(event, MessageEvent::Ambiguous(_))) {
        ("sent, perhaps more than once", "warn")
    } else if has(|event| matches!(event, MessageEvent::Sent(_))) {
        ("sent", "soft")
    } else if has(|event| matches!(event, MessageEvent::Missing)) {
        ("not there any more", "warn")
    } else {
        ("not reached", "warn")
    }
}

fn in_words(event: &MessageEvent) -> (String, String) {
    let said = |what: &str| (String::new(), what.to_owned());
    match event {
        MessageEvent::Offered(at) => (iso(*at), "about to be sent".to_owned()),
        MessageEvent::Sent(to) => said(&format!("confirmed as {to}")),
        MessageEvent::Ambiguous(why) => {
            said(&format!("may have arrived, and was sent again: {why}"))
        }
        MessageEvent::Unconfirmed(times) => said(&format!("may have arrived up to {times} times")),
        MessageEvent::NotSent(why) => said(&format!("not sent: {why}")),
        MessageEvent::OutOfOrder => said("sent before one of its group that was not"),
        MessageEvent::TraceLost => said("sent without its trace header"),
        MessageEvent::Changed => said("it is not what was planned, and stays"),
        MessageEvent::Missing => said("it was looked for, and not there any more"),
        MessageEvent::Deleted => said("deleted from the dead-letter queue"),
        MessageEvent::Bounced(bounce) => said(&format!("failed again{}", bounce_in_words(bounce))),
    }
}

#[cfg(test)]
mod tests {
    use verifier_core::redrive::Unwritten;
    use verifier_core::redrive::{Accounting, Intended, Ledger, Pair};
    use verifier_model::time::Timestamp;

    use super::*;

    /// The page of a redrive of one message, which was killed while it sent that, or was not.
    fn page_of(is_killed: bool) -> StoryPage {
        let at = Timestamp::from_millis(7);
        let message = Intended { id: "a".to_owned(), original: None, redrives: None };
        let intent = || Entry::Intent { at, messages: vec![message.clone()] };
        let resumed = Entry::Resumed { at, who: "w".to_owned(), retry_bounced: false };
        let pair = Pair { from: "a".to_owned(), to: "b".to_owned(), queue: None };
        let killed = is_killed.then(|| [intent(), resumed]).into_iter().flatten();
        let entries = killed.chain([intent(), Entry::Sent { messages: vec![pair] }]);
        let entries = entries.chain([Entry::Deleted { ids: vec!["a".to_owned()] }]);
        let (mut ledger, mut course) = (Ledger::default(), Course::default());
        for entry in entries {
            ledger.apply(&entry);
            course.apply(&entry);
        }
        let accounting: Accounting = ledger.accounting(0);
        let (stopped, failure, journal) = (None, None, "j".to_owned());
        let calls = BTreeMap::new();
        let unwritten = Unwritten::default();
        page(&Ended { stopped, failure, accounting, ledger, journal, unwritten, calls }, &course)
    }

    #[test]
    fn what_may_have_been_sent_twice_is_counted_and_named() {
        let page = page_of(true);
        assert_eq!((page.verdict.as_str(), page.class), ("done, with exceptions", "warn"));
        assert_eq!(page.reason, "nothing has stopped it; 1 may have been sent more than once");
        assert_eq!(page.messages[0].summary, "sent, perhaps more than once");
        let twice = ("may have been sent more than once".to_owned(), "1".to_owned());
        assert!(page.facts.contains(&twice));
        let once = page_of(false);
        assert_eq!((once.verdict.as_str(), once.class), ("done", "pass"));
        assert_eq!(once.reason, "nothing has stopped it");
        assert_eq!(once.messages[0].summary, "sent");
    }
}
