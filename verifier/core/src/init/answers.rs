//! What an API answers to a job.

use serde_json::Value;

use super::told::flat;

/// Where the answer to an accepted job has its ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Accepted {
    /// The JSON path to the job's id.
    pub(super) job_id: Option<String>,
    /// The JSON path to the message's id.
    pub(super) message_id: Option<String>,
}

/// From an answer's body, the job's id, and, where the message's is known, that.
pub(super) fn accepted(answer: &str, job_id: &str, message_id: Option<&str>) -> Accepted {
    let Ok(value) = serde_json::from_str::<Value>(answer) else { return Accepted::default() };
    let fields = flat(&value);
    let shortest = |wanted: &dyn Fn(&str, &str) -> bool| {
        let found = fields.iter().filter(|(path, text)| wanted(path, text));
        found.min_by_key(|(path, _)| (!is_named(path), path.len())).map(|(path, _)| path.clone())
    };
    Accepted {
        job_id: shortest(&|_, text| text == job_id),
        message_id: shortest(&|_, text| match message_id {
            Some(id) => text == id,
            None => text != job_id && is_uuid(text),
        }),
    }
}

/// Whether a path's name is that of a message's id.
fn is_named(path: &str) -> bool {
    path.to_ascii_lowercase().replace(['_', '-'], "").contains("messageid")
}

/// Whether a text is written as the ids of SQS's messages are.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>, its example.
fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.chars().all(|c| c.is_ascii_hexdigit()))
}

/// What a hello endpoint's answer has to hold: its texts at the top, whatever they are; `None` where it is no JSON object.
pub(super) fn hello(answer: &str) -> Option<Vec<String>> {
    let value: Value = serde_json::from_str(answer).ok()?;
    let fields = value.as_object()?.iter();
    Some(fields.filter(|(_, value)| value.is_string()).map(|(name, _)| name.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "5fea7756-0ea4-451a-a703-a558b933e274";
    const OTHER: &str = "11111111-0ea4-451a-a703-a558b933e274";

    #[test]
    fn ids_are_found_by_what_they_are_and_then_by_their_name() {
        let answer = format!(r#"{{"trace":"{OTHER}","queued":{{"message_id":"{ID}"}},"job":"j"}}"#);
        let found = |job: &str, message: &str| Accepted {
            job_id: Some(job.to_owned()),
            message_id: Some(message.to_owned()),
        };
        assert_eq!(accepted(&answer, "j", None), found("job", "queued.message_id"));
        assert_eq!(accepted(&answer, "j", Some(OTHER)), found("job", "trace"));
        assert_eq!(accepted("accepted", "j", None), Accepted::default());
        // The API has made a name for the job of its own.
        assert_eq!(accepted(r#"{"id": "7"}"#, "j", None), Accepted::default());
    }

    #[test]
    fn a_hello_holds_its_texts() {
        assert_eq!(hello(r#"{"status":"ok","up":1}"#), Some(vec!["status".to_owned()]));
        assert_eq!(hello("ok"), None);
        assert_eq!(hello("[]"), None);
    }
}
