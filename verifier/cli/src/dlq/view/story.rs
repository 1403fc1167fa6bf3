//! Everything about one message: `verifier.dlq.show/1`.

use std::collections::BTreeMap;
use std::fmt::Write;

use contract::Outcome;
use owo_colors::OwoColorize;
use serde_json::{Value, json};
use verifier_core::dead_letters::{Attempt, Cause, DeadLetter};

use super::{age, looked, notes};
use crate::dlq::Seen;
use crate::report::words::iso;
use crate::shell::clean;

pub(super) struct Story<'a> {
    pub(super) seen: &'a Seen,
    pub(super) message: &'a DeadLetter,
    /// The lines of invocations, by their ids.
    pub(super) lines: &'a BTreeMap<String, Vec<String>>,
    pub(super) source: Option<&'a str>,
}

impl Story<'_> {
    pub(super) fn human(&self) -> String {
        let Self { seen, message, .. } = self;
        let mut text = format!("{}\n", clean::line(&message.message_id).bold());
        let age = age(message.age(seen.at));
        let sent = message.sent_at.map_or("at an unknown time".to_owned(), iso);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  submitted  {sent}, {age} ago");
        for (index, attempt) in self.attempts().into_iter().enumerate() {
            text.push_str(&self.attempt(index, attempt));
        }
        if self.attempts().is_empty() {
            let _ = writeln!(text, "  attempts   the log reports none");
        }
        let cause = seen.cause(message);
        if cause.told().is_none() && cause != Cause::Unknown {
            let _ = writeln!(text, "  reason     {}", clean::line(&cause.in_words()));
        }
        let _ = writeln!(text, "  moved      {}", self.moved());
        let _ = writeln!(text, "  expires    {}", self.expiry());
        text.push_str(&self.properties());
        let _ = writeln!(text, "  body, {} bytes:", message.body.len());
        for line in message.body.lines() {
            let _ = writeln!(text, "    {}", clean::line(line));
        }
        text + &notes(seen)
    }

    fn attempts(&self) -> Vec<&Attempt> {
        self.seen.told.attempt_log.tries(&self.message.message_id)
    }

    fn attempt(&self, index: usize, attempt: &Attempt) -> String {
        let number = number(index, attempt);
        let outcome = match attempt.outcome {
            Some(Outcome::Failed) => "failed",
            Some(Outcome::Succeeded) => "succeeded",
            None => "was logged",
        };
        let mut text = format!("  attempt {number}  {} it {outcome}", iso(attempt.at));
        if let Some(reason) = &attempt.reason {
            let _ = write!(text, ": {}", clean::line(reason));
        }
        if let Some(id) = &attempt.request_id {
            let _ = write!(text, " (request {})", clean::line(id));
        }
        text.push('\n');
        for line in self.lines_of(attempt) {
            let _ = writeln!(text, "             {}", clean::line(line).dimmed());
        }
        text
    }

    /// The lines of an attempt's invocation, or else the one that reports it.
    fn lines_of<'b>(&'b self, attempt: &'b Attempt) -> Vec<&'b str> {
        let lines = attempt.request_id.as_ref().and_then(|id| self.lines.get(id));
        match lines {
            Some(lines) if !lines.is_empty() => lines.iter().map(String::as_str).collect(),
            _ => vec![&attempt.line],
        }
    }

    fn moved(&self) -> String {
        let queue = clean::line(&self.seen.queue);
        if let Some(written) = self.message.written() {
            let of = |what: &str, id: Option<&str>| {
                id.map_or_else(String::new, |id| format!(", {what} {}", clean::line(id)))
            };
            let target = of("of", written.target_arn.as_deref());
            let request = of("request", written.request_id.as_deref());
            return format!("to {queue} as {}{target}{request}", written.service.one());
        }
        match (&self.message.source_arn, self.source) {
            (Some(arn), _) => format!("from {} to {queue}", clean::line(arn)),
            (None, Some(_)) => format!("nowhere: it was sent to {queue} directly"),
            (None, None) => format!("it is in {queue}, and says not from where"),
        }
    }

    fn expiry(&self) -> String {
        let left = self.seen.time_to_expiry(self.message);
        let soon = if self.seen.expires_soon(self.message) { ", within 24 h!" } else { "" };
        format!("in {}{soon}", age(left))
    }

    fn properties(&self) -> String {
        let message = self.message;
        let mut text = String::new();
        let count = message.receive_count.map(|count| count.to_string());
        for (name, value) in [
            ("receives ", &count),
            ("trace    ", &message.trace_header),
            ("group    ", &message.group_id),
            ("dedup id ", &message.deduplication_id),
        ] {
            if let Some(value) = value {
                let _ = writeln!(text, "  {name}  {}", clean::line(value));
            }
        }
        for (name, attribute) in &message.attributes {
            let (name, kind) = (clean::line(name), clean::line(&attribute.data_type));
            let _ =
                writeln!(text, "  attribute  {name} ({kind}): {}", clean::line(attribute.shown()));
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        let mut document = looked("verifier.dlq.show/1", self.seen);
        let attempts = self.attempts().into_iter().enumerate().map(|(index, attempt)| {
            json!({
                "number": number(index, attempt),
                "at": iso(attempt.at),
                "outcome": attempt.outcome,
                "reason": attempt.reason,
                "requestId": attempt.request_id,
                "lines": self.lines_of(attempt),
            })
        });
        let left = self.seen.time_to_expiry(self.message);
        document.insert("message".to_owned(), json!(self.message));
        document.insert("sentAt".to_owned(), json!(self.message.sent_at.map(iso)));
        document.insert("attempts".to_owned(), attempts.collect());
        let cause = self.seen.cause(self.message);
        document.insert("inferredReason".to_owned(), json!(cause.inferred()));
        document.insert("possibleReasons".to_owned(), json!(cause.possible()));
        document.insert("expiresInSeconds".to_owned(), json!(left.map(|left| left.as_secs())));
        document.insert("expiresSoon".to_owned(), json!(self.seen.expires_soon(self.message)));
        document.into()
    }
}

/// The number of the receive, where the line tells, or else of the line.
fn number(index: usize, attempt: &Attempt) -> usize {
    let told = attempt.receive_count.and_then(|count| usize::try_from(count).ok());
    told.unwrap_or(index + 1)
}
