//! Why messages failed, as one page for people who were not there.

use verifier_core::dead_letters::{DeadLetter, groups, histogram};
use verifier_model::time::Timestamp;

use super::{age, groups as cause_groups, log_note, messages, place_of, sources_in_words};
use crate::dlq::Seen;
use crate::report::story_page::{BARS_MAX, GroupRow, MESSAGES_MAX, MessageRow, StoryPage};
use crate::report::words::iso;
use crate::shell::clean;

/// The page of what was seen.
pub(super) fn page(seen: &Seen) -> StoryPage {
    let (times_of, times) = times(seen);
    let (verdict, class) = match &seen.incomplete {
        None => ("all were seen", "info"),
        Some(_) => ("not all were seen", "warn"),
    };
    let rows = seen.messages.iter().take(MESSAGES_MAX).map(|message| row(seen, message));
    StoryPage {
        title: format!("{} in {}", messages(seen.messages.len()), clean::line(&seen.queue)),
        verdict: verdict.to_owned(),
        class,
        reason: place_of(&seen.queue_arn),
        facts: facts(seen),
        groups: group_rows(seen),
        times_of: times_of.to_owned(),
        buckets: histogram(&times, BARS_MAX),
        messages: rows.collect(),
        more: seen.messages.len().saturating_sub(MESSAGES_MAX),
        notes: notes(seen),
        ..StoryPage::default()
    }
}

fn facts(seen: &Seen) -> Vec<(String, String)> {
    let mut facts = vec![("looked at".to_owned(), iso(seen.at))];
    if !seen.sources.is_empty() {
        let sources = sources_in_words(&seen.sources, &seen.services);
        facts.push(("came from".to_owned(), sources));
    }
    if seen.soon_gone() > 0 {
        facts.push(("gone within 24 h".to_owned(), seen.soon_gone().to_string()));
    }
    facts
}

fn notes(seen: &Seen) -> Vec<String> {
    let incomplete = seen.incomplete.as_ref().map(|why| format!("there may be more: {why}"));
    let log = log_note(&seen.told.log, seen.has_reasons());
    incomplete.into_iter().chain(log).map(|note| clean::line(&note)).collect()
}

fn group_rows(seen: &Seen) -> Vec<GroupRow> {
    let all = groups(&seen.messages, &seen.told.attempt_log);
    let row = |group: &verifier_core::dead_letters::Group| GroupRow {
        count: group.count,
        cause: clean::line(&cause_groups::in_words(group)),
        when: cause_groups::span(group, seen.at),
        sample: clean::line(&group.sample),
    };
    all.iter().map(row).collect()
}

/// When they failed, where the log tells that of any; or else when they were sent.
fn times(seen: &Seen) -> (&'static str, Vec<Timestamp>) {
    let failed: Vec<Timestamp> =
        seen.messages.iter().filter_map(|each| failed(seen, each)).collect();
    if failed.is_empty() {
        let sent = seen.messages.iter().filter_map(|message| message.sent_at);
        return ("When they were sent", sent.collect());
    }
    ("When they failed last, as far as the log tells", failed)
}

fn failed(seen: &Seen, message: &DeadLetter) -> Option<Timestamp> {
    let attempts = seen.told.attempt_log.tries(&message.message_id).into_iter();
    attempts.filter(|attempt| attempt.reason.is_some()).map(|attempt| attempt.at).max()
}

fn row(seen: &Seen, message: &DeadLetter) -> MessageRow {
    let cause = seen.cause(message);
    let mut events = Vec::new();
    if let Some(sent_at) = message.sent_at {
        let source = message.source_arn.as_deref().unwrap_or("a queue that it does not name");
        events.push((iso(sent_at), format!("sent to {source}")));
    }
    for attempt in seen.told.attempt_log.tries(&message.message_id) {
        let why = attempt.reason.as_deref().unwrap_or("a line names it");
        events.push((iso(attempt.at), why.to_owned()));
    }
    events.push(("why".to_owned(), cause.in_words()));
    let receives = message.receive_count.map_or("?".to_owned(), |count| count.to_string());
    events.push(("receives".to_owned(), receives));
    events.push(("expires in".to_owned(), age(seen.time_to_expiry(message))));
    MessageRow {
        id: clean::line(&message.message_id),
        summary: clean::line(&cause.in_words()),
        class: if seen.expires_soon(message) { "warn" } else { "soft" },
        events: events.into_iter().map(|(when, what)| (when, clean::line(&what))).collect(),
    }
}
