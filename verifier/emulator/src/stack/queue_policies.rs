//! The policies of a stack's queues.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queuepolicy.html>.

use serde_json::Value;
use verifier_model::iam::Policy;
use verifier_model::sqs::{QueueAttributes, SqsError};

use super::QUEUE_POLICIES;
use super::build::{Builder, Resolved};
use super::managed_policies::list;
use super::own_arns::as_own;
use crate::template::TemplateError;

const QUEUE: &str = "AWS::SQS::Queue";
/// The service whose actions a queue's policy is about.
const SERVICE: &str = "sqs";

impl Builder<'_> {
    /// Checks that each names queues by their URLs, and that SQS would take its document.
    pub(super) fn check_queue_policies(&self) -> Result<(), TemplateError> {
        for policy in self.queue_policies() {
            for (property, url) in queues_of(policy)? {
                if named(&url).is_none() {
                    return Err(policy.refused(format!(
                        "The address {url} is not valid for this endpoint. ({property} takes the URLs of queues, which Ref returns)"
                    )));
                }
            }
            self.check_document(policy)?;
        }
        Ok(())
    }

    /// Policies of several queues, and of one.
    fn queue_policies(&self) -> impl Iterator<Item = &Resolved<'_>> {
        QUEUE_POLICIES.iter().flat_map(|kind| self.of_type(kind))
    }

    /// SQS says no more than that a policy is invalid; why is said beside it.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>.
    fn check_document(&self, policy: &Resolved<'_>) -> Result<(), TemplateError> {
        let document = policy.properties.get("PolicyDocument").unwrap_or(&Value::Null);
        let refused = |why: String| {
            let invalid = SqsError::InvalidAttributeValue("Policy".to_owned());
            policy.refused(format!("{invalid} ({why})"))
        };
        Policy::of_resource(&as_own(document, self.region()))
            .map_err(|error| refused(error.to_string()))?;
        if let Some(action) = actions(document).find(|action| !is_of_sqs(action)) {
            return Err(refused(format!("the action {action} is of another service")));
        }
        QueueAttributes::default()
            .set("Policy", &document.to_string())
            .map_err(|error| policy.refused(error.to_string()))
    }

    /// The policy of a queue.
    pub(super) fn queue_policy(&self, queue: &Resolved<'_>) -> Option<String> {
        let is_it = |(_, url): &(_, String)| names(url, queue);
        self.queue_policies()
            .find(|policy| queues_of(policy).is_ok_and(|urls| urls.iter().any(is_it)))
            .and_then(|policy| policy.properties.get("PolicyDocument"))
            .map(Value::to_string)
    }

    /// Which queues a policy is for that the stack does not have.
    pub(super) fn other_queues(&self, policy: &Resolved<'_>) -> Option<String> {
        let is_other = |url: &String| !self.of_type(QUEUE).any(|queue| names(url, queue));
        let urls = queues_of(policy).unwrap_or_default().into_iter().map(|(_, url)| url);
        let others: Vec<String> = urls.filter(is_other).collect();
        (!others.is_empty())
            .then(|| format!("is for queues that this stack does not have: {}", others.join(", ")))
    }
}

/// The URLs that a policy names, each with the property: `Queues` of one of several queues, and `Queue` of one.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queueinlinepolicy.html>.
fn queues_of(policy: &Resolved<'_>) -> Result<Vec<(&'static str, String)>, TemplateError> {
    let properties = policy.properties();
    let several = properties.texts("Queues")?.into_iter().map(|url| ("Queues", url));
    let one = properties.text("Queue")?.map(|url| ("Queue", url));
    Ok(several.chain(one).collect())
}

/// Whether a URL is a queue's: its own, or the one that it has in the account that the template was written for.
fn names(url: &str, queue: &Resolved<'_>) -> bool {
    let name = named(url);
    name.is_some() && name == named(&queue.physical_id)
}

/// The name of the queue that a URL is of: `https://HOST/ACCOUNT/NAME`.
fn named(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let mut parts = rest.split('/');
    let (host, account, name) = (parts.next()?, parts.next()?, parts.next()?);
    let is_whole = parts.next().is_none() && ![host, account, name].contains(&"");
    (is_whole && matches!(scheme, "http" | "https")).then_some(name)
}

fn actions(document: &Value) -> impl Iterator<Item = String> {
    let statements = list(document.get("Statement"));
    let of = |statement: Value| list(statement.get("Action"));
    statements.into_iter().flat_map(of).filter_map(|action| action.as_str().map(str::to_owned))
}

fn is_of_sqs(action: &str) -> bool {
    action.split_once(':').is_none_or(|(service, _)| service.eq_ignore_ascii_case(SERVICE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_named_by_its_url_and_by_nothing_else() {
        for url in [
            "https://sqs.eu-central-1.amazonaws.com/111122223333/jobs",
            "http://127.0.0.1:4566/000000000000/jobs",
        ] {
            assert_eq!(named(url), Some("jobs"), "{url}");
        }
        for url in [
            "jobs",
            "",
            "arn:aws:sqs:eu-central-1:111122223333:jobs",
            "https://sqs.eu-central-1.amazonaws.com/jobs",
            "https://sqs.eu-central-1.amazonaws.com/111122223333/",
            "sqs://a/b/c",
        ] {
            assert_eq!(named(url), None, "{url}");
        }
    }

    #[test]
    fn a_queue_s_policy_is_about_actions_of_sqs() {
        for action in ["sqs:SendMessage", "SQS:*", "*"] {
            assert!(is_of_sqs(action), "{action}");
        }
        for action in ["sns:Publish", "s3:*"] {
            assert!(!is_of_sqs(action), "{action}");
        }
    }
}
