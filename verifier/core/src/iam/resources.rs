//! The resources that permissions are on, by their ARNs.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::partition::partition_of;
use super::permission::ResourceKind;
use super::queue_key::QueueKey;
use crate::evidence::{QueueEvidence, StackEvidence};

/// A stack's resources by their ARNs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources {
    /// The stack. Its ARN ends with an id that a stack of the same name gets again, so a pattern stands for it.
    pub stack: String,
    /// The jobs queue.
    pub jobs_queue: String,
    /// The dead-letter queue.
    pub dead_letter_queue: String,
    /// The queues of the account and the region.
    pub all_queues: String,
    /// The function that reads the jobs queue.
    pub worker: String,
    /// The stack's functions, the one that reads the jobs queue among them, without a version or an alias.
    pub functions: Vec<String>,
    /// The worker without a version or an alias.
    pub worker_settings: String,
    /// The function that submits jobs, where it is known.
    pub submit: Option<String>,
    /// The event source mappings of the account and the region.
    pub mappings: String,
    /// Its log group, with the `:*` that IAM wants for everything but tags.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html>.
    pub log_group: String,
    /// The jobs queue's KMS key, where a caller needs permissions for it.
    pub jobs_queue_key: Option<QueueKey>,
    /// The dead-letter queue's KMS key, likewise.
    pub dead_letter_queue_key: Option<QueueKey>,
    /// Whether these are a stack's resources, and no placeholders.
    pub is_of_stack: bool,
}

impl Resources {
    /// The resources of a stack, most of whose parts its id tells: partition, region and account. `None` where that is no
    /// ARN, and the jobs queue has none either.
    pub fn of(
        stack: &StackEvidence,
        jobs_queue: &QueueEvidence,
        dead_letter_queue: &QueueEvidence,
        worker: &str,
        submit: Option<&str>,
        log_group: &str,
    ) -> Option<Self> {
        // The jobs queue may be another account's.
        let of_stack = stack.id.starts_with("arn:").then_some(stack.id.as_str());
        let parts: Vec<&str> = of_stack.unwrap_or(jobs_queue.arn()).splitn(6, ':').collect();
        let ["arn", partition, _, region, account, _] = parts.as_slice() else {
            return None;
        };
        let name = &stack.name;
        let function = format!("arn:{partition}:lambda:{region}:{account}:function:");
        Some(Self {
            stack: format!("arn:{partition}:cloudformation:{region}:{account}:stack/{name}/*"),
            jobs_queue: jobs_queue.arn().to_owned(),
            dead_letter_queue: dead_letter_queue.arn().to_owned(),
            all_queues: format!("arn:{partition}:sqs:{region}:{account}:*"),
            worker: worker.to_owned(),
            functions: functions(stack, &function, worker),
            worker_settings: unqualified(worker),
            submit: submit.map(|name| format!("{function}{name}")),
            mappings: format!("arn:{partition}:lambda:{region}:{account}:event-source-mapping:*"),
            log_group: format!("arn:{partition}:logs:{region}:{account}:log-group:{log_group}:*"),
            jobs_queue_key: QueueKey::of(jobs_queue),
            dead_letter_queue_key: QueueKey::of(dead_letter_queue),
            is_of_stack: true,
        })
    }

    /// What stands for the resources of a stack that is not known, in the partition of a region.
    pub fn placeholders(region: Option<&str>) -> Self {
        let partition = region.map_or("aws", partition_of);
        let arn =
            |service: &str, rest: &str| format!("arn:{partition}:{service}:REGION:ACCOUNT:{rest}");
        Self {
            stack: arn("cloudformation", "stack/STACK/*"),
            jobs_queue: arn("sqs", "JOBS_QUEUE"),
            dead_letter_queue: arn("sqs", "DEAD_LETTER_QUEUE"),
            all_queues: arn("sqs", "*"),
            worker: arn("lambda", "function:WORKER"),
            // CloudFormation begins the names of a stack's functions with its own.
            functions: vec![arn("lambda", "function:STACK-*")],
            worker_settings: arn("lambda", "function:WORKER"),
            submit: Some(arn("lambda", "function:SUBMIT")),
            mappings: arn("lambda", "event-source-mapping:*"),
            log_group: arn("logs", "log-group:WORKER_LOG_GROUP:*"),
            jobs_queue_key: None,
            dead_letter_queue_key: None,
            is_of_stack: false,
        }
    }

    pub(super) fn of_kind(&self, kind: ResourceKind) -> Vec<&str> {
        match kind {
            ResourceKind::Stack => vec![&self.stack],
            ResourceKind::Queues => vec![&self.jobs_queue, &self.dead_letter_queue],
            ResourceKind::JobsQueue => vec![&self.jobs_queue],
            ResourceKind::DeadLetterQueue => vec![&self.dead_letter_queue],
            ResourceKind::AllQueues => vec![&self.all_queues],
            ResourceKind::Worker => vec![&self.worker],
            ResourceKind::Functions => self.functions.iter().map(String::as_str).collect(),
            ResourceKind::WorkerSettings => vec![&self.worker_settings],
            ResourceKind::Concurrencies => {
                [Some(self.worker_settings.as_str()), self.submit.as_deref()]
                    .into_iter()
                    .flatten()
                    .collect()
            }
            ResourceKind::Mappings => vec![&self.mappings],
            ResourceKind::WorkerLogGroup => vec![&self.log_group],
            ResourceKind::Any => vec!["*"],
        }
    }

    /// What has to hold beside the resource. A mapping's ARN holds a random id, so that its pattern fits every mapping of
    /// the account; the function that the mapping leads to is known.
    ///
    /// A mapping may lead to a version or an alias, whose ARN goes on after the function's. An ARN has six parts for
    /// `ArnLike`, the last of which may hold colons.
    ///
    /// Sources: the condition keys of AWS Lambda in
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html>, and
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>.
    pub(super) fn condition(&self, kind: ResourceKind) -> Option<Value> {
        if kind != ResourceKind::Mappings {
            return None;
        }
        let worker = &self.worker_settings;
        let functions = [worker.clone(), format!("{worker}:*")];
        Some(json!({"ArnLike": {"lambda:FunctionArn": functions}}))
    }
}

/// The ARNs of a stack's functions and of its worker, which another stack may have made, without versions and aliases.
///
/// Source: a function's physical id is its name,
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html>.
pub(super) fn functions(stack: &StackEvidence, prefix: &str, worker: &str) -> Vec<String> {
    let of_stack =
        stack.resources.iter().filter(|one| one.resource_type == "AWS::Lambda::Function");
    let all: BTreeSet<String> = of_stack
        .map(|function| format!("{prefix}{}", function.physical_id))
        .chain([unqualified(worker)])
        .collect();
    all.into_iter().collect()
}

/// A function's ARN without a version or an alias.
fn unqualified(function: &str) -> String {
    function.split(':').take(7).collect::<Vec<_>>().join(":")
}
