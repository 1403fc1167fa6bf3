//! Asking the consumer's log about messages.

use std::collections::BTreeMap;
use std::time::Duration;

use verifier_aws::{Aws, AwsError};
use verifier_core::dead_letters::{
    AttemptLog, DeadLetter, RequestLog, invocations_pattern, log_pattern,
};
use verifier_core::settings::OutcomeReader;
use verifier_model::time::Timestamp;

use super::DlqTarget;

/// How much before a message was sent its lines are looked for: clocks differ.
const CLOCK_SKEW: Duration = Duration::from_mins(1);
/// How many lines of an invocation are shown.
const LINES_MAX: usize = 50;
/// How much of a line is.
const LINE_CHARS_MAX: usize = 1000;

/// How reasons are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// In lines that name a message or its job.
    Lines,
    /// Where those do not tell, also in how invocations ended, which may be much to read.
    Invocations,
}

/// What the log reports messages since a point in time. `None` where there is no log to ask.
///
/// A few are looked for by their ids; for more than fit into one pattern, every line is read.
pub(crate) async fn attempt_log(
    place: &DlqTarget,
    messages: &[&DeadLetter],
    since: Timestamp,
    depth: Depth,
) -> Option<Result<AttemptLog, AwsError>> {
    let log_group = place.log_group.as_deref()?;
    Some(attempt_log_of(&place.aws, log_group, &place.reader, messages, since, depth).await)
}

/// The same of a log group.
pub(crate) async fn attempt_log_of(
    aws: &Aws,
    log_group: &str,
    reader: &OutcomeReader,
    messages: &[&DeadLetter],
    since: Timestamp,
    depth: Depth,
) -> Result<AttemptLog, AwsError> {
    let ids = messages.iter().map(|message| message.message_id.as_str());
    let jobs = messages.iter().filter_map(|message| message.job_id.as_deref());
    let names: Vec<&str> = ids.chain(jobs).collect();
    let read = async |pattern: Option<String>| {
        let mut attempt_log = AttemptLog::of_messages(messages.iter().copied());
        let take = |stream: &str, at: Timestamp, line: &str| {
            attempt_log.take_event(stream, at, line, reader);
        };
        aws.log_lines(log_group, pattern.as_deref(), since - CLOCK_SKEW, take).await?;
        attempt_log.conclude();
        Ok(attempt_log)
    };
    let pattern = log_pattern(names.iter().copied());
    let is_all = pattern.is_none();
    let of_lines = read(pattern).await;
    match of_lines {
        Ok(of_lines) if depth == Depth::Invocations && !is_all && of_lines.lacks_reasons() => {
            // What is known stays known, whatever comes of the rest.
            Ok(read(invocations_pattern(names)).await.unwrap_or(of_lines))
        }
        of_lines => of_lines,
    }
}

/// What the log of a group reports of messages that are known by their ids alone.
pub(crate) async fn attempt_log_in(
    aws: &Aws,
    log_group: &str,
    reader: &OutcomeReader,
    ids: &[String],
    since: Timestamp,
) -> Result<AttemptLog, AwsError> {
    let mut attempt_log = AttemptLog::of(ids.iter().cloned());
    if ids.is_empty() {
        return Ok(attempt_log);
    }
    let pattern = log_pattern(ids.iter().map(String::as_str));
    let take = |_: &str, at: Timestamp, line: &str| attempt_log.take(at, line, reader);
    aws.log_lines(log_group, pattern.as_deref(), since - CLOCK_SKEW, take).await?;
    Ok(attempt_log)
}

/// What the log group of a function reports of invocations.
pub(crate) async fn request_log_in(
    aws: &Aws,
    log_group: &str,
    ids: &[String],
    since: Timestamp,
) -> Result<AttemptLog, AwsError> {
    let mut request_log = RequestLog::of(ids.iter().cloned());
    if !ids.is_empty() {
        let pattern = request_log.pattern();
        let take = |stream: &str, at: Timestamp, line: &str| request_log.take(stream, at, line);
        aws.log_lines(log_group, pattern.as_deref(), since - CLOCK_SKEW, take).await?;
    }
    Ok(request_log.into())
}

/// The lines in which ids of invocations stand, by those ids, without what is about other messages. `None` where there is no log to ask, or nothing to ask for.
pub(crate) async fn lines_of_requests(
    place: &DlqTarget,
    message_id: &str,
    request_ids: &[String],
    since: Timestamp,
) -> Option<Result<BTreeMap<String, Vec<String>>, AwsError>> {
    let log_group = place.log_group.as_deref()?;
    let pattern = log_pattern(request_ids.iter().map(String::as_str))?;
    if request_ids.is_empty() {
        return None;
    }
    let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let take = |_: &str, _: Timestamp, line: &str| {
        let told_of = place.reader.read_any(line).map(|outcome| outcome.message_id);
        if told_of.is_some_and(|other| other != message_id) {
            return;
        }
        for id in request_ids.iter().filter(|id| line.contains(id.as_str())) {
            let of_it = lines.entry(id.clone()).or_default();
            if of_it.len() < LINES_MAX {
                of_it.push(line.trim().chars().take(LINE_CHARS_MAX).collect());
            }
        }
    };
    let read = place.aws.log_lines(log_group, Some(&pattern), since - CLOCK_SKEW, take).await;
    Some(read.map(|()| lines))
}
