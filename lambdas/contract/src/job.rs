//! A job as it is submitted and as it travels on the queue.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ApiError, ErrorCode};

/// The longest `task`, in characters.
pub const TASK_MAX_CHARS: usize = 256;

/// The longest `jobId` or `runId`, in characters.
pub const ID_MAX_CHARS: usize = 64;

/// A job: the body of `POST /jobs`, and of the message on the jobs queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// What is to be done; 1 to [`TASK_MAX_CHARS`] characters, not only white space.
    pub task: String,
    /// Whether the worker shall fail this job on every attempt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fail: bool,
    /// Names the job; 1 to [`ID_MAX_CHARS`] characters of `[A-Za-z0-9_-]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// Names the run that the job belongs to; bounds as for `job_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Every other field, carried along unchanged. Only an integer beyond 64 bits is rounded, to an `f64`.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Job {
    /// A job that succeeds.
    pub fn new(task: impl Into<String>) -> Self {
        Self { task: task.into(), fail: false, job_id: None, run_id: None, extra: Map::new() }
    }

    /// Reads a job and says precisely what is wrong with it when it is not one.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let value: Value = serde_json::from_slice(body).map_err(|error| {
            ApiError::new(ErrorCode::InvalidJson, format!("the body is not JSON: {error}"))
        })?;
        let Value::Object(mut fields) = value else {
            let found = type_name(&value);
            return Err(ApiError::new(
                ErrorCode::NotAnObject,
                format!("the body must be a JSON object, found {found}"),
            ));
        };
        let Some(task) = fields.remove("task") else {
            return Err(ApiError::in_field(
                ErrorCode::MissingField,
                "task",
                "the field task is required: a string that says what is to be done",
            ));
        };
        Ok(Self {
            task: task_from(task)?,
            fail: flag_from("fail", fields.remove("fail"))?,
            job_id: id_from("jobId", fields.remove("jobId"))?,
            run_id: id_from("runId", fields.remove("runId"))?,
            extra: fields,
        })
    }
}

fn task_from(value: Value) -> Result<String, ApiError> {
    let invalid = |message: String| ApiError::in_field(ErrorCode::InvalidField, "task", message);
    let Value::String(task) = value else {
        return Err(invalid(format!("task must be a string, found {}", type_name(&value))));
    };
    let chars = task.chars().count();
    if task.trim().is_empty() {
        return Err(invalid("task must not be empty".to_owned()));
    }
    if chars > TASK_MAX_CHARS {
        return Err(invalid(format!(
            "task must have at most {TASK_MAX_CHARS} characters, found {chars}"
        )));
    }
    Ok(task)
}

fn flag_from(field: &str, value: Option<Value>) -> Result<bool, ApiError> {
    match value {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(flag),
        Some(other) => Err(ApiError::in_field(
            ErrorCode::InvalidField,
            field,
            format!("{field} must be true or false, found {}", type_name(&other)),
        )),
    }
}

fn id_from(field: &str, value: Option<Value>) -> Result<Option<String>, ApiError> {
    let invalid = |message: String| ApiError::in_field(ErrorCode::InvalidField, field, message);
    match value {
        None => Ok(None),
        Some(Value::String(id)) => {
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if id.is_empty() || id.len() > ID_MAX_CHARS || !id.chars().all(allowed) {
                return Err(invalid(format!(
                    "{field} must have 1 to {ID_MAX_CHARS} characters of A-Z, a-z, 0-9, _ and -"
                )));
            }
            Ok(Some(id))
        }
        Some(other) => {
            Err(invalid(format!("{field} must be a string, found {}", type_name(&other))))
        }
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(body: &str) -> (ErrorCode, Option<String>) {
        let error = Job::parse(body.as_bytes()).unwrap_err().error;
        (error.code, error.field)
    }

    #[test]
    fn unknown_fields_survive_the_round_trip() {
        let body = r#"{"task":"a","fail":true,"jobId":"j-1","runId":"r_1","priority":3,"nested":{"x":[1]}}"#;
        let job = Job::parse(body.as_bytes()).unwrap();
        assert_eq!(job.extra["priority"], 3);
        let again = serde_json::to_vec(&job).unwrap();
        assert_eq!(Job::parse(&again).unwrap(), job);
        assert_eq!(serde_json::from_slice::<Job>(&again).unwrap(), job);
    }

    #[test]
    fn numbers_survive_the_round_trip() {
        for number in ["9.754736616460382e85", "0.1", "-1.5", "18446744073709551615"] {
            let job = Job::parse(format!(r#"{{"task":"a","n":{number}}}"#).as_bytes()).unwrap();
            let expected: f64 = number.parse().unwrap();
            assert_eq!(job.extra["n"].as_f64(), Some(expected));
            let again = Job::parse(&serde_json::to_vec(&job).unwrap()).unwrap();
            assert_eq!(again, job);
        }
    }

    #[test]
    fn each_defect_is_named() {
        use ErrorCode::{InvalidField, InvalidJson, MissingField, NotAnObject};
        let field = |name: &str| Some(name.to_owned());
        let long_task = format!(r#"{{"task":"{}"}}"#, "x".repeat(TASK_MAX_CHARS + 1));
        let long_id = format!(r#"{{"task":"a","jobId":"{}"}}"#, "x".repeat(ID_MAX_CHARS + 1));
        for (body, expected) in [
            ("", (InvalidJson, None)),
            ("{", (InvalidJson, None)),
            ("[]", (NotAnObject, None)),
            ("null", (NotAnObject, None)),
            ("\"task\"", (NotAnObject, None)),
            ("{}", (MissingField, field("task"))),
            (r#"{"task":1}"#, (InvalidField, field("task"))),
            (r#"{"task":null}"#, (InvalidField, field("task"))),
            (r#"{"task":""}"#, (InvalidField, field("task"))),
            (r#"{"task":"  "}"#, (InvalidField, field("task"))),
            (long_task.as_str(), (InvalidField, field("task"))),
            (r#"{"task":"a","fail":"yes"}"#, (InvalidField, field("fail"))),
            (r#"{"task":"a","fail":null}"#, (InvalidField, field("fail"))),
            (r#"{"task":"a","jobId":7}"#, (InvalidField, field("jobId"))),
            (r#"{"task":"a","jobId":""}"#, (InvalidField, field("jobId"))),
            (r#"{"task":"a","jobId":"a b"}"#, (InvalidField, field("jobId"))),
            (long_id.as_str(), (InvalidField, field("jobId"))),
            (r#"{"task":"a","runId":"a/b"}"#, (InvalidField, field("runId"))),
        ] {
            assert_eq!(rejected(body), expected, "{body}");
        }
    }

    #[test]
    fn the_longest_task_is_accepted_whatever_its_bytes() {
        let task = "ü".repeat(TASK_MAX_CHARS);
        let job = Job::parse(format!(r#"{{"task":"{task}"}}"#).as_bytes()).unwrap();
        assert_eq!(job.task, task);
        assert!(!job.fail);
    }
}
