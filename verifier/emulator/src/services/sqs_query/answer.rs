//! Answers: from JSON to XML, whose lists are flat and whose maps are lists of names and values.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Operations that answer with nothing but their success.
const WITHOUT_RESULT: [&str; 9] = [
    "AddPermission",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "DeleteQueue",
    "PurgeQueue",
    "RemovePermission",
    "SetQueueAttributes",
    "TagQueue",
    "UntagQueue",
];

/// The elements of an operation's result, without the envelope; nothing for those that have none.
pub(super) fn result(action: &str, body: &Value) -> Option<String> {
    if WITHOUT_RESULT.contains(&action) {
        return None;
    }
    let mut xml = String::new();
    write_members(&mut xml, action, body.as_object()?);
    Some(xml)
}

fn write_members(xml: &mut String, action: &str, members: &Map<String, Value>) {
    for (name, value) in members {
        match name.as_str() {
            "QueueUrls" | "queueUrls" => write_list(xml, action, "QueueUrl", value),
            "Messages" => write_list(xml, action, "Message", value),
            "Successful" | "Results" => {
                write_list(xml, action, &format!("{action}ResultEntry"), value);
            }
            "Failed" => write_list(xml, action, "BatchResultErrorEntry", value),
            "Attributes" => write_map(xml, action, ("Attribute", "Name"), value),
            "MessageAttributes" => write_map(xml, action, ("MessageAttribute", "Name"), value),
            "Tags" => write_map(xml, action, ("Tag", "Key"), value),
            name => write_element(xml, action, name, value),
        }
    }
}

fn write_list(xml: &mut String, action: &str, element: &str, list: &Value) {
    for entry in list.as_array().into_iter().flatten() {
        write_element(xml, action, element, entry);
    }
}

fn write_map(xml: &mut String, action: &str, (element, key): (&str, &str), map: &Value) {
    for (name, value) in map.as_object().into_iter().flatten() {
        open(xml, element);
        write_element(xml, action, key, &Value::from(name.as_str()));
        write_element(xml, action, "Value", value);
        close(xml, element);
    }
}

fn write_element(xml: &mut String, action: &str, name: &str, value: &Value) {
    open(xml, name);
    match value {
        Value::Object(members) => write_members(xml, action, members),
        Value::String(text) => escape(xml, text),
        Value::Null => {}
        other => escape(xml, &other.to_string()),
    }
    close(xml, name);
}

// Writing to a String cannot fail.
fn open(xml: &mut String, name: &str) {
    let _ = write!(xml, "<{name}>");
}

fn close(xml: &mut String, name: &str) {
    let _ = write!(xml, "</{name}>");
}

/// Text as it is read again: a carriage return that is not escaped would be read as a line feed.
///
/// Source: <https://www.w3.org/TR/xml/#sec-line-ends>.
fn escape(xml: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\r' => xml.push_str("&#xD;"),
            other => xml.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_have_flat_lists_of_attributes() {
        let body = json!({"Messages": [{"MessageId": "m", "Body": "<b>\r\n\"&",
            "Attributes": {"SenderId": "s"},
            "MessageAttributes": {"n": {"DataType": "String", "StringValue": "v"}}}]});
        assert_eq!(
            result("ReceiveMessage", &body).unwrap(),
            "<Message><Attribute><Name>SenderId</Name><Value>s</Value></Attribute>\
             <Body>&lt;b&gt;&#xD;\n&quot;&amp;</Body>\
             <MessageAttribute><Name>n</Name><Value><DataType>String</DataType>\
             <StringValue>v</StringValue></Value></MessageAttribute>\
             <MessageId>m</MessageId></Message>"
        );
        assert_eq!(result("ReceiveMessage", &json!({})).unwrap(), "");
    }

    #[test]
    fn a_batch_says_what_succeeded_and_what_failed() {
        let body = json!({"Successful": [{"Id": "a"}],
            "Failed": [{"Id": "b", "SenderFault": true, "Code": "c"}]});
        assert_eq!(
            result("DeleteMessageBatch", &body).unwrap(),
            "<BatchResultErrorEntry><Code>c</Code><Id>b</Id><SenderFault>true</SenderFault></BatchResultErrorEntry>\
             <DeleteMessageBatchResultEntry><Id>a</Id></DeleteMessageBatchResultEntry>"
        );
    }

    #[test]
    fn lists_of_queues_tags_and_tasks_have_their_own_names() {
        let both = |body: Value, action: &str| result(action, &body).unwrap();
        let urls = "<QueueUrl>u</QueueUrl><QueueUrl>v</QueueUrl>";
        assert_eq!(both(json!({"QueueUrls": ["u", "v"]}), "ListQueues"), urls);
        assert_eq!(both(json!({"queueUrls": ["u", "v"]}), "ListDeadLetterSourceQueues"), urls);
        assert_eq!(
            both(json!({"Tags": {"k": "v"}}), "ListQueueTags"),
            "<Tag><Key>k</Key><Value>v</Value></Tag>"
        );
        assert_eq!(
            both(json!({"Results": [{"Status": "RUNNING"}]}), "ListMessageMoveTasks"),
            "<ListMessageMoveTasksResultEntry><Status>RUNNING</Status></ListMessageMoveTasksResultEntry>"
        );
    }

    #[test]
    fn what_only_succeeds_has_no_result() {
        assert_eq!(result("DeleteMessage", &json!({})), None);
        assert!(result("SendMessage", &json!({"MessageId": "m"})).is_some());
    }
}
