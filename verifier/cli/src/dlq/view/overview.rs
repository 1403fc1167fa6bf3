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
    if let Some(why) = &overview.alarms_not_asked {
        let _ = writeln!(text, "which alarms there are could not be asked: {}", clean::line(why));
    }
    if let Some(why) = &overview.functions_not_asked {
        let what = "dead-letter queues that only functions have may be missing";
        let _ = writeln!(text, "{what}: {}", clean::line(why));
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
    let name = name(row);
    // A name that is longer than its column has a line of its own.
    let (above, name) =
        if name.chars().count() > width { (Some(name), "") } else { (None, name.as_str()) };
    let count = |count: u64| match row.not_asked {
        None => count.to_string(),
        Some(_) => "unknown".to_owned(),
    };
    let line = format!(
        "{name:<width$}  {:>8}  {:>9}  {oldest:<10}  {soon:<9}  {alarm}",
        count(depth.visible),
        count(depth.in_flight)
    );
    let line = above.map_or_else(|| line.clone(), |name| format!("{name}\n{line}"));
    let goes = matches!(row.expiry, Expiry::Known { soon: 1.., .. });
    let mut text = if goes { format!("{}\n", line.yellow()) } else { format!("{line}\n") };
    let mut more = Vec::new();
    if let Some(why) = &row.not_asked {
        more.push(format!("it could not be asked: {}", clean::line(why)));
    } else if row.queue.queue.is_none() {
        more.push(format!("there is no such queue: {}", clean::line(&row.queue.arn)));
    }
    let sources: Vec<String> = row.queue.sources.iter().map(|arn| source(arn)).collect();
    let functions: Vec<String> = row.queue.functions.iter().map(|name| clean::line(name)).collect();
    if !sources.is_empty() {
        more.push(format!("from {}", sources.join(", ")));
    }
    if !functions.is_empty() {
        more.push(format!("from asynchronous invocations of {}", functions.join(", ")));
    }
    if sources.is_empty() && functions.is_empty() {
        more.push("no redrive policy and no function names it".to_owned());
    }
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
        "alarmsNotAsked": overview.alarms_not_asked,
        "functionsNotAsked": overview.functions_not_asked,
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
    let is_known = row.not_asked.is_none();
    let count = |count: u64| is_known.then_some(count);
    json!({
        "queueArn": row.queue.arn,
        "exists": is_known.then_some(row.queue.queue.is_some()),
        "notAskedBecause": row.not_asked,
        "sources": row.queue.sources,
        "functions": row.queue.functions,
        "visible": count(depth.visible),
        "inFlight": count(depth.in_flight),
        "delayed": count(depth.delayed),
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
        if let Some(why) = &row.not_asked {
            notes.push(Note::error("could not be asked", &format!("{arn}: {why}")));
        } else if row.queue.queue.is_none() {
            notes.push(Note::error(
                "no such queue",
                &format!("{arn} is named by a redrive policy or a function"),
            ));
        }
        if let Expiry::Known { soon: soon @ 1.., .. } = row.expiry {
            let message = format!("{soon} messages of {arn} will be gone within 24 h");
            notes.push(Note::warning("messages expire", &message));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use verifier_core::dead_letters::DeadLetterQueue;
    use verifier_model::time::Timestamp;

    use super::*;

    fn row(name: &str) -> Row {
        let queue = DeadLetterQueue {
            queue: None,
            arn: format!("arn:aws:sqs:r:123456789012:{name}"),
            sources: Vec::new(),
            functions: vec!["charge".to_owned()],
        };
        let alarms = Some(Vec::new());
        Row { queue, expiry: Expiry::Empty, alarms, not_asked: None, not_looked_at: None }
    }

    fn overview(rows: Vec<Row>) -> Overview {
        Overview {
            account: None,
            region: "r".to_owned(),
            at: Timestamp::default(),
            queues: 2,
            rows,
            not_asked: Vec::new(),
            alarms_not_asked: None,
            functions_not_asked: None,
            calls: BTreeMap::new(),
        }
    }

    #[test]
    fn a_queue_that_could_not_be_asked_is_not_said_to_be_gone() {
        let why = "sqs:GetQueueAttributes on dead is denied";
        let row = Row {
            expiry: Expiry::Unknown { not_later_than: None },
            not_asked: Some(why.to_owned()),
            ..row("dead")
        };
        let overview = overview(vec![row]);
        let text = human(&overview);
        assert!(text.contains(why) && !text.contains("no such queue"), "{text}");
        assert!(text.contains("unknown"), "{text}");
        let json = json(&overview);
        let of_queue = &json["queues"][0];
        assert!(of_queue["exists"].is_null() && of_queue["visible"].is_null(), "{json:#}");
        assert_eq!(of_queue["notAskedBecause"], why);
        let notes = format!("{:?}", notes(&overview));
        assert!(!notes.contains("no such queue"), "{notes}");
    }

    #[test]
    fn columns_stay_where_they_are_whatever_names_are_like() {
        let long = "n".repeat(80);
        let overview = overview(vec![row("short"), row(&long)]);
        let text = human(&overview);
        let column = |line: &str| line.find("none!");
        let rows: Vec<&str> = text.lines().filter(|line| line.contains("none!")).collect();
        let [one, other] = rows.as_slice() else { panic!("{text}") };
        assert_eq!(column(one), column(other), "{text}");
        assert!(text.lines().any(|line| line == long), "a name is whole: {text}");
        assert!(text.contains("from asynchronous invocations of charge"), "{text}");
    }
}
