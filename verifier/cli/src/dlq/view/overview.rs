//! The dead-letter queues of an account and region: `verifier.dlq.queues/1`.

use std::fmt::Write;

use owo_colors::OwoColorize;
use serde_json::{Value, json};
use verifier_core::dead_letters::{Expiry, QueueArn};

use super::age;
use crate::dlq::overview::{Overview, Row};
use crate::report::github::Note;
use crate::report::words::iso;
use crate::shell::clean;

/// How wide the column of names is at most.
const NAME_MAX: usize = 40;

pub(super) fn human(overview: &Overview) -> String {
    let account = overview.account.as_deref().unwrap_or("unknown");
    let mut text = format!(
        "{} dead-letter {} among {} queues (account {}, {})\n",
        overview.rows.len(),
        if overview.rows.len() == 1 { "queue" } else { "queues" },
        overview.queues,
        clean::line(account),
        clean::line(&overview.region)
    );
    let names = overview.rows.iter().map(|row| name(row).chars().count());
    let width = names.max().unwrap_or_default().clamp(5, NAME_MAX);
    if !overview.rows.is_empty() {
        let header = format!(
            "{:<width$}  {:>8}  {:>9}  {:<10}  {:<9}  {}",
            "QUEUE", "MESSAGES", "IN FLIGHT", "OLDEST", "GONE <24H", "ALARM"
        );
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", header.dimmed());
    }
    for row in &overview.rows {
        text.push_str(&line(row, width));
    }
    for (queue, why) in &overview.not_asked {
        let _ = writeln!(text, "{} could not be asked: {}", clean::line(queue), clean::line(why));
    }
    text
}

fn name(row: &Row) -> String {
    let name = row.queue.arn.rsplit(':').next().unwrap_or_default();
    clean::line(name)
}

fn line(row: &Row, width: usize) -> String {
    let depth = row.queue.depth();
    let (oldest, soon) = match &row.expiry {
        Expiry::Empty => ("-".to_owned(), "-".to_owned()),
        Expiry::Unknown { .. } => ("unknown".to_owned(), "unknown".to_owned()),
        Expiry::Known { oldest, soon, is_complete } => {
            let more = if *is_complete { "" } else { " or more" };
            (age(*oldest), format!("{soon}{more}"))
        }
    };
    let alarm = match &row.alarms {
        None => "unknown".to_owned(),
        Some(names) if names.is_empty() => "none!".to_owned(),
        Some(names) => clean::line(&names.join(", ")),
    };
    let line = format!(
        "{:<width$}  {:>8}  {:>9}  {oldest:<10}  {soon:<9}  {alarm}",
        name(row),
        depth.visible,
        depth.in_flight
    );
    let goes = matches!(row.expiry, Expiry::Known { soon: 1.., .. });
    let mut text = if goes { format!("{}\n", line.yellow()) } else { format!("{line}\n") };
    let mut more = Vec::new();
    if row.queue.queue.is_none() {
        more.push(format!("there is no such queue: {}", clean::line(&row.queue.arn)));
    }
    let sources: Vec<String> = row.queue.sources.iter().map(|arn| source(arn)).collect();
    more.push(match sources.as_slice() {
        [] => "no redrive policy names it".to_owned(),
        sources => format!("from {}", sources.join(", ")),
    });
    if let Expiry::Unknown { not_later_than: Some(at) } = &row.expiry {
        more.push(format!("expiry unknown, not later than {} (see with --look)", iso(*at)));
    }
    if let Some(why) = &row.not_looked_at {
        more.push(format!("not all was seen: {}", clean::line(why)));
    }
    for part in more {
        let _ = writeln!(text, "    {}", part.dimmed());
    }
    text
}

fn source(arn: &str) -> String {
    let name = QueueArn::parse(arn).map_or_else(|| arn.to_owned(), |arn| arn.name);
    clean::line(&name)
}

pub(super) fn json(overview: &Overview) -> Value {
    json!({
        "schema": "verifier.dlq.queues/1",
        "account": overview.account,
        "region": overview.region,
        "at": iso(overview.at),
        "queueCount": overview.queues,
        "queues": overview.rows.iter().map(row_json).collect::<Vec<_>>(),
        "notAsked": overview.not_asked.iter().map(|(queue, why)| json!({"queue": queue, "why": why})).collect::<Vec<_>>(),
        "awsCalls": overview.calls,
    })
}

fn row_json(row: &Row) -> Value {
    let depth = row.queue.depth();
    let (state, oldest, soon, bound) = match &row.expiry {
        Expiry::Empty => ("empty", None, Some(0), None),
        Expiry::Unknown { not_later_than } => ("unknown", None, None, *not_later_than),
        Expiry::Known { oldest, soon, is_complete: true } => ("known", *oldest, Some(*soon), None),
        Expiry::Known { oldest, soon, .. } => ("partly-known", *oldest, Some(*soon), None),
    };
    json!({
        "queueArn": row.queue.arn,
        "exists": row.queue.queue.is_some(),
        "sources": row.queue.sources,
        "visible": depth.visible,
        "inFlight": depth.in_flight,
        "delayed": depth.delayed,
        "expiry": state,
        "oldestAgeSeconds": oldest.map(|age| age.as_secs()),
        "expiresSoonCount": soon,
        "expiresNotLaterThan": bound.map(iso),
        "alarms": row.alarms,
        "notSeenBecause": row.not_looked_at,
    })
}

/// Queues without an alarm, and messages that go soon.
pub(super) fn notes(overview: &Overview) -> Vec<Note> {
    let mut notes = Vec::new();
    for row in &overview.rows {
        let arn = &row.queue.arn;
        if row.alarms.as_ref().is_some_and(Vec::is_empty) {
            notes.push(Note::warning("no alarm", &format!("nothing watches {arn}")));
        }
        if row.queue.queue.is_none() {
            notes
                .push(Note::error("no such queue", &format!("{arn} is named by a redrive policy")));
        }
        if let Expiry::Known { soon: soon @ 1.., .. } = row.expiry {
            let message = format!("{soon} messages of {arn} will be gone within 24 h");
            notes.push(Note::warning("messages expire", &message));
        }
    }
    notes
}
