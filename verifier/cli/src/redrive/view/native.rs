//! A redrive by SQS itself.

use std::io::{self, Write};

use serde_json::{Value, json};
use verifier_core::check::QueueEvidence;
use verifier_core::dead_letters::{Depth, queue_label};
use verifier_core::redrive::{NativeStatus, NativeTask};
use verifier_model::time::Timestamp;

use super::headway::speed;
use crate::redrive::native::ended::{Left, Native};
use crate::report::github::Note;
use crate::report::words::iso;
use crate::shell::clean;

/// The schema of the JSON format.
const SCHEMA: &str = "verifier.redrive.native/1";

/// What would be started, in words that a question can be made of.
pub(crate) fn plan(source: &QueueEvidence, destination: Option<&str>, rate: Option<u32>) -> String {
    let count = source.number("ApproximateNumberOfMessages");
    let count = count.map_or_else(String::new, |count| format!(" (about {count})"));
    let pace = match rate {
        Some(rate) => format!("at most {rate} in a second"),
        None => "as fast as SQS chooses".to_owned(),
    };
    format!(
        "all messages of {}{count} {}, {pace}",
        clean::line(&queue_label(source.arn())),
        way(destination)
    )
}

/// Where messages go.
pub(crate) fn way(destination: Option<&str>) -> String {
    match destination {
        Some(arn) => format!("to {}", clean::line(&queue_label(arn))),
        None => "each back to where it came from".to_owned(),
    }
}

/// How many were moved.
pub(crate) fn moved(task: &NativeTask) -> String {
    match task.to_move {
        Some(to_move) => format!("{} of about {to_move}", task.moved),
        None => task.moved.to_string(),
    }
}

/// How fast it goes, and how long it will take.
pub(crate) fn pace(task: &NativeTask, now: Timestamp) -> String {
    let status = match &task.status {
        NativeStatus::Running => "moving",
        NativeStatus::Cancelling => "stopping",
        NativeStatus::Completed => return "completed".to_owned(),
        NativeStatus::Cancelled => return "cancelled".to_owned(),
        NativeStatus::Failed => return "failed".to_owned(),
        NativeStatus::Other(name) => return clean::line(name),
    };
    let is_stopping = task.status == NativeStatus::Cancelling;
    let remaining = task.remaining_at(now).filter(|_| !is_stopping);
    format!("{status}{}", speed(task.rate_at(now), remaining))
}

/// What became of a task, for people.
pub(super) fn human(native: &Native, out: &mut dyn Write) -> io::Result<()> {
    let name = clean::line(&queue_label(native.source.arn()));
    let Some(task) = &native.task else {
        return writeln!(out, "SQS has started the task on {name}, and not listed it yet");
    };
    writeln!(out, "{name}, {}", way(task.destination.as_deref()))?;
    let to_move = task.to_move.map_or_else(|| "not known".to_owned(), |count| count.to_string());
    for (title, value) in [
        ("status", clean::line(task.status.as_str())),
        ("moved", task.moved.to_string()),
        ("to move", to_move),
        ("started", iso(task.started_at)),
    ] {
        writeln!(out, "  {title:<12}{value}")?;
    }
    if let Some(failure) = task.failure() {
        writeln!(out, "  {:<12}{}", "failed", clean::line(&failure.what))?;
        writeln!(out, "  {:<12}{}", "", clean::line(&failure.next))?;
    }
    if let Some(rest) = rest(native) {
        writeln!(out, "{rest}")?;
    }
    if task.status == NativeStatus::Cancelled {
        writeln!(out, "what was moved stays moved, and the rest is in {name}")?;
    }
    Ok(())
}

/// What a task may have left that SQS calls completed, if it has left anything.
fn rest(native: &Native) -> Option<String> {
    let rest = native.rest.filter(|rest| rest.total() > 0)?;
    let name = clean::line(&native.source.name);
    Some(format!(
        "up to {} are left in {name}, by its counts: {} held by a consumer, {} delayed, {} others; move them with `verifier redrive --native --dlq {name}` when they are visible",
        rest.total(),
        rest.in_flight,
        rest.delayed,
        rest.visible
    ))
}

/// What a task that is not started yet is not going to reach.
pub(super) fn out_of_reach(source: &QueueEvidence) -> Option<String> {
    let Depth { in_flight, delayed, .. } = Depth::of(source);
    (in_flight + delayed > 0).then(|| {
        format!(
            "up to {} more stay, by its counts: {in_flight} held by a consumer and {delayed} delayed, which SQS does not move",
            in_flight + delayed
        )
    })
}

/// What became of a task, for programs.
pub(super) fn json(native: &Native) -> Value {
    let task = native.task.as_ref();
    let failure = task.and_then(NativeTask::failure);
    json!({
        "schema": SCHEMA,
        "source": native.source.arn(),
        "destination": task.and_then(|task| task.destination.as_deref()),
        "status": task.map(|task| task.status.as_str()),
        "moved": task.map(|task| task.moved),
        "toMove": task.and_then(|task| task.to_move),
        "rate": task.and_then(|task| task.rate),
        "startedAt": task.map(|task| iso(task.started_at)),
        "failureReason": task.and_then(|task| task.failure_reason.as_deref()),
        "explanation": failure.map(|failure| format!("{}: {}", failure.what, failure.next)),
        "goesOn": goes_on(native),
        "left": native.rest.map(Depth::total),
        "awsCalls": native.calls,
    })
}

/// What would be started, for programs.
pub(super) fn plan_json(
    source: &QueueEvidence,
    destination: Option<&str>,
    rate: Option<u32>,
) -> Value {
    json!({
        "schema": SCHEMA,
        "source": source.arn(),
        "destination": destination,
        "status": null,
        "moved": 0,
        "toMove": source.number("ApproximateNumberOfMessages"),
        "rate": rate,
        "startedAt": null,
        "failureReason": null,
        "explanation": null,
        "goesOn": false,
        "left": Depth { visible: 0, ..Depth::of(source) }.total(),
    })
}

/// That none was started, for programs.
pub(super) fn declined_json(
    source: &QueueEvidence,
    destination: Option<&str>,
    rate: Option<u32>,
    why: &str,
) -> Value {
    let mut value = plan_json(source, destination, rate);
    value["explanation"] = why.into();
    value
}

/// Whether the task may still move messages.
fn goes_on(native: &Native) -> bool {
    native.task.as_ref().is_none_or(|task| task.status.is_active())
}

/// That a task goes on unwatched, and what can be done about it.
pub(super) fn left(native: &Native) -> Option<String> {
    let why = match native.left {
        Some(Left::Interrupted) => "it is not watched any more",
        Some(Left::Deadline) => "the deadline has come",
        None if native.task.is_none() => "it cannot be watched yet",
        None => return None,
    };
    let name = clean::line(&native.source.name);
    Some(format!(
        "{why}, but the task goes on in SQS: watch it with `verifier redrive --native --dlq {name} --watch`, or stop it with `verifier redrive --native --dlq {name} --cancel`"
    ))
}

/// What needs attention: a task that did not do all, and one that goes on unwatched.
pub(super) fn notes(native: &Native) -> Vec<Note> {
    let task = native.task.as_ref();
    let failure = task.and_then(NativeTask::failure);
    let failed = failure.map(|failure| {
        Note::error(
            "SQS could not move all messages",
            &format!("{}\nnext: {}", failure.what, failure.next),
        )
    });
    let left = left(native).map(|left| Note::warning("the task goes on", &left));
    let rest = rest(native).map(|rest| Note::warning("the task has left messages", &rest));
    failed.into_iter().chain(left).chain(rest).collect()
}
