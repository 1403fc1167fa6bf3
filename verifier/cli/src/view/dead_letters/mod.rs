//! Views of dead letters: what was seen, why they died, and what became of them.

mod groups;
mod list;
mod moved;
mod story;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use owo_colors::OwoColorize;
use serde_json::{Value, json};
use verifier_core::check::age_in_words;

use super::print;
use super::words::{harmless, iso};
use crate::args::Format;
use crate::commands::dlq::Count;
use crate::dead_letters::{Delivered, Log, Purged, Seen};

/// How much of a reason stands in a line for people.
const REASON_CHARS_MAX: usize = 100;

/// Shows the letters that were seen.
pub(crate) fn print_list(seen: &Seen, format: Format) {
    show(format, || list::human(seen), || list::json(seen));
}

/// Shows for which reasons they died.
pub(crate) fn print_groups(seen: &Seen, format: Format) {
    show(format, || groups::human(seen), || groups::json(seen));
}

/// Shows everything about the one letter that was found.
pub(crate) fn print_story(
    seen: &Seen,
    lines: &BTreeMap<String, Vec<String>>,
    source: Option<&str>,
    format: Format,
) {
    let Some(letter) = seen.letters.first() else {
        return;
    };
    let story = story::Story { seen, letter, lines, source };
    show(format, || story.human(), || story.json());
}

/// Shows how many letters were written; on stderr where they went to stdout.
pub(crate) fn print_export(seen: &Seen, file: Option<&Path>, format: Format) {
    if file.is_none() {
        let _ = anstream::stderr().write_all(moved::export_human(seen, file).as_bytes());
        return;
    }
    show(format, || moved::export_human(seen, file), || moved::export_json(seen, file));
}

/// Shows what became of letters that were to be sent.
pub(crate) fn print_delivered(queue: &str, delivered: &Delivered, format: Format) {
    show(
        format,
        || moved::delivered_human(queue, delivered),
        || moved::delivered_json(queue, delivered),
    );
}

/// Shows what became of a purge.
pub(crate) fn print_purged(
    queue: &str,
    purged: &Purged,
    file: Option<&Path>,
    kept: u64,
    format: Format,
) {
    show(
        format,
        || moved::purged_human(queue, purged, file, kept),
        || moved::purged_json(queue, purged, file, kept),
    );
}

/// Asks on stderr for the name of the queue whose letters are to be deleted.
pub(crate) fn ask_for_name(queue: &str, count: Option<u64>, is_everything: bool, backup: &Path) {
    let which = if is_everything { "Its letters are" } else { "Those that are meant are" };
    let count = count.and_then(|count| usize::try_from(count).ok());
    let count = count.map_or("letters".to_owned(), |count| format!("about {}", letters(count)));
    let _ = write!(
        anstream::stderr(),
        "{queue} holds {count}. {which} written to {} and deleted.\nType the queue's name to go on: ",
        backup.display()
    );
}

/// Shows what a queue counts.
pub(crate) fn print_count(queue: &str, count: Count, format: Format) {
    let Count { at, visible, in_flight, change } = count;
    print(|out| match format {
        Format::Human => {
            let change = if change == 0 { String::new() } else { format!(" ({change:+})") };
            writeln!(out, "{}  {visible} visible{change}, {in_flight} in flight", iso(at))
        }
        Format::Json => {
            let document = json!({
                "schema": "verifier.dlq.watch/1",
                "queue": queue,
                "at": iso(at),
                "visible": visible,
                "inFlight": in_flight,
                "change": change,
            });
            writeln!(out, "{document}")
        }
    });
}

fn show(format: Format, human: impl FnOnce() -> String, json: impl FnOnce() -> Value) {
    let text = match format {
        Format::Human => human(),
        Format::Json => serde_json::to_string_pretty(&json()).unwrap_or_default() + "\n",
    };
    print(|out| out.write_all(text.as_bytes()));
}

/// `1 letter`, `2 letters`
fn letters(count: usize) -> String {
    if count == 1 { "1 letter".to_owned() } else { format!("{count} letters") }
}

fn receives(count: u64) -> String {
    if count == 1 { "1 receive".to_owned() } else { format!("{count} receives") }
}

fn age(duration: Option<Duration>) -> String {
    duration.map_or("?".to_owned(), age_in_words)
}

/// The beginning of a reason, on one line.
fn short(reason: &str) -> String {
    let mut shown: String = reason.chars().take(REASON_CHARS_MAX).collect();
    if shown.len() < reason.len() {
        shown.push('…');
    }
    harmless(&shown)
}

/// What looking cost, whether it may not be all, and what is still hidden: each on a line of its own.
fn notes(seen: &Seen) -> String {
    let counts = match (seen.counts.most_before, seen.counts.most_after) {
        (Some(before), Some(after)) => {
            format!(": they had been received {before} times at most, and now {after}")
        }
        _ => String::new(),
    };
    let mut notes = vec![format!(
        "looking took {}, each of which counts for the letters that it brought{counts}; they were handed back",
        receives(seen.receives)
    )];
    if let Some(why) = &seen.incomplete {
        notes.push(format!("there may be more: {}", harmless(why)));
    }
    notes.extend(log_note(&seen.told.log));
    let dimmed = notes.into_iter().map(|note| format!("{}\n", note.dimmed()));
    dimmed.collect::<String>() + &not_handed_back(&seen.not_handed_back)
}

fn not_handed_back(failed: &[(String, String)]) -> String {
    let line = |(id, why): &(String, String)| {
        format!(
            "not handed back, and hidden for up to 120 s: {} ({})\n",
            harmless(id),
            harmless(why)
        )
    };
    failed.iter().map(line).collect()
}

/// Why reasons may be unknown.
fn log_note(log: &Log) -> Option<String> {
    match log {
        Log::NotAsked | Log::Read { .. } => None,
        Log::None => Some(
            "no reasons are known, since no log is: name the consumer's with --log-group"
                .to_owned(),
        ),
        Log::Unreadable { group, why } => Some(format!(
            "no reasons are known, since the log {} could not be read: {}",
            harmless(group),
            harmless(why)
        )),
    }
}

fn log_json(log: &Log) -> Value {
    match log {
        Log::NotAsked => json!({"state": "not-asked"}),
        Log::None => json!({"state": "none"}),
        Log::Read { group } => json!({"state": "read", "group": group}),
        Log::Unreadable { group, why } => {
            json!({"state": "unreadable", "group": group, "why": why})
        }
    }
}

/// Ids with reasons, for programs.
fn with_reasons(pairs: &[(String, String)]) -> Value {
    pairs.iter().map(|(id, why)| json!({"messageId": id, "why": why})).collect()
}

/// What every document about letters that were looked at has.
fn looked(schema: &str, seen: &Seen) -> serde_json::Map<String, Value> {
    let document = json!({
        "schema": schema,
        "queue": seen.queue,
        "at": iso(seen.at),
        "lookedAt": seen.looked_at,
        "receives": seen.receives,
        "receiveCounts": {"mostBefore": seen.counts.most_before, "mostAfter": seen.counts.most_after},
        "awsCalls": seen.calls,
        "complete": seen.incomplete.is_none(),
        "incompleteBecause": seen.incomplete,
        "notHandedBack": with_reasons(&seen.not_handed_back),
        "log": log_json(&seen.told.log),
    });
    match document {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    }
}
