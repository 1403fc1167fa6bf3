//! Messages by why they failed: `verifier.dlq.explain/1`.

use std::fmt::Write;

use owo_colors::OwoColorize;
use serde_json::{Value, json};
use verifier_core::dead_letters::{Group, groups};
use verifier_model::time::Timestamp;

use super::{age, looked, messages, notes, origin, short};
use crate::dlq::Seen;
use crate::report::github::Note;
use crate::report::words::iso;
use crate::shell::clean;

pub(super) fn human(seen: &Seen) -> String {
    let mut text =
        format!("{}: {}\n", clean::line(&seen.queue).bold(), messages(seen.messages.len()));
    text.push_str(&origin(seen));
    for group in groups(&seen.messages, &seen.told.attempt_log) {
        let reason = short(&in_words(&group));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:>6}  {}", group.count, reason.bold());
        let _ = writeln!(text, "        {}", span(&group, seen.at));
        let _ = writeln!(text, "        for example {}", clean::line(&group.sample));
    }
    text + &notes(seen)
}

/// Why they failed, as far as it is known.
pub(super) fn in_words(group: &Group) -> String {
    match group.cause.reason() {
        Some(_) => group.cause.in_words(),
        None => format!("reason {}", group.cause.in_words()),
    }
}

/// When they failed, or were sent.
pub(super) fn span(group: &Group, now: Timestamp) -> String {
    let what = if group.has_failures { "failed" } else { "sent" };
    let ago = |at: Option<Timestamp>| age(at.map(|at| now.since(at)));
    format!("{what} between {} and {} ago", ago(group.first_seen), ago(group.last_seen))
}

pub(super) fn json(seen: &Seen) -> Value {
    let mut document = looked("verifier.dlq.explain/1", seen);
    let all = groups(&seen.messages, &seen.told.attempt_log);
    let shown = all.iter().map(|group| {
        json!({
            "reason": group.cause.told(),
            "inferredReason": group.cause.inferred(),
            "possibleReasons": group.cause.possible(),
            "count": group.count,
            "firstSeenAt": group.first_seen.map(iso),
            "lastSeenAt": group.last_seen.map(iso),
            "sampleMessageId": group.sample,
        })
    });
    document.insert("groups".to_owned(), shown.collect());
    document.insert("messageCount".to_owned(), seen.messages.len().into());
    document.into()
}

/// Each reason, with how many messages died for it.
pub(super) fn reasons(seen: &Seen) -> Vec<Note> {
    let all = groups(&seen.messages, &seen.told.attempt_log);
    let note = |group: &Group| {
        let message = format!("{}\nfor example {}", in_words(group), group.sample);
        Note::warning(&format!("{} of {}", messages(group.count), seen.queue), &message)
    };
    all.iter().map(note).collect()
}
