//! Errors as a service answers them, and what AWS answers.

use std::fmt;

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use serde_json::Value;

/// The header in which SQS repeats an error's code in the words of its older protocol.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-json-faqs.html>.
const QUERY_ERROR_HEADER: &str = "x-amzn-query-error";

/// The operation that an error type of the SDK belongs to: `SendMessage` for `SendMessageError`.
pub(crate) fn operation_of<E>() -> String {
    let name = std::any::type_name::<E>();
    let name = name.rsplit("::").next().unwrap_or(name);
    name.strip_suffix("Error").unwrap_or(name).to_owned()
}

/// An error that a service answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The code, which in the JSON protocol is the shape's name, without its namespace.
    pub(crate) code: String,
    /// The code of the older query protocol, where the answer has the header.
    pub(crate) query_code: Option<String>,
    /// The message.
    pub(crate) message: String,
}

impl Refusal {
    /// The service's error; `None` for every other kind of failure.
    pub(crate) fn of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<Self> {
        let SdkError::ServiceError(context) = error else {
            return None;
        };
        let response = context.raw();
        let header = response.headers().get(QUERY_ERROR_HEADER);
        let query_code = header.and_then(|header| header.split(';').next()).map(str::to_owned);
        let body: Option<Value> =
            response.body().bytes().and_then(|bytes| serde_json::from_slice(bytes).ok());
        let shape = body.as_ref().and_then(|body| body["__type"].as_str());
        let shape = shape.map(|shape| shape.rsplit('#').next().unwrap_or(shape).to_owned());
        let code = shape.or_else(|| context.err().code().map(str::to_owned)).unwrap_or_default();
        let message = context.err().message().unwrap_or_default().to_owned();
        Some(Self { status: response.status().as_u16(), code, query_code, message })
    }

    /// Whether it says that there is no such operation, rather than that the request is wrong.
    pub(crate) fn says_not_supported(&self) -> bool {
        let codes =
            ["UnknownOperation", "UnknownOperationException", "InvalidAction", "NotImplemented"];
        let by_code = codes.contains(&self.code.as_str());
        // Frameworks that have no handler for the operation say so by the status alone.
        by_code || matches!(self.status, 405 | 501)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.code)?;
        if let Some(query_code) = self.query_code.as_ref().filter(|code| **code != self.code) {
            write!(f, " ({query_code})")?;
        }
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.message) }
    }
}

/// A kind of error as AWS answers it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// The HTTP status; any of 400 to 499 where it is neither documented for this protocol nor recorded.
    status: Option<u16>,
    /// The code in the JSON protocol.
    pub(crate) code: &'static str,
    /// The code in the query protocol, which the AWS CLI, boto3 and the SDK for Rust show; `None` for a service that has
    /// never had that protocol.
    query_code: Option<&'static str>,
}

const fn kind(status: u16, code: &'static str, query_code: &'static str) -> Kind {
    Kind { status: Some(status), code, query_code: Some(query_code) }
}

pub(crate) const INVALID_ATTRIBUTE_NAME: Kind =
    kind(400, "InvalidAttributeName", "InvalidAttributeName");
pub(crate) const INVALID_ATTRIBUTE_VALUE: Kind =
    kind(400, "InvalidAttributeValue", "InvalidAttributeValue");
pub(crate) const INVALID_PARAMETER: Kind =
    kind(400, "InvalidParameterValueException", "InvalidParameterValue");
pub(crate) const MISSING_PARAMETER: Kind =
    kind(400, "MissingRequiredParameterException", "MissingParameter");
pub(crate) const INVALID_CONTENTS: Kind =
    kind(400, "InvalidMessageContents", "InvalidMessageContents");
pub(crate) const NO_QUEUE: Kind =
    kind(400, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue");
pub(crate) const QUEUE_EXISTS: Kind = kind(400, "QueueNameExists", "QueueAlreadyExists");
pub(crate) const PURGE_IN_PROGRESS: Kind =
    kind(403, "PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress");
pub(crate) const OVER_LIMIT: Kind = kind(403, "OverLimit", "OverLimit");
pub(crate) const NO_RESOURCE: Kind =
    kind(404, "ResourceNotFoundException", "ResourceNotFoundException");
pub(crate) const BAD_RECEIPT: Kind = Kind {
    status: None,
    code: "ReceiptHandleIsInvalid",
    query_code: Some("ReceiptHandleIsInvalid"),
};
pub(crate) const NO_LOG_GROUP: Kind =
    Kind { status: Some(400), code: "ResourceNotFoundException", query_code: None };
pub(crate) const EMPTY_BATCH: Kind =
    kind(400, "EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest");
pub(crate) const TOO_MANY_ENTRIES: Kind = kind(
    400,
    "TooManyEntriesInBatchRequest",
    "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
);
pub(crate) const IDS_NOT_DISTINCT: Kind =
    kind(400, "BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct");
pub(crate) const BAD_BATCH_ID: Kind =
    kind(400, "InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId");
pub(crate) const BATCH_TOO_LONG: Kind =
    kind(400, "BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong");

impl Kind {
    pub(crate) fn is_of(&self, refusal: &Refusal) -> bool {
        let status = match self.status {
            Some(status) => refusal.status == status,
            None => (400..500).contains(&refusal.status),
        };
        // Without the header, clients that look for the query protocol's codes see none that they know.
        status
            && refusal.code == self.code
            && self.query_code.is_none_or(|code| refusal.query_code.as_deref() == Some(code))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{status} {}", self.code)?,
            None => write!(f, "{}", self.code)?,
        }
        match self.query_code.filter(|code| *code != self.code) {
            Some(query_code) => write!(f, " ({query_code})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, code: &str, query_code: Option<&str>) -> Refusal {
        let query_code = query_code.map(str::to_owned);
        Refusal { status, code: code.to_owned(), query_code, message: String::new() }
    }

    #[test]
    fn status_code_and_header_all_count() {
        let query = Some("QueueAlreadyExists");
        assert!(QUEUE_EXISTS.is_of(&refusal(400, "QueueNameExists", query)));
        assert!(!QUEUE_EXISTS.is_of(&refusal(409, "QueueNameExists", query)));
        assert!(!QUEUE_EXISTS.is_of(&refusal(400, "QueueAlreadyExists", query)));
        assert!(!QUEUE_EXISTS.is_of(&refusal(400, "QueueNameExists", None)));
        assert!(BAD_RECEIPT.is_of(&refusal(404, BAD_RECEIPT.code, Some(BAD_RECEIPT.code))));
        assert!(NO_LOG_GROUP.is_of(&refusal(400, NO_LOG_GROUP.code, None)));
        assert!(!NO_LOG_GROUP.is_of(&refusal(404, NO_LOG_GROUP.code, None)));
        assert!(!BAD_RECEIPT.is_of(&refusal(500, BAD_RECEIPT.code, Some(BAD_RECEIPT.code))));
    }

    #[test]
    fn an_operation_that_is_not_there_is_told_from_a_refusal() {
        assert!(refusal(400, "UnknownOperationException", None).says_not_supported());
        assert!(refusal(501, "", None).says_not_supported());
        assert!(!refusal(400, "UnsupportedOperation", None).says_not_supported());
    }
}
