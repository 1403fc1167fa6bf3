//! Evidence: what was observed of a stack, without any evaluation.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::{Outcome, OutcomeLine};
use verifier_model::sqs::{MESSAGE_BYTES_MAX, RedrivePolicy};
use verifier_model::time::Timestamp;

use crate::account::{Invocation, QueueCounts};
use crate::command::aws;
use crate::unfolded::unfolded;

/// A stack, as CloudFormation describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackEvidence {
    /// Its name.
    pub name: String,
    /// Its status, for example `CREATE_COMPLETE`.
    pub status: String,
    /// Why it has that status, where CloudFormation says.
    pub status_reason: Option<String>,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its id: an ARN.
    pub id: String,
    /// Its resources.
    pub resources: Vec<StackResource>,
}

impl StackEvidence {
    /// The resource of that type whose physical id satisfies a condition.
    pub fn resource(
        &self,
        resource_type: &str,
        condition: impl Fn(&str) -> bool,
    ) -> Option<&StackResource> {
        self.resources.iter().find(|resource| {
            resource.resource_type == resource_type && condition(&resource.physical_id)
        })
    }

    /// The stack's queue that an output names, by its name, URL or ARN: a queue of that name in another account or region is not
    /// the stack's. A queue's physical id is its URL.
    pub fn queue_of_output(&self, named: &str) -> Option<&StackResource> {
        let name = named.trim_end_matches('/').rsplit([':', '/']).next()?;
        let own = self.queue(name)?;
        let mut of_stack = self.id.split(':').skip(3);
        let (region, account) = (of_stack.next(), of_stack.next());
        let is_here = match named.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", _, _, there, owner, _] => {
                [Some(*there), Some(*owner)] == [region, account] || account.is_none()
            }
            _ if named.contains('/') => {
                account_of_url(named) == account_of_url(&own.physical_id)
                    && region.is_none_or(|region| is_in_region(named, region))
            }
            _ => true,
        };
        is_here.then_some(own)
    }

    /// The stack's queue of that name. A queue's physical id is its URL.
    pub fn queue(&self, name: &str) -> Option<&StackResource> {
        self.resource("AWS::SQS::Queue", |url| url.rsplit('/').next() == Some(name))
    }
}

/// Whether a queue's URL is in a region, where it is AWS's: that of an emulator, or of a VPC's own name, tells none.
///
/// Source: <https://docs.aws.amazon.com/general/latest/gr/sqs-service.html>; the oldest form names no region, or begins with it.
fn is_in_region(url: &str, region: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', ':']).next();
    let Some(host) = host.filter(|host| host.contains(".amazonaws.com")) else { return true };
    (host == "queue.amazonaws.com" && region == "us-east-1")
        || host.split('.').any(|label| label == region)
}

/// The account in a queue's URL: what stands before its name.
fn account_of_url(url: &str) -> Option<&str> {
    url.trim_end_matches('/').rsplit('/').nth(1)
}

/// A resource of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackResource {
    /// Its name in the template.
    pub logical_id: String,
    /// Its name in AWS.
    pub physical_id: String,
    /// Its type.
    pub resource_type: String,
}

/// A queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueEvidence {
    /// Its name.
    pub name: String,
    /// Its URL.
    pub url: String,
    /// All its attributes.
    pub attributes: BTreeMap<String, String>,
}

impl QueueEvidence {
    /// Its ARN.
    pub fn arn(&self) -> &str {
        self.attributes.get("QueueArn").map(String::as_str).unwrap_or_default()
    }

    /// An attribute that is a whole number.
    pub fn number(&self, attribute: &str) -> Option<u64> {
        self.attributes.get(attribute)?.parse().ok()
    }

    /// An attribute that is a time, in seconds; `None` where it is longer than SQS has any.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>.
    fn time(&self, attribute: &str, seconds_max: u64) -> Option<Duration> {
        self.number(attribute).filter(|seconds| *seconds <= seconds_max).map(Duration::from_secs)
    }

    /// Its visibility timeout, of 12 hours at most.
    pub fn visibility_timeout(&self) -> Option<Duration> {
        self.time("VisibilityTimeout", 43_200)
    }

    /// How long it keeps a message: 14 days at most.
    pub fn retention(&self) -> Option<Duration> {
        self.time("MessageRetentionPeriod", 1_209_600)
    }

    /// The most bytes that a message, and all of a batch, may have.
    pub fn message_bytes_max(&self) -> usize {
        let limit = self.number("MaximumMessageSize").and_then(|most| usize::try_from(most).ok());
        limit.unwrap_or(MESSAGE_BYTES_MAX).clamp(1, MESSAGE_BYTES_MAX)
    }

    /// Whether it is a FIFO queue, which its name tells.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>.
    pub fn is_fifo(&self) -> bool {
        self.name.strip_suffix(".fifo").is_some()
    }

    /// How many messages it holds, by its approximate counts; `None` where they were not asked for.
    pub fn counts(&self) -> Option<QueueCounts> {
        QueueCounts::of(&self.attributes)
    }

    /// Its redrive policy; `None` when it has none or it cannot be read.
    pub fn redrive_policy(&self) -> Option<RedrivePolicy> {
        RedrivePolicy::parse(self.attributes.get("RedrivePolicy")?).ok()
    }

    /// Whether receiving from it may move messages to another queue: it has a redrive policy, readable or not.
    ///
    /// A receive counts, and the one after `maxReceiveCount` moves the message. So nobody may look into a dead-letter queue
    /// for which this holds without asking first.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>.
    pub fn moves_what_is_received(&self) -> bool {
        self.attributes.get("RedrivePolicy").is_some_and(|policy| !policy.trim().is_empty())
    }

    /// How long a message stays invisible after it was sent, unless the sender says otherwise.
    pub fn delay(&self) -> Duration {
        self.time("DelaySeconds", 900).unwrap_or_default()
    }
}

/// An event source mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingEvidence {
    /// Its id.
    pub uuid: String,
    /// The ARN of what it reads.
    pub event_source_arn: String,
    /// The ARN of the function that it invokes.
    pub function_arn: String,
    /// For example `Enabled`.
    pub state: String,
    /// The most messages in a batch.
    pub batch_size: u32,
    /// How long a batch is gathered.
    pub batching_window: Duration,
    /// For example `ReportBatchItemFailures`.
    pub response_types: Vec<String>,
    /// The patterns of its filters. Messages that match none of them are deleted unseen; without filters, all are kept.
    pub filters: Vec<String>,
    /// Why its filters could not be read, where it has some that are encrypted.
    pub filters_error: Option<String>,
    /// What came of its last poll, for example `PROBLEM: Function call failed`.
    pub last_processing_result: Option<String>,
    /// Why it is in its state, where Lambda says.
    pub state_reason: Option<String>,
    /// The most concurrent invocations that it causes, where it is bounded.
    pub maximum_concurrency: Option<u32>,
    /// When it was made or changed last, also by being disabled.
    pub last_modified: Option<Timestamp>,
}

impl MappingEvidence {
    /// The name of the function that it invokes.
    pub fn function_name(&self) -> &str {
        let (_, name) =
            self.function_arn.split_once(":function:").unwrap_or(("", &self.function_arn));
        name.split(':').next().unwrap_or(name)
    }

    /// Whether it invokes the function of that name or ARN, which may name a version or an alias, too.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html>, the formats of `FunctionName`.
    pub fn invokes(&self, named: &str) -> bool {
        let place = |text: &str| text.split_once(":function:").map(|(place, _)| place.to_owned());
        let of = |text: &str| -> (String, Option<String>) {
            let (_, rest) = text.split_once(":function:").unwrap_or(("", text));
            let (name, qualifier) =
                rest.split_once(':').map_or((rest, None), |(a, b)| (a, Some(b)));
            (name.to_owned(), qualifier.map(str::to_owned))
        };
        let ((name, qualifier), (own_name, own)) = (of(named), of(&self.function_arn));
        let is_there = place(named).is_none_or(|there| {
            place(&self.function_arn)
                .is_some_and(|own| own == there || own.ends_with(&format!(":{there}")))
        });
        name == own_name && is_there && (qualifier.is_none() || qualifier == own)
    }

    /// Whether it polls, or is about to.
    pub fn is_enabled(&self) -> bool {
        matches!(self.state.as_str(), "Enabled" | "Creating" | "Enabling" | "Updating")
    }

    /// Whether the function's response says which messages failed.
    pub fn reports_batch_item_failures(&self) -> bool {
        self.response_types.iter().any(|kind| kind == "ReportBatchItemFailures")
    }
}

/// A function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionEvidence {
    /// Its name.
    pub name: String,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// Where its output goes.
    pub log_group: String,
    /// `JSON` or `Text`.
    pub log_format: String,
    /// Its ARN, without a version.
    pub arn: String,
    /// The least severe level of the function's own lines that are kept, for example `INFO`; `None` when Lambda does not say.
    pub application_log_level: Option<String>,
    /// The same of Lambda's lines about the function.
    pub system_log_level: Option<String>,
    /// For example `Active`, with the reason where Lambda gives one; `None` when Lambda does not say.
    pub state: Option<(String, String)>,
    /// What became of its last update, for example `Successful`, with the reason in the same way.
    pub last_update: Option<(String, String)>,
}

/// A log group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogGroupEvidence {
    /// Its name.
    pub name: String,
    /// How many days events are kept; indefinitely when `None`.
    pub retention_days: Option<u32>,
    /// For example `STANDARD`; `None` when CloudWatch Logs does not say.
    pub class: Option<String>,
}

/// An alarm, as CloudWatch answers it, whatever was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlarmEvidence {
    /// Its name.
    pub name: String,
    /// What whoever it calls is told.
    pub description: Option<String>,
    /// The metric's namespace, for example `AWS/SQS`.
    pub namespace: String,
    /// The metric, for example `ApproximateNumberOfMessagesVisible`; empty where it watches an expression.
    pub metric: String,
    /// The metric's dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// Whether it watches an expression, or a band, instead of a metric and a threshold.
    pub is_expression: bool,
    /// For example `Maximum`, or a percentile such as `p90`.
    pub statistic: String,
    /// For example `GreaterThanThreshold`.
    pub comparison: String,
    /// What the metric is compared with.
    pub threshold: Option<f64>,
    /// Over how many seconds a data point is computed.
    pub period_seconds: u32,
    /// How many data points are looked at.
    pub evaluation_periods: u32,
    /// How many of them have to breach; all when `None`.
    pub datapoints_to_alarm: Option<u32>,
    /// What a missing data point counts for, for example `notBreaching`; `missing` when `None`.
    pub treat_missing_data: Option<String>,
    /// The unit that data points have to have; any when `None`.
    pub unit: Option<String>,
    /// Whether its actions are taken when its state changes.
    pub actions_enabled: bool,
    /// Who is called when it goes off: ARNs.
    pub alarm_actions: Vec<String>,
}

/// An HTTP request and its answer, or why there was none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The method.
    pub method: &'static str,
    /// The URL.
    pub url: String,
    /// How long it took.
    pub latency: Duration,
    /// Status, content type and body; or what went wrong.
    pub answer: Result<Answer, String>,
    /// Whether nothing of the request can have arrived: no connection came to be, so nothing was sent.
    pub is_unsent: bool,
}

/// An HTTP answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The content type.
    pub content_type: String,
    /// The body.
    pub body: String,
    /// The headers by their names in small letters; the values of one that came several times are joined by `, `.
    pub headers: BTreeMap<String, String>,
}

impl Answer {
    /// The coding of its body, where the body was not decoded.
    ///
    /// Source: <https://www.rfc-editor.org/rfc/rfc9110.html#section-8.4>.
    pub fn undecoded(&self) -> Option<&str> {
        let coding = self.headers.get("content-encoding")?.trim();
        let is_known = coding.is_empty()
            || ["identity", "gzip", "x-gzip"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(coding));
        (!is_known).then_some(coding)
    }
}

/// The question that a browser asks before a page may post a job, and the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preflight {
    /// The page's origin.
    pub origin: String,
    /// The request and its answer.
    pub exchange: Exchange,
    /// `Access-Control-Allow-Origin` of the answer.
    pub allow_origin: Option<String>,
    /// `Access-Control-Allow-Methods` of the answer.
    pub allow_methods: Option<String>,
    /// `Access-Control-Allow-Headers` of the answer.
    pub allow_headers: Option<String>,
    /// The headers for which leave was asked: `Access-Control-Request-Headers`, in small letters and in order.
    pub requested_headers: Vec<String>,
    /// Whether the answer lets pages send credentials: `Access-Control-Allow-Credentials` is `true`.
    pub allow_credentials: bool,
    /// `Vary` of the answer.
    pub vary: Option<String>,
}

/// A body that `POST /jobs` has to refuse, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejection {
    /// What is wrong with it, in a word.
    pub defect: String,
    /// The job id in it, by which it is recognised wherever it gets.
    pub job_id: String,
    /// The answer.
    pub exchange: Exchange,
    /// How many requests were answered 500, 502 or 504 and sent again.
    pub errors: u32,
    /// Every attempt at it that the worker logged.
    pub attempts: Vec<LoggedOutcome>,
    /// The id of its message in the dead-letter queue, if it was found there.
    pub dead_letter: Option<String>,
}

/// A job of a run, and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct JobEvidence {
    /// Its id, which the run chose.
    pub job_id: String,
    /// What was submitted.
    pub body: String,
    /// Whether the worker was asked to fail it.
    pub fails: bool,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// The answer to `POST /jobs`.
    pub exchange: Exchange,
    /// The message id, where the answer was `202` with the ids.
    pub message_id: Option<String>,
    /// How many requests may have put it on the queue: what was not answered, or answered 503, was sent again, and may have been
    /// carried out all the same.
    pub requests: u32,
    /// How many of those were answered 503 and sent again: the API said that it had not done what was asked.
    pub unavailable: u32,
    /// How many of those were answered 500, 502 or 504 and sent again: they may have been carried out all the same.
    pub errors: u32,
    /// Every attempt that the worker logged, in the order of the log.
    pub attempts: Vec<LoggedOutcome>,
}

impl JobEvidence {
    /// The attempts that ended so.
    pub fn attempts_that(&self, outcome: Outcome) -> impl Iterator<Item = &LoggedOutcome> {
        self.attempts.iter().filter(move |attempt| attempt.line.outcome == outcome)
    }
}

/// An outcome line and when it was logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedOutcome {
    /// When the log received it.
    pub at: Timestamp,
    /// What the worker wrote.
    pub line: OutcomeLine,
    /// Whether its invocation is not named by it, but the one that ends next in its log stream: one that was held back is behind
    /// that.
    pub is_placed: bool,
}

/// What is known of the worker's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogEvidence {
    /// The log group.
    pub log_group: String,
    /// How often it was queried.
    pub queries: u32,
    /// Why it could not be read; then nothing may be concluded from missing lines.
    pub error: Option<String>,
    /// A line that names the run and is no outcome by the settings.
    pub unread: Option<String>,
    /// The time of the latest line of the group that was seen, whoever wrote it: up to then, a missing line is missing.
    pub latest: Option<Timestamp>,
    /// The run whose lines were searched for.
    pub run_id: String,
    /// From when on.
    pub since: Timestamp,
    /// When the run submitted its first job.
    pub submitted_at: Timestamp,
    /// Where the group is; `None` where the environment says.
    pub region: Option<String>,
    /// The worker's log level where lines of the level INFO are left out by it.
    pub hiding_level: Option<String>,
}

impl LogEvidence {
    /// Whether a line that should have been written at that time, and is not there, was not written: a later line of the
    /// group was seen.
    pub fn is_closed_at(&self, at: Timestamp) -> bool {
        self.error.is_none() && self.latest.is_some_and(|latest| latest >= at)
    }

    /// How to read the run's lines by hand.
    pub fn next(&self) -> String {
        let (pattern, since) = (format!("\"{}\"", self.run_id), self.since.to_string());
        let arn = format!("arn:aws:logs:{}", self.region.as_deref().unwrap_or_default());
        let arguments = [
            "logs",
            "filter-log-events",
            "--log-group-name",
            &self.log_group,
            "--filter-pattern",
            &pattern,
            "--start-time",
            &since,
        ];
        aws(&arn, &arguments)
    }
}

/// What a log holds of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogLines {
    /// The outcomes, in the order of their times.
    pub outcomes: Vec<LoggedOutcome>,
    /// Lines that are marked as outcomes and have another word than those for success and failure, each with that word.
    pub remarks: Vec<(LoggedOutcome, String)>,
    /// Outcomes of others' jobs, as far as they were found beside.
    pub others: Vec<LoggedOutcome>,
    /// A line that names the run and is no outcome by the settings.
    pub unread: Option<String>,
    /// The ends of invocations that Lambda reported meanwhile, whoever they worked for.
    pub invocations: Vec<Invocation>,
    /// The time of the latest line, whoever wrote it.
    pub latest: Option<Timestamp>,
}

impl LogLines {
    /// Without what is older than a run and not of it. Lines of a run are looked for from long before it on, since they may have the
    /// time of another clock; `message_ids` are those of its jobs.
    #[must_use]
    pub fn of_run(self, run_id: &str, message_ids: &BTreeSet<&str>, from: Timestamp) -> Self {
        let is_own = |LoggedOutcome { line, .. }: &LoggedOutcome| {
            let of_job = line.job_id.as_deref().and_then(|id| id.strip_prefix(run_id));
            line.run_id.as_deref() == Some(run_id)
                || of_job.is_some_and(|rest| rest.starts_with('-'))
                || message_ids.contains(line.message_id.as_str())
        };
        let is_kept = |logged: &LoggedOutcome| logged.at >= from || is_own(logged);
        let mut lines = self;
        lines.outcomes.retain(is_kept);
        lines.others.retain(is_kept);
        lines.remarks.retain(|(logged, _)| is_kept(logged));
        let own = lines.outcomes.iter().chain(&lines.others).filter(|logged| is_own(logged));
        let requests: BTreeSet<&str> = own.map(|logged| logged.line.request_id.as_str()).collect();
        let is_of_run = |each: &Invocation| {
            each.ended_at >= from || requests.contains(each.request_id.as_str())
        };
        lines.invocations = lines.invocations.into_iter().filter(is_of_run).collect();
        lines
    }
}

/// A message in the dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id.
    pub message_id: String,
    /// Its body.
    pub body: String,
    /// The texts of its message attributes.
    pub attributes: Vec<String>,
    /// When it was sent to its first queue.
    pub sent_at: Option<Timestamp>,
    /// When it was first received from any queue.
    pub first_received_at: Option<Timestamp>,
    /// How often it was received, this time included.
    pub receive_count: Option<u32>,
    /// The queue that it came from.
    pub source_arn: Option<String>,
    /// When it was seen.
    pub seen_at: Timestamp,
    /// The handle of this receive.
    pub receipt_handle: String,
}

impl DeadLetter {
    /// All texts that it holds, in whatever form: its body first.
    pub fn texts(&self) -> Vec<String> {
        std::iter::once(&self.body)
            .chain(&self.attributes)
            .flat_map(|text| unfolded(text))
            .collect()
    }
}

/// A message of somebody else in the dead-letter queue, which a run held while it looked for its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldMessage {
    /// The message as it was received last.
    pub message: DeadLetter,
    /// How often this run received it: each time counts as a receive of the message.
    pub receives: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_by_its_name_its_arn_or_what_lambda_takes_in_between() {
        let mapping = |function: &str| MappingEvidence {
            function_arn: format!("arn:aws:lambda:eu-west-1:123456789012:function:{function}"),
            ..MappingEvidence::default()
        };
        for named in [
            "press",
            "press:live",
            "123456789012:function:press",
            "arn:aws:lambda:eu-west-1:123456789012:function:press",
            "arn:aws:lambda:eu-west-1:123456789012:function:press:live",
        ] {
            assert!(mapping("press:live").invokes(named), "{named}");
        }
        for other in [
            "pres",
            "live",
            "press:test",
            "",
            "999999999999:function:press",
            "arn:aws:lambda:us-east-1:123456789012:function:press",
        ] {
            assert!(!mapping("press:live").invokes(other), "{other}");
        }
        assert!(!mapping("press").invokes("press:live"));
    }

    #[test]
    fn older_lines_are_kept_that_are_of_the_run_and_the_ends_of_their_invocations() {
        let line = |at: u64, job_id: Option<&str>, message_id: &str, request: &str| LoggedOutcome {
            at: Timestamp::from_millis(at),
            line: OutcomeLine {
                run_id: None,
                job_id: job_id.map(str::to_owned),
                message_id: message_id.to_owned(),
                receive_count: 1,
                outcome: Outcome::Succeeded,
                reason: None,
                request_id: request.to_owned(),
                batch_size: 1,
            },
            is_placed: false,
        };
        let end = |at: u64, request: &str| Invocation {
            request_id: request.to_owned(),
            ended_at: Timestamp::from_millis(at),
            duration: Duration::ZERO,
            end: crate::account::InvocationEnd::Success,
        };
        let lines = LogLines {
            outcomes: vec![
                line(1, Some("vrf-1-2-good-1"), "", "a"),
                line(1, None, "m-own", "b"),
                line(1, None, "m-else", "c"),
                line(9, None, "m-else", "d"),
            ],
            others: vec![line(1, Some("other"), "", "e"), line(9, Some("other"), "", "f")],
            invocations: ["a", "b", "c", "e"]
                .iter()
                .map(|id| end(1, id))
                .chain([end(9, "x")])
                .collect(),
            ..LogLines::default()
        };
        let kept = lines.of_run("vrf-1-2", &BTreeSet::from(["m-own"]), Timestamp::from_millis(5));
        let requests = |lines: &[LoggedOutcome]| -> Vec<String> {
            lines.iter().map(|logged| logged.line.request_id.clone()).collect()
        };
        assert_eq!(requests(&kept.outcomes), ["a", "b", "d"]);
        assert_eq!(requests(&kept.others), ["f"]);
        let ends: Vec<&str> =
            kept.invocations.iter().map(|each| each.request_id.as_str()).collect();
        assert_eq!(ends, ["a", "b", "x"]);
    }

    #[test]
    fn a_queue_of_that_name_in_another_account_or_region_is_not_the_stacks() {
        let url = "https://sqs.eu-central-1.amazonaws.com/123456789012/S-Jobs";
        let queue = StackResource {
            logical_id: "Jobs".to_owned(),
            physical_id: url.to_owned(),
            resource_type: "AWS::SQS::Queue".to_owned(),
        };
        let id = "arn:aws:cloudformation:eu-central-1:123456789012:stack/S/1".to_owned();
        let stack = StackEvidence { id, resources: vec![queue], ..StackEvidence::default() };
        for (named, is_own) in [
            ("S-Jobs", true),
            (url, true),
            ("arn:aws:sqs:eu-central-1:123456789012:S-Jobs", true),
            ("arn:aws:sqs:eu-central-1:999999999999:S-Jobs", false),
            ("arn:aws:sqs:eu-west-1:123456789012:S-Jobs", false),
            ("https://sqs.eu-central-1.amazonaws.com/999999999999/S-Jobs", false),
            ("https://sqs.eu-west-1.amazonaws.com/123456789012/S-Jobs", false),
            ("https://queue.amazonaws.com/123456789012/S-Jobs", false),
            ("https://eu-central-1.queue.amazonaws.com/123456789012/S-Jobs", true),
            ("Prod-Jobs", false),
        ] {
            assert_eq!(stack.queue_of_output(named).is_some(), is_own, "{named}");
        }
    }
}
