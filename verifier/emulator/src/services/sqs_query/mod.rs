//! SQS over the query protocol, as SDKs from before November 2023 speak it, and those of PHP, Ruby and Perl that are older:
//! a form becomes the JSON of today, and the answer becomes XML.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-xml.html>.

mod answer;
mod parameters;
mod request;

use std::collections::BTreeMap;

use axum::body::{Bytes, to_bytes};
use serde_json::Value;

use crate::reply::{Reply, aws_query};

/// The versions of the service, which mark its requests.
const VERSIONS: [&str; 3] = ["2012-11-05", "2011-10-01", "2009-02-01"];
const NAMESPACE: &str = "http://queue.amazonaws.com/doc/2012-11-05/";
/// The most of an answer that is translated: ten messages of 1 MiB, escaped.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// A request's parameters, by their names as they stand in the form.
pub(crate) type Form = BTreeMap<String, String>;

/// A request in the query protocol.
pub(crate) struct Query {
    /// The operation.
    pub(crate) action: String,
    /// The same request in JSON; a refusal where it is none of SQS's.
    pub(crate) body: Result<Bytes, Box<Reply>>,
}

impl Query {
    /// The request of a form, if it is one to SQS. Clients send it to the queue's own URL, and some say there alone which
    /// queue it is about: `path`.
    pub(crate) fn recognise(mut form: Form, path: &str) -> Option<Self> {
        let action = form.get("Action")?.clone();
        form.get("Version").filter(|version| VERSIONS.contains(&version.as_str()))?;
        if path.len() > 1 && !form.contains_key("QueueUrl") {
            form.insert("QueueUrl".to_owned(), path.to_owned());
        }
        let body = request::body(&action, &form)
            .map(|body| body.to_string().into())
            .map_err(|refused| Box::new(refused.reply()));
        Some(Self { action, body })
    }
}

/// Why a request cannot be one of today.
#[derive(Debug, PartialEq, Eq)]
struct Refused {
    code: &'static str,
    message: String,
}

impl Refused {
    fn reply(&self) -> Reply {
        aws_query::error(400, NAMESPACE, self.code, &self.message)
    }

    /// What the JSON protocol calls a request of another shape, in the older protocol's terms.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>.
    fn of_shape(problem: &str) -> Self {
        let missing =
            problem.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        match missing {
            Some(name) => Self {
                code: "MissingParameter",
                message: format!("The request must contain the parameter {name}."),
            },
            None => Self { code: "InvalidParameterValue", message: problem.to_owned() },
        }
    }

    fn unknown(action: &str) -> Self {
        Self {
            code: "InvalidAction",
            message: format!("The action {action} is not valid for this endpoint."),
        }
    }
}

/// The same answer in XML.
pub(crate) async fn reply(action: &str, answer: Reply) -> Reply {
    let status = answer.status().as_u16();
    let error = answer.headers().get("x-amzn-query-error").and_then(|error| error.to_str().ok());
    let code = error.and_then(|error| error.split(';').next()).map(str::to_owned);
    let body = to_bytes(answer.into_body(), BYTES_MAX).await.unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if status < 400 {
        return match answer::result(action, &body) {
            Some(result) => aws_query::success_of(action, NAMESPACE, &result),
            None => aws_query::done(action, NAMESPACE),
        };
    }
    let message = body["message"].as_str().unwrap_or_default();
    let kind = body["__type"].as_str().unwrap_or_default();
    match (code, kind.rsplit('#').next()) {
        (Some(code), _) => aws_query::error(status, NAMESPACE, &code, message),
        (None, Some("SerializationException")) => Refused::of_shape(message).reply(),
        (None, Some("UnknownOperationException")) => Refused::unknown(action).reply(),
        // A fault that was set: its code is what it says.
        (None, other) => {
            aws_query::error(status, NAMESPACE, other.unwrap_or("InternalError"), message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::aws_json;

    fn form(pairs: &[(&str, &str)]) -> Form {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    async fn text(reply: Reply) -> String {
        let body = to_bytes(reply.into_body(), BYTES_MAX).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[test]
    fn a_request_is_one_to_sqs_by_its_version() {
        let asked = |version: &str| {
            let form = form(&[("Action", "ListQueues"), ("Version", version)]);
            Query::recognise(form, "/").map(|query| query.action)
        };
        assert_eq!(asked("2012-11-05").as_deref(), Some("ListQueues"));
        assert_eq!(asked("2009-02-01").as_deref(), Some("ListQueues"));
        // CloudFormation's.
        assert_eq!(asked("2010-05-15"), None);
        assert!(Query::recognise(form(&[("Action", "ListQueues")]), "/").is_none());
    }

    #[test]
    fn the_queue_is_the_one_that_the_request_is_sent_to_unless_it_names_another() {
        let body = |more: &[(&str, &str)], path: &str| -> Value {
            let mut form = form(&[("Action", "PurgeQueue"), ("Version", VERSIONS[0])]);
            form.extend(self::form(more));
            let body = Query::recognise(form, path).unwrap().body.unwrap();
            serde_json::from_slice(&body).unwrap()
        };
        assert_eq!(body(&[], "/000000000000/jobs")["QueueUrl"], "/000000000000/jobs");
        assert_eq!(body(&[("QueueUrl", "other")], "/000000000000/jobs")["QueueUrl"], "other");
        assert_eq!(body(&[], "/").get("QueueUrl"), None);
    }

    #[tokio::test]
    async fn errors_have_the_codes_of_this_protocol() {
        let missing = aws_json::error(
            "1.0",
            400,
            "com.amazon.coral.service#SerializationException",
            "missing field `QueueUrl` at line 1 column 2",
        );
        let text_of = text(reply("PurgeQueue", missing).await).await;
        assert!(text_of.contains("<Type>Sender</Type><Code>MissingParameter</Code>"), "{text_of}");
        assert!(text_of.contains("must contain the parameter QueueUrl."), "{text_of}");
        let unknown = aws_json::error("1.0", 400, "com.x#UnknownOperationException", "Fly is not");
        let text_of = text(reply("Fly", unknown).await).await;
        assert!(text_of.contains("<Code>InvalidAction</Code>"), "{text_of}");
        let known = crate::reply::with_header(
            aws_json::error("1.0", 400, "com.amazonaws.sqs#QueueDoesNotExist", "It does not."),
            "x-amzn-query-error",
            "AWS.SimpleQueueService.NonExistentQueue;Sender",
        );
        let text_of = text(reply("PurgeQueue", known).await).await;
        let code = "<Code>AWS.SimpleQueueService.NonExistentQueue</Code>";
        assert!(text_of.contains(code) && text_of.contains("It does not."), "{text_of}");
    }
}
