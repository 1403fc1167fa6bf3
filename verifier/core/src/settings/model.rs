//! The settings, and their defaults: this repository's own stack.

use std::collections::BTreeMap;
use std::time::Duration;

use super::MessageIds;

/// The origin in [`Expect::origins`] that stands for every one.
pub const ANY_ORIGIN: &str = "*";

/// The variable from which this repository's page reads the job URL.
pub const JOB_URL_VARIABLE: &str = "__PREVIEW_JOB_URL__";

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `[outputs]`.
    pub outputs: Outputs,
    /// `[page]`.
    pub page: Page,
    /// `[api]`.
    pub api: Api,
    /// `[jobs]`.
    pub jobs: Jobs,
    /// `[outcomes]`.
    pub outcomes: Outcomes,
    /// `[expect]`.
    pub expect: Expect,
}

/// The names of the stack's outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outputs {
    /// The URL of the preview page; `None` when the stack has none.
    pub preview_url: Option<String>,
    /// The URL of the API: its base, or that of the hello endpoint.
    pub api_url: Option<String>,
    /// The URL that jobs are posted to.
    pub job_url: Option<String>,
    /// The jobs queue's name, URL or ARN.
    pub jobs_queue: String,
    /// The dead-letter queue's name, URL or ARN.
    pub dead_letter_queue: String,
    /// Outputs that the stack has to have besides.
    pub others: Vec<String>,
}

/// The preview page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The path of its configuration, which names the job URL; `None` when it has none.
    pub config_path: Option<String>,
    /// The property of `window` from which it reads the job URL, as in `CONFIG.jobUrl`; any when `None`.
    pub job_url_variable: Option<String>,
    /// The one from which it reads the API's URL, if it is set; `None` when it reads none.
    pub api_url_variable: Option<String>,
}

/// What the API is asked, and answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// The path of the hello endpoint below the API's URL; `None` when there is none.
    pub hello_path: Option<String>,
    /// What its answer holds: from a JSON path to a text, in which `{tag:NAME}` is the stack's tag of that name.
    pub hello_answer: BTreeMap<String, String>,
    /// Where jobs are posted to, below the API's URL; `None` when the output `job_url` says.
    pub jobs_path: Option<String>,
    /// The status of the answer to a job that was accepted.
    pub accepted_status: u16,
    /// The JSON path to the job's id in that answer; `None` when it does not repeat the id.
    pub accepted_job_id: Option<String>,
    /// The JSON path to the SQS message's id in that answer.
    pub accepted_message_id: String,
}

/// The jobs that a run submits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jobs {
    /// The body of a job that succeeds.
    pub good: String,
    /// The body of a job that fails at every attempt.
    pub failing: String,
    /// Bodies that the API has to refuse.
    pub refused: Vec<Refused>,
    /// The headers of every submission.
    pub headers: BTreeMap<String, String>,
    /// Whether the queue's message is the body that was submitted.
    pub message_is_body: bool,
    /// Where a message says whose it is.
    pub message_ids: MessageIds,
}

/// A body that the API has to refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong with it, in a word.
    pub defect: String,
    /// The body.
    pub body: String,
}

/// How an outcome is read from a line of the worker's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcomes {
    /// A regular expression with named groups, for lines that are no JSON.
    pub pattern: Option<String>,
    /// What a JSON line has to hold to be an outcome: from a JSON path to a value.
    pub marks: BTreeMap<String, String>,
    /// The JSON path to the run's id; `None` when it follows from the job's id.
    pub run_id: Option<String>,
    /// The JSON path to the job's id.
    pub job_id: Option<String>,
    /// The JSON path to the SQS message's id; `None` when lines are told apart by the job's id.
    pub message_id: Option<String>,
    /// The JSON path to the message's `ApproximateReceiveCount`; `None` when lines do not hold it, and are counted.
    pub receive_count: Option<String>,
    /// The JSON path to the Lambda request id; `None` when lines do not hold it.
    pub request_id: Option<String>,
    /// The JSON path to the outcome.
    pub outcome: String,
    /// The outcomes that mean success.
    pub success: Vec<String>,
    /// The outcomes that mean failure.
    pub failure: Vec<String>,
    /// The JSON path to the reason of a failure.
    pub reason: Option<String>,
    /// The JSON path to the number of messages in the invocation.
    pub batch_size: Option<String>,
}

/// What is expected of the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The `maxReceiveCount` of the jobs queue; any when `None`.
    pub receives: Option<u32>,
    /// How long a run may take, in seconds.
    pub timeout_seconds: Option<u64>,
    /// How much later than it is due a dead letter is given up, in seconds.
    pub arrival_slack_seconds: u64,
    /// How long lines of the log are waited for, in seconds.
    pub log_seconds: u64,
    /// The origins whose pages may post jobs; the preview page's own when there are none.
    pub origins: Vec<String>,
    /// Warnings that the stack lives with.
    pub allow: Vec<Allowance>,
}

/// A warning that the stack lives with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The check that warns.
    pub check: String,
    /// Why that is no trouble.
    pub reason: String,
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

impl Default for Outputs {
    fn default() -> Self {
        Self {
            preview_url: Some("PreviewUrl".to_owned()),
            api_url: Some("ApiUrl".to_owned()),
            job_url: Some("JobUrl".to_owned()),
            jobs_queue: "JobsQueueName".to_owned(),
            dead_letter_queue: "JobsDeadLetterQueueName".to_owned(),
            others: vec!["BucketName".to_owned(), "DistributionId".to_owned()],
        }
    }
}

impl Default for Page {
    fn default() -> Self {
        Self {
            config_path: Some("/config.js".to_owned()),
            job_url_variable: Some(JOB_URL_VARIABLE.to_owned()),
            api_url_variable: Some("__PREVIEW_API_URL__".to_owned()),
        }
    }
}

impl Default for Api {
    fn default() -> Self {
        Self {
            hello_path: Some("/hello".to_owned()),
            hello_answer: pairs(&[("message", "*"), ("pr", "{tag:pr}"), ("version", "*")]),
            jobs_path: None,
            accepted_status: 202,
            accepted_job_id: Some("jobId".to_owned()),
            accepted_message_id: "messageId".to_owned(),
        }
    }
}

impl Default for Jobs {
    fn default() -> Self {
        let ids = r#""jobId":"{job_id}","runId":"{run_id}""#;
        // All of them ask the worker to fail them: should one get to the queue, it ends in the dead-letter queue, where
        // the run finds it.
        let refused = |defect: &str, body: String| Refused { defect: defect.to_owned(), body };
        Self {
            good: format!(r#"{{"task":"verifier: {{name}}",{ids}}}"#),
            failing: format!(r#"{{"task":"verifier: {{name}}","fail":true,{ids}}}"#),
            refused: vec![
                refused("malformed", format!(r#"{{"task":"verifier: {{name}}","fail":true,{ids}"#)),
                refused("missing-task", format!(r#"{{"fail":true,{ids}}}"#)),
                refused("wrong-type", format!(r#"{{"task":7,"fail":true,{ids}}}"#)),
                refused(
                    "oversize",
                    format!(
                        r#"{{"task":"verifier: {{name}}","fail":true,{ids},"padding":"{{padding}}"}}"#
                    ),
                ),
            ],
            headers: pairs(&[("content-type", "application/json")]),
            message_is_body: true,
            message_ids: MessageIds::default(),
        }
    }
}

impl Default for Outcomes {
    fn default() -> Self {
        Self {
            pattern: None,
            marks: pairs(&[("event", contract::OUTCOME_EVENT)]),
            run_id: Some("runId".to_owned()),
            job_id: Some("jobId".to_owned()),
            message_id: Some("messageId".to_owned()),
            receive_count: Some("receiveCount".to_owned()),
            request_id: Some("requestId".to_owned()),
            outcome: "outcome".to_owned(),
            success: vec![contract::Outcome::Succeeded.as_str().to_owned()],
            failure: vec![contract::Outcome::Failed.as_str().to_owned()],
            reason: Some("reason".to_owned()),
            batch_size: Some("batchSize".to_owned()),
        }
    }
}

impl Default for Expect {
    fn default() -> Self {
        Self {
            receives: None,
            timeout_seconds: None,
            arrival_slack_seconds: 60,
            log_seconds: 30,
            origins: Vec::new(),
            allow: Vec::new(),
        }
    }
}

impl Outputs {
    /// The names of all outputs that a stack has to have.
    pub fn expected(&self) -> Vec<&str> {
        let urls = [&self.preview_url, &self.api_url, &self.job_url];
        let mut names: Vec<&str> = urls.into_iter().flatten().map(String::as_str).collect();
        names.extend([self.jobs_queue.as_str(), self.dead_letter_queue.as_str()]);
        names.extend(self.others.iter().map(String::as_str));
        names
    }
}

impl Expect {
    /// How long a run may take.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout_seconds.map(Duration::from_secs)
    }

    /// The longest that a run waits: for its failing job, which takes `life` to the dead-letter queue, and then for
    /// the log.
    pub fn longest_wait(&self, life: Duration) -> Duration {
        life + Duration::from_secs(self.arrival_slack_seconds + self.log_seconds)
    }

    /// The origins that have to be allowed to call the API, where any are named: [`ANY_ORIGIN`] is none.
    pub fn named_origins(&self) -> impl Iterator<Item = &str> {
        self.origins.iter().map(String::as_str).filter(|origin| *origin != ANY_ORIGIN)
    }

    /// Whether pages of any origin may call the API.
    pub fn allows_any_origin(&self) -> bool {
        self.origins.iter().any(|origin| origin == ANY_ORIGIN)
    }
}

/// The name of a queue, of which an output holds the name, the URL or the ARN.
///
/// Sources: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html>, return
/// values; a name has no slash and no colon.
pub fn queue_name(output: &str) -> &str {
    output.rsplit(['/', ':']).next().unwrap_or(output)
}
