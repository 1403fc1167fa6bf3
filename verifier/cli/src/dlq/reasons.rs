//! Asking the consumers' logs about messages.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::iter;
use verifier_aws::{Aws, AwsError};
use verifier_core::check::QueueEvidence;
use verifier_core::dead_letters::{
    AttemptLog, Consumer, Consumers, DeadLetter, Inquiry, RequestLog, invocations_pattern,
    log_pattern,
};
use verifier_core::settings::OutcomeReader;
use verifier_model::time::Timestamp;

use super::{Asked, DlqTarget, consumers_of};

/// How much before a message was sent its lines are looked for: clocks differ.
const CLOCK_SKEW: Duration = Duration::from_mins(1);
/// How many queues are asked about, and how many logs are read, at once.
const AT_ONCE: usize = 4;
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

/// What logs reported messages.
#[derive(Default)]
pub(crate) struct ReadLogs {
    pub(crate) attempt_log: AttemptLog,
    /// The log groups that were read to their end.
    pub(crate) groups: Vec<String>,
    /// Those that could not be read, each with the reason.
    pub(crate) unreadable: Vec<(String, String)>,
}

/// The functions that read the queues which messages came from, or that all may have come from which do not say it. Each queue is
/// asked about once.
/// Also those queues whose functions the caller may not ask for, each with the reason.
async fn consumers(
    place: &DlqTarget,
    messages: &[&DeadLetter],
) -> Result<(Consumers, Vec<(String, String)>), AwsError> {
    let mut sources: BTreeSet<&str> =
        messages.iter().filter_map(|message| message.source_arn.as_deref()).collect();
    if messages.iter().any(|message| message.source_arn.is_none()) {
        sources.extend(place.sources.all.iter().flatten().map(String::as_str));
        sources.extend(place.source.as_ref().map(QueueEvidence::arn));
    }
    // The others tell whose log it is that the user has named, and with whom functions share theirs.
    let has_jobs = messages.iter().any(|message| message.job_id.is_some());
    if place.named_log_group.is_some() || has_jobs {
        sources.extend(place.sources.all.iter().flatten().map(String::as_str));
    }
    let mut known = place.consumers.lock().await;
    let unknown: Vec<String> =
        sources.into_iter().filter(|arn| !known.contains_key(*arn)).map(str::to_owned).collect();
    let asked = iter(unknown).map(async |arn| (consumers_of(&place.aws, &arn).await, arn));
    let asked: Vec<_> = asked.buffer_unordered(AT_ONCE).collect().await;
    for (consumers, arn) in asked {
        known.insert(arn, consumers?);
    }
    let of_known = |(arn, consumers): (&String, &Asked<Vec<Consumer>>)| {
        Some((arn.clone(), consumers.clone().ok()?))
    };
    let denied = |(arn, consumers): (&String, &Asked<Vec<Consumer>>)| {
        let denied = consumers.as_ref().err().filter(|not_asked| not_asked.is_denied)?;
        Some((format!("of the functions that read {arn}"), denied.why.clone()))
    };
    // Where the log is named, nobody else has to tell which it is.
    let is_named = place.named_log_group.is_some();
    let denied = if is_named { Vec::new() } else { known.iter().filter_map(denied).collect() };
    let consumers = Consumers {
        by_source: known.iter().filter_map(of_known).collect(),
        may_be_shared: place.sources.may_be_shared(),
        named: place.named_log_group.clone(),
    };
    Ok((consumers, denied))
}

/// What the logs of their consumers report messages since a point in time. There may be none to ask.
pub(crate) async fn read_logs(
    place: &DlqTarget,
    messages: &[&DeadLetter],
    since: Timestamp,
    depth: Depth,
) -> ReadLogs {
    let mut logs = ReadLogs::default();
    let consumers = match consumers(place, messages).await {
        Ok((consumers, denied)) => {
            logs.unreadable = denied;
            consumers
        }
        Err(error) => {
            logs.unreadable.push(("of the consumers".to_owned(), error.to_string()));
            return logs;
        }
    };
    let inquiries = consumers.inquiries(messages.iter().copied());
    let read = iter(inquiries).map(async |inquiry| {
        let read = read_log(&place.aws, &place.reader, &inquiry, since, depth).await;
        (inquiry.log_group, read)
    });
    let mut read: Vec<_> = read.buffer_unordered(AT_ONCE).collect().await;
    read.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (log_group, read) in read {
        match read {
            Ok(attempt_log) => {
                logs.attempt_log.join(attempt_log);
                logs.groups.push(log_group);
            }
            Err(error) => logs.unreadable.push((log_group, error.to_string())),
        }
    }
    logs
}

/// What a log reports of what it is asked about. A few messages are looked for by their ids; for more than fit into one pattern,
/// every line is read.
pub(crate) async fn read_log(
    aws: &Aws,
    reader: &OutcomeReader,
    inquiry: &Inquiry<'_>,
    since: Timestamp,
    depth: Depth,
) -> Result<AttemptLog, AwsError> {
    let asked = &inquiry.asked;
    let ids = asked.iter().map(|each| each.message.message_id.as_str());
    let by_job = asked.iter().filter(|each| each.by_job);
    let jobs = by_job.filter_map(|each| each.message.job_id.as_deref());
    let names: Vec<&str> = ids.chain(jobs).collect();
    let read = async |pattern: Option<String>| {
        let mut attempt_log = AttemptLog::of_asked(asked);
        let take = |stream: &str, at: Timestamp, line: &str| {
            attempt_log.take_event(stream, at, line, reader);
        };
        aws.log_lines(&inquiry.log_group, pattern.as_deref(), since - CLOCK_SKEW, take).await?;
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
    message: &DeadLetter,
    request_ids: &[String],
    since: Timestamp,
) -> Option<Result<BTreeMap<String, Vec<String>>, AwsError>> {
    let pattern = log_pattern(request_ids.iter().map(String::as_str))?;
    if request_ids.is_empty() {
        return None;
    }
    let consumers = match consumers(place, &[message]).await {
        Ok((consumers, _)) => consumers,
        Err(error) => return Some(Err(error)),
    };
    let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut take = |_: &str, _: Timestamp, line: &str| {
        let told_of = place.reader.read_any(line).map(|outcome| outcome.message_id);
        if told_of.is_some_and(|other| other != message.message_id) {
            return;
        }
        for id in request_ids.iter().filter(|id| line.contains(id.as_str())) {
            let of_it = lines.entry(id.clone()).or_default();
            if of_it.len() < LINES_MAX {
                of_it.push(line.trim().chars().take(LINE_CHARS_MAX).collect());
            }
        }
    };
    for Inquiry { log_group, .. } in consumers.inquiries([message]) {
        let since = since - CLOCK_SKEW;
        let read = place.aws.log_lines(&log_group, Some(&pattern), since, &mut take).await;
        if let Err(error) = read {
            return Some(Err(error));
        }
    }
    Some(Ok(lines))
}
