//! The settings, and their defaults: this repository's own stack.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::MessageIds;
use super::kinds::{Text, TextOrFalse, Whole, WholeOrFalse};
use super::submit::Submit;

/// The origin in [`Expect::origins`] that stands for every one.
pub const ANY_ORIGIN: &str = "*";

/// The variable from which this repository's page reads the job URL.
pub const JOB_URL_VARIABLE: &str = "__PREVIEW_JOB_URL__";

/// What the verifier knows of a stack beforehand.
///
/// Reading, the reference and the JSON Schema go by these types: what stands above a field is what they say of its key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The names of the stack's outputs.
    pub outputs: Outputs,
    /// The team's resources themselves, where no output names them. Each goes before the output of the same.
    pub resources: NamedResources,
    /// The preview page.
    pub page: Page,
    /// What the API is asked, and answers.
    pub api: Api,
    /// The jobs that a run submits.
    pub jobs: Jobs,
    /// How an outcome is read from a line of the worker's log.
    pub outcomes: Outcomes,
    /// How a side effect is read from a line of the worker's log, where it writes such lines.
    pub effects: Effects,
    /// What is expected of the stack.
    pub expect: Expect,
}

/// The names of the stack's outputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Outputs {
    /// The output with the URL of the preview page.
    #[serde(with = "TextOrFalse")]
    pub preview_url: Option<String>,
    /// The output with the URL of the API: its base, or that of the hello endpoint.
    #[serde(with = "TextOrFalse")]
    pub api_url: Option<String>,
    /// The output with the URL that jobs are posted to.
    #[serde(with = "TextOrFalse")]
    pub job_url: Option<String>,
    /// The output with the jobs queue's name, URL or ARN; or the logical id of the queue, where no output has that name.
    #[serde(with = "Text")]
    pub jobs_queue: String,
    /// The output with the dead-letter queue's name, URL or ARN; or the logical id of the queue, where no output has that name.
    #[serde(with = "Text")]
    pub dead_letter_queue: String,
    /// Outputs that the stack has to have besides.
    pub others: Vec<String>,
}

/// The team's resources themselves, where no output names them. Each goes before the output of the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NamedResources {
    /// The jobs queue, by name, URL or ARN (`--queue`).
    #[serde(with = "TextOrFalse")]
    #[schemars(example = &"orders")]
    pub queue: Option<String>,
    /// The dead-letter queue, by name, URL or ARN (`--dlq`); by default the one that the redrive policy of the jobs queue names.
    #[serde(with = "TextOrFalse")]
    #[schemars(example = &"orders-dlq")]
    pub dead_letter_queue: Option<String>,
    /// The URL of the API (`--api`): its base, or that of the hello endpoint.
    #[serde(with = "TextOrFalse")]
    #[schemars(example = "https://api.example")]
    pub api_url: Option<String>,
    /// The URL that jobs are posted to.
    #[serde(with = "TextOrFalse")]
    #[schemars(example = "https://api.example/orders")]
    pub job_url: Option<String>,
    /// The URL of the preview page.
    #[serde(with = "TextOrFalse")]
    #[schemars(example = "https://preview.example")]
    pub preview_url: Option<String>,
    /// The worker, by name, ARN or logical id (`--function`); needed only where several functions read the jobs queue.
    #[serde(with = "TextOrFalse")]
    #[schemars(example = &"orders-worker")]
    pub function: Option<String>,
}

/// The preview page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Page {
    /// The path below the page's URL of the script that names the job URL.
    #[serde(with = "TextOrFalse")]
    pub config_path: Option<String>,
    /// The property of `window` from which the page reads the job URL, as in `CONFIG.jobUrl`; with `false`, or where the default is not set, any may hold it.
    #[serde(with = "TextOrFalse")]
    pub job_url_variable: Option<String>,
    /// The property of `window` from which the page reads the API's URL; it may be absent.
    #[serde(with = "TextOrFalse")]
    pub api_url_variable: Option<String>,
}

/// What the API is asked, and answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// The path of the hello endpoint below the API's URL.
    #[serde(with = "TextOrFalse")]
    pub hello_path: Option<String>,
    /// What the hello endpoint's JSON holds: from JSON paths to strings, in which `{tag:NAME}` is a tag of the stack; `*` is any text.
    pub hello_answer: BTreeMap<String, String>,
    /// The path below the API's URL that jobs are posted to, where no output says it.
    #[serde(with = "TextOrFalse")]
    #[schemars(example = "/orders")]
    pub jobs_path: Option<String>,
    /// The status of the answer to a job that was accepted.
    #[serde(with = "Whole::<200, 299>")]
    pub accepted_status: u16,
    /// The JSON path to the job's id in that answer.
    #[serde(with = "TextOrFalse")]
    pub accepted_job_id: Option<String>,
    /// The JSON path to the SQS message's id in that answer; without one, messages are known by the jobs that they hold.
    #[serde(with = "TextOrFalse")]
    pub accepted_message_id: Option<String>,
}

/// The jobs that a run submits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Jobs {
    /// How jobs get to the queue: posted to the API (`http`), or sent to the queue itself by `SendMessage` (`sqs`).
    pub submit: Submit,
    /// The attributes of each message that is sent to the queue itself, all of the type String, with `{job_id}`, `{run_id}` and `{name}`.
    #[schemars(example = attributes_example())]
    pub message_attributes: BTreeMap<String, String>,
    /// The message group of each message that is sent to a FIFO queue itself, with the same; a failing job holds back what is behind it in its group.
    #[serde(with = "TextOrFalse")]
    pub message_group_id: Option<String>,
    /// The deduplication id of each message that is sent to a FIFO queue itself, with the same; `false` where the queue goes by the content.
    #[serde(with = "TextOrFalse")]
    pub message_deduplication_id: Option<String>,
    /// The body of a job that succeeds, with `{job_id}`, `{run_id}` and `{name}`.
    #[serde(with = "Text")]
    pub good: String,
    /// The body of a job that fails at every attempt, with the same.
    #[serde(with = "Text")]
    pub failing: String,
    /// The bodies of other jobs that `chaos` submits, from the kind to the body, with the same: `slow` with `{milliseconds}`, `flaky` with `{fails}`, `exiting` with `{at}`, and `garbling`.
    #[schemars(example = kinds_example())]
    pub kinds: BTreeMap<String, String>,
    /// Bodies that the API has to refuse, with the same; `{padding}` makes one larger than the queue takes.
    pub refused: Vec<Refused>,
    /// The headers of every submission.
    pub headers: BTreeMap<String, String>,
    /// Whether the queue's message is the body that was submitted, as JSON.
    pub message_is_body: bool,
    /// The JSON path to the run's id in the queue's message; without one it follows from the job's id.
    #[serde(with = "TextOrFalse")]
    pub message_run_id: Option<String>,
    /// The JSON path to the job's id in the queue's message.
    #[serde(with = "Text")]
    pub message_job_id: String,
}

/// A body that the API has to refuse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// What is wrong with it, in a word.
    #[serde(with = "Text")]
    pub defect: String,
    /// The body.
    #[serde(with = "Text")]
    pub body: String,
}

/// How an outcome is read from a line of the worker's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Outcomes {
    /// A regular expression for lines that are no JSON, with groups named as the paths below: `(?<job_id>\S+)`.
    #[serde(with = "TextOrFalse")]
    #[schemars(example = r"^(?<job_id>\S+) (?<outcome>\w+)$")]
    pub pattern: Option<String>,
    /// What a JSON line has to hold to be an outcome: from JSON paths to values.
    pub marks: BTreeMap<String, String>,
    /// The JSON path to the run's id; without one it follows from the job's id.
    #[serde(with = "TextOrFalse")]
    pub run_id: Option<String>,
    /// The JSON path to the job's id.
    #[serde(with = "TextOrFalse")]
    pub job_id: Option<String>,
    /// The JSON path to the SQS message's id; without one, lines are told apart by the job's id.
    #[serde(with = "TextOrFalse")]
    pub message_id: Option<String>,
    /// The JSON path to the message's `ApproximateReceiveCount`; without one, the lines of a message are counted.
    #[serde(with = "TextOrFalse")]
    pub receive_count: Option<String>,
    /// The JSON path to the Lambda request id, which tells the jobs of one batch; where a line has none, the report that comes next in its log stream tells it.
    #[serde(with = "TextOrFalse")]
    pub request_id: Option<String>,
    /// The JSON path to the outcome.
    #[serde(with = "Text")]
    pub outcome: String,
    /// The outcomes that mean success.
    pub success: Vec<String>,
    /// The outcomes that mean failure.
    pub failure: Vec<String>,
    /// The JSON path to the reason of a failure.
    #[serde(with = "TextOrFalse")]
    pub reason: Option<String>,
    /// The JSON path to the number of messages in the invocation.
    #[serde(with = "TextOrFalse")]
    pub batch_size: Option<String>,
}

/// How a side effect is read from a line of the worker's log, where it writes such lines: by `chaos`, which then sees whether one was done twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Effects {
    /// A regular expression for lines that are no JSON, with the groups `job_id` and `key`: `(?<job_id>\S+)`.
    #[serde(with = "TextOrFalse")]
    #[schemars(example = r"^charged (?<key>\S+) for (?<job_id>\S+)$")]
    pub pattern: Option<String>,
    /// What a JSON line has to hold to tell an effect: from JSON paths to values.
    pub marks: BTreeMap<String, String>,
    /// The JSON path to the job's id.
    #[serde(with = "Text")]
    pub job_id: String,
    /// The JSON path to what tells the effects of one job apart; without one, a job has one effect.
    #[serde(with = "TextOrFalse")]
    pub key: Option<String>,
}

/// What is expected of the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// The `maxReceiveCount` of the jobs queue; any without one.
    #[serde(with = "WholeOrFalse::<1, 1000>")]
    #[schemars(example = 5)]
    pub receives: Option<u32>,
    /// How long a run may take.
    #[serde(with = "WholeOrFalse::<1, 604_800>")]
    #[schemars(example = 900)]
    pub timeout_seconds: Option<u64>,
    /// How much later than it is due a dead letter is given up.
    // To the longest time for which a message can be hidden.
    #[serde(with = "Whole::<1, 43_200>")]
    pub arrival_slack_seconds: u64,
    /// How long lines of the log are waited for.
    #[serde(with = "Whole::<1, 3600>")]
    pub log_seconds: u64,
    /// The origins whose pages may post jobs, `*` for all; without any, the preview page's own.
    #[schemars(example = origins_example())]
    pub origins: Vec<String>,
    /// Warnings that do not fail a run with `--strict`, each with its reason.
    #[schemars(example = allow_example())]
    pub allow: Vec<Allowance>,
}

/// A warning that the stack lives with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allowance {
    /// The check that warns.
    #[serde(with = "Text")]
    pub check: String,
    /// Why that is no trouble.
    #[serde(with = "Text")]
    pub reason: String,
}

// Written as calls, since an array in an attribute needs a `syn` that only other packages of the workspace ask for.
fn origins_example() -> [&'static str; 1] {
    ["https://preview.example"]
}

fn attributes_example() -> BTreeMap<String, String> {
    pairs(&[("type", "order"), ("trace", "{run_id}")])
}

fn kinds_example() -> BTreeMap<String, String> {
    pairs(&[("flaky", r#"{"ref": "{job_id}", "failTimes": {fails}}"#)])
}

fn allow_example() -> [Allowance; 1] {
    [Allowance { check: "cfg.logs".to_owned(), reason: "logs are exported daily".to_owned() }]
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
            accepted_message_id: Some("messageId".to_owned()),
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
            submit: Submit::Http,
            message_attributes: BTreeMap::new(),
            message_group_id: Some("{job_id}".to_owned()),
            message_deduplication_id: Some("{job_id}".to_owned()),
            good: format!(r#"{{"task":"verifier: {{name}}",{ids}}}"#),
            failing: format!(r#"{{"task":"verifier: {{name}}","fail":true,{ids}}}"#),
            kinds: BTreeMap::new(),
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
            message_run_id: Some("runId".to_owned()),
            message_job_id: "jobId".to_owned(),
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

impl Default for Effects {
    fn default() -> Self {
        Self {
            pattern: None,
            marks: pairs(&[("event", "job.effect")]),
            job_id: "jobId".to_owned(),
            key: Some("key".to_owned()),
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

impl Jobs {
    /// Where a message says which run and which job it belongs to.
    pub fn message_ids(&self) -> MessageIds {
        MessageIds { run_id: self.message_run_id.clone(), job_id: self.message_job_id.clone() }
    }

    /// Whether they are sent to the queue itself.
    pub fn are_sent(&self) -> bool {
        self.submit == Submit::Sqs
    }

    /// Whether all messages that are sent to a FIFO queue are of one group: then each waits for those before it.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagegroupid-property.html>.
    pub fn are_one_group(&self) -> bool {
        let tells_jobs_apart =
            |id: &String| ["{job_id}", "{name}"].iter().any(|part| id.contains(part));
        !self.message_group_id.as_ref().is_some_and(tells_jobs_apart)
    }

    /// Whether the jobs are those of this project's contract, however they get to the queue.
    pub fn are_of_contract(&self) -> bool {
        let Self { submit, message_attributes, message_group_id, message_deduplication_id, .. } =
            Self::default();
        let bodies = Self {
            submit,
            message_attributes,
            message_group_id,
            message_deduplication_id,
            ..self.clone()
        };
        bodies == Self::default()
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
