//! A stack as its template describes it, resolved and typed: what the emulator is built from.

mod alarms;
mod apis;
mod build;
mod code;
mod constraints;
mod deployable;
mod entrances;
mod functions;
mod log_groups;
mod managed_policies;
mod openapi;
mod organization;
mod own_arns;
mod permissions;
mod properties;
mod queue_policies;
mod roles;
mod stages;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};
use verifier_model::cloudwatch::MetricAlarm;
use verifier_model::event_source_mapping::MappingConfiguration;
use verifier_model::sqs::QueueAttributes;

pub(crate) use crate::template::BINARY_KEY;
pub(crate) use build::build;
pub(crate) use deployable::{check_functions, check_mappings};
pub use organization::Organization;
pub(crate) use organization::{of_principal, of_resource, of_source};
pub(crate) use own_arns::as_own;
pub(crate) use permissions::API_GATEWAY;
pub use roles::RoleSpec;

/// A stack.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub id: String,
    /// What its template says of itself.
    pub description: Option<String>,
    /// The tags that all its taggable resources share.
    pub tags: BTreeMap<String, String>,
    /// Its outputs, in the order of their names.
    pub outputs: Vec<Output>,
    /// Every resource of the template that exists, emulated or not.
    pub resources: Vec<Resource>,
    /// Its queues.
    pub queues: Vec<QueueSpec>,
    /// Its functions: those that are needed, and others that can be run.
    pub functions: Vec<FunctionSpec>,
    /// Its event source mappings.
    pub mappings: Vec<MappingSpec>,
    /// Its log groups.
    pub log_groups: Vec<LogGroupSpec>,
    /// Its alarms.
    pub alarms: Vec<AlarmSpec>,
    /// Its roles.
    pub roles: Vec<RoleSpec>,
    /// Its HTTP APIs.
    pub apis: Vec<ApiSpec>,
    /// Its CloudFront distributions on S3.
    pub sites: Vec<SiteSpec>,
    /// What its policies say of organisations.
    pub organization: Organization,
    /// What reaches into the stack and is missing here: what the user leaves out, and what is not emulated and names a queue,
    /// a function or an API.
    pub absent: Vec<Skipped>,
    /// What the emulator does not stand in for, and why that does not matter to it.
    pub skipped: Vec<Skipped>,
}

impl Stack {
    /// What decides otherwise here than where the template was written for, and has to be known: a sentence each.
    pub fn notes(&self) -> Vec<String> {
        let of_roles = self.skipped.iter().filter(|skipped| skipped.resource_type == ROLE);
        let of_roles = of_roles.map(|Skipped { logical_id, resource_type, reason }| {
            format!("{logical_id} ({resource_type}) {reason}")
        });
        self.organization.note().into_iter().chain(of_roles).collect()
    }
}

/// An output.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
    /// What it is.
    pub description: Option<String>,
}

/// A resource, as CloudFormation lists it.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its name in the template.
    pub logical_id: String,
    /// Its name in AWS.
    pub physical_id: String,
    /// Its type.
    pub resource_type: String,
}

/// A queue.
#[derive(Clone, Debug)]
pub struct QueueSpec {
    /// Its name.
    pub name: String,
    /// What it is configured with.
    pub attributes: QueueAttributes,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A function.
#[derive(Clone, Debug)]
pub struct FunctionSpec {
    /// Its name in the template.
    pub logical_id: String,
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// What invokes it, as far as the template says.
    pub invoked_by: InvokedBy,
    /// What it runs.
    pub program: Program,
    /// How long an invocation may take; 1 to 900 s.
    pub timeout_seconds: u64,
    /// Its memory; 128 to 10,240 MB.
    pub memory_mb: u64,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
    /// Where its output goes.
    pub log_group: String,
    /// `JSON` or `Text`.
    pub log_format: String,
    /// From which level on the function logs, where the format is `JSON`: its runtime heeds it.
    pub application_log_level: Option<String>,
    /// For example `provided.al2023`.
    pub runtime: String,
    /// For example `bootstrap`.
    pub handler: String,
    /// `arm64` or `x86_64`.
    pub architectures: Vec<String>,
    /// What it is.
    pub description: String,
    /// Its role's ARN.
    pub role: String,
    /// The most invocations at a time; `None` if it shares the account's.
    pub reserved_concurrency: Option<u32>,
    /// The ARN of the queue for events of asynchronous invocations that failed for good.
    pub dead_letter_target_arn: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// What invokes a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvokedBy {
    /// A mapping or an API; or it names a program, and is meant to be there.
    Stack,
    /// Clients of Lambda's `Invoke`, if anybody: it is there if it can be run.
    Clients,
    /// Custom resources, when AWS deploys the stack.
    CustomResources,
}

/// What a function runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// The program of that name in the folder of functions, from the resource's metadata.
    Binary(String),
    /// Its own code.
    Code(Code),
}

/// A function's own code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code {
    /// What runs it.
    pub runtime: Runtime,
    /// Where it is.
    pub place: CodePlace,
    /// Its layers: a later one lies on top.
    pub layers: Vec<Layer>,
}

/// What runs a function's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Runtime {
    /// Node.js of that major version.
    Node(u32),
    /// Python 3 of that minor version.
    Python(u32),
    /// The function itself: its `bootstrap`.
    Provided,
}

/// Where code is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CodePlace {
    /// In the template itself: the text of a file called `index`.
    Inline(String),
    /// In a folder or an archive, by its path from the folder of the template.
    Path(String),
    /// In a bucket, by its key or URL.
    Object(String),
}

/// A layer of a function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Layer {
    /// Its name in the template.
    pub logical_id: String,
    /// Where its content is.
    pub place: CodePlace,
}

/// A log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogGroupSpec {
    /// Its name.
    pub name: String,
    /// How many days events are kept; absent if indefinitely.
    pub retention_days: Option<u32>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A metric alarm.
#[derive(Clone, Debug)]
pub struct AlarmSpec {
    /// What it is defined as.
    pub definition: MetricAlarm,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// An event source mapping on a queue.
#[derive(Clone, Debug)]
pub struct MappingSpec {
    /// Its id.
    pub uuid: String,
    /// What it is configured with.
    pub configuration: MappingConfiguration,
}

/// An HTTP API.
#[derive(Clone, Debug)]
pub struct ApiSpec {
    /// Its id.
    pub id: String,
    /// Its stages; without one that is deployed, it is served nowhere.
    pub stages: Vec<StageSpec>,
    /// Its routes.
    pub routes: Vec<RouteSpec>,
    /// What browsers of other origins may do.
    pub cors: Option<CorsSpec>,
}

/// A stage of an HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageSpec {
    /// `$default`, which is served from the base of the API's URL, or the first segment of the paths that it serves.
    pub name: String,
    /// Whether the API was deployed to it. Where it was not, it answers 404.
    pub is_deployed: bool,
}

/// A route of an HTTP API.
#[derive(Clone, Debug)]
pub struct RouteSpec {
    /// As API Gateway writes it: `GET /hello`, `ANY /things/{id}`, `$default`.
    pub key: String,
    /// The function that it invokes.
    pub function: String,
    /// The role with which the API invokes it, by its ARN; the API itself does where there is none.
    pub credentials: Option<String>,
    /// The stages for which the function's policy lets the API invoke it.
    pub permitted_stages: Vec<String>,
    /// How long the API waits for the function.
    pub timeout: Duration,
}

/// The CORS configuration of an HTTP API.
#[derive(Clone, Debug, Default)]
pub struct CorsSpec {
    /// `Access-Control-Allow-Origin`.
    pub allow_origins: Vec<String>,
    /// `Access-Control-Allow-Methods`.
    pub allow_methods: Vec<String>,
    /// `Access-Control-Allow-Headers`.
    pub allow_headers: Vec<String>,
    /// `Access-Control-Expose-Headers`.
    pub expose_headers: Vec<String>,
    /// `Access-Control-Max-Age`.
    pub max_age_seconds: Option<u64>,
    /// `Access-Control-Allow-Credentials`.
    pub allow_credentials: bool,
}

/// A CloudFront distribution on an S3 bucket.
#[derive(Clone, Debug)]
pub struct SiteSpec {
    /// The distribution's id.
    pub distribution_id: String,
    /// The domain that CloudFront gave it.
    pub domain: String,
    /// The name of the bucket.
    pub bucket: String,
    /// What is served at `/`.
    pub default_root_object: String,
    /// The page that is served in place of an error of S3, with its status: by S3's status.
    pub error_pages: BTreeMap<u16, (u16, String)>,
    /// What deployments put into the bucket, in their order.
    pub contents: Vec<SiteContent>,
}

/// What one deployment puts into a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SiteContent {
    /// The files below a folder, named relative to the project's root.
    Directory(String),
    /// A file, by its key and text.
    File(String, String),
}

/// A resource or output that the emulator leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type.
    pub resource_type: String,
    /// Why it was left out.
    pub reason: String,
}

/// Why a function that is not run is no reason to refuse the template.
pub(crate) const NOT_NEEDED: &str = "is invoked by nothing here, and is not run";
/// The route that takes what no other does.
pub(crate) const DEFAULT_ROUTE: &str = "$default";
/// The stage that is served from the base of an API's URL.
pub(crate) const DEFAULT_STAGE: &str = "$default";
/// The type of queues' policies.
const QUEUE_POLICY: &str = "AWS::SQS::QueuePolicy";
/// The type of policies that are of one queue.
const QUEUE_INLINE_POLICY: &str = "AWS::SQS::QueueInlinePolicy";
/// Both of them.
const QUEUE_POLICIES: [&str; 2] = [QUEUE_POLICY, QUEUE_INLINE_POLICY];
/// The type of roles.
const ROLE: &str = "AWS::IAM::Role";
/// The metadata key that names the folder which a deployment copies into a bucket.
pub(crate) const DIRECTORY_KEY: &str = "verifier:directory";
/// The metadata key that holds files which a deployment writes into a bucket.
pub(crate) const FILES_KEY: &str = "verifier:files";

fn tags_of(properties: &Map<String, Value>) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match properties.get("Tags") {
        Some(Value::Array(tags)) => tags
            .iter()
            .filter_map(|tag| Some((text(tag.get("Key")?)?, text(tag.get("Value")?)?)))
            .collect(),
        Some(Value::Object(tags)) => {
            tags.iter().filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect()
        }
        _ => BTreeMap::new(),
    }
}
