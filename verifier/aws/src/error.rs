//! What can go wrong between the verifier and AWS.

use std::error::Error;
use std::fmt;
use std::iter::successors;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::bounded::TOO_LARGE;

/// Why a request to AWS did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There is no such stack.
    NoSuchStack,
    /// Something else does not exist.
    NotFound,
    /// There are no credentials, or they are not accepted.
    Credentials,
    /// The caller may not do this.
    Denied,
    /// AWS asks to slow down, also after retries.
    Throttled,
    /// No answer.
    Unreachable,
    /// The endpoint's name does not exist: AWS has no such region, or there is no network.
    UnknownHost,
    /// The answer had no end: none of AWS's is so large.
    TooLarge,
    /// No region is configured.
    NoRegion,
    /// Anything else.
    Other,
}

/// A request to AWS that did not succeed: what happened, to which resource, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsError {
    /// Why.
    pub cause: Cause,
    /// The IAM action, for example `sqs:ReceiveMessage`.
    pub action: &'static str,
    /// What it was about.
    pub resource: String,
    /// AWS's code, where there was one.
    pub code: Option<String>,
    /// AWS's words, or the client's.
    pub message: String,
}

impl AwsError {
    /// The one thing to do next.
    pub fn next(&self) -> String {
        match self.cause {
            Cause::NoSuchStack => {
                "check the name and the region; `aws cloudformation list-stacks` shows what is there".to_owned()
            }
            // SQS says the same to whoever may not see a queue.
            Cause::NotFound if self.action.starts_with("sqs:") => format!(
                "check that {} exists in this account and region, and that the role that runs the verifier may {} on it; `verifier iam-policy` prints what it needs",
                self.resource, self.action
            ),
            Cause::NotFound => format!("check that {} exists in this account and region", self.resource),
            Cause::Credentials => {
                "log in (`aws sso login`), or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `aws sts get-caller-identity` shows who you are".to_owned()
            }
            Cause::Denied if self.is_of_key() => format!(
                "allow {} on the KMS key of {} to the role that runs the verifier; `verifier iam-policy` names it with --stack, and the key's own policy has to let it; AWS says: {}",
                key_actions(self.action), self.resource, self.message
            ),
            Cause::Denied => format!(
                "allow {} on {} to the role that runs the verifier (`verifier iam-policy` prints what it needs); AWS says: {}",
                self.action, self.resource, self.message
            ),
            Cause::Throttled => "run it again when less is asked of the account".to_owned(),
            Cause::UnknownHost => "check the region and the network".to_owned(),
            Cause::Unreachable => "check the network, the region, and --endpoint-url if you set it".to_owned(),
            Cause::TooLarge => "check --endpoint-url and AWS_ENDPOINT_URL: what answers there is neither AWS nor an emulator of it".to_owned(),
            Cause::NoRegion => "name the region with --region, or set AWS_REGION".to_owned(),
            Cause::Other => "run it again with -vv for the whole conversation".to_owned(),
        }
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { action, resource, message, .. } = self;
        match self.cause {
            Cause::NoSuchStack => write!(f, "there is no stack {resource}"),
            Cause::Denied if self.is_of_key() => {
                write!(
                    f,
                    "{action} on {resource} needs {} on its KMS key, which is denied",
                    key_actions(action)
                )
            }
            // What AWS says of a denial is long, and names the action somewhere in its middle.
            Cause::Denied => write!(f, "{action} on {resource} is denied"),
            Cause::Throttled => {
                write!(f, "{action} on {resource} is throttled, also after retries")
            }
            Cause::Credentials | Cause::NoRegion => f.write_str(message),
            Cause::Unreachable | Cause::UnknownHost => {
                write!(f, "no answer to {action} on {resource}: {message}")
            }
            _ => write!(f, "{action} on {resource} failed: {message}"),
        }
    }
}

impl Error for AwsError {}

/// Said when there is no region to send requests to.
const NO_REGION: &str = "no AWS region is set";

impl AwsError {
    /// That no region is configured, which is better said before anything else is tried.
    pub fn no_region() -> Self {
        Self {
            cause: Cause::NoRegion,
            action: "cloudformation:DescribeStacks",
            resource: String::new(),
            code: None,
            message: NO_REGION.to_owned(),
        }
    }
}

impl AwsError {
    /// Whether the caller may not do this, or perhaps may not: SQS answers some whom it denies that a queue "does not exist or
    /// you do not have access to it".
    pub fn may_be_denied(&self) -> bool {
        match self.cause {
            Cause::Denied => true,
            Cause::NotFound => self.message.to_ascii_lowercase().contains("access"),
            _ => false,
        }
    }

    /// Whether KMS refused, and not the service that was asked: SQS's `KMS.AccessDeniedException` or, in its JSON protocol
    /// alone, `KmsAccessDenied`; Lambda's `KMSAccessDeniedException`.
    ///
    /// Sources: the errors of
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html> and
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.
    fn is_of_key(&self) -> bool {
        self.code.as_deref().is_some_and(|code| code.to_ascii_lowercase().starts_with("kms"))
    }
}

/// What an action needs on the key that encrypts its resource.
fn key_actions(action: &str) -> &'static str {
    match action {
        "sqs:SendMessage" => "kms:GenerateDataKey and kms:Decrypt",
        _ => "kms:Decrypt",
    }
}

/// Turns the SDK's error into ours.
pub(crate) fn failed<E>(
    action: &'static str,
    resource: &str,
    error: &SdkError<E, HttpResponse>,
) -> AwsError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let code = error.code().map(str::to_owned);
    let message = error.message().map(str::to_owned);
    let (cause, message) = match error {
        SdkError::ServiceError(_) => {
            let message = message.unwrap_or_else(|| chain(error));
            let status = error.raw_response().map(|response| response.status().as_u16());
            (answered_cause(status, code.as_deref().unwrap_or_default(), &message), message)
        }
        SdkError::TimeoutError(_) => (Cause::Unreachable, "it took too long".to_owned()),
        _ => client_cause(&chain(error)),
    };
    AwsError { cause, action, resource: resource.to_owned(), code, message }
}

/// The cause behind an answer. What is forbidden is denied, also where the answer has no code, as a gateway's, or calls a queue
/// one that does not exist. Other codes of that status say themselves what they are: `OverLimit`.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>.
fn answered_cause(status: Option<u16>, code: &str, message: &str) -> Cause {
    match service_cause(code, message) {
        Cause::NotFound if status == Some(403) => Cause::Denied,
        Cause::Other if status == Some(403) && (code.is_empty() || code == "Forbidden") => {
            Cause::Denied
        }
        cause => cause,
    }
}

/// The cause behind an error code of a service.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>, which other
/// services share.
fn service_cause(code: &str, message: &str) -> Cause {
    match code {
        // Also a key's: `KMS.AccessDeniedException`.
        code if code.contains("AccessDenied") => Cause::Denied,
        "AuthorizationError" | "UnauthorizedOperation" => Cause::Denied,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "InvalidAccessKeyId" => Cause::Credentials,
        "ValidationError" if message.contains("does not exist") => Cause::NoSuchStack,
        "ResourceNotFoundException"
        | "QueueDoesNotExist"
        | "AWS.SimpleQueueService.NonExistentQueue" => Cause::NotFound,
        code if code.contains("Throttl")
            || code == "TooManyRequestsException"
            || code == "RequestLimitExceeded" =>
        {
            Cause::Throttled
        }
        _ => Cause::Other,
    }
}

/// The cause behind an error of the client itself, which tells it only in words, and those of them that say most.
fn client_cause(words: &str) -> (Cause, String) {
    let lower = words.to_ascii_lowercase();
    let has = |word: &str| lower.contains(word);
    if words.contains(TOO_LARGE) {
        (Cause::TooLarge, root(words).to_owned())
    } else if has("region") && has("endpoint") || has("missing region") {
        (Cause::NoRegion, NO_REGION.to_owned())
    } else if has("no credentials found") {
        // What follows lists every place where there are none.
        (Cause::Credentials, "no AWS credentials were found".to_owned())
    } else if has("credential") || has("identity") || has("token") {
        (Cause::Credentials, format!("the AWS credentials could not be loaded: {}", root(words)))
    } else if has("dns error") || has("failed to lookup address") {
        (Cause::UnknownHost, "the endpoint's name does not exist".to_owned())
    } else {
        (Cause::Unreachable, root(words).to_owned())
    }
}

/// The last cause in a chain of causes, which is the first in time.
fn root(words: &str) -> &str {
    let line = words.lines().next().unwrap_or_default();
    line.rsplit(": ").next().unwrap_or(line)
}

/// An error and its causes in one line. The SDK's own errors say little without their causes.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let causes: Vec<String> =
        successors(Some(error), |&error| error.source()).map(ToString::to_string).collect();
    causes.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_words_lead_to_causes() {
        for (code, message, cause) in [
            ("AccessDenied", "", Cause::Denied),
            ("KMS.AccessDeniedException", "", Cause::Denied),
            ("ExpiredToken", "", Cause::Credentials),
            ("ValidationError", "Stack with id x does not exist", Cause::NoSuchStack),
            ("ValidationError", "Template error", Cause::Other),
            ("ThrottlingException", "", Cause::Throttled),
            ("Throttling", "", Cause::Throttled),
            ("QueueDoesNotExist", "", Cause::NotFound),
        ] {
            assert_eq!(service_cause(code, message), cause, "{code} {message}");
        }
        for (words, cause, said) in [
            (
                "dispatch failure: io error: Connection refused (os error 111)",
                Cause::Unreachable,
                "Connection refused (os error 111)",
            ),
            (
                "dispatch failure: other: no credentials found in chain. Attempted:\n  Environment: none",
                Cause::Credentials,
                "no AWS credentials were found",
            ),
            (
                "dispatch failure: other: failed to load credentials: the SSO session has expired",
                Cause::Credentials,
                "the AWS credentials could not be loaded: the SSO session has expired",
            ),
            ("Invalid Configuration: Missing Region", Cause::NoRegion, NO_REGION),
            (
                "dispatch failure: io error: dns error: failed to lookup address information",
                Cause::UnknownHost,
                "the endpoint's name does not exist",
            ),
        ] {
            assert_eq!(client_cause(words), (cause, said.to_owned()));
        }
    }

    #[test]
    fn what_is_forbidden_is_denied_and_not_absent() {
        const GONE: &str = "AWS.SimpleQueueService.NonExistentQueue";
        for (status, code, cause) in [
            (403, GONE, Cause::Denied),
            (403, "QueueDoesNotExist", Cause::Denied),
            (403, "", Cause::Denied),
            (403, "Forbidden", Cause::Denied),
            (403, "ExpiredToken", Cause::Credentials),
            (403, "RequestThrottled", Cause::Throttled),
            (403, "OverLimit", Cause::Other),
            (400, GONE, Cause::NotFound),
            (404, "ResourceNotFoundException", Cause::NotFound),
        ] {
            assert_eq!(answered_cause(Some(status), code, ""), cause, "{status} {code}");
        }
        let gone = |message: &str| AwsError {
            cause: Cause::NotFound,
            action: "sqs:GetQueueUrl",
            resource: "jobs-dlq".to_owned(),
            code: Some(GONE.to_owned()),
            message: message.to_owned(),
        };
        let either = gone("The specified queue does not exist or you do not have access to it.");
        assert!(either.may_be_denied());
        assert!(either.next().contains("may sqs:GetQueueUrl on it"), "{}", either.next());
        assert!(!gone("The specified queue does not exist.").may_be_denied());
    }

    #[test]
    fn a_denied_action_is_named() {
        let denied = |action: &'static str, code: &str| AwsError {
            cause: service_cause(code, ""),
            action,
            resource: "jobs-dlq".to_owned(),
            code: Some(code.to_owned()),
            message: "no".to_owned(),
        };
        let error = denied("sqs:ReceiveMessage", "AccessDenied");
        assert!(error.to_string().contains("sqs:ReceiveMessage on jobs-dlq is denied"));
        assert!(error.next().contains("allow sqs:ReceiveMessage"));
        // The queue is allowed, and its key is not.
        for code in ["KMS.AccessDeniedException", "KmsAccessDenied"] {
            let receives = denied("sqs:ReceiveMessage", code);
            assert!(
                receives.to_string().contains("needs kms:Decrypt on its KMS key"),
                "{receives}"
            );
            assert!(receives.next().contains("allow kms:Decrypt on the KMS key of jobs-dlq"));
            let sends = denied("sqs:SendMessage", code);
            assert!(sends.next().contains("allow kms:GenerateDataKey and kms:Decrypt on"));
        }
    }
}
