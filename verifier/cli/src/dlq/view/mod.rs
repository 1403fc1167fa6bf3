//! Views of dead letters: what was seen, why they failed, and what became of them.

mod groups;
#[cfg(test)]
mod hostile;
mod html;
mod list;
mod moved;
mod overview;
mod story;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use owo_colors::OwoColorize;
use serde_json::{Value, json};
use verifier_core::check::{QueueEvidence, age_in_words};
use verifier_core::dead_letters::{Cause, QueueArn, Service, Unreached, queue_label};
use verifier_core::settings::queue_name;

use crate::dlq::count::Count;
use crate::dlq::overview::Overview;
use crate::dlq::{Delivered, Log, Purged, Seen};
use crate::report::github::Note;
use crate::report::words::iso;
use crate::shell::args::ResultFormat;
use crate::shell::clean;
use crate::shell::failure::Failure;
use crate::shell::output::{print, tell};

/// How much of a reason stands in a line for people.
const REASON_CHARS_MAX: usize = 100;

/// Shows the messages that were seen.
pub(crate) fn print_list(seen: &Seen, format: ResultFormat) -> Result<(), Failure> {
    show(
        format,
        "list",
        || list::human(seen, crate::shell::print::terminal_width()),
        || list::json(seen),
        || attention(seen),
    )
}

/// Shows the dead-letter queues of an account and region.
pub(crate) fn print_overview(overview: &Overview, format: ResultFormat) -> Result<(), Failure> {
    show(
        format,
        "queues",
        || overview::human(overview),
        || overview::json(overview),
        || overview::notes(overview),
    )
}

/// Shows for which reasons they died.
pub(crate) fn print_groups(seen: &Seen, format: ResultFormat) -> Result<(), Failure> {
    let notes = || [attention(seen), groups::reasons(seen)].concat();
    show(format, "explain", || groups::human(seen), || groups::json(seen), notes)
}

/// Writes the page about why they failed.
pub(crate) fn write_page(seen: &Seen, path: &Path) -> Result<(), Failure> {
    html::page(seen).write(path)
}

/// Shows everything about the one message that was found.
pub(crate) fn print_story(
    seen: &Seen,
    lines: &BTreeMap<String, Vec<String>>,
    source: Option<&str>,
    format: ResultFormat,
) -> Result<(), Failure> {
    let Some(message) = seen.messages.first() else {
        return Ok(());
    };
    let story = story::Story { seen, message, lines, source };
    show(format, "show", || story.human(), || story.json(), || attention(seen))
}

/// Shows how many messages were written; on stderr where they went to stdout.
pub(crate) fn print_export(
    seen: &Seen,
    file: Option<&Path>,
    format: ResultFormat,
) -> Result<(), Failure> {
    if file.is_none() {
        tell(&moved::export_human(seen, file));
        return Ok(());
    }
    let human = || moved::export_human(seen, file);
    show(format, "export", human, || moved::export_json(seen, file), || attention(seen))
}

/// Shows what became of messages that were to be sent.
pub(crate) fn print_delivered(
    queue: &QueueEvidence,
    delivered: &Delivered,
    format: ResultFormat,
) -> Result<(), Failure> {
    show(
        format,
        "import",
        || moved::delivered_human(queue, delivered),
        || moved::delivered_json(queue, delivered),
        || moved::delivered_notes(delivered),
    )
}

/// Shows what became of a purge.
pub(crate) fn print_purged(
    queue: &QueueEvidence,
    purged: &Purged,
    file: Option<&Path>,
    kept: u64,
    format: ResultFormat,
) -> Result<(), Failure> {
    show(
        format,
        "purge",
        || moved::purged_human(queue, purged, file, kept),
        || moved::purged_json(queue, purged, file, kept),
        || moved::purged_notes(purged),
    )
}

/// Asks on stderr for the name of the queue whose messages are to be deleted.
pub(crate) fn ask_for_name(
    queue: &QueueEvidence,
    source: Option<&str>,
    is_everything: bool,
    backup: &Path,
) {
    let which = match source {
        Some(source) => format!("Those that came from {} are", clean::line(&queue_label(source))),
        None if is_everything => "Its messages are".to_owned(),
        None => "Those that are meant are".to_owned(),
    };
    let count = queue.number("ApproximateNumberOfMessages");
    let count = count.and_then(|count| usize::try_from(count).ok());
    let count = count.map_or("messages".to_owned(), |count| format!("about {}", messages(count)));
    tell(&format!(
        "{} holds {count}. {which} written to {} and deleted.\nType the queue's name to go on: ",
        clean::line(&queue_label(queue.arn())),
        clean::line(&backup.display().to_string())
    ));
}

/// Shows what a queue counts.
pub(crate) fn print_count(
    queue: &QueueEvidence,
    count: Count,
    format: ResultFormat,
) -> Result<(), Failure> {
    let Count { at, visible, in_flight, change, oldest } = count;
    let human = || {
        let change = if change == 0 { String::new() } else { format!(" ({change:+})") };
        let oldest = match oldest {
            Some(_) => format!(", the oldest for {}", age(oldest)),
            None => String::new(),
        };
        format!("{}  {visible} visible{change}, {in_flight} in flight{oldest}\n", iso(at))
    };
    if format != ResultFormat::Json {
        // A change is a line; so many parts of a job summary would be none.
        return print(|out| out.write_all(human().as_bytes()));
    }
    let document = json!({
        "schema": "verifier.dlq.watch/1",
        "queue": queue.name,
        "queueArn": queue.arn(),
        "at": iso(at),
        "visible": visible,
        "inFlight": in_flight,
        "change": change,
        "oldestAgeSeconds": oldest.map(|oldest| oldest.as_secs()),
    });
    print(|out| crate::report::json::line(&document, out))
}

fn show(
    format: ResultFormat,
    what: &str,
    human: impl Fn() -> String,
    json: impl FnOnce() -> Value,
    notes: impl FnOnce() -> Vec<Note>,
) -> Result<(), Failure> {
    let what = format!("dlq {what}");
    crate::report::result::show(format, &what, |out| out.write_all(human().as_bytes()), json, notes)
}

/// What needs attention of what was seen: messages that will be gone soon, that are hidden, and that may not have been seen.
fn attention(seen: &Seen) -> Vec<Note> {
    let queue = &seen.queue;
    let mut notes = Vec::new();
    if seen.soon_gone() > 0 {
        let message = format!("{} of {queue} will be gone within 24 h", messages(seen.soon_gone()));
        notes.push(Note::warning("messages expire", &message));
    }
    if let Some(why) = &seen.incomplete {
        notes.push(Note::warning("there may be more", &format!("{queue}: {why}")));
    }
    if let Log::Unreadable { group, why } = &seen.told.log {
        notes.push(Note::warning("the reasons are not known", &format!("{group}: {why}")));
    }
    if let Some(note) = left_out_note(&seen.left_out) {
        notes.push(Note::warning("a reason that is not told selects nothing", &note));
    }
    notes.extend(hidden(&seen.not_released));
    notes
}

/// The messages that could not be made visible again.
fn hidden(failed: &[(String, String)]) -> impl Iterator<Item = Note> {
    failed.iter().map(|(id, why)| Note::error("not made visible again", &format!("{id}: {why}")))
}

/// `1 message`, `2 messages`
fn messages(count: usize) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

fn receives(count: u64) -> String {
    if count == 1 {
        "1 ReceiveMessage call".to_owned()
    } else {
        format!("{count} ReceiveMessage calls")
    }
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
    clean::line(&shown)
}

/// `orders: 3, payments: 2, 1 that does not say`: how many came from which queue, or of which service.
fn sources_in_words(sources: &[(Option<String>, usize)], services: &[(Service, usize)]) -> String {
    let of_services: usize = services.iter().map(|(_, count)| count).sum();
    let queues = sources.iter().filter_map(|(arn, count)| {
        arn.as_ref().map(|arn| format!("{}: {count}", clean::line(queue_name(arn))))
    });
    let services =
        services.iter().map(|(service, count)| format!("{count} {}", service.in_words()));
    let unknown = sources.iter().find(|(arn, _)| arn.is_none());
    let unknown = match unknown.map_or(0, |(_, count)| count.saturating_sub(of_services)) {
        0 => None,
        1 => Some("1 that does not say".to_owned()),
        count => Some(format!("{count} that do not say")),
    };
    queues.chain(services).chain(unknown).collect::<Vec<_>>().join(", ")
}

fn services_json(services: &[(Service, usize)]) -> Value {
    services.iter().map(|(service, count)| json!({"service": service, "count": count})).collect()
}

fn sources_json(sources: &[(Option<String>, usize)]) -> Value {
    sources.iter().map(|(arn, count)| json!({"arn": arn, "count": count})).collect()
}

/// Which queue it is, and where the messages that were looked at came from.
fn origin(seen: &Seen) -> String {
    let mut text = format!("  {}\n", place_of(&seen.queue_arn));
    if !seen.sources.is_empty() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  came from {}", sources_in_words(&seen.sources, &seen.services));
    }
    if let Some(selected) = &seen.selected_source {
        let _ = writeln!(text, "  only those that came from {} (--queue)", clean::line(selected));
    }
    text
}

/// The account and the region of a queue.
fn place_of(arn: &str) -> String {
    match QueueArn::parse(arn) {
        Some(arn) => clean::line(&format!("account {}, region {}", arn.account, arn.region)),
        None => clean::line(arn),
    }
}

/// What looking cost, whether it may not be all, and what is still hidden: each on a line of its own.
fn notes(seen: &Seen) -> String {
    let counts = match (seen.counts.most_before, seen.counts.most_after) {
        (Some(before), Some(after)) => {
            format!("; receive counts rose by {}", after.saturating_sub(before))
        }
        _ => String::new(),
    };
    let visible = match seen.not_released.len() {
        0 => "all messages are visible again".to_owned(),
        count => format!("all messages but {count} are visible again"),
    };
    let mut notes = vec![format!("read with {}{counts}; {visible}", receives(seen.receives))];
    if let Some(why) = &seen.incomplete {
        notes.push(format!("there may be more: {}", clean::line(why)));
    }
    if seen.unreached.may_come() {
        notes.push("wait for those with --wait".to_owned());
    }
    notes.extend(left_out_note(&seen.left_out));
    notes.extend(log_note(&seen.told.log, seen.has_reasons()));
    let dimmed = notes.into_iter().map(|note| format!("{}\n", note.dimmed()));
    dimmed.collect::<String>() + &not_released(&seen.not_released)
}

fn not_released(failed: &[(String, String)]) -> String {
    let line = |(id, why): &(String, String)| {
        format!(
            "not made visible again, so hidden for up to 120 s: {} ({})\n",
            clean::line(id),
            clean::line(why)
        )
    };
    failed.iter().map(line).collect()
}

/// How many messages are not selected for want of a told reason.
fn left_out_note(left_out: &[(String, Cause)]) -> Option<String> {
    let (_, cause) = left_out.first()?;
    Some(format!(
        "{} left out, whose reason is not told, for example: {}",
        messages(left_out.len()),
        short(&cause.in_words())
    ))
}

/// Why reasons may be unknown; some may be known all the same.
fn log_note(log: &Log, has_reasons: bool) -> Option<String> {
    let what = if has_reasons { "no other reasons are known" } else { "no reasons are known" };
    match log {
        Log::NotAsked | Log::Read { .. } => None,
        Log::None => Some(format!("{what}, since no log is: name the consumer's with --log-group")),
        Log::Unreadable { group, why } => Some(format!(
            "{what}, since the log {} could not be read: {}",
            clean::line(group),
            clean::line(why)
        )),
    }
}

/// The messages of FIFO queues that others of their group are behind.
fn blocked_by(unreached: &Unreached) -> Value {
    let one = |(group, ids): (&String, &Vec<String>)| json!({"groupId": group, "messageIds": ids});
    unreached.blocked_by.iter().map(one).collect()
}

fn log_json(log: &Log) -> Value {
    match log {
        Log::NotAsked => json!({"state": "not-asked"}),
        Log::None => json!({"state": "none"}),
        Log::Read { groups } => {
            json!({"state": "read", "group": groups.first(), "groups": groups})
        }
        Log::Unreadable { group, why } => {
            json!({"state": "unreadable", "group": group, "why": why})
        }
    }
}

/// Messages that are not selected for want of a told reason, for programs.
fn left_out_json(left_out: &[(String, Cause)]) -> Value {
    let one = |(id, cause): &(String, Cause)| json!({"messageId": id, "inferredReason": cause.inferred()});
    left_out.iter().map(one).collect()
}

/// Ids with reasons, for programs.
fn with_reasons(pairs: &[(String, String)]) -> Value {
    pairs.iter().map(|(id, why)| json!({"messageId": id, "why": why})).collect()
}

/// What every document about messages that were looked at has.
fn looked(schema: &str, seen: &Seen) -> serde_json::Map<String, Value> {
    let document = json!({
        "schema": schema,
        "queue": seen.queue,
        "queueArn": seen.queue_arn,
        "selectedSource": seen.selected_source,
        "sources": sources_json(&seen.sources),
        "services": services_json(&seen.services),
        "at": iso(seen.at),
        "lookedAt": seen.looked_at,
        "receives": seen.receives,
        "receiveCounts": {"mostBefore": seen.counts.most_before, "mostAfter": seen.counts.most_after},
        "awsCalls": seen.calls,
        "complete": seen.incomplete.is_none(),
        "incompleteBecause": seen.incomplete,
        "inFlight": seen.unreached.in_flight,
        "delayed": seen.unreached.delayed,
        "notReachable": seen.unreached.behind,
        "blockedBy": blocked_by(&seen.unreached),
        "notReleased": with_reasons(&seen.not_released),
        "log": log_json(&seen.told.log),
        "leftOut": left_out_json(&seen.left_out),
    });
    match document {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Everything that is printed for people about dead letters.
    pub(in crate::dlq::view) fn all(
        seen: &Seen,
        delivered: &Delivered,
        purged: &Purged,
    ) -> Vec<String> {
        let message = &seen.messages[0];
        let queue = QueueEvidence {
            name: seen.queue.clone(),
            url: seen.queue.clone(),
            attributes: BTreeMap::from([("QueueArn".to_owned(), seen.queue.clone())]),
        };
        let (lines, file) = (BTreeMap::new(), Path::new(&message.body));
        let story = story::Story { seen, message, lines: &lines, source: Some(&message.body) };
        vec![
            list::human(seen, None),
            list::human(seen, Some(60)),
            groups::human(seen),
            story.human(),
            moved::export_human(seen, Some(file)),
            moved::delivered_human(&queue, delivered),
            moved::purged_human(&queue, purged, Some(file), 1),
        ]
    }
}
