//! SQS over the query protocol, as clients from before November 2023 speak it, such as the AWS CLI of Debian 12: a form
//! becomes the JSON of today, and the answer becomes XML. Only what an operator looks with is translated.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-xml.html>.

use std::collections::BTreeMap;

use axum::body::{Bytes, to_bytes};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::reply::{Reply, aws_query};

/// The version of the service, which marks its requests.
pub(crate) const VERSION: &str = "2012-11-05";
const NAMESPACE: &str = "http://queue.amazonaws.com/doc/2012-11-05/";
/// The most of an answer that is translated: ten messages of 1 MiB, escaped.
const BYTES_MAX: usize = 64 * 1024 * 1024;

type Form = BTreeMap<String, String>;

/// The body of the same request in JSON; a refusal for an action that is not translated.
pub(crate) fn request(action: &str, form: &Form) -> Result<Bytes, Box<Reply>> {
    let mut body = Map::new();
    let mut text = |name: &str| {
        if let Some(value) = form.get(name) {
            body.insert(name.to_owned(), json!(value));
        }
    };
    match action {
        "GetQueueUrl" => {
            text("QueueName");
            text("QueueOwnerAWSAccountId");
        }
        "ListQueues" => text("QueueNamePrefix"),
        "GetQueueAttributes" => text("QueueUrl"),
        "ReceiveMessage" => {
            text("QueueUrl");
            for name in ["MaxNumberOfMessages", "VisibilityTimeout", "WaitTimeSeconds"] {
                if let Some(number) = form.get(name).and_then(|value| value.parse::<i64>().ok()) {
                    body.insert(name.to_owned(), json!(number));
                }
            }
        }
        _ => {
            let message = format!(
                "The emulator answers {action} over SQS's JSON protocol only, which the AWS CLI speaks since 2.13.33."
            );
            return Err(Box::new(aws_query::error(400, NAMESPACE, "InvalidAction", &message)));
        }
    }
    let names: Vec<&String> = form
        .iter()
        .filter(|(name, _)| name.starts_with("AttributeName."))
        .map(|(_, value)| value)
        .collect();
    if !names.is_empty() {
        body.insert("AttributeNames".to_owned(), json!(names));
    }
    Ok(Value::Object(body).to_string().into())
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase", default)]
struct Answer {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    queue_url: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attribute: Vec<Attribute>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    message: Vec<Message>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    name: String,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    message_id: String,
    receipt_handle: String,
    #[serde(rename = "MD5OfBody")]
    md5_of_body: String,
    body: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attribute: Vec<Attribute>,
}

/// The same answer in XML.
pub(crate) async fn reply(action: &str, answer: Reply) -> Reply {
    let status = answer.status().as_u16();
    let error = answer.headers().get("x-amzn-query-error").and_then(|error| error.to_str().ok());
    let code =
        error.and_then(|error| error.split(';').next()).unwrap_or("InternalError").to_owned();
    let body = to_bytes(answer.into_body(), BYTES_MAX).await.unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if status >= 400 {
        return aws_query::error(status, NAMESPACE, &code, &text(&body["message"]));
    }
    aws_query::success(action, NAMESPACE, &translated(&body))
}

fn translated(body: &Value) -> Answer {
    let urls = body["QueueUrls"].as_array().into_iter().flatten().chain(body.get("QueueUrl"));
    let messages = body["Messages"].as_array().into_iter().flatten();
    Answer {
        queue_url: urls.map(text).collect(),
        attribute: attributes(&body["Attributes"]),
        message: messages
            .map(|message| Message {
                message_id: text(&message["MessageId"]),
                receipt_handle: text(&message["ReceiptHandle"]),
                md5_of_body: text(&message["MD5OfBody"]),
                body: text(&message["Body"]),
                attribute: attributes(&message["Attributes"]),
            })
            .collect(),
    }
}

fn attributes(map: &Value) -> Vec<Attribute> {
    let entries = map.as_object().into_iter().flatten();
    entries.map(|(name, value)| Attribute { name: name.clone(), value: text(value) }).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(pairs: &[(&str, &str)]) -> Form {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_form_becomes_what_clients_send_today() {
        let asked = form(&[("QueueUrl", "u"), ("AttributeName.1", "All"), ("Version", VERSION)]);
        let body: Value =
            serde_json::from_slice(&request("GetQueueAttributes", &asked).unwrap()).unwrap();
        assert_eq!(body, json!({"QueueUrl": "u", "AttributeNames": ["All"]}));
        let asked = form(&[("QueueUrl", "u"), ("WaitTimeSeconds", "20")]);
        let body: Value =
            serde_json::from_slice(&request("ReceiveMessage", &asked).unwrap()).unwrap();
        assert_eq!(body, json!({"QueueUrl": "u", "WaitTimeSeconds": 20}));
        assert_eq!(request("DeleteQueue", &asked).unwrap_err().status().as_u16(), 400);
    }

    #[test]
    fn an_answer_becomes_flat_lists() {
        let answer =
            json!({"Attributes": {"A": "1"}, "Messages": [{"MessageId": "m", "Body": "<b>"}]});
        let xml = quick_xml::se::to_string_with_root("R", &translated(&answer)).unwrap();
        assert_eq!(
            xml,
            "<R><Attribute><Name>A</Name><Value>1</Value></Attribute><Message><MessageId>m</MessageId><ReceiptHandle/><MD5OfBody/><Body>&lt;b&gt;</Body></Message></R>"
        );
    }
}
