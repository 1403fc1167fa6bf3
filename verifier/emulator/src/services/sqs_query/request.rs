//! Requests: from the parameters of a form to the members of JSON.
//!
//! Source: the examples of each operation in
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html>, whose requests are shown in
//! both protocols.

use serde_json::{Map, Value, json};

use super::parameters::Parameters;
use super::{Form, Refused};

/// A member of a request.
struct Member {
    /// Its name in JSON.
    json: &'static str,
    /// Its name in a form, before the number where it is a list.
    form: &'static str,
    shape: Shape,
}

/// What a member holds.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    Number,
    /// A list of texts.
    Texts,
    /// Texts by names: what the name and the value are called in a form.
    Map(&'static str, &'static str),
    /// Message attributes by their names.
    Attributes,
    /// Entries of a batch.
    Entries(&'static [Member]),
}

const fn member(json: &'static str, form: &'static str, shape: Shape) -> Member {
    Member { json, form, shape }
}

const fn text(name: &'static str) -> Member {
    member(name, name, Shape::Text)
}

const fn number(name: &'static str) -> Member {
    member(name, name, Shape::Number)
}

const QUEUE: Member = text("QueueUrl");
const TAGS: Shape = Shape::Map("Key", "Value");
const ATTRIBUTE_NAMES: Member = member("AttributeNames", "AttributeName", Shape::Texts);

const MESSAGE: [Member; 7] = [
    text("Id"),
    text("MessageBody"),
    number("DelaySeconds"),
    member("MessageAttributes", "MessageAttribute", Shape::Attributes),
    member("MessageSystemAttributes", "MessageSystemAttribute", Shape::Attributes),
    text("MessageGroupId"),
    text("MessageDeduplicationId"),
];

const RECEIPT: [Member; 3] = [text("Id"), text("ReceiptHandle"), number("VisibilityTimeout")];

const fn entries(form: &'static str, members: &'static [Member]) -> Member {
    member("Entries", form, Shape::Entries(members))
}

/// The members of an operation's request beside the queue's URL; nothing for what is none of SQS's operations.
fn members(action: &str) -> Option<&'static [Member]> {
    Some(match action {
        "AddPermission" => {
            &const {
                [
                    text("Label"),
                    member("AWSAccountIds", "AWSAccountId", Shape::Texts),
                    member("Actions", "ActionName", Shape::Texts),
                ]
            }
        }
        "CancelMessageMoveTask" => &const { [text("TaskHandle")] },
        "ChangeMessageVisibility" | "DeleteMessage" => &RECEIPT,
        "ChangeMessageVisibilityBatch" => {
            &const { [entries("ChangeMessageVisibilityBatchRequestEntry", &RECEIPT)] }
        }
        "CreateQueue" => {
            &const {
                [
                    text("QueueName"),
                    member("Attributes", "Attribute", Shape::Map("Name", "Value")),
                    member("tags", "Tag", TAGS),
                ]
            }
        }
        "DeleteMessageBatch" => &const { [entries("DeleteMessageBatchRequestEntry", &RECEIPT)] },
        "DeleteQueue" | "ListQueueTags" | "PurgeQueue" => &[],
        "GetQueueAttributes" => &const { [ATTRIBUTE_NAMES] },
        "GetQueueUrl" => &const { [text("QueueName"), text("QueueOwnerAWSAccountId")] },
        "ListDeadLetterSourceQueues" => &const { [number("MaxResults"), text("NextToken")] },
        "ListMessageMoveTasks" => &const { [text("SourceArn"), number("MaxResults")] },
        "ListQueues" => {
            &const { [text("QueueNamePrefix"), number("MaxResults"), text("NextToken")] }
        }
        "ReceiveMessage" => {
            &const {
                [
                    ATTRIBUTE_NAMES,
                    member(
                        "MessageSystemAttributeNames",
                        "MessageSystemAttributeName",
                        Shape::Texts,
                    ),
                    member("MessageAttributeNames", "MessageAttributeName", Shape::Texts),
                    number("MaxNumberOfMessages"),
                    number("VisibilityTimeout"),
                    number("WaitTimeSeconds"),
                    text("ReceiveRequestAttemptId"),
                ]
            }
        }
        "RemovePermission" => &const { [text("Label")] },
        "SendMessage" => &MESSAGE,
        "SendMessageBatch" => &const { [entries("SendMessageBatchRequestEntry", &MESSAGE)] },
        "SetQueueAttributes" => {
            &const { [member("Attributes", "Attribute", Shape::Map("Name", "Value"))] }
        }
        "StartMessageMoveTask" => {
            &const { [text("SourceArn"), text("DestinationArn"), number("MaxNumberOfMessagesPerSecond")] }
        }
        "TagQueue" => &const { [member("Tags", "Tag", TAGS)] },
        "UntagQueue" => &const { [member("TagKeys", "TagKey", Shape::Texts)] },
        _ => return None,
    })
}

/// A request's body in JSON.
pub(super) fn body(action: &str, form: &Form) -> Result<Value, Refused> {
    let members = members(action).ok_or_else(|| Refused::unknown(action))?;
    let parameters = Parameters::of(form);
    let mut body = object(members, &parameters)?;
    if let Some(url) = QUEUE.read(&parameters)? {
        body.insert(QUEUE.json.to_owned(), url);
    }
    Ok(Value::Object(body))
}

fn object(members: &[Member], parameters: &Parameters<'_>) -> Result<Map<String, Value>, Refused> {
    let mut object = Map::new();
    for member in members {
        if let Some(value) = member.read(parameters)? {
            object.insert(member.json.to_owned(), value);
        }
    }
    Ok(object)
}

impl Member {
    /// The member's value, if it is in the form: a list that has no entry is not there.
    fn read(&self, parameters: &Parameters<'_>) -> Result<Option<Value>, Refused> {
        let text = || parameters.get(self.form).and_then(|found| found.text);
        let list = || {
            let entries = parameters.list(self.form);
            Some(entries).filter(|entries| !entries.is_empty())
        };
        Ok(match self.shape {
            Shape::Text => text().map(Value::from),
            Shape::Number => text().map(|text| self.number(text)).transpose()?,
            Shape::Texts => list().map(|entries| entries.iter().map(|each| each.text).collect()),
            Shape::Map(name, value) => list().map(|entries| pairs(&entries, name, value)),
            Shape::Attributes => list().map(|entries| attributes(&entries)),
            Shape::Entries(members) => list()
                .map(|entries| {
                    let entries = entries.into_iter();
                    entries.map(|entry| object(members, entry).map(Value::Object)).collect()
                })
                .transpose()?,
        })
    }

    fn number(&self, text: &str) -> Result<Value, Refused> {
        text.trim().parse::<i64>().map(Value::from).map_err(|_| Refused {
            code: "InvalidParameterValue",
            message: format!(
                "Value {text} for parameter {} is invalid. Reason: Must be an integer.",
                self.json
            ),
        })
    }
}

/// Texts by names. A value that is missing is empty.
fn pairs(entries: &[&Parameters<'_>], name: &str, value: &str) -> Value {
    let text =
        |entry: &Parameters<'_>, at| entry.get(at).and_then(|found| found.text).map(str::to_owned);
    let pairs = entries.iter().filter_map(|entry| {
        Some((text(entry, name)?, Value::from(text(entry, value).unwrap_or_default())))
    });
    Value::Object(pairs.collect())
}

fn attributes(entries: &[&Parameters<'_>]) -> Value {
    let named = entries.iter().filter_map(|entry| {
        let name = entry.get("Name").and_then(|found| found.text)?;
        let mut attribute = json!({});
        for part in ["DataType", "StringValue", "BinaryValue"] {
            let value = entry.get("Value").and_then(|value| value.get(part));
            if let Some(text) = value.and_then(|found| found.text) {
                attribute[part] = text.into();
            }
        }
        Some((name.to_owned(), attribute))
    });
    Value::Object(named.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(action: &str, pairs: &[(&str, &str)]) -> Result<Value, Refused> {
        let form =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        body(action, &form)
    }

    #[test]
    fn texts_numbers_and_lists_get_their_names_of_today() {
        let asked = [
            ("QueueUrl", "u"),
            ("AttributeName.1", "All"),
            ("MessageAttributeName.2", "b"),
            ("MessageAttributeName.1", "a"),
            ("WaitTimeSeconds", "20"),
            ("Version", "2012-11-05"),
        ];
        assert_eq!(
            of("ReceiveMessage", &asked),
            Ok(
                json!({"QueueUrl": "u", "AttributeNames": ["All"], "MessageAttributeNames": ["a", "b"], "WaitTimeSeconds": 20})
            )
        );
        let asked = [("Label", "l"), ("AWSAccountId.1", "1"), ("ActionName.1", "SendMessage")];
        assert_eq!(
            of("AddPermission", &asked),
            Ok(json!({"Label": "l", "AWSAccountIds": ["1"], "Actions": ["SendMessage"]}))
        );
    }

    #[test]
    fn names_and_values_become_objects() {
        let asked = [
            ("QueueName", "q"),
            ("Attribute.1.Name", "VisibilityTimeout"),
            ("Attribute.1.Value", "40"),
            ("Attribute.2.Name", "KmsMasterKeyId"),
            ("Attribute.2.Value", ""),
            ("Tag.1.Key", "k"),
            ("Tag.1.Value", "v"),
        ];
        assert_eq!(
            of("CreateQueue", &asked),
            Ok(
                json!({"QueueName": "q", "Attributes": {"VisibilityTimeout": "40", "KmsMasterKeyId": ""}, "tags": {"k": "v"}})
            )
        );
    }

    #[test]
    fn a_batch_keeps_its_order_and_each_message_its_attributes() {
        let entry =
            |number: u32, name: &str| format!("SendMessageBatchRequestEntry.{number}.{name}");
        let pairs = [
            (entry(2, "Id"), "b"),
            (entry(2, "MessageBody"), "second"),
            (entry(1, "Id"), "a"),
            (entry(1, "MessageBody"), "first"),
            (entry(1, "DelaySeconds"), "5"),
            (entry(1, "MessageAttribute.1.Name"), "n.m"),
            (entry(1, "MessageAttribute.1.Value.DataType"), "Number"),
            (entry(1, "MessageAttribute.1.Value.StringValue"), "1"),
        ];
        let pairs: Vec<(&str, &str)> =
            pairs.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(
            of("SendMessageBatch", &pairs),
            Ok(json!({"Entries": [
                {"Id": "a", "MessageBody": "first", "DelaySeconds": 5,
                 "MessageAttributes": {"n.m": {"DataType": "Number", "StringValue": "1"}}},
                {"Id": "b", "MessageBody": "second"},
            ]}))
        );
    }

    #[test]
    fn what_is_no_number_and_what_is_no_operation_are_refused() {
        let refused = of("SendMessage", &[("DelaySeconds", "soon")]).unwrap_err();
        assert_eq!(refused.code, "InvalidParameterValue");
        assert!(
            refused.message.starts_with("Value soon for parameter DelaySeconds"),
            "{refused:?}"
        );
        assert_eq!(of("Fly", &[]).unwrap_err().code, "InvalidAction");
    }

    #[test]
    fn every_operation_of_the_json_protocol_has_members() {
        for action in crate::services::sqs_wire::OPERATIONS {
            assert!(members(action).is_some(), "{action}");
        }
    }
}
