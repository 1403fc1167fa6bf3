//! What the verifier may have to ask of AWS, and the least that a role must allow for it.
//!
//! A list for each command says which operation needs which action on what; a test compares it with the operations that
//! are really called, so that it neither lacks one nor has one too many.
//!
//! Sources: the actions, resource types and condition keys of each service in
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.

mod commands;
mod keys;
mod partition;
mod permission;
mod queue_key;
mod resources;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use self::commands::{
    CHAOS, CHECK, CHECK_SENDING, DLQ_IMPORT, DLQ_LOOK, DLQ_PURGE, DLQ_QUEUES, REDRIVE,
    REDRIVE_NATIVE,
};
pub use self::keys::needed_on_unknown;
pub use self::permission::{Permission, ResourceKind};
pub use self::queue_key::QueueKey;
pub use self::resources::Resources;

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
    use std::collections::BTreeSet;

    use super::*;
    use crate::evidence::{QueueEvidence, StackEvidence, StackResource};

    const ALL: [&[Permission]; 9] = [
        &CHECK,
        &CHECK_SENDING,
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
            super::resources::functions(&stack(functions), FUNCTION, &format!("{FUNCTION}{worker}"))
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
            // An action may permit several operations.
            let wanted: BTreeSet<(&str, ResourceKind)> =
                list.iter().map(|entry| (entry.action, entry.resource)).collect();
            assert_eq!(actions.len(), wanted.len());
            for entry in list {
                assert!(actions.contains(&json!(entry.action)), "{}", entry.action);
            }
        }
    }
}
