//! What the verifier may have to ask of AWS, and the least that a role must allow for it.
//!
//! A list for each command says which operation needs which action on what; a test compares it with the operations that
//! are really called, so that it neither lacks one nor has one too many.
//!
//! Sources: the actions, resource types and condition keys of each service in
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.

mod keys;
mod partition;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

pub use self::keys::{QueueKey, needed_on_unknown};
use self::partition::partition_of;
use crate::evidence::{QueueEvidence, StackEvidence};

/// What an action is allowed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    /// The stack.
    Stack,
    /// The jobs queue and the dead-letter queue.
    Queues,
    /// The jobs queue alone.
    JobsQueue,
    /// The dead-letter queue alone.
    DeadLetterQueue,
    /// All queues of the account and the region.
    AllQueues,
    /// The function that reads the jobs queue.
    Worker,
    /// All functions of the stack.
    Functions,
    /// The worker's settings, which a version or an alias has none of.
    WorkerSettings,
    /// The worker and the function that submits jobs, whose concurrency experiments reserve.
    Concurrencies,
    /// Event source mappings, whose ids nobody knows before: those that lead to the worker.
    Mappings,
    /// The log group of that function.
    WorkerLogGroup,
    /// The action cannot be allowed on single resources.
    Any,
}

/// An operation that the verifier calls, and what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The operation, as the SDK names it, for example `SQS.DeleteMessageBatch`.
    pub operation: &'static str,
    /// The IAM action, for example `sqs:DeleteMessage`.
    pub action: &'static str,
    /// What it is allowed on.
    pub resource: ResourceKind,
    /// When it is called, where a good run does without it.
    pub only_when: Option<&'static str>,
}

/// A permission that every run needs.
const fn always(
    operation: &'static str,
    action: &'static str,
    resource: ResourceKind,
) -> Permission {
    Permission { operation, action, resource, only_when: None }
}

/// When something is called that not every run calls.
struct When(&'static str);

const CHANGES: When = When("the experiment changes such a setting");
const PURGES: When = When("the experiment purges the jobs queue");
const COMPETES: When = When("another consumer receives from the jobs queue");
const REDRIVES: When = When("the experiment moves dead letters back");
const REASONS: When = When("messages are chosen by the reasons of their failures");
const LOOKS: When = When("messages are looked at, by --look");

impl When {
    const fn calls(
        self,
        operation: &'static str,
        action: &'static str,
        resource: ResourceKind,
    ) -> Permission {
        Permission { operation, action, resource, only_when: Some(self.0) }
    }
}

/// What `verifier check` needs. Entries on the same resources become one statement.
pub const CHECK: [Permission; 13] = [
    always("CloudFormation.DescribeStacks", "cloudformation:DescribeStacks", ResourceKind::Stack),
    always(
        "CloudFormation.ListStackResources",
        "cloudformation:ListStackResources",
        ResourceKind::Stack,
    ),
    always("SQS.GetQueueAttributes", "sqs:GetQueueAttributes", ResourceKind::Queues),
    Permission {
        operation: "SQS.GetQueueUrl",
        action: "sqs:GetQueueUrl",
        resource: ResourceKind::Queues,
        only_when: Some("an output names a queue that is not among the stack's resources"),
    },
    always("SQS.ListQueueTags", "sqs:ListQueueTags", ResourceKind::JobsQueue),
    always("SQS.ReceiveMessage", "sqs:ReceiveMessage", ResourceKind::DeadLetterQueue),
    // A batch of either kind needs the action of the single operation.
    always("SQS.DeleteMessageBatch", "sqs:DeleteMessage", ResourceKind::DeadLetterQueue),
    Permission {
        operation: "SQS.ChangeMessageVisibilityBatch",
        action: "sqs:ChangeMessageVisibility",
        resource: ResourceKind::DeadLetterQueue,
        only_when: Some(
            "messages of others are in the dead-letter queue, and are made visible again",
        ),
    },
    always(
        "Lambda.GetFunctionConfiguration",
        "lambda:GetFunctionConfiguration",
        ResourceKind::Worker,
    ),
    always("CloudWatch Logs.FilterLogEvents", "logs:FilterLogEvents", ResourceKind::WorkerLogGroup),
    always("Lambda.ListEventSourceMappings", "lambda:ListEventSourceMappings", ResourceKind::Any),
    always("CloudWatch Logs.DescribeLogGroups", "logs:DescribeLogGroups", ResourceKind::Any),
    always(
        "CloudWatch.DescribeAlarmsForMetric",
        "cloudwatch:DescribeAlarmsForMetric",
        ResourceKind::Any,
    ),
];

/// What finds the queues of `verifier dlq` and `verifier redrive`.
///
/// The caller's identity is asked for, too, by an operation that needs no permission:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>.
const FIND_QUEUES: [Permission; 5] = [
    always("CloudFormation.DescribeStacks", "cloudformation:DescribeStacks", ResourceKind::Stack),
    always(
        "CloudFormation.ListStackResources",
        "cloudformation:ListStackResources",
        ResourceKind::Stack,
    ),
    always("SQS.GetQueueUrl", "sqs:GetQueueUrl", ResourceKind::Queues),
    always("SQS.GetQueueAttributes", "sqs:GetQueueAttributes", ResourceKind::Queues),
    Permission {
        operation: "SQS.ListDeadLetterSourceQueues",
        action: "sqs:ListDeadLetterSourceQueues",
        resource: ResourceKind::DeadLetterQueue,
        only_when: Some("several queues may share the dead-letter queue"),
    },
];

/// The same, and the consumer and its log.
const FIND: [Permission; 7] = with(
    &FIND_QUEUES,
    [
        always(
            "Lambda.ListEventSourceMappings",
            "lambda:ListEventSourceMappings",
            ResourceKind::Any,
        ),
        always(
            "Lambda.GetFunctionConfiguration",
            "lambda:GetFunctionConfiguration",
            ResourceKind::Worker,
        ),
    ],
);

const RECEIVE: Permission =
    always("SQS.ReceiveMessage", "sqs:ReceiveMessage", ResourceKind::DeadLetterQueue);
const RELEASE: Permission = Permission {
    operation: "SQS.ChangeMessageVisibilityBatch",
    action: "sqs:ChangeMessageVisibility",
    resource: ResourceKind::DeadLetterQueue,
    only_when: Some("messages are made visible again, or held for longer"),
};
const DELETE: Permission =
    always("SQS.DeleteMessageBatch", "sqs:DeleteMessage", ResourceKind::DeadLetterQueue);
const READ_LOG: Permission = Permission {
    operation: "CloudWatch Logs.FilterLogEvents",
    action: "logs:FilterLogEvents",
    resource: ResourceKind::WorkerLogGroup,
    only_when: Some("the reasons of failures are asked for, or what became of messages"),
};
const SEND: Permission = always("SQS.SendMessageBatch", "sqs:SendMessage", ResourceKind::JobsQueue);

const LIST_FUNCTIONS: Permission = Permission {
    operation: "Lambda.ListFunctions",
    action: "lambda:ListFunctions",
    resource: ResourceKind::Any,
    only_when: Some(
        "functions are invoked (--to-function), and several may share the dead-letter queue",
    ),
};
const INVOKE: Permission = Permission {
    operation: "Lambda.Invoke",
    action: "lambda:InvokeFunction",
    resource: ResourceKind::Worker,
    only_when: Some("a function is invoked with the events of messages (--to-function)"),
};

/// What `verifier dlq queues` needs: it finds dead-letter queues by the redrive policies of all queues.
pub const DLQ_QUEUES: [Permission; 7] = [
    always("SQS.ListQueues", "sqs:ListQueues", ResourceKind::Any),
    always("Lambda.ListFunctions", "lambda:ListFunctions", ResourceKind::Any),
    always(
        "Lambda.ListFunctionEventInvokeConfigs",
        "lambda:ListFunctionEventInvokeConfigs",
        ResourceKind::Any,
    ),
    always("SQS.GetQueueAttributes", "sqs:GetQueueAttributes", ResourceKind::AllQueues),
    always(
        "CloudWatch.DescribeAlarmsForMetric",
        "cloudwatch:DescribeAlarmsForMetric",
        ResourceKind::Any,
    ),
    LOOKS.calls("SQS.ReceiveMessage", "sqs:ReceiveMessage", ResourceKind::AllQueues),
    LOOKS.calls(
        "SQS.ChangeMessageVisibilityBatch",
        "sqs:ChangeMessageVisibility",
        ResourceKind::AllQueues,
    ),
];

/// What `verifier dlq list`, `show`, `explain`, `export` and `watch` need: nothing that deletes or sends.
pub const DLQ_LOOK: [Permission; 11] = with(
    &FIND,
    [
        RECEIVE,
        RELEASE,
        READ_LOG,
        Permission {
            operation: "CloudWatch.GetMetricStatistics",
            action: "cloudwatch:GetMetricStatistics",
            resource: ResourceKind::Any,
            only_when: Some("messages are watched, to say how old the oldest is"),
        },
    ],
);

/// What `verifier dlq purge` needs.
///
/// Only the reasons of failures lead it to the consumer and its log.
pub const DLQ_PURGE: [Permission; 11] = with(
    &FIND_QUEUES,
    [
        REASONS.calls(
            "Lambda.ListEventSourceMappings",
            "lambda:ListEventSourceMappings",
            ResourceKind::Any,
        ),
        REASONS.calls(
            "Lambda.GetFunctionConfiguration",
            "lambda:GetFunctionConfiguration",
            ResourceKind::Worker,
        ),
        RECEIVE,
        RELEASE,
        READ_LOG,
        DELETE,
    ],
);

/// What `verifier dlq import` needs to put messages into the dead-letter queue, and with `--to` into the jobs queue.
pub const DLQ_IMPORT: [Permission; 8] =
    with(&FIND, [Permission { resource: ResourceKind::Queues, ..SEND }]);

/// What `verifier redrive` needs.
pub const REDRIVE: [Permission; 14] =
    with(&FIND, [RECEIVE, RELEASE, READ_LOG, DELETE, SEND, LIST_FUNCTIONS, INVOKE]);

/// What `verifier redrive --native` needs. SQS moves on behalf of whoever starts the task, who has to be allowed each part.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html>.
pub const REDRIVE_NATIVE: [Permission; 13] = with(
    &FIND,
    [
        on_dead_letters("SQS.ListMessageMoveTasks", "sqs:ListMessageMoveTasks"),
        on_dead_letters("SQS.StartMessageMoveTask", "sqs:StartMessageMoveTask"),
        on_dead_letters("SQS.StartMessageMoveTask", "sqs:ReceiveMessage"),
        on_dead_letters("SQS.StartMessageMoveTask", "sqs:DeleteMessage"),
        always("SQS.StartMessageMoveTask", "sqs:SendMessage", ResourceKind::JobsQueue),
        Permission {
            operation: "SQS.CancelMessageMoveTask",
            action: "sqs:CancelMessageMoveTask",
            resource: ResourceKind::DeadLetterQueue,
            only_when: Some("the task is to be cancelled"),
        },
    ],
);

/// What `verifier chaos --stack` and `chaos rollback` need: a role that changes previews, and nothing that deletes them.
///
/// Its steady states are `verifier check`.
pub const CHAOS: [Permission; 29] = with(
    &CHECK,
    [
        always("SQS.TagQueue", "sqs:TagQueue", ResourceKind::JobsQueue),
        always("SQS.UntagQueue", "sqs:UntagQueue", ResourceKind::JobsQueue),
        always(
            "Lambda.GetFunctionConfiguration",
            "lambda:GetFunctionConfiguration",
            ResourceKind::Functions,
        ),
        CHANGES.calls(
            "Lambda.GetEventSourceMapping",
            "lambda:GetEventSourceMapping",
            ResourceKind::Mappings,
        ),
        CHANGES.calls(
            "Lambda.UpdateEventSourceMapping",
            "lambda:UpdateEventSourceMapping",
            ResourceKind::Mappings,
        ),
        CHANGES.calls(
            "Lambda.GetFunctionConcurrency",
            "lambda:GetFunctionConcurrency",
            ResourceKind::Concurrencies,
        ),
        CHANGES.calls(
            "Lambda.PutFunctionConcurrency",
            "lambda:PutFunctionConcurrency",
            ResourceKind::Concurrencies,
        ),
        CHANGES.calls(
            "Lambda.DeleteFunctionConcurrency",
            "lambda:DeleteFunctionConcurrency",
            ResourceKind::Concurrencies,
        ),
        CHANGES.calls(
            "Lambda.UpdateFunctionConfiguration",
            "lambda:UpdateFunctionConfiguration",
            ResourceKind::WorkerSettings,
        ),
        CHANGES.calls("SQS.SetQueueAttributes", "sqs:SetQueueAttributes", ResourceKind::JobsQueue),
        PURGES.calls("SQS.PurgeQueue", "sqs:PurgeQueue", ResourceKind::JobsQueue),
        COMPETES.calls("SQS.ReceiveMessage", "sqs:ReceiveMessage", ResourceKind::JobsQueue),
        REDRIVES.calls("SQS.SendMessageBatch", "sqs:SendMessage", ResourceKind::JobsQueue),
        REDRIVES.calls(
            "SQS.ListMessageMoveTasks",
            "sqs:ListMessageMoveTasks",
            ResourceKind::DeadLetterQueue,
        ),
        REDRIVES.calls(
            "SQS.StartMessageMoveTask",
            "sqs:StartMessageMoveTask",
            ResourceKind::DeadLetterQueue,
        ),
        REDRIVES.calls(
            "SQS.ListDeadLetterSourceQueues",
            "sqs:ListDeadLetterSourceQueues",
            ResourceKind::DeadLetterQueue,
        ),
    ],
);

const fn on_dead_letters(operation: &'static str, action: &'static str) -> Permission {
    always(operation, action, ResourceKind::DeadLetterQueue)
}

/// Two lists in one.
const fn with<const A: usize, const B: usize, const N: usize>(
    first: &[Permission; A],
    second: [Permission; B],
) -> [Permission; N] {
    assert!(A + B == N);
    let mut all = [first[0]; N];
    let mut index = 0;
    while index < N {
        all[index] = if index < A { first[index] } else { second[index - A] };
        index += 1;
    }
    all
}

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

    fn of_kind(&self, kind: ResourceKind) -> Vec<&str> {
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
    fn condition(&self, kind: ResourceKind) -> Option<Value> {
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
fn functions(stack: &StackEvidence, prefix: &str, worker: &str) -> Vec<String> {
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

/// The identity-based policy that allows exactly these permissions: a statement for each kind of resource.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.
pub fn policy(permissions: &[Permission], resources: &Resources) -> Value {
    let mut actions = BTreeMap::<ResourceKind, Vec<&str>>::new();
    for permission in permissions {
        let of_kind = actions.entry(permission.resource).or_default();
        if !of_kind.contains(&permission.action) {
            of_kind.push(permission.action);
        }
    }
    let mut statements: Vec<Value> = actions
        .into_iter()
        .map(|(kind, mut actions)| {
            actions.sort_unstable();
            let mut statement = json!({
                "Sid": sid(kind),
                "Effect": "Allow",
                "Action": actions,
                "Resource": resources.of_kind(kind),
            });
            if let Some(condition) = resources.condition(kind) {
                statement["Condition"] = condition;
            }
            statement
        })
        .collect();
    statements.extend(keys::statements(permissions, resources));
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// A statement's id, which may have letters and digits only.
fn sid(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Stack => "Stack",
        ResourceKind::Queues => "Queues",
        ResourceKind::JobsQueue => "JobsQueue",
        ResourceKind::DeadLetterQueue => "DeadLetterQueue",
        ResourceKind::AllQueues => "AllQueues",
        ResourceKind::Worker => "Worker",
        ResourceKind::Functions => "Functions",
        ResourceKind::WorkerSettings => "WorkerSettings",
        ResourceKind::Concurrencies => "Concurrencies",
        ResourceKind::Mappings => "Mappings",
        ResourceKind::WorkerLogGroup => "WorkerLogGroup",
        ResourceKind::Any => "NotOnSingleResources",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::StackResource;

    const ALL: [&[Permission]; 8] = [
        &CHECK,
        &DLQ_QUEUES,
        &DLQ_LOOK,
        &DLQ_PURGE,
        &DLQ_IMPORT,
        &REDRIVE,
        &REDRIVE_NATIVE,
        &CHAOS,
    ];

    const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:";

    fn queue(arn: &str) -> QueueEvidence {
        let attributes = [("QueueArn".to_owned(), arn.to_owned())].into();
        QueueEvidence { attributes, ..QueueEvidence::default() }
    }

    fn stack(functions: &[&str]) -> StackEvidence {
        let resource = |name: &&str| StackResource {
            logical_id: "Function".to_owned(),
            physical_id: (*name).to_owned(),
            resource_type: "AWS::Lambda::Function".to_owned(),
        };
        let resources = functions.iter().map(resource).collect();
        StackEvidence { name: "S".to_owned(), resources, ..StackEvidence::default() }
    }

    /// The resources of a stack whose worker, of another stack, is read by an alias.
    pub(super) fn resources() -> Resources {
        let arn = |name: &str| format!("arn:aws:sqs:eu-central-1:123456789012:{name}");
        let (jobs, dead_letters) = (queue(&arn("Jobs")), queue(&arn("Dead")));
        let worker = format!("{FUNCTION}press:live");
        let stack = stack(&["S-Submit-1", "S-Other-1"]);
        Resources::of(&stack, &jobs, &dead_letters, &worker, Some("S-Submit-1"), "W").unwrap()
    }

    #[test]
    fn experiments_change_the_worker_and_stop_the_function_that_submits_and_no_other() {
        let policy = policy(&CHAOS, &resources());
        let statements = policy["Statement"].as_array().unwrap();
        let reached = |action: &str| -> Vec<String> {
            let allows =
                |each: &&Value| each["Action"].as_array().unwrap().contains(&json!(action));
            let resources = statements
                .iter()
                .filter(allows)
                .flat_map(|each| each["Resource"].as_array().unwrap());
            resources.map(|arn| arn.as_str().unwrap().replace(FUNCTION, "")).collect()
        };
        assert_eq!(reached("lambda:UpdateFunctionConfiguration"), ["press"]);
        assert_eq!(reached("lambda:PutFunctionConcurrency"), ["press", "S-Submit-1"]);
        let looked_at = reached("lambda:GetFunctionConfiguration");
        assert!(looked_at.contains(&"S-Other-1".to_owned()), "{looked_at:?}");
    }

    #[test]
    fn the_accounts_and_the_regions_are_the_stacks_where_the_queue_is_elsewhere() {
        let queue = queue("arn:aws:sqs:eu-west-1:210987654321:Jobs");
        let id = "arn:aws:cloudformation:eu-central-1:123456789012:stack/S/1".to_owned();
        let stack = StackEvidence { id, ..stack(&["S-F"]) };
        let resources = Resources::of(&stack, &queue, &queue, "arn:w", None, "W").unwrap();
        assert_eq!(resources.functions[0], "arn:aws:lambda:eu-central-1:123456789012:function:S-F");
        assert_eq!(resources.jobs_queue, "arn:aws:sqs:eu-west-1:210987654321:Jobs");
    }

    #[test]
    fn functions_are_named_one_by_one_and_the_worker_once() {
        let of = |functions: &[&str], worker: &str| {
            super::functions(&stack(functions), FUNCTION, &format!("{FUNCTION}{worker}"))
                .join(" ")
                .replace(FUNCTION, "")
        };
        assert_eq!(of(&["S-Submit-1", "S-Worker-1"], "S-Worker-1"), "S-Submit-1 S-Worker-1");
        assert_eq!(of(&["named"], "named:live"), "named");
        assert_eq!(of(&[], "of-another-stack:7"), "of-another-stack");
    }

    #[test]
    fn every_operation_is_listed_once_and_with_an_action_of_its_service() {
        for list in ALL {
            // SQS needs more to move messages itself than the operation that asks for it.
            let is_behalf = |entry: &&Permission| {
                entry.operation == "SQS.StartMessageMoveTask"
                    && entry.action != "sqs:StartMessageMoveTask"
            };
            let entries: Vec<&Permission> = list.iter().filter(|entry| !is_behalf(entry)).collect();
            // One operation may be called on several kinds of resources.
            let operations: BTreeSet<(&str, ResourceKind)> =
                entries.iter().map(|entry| (entry.operation, entry.resource)).collect();
            assert_eq!(operations.len(), entries.len());
            for entry in entries {
                let (service, name) = entry.operation.split_once('.').unwrap();
                let (prefix, action) = entry.action.split_once(':').unwrap();
                let service = service.trim_start_matches("CloudWatch ").to_lowercase();
                // https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
                let named = match entry.operation {
                    "Lambda.Invoke" => "InvokeFunction",
                    _ => name.trim_end_matches("Batch"),
                };
                assert_eq!((prefix, action), (service.as_str(), named));
            }
        }
    }

    #[test]
    fn only_what_deletes_or_sends_may() {
        let allows =
            |list: &[Permission], action: &str| list.iter().any(|entry| entry.action == action);
        for action in ["sqs:DeleteMessage", "sqs:SendMessage"] {
            assert!(!allows(&DLQ_LOOK, action) && !allows(&DLQ_QUEUES, action), "{action}");
        }
        assert!(!allows(&DLQ_PURGE, "sqs:SendMessage"));
        assert!(!allows(&DLQ_IMPORT, "sqs:DeleteMessage"));
    }

    #[test]
    fn the_other_arns_are_in_the_queues_partition_region_and_account() {
        let queue = queue("arn:aws-us-gov:sqs:us-gov-west-1:123456789012:Jobs");
        let stack = stack(&[]);
        let resources =
            Resources::of(&stack, &queue, &queue, "arn:w", None, "/aws/lambda/W").unwrap();
        assert_eq!(
            resources.stack,
            "arn:aws-us-gov:cloudformation:us-gov-west-1:123456789012:stack/S/*"
        );
        assert_eq!(
            resources.log_group,
            "arn:aws-us-gov:logs:us-gov-west-1:123456789012:log-group:/aws/lambda/W:*"
        );
        assert_eq!(resources.all_queues, "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:*");
        assert_eq!(Resources::of(&stack, &self::queue("Jobs"), &queue, "arn:w", None, "W"), None);
    }

    #[test]
    fn a_mapping_is_changed_only_where_it_leads_to_a_function_of_the_stack() {
        let resources = resources();
        for list in ALL {
            for statement in policy(list, &resources)["Statement"].as_array().unwrap() {
                let condition = &statement["Condition"];
                if statement["Sid"] == "Mappings" {
                    let leads_to =
                        ["press", "press:*"].map(|function| format!("{FUNCTION}{function}"));
                    let leads_to = json!({"ArnLike": {"lambda:FunctionArn": leads_to}});
                    assert_eq!(condition, &leads_to);
                } else {
                    // No other kind of resource is of other stacks too.
                    assert_eq!(condition, &Value::Null, "{statement}");
                }
            }
        }
        let changes = |statement: &&Value| {
            statement["Action"].to_string().contains("EventSourceMapping\"")
                && statement["Sid"] != "NotOnSingleResources"
        };
        let policy = policy(&CHAOS, &resources);
        let mappings: Vec<&Value> =
            policy["Statement"].as_array().unwrap().iter().filter(changes).collect();
        assert_eq!(mappings.len(), 1, "{policy:#}");
        assert_eq!(mappings[0]["Sid"], "Mappings");
    }

    #[test]
    fn a_policy_has_every_action_once_and_everywhere_only_where_iam_wants_it() {
        for list in ALL {
            let policy = policy(list, &Resources::placeholders(None));
            let statements = policy["Statement"].as_array().unwrap();
            let mut actions = Vec::new();
            for statement in statements {
                let anywhere = statement["Resource"] == json!(["*"]);
                assert_eq!(anywhere, statement["Sid"] == "NotOnSingleResources", "{statement}");
                actions.extend(statement["Action"].as_array().unwrap().iter().cloned());
            }
            assert_eq!(actions.len(), list.len());
            for entry in list {
                assert!(actions.contains(&json!(entry.action)), "{}", entry.action);
            }
        }
    }
}
