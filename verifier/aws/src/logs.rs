//! CloudWatch Logs: what the worker wrote.

use contract::OutcomeLine;
use verifier_core::account::{Invocation, InvocationLog};
use verifier_core::check::{LogGroupEvidence, LogLines, LoggedOutcome};
use verifier_core::settings::OutcomeReader;
use verifier_model::time::Timestamp;

use crate::error::failed;
use crate::{Aws, AwsError};

/// What a line of a log tells.
enum Read {
    /// An outcome that is asked for.
    Outcome(OutcomeLine),
    /// An outcome of another job.
    Other(OutcomeLine),
    /// A receive, and another outcome than success or failure, with the word for it.
    Remark(OutcomeLine, String),
}

impl Read {
    fn line_mut(&mut self) -> &mut OutcomeLine {
        match self {
            Self::Outcome(line) | Self::Other(line) | Self::Remark(line, _) => line,
        }
    }
}

impl Aws {
    /// The log group of that name; `None` when there is none.
    ///
    /// Groups are listed by prefix, in the order of their names, so the one that is meant comes first.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html>.
    pub async fn log_group(&self, name: &str) -> Result<Option<LogGroupEvidence>, AwsError> {
        let answer = self
            .logs
            .describe_log_groups()
            .log_group_name_prefix(name)
            .limit(1)
            .send()
            .await
            .map_err(|error| failed("logs:DescribeLogGroups", name, &error))?;
        let found = answer.log_groups().iter().find(|group| group.log_group_name() == Some(name));
        Ok(found.map(|group| LogGroupEvidence {
            name: name.to_owned(),
            retention_days: group.retention_in_days().and_then(|days| u32::try_from(days).ok()),
            class: group.log_group_class().map(|class| class.as_str().to_owned()),
        }))
    }

    /// Gives every line of a log group from a point in time on that a pattern selects, page by page, with its time.
    pub async fn log_lines(
        &self,
        log_group: &str,
        pattern: Option<&str>,
        since: Timestamp,
        mut each: impl FnMut(&str, Timestamp, &str),
    ) -> Result<(), AwsError> {
        let request = self
            .logs
            .filter_log_events()
            .log_group_name(log_group)
            .start_time(i64::try_from(since.as_millis()).unwrap_or_default())
            .set_filter_pattern(pattern.map(str::to_owned));
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed("logs:FilterLogEvents", log_group, &error))?;
            for event in page.events() {
                let at = event.timestamp().and_then(|at| u64::try_from(at).ok());
                each(
                    event.log_stream_name().unwrap_or_default(),
                    Timestamp::from_millis(at.unwrap_or_default()),
                    event.message().unwrap_or_default(),
                );
            }
        }
        Ok(())
    }

    /// The outcome lines of a run that a function wrote in a log group, from a point in time on, in the order of their times, and how invocations
    /// ended meanwhile.
    ///
    /// Pages are followed to the end, also through empty ones.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>.
    pub async fn outcomes(
        &self,
        (log_group, function): (&str, &str),
        run_id: &str,
        since: Timestamp,
        reader: &OutcomeReader,
    ) -> Result<LogLines, AwsError> {
        // Lambda's own reports tell how invocations ended, also where the worker wrote nothing.
        let marks = Invocation::MARKS.into_iter().chain([InvocationLog::FUNCTION_MARK]);
        // Jobs of others are found with the run's, so that whatever else the worker was handed is told.
        let outcomes = reader.marks().filter(|mark| !mark.contains(['"', '\\']));
        let marks = marks.chain(outcomes).map(|mark| format!("?\"{mark}\""));
        let pattern: Vec<String> = [format!("?\"{run_id}\"")].into_iter().chain(marks).collect();
        let pattern = pattern.join(" ");
        // Lines that name messages alone are found by no id of a run.
        let pattern = reader.tells_run().then_some(pattern);
        // The pattern finds the run's id anywhere in a line; only its own outcomes count.
        let mut unread = None;
        let read = |text: &str| {
            if let Some(line) = reader.read(text, run_id) {
                return Some(Read::Outcome(line));
            }
            let is_told = text.contains(run_id) || !reader.tells_run();
            if let Some((line, word)) = reader.read_other(text).filter(|_| is_told) {
                return Some(Read::Remark(line, word));
            }
            if text.contains(run_id) {
                unread = Some(text.trim().to_owned());
            }
            reader.read_any(text).or_else(|| reader.read_nameless(text)).map(Read::Other)
        };
        let lines =
            self.log_outcomes((log_group, function), pattern.as_deref(), since, read).await?;
        Ok(LogLines { unread, ..lines })
    }

    /// The outcome lines of everybody who sends to a function, in a log group, from a point in time on.
    pub async fn all_outcomes(
        &self,
        (log_group, function): (&str, &str),
        since: Timestamp,
        reader: &OutcomeReader,
    ) -> Result<LogLines, AwsError> {
        let read = |text: &str| reader.read_any(text).map(Read::Outcome);
        self.log_outcomes((log_group, function), None, since, read).await
    }

    /// The outcomes that `read` finds, in the order of their times, each with its invocation: the one that its line names, or else
    /// the one that its log stream tells. So with lines whose outcome is neither success nor failure, which come with their word.
    async fn log_outcomes(
        &self,
        (log_group, function): (&str, &str),
        pattern: Option<&str>,
        since: Timestamp,
        mut read: impl FnMut(&str) -> Option<Read>,
    ) -> Result<LogLines, AwsError> {
        let mut lines = LogLines::default();
        let mut invocations = InvocationLog::of(function);
        let mut found = Vec::new();
        self.log_lines(log_group, pattern, since, |stream, at, text| {
            if invocations.is_of_another(stream, text) {
                return;
            }
            lines.latest = lines.latest.max(Some(at));
            let Some(place) = invocations.take(stream, at, text) else { return };
            found.extend(read(text).map(|read| (at, read, place)));
        })
        .await?;
        for (at, mut read, place) in found {
            let line = read.line_mut();
            let is_placed = line.request_id.is_empty();
            if is_placed {
                let request_id = invocations.request_at(&place).unwrap_or_default();
                request_id.clone_into(&mut line.request_id);
            }
            let logged = |line| LoggedOutcome { at, line, is_placed };
            match read {
                Read::Outcome(line) => lines.outcomes.push(logged(line)),
                Read::Other(line) => lines.others.push(logged(line)),
                Read::Remark(line, word) => lines.remarks.push((logged(line), word)),
            }
        }
        lines.invocations = invocations.ends();
        lines.outcomes.sort_by_key(|outcome| outcome.at);
        Ok(lines)
    }
}
