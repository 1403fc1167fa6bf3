//! Why invocations failed as a whole, and which messages they held: the reasons where a worker logs none for a message.
//!
//! An uncaught error, a timeout or a process that ends makes an event source mapping fail the whole batch. What Lambda and
//! its runtimes write of that names the invocation, and no message.
//!
//! Sources: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html>.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use verifier_model::time::Timestamp;

use super::failures::{Begun, Ended, Failures};
use super::named::Named;
use super::reason::{failure_in, shortened, uncaught};
use crate::account::{Invocation, InvocationEnd};

/// An invocation, as far as its log tells.
#[derive(Clone, Debug, Default)]
struct Told {
    began_at: Option<Timestamp>,
    /// Whether Lambda has written that it began.
    has_start: bool,
    /// The messages that its lines are about.
    holds: BTreeSet<String>,
    /// What its lines are about besides.
    others: BTreeSet<String>,
    /// The messages that its lines merely mention.
    mentions: BTreeSet<String>,
    /// The first failure in a line that is about no message.
    logged: Option<String>,
    /// What it threw.
    error: Option<String>,
    end: Option<InvocationEnd>,
    /// What Lambda says of its end.
    report: Option<String>,
}

impl Told {
    /// Why all of its batch failed; `None` where that did not, or is not known.
    fn reason(&self) -> Option<String> {
        let end = self.end.filter(|end| end.fails_the_batch())?;
        let is_killed =
            |report: &&String| report.contains("killed") || report.contains("OutOfMemory");
        // What was thrown before a timeout, or before the process was ended, was caught.
        let is_over = end == InvocationEnd::Timeout
            || self.report.as_ref().is_some_and(|report| is_killed(&report));
        let (first, second) =
            if is_over { (&self.report, &self.error) } else { (&self.error, &self.report) };
        first.clone().or_else(|| second.clone())
    }

    /// The message that it held alone, as far as its lines tell.
    fn held_alone(&self) -> Option<&String> {
        let mut all = self.holds.iter();
        let only = all.next().filter(|_| all.next().is_none() && self.others.is_empty())?;
        self.mentions.iter().all(|each| each == only).then_some(only)
    }

    /// The only message that it mentions, where its lines are about none.
    fn mentions_alone(&self) -> Option<&String> {
        let mut all = self.mentions.iter();
        let is_about_none = self.holds.is_empty() && self.others.is_empty();
        all.next().filter(|_| is_about_none && all.next().is_none())
    }

    /// How it ended. A report in text format does not say so; where the function's runtime writes what it throws, one of which no
    /// such line is there has answered.
    fn ended(&self, writes_errors: bool) -> Ended {
        match self.end {
            Some(end) if end.fails_the_batch() => Ended::Failed(self.reason()),
            Some(InvocationEnd::Success) => Ended::Succeeded,
            Some(InvocationEnd::Unknown) if writes_errors => Ended::Succeeded,
            _ => Ended::Unknown,
        }
    }
}

/// The invocations of a function, by the events of its log.
#[derive(Clone, Debug, Default)]
pub(super) struct Invocations {
    told: BTreeMap<String, Told>,
    /// The invocation that a log stream is at: its environment works on one at a time.
    current: BTreeMap<String, String>,
    /// Whether the function's runtime is one that writes a line for each error which its handler throws.
    writes_errors: bool,
}

impl Invocations {
    /// Marks of what is read, for a filter pattern.
    pub(super) const MARKS: [&'static str; 4] =
        ["START RequestId", "platform.start", "errorType", "ERROR"];

    /// Takes an event, with the messages that it names.
    pub(super) fn take(&mut self, stream: &str, at: Timestamp, line: &str, named: Named) {
        if let Some(request_id) = started(line) {
            self.current.insert(stream.to_owned(), request_id.clone());
            let told = self.told.entry(request_id).or_default();
            told.began_at.get_or_insert(at);
            told.has_start = true;
            return;
        }
        let end = Invocation::read(line, at);
        let own = end.as_ref().map(|end| end.request_id.clone()).or_else(|| request_in(line));
        let Some(request_id) = own.or_else(|| self.current.get(stream).cloned()) else { return };
        let told = self.told.entry(request_id).or_default();
        let is_about_none = named.own.is_empty() && named.others.is_empty();
        told.holds.extend(named.own);
        told.others.extend(named.others);
        told.mentions.extend(named.mentioned);
        let error = uncaught(line);
        if is_about_none && error.is_none() && end.is_none() && told.logged.is_none() {
            told.logged = failure_in(line).map(|reason| shortened(&reason));
        }
        if told.error.is_none() {
            told.error = error;
        }
        // Python's line about it names no invocation, and no report in text format says that it failed.
        let is_pythons =
            line.starts_with("[ERROR] ") && line.contains("Traceback (most recent call last)");
        if is_pythons {
            told.end = Some(InvocationEnd::Error);
        }
        self.writes_errors |= is_pythons || line.contains("\tERROR\tInvoke Error");
        let Some(end) = end else { return };
        if end.duration > Duration::ZERO {
            told.began_at.get_or_insert(end.started_at());
        }
        if told.end.is_none_or(|known| !known.fails_the_batch()) {
            told.end = Some(end.end);
        }
        if end.end.fails_the_batch() && told.report.is_none() {
            told.report = Some(reported(line, end.end));
        }
    }

    /// Why invocations failed, so that it can be asked for messages, of which it is known which queues they came from.
    pub(super) fn failures(&self, sources: &BTreeMap<String, String>) -> Failures {
        let (mut by_message, mut by_mention) = (Latest::default(), Latest::default());
        let mut begun = Vec::new();
        for told in self.told.values() {
            if let Some(at) = told.began_at {
                let names = told.holds.union(&told.others).cloned().collect();
                let ended = told.ended(self.writes_errors);
                let sources = told.holds.iter().filter_map(|id| sources.get(id)).cloned().collect();
                begun.push(Begun { at, has_start: told.has_start, ended, names, sources });
            }
            let of_batch = told.reason();
            if let Some(reason) = &of_batch {
                for id in &told.holds {
                    by_message.take(id, told.began_at, reason);
                }
            } else if let (Some(id), Some(reason)) = (told.held_alone(), &told.logged) {
                by_message.take(id, told.began_at, reason);
            }
            let reason = of_batch.as_ref().or(told.logged.as_ref());
            if let (Some(id), Some(reason)) = (told.mentions_alone(), reason) {
                by_mention.take(id, told.began_at, reason);
            }
        }
        Failures::new(by_message.reasons(), begun).mentioning(by_mention.reasons())
    }
}

/// The reason of the last invocation of each message.
#[derive(Default)]
struct Latest(BTreeMap<String, (Option<Timestamp>, String)>);

impl Latest {
    fn take(&mut self, id: &str, began_at: Option<Timestamp>, reason: &str) {
        if self.0.get(id).is_none_or(|(known, _)| *known <= began_at) {
            self.0.insert(id.to_owned(), (began_at, reason.to_owned()));
        }
    }

    fn reasons(self) -> BTreeMap<String, String> {
        self.0.into_iter().map(|(id, (_, reason))| (id, reason)).collect()
    }
}

/// The invocation that an event says to begin.
pub(super) fn started(line: &str) -> Option<String> {
    if let Some(rest) = line.strip_prefix("START RequestId: ") {
        return rest.split_whitespace().next().map(str::to_owned);
    }
    let record = json(line)?;
    (record.get("type")?.as_str()? == "platform.start").then_some(())?;
    Some(record.pointer("/record/requestId")?.as_str()?.to_owned())
}

/// The invocation that a line of the function's own names: in JSON by a field, in text by a column, as Lambda's runtimes do.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html>.
pub(super) fn request_in(line: &str) -> Option<String> {
    if let Some(record) = json(line) {
        let field = ["requestId", "AWSRequestId", "function_request_id"]
            .iter()
            .find_map(|name| record.get(name)?.as_str());
        return field.map(str::to_owned);
    }
    let mut columns = line.split('\t').take(3).map(str::trim);
    columns.find(|column| Invocation::is_request_id(column)).map(str::to_owned)
}

fn json(line: &str) -> Option<Value> {
    line.starts_with('{').then(|| serde_json::from_str(line).ok()).flatten()
}

/// What Lambda says of an end, without what differs from one to the next.
pub(super) fn reported(line: &str, end: InvocationEnd) -> String {
    if let Some(record) = json(line) {
        let kind = record.pointer("/record/errorType").and_then(Value::as_str);
        return kind.map_or_else(|| of_end(end).to_owned(), str::to_owned);
    }
    if let Some(at) = line.find("Task timed out") {
        return shortened(line[at..].trim());
    }
    if let Some((_, rest)) = line.split_once("Error: Runtime exited") {
        let rest = rest.lines().next().unwrap_or_default();
        return shortened(&format!("Runtime exited{rest}"));
    }
    let kind = line.split('\t').find_map(|field| field.trim().strip_prefix("Error Type: "));
    kind.map_or_else(|| of_end(end).to_owned(), str::to_owned)
}

fn of_end(end: InvocationEnd) -> &'static str {
    match end {
        InvocationEnd::Timeout => "the invocation timed out",
        InvocationEnd::Failure => "the runtime failed",
        _ => "the invocation failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dead_letters::failures::Handed;
    use crate::dead_letters::{Cause, Delivery};

    const ONE: &str = "c1a7f3a2-9a11-4c4e-8d26-1f0c7a3c5d10";
    const TWO: &str = "d2a7f3a2-9a11-4c4e-8d26-1f0c7a3c5d11";

    /// The events of a stream, a second apart, each with the messages that it names.
    fn read(events: &[(&str, &[&str])]) -> Failures {
        let mut invocations = Invocations::default();
        for (second, (line, named)) in (10..).zip(events) {
            let own = named.iter().map(|id| (*id).to_owned()).collect();
            let named = Named { own, ..Named::default() };
            invocations.take("s", Timestamp::from_millis(second * 1000), line, named);
        }
        invocations.failures(&BTreeMap::new())
    }

    /// What they tell of a message that was received first then, in whole batches.
    fn at(failures: &Failures, id: &str, seconds: u64) -> Cause {
        let delivery = Delivery {
            partial_responses: false,
            batching_window: Duration::ZERO,
            ..Delivery::UNKNOWN
        };
        let at = Timestamp::from_millis(seconds * 1000);
        failures.by_time(Handed { id, source: None, at, delivery })
    }

    #[test]
    fn an_uncaught_error_is_the_reason_of_what_its_invocation_held() {
        let (start, report) = (
            format!("START RequestId: {ONE} Version: $LATEST"),
            format!("REPORT RequestId: {ONE}\tDuration: 1.00 ms"),
        );
        let python = "[ERROR] KeyError: 'price'\nTraceback (most recent call last):\n  File \"/var/task/app.py\", line 9, in handler\n    charge(job)\n  File \"/var/task/app.py\", line 4, in charge\n    job['price']";
        let read =
            read(&[(&start, &[]), ("handling m-1", &["m-1"]), (python, &[]), (&report, &[])]);
        let reason = "KeyError: 'price' (File \"/var/task/app.py\", line 4, in charge)";
        assert_eq!(read.told("m-1"), Some(reason));
        // Of another message it is known by the time alone.
        assert_eq!(read.told("m-2"), None);
        assert_eq!(at(&read, "m-2", 9), Cause::Inferred(reason.to_owned()));
        assert_eq!(at(&read, "m-2", 20), Cause::Unknown);
    }

    #[test]
    fn nodes_error_names_its_invocation_in_a_column() {
        let thrown = format!(
            "2026-11-28T00:00:00.000Z\t{ONE}\tERROR\tInvoke Error \t{{\"errorType\":\"TypeError\",\"errorMessage\":\"x is undefined\",\"stack\":[\"TypeError: x is undefined\",\"    at charge (/var/task/index.js:4:11)\"]}}"
        );
        let info = format!("2026-11-28T00:00:00.000Z\t{ONE}\tINFO\tgot m-1");
        let read = read(&[(&info, &["m-1"]), (&thrown, &[])]);
        assert_eq!(
            read.told("m-1"),
            Some("TypeError: x is undefined (at charge (/var/task/index.js:4:11))")
        );
    }

    #[test]
    fn a_timeout_and_an_exit_are_reasons_and_a_caught_error_before_them_is_none() {
        let start = format!("START RequestId: {ONE} Version: $LATEST");
        let caught =
            r#"{"level":"ERROR","message":"retrying","errorType":"Slow","errorMessage":"slow"}"#;
        let timed_out = format!("2026-11-28T00:00:00.000Z {ONE} Task timed out after 9.00 seconds");
        let read_one = read(&[(&start, &["m-1"]), (caught, &["m-1"]), (&timed_out, &[])]);
        let expected = "Task timed out after 9.00 seconds";
        assert_eq!(read_one.told("m-1"), Some(expected));
        let exited = format!(
            "RequestId: {ONE} Error: Runtime exited with error: signal: killed\nRuntime.ExitError"
        );
        let read_one = read(&[(&start, &[]), ("m-1", &["m-1"]), (&exited, &[])]);
        let expected = "Runtime exited with error: signal: killed";
        assert_eq!(read_one.told("m-1"), Some(expected));
        let of_json = format!(
            r#"{{"type":"platform.report","record":{{"requestId":"{ONE}","status":"error","errorType":"Runtime.OutOfMemory","metrics":{{"durationMs":5.0}}}}}}"#
        );
        let read_one = read(&[(&start, &[]), ("m-1", &["m-1"]), (&of_json, &[])]);
        assert_eq!(read_one.told("m-1"), Some("Runtime.OutOfMemory"));
    }

    #[test]
    fn what_succeeded_and_what_is_ambiguous_is_no_reason() {
        let (one, two) = (
            format!("START RequestId: {ONE} Version: $LATEST"),
            format!("START RequestId: {TWO} Version: $LATEST"),
        );
        let report = |id: &str, status: &str| {
            format!("REPORT RequestId: {id}\tDuration: 1.00 ms\tStatus: {status}")
        };
        let fine = report(ONE, "success");
        let read_one = read(&[(&one, &[]), ("m-1", &["m-1"]), (&fine, &[])]);
        assert_eq!((read_one.told("m-1"), at(&read_one, "m-1", 10)), (None, Cause::Unknown));
        let error =
            |what: &str| format!("[ERROR] {what}: no\nTraceback (most recent call last):\n");
        let (first, second) = (error("KeyError"), error("ValueError"));
        let of_two = read(&[(&one, &[]), (&first, &[]), (&two, &[]), (&second, &[])]);
        let reasons = vec!["KeyError: no".to_owned(), "ValueError: no".to_owned()];
        assert_eq!(at(&of_two, "m-1", 11), Cause::OneOf { reasons, may_be_another: false });
        // The same cause twice is one.
        let of_two = read(&[(&one, &[]), (&first, &[]), (&two, &[]), (&first, &[])]);
        assert_eq!(at(&of_two, "m-1", 11), Cause::Inferred("KeyError: no".to_owned()));
    }

    #[test]
    fn a_report_that_does_not_say_how_it_ended_is_a_success_where_the_runtime_writes_errors() {
        let start = |id: &str| format!("START RequestId: {id} Version: $LATEST");
        let report = |id: &str| format!("REPORT RequestId: {id}\tDuration: 1.00 ms");
        let (one, two) = (start(ONE), start(TWO));
        let (end_one, end_two) = (report(ONE), report(TWO));
        let thrown = "[ERROR] KeyError: no\nTraceback (most recent call last):\n";
        let python =
            read(&[(&one, &[]), (thrown, &[]), (&end_one, &[]), (&two, &[]), (&end_two, &[])]);
        assert_eq!(at(&python, "m-1", 11), Cause::Inferred("KeyError: no".to_owned()));
        // Of a runtime that is not known, it may have been an error that it does not write.
        let timed_out = format!("2026-11-28T00:00:00.000Z {ONE} Task timed out after 9.00 seconds");
        let other =
            read(&[(&one, &[]), (&timed_out, &[]), (&end_one, &[]), (&two, &[]), (&end_two, &[])]);
        let reasons = vec!["Task timed out after <n> seconds".to_owned()];
        assert_eq!(at(&other, "m-1", 11), Cause::OneOf { reasons, may_be_another: true });
    }
}
