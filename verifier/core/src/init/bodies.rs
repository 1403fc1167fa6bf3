//! Bodies of jobs, in which the run's ids have to stand.

use serde_json::Value;

/// The placeholder without which a job is not found again.
const JOB_ID: &str = "{job_id}";

/// A body with the placeholder for the job's id, and where that stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Body {
    /// The body.
    pub(super) text: String,
    /// The JSON path to the job's id; `None` where the body is no JSON.
    pub(super) job_id: Option<String>,
    /// The field that was taken for the id, where the body had no placeholder.
    pub(super) taken: Option<String>,
}

/// The body that a user has given: with the placeholder, or an example, of which the field is taken that is likeliest the id.
///
/// An error says what is missing.
pub(super) fn body_of(given: &str) -> Result<Body, String> {
    let value: Option<Value> = serde_json::from_str(given).ok();
    if given.contains(JOB_ID) {
        let job_id = value.as_ref().and_then(path_of_placeholder);
        return Ok(Body { text: given.to_owned(), job_id, taken: None });
    }
    let fields = value.as_ref().and_then(Value::as_object);
    let texts =
        fields.into_iter().flatten().filter_map(|(name, value)| Some((name, value.as_str()?)));
    let best = texts.filter_map(|(name, text)| Some((rank(name)?, name, text))).min();
    let Some((_, name, text)) = best else {
        return Err(format!(
            "the body {given} has no {{job_id}}, and no field of text that looks like an id; put {{job_id}} where the worker logs or keeps it"
        ));
    };
    let replaced = with_placeholder(given, name, text).ok_or_else(|| {
        format!("the body {given} has no {{job_id}}; put it in the place of the value of {name}")
    })?;
    Ok(Body { text: replaced, job_id: Some(name.clone()), taken: Some(name.clone()) })
}

/// How likely a field's name is that of the job's id; the smaller, the likelier.
fn rank(name: &str) -> Option<usize> {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    match plain.as_str() {
        "jobid" => Some(0),
        "id" => Some(1),
        other if other.ends_with("id") => Some(2),
        "ref" | "reference" | "key" | "uuid" => Some(3),
        _ => None,
    }
}

/// The text with a field's value replaced. What stands around it stays as it is.
fn with_placeholder(given: &str, name: &str, value: &str) -> Option<String> {
    let quoted = serde_json::to_string(name).ok()?;
    let value = serde_json::to_string(value).ok()?;
    given.match_indices(&quoted).find_map(|(at, _)| {
        let behind = &given[at + quoted.len()..];
        let rest = behind.trim_start().strip_prefix(':')?.trim_start();
        let after = rest.strip_prefix(&value)?;
        Some(format!("{}\"{JOB_ID}\"{after}", &given[..given.len() - rest.len()]))
    })
}

/// The path to the first value that is the placeholder.
fn path_of_placeholder(value: &Value) -> Option<String> {
    super::told::flat(value).into_iter().find(|(_, text)| text == JOB_ID).map(|(path, _)| path)
}

/// The JSON path to a job's id in the queue's message, and whether that message is the body that was submitted.
///
/// `None` where the message does not hold the id as a value.
pub(super) fn message_of(submitted: &str, message: &str, job_id: &str) -> Option<(String, bool)> {
    let value: Value = serde_json::from_str(message).ok()?;
    let is_body = serde_json::from_str::<Value>(submitted).is_ok_and(|body| body == value);
    let paths = super::told::flat(&value);
    let (path, _) =
        paths.iter().filter(|(_, text)| *text == job_id).min_by_key(|(path, _)| path.len())?;
    Some((path.clone(), is_body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(given: &str) -> (String, Option<String>) {
        let body = body_of(given).expect("a body");
        (body.text, body.job_id)
    }

    #[test]
    fn a_body_keeps_its_placeholder() {
        let given = r#"{"detail": {"ref": "{job_id}"}, "n": 1}"#;
        assert_eq!(taken(given), (given.to_owned(), Some("detail.ref".to_owned())));
        assert_eq!(taken("print {job_id}"), ("print {job_id}".to_owned(), None));
    }

    #[test]
    fn of_an_example_the_likeliest_id_is_taken() {
        assert_eq!(
            taken(r#"{"userId": "u1", "order_id" : "7", "jobId":"x" , "n": 1.0}"#),
            (
                r#"{"userId": "u1", "order_id" : "7", "jobId":"{job_id}" , "n": 1.0}"#.to_owned(),
                Some("jobId".to_owned())
            )
        );
        // The name stands in a value first.
        assert_eq!(taken(r#"{"a": "id", "id": "id"}"#).0, r#"{"a": "id", "id": "{job_id}"}"#);
        for none in [r#"{"n": 1}"#, r#"{"id": 7}"#, "[]", "text", ""] {
            assert!(body_of(none).is_err(), "{none}");
        }
    }

    #[test]
    fn a_message_is_the_body_or_holds_it() {
        let body = r#"{"ref": "j", "n": 1}"#;
        assert_eq!(message_of(body, r#"{"n":1,"ref":"j"}"#, "j"), Some(("ref".to_owned(), true)));
        assert_eq!(
            message_of(body, r#"{"at": 1, "ticket": {"ref": "j"}}"#, "j"),
            Some(("ticket.ref".to_owned(), false))
        );
        assert_eq!(message_of(body, "j", "j"), None);
        assert_eq!(message_of(body, r#"{"ref": "other"}"#, "j"), None);
    }
}
