//! What became of messages: `verifier.dlq.export/1`, `verifier.dlq.import/1` and `verifier.dlq.purge/1`.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};
use verifier_core::check::QueueEvidence;

use super::{
    hidden, left_out_json, left_out_note, log_json, log_note, looked, messages, not_released,
    notes, origin, place_of, receives, with_reasons,
};
use crate::dlq::{Delivered, Purged, Seen};
use crate::report::github::Note;
use crate::shell::clean;

pub(super) fn export_human(seen: &Seen, file: Option<&Path>) -> String {
    let to = file.map_or("stdout".to_owned(), |file| clean::line(&file.display().to_string()));
    let (count, queue) = (messages(seen.messages.len()), clean::line(&seen.queue));
    let origin = origin(seen);
    format!("{count} of {queue} written to {to}; nothing was deleted\n{origin}{}", notes(seen))
}

pub(super) fn export_json(seen: &Seen, file: Option<&Path>) -> Value {
    let mut document = looked("verifier.dlq.export/1", seen);
    document.insert("written".to_owned(), seen.messages.len().into());
    document.insert("file".to_owned(), json!(file.map(|file| file.display().to_string())));
    document.into()
}

pub(super) fn delivered_human(queue: &QueueEvidence, delivered: &Delivered) -> String {
    let mut text = String::new();
    for (from, to) in &delivered.sent {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} sent as {}", clean::line(from), clean::line(to));
    }
    for (id, why) in &delivered.not_sent {
        let _ = writeln!(text, "{} not sent: {}", clean::line(id), clean::line(why));
    }
    for (id, why) in &delivered.unknown {
        let _ = writeln!(text, "{} may have been sent: {}", clean::line(id), clean::line(why));
    }
    for id in &delivered.trace_lost {
        let _ = writeln!(text, "{} sent without its trace header", clean::line(id));
    }
    let Delivered { sent, not_sent, unknown, .. } = delivered;
    let _ = write!(text, "{} sent to {}", messages(sent.len()), clean::line(&queue.name));
    if !not_sent.is_empty() {
        let _ = write!(text, ", {} not sent", not_sent.len());
    }
    if !unknown.is_empty() {
        let _ = write!(text, ", {} that may have been", unknown.len());
    }
    let _ = write!(text, "\n  {}\n", place_of(queue.arn()));
    text
}

pub(super) fn delivered_json(queue: &QueueEvidence, delivered: &Delivered) -> Value {
    let sent = delivered.sent.iter().map(|(from, to)| json!({"from": from, "messageId": to}));
    json!({
        "schema": "verifier.dlq.import/1",
        "queue": queue.name,
        "queueArn": queue.arn(),
        "sent": sent.collect::<Vec<_>>(),
        "traceLost": delivered.trace_lost,
        "notSent": with_reasons(&delivered.not_sent),
        "unknown": with_reasons(&delivered.unknown),
        "awsCalls": delivered.calls,
    })
}

pub(super) fn purged_human(
    queue: &QueueEvidence,
    purged: &Purged,
    file: Option<&Path>,
    kept: u64,
) -> String {
    let mut text = String::new();
    let arn = queue.arn();
    for (id, why) in &purged.not_deleted {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} not deleted: {}", clean::line(id), clean::line(why));
    }
    let (deleted, queue) = (messages(purged.deleted), clean::line(&queue.name));
    let _ = write!(text, "{deleted} deleted from {queue}");
    if !purged.not_deleted.is_empty() {
        let _ = write!(text, ", {} not", purged.not_deleted.len());
    }
    if purged.not_meant > 0 {
        let _ = write!(text, ", {} that are not meant made visible again", purged.not_meant);
    }
    let _ = writeln!(text, "; it took {}", receives(purged.receives));
    let _ = writeln!(text, "  {}", place_of(arn));
    match file {
        Some(file) => {
            let file = clean::line(&file.display().to_string());
            let _ = writeln!(text, "backup: {kept} in {file}");
        }
        None => text.push_str("no backup was written, since nothing was to be deleted\n"),
    }
    if let Some(why) = &purged.incomplete {
        let _ = writeln!(text, "there may be more: {}", clean::line(why));
    }
    let log = purged.log.as_ref().and_then(|log| log_note(log, purged.deleted > 0));
    for note in left_out_note(&purged.left_out).into_iter().chain(log) {
        let _ = writeln!(text, "{note}");
    }
    text + &not_released(&purged.not_released)
}

pub(super) fn purged_json(
    queue: &QueueEvidence,
    purged: &Purged,
    file: Option<&Path>,
    kept: u64,
) -> Value {
    json!({
        "schema": "verifier.dlq.purge/1",
        "queue": queue.name,
        "queueArn": queue.arn(),
        "deleted": purged.deleted,
        "notDeleted": with_reasons(&purged.not_deleted),
        "notMeant": purged.not_meant,
        "leftOut": left_out_json(&purged.left_out),
        "receives": purged.receives,
        "awsCalls": purged.calls,
        "complete": purged.incomplete.is_none(),
        "incompleteBecause": purged.incomplete,
        "inFlight": purged.unreached.in_flight,
        "notReleased": with_reasons(&purged.not_released),
        "backup": file.map(|file| file.display().to_string()),
        "inBackup": kept,
        "log": purged.log.as_ref().map(log_json),
        "error": purged.failure.as_ref().map(|failure| &failure.what),
    })
}

pub(super) fn delivered_notes(delivered: &Delivered) -> Vec<Note> {
    let not_sent = with_title("not sent", &delivered.not_sent);
    not_sent.chain(with_title("may have been sent", &delivered.unknown)).collect()
}

pub(super) fn purged_notes(purged: &Purged) -> Vec<Note> {
    let failure = purged.failure.as_ref();
    let failure = failure.map(|failure| Note::failure("the purge ended early", failure));
    let incomplete = purged.incomplete.as_ref();
    let incomplete = incomplete.map(|why| Note::warning("there may be more", why));
    let not_deleted = with_title("not deleted", &purged.not_deleted);
    let hidden = hidden(&purged.not_released);
    let left_out = left_out_note(&purged.left_out);
    let left_out =
        left_out.map(|note| Note::warning("a reason that is not told selects nothing", &note));
    let incomplete = incomplete.into_iter().chain(left_out);
    failure.into_iter().chain(not_deleted).chain(hidden).chain(incomplete).collect()
}

/// An error for each message, by its id.
fn with_title(title: &str, failed: &[(String, String)]) -> impl Iterator<Item = Note> {
    failed.iter().map(move |(id, why)| Note::error(title, &format!("{id}: {why}")))
}
