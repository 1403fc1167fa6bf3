//! What a request asks for: the action that has to be allowed, and on what.
//!
//! Sources: the actions of each service at
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::access::Asked;
use crate::incoming::{Incoming, form, text};
use crate::paths;
use crate::services::{cloudformation, cloudwatch_wire, lambda, logs};
use crate::template::{ACCOUNT_ID, PARTITION};

/// The parts of an SQS request that say which queue it is about.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct OfQueue {
    queue_url: Option<String>,
    queue_name: Option<String>,
    source_arn: Option<String>,
    destination_arn: Option<String>,
    task_handle: Option<String>,
}

/// What an operation of SQS asks for, each on a queue; that of the first is the queue that it is about. SQS writes actions in small letters, and a batch needs
/// what its single operation does.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html>.
pub(crate) fn of_sqs(operation: &str, body: &[u8], region: &str) -> (Vec<Asked>, Option<String>) {
    let request: OfQueue = serde_json::from_slice(body).unwrap_or_default();
    let of_task = request.task_handle.as_deref().and_then(source_of_task);
    let named = request.queue_url.or(request.queue_name);
    let named = named.as_deref().and_then(|url| url.rsplit('/').next()).map(str::to_owned);
    let of_arn = |arn: String| arn.rsplit(':').next().map(str::to_owned);
    let queue = named.or_else(|| request.source_arn.or(of_task).and_then(of_arn));
    let resource = queue.as_ref().map_or_else(
        || "*".to_owned(),
        |name| format!("arn:{PARTITION}:sqs:{region}:{ACCOUNT_ID}:{name}"),
    );
    let ask = |action: &str, resource: &str| {
        let asked = Asked::new("sqs", action, resource.to_owned());
        Asked { written: asked.action.to_ascii_lowercase(), ..asked }
    };
    let single = operation.strip_suffix("Batch").unwrap_or(operation);
    let mut all = vec![ask(single, &resource)];
    if operation == "StartMessageMoveTask" {
        // SQS moves on behalf of who starts the task.
        all.extend(["ReceiveMessage", "DeleteMessage"].map(|action| ask(action, &resource)));
        all.extend(request.destination_arn.map(|arn| ask("SendMessage", &arn)));
    }
    (all, queue)
}

/// The source queue that a task's handle names.
fn source_of_task(handle: &str) -> Option<String> {
    let text = STANDARD.decode(handle).ok()?;
    let handle: Value = serde_json::from_slice(&text).ok()?;
    handle["sourceArn"].as_str().map(str::to_owned)
}

/// What a request to another service asks for; none where anybody may. `leads_to` is the ARN of the function that a mapping
/// leads to.
pub(crate) fn of_other_services(
    incoming: &Incoming<'_>,
    region: &str,
    leads_to: &dyn Fn(&str) -> Option<String>,
) -> Option<Asked> {
    let arn = |service: &str, rest: &str| {
        format!("arn:{PARTITION}:{service}:{region}:{ACCOUNT_ID}:{rest}")
    };
    let target = text(incoming.headers, "x-amz-target").unwrap_or_default();
    if let Some(action) = target.strip_prefix(logs::TARGET) {
        let body: Value = serde_json::from_slice(&incoming.body).unwrap_or_default();
        let name = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let stream =
            format!("log-group:{}:log-stream:{}", name("logGroupName"), name("logStreamName"));
        return Some(Asked::new("logs", action, arn("logs", &stream)));
    }
    if let Some((action, _)) = cloudwatch_wire::recognise(target, incoming.path) {
        return Some(Asked::new("cloudwatch", action, "*".to_owned()));
    }
    if let Some(path) = paths::of_lambda(incoming.path) {
        let (operation, function) = lambda::operation_of(incoming.method, path);
        if let Some(uuid) = path.strip_prefix("event-source-mappings/") {
            let resource = arn("lambda", &format!("event-source-mapping:{uuid}"));
            let function =
                leads_to(uuid).map(|function| ("lambda:FunctionArn".to_owned(), function));
            let keys = function.into_iter().collect();
            return Some(Asked { keys, ..Asked::new("lambda", operation, resource) });
        }
        let action = if operation == "Invoke" { "InvokeFunction" } else { operation };
        let resource = function.filter(|name| !name.is_empty());
        let resource = resource.map(|name| arn("lambda", &format!("function:{name}")));
        return Some(Asked::new("lambda", action, resource.unwrap_or_else(|| "*".to_owned())));
    }
    let mut parameters = form(incoming.query.as_bytes());
    parameters.extend(form(&incoming.body));
    let (action, version) = (parameters.get("Action")?, parameters.get("Version")?);
    // Who asks STS who it is needs no permission.
    (version == cloudformation::VERSION).then(|| {
        let name = parameters.get("StackName").map_or("*", String::as_str);
        let id = "00000000-0000-0000-0000-000000000000";
        let of_name = || arn("cloudformation", &format!("stack/{name}/{id}"));
        let resource = if name.starts_with("arn:") { name.to_owned() } else { of_name() };
        Asked::new("cloudformation", action, resource)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_asks_for_what_its_single_operation_does_and_names_the_queue() {
        let jobs = "arn:aws:sqs:eu-west-1:000000000000:jobs";
        for (operation, body, action, resource) in [
            (
                "SendMessageBatch",
                r#"{"QueueUrl":"http://x/000000000000/jobs"}"#,
                "sqs:SendMessage",
                jobs,
            ),
            (
                "DeleteMessage",
                r#"{"QueueUrl":"http://x/000000000000/jobs"}"#,
                "sqs:DeleteMessage",
                jobs,
            ),
            ("GetQueueUrl", r#"{"QueueName":"jobs"}"#, "sqs:GetQueueUrl", jobs),
            (
                "StartMessageMoveTask",
                r#"{"SourceArn":"arn:aws:sqs:eu-west-1:000000000000:jobs"}"#,
                "sqs:StartMessageMoveTask",
                jobs,
            ),
            ("ListQueues", "{}", "sqs:ListQueues", "*"),
            ("ListQueues", "no JSON", "sqs:ListQueues", "*"),
        ] {
            let (all, _) = of_sqs(operation, body.as_bytes(), "eu-west-1");
            let asked = &all[0];
            assert_eq!((asked.action.as_str(), asked.resource.as_str()), (action, resource));
            assert_eq!(asked.written, action.to_ascii_lowercase());
        }
    }
}
